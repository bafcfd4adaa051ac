"""What doctor says alike of every channel."""

from collections.abc import Collection, Iterator
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, func, select

from bot.seal import is_private
from models.outbox import Post, Push
from models.store import reading

Line = tuple[bool, str]  # whether it is as it should be, and what to say


def kept(file: Path) -> Line:
    """Whether a file with secrets in it is kept from others."""
    if is_private(file):
        return True, f"{file} is kept from others"
    return False, f"{file} may be read by anybody on this machine: chmod 600 {file}"


def lanes(engine: Engine, channel: str, name: str, why: str, served: Collection[str]) -> Iterator[Line]:
    """What is owed on a channel, called `name`, in communities that are not served there, and why."""
    waiting = select(Push.lane, func.count()).where(Push.state == Post.WAITING).group_by(col(Push.lane))
    counts: dict[str, int] = {}
    with reading(engine, None) as db:
        for lane, count in db.exec(waiting):
            ours, _, account = lane.partition(":")
            slug = account.partition(":")[0]  # what waits for a word has a lane of its own
            if ours == channel and slug not in served:
                counts[slug] = counts.get(slug, 0) + count
    for slug, count in sorted(counts.items()):
        yield False, f"{count} messages wait for {name} in {slug}, {why}"
