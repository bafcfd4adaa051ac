"""serve: the web chat and the scheduler, until stopped."""

import argparse
import errno
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from bot.app import application, open_desk
from bot.commands import NOT_CURRENT, bring_up_to_date, make_room, no_answer
from bot.content.load import load_pack, read_pack
from bot.settings import Settings
from models.login import issue_login_link
from models.resident import Resident, Role
from models.shape import is_current
from models.store import connect, transaction

DEMO = "office:demo"
PACKS = Path(__file__).parent.parent.parent / "communities"


def describe(commands: Any) -> None:
    parser = commands.add_parser("serve", help="serve the web chat and run the scheduler", description=__doc__)
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--without", choices=["clock"], help="leave the scheduler to another process")
    parts.add_argument("--only", choices=["clock"], help="run only the scheduler (and /health)")
    parser.add_argument("--demo", action="store_true", help="load the content packs that come with the program")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    if problem := _port_taken(settings):
        print(problem, file=sys.stderr)
        return 1
    if not _prepare(settings):
        return 1
    if asked.demo:
        load_demo(settings)
    app = application(settings, clock=asked.without != "clock", chat=asked.only != "clock")
    print(f"邻里坊 {settings.address}", flush=True)
    if asked.demo:
        print(f"工作台 {settings.address}/console/enter/{demo_link(settings)}", flush=True)
    web.run_app(app, host=settings.host, port=settings.port, print=None, access_log=None)
    return 0


def _port_taken(settings: Settings) -> str | None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                free = settings.port + 1 if settings.port < 65535 else 8080
                other = f"LINLIFANG_PORT={free} make run"
                return f"port {settings.port} is taken by another program; choose another: {other}"
            return f"cannot listen on {settings.host}:{settings.port}: {failure.strerror}"
    return None


def _prepare(settings: Settings) -> bool:
    """Bring an SQLite store up to date; for PostgreSQL that is a decision of the operator's."""
    engine = connect(settings.database_url)
    try:
        if engine.dialect.name == "sqlite":
            make_room(engine)
            bring_up_to_date(engine)
        elif not is_current(engine):
            print(NOT_CURRENT, file=sys.stderr)
            return False
    except (SQLAlchemyError, OSError) as failure:
        print(no_answer(engine, failure), file=sys.stderr)
        return False
    finally:
        engine.dispose()
    return True


def demo_link(settings: Settings) -> str:
    """The end of a link that lets whoever runs the demonstration into the console, once, as a worker made for it."""
    desk = open_desk(settings)
    community = desk.communities.all()[0]
    with transaction(desk.engine, community.id) as db:
        known = db.exec(select(Resident).where(Resident.origin == DEMO)).first()
        who = known or Resident(origin=DEMO, name="演示社工", role=Role.MANAGER)
        db.add(who)
        db.flush()
        token = issue_login_link(db, who, timedelta(hours=12))
    desk.engine.dispose()
    return token


def load_demo(settings: Settings) -> None:
    """Every pack that comes with the program, dated from today."""
    desk = open_desk(settings)
    for path in sorted(PACKS.glob("*.toml")):
        load_pack(desk.engine, read_pack(path), desk.now())
    desk.engine.dispose()
