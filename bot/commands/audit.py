"""audit: whether what was done still stands in the store as it was written down."""

import argparse
import sys
from typing import Any

from sqlalchemy import Engine

from bot.commands import ready_desk
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.audit_check import Chain, check_audit, digest_at
from models.store import reading

SHOWN = 20  # findings of one community
KEPT = """Each line ends with the last entry as SLUG:NUMBER:DIGEST. Kept somewhere else and given back with --known, it shows
that nothing up to there was written anew, which the store alone cannot."""


def describe(commands: Any) -> None:
    parser = commands.add_parser("audit", help="look whether the audit was tampered with", description=__doc__)
    acts = parser.add_subparsers(metavar="act", required=True)
    verify = acts.add_parser("verify", help="find entries changed, deleted, added or moved", description=KEPT)
    verify.add_argument("--known", action="append", default=[], metavar="SLUG:NUMBER:DIGEST", help="one kept before")
    verify.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    with ready_desk(settings) as desk:
        found = [_verified(desk, community) for community in desk.communities.all()]
        return 0 if all([*found, *(_as_known(desk, line) for line in asked.known)]) else 1


def _verified(desk: Desk, community: Community) -> bool:
    with reading(_one_moment(desk.engine), community.id) as db:
        chain = check_audit(db, community.id)
    for finding in chain.findings[:SHOWN]:
        print(f"{community.slug}: entry {finding.seq}: {finding.what}", file=sys.stderr)
    verdict = f"{len(chain.findings)} faults" if chain.findings else "sound"
    print(f"{community.slug}: {verdict}, {_end(community, chain)}")
    return not chain.findings


def _end(community: Community, chain: Chain) -> str:
    return f"{community.slug}:{chain.seq}:{chain.digest}" if chain.seq else "no entries yet"


def _as_known(desk: Desk, line: str) -> bool:
    """Whether an entry kept elsewhere is still the same here."""
    slug, _, rest = line.partition(":")
    number, _, digest = rest.partition(":")
    community = desk.communities.get(slug)
    if community is None or not number.isdecimal():
        print(f"not an entry: {line}", file=sys.stderr)
        return False
    with reading(desk.engine, community.id) as db:
        same = digest_at(db, community.id, int(number)) == digest
    if not same:
        print(f"{slug}: entry {number}: not as it was kept", file=sys.stderr)
    return same


def _one_moment(engine: Engine) -> Engine:
    """SQLite shows a reader one moment of the store by itself."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
