"""worker: a one-time code that makes whoever types it into the chat a worker (or binds them to a home)."""

import argparse
import sys
from typing import Any

from bot.commands import ready_desk
from bot.conversation.desk import Desk
from bot.settings import Settings
from bot.understanding.place import home_in
from models.code import LIFETIME, issue_code
from models.household import find_household
from models.resident import Role
from models.store import transaction

ROLES = {role.name.lower(): role for role in Role if role >= Role.VOLUNTEER}


def describe(commands: Any) -> None:
    parser = commands.add_parser("worker", help="print a one-time code for a worker or a home", description=__doc__)
    parser.add_argument("community", help="its slug, such as hongmei")
    parser.add_argument("--role", choices=list(ROLES), default="worker")
    parser.add_argument("--home", metavar="3-2-502", help="a code for this home instead of a role")
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
    with transaction(desk.engine, community.id) as db:
        if asked.home:
            home = home_in(asked.home)
            if not home.building or not home.room:
                print("a home is written like 3-2-502", file=sys.stderr)
                return 1
            code = issue_code(db, None, household=find_household(db, home.building, home.unit, home.room))
        else:
            code = issue_code(db, None, ROLES[asked.role])
    print(f"{code}  (say it in the chat of {settings.address}/c/{community.slug}; good for {LIFETIME.days} days, once)")
    return 0
