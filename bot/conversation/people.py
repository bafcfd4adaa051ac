"""Who is speaking: the resident behind each address, entered as a guest when nobody knows them yet."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, tuple_
from sqlalchemy import select as core_select
from sqlmodel import Session, col, select

from bot.conversation.message import Address, Message
from bot.understanding.words import plain
from models.ids import new_id
from models.resident import Account, Resident
from models.store import SCOPED, add_once, ours, settle, table_of

STILL_FRESH = timedelta(hours=1)  # how often an account's last use is written down

_accounts = table_of(Account)
_known = (
    core_select(
        Resident,
        _accounts.c.id.label("which"),
        _accounts.c.channel,
        _accounts.c.account,
        _accounts.c.user,
        _accounts.c.used_at,
        _accounts.c.unreachable_at,
    )
    .join(_accounts, _accounts.c.resident_id == col(Resident.id))
    .where(tuple_(_accounts.c.channel, _accounts.c.account, _accounts.c.user).in_(bindparam("wanted", expanding=True)))
    .where(_accounts.c.community_id == bindparam("ours"), col(Resident.community_id) == bindparam("ours"))
    .order_by(col(Resident.id))
    .with_for_update(of=Resident, key_share=True)
)
_used = (
    _accounts.update().where(_accounts.c.id == bindparam("which")).values(used_at=bindparam("now"), unreachable_at=None)
)


def people(db: Session, messages: list[Message], now: datetime) -> dict[Address, Resident]:
    """The resident behind each address, locked; who is new is entered."""
    first = {m.sender: m for m in reversed(messages)}
    known = _lock(db, first)
    if strangers := [m for a, m in first.items() if a not in known]:
        _enter(db, strangers)
        known |= _lock(db, [m.sender for m in strangers])
    stale = [
        {"which": row.which, "now": now}
        for row in known.values()
        if row.unreachable_at or row.used_at is None or row.used_at < now - STILL_FRESH
    ]
    if stale:
        db.connection().execute(_used, stale)
    return {address: row[0] for address, row in known.items()}


def _lock(db: Session, addresses: Iterable[Address]) -> dict[Address, Any]:
    """Held so that one resident's turns follow one another; others may still owe them a push meanwhile."""
    wanted = {"wanted": [(a.channel, a.account, a.user) for a in addresses], "ours": ours(db)}
    rows = db.execute(_known, wanted, execution_options=SCOPED)
    return {Address(row.channel, row.account, row.user): row for row in rows}


def _enter(db: Session, messages: list[Message]) -> None:
    """Make guests of strangers; two first messages at one instant, in two processes too, make one."""
    origins = {_origin(m.sender): m for m in messages}
    for origin, message in origins.items():
        fresh = Resident(id=new_id(), origin=origin, community_id=ours(db), language=_language(message))
        add_once(db, Resident, fresh.model_dump())
    settle(db)
    entered = db.exec(select(Resident.origin, Resident.id).where(col(Resident.origin).in_(origins))).all()
    for origin, resident_id in entered:
        a = origins[origin].sender
        row = {"id": new_id(), "channel": a.channel, "account": a.account, "user": a.user, "resident_id": resident_id}
        add_once(db, Account, row | {"community_id": ours(db)})
    settle(db)


def _origin(address: Address) -> str:
    return f"{address.channel}:{address.account}:{address.user}"


def _language(message: Message) -> str:
    """What the channel knows, else Chinese unless the first words are plainly English."""
    if message.language:
        return message.language
    told = plain(message.text)
    words = [w for w in told.split() if re.fullmatch(r"[a-z']{2,}[,.!?]?", w)]  # a code or a command is no word
    return "en" if told.isascii() and words else "zh"
