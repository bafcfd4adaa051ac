"""Which pushes leave now: taken with a lease, so that several processes never take the same one."""

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Engine, bindparam, func, select, text, update
from sqlmodel import Session

from bot.channels import Parcel
from bot.content.snapshot import Communities
from bot.conversation.message import Address, Choice, Reply
from models.outbox import Post, Push
from models.quiet import quiet_until
from models.resident import Account, Resident
from models.store import reading, table_of, transaction

log = logging.getLogger(__name__)
LEASE = timedelta(minutes=2)
REWORD = timedelta(minutes=10)  # until what could not be worded is tried again: a text may be put right
MOST = 500  # taken at once: their wording is held in memory

_push = table_of(Push)
_resident = table_of(Resident)
_account = table_of(Account)
_due = (
    select(_push, _resident.c.language, _resident.c.quiet_from, _resident.c.quiet_until, _resident.c.erased_at)
    .join(_resident, _push.c.resident_id == _resident.c.id)
    .where(_push.c.state == text("'waiting'"), _push.c.due_at <= bindparam("now"))
    .order_by(_push.c.urgent.desc(), _push.c.due_at, _push.c.id)
    .limit(bindparam("most"))
    .with_for_update(of=_push, skip_locked=True)
)
_reach = (
    select(_account.c.resident_id, _account.c.channel, _account.c.account, _account.c.user)
    .where(_account.c.resident_id.in_(bindparam("ids", expanding=True)), _account.c.unreachable_at.is_(None))
    .order_by(_account.c.used_at.nulls_first())  # the one used last is kept
)
_ids: BindParameter[int] = bindparam("ids", expanding=True)
_lease = (
    update(_push)
    .where(_push.c.id.in_(_ids))
    .values(state=Post.SENDING, lease_until=bindparam("until"), tries=_push.c.tries + 1, attempted_at=None)
)
_settled = update(_push).where(_push.c.id.in_(_ids)).values(state=bindparam("state"), settled_at=bindparam("now"))
_attempt = (
    update(_push)
    .where(_push.c.id.in_(_ids), _push.c.state == text("'sending'"), _push.c.attempted_at.is_(None))
    .values(attempted_at=bindparam("now"), lease_until=bindparam("until"))
    .returning(_push.c.id)
)
_next = select(func.min(_push.c.due_at)).where(_push.c.state == text("'waiting'"))


@dataclass
class Sorted:
    """What becomes of the pushes that are due."""

    parcels: list[Parcel] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    unreachable: list[int] = field(default_factory=list)
    held: dict[datetime, list[int]] = field(default_factory=lambda: defaultdict(list))


def claim(
    engine: Engine, communities: Communities, now: datetime, most: int = MOST, ahead: timedelta = timedelta()
) -> list[Parcel]:
    """Lease what is due, or will be `ahead`; put off what falls into quiet hours, write off what is too late."""
    with transaction(engine, None, now) as db:
        rows = db.connection().execute(_due, {"now": now + ahead, "most": most}).all()
        if not rows:
            return []
        reach = db.connection().execute(_reach, {"ids": list({r.resident_id for r in rows})})
        addresses = {r.resident_id: Address(r.channel, r.account, r.user) for r in reach}
        if {r.community_id for r in rows} - {c.id for c in communities.all()}:
            communities.refresh()  # another process has just added one
        found = _sort(rows, addresses, communities, now)
        _write(db, found, now)
    return found.parcels


def _sort(rows: Any, addresses: dict[int, Address], communities: Communities, now: datetime) -> Sorted:
    found = Sorted()
    for row in rows:
        to = addresses.get(row.resident_id)
        leaves = max(row.due_at, now)  # taken ahead, it is judged by when it leaves
        if row.expires_at is not None and row.expires_at <= leaves:
            found.expired.append(row.id)
        elif to is None or row.erased_at is not None:
            found.unreachable.append(row.id)
        elif not row.urgent and (release := quiet_until(row.quiet_from, row.quiet_until, leaves)):
            found.held[release].append(row.id)
        elif (reply := _worded(row, communities)) is None:
            found.held[now + REWORD].append(row.id)
        else:
            found.parcels.append(Parcel(row.id, row.key, row.community_id, row.resident_id, to, reply, row.due_at))
    return found


def _write(db: Session, found: Sorted, now: datetime) -> None:
    execute = db.connection().execute
    if found.parcels:
        execute(_lease, {"ids": [p.push_id for p in found.parcels], "until": now + LEASE})
    if found.expired:
        execute(_settled, {"ids": found.expired, "state": Post.EXPIRED, "now": now})
    if found.unreachable:
        execute(_settled, {"ids": found.unreachable, "state": Post.UNREACHABLE, "now": now})
    for release, ids in found.held.items():
        execute(update(_push).where(_push.c.id.in_(ids)).values(due_at=release))


def _worded(row: Any, communities: Communities) -> Reply | None:
    """None when it cannot be said, which must not hold up the others."""
    try:
        return word(row, communities)
    except Exception:
        log.exception("the push %s cannot be worded", row.key)
        return None


def word(row: Any, communities: Communities) -> Reply:
    """Say a push in its receiver's language."""
    texts = communities.by_id(row.community_id).texts(row.language)
    choices = tuple(Choice(value, texts(key)) for value, key in row.choices)
    return Reply(texts(row.text_key, **row.facts), choices)


def mark_attempt(engine: Engine, ids: list[int], now: datetime) -> set[int]:
    """Written down just before the wire: if we die now, it may have arrived. Returns those we may send.

    The others were taken over, or taken back, while we were slow: of two who hold a parcel, one gets the mark.
    """
    with transaction(engine, None, now) as db:
        return set(db.connection().execute(_attempt, {"ids": ids, "now": now, "until": now + LEASE}).scalars())


def reclaim(engine: Engine, now: datetime) -> int:
    """Leases of processes that died: free again, or uncertain where the attempt had been written down."""
    expired = (_push.c.state == text("'sending'")) & (_push.c.lease_until < now)
    with transaction(engine, None, now) as db:
        uncertain = update(_push).where(expired, _push.c.attempted_at.is_not(None))
        db.connection().execute(uncertain.values(state=Post.UNCERTAIN, settled_at=now, failure="sender died"))
        free = update(_push).where(expired, _push.c.attempted_at.is_(None))
        return db.connection().execute(free.values(state=Post.WAITING)).rowcount


def next_due(engine: Engine) -> datetime | None:
    with reading(engine, None) as db:
        earliest: datetime | None = db.connection().execute(_next).scalar_one()
        return earliest
