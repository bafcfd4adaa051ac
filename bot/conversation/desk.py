"""What every turn needs: the store, the communities, the clock, and somebody to wake when something is owed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from bot.content.snapshot import Communities


def _now() -> datetime:
    return datetime.now(UTC)


def _nobody(_: datetime) -> None:
    """Nothing sends from this process."""


@dataclass
class Desk:
    engine: Engine
    communities: Communities
    now: Callable[[], datetime] = field(default=_now)
    wake: Callable[[datetime], None] = field(default=_nobody)  # called with the time (UTC) the earliest push is due
    media: Path = Path("var/media")  # where photos are kept
