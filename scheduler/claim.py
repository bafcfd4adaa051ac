"""Which pushes leave now: taken with a lease, so that several processes never take the same one."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Engine, Select, bindparam, func, select, text, update
from sqlmodel import Session

from bot.channels import Parcel
from bot.content.snapshot import Communities
from bot.conversation.message import Address, Reply
from bot.conversation.pushed import word
from models.outbox import Post, Push
from models.quiet import quiet_until
from models.resident import Account, Resident
from models.store import reading, table_of, transaction

log = logging.getLogger(__name__)
LEASE = timedelta(minutes=2)
REWORD = timedelta(minutes=10)  # until what could not be worded is tried again: a text may be put right
STUCK = timedelta(hours=1)  # overdue in a lane by so much: perhaps nobody serves it any more
NO_LANE = ""  # where every push begins

_push = table_of(Push)
_resident = table_of(Resident)
_account = table_of(Account)
_lanes: BindParameter[str] = bindparam("lanes", expanding=True)
_first = (_push.c.urgent.desc(), _push.c.lane == text("''"), _push.c.due_at, _push.c.id)
_picked = (  # of pushes alone: a broadcast may have a hundred thousand due, and they are sorted each time
    select(_push.c.id)
    .where(_push.c.state == text("'waiting'"), _push.c.lane.in_(_lanes), _push.c.due_at <= bindparam("now"))
    .order_by(*_first)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("picked")
)
_due = (
    select(_push, _resident.c.language, _resident.c.quiet_from, _resident.c.quiet_until, _resident.c.erased_at)
    .join(_resident, _push.c.resident_id == _resident.c.id)
    .join(_picked, _push.c.id == _picked.c.id)
    .order_by(*_first)
)
_reach = (
    select(_account.c.resident_id, _account.c.channel, _account.c.account, _account.c.user)
    .where(_account.c.resident_id.in_(bindparam("ids", expanding=True)), _account.c.unreachable_at.is_(None))
    .order_by(_account.c.used_at.nulls_first(), _account.c.id)  # the one used last is kept
)
_ids: BindParameter[int] = bindparam("ids", expanding=True)
_mine = update(_push).where(_push.c.id.in_(_ids))
_lease = _mine.values(state=Post.SENDING, lease_until=bindparam("until"), tries=_push.c.tries + 1, attempted_at=None)
_settled = _mine.values(state=bindparam("state"), settled_at=bindparam("now"))
_held = _mine.values(due_at=bindparam("due"))
_moved = _mine.values(lane=bindparam("to"))
_unattempted = _mine.where(_push.c.state == text("'sending'"), _push.c.attempted_at.is_(None))
_attempt = _unattempted.values(attempted_at=bindparam("now"), lease_until=bindparam("until")).returning(_push.c.id)
_released = _unattempted.values(state=Post.WAITING)


@dataclass
class Claimed:
    """What becomes of the pushes that are due."""

    parcels: list[Parcel] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    unreachable: list[int] = field(default_factory=list)
    held: dict[datetime, list[int]] = field(default_factory=lambda: defaultdict(list))
    moved: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # to other lanes


def lane_of(address: Address) -> str:
    return f"{address.channel}:{address.account}"


def claim(
    engine: Engine,
    communities: Communities,
    now: datetime,
    lanes: Sequence[str],
    most: int,
    ahead: timedelta = timedelta(),
) -> Claimed:
    """Lease what is due in these lanes, or will be `ahead`; then what has no lane yet, and turns out to be theirs.

    What falls into quiet hours is put off, what is too late written off, and what belongs elsewhere moved there.
    """
    with transaction(engine, None, now) as db:
        asked = {"now": now + ahead, "lanes": [*lanes, NO_LANE], "most": most}
        rows = db.connection().execute(_due, asked).all()
        if not rows:
            return Claimed()
        reach = db.connection().execute(_reach, {"ids": list({r.resident_id for r in rows})})
        addresses = {r.resident_id: Address(r.channel, r.account, r.user) for r in reach}
        if {r.community_id for r in rows} - {c.id for c in communities.all()}:
            communities.refresh()  # another process has just added one
        found = _sort(rows, addresses, communities, now, frozenset(lanes))
        _write(db, found, now)
    return found


def _sort(
    rows: Any, addresses: dict[int, Address], communities: Communities, now: datetime, lanes: frozenset[str]
) -> Claimed:
    found = Claimed()
    for row in rows:
        to = addresses.get(row.resident_id)
        leaves = max(row.due_at, now)  # taken ahead, it is judged by when it leaves
        if row.expires_at is not None and row.expires_at <= leaves:
            found.expired.append(row.id)
        elif to is None or row.erased_at is not None:
            found.unreachable.append(row.id)
        elif (lane := lane_of(to)) not in lanes:
            found.moved[lane].append(row.id)
        elif not row.urgent and (release := quiet_until(row.quiet_from, row.quiet_until, leaves)):
            found.held[release].append(row.id)
        elif (reply := _worded(row, communities)) is None:
            found.held[now + REWORD].append(row.id)
        else:
            about = (row.about, row.community_id, row.resident_id)
            found.parcels.append(Parcel(row.id, row.key, *about, to, reply, row.due_at))
    return found


def _write(db: Session, found: Claimed, now: datetime) -> None:
    execute = db.connection().execute
    if found.parcels:
        execute(_lease, {"ids": [p.push_id for p in found.parcels], "until": now + LEASE})
    if found.expired:
        execute(_settled, {"ids": found.expired, "state": Post.EXPIRED, "now": now})
    if found.unreachable:
        execute(_settled, {"ids": found.unreachable, "state": Post.UNREACHABLE, "now": now})
    for release, ids in found.held.items():
        execute(_held, {"ids": ids, "due": release})
    for lane, ids in found.moved.items():
        execute(_moved, {"ids": ids, "to": lane})


def _worded(row: Any, communities: Communities) -> Reply | None:
    """None when it cannot be said, which must not hold up the others."""
    try:
        return word(row, communities)
    except Exception:
        log.exception("the push %s cannot be worded", row.key)
        return None


def mark_attempt(engine: Engine, ids: list[int], now: datetime) -> set[int]:
    """Written down just before the wire: if we die now, it may have arrived. Returns those we may send.

    The others were taken over, or taken back, while we were slow: of two who hold a parcel, one gets the mark.
    """
    with transaction(engine, None, now) as db:
        return set(db.connection().execute(_attempt, {"ids": ids, "now": now, "until": now + LEASE}).scalars())


def release(engine: Engine, ids: list[int], now: datetime) -> None:
    """Give back what was taken and not attempted: we are about to stop."""
    with transaction(engine, None, now) as db:
        db.connection().execute(_released, {"ids": ids})


def reclaim(engine: Engine, now: datetime) -> int:
    """Leases of processes that died: free again, or uncertain where the attempt had been written down."""
    expired = (_push.c.state == text("'sending'")) & (_push.c.lease_until < now)
    with transaction(engine, None, now) as db:
        uncertain = update(_push).where(expired, _push.c.attempted_at.is_not(None))
        db.connection().execute(uncertain.values(state=Post.UNCERTAIN, settled_at=now, failure="sender died"))
        free = update(_push).where(expired, _push.c.attempted_at.is_(None))
        return db.connection().execute(free.values(state=Post.WAITING)).rowcount


def reroute(engine: Engine, now: datetime) -> int:
    """What is stuck in a lane looks for one anew: a bot may have gone, its people may be reached elsewhere."""
    stuck = (_push.c.state == text("'waiting'")) & (_push.c.due_at < now - STUCK) & (_push.c.lane != NO_LANE)
    with transaction(engine, None, now) as db:
        return db.connection().execute(update(_push).where(stuck).values(lane=NO_LANE)).rowcount


def next_due(engine: Engine, lanes: Sequence[str]) -> datetime | None:
    """When the next push of these lanes, or of none yet, is due."""
    asked = {f"lane{n}": lane for n, lane in enumerate((*lanes, NO_LANE))}
    with reading(engine, None) as db:
        firsts = db.connection().execute(_next(len(asked)), asked).one()
    return min((due for due in firsts if due is not None), default=None)


@cache
def _next(lanes: int) -> Select[Any]:
    """Lane by lane, so that the index gives each answer by one look."""
    waiting = select(func.min(_push.c.due_at)).where(_push.c.state == text("'waiting'"))
    return select(*(waiting.where(_push.c.lane == bindparam(f"lane{n}")).scalar_subquery() for n in range(lanes)))
