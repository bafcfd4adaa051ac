"""Replies a channel tells by itself: kept with what was heard until every one has left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, bindparam, false, func, or_, select, update
from sqlmodel import Session

from models.dialogue import Heard
from models.store import moment, table_of

LEASE = timedelta(minutes=1)  # as long as whoever committed the turn has for telling it, before another takes it up
_heard = table_of(Heard)
_due = (
    select(_heard.c.key, _heard.c.community_id, _heard.c.resident_id, _heard.c.replies, _heard.c.told)
    .where(_heard.c.owed_at <= bindparam("now"))
    .order_by(_heard.c.at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_lease = update(_heard).where(_heard.c.key.in_(bindparam("keys", expanding=True))).values(owed_at=bindparam("until"))
_told = (
    update(_heard).where(_heard.c.key == bindparam("which")).values(owed_at=bindparam("again"), told=bindparam("count"))
)
_keep = (
    update(_heard)
    .where(_heard.c.key == bindparam("which"), _heard.c.owed_at > bindparam("now"))
    .where(_heard.c.owed_at <= bindparam("held"))
    .values(owed_at=bindparam("until"))
)
_next = select(func.min(_heard.c.owed_at)).where(_heard.c.owed_at.is_not(None))


@dataclass(frozen=True, slots=True)
class Owed:
    """Replies to one message, of which as much has left as `told` counts, in the channel's own measure."""

    key: str  # <channel>:<account>:<user>:<message id>
    community_id: int
    resident_id: int
    replies: list[Any]
    told: int
    until: datetime  # after this, UTC, they are another's to tell


@dataclass(frozen=True, slots=True)
class Told:
    """How far the telling got; `again` is when to go on, None where nothing is left to tell."""

    key: str
    count: int
    again: datetime | None = None
    lost: bool = False  # there is nobody at the address


def take_owed(db: Session, lanes: Sequence[str], most: int) -> list[Owed]:
    """Replies whose time has come, of lanes such as "telegram:hongmei", for as long as a LEASE; oldest first."""
    rows = db.connection().execute(_due.where(_of(lanes)), {"now": moment(db), "most": most}).all()
    until = moment(db) + LEASE
    if rows:
        db.connection().execute(_lease, {"keys": [row.key for row in rows], "until": until})
    return [Owed(**row._mapping, until=until) for row in rows]


def keep_owed(db: Session, owed: Owed) -> bool:
    """Hold replies for a LEASE from now; False where they have been told, or are another's to tell by now."""
    held = {"which": owed.key, "now": moment(db), "held": owed.until, "until": moment(db) + LEASE}
    result = db.connection().execute(_keep, held)
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


def write_told(db: Session, told: Sequence[Told]) -> None:
    """Write down how far each telling got."""
    db.connection().execute(_told, [{"which": t.key, "count": t.count, "again": t.again} for t in told])


def next_owed(db: Session, lanes: Sequence[str]) -> datetime | None:
    """When the next reply of these lanes is to be told, if one is left."""
    earliest: datetime | None = db.connection().execute(_next.where(_of(lanes))).scalar_one()
    return earliest


def _of(lanes: Sequence[str]) -> ColumnElement[bool]:
    return or_(false(), *(_heard.c.key.startswith(f"{lane}:", autoescape=True) for lane in lanes))
