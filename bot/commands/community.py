"""community: add a content pack, update one, or only check it."""

import argparse
from pathlib import Path
from typing import Any

from bot.commands import ready_desk
from bot.content.load import load_pack, read_pack
from bot.settings import Settings


def describe(commands: Any) -> None:
    parser = commands.add_parser("community", help="add, update or check content packs", description=__doc__)
    parser.add_argument("action", choices=["add", "update", "check"])
    parser.add_argument("file", type=Path, nargs="+", help="a TOML file as in communities/")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    packs = [read_pack(path) for path in asked.file]
    if asked.action == "check":
        for pack in packs:
            print(f"{pack.community.slug}: good, {len(pack.answers)} answers, {len(pack.places)} places")
        return 0
    with ready_desk(settings) as desk:
        for pack in packs:
            slug = pack.community.slug
            known = desk.communities.get(slug) is not None
            if known == (asked.action == "add"):
                print(f"{slug} is {'already there: use update' if known else 'not there yet: use add'}")
                return 1
            load_pack(desk.engine, pack, desk.now())
            print(f"{slug}: {'updated' if known else 'added'}")
    return 0
