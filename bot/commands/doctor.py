"""doctor: what is configured, what is missing, and whether the store can be reached."""

import argparse
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.commands import NO_STORE, NOT_CURRENT, is_there, no_answer
from bot.commands.checks import Line, kept
from bot.commands.telegram_checks import telegram_checks
from bot.commands.wechat_checks import wechat_checks
from bot.content.snapshot import Communities
from bot.settings import Settings
from models.quiet import CIVIL
from models.resident import workers
from models.shape import is_current
from models.store import connect, reading
from models.workdays import is_known

AHEAD = 60  # days for which the calendar should be known


def describe(commands: Any) -> None:
    commands.add_parser("doctor", help="check the set-up", description=__doc__).set_defaults(run=run)


def run(_: argparse.Namespace, settings: Settings) -> int:
    healthy, engine = True, connect(settings.database_url)
    try:
        for good, line in chain(_store(engine), _calendar(), _surroundings(settings), _channels(engine, settings)):
            print(f"{'ok     ' if good else 'missing'}  {line}", flush=True)
            healthy &= good
    finally:
        engine.dispose()
    return 0 if healthy else 1


def _store(engine: Engine) -> Iterator[Line]:
    if not is_there(engine):
        yield False, NO_STORE
        return
    try:
        with engine.connect():
            yield True, f"the store answers: {engine.url.render_as_string(hide_password=True)}"
        if not is_current(engine):
            yield False, NOT_CURRENT
            return
        communities = Communities(engine).all()
    except SQLAlchemyError as failure:
        yield False, no_answer(engine, failure)
        return
    yield bool(communities), f"{len(communities)} communities (`python -m bot community add communities/*.toml`)"
    for community in communities:
        with reading(engine, community.id) as db:
            count = len(workers(db))
        if not count:
            yield True, f"{community.slug} has no worker yet (`python -m bot worker {community.slug}`)"


def _calendar() -> Iterator[Line]:
    """Of no harm by itself: deadlines are counted without that year's 调休."""
    today = datetime.now(CIVIL).date()
    strange = sorted({d.year for d in (today + timedelta(days=n) for n in range(AHEAD)) if not is_known(d)})
    for year in strange:
        yield (
            True,
            f"the working days of {year} are not known yet, its weekends are taken as free: "
            "update chinesecalendar, or enter the special days",
        )


def _surroundings(settings: Settings) -> Iterator[Line]:
    folder = settings.media_dir
    nearest = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    yield nearest.is_dir() and os.access(nearest, os.W_OK), f"photos can be kept in {folder}"
    yield True, f"residents reach it at {settings.address}"
    if settings.secret_key_file.exists():
        yield kept(settings.secret_key_file)


def _channels(engine: Engine, settings: Settings) -> Iterator[Line]:
    try:
        if is_there(engine) and is_current(engine):
            yield from telegram_checks(engine, settings)
            yield from wechat_checks(engine, settings)
    except SQLAlchemyError:
        return  # said already
    if settings.transcriber_url:
        yield True, f"voice messages are put into words by {settings.transcriber_url}"
    if settings.interpreter_url:
        named = settings.interpreter_model
        yield (
            bool(named),
            f"a second opinion comes from {settings.interpreter_url}: {named or 'say which, LINLIFANG_INTERPRETER_MODEL'}",
        )
