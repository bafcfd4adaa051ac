"""Messages we owe people. Written in the transaction that owes them, sent by the scheduler."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Index, text, update
from sqlmodel import JSON, Column, Field, Session, col, func, select

from models.resident import Resident, Role
from models.store import InCommunity, add_once, checked, moment, ours, refers, settle

DOUBTFUL = timedelta(days=14)  # as long as an uncertain push is shown to the workers


class Post(IntEnum):
    """Where a push stands."""

    WAITING = 0
    SENDING = 1  # leased by a sender
    SENT = 2
    CANCELLED = 3
    EXPIRED = 4  # too late to be of use
    UNREACHABLE = 5
    UNCERTAIN = 6  # it may have arrived: shown to a worker, never blindly sent again
    PAUSED = 7  # held back by a worker, to go on when they say so
    REFUSED = 8  # the channel will not take it as it is; `failure` says why


class Push(InCommunity, table=True):
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)  # owing the same thing twice is owing it once
    about: str = Field(default="", index=True)  # what it belongs to: "event:7", "notice:3"
    resident_id: int = refers("resident.id", index=True)
    text_key: str
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    choices: list[Any] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # [value, text key]
    urgent: bool = False  # goes out at night too
    lane: str = Field(default="", sa_column_kwargs={"server_default": ""})  # "telegram:hongmei"; "" until looked up
    state: Post = Field(default=Post.WAITING, sa_type=checked(Post, "state"))
    due_at: datetime
    expires_at: datetime | None = None  # of no use after this
    lease_until: datetime | None = None
    attempted_at: datetime | None = None
    tries: int = 0  # how often it was claimed: for whoever looks into the store
    settled_at: datetime | None = None
    failure: str | None = None

    __table_args__ = (
        Index(
            "ix_push_lane_due_at",
            "lane",
            "due_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(
            "ix_push_lease",
            "lease_until",
            sqlite_where=text("state = 'sending'"),
            postgresql_where=text("state = 'sending'"),
        ),
    )


def push(
    db: Session,
    key: str,
    to: int,
    text_key: str,
    *,
    about: str = "",
    due: datetime | None = None,
    expires: datetime | None = None,
    urgent: bool = False,
    choices: list[tuple[str, str]] | None = None,
    lane: str = "",
    **facts: Any,
) -> None:
    """Owe a resident a message, now or at `due` (UTC); it is worded when sent, in their language.

    A fact may be a datetime, words in both languages `{"zh": …, "en": …}`, or `{"key": …}`, a text of ours.
    """
    now = moment(db)
    row = {
        "community_id": ours(db),
        "key": key,
        "about": about,
        "resident_id": to,
        "text_key": text_key,
        "facts": storable(facts),
        "choices": [list(c) for c in choices or []],
        "urgent": urgent,
        "lane": lane,
        "state": Post.WAITING,
        "due_at": due or now,
        "expires_at": expires,
        "tries": 0,
    }
    add_once(db, Push, row)
    earliest = db.info.get("earliest_push")
    db.info["earliest_push"] = min(earliest, due or now) if earliest else due or now


def storable(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {k: {"utc": v.isoformat()} if isinstance(v, datetime) else v for k, v in facts.items()}


def cancel_pushes(db: Session, about: str, *more: str) -> int:
    """Take back what has not left yet of one matter or several; returns how many."""
    matters, now = (about, *more), moment(db)
    count = _move(db, matters, (Post.WAITING, Post.PAUSED), state=Post.CANCELLED, settled_at=now)
    # what is on the wire, and comes back because of some limit, is not to set out again
    _update(db, matters, col(Push.state) == Post.SENDING, expires_at=now)
    return count


def pause_pushes(db: Session, about: str, *more: str) -> int:
    """Hold back what has not left yet of one matter or several; returns how many."""
    return _move(db, (about, *more), (Post.WAITING,), state=Post.PAUSED)


def resume_pushes(db: Session, about: str, *more: str) -> int:
    """Let go on what was held back; returns how many."""
    count = _update(db, (about, *more), col(Push.state) == Post.PAUSED, state=Post.WAITING)
    if count:
        db.info["earliest_push"] = moment(db)
    return count


def _move(db: Session, matters: Sequence[str], states: Sequence[Post], **values: object) -> int:
    """Change what stands there, and what a sender has taken and not yet sent."""
    taken = (col(Push.state) == Post.SENDING) & col(Push.attempted_at).is_(None)
    return _update(db, matters, col(Push.state).in_(states) | taken, **values)


def _update(db: Session, matters: Sequence[str], where: ColumnElement[bool], **values: object) -> int:
    settle(db)
    changed = update(Push).where(col(Push.about).in_(matters), where).values(**values)
    result = db.execute(changed.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount


def uncertain_pushes(db: Session, by: Resident) -> list[tuple[Push, Resident]]:
    """What may or may not have arrived, with whom to ask, newest first; raises PermissionError."""
    if by.role < Role.WORKER:
        raise PermissionError("what is uncertain is for workers to look into")
    doubtful = select(Push, Resident).join(Resident, col(Push.resident_id) == Resident.id)
    recent = col(Push.settled_at) > moment(db) - DOUBTFUL
    return list(db.exec(doubtful.where(Push.state == Post.UNCERTAIN, recent).order_by(col(Push.id).desc()).limit(50)))


def progress(db: Session, about: str) -> dict[Post, int]:
    """How many pushes of one matter stand where."""
    settle(db)
    counted = select(col(Push.state), func.count()).where(Push.about == about).group_by(col(Push.state))
    return dict(db.exec(counted).all())
