"""Pushes that can only be said as an answer: they lie in a lane of their own until the person's next word."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BindParameter, String, bindparam, literal, or_, select, text, update
from sqlmodel import Session

from models.history import resident_at
from models.outbox import Post, Push, push
from models.resident import Account, Resident
from models.store import moment, table_of

NEXT = ":next"  # behind the name of the lane; no sender claims from there
LEASE = timedelta(minutes=2)  # until it is uncertain whether an answer has been heard, as with any other push

_push, _account, _resident = table_of(Push), table_of(Account), table_of(Resident)
_ids: BindParameter[int] = bindparam("ids", expanding=True)
_lanes: BindParameter[str] = bindparam("lanes", expanding=True)
_ripe = (
    _push.c.state == text("'waiting'"),
    _push.c.due_at <= bindparam("now"),
    or_(_push.c.expires_at.is_(None), _push.c.expires_at > bindparam("now")),
)
_of_account = (
    _account.c.resident_id == _push.c.resident_id,
    _account.c.channel == bindparam("channel"),
    _push.c.lane == bindparam("prefix", type_=String) + _account.c.account + literal(NEXT),
)
_whoever = select(_account.c.account, _account.c.user).where(_push.c.lane.in_(_lanes), *_ripe, *_of_account).distinct()
_theirs = (
    select(_push, _resident.c.language)
    .join(_resident, _push.c.resident_id == _resident.c.id)
    .join(_account, _account.c.resident_id == _push.c.resident_id)
    .where(_account.c.channel == bindparam("channel"), _account.c.account == bindparam("account"))
    .where(_account.c.user == bindparam("whom"), _push.c.lane == bindparam("lane"), _resident.c.erased_at.is_(None))
    .where(*_ripe)
    .order_by(_push.c.urgent.desc(), _push.c.due_at, _push.c.id)
    .with_for_update(of=_push, skip_locked=True)
)
_mine = update(_push).where(_push.c.id.in_(_ids))
_begun = _mine.values(
    state=Post.SENDING, lease_until=bindparam("until"), attempted_at=bindparam("now"), tries=_push.c.tries + 1
)
_back = _mine.values(lane=bindparam("to"))
_told = _mine.where(_push.c.state.in_([Post.SENDING, Post.UNCERTAIN])).values(
    state=Post.SENT, settled_at=bindparam("now")
)


def owe_at_next_word(db: Session, channel: str, account: str, user: str, key: str, text_key: str, **facts: Any) -> None:
    """Owe somebody words that can be said as an answer alone; to an address that is nobody's any more, nothing."""
    resident_id = resident_at(db, channel, account, user)
    if resident_id is not None:
        push(db, key, resident_id, text_key, lane=f"{channel}:{account}{NEXT}", **facts)


def those_waiting(db: Session, channel: str, accounts: Sequence[str]) -> set[tuple[str, str]]:
    """Whose next word has something to carry: account and user."""
    asked = {
        "channel": channel,
        "prefix": f"{channel}:",
        "lanes": [f"{channel}:{a}{NEXT}" for a in accounts],
        "now": moment(db),
    }
    return {(row.account, row.user) for row in db.connection().execute(_whoever, asked)}


def for_next_word(db: Session, channel: str, account: str, user: str) -> Sequence[Any]:
    """What may be said to somebody with their next word, most pressing first; nobody else takes it meanwhile."""
    lane = f"{channel}:{account}{NEXT}"
    asked = {"channel": channel, "account": account, "whom": user, "lane": lane, "now": moment(db)}
    return db.connection().execute(_theirs, asked).all()


def begin_telling(db: Session, ids: Sequence[int]) -> None:
    """Written down just before they are said: if we die now, they may have been heard."""
    now = moment(db)
    db.connection().execute(_begun, {"ids": list(ids), "now": now, "until": now + LEASE})


def to_senders(db: Session, lane: str, ids: Sequence[int]) -> None:
    """Let them be sent: what they were waiting for has come to pass."""
    db.connection().execute(_back, {"ids": list(ids), "to": lane})


def told(db: Session, ids: Sequence[int]) -> None:
    """They were said."""
    db.connection().execute(_told, {"ids": list(ids), "now": moment(db)})
