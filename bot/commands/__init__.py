"""One module a command: `describe` adds it to the command line, `run` does it and returns the exit status."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command that needs no store does not wait for what opens one
    from sqlalchemy import Engine

    from bot.conversation.desk import Desk
    from bot.settings import Settings

ALL = "all"
SEVERAL = f"hongmei, or hongmei,baoshi, or {ALL}"
NO_STORE = "no store yet: run `python -m bot migrate`"
NOT_CURRENT = "the store is not up to date: run `python -m bot migrate`"


class Slip(ValueError):
    """What was asked cannot be done so; the message says why."""


def carry_out(asked: argparse.Namespace, settings: "Settings") -> int:
    """Do what was asked of bots or accounts: `asked.act` has the desk; a slip is told in a line."""
    from bot.channels.telegram.bots import BadBots
    from bot.channels.telegram.tokens import BadToken
    from bot.channels.wechat.given import BadAccounts
    from bot.seal import BadKey
    from models.serving import AlreadyServed

    with ready_desk(settings) as desk:
        try:
            status: int = asked.act(asked, settings, desk)
            return status
        except (Slip, BadBots, BadToken, BadAccounts, BadKey, AlreadyServed) as problem:
            print(problem, file=sys.stderr)
            return 1


def wanted(communities: str, desk: "Desk") -> list[str]:
    """The slugs in "hongmei", "hongmei,baoshi" or ALL; raises Slip for one that is not there."""
    known = [c.slug for c in desk.communities.all()]
    slugs = known if communities == ALL else communities.split(",")
    if unknown := [slug for slug in slugs if slug not in known]:
        there = ", ".join(known) or "none yet: see `community add`"
        raise Slip(f"no community {', '.join(unknown)}; there are: {there}")
    return slugs


def bring_up_to_date(engine: "Engine", revision: str = "head") -> None:
    """Give the store the shape this program needs, unless it has it; raises LookupError for no such revision."""
    from models.shape import is_current

    if revision == "head" and is_current(engine):
        return
    from models.migrate import migrate  # here: Alembic takes a while to load, and is seldom needed

    migrate(engine, revision)


@contextmanager
def ready_desk(settings: "Settings") -> Iterator["Desk"]:
    """The desk on a store that is up to date; otherwise the program ends and says what to do."""
    from sqlalchemy.exc import SQLAlchemyError

    from bot.app import open_desk
    from models.shape import is_current
    from models.store import connect

    engine = connect(settings.database_url)
    if not is_there(engine):
        sys.exit(NO_STORE)
    try:
        if not is_current(engine):
            sys.exit(NOT_CURRENT)
    except SQLAlchemyError as failure:
        sys.exit(no_answer(engine, failure))
    finally:
        engine.dispose()
    desk = open_desk(settings)
    try:
        yield desk
    finally:
        desk.engine.dispose()


def no_answer(engine: "Engine", failure: Exception) -> str:
    """What to say of a store that cannot be reached, without its password."""
    return f"the store does not answer: {engine.url.render_as_string(hide_password=True)}: {first_line(failure)}"


def is_there(engine: "Engine") -> bool:
    """Whether there is anything to open; a database server is asked by connecting."""
    return engine.dialect.name != "sqlite" or Path(engine.url.database or "").exists()


def first_line(failure: Exception) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0]


def make_room(engine: "Engine") -> None:
    """Make the folder an SQLite store lies in."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
