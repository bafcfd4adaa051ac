"""worker: a one-time code that makes whoever types it into the chat a worker (or binds them to a home).

With --name somebody is entered who needs no chat: they log in to the console with a password.
"""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from bot.commands import ready_desk
from bot.conversation.desk import Desk
from bot.settings import Settings
from bot.understanding.place import home_in
from models.audit import Actor, act_as
from models.code import LIFETIME, issue_code
from models.household import find_household
from models.ids import new_id
from models.password import WeakPassword, set_password
from models.resident import Resident, Role
from models.store import transaction

BY_HAND = Actor(channel="command line")
ROLES = {role.name.lower(): role for role in Role if role >= Role.VOLUNTEER}


def describe(commands: Any) -> None:
    parser = commands.add_parser("worker", help="print a one-time code for a worker or a home", description=__doc__)
    parser.add_argument("community", help="its slug, such as hongmei")
    parser.add_argument("--role", choices=list(ROLES), default="worker")
    parser.add_argument("--home", metavar="3-2-502", help="a code for this home instead of a role")
    parser.add_argument("--name", help="enter a worker of this name, who logs in to the console with a password")
    parser.add_argument("--phone", help="their telephone number", default="")
    parser.add_argument("--password-file", type=Path, help="where the password stands; otherwise it is asked for")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    with ready_desk(settings) as desk:
        return _give(asked, settings, desk)


def _give(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    community = desk.communities.get(asked.community)
    if community is None:
        known = ", ".join(c.slug for c in desk.communities.all()) or "none yet: see `community add`"
        print(f"no community {asked.community}; there are: {known}", file=sys.stderr)
        return 1
    if asked.name:
        return _enter(asked, settings, desk, community.id)
    with transaction(desk.engine, community.id) as db:
        act_as(db, BY_HAND)
        if asked.home:
            home = home_in(asked.home)
            if not home.building or not home.room:
                print("a home is written like 3-2-502", file=sys.stderr)
                return 1
            code = issue_code(db, None, household=find_household(db, home.building, home.unit, home.room))
        else:
            code = issue_code(db, None, ROLES[asked.role])
    where = f"{settings.address}/c/{community.slug}, or wherever else {community.slug} is on: Telegram, WeChat, WeCom"
    print(f"{code}  (say it in the chat of {where}; good for {LIFETIME.days} days, once)")
    return 0


def _enter(asked: argparse.Namespace, settings: Settings, desk: Desk, community_id: int) -> int:
    """Enter a worker with a password; what is wrong with it is told in a line."""
    try:
        password = _password(asked.password_file)
        with transaction(desk.engine, community_id) as db:
            act_as(db, BY_HAND)
            phone = asked.phone or None
            who = Resident(origin=f"office:{new_id()}", name=asked.name, phone=phone, role=ROLES[asked.role])
            db.add(who)
            db.flush()
            set_password(db, who, password)
    except (OSError, WeakPassword, PermissionError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{asked.name} may log in at {settings.address}/console/login/password")
    return 0


def _password(file: Path | None) -> str:
    """The first line of a file or of what is piped in, or asked for; never an argument, which others could see."""
    if file is not None:
        return file.read_text("utf-8").partition("\n")[0]
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("password: ")
