"""How the sending went, written down."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, Engine, bindparam, exists, text, update
from sqlmodel import Session

from bot.channels import AtNextWord, Parcel, Refused, TryLater, Unreachable
from models.next_word import NEXT
from models.outbox import Post, Push
from models.resident import Account
from models.store import table_of, transaction
from scheduler.claim import NO_LANE, lane_of

_push = table_of(Push)
_account = table_of(Account)
_ids: BindParameter[int] = bindparam("ids", expanding=True)
_sent = update(_push).where(_push.c.id.in_(_ids)).values(state=Post.SENT, settled_at=bindparam("now"))
_lost = update(_account).where(
    _account.c.channel == bindparam("at"), _account.c.account == bindparam("ours"), _account.c.user == bindparam("whom")
)
_elsewhere = exists().where(_account.c.resident_id == _push.c.resident_id, _account.c.unreachable_at.is_(None))
_given_up = (
    update(_push)
    .where(_push.c.resident_id.in_(_ids), _push.c.state == text("'waiting'"), _push.c.due_at <= bindparam("now"))
    .where(~_elsewhere)
    .values(state=Post.UNREACHABLE, settled_at=bindparam("now"))
)


def settle(engine: Engine, parcels: Sequence[Parcel], outcomes: Sequence[Exception | None], now: datetime) -> None:
    """Write down how the sending went, of however many at once."""
    sent = [p.push_id for p, outcome in zip(parcels, outcomes, strict=True) if outcome is None]
    with transaction(engine, None, now) as db:
        if sent:
            db.connection().execute(_sent, {"ids": sent, "now": now})
        for parcel, outcome in zip(parcels, outcomes, strict=True):
            if outcome is not None:
                # what was taken back, or sent by another once our lease was over, stays as it is
                still_open = _push.c.state.in_([Post.SENDING, Post.UNCERTAIN])
                at = update(_push).where(_push.c.id == parcel.push_id, still_open)
                db.connection().execute(at.values(**_outcome(parcel, outcome, now)))
        _cut_off(db, [p for p, o in zip(parcels, outcomes, strict=True) if isinstance(o, Unreachable)], now)


def _outcome(parcel: Parcel, outcome: Exception, now: datetime) -> dict[str, object]:
    why = str(outcome) or type(outcome).__name__
    match outcome:
        case TryLater():
            return {"state": Post.WAITING, "due_at": now + timedelta(seconds=outcome.seconds), "failure": why}
        case Unreachable():  # it waits again, for another address of the same person
            return {"state": Post.WAITING, "lane": NO_LANE, "failure": why}
        case AtNextWord():
            return {"state": Post.WAITING, "lane": f"{lane_of(parcel.to)}{NEXT}", "failure": why}
        case Refused():
            return {"state": Post.REFUSED, "settled_at": now, "failure": why}
    return {"state": Post.UNCERTAIN, "settled_at": now, "failure": why}


def _cut_off(db: Session, parcels: Sequence[Parcel], now: datetime) -> None:
    """Addresses that are gone; what is due for people who have no other cannot be delivered either.

    What is due later is judged then: whoever writes to us again can be reached again.
    """
    if not parcels:
        return
    for parcel in parcels:
        whom = {"at": parcel.to.channel, "ours": parcel.to.account, "whom": parcel.to.user}
        db.connection().execute(_lost.values(unreachable_at=now), whom)
    db.connection().execute(_given_up, {"ids": list({p.resident_id for p in parcels}), "now": now})
