"""chat: hold the conversation in a terminal; numbers take choices, an empty line ends it."""

import argparse
import getpass
import sys
import time
from typing import Any

from bot.commands import ready_desk
from bot.conversation.desk import Desk
from bot.conversation.group import answer
from bot.conversation.message import Address, Message, Reply
from bot.settings import Settings


def describe(commands: Any) -> None:
    parser = commands.add_parser("chat", help="talk in the terminal", description=__doc__)
    parser.add_argument("community", help="its slug, such as hongmei")
    parser.add_argument("--as", dest="user", default="", help="who is talking; you, if left out")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    with ready_desk(settings) as desk:
        return _talk(desk, asked)


def _talk(desk: Desk, asked: argparse.Namespace) -> int:
    community = desk.communities.get(asked.community)
    if community is None:
        print(f"no community {asked.community}", file=sys.stderr)
        return 1
    address = Address("terminal", community.slug, asked.user or _login())
    while line := _line():
        outcome = answer(desk, community.id, [Message(str(time.time_ns()), address, line)])[0]
        if isinstance(outcome, Exception):
            print(f"the store cannot be reached: {outcome}", file=sys.stderr)
            return 1
        for reply in outcome:
            print(shown(reply))
    return 0


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "somebody"


def _line() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def shown(reply: Reply) -> str:
    lines = [reply.text, *(f"  {n}. {choice.label}" for n, choice in enumerate(reply.choices, 1))]
    return "\n".join(lines)
