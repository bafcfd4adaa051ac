"""Events of the neighbourhood (活动): the table, and how events are found."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import JSON, Column, Field, Session, col, select

from models.audit import Audited
from models.resident import Resident, Role
from models.store import InCommunity, WrongCommunity, checked, moment, own_id

AHEAD = timedelta(days=14)  # how far the list of what is on looks
REMIND = (1440, 120)  # minutes before the start


class EventState(IntEnum):
    OPEN = 0
    CANCELLED = 1


class Over(ValueError):
    """The event has begun: nobody comes in any more, and it is not moved or cancelled."""


class CalledOff(ValueError):
    """The event was cancelled."""


class Past(ValueError):
    """An event cannot be given a time that is over."""


def _words() -> Any:
    """In one language or both: {"zh": …, "en": …}."""
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Event(InCommunity, Audited, table=True):
    audited: ClassVar = ("starts_at", "ends_at", "seats", "place_key", "state", "version")

    id: int = own_id()
    key: str | None = None  # of the content pack it came from, while it is the newest under that key
    title: dict[str, str] = _words()
    what: dict[str, str] = _words()
    who: dict[str, str] = _words()  # empty is everybody
    place: dict[str, str] = _words()
    place_key: str = ""  # of the service place, if it is at one
    lat: float | None = None  # WGS-84
    lon: float | None = None
    starts_at: datetime
    ends_at: datetime
    seats: int
    remind: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # minutes before
    state: EventState = Field(default=EventState.OPEN, sa_type=checked(EventState, "state"))
    version: int = 1  # counts moves and the cancelling: a calendar takes the higher one
    turns: int = 0  # how many times somebody signed up: the last place in the queue given
    changed_at: datetime

    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        Index("ix_event_community_id_starts_at", "community_id", "starts_at"),
    )


def fetch_event(db: Session, event_id: int) -> Event | None:
    return db.exec(select(Event).where(Event.id == event_id)).first()


def event_by_key(db: Session, key: str) -> Event | None:
    """The newest event a content pack entered under this key."""
    return db.exec(select(Event).where(Event.key == key)).first()


def upcoming(db: Session, within: timedelta = AHEAD, limit: int = 50) -> list[Event]:
    """What has yet to begin, soonest first."""
    now = moment(db)
    begins = (col(Event.starts_at) > now, col(Event.starts_at) <= now + within)
    found = select(Event).where(Event.state == EventState.OPEN, *begins)
    return list(db.exec(found.order_by(col(Event.starts_at), col(Event.id)).limit(limit)))


def events_to_run(db: Session, worker: Resident) -> list[Event]:
    """What a worker may still change or look through: not over, however far off."""
    if worker.role < Role.WORKER:
        raise PermissionError("events are run by workers")
    found = select(Event).where(Event.state == EventState.OPEN, col(Event.ends_at) > moment(db))
    return list(db.exec(found.order_by(col(Event.starts_at), col(Event.id)).limit(50)))


def lock_event(db: Session, event_id: int) -> Event:
    """The event as it stands now, and nobody else's to change until the transaction ends.

    Raises WrongCommunity when there is none in this community. The lock lets others' rows still refer to the event.
    """
    this = select(Event).where(Event.id == event_id).with_for_update(key_share=True)
    event = db.exec(this.execution_options(populate_existing=True)).first()
    if event is None:
        raise WrongCommunity("no such event here")
    return event


def lock_open(db: Session, event_id: int) -> Event:
    """As `lock_event`; raises CalledOff or Over unless the event has yet to begin."""
    event = lock_event(db, event_id)
    if event.state is EventState.CANCELLED:
        raise CalledOff
    if event.starts_at <= moment(db):
        raise Over
    return event


def reminders(event: Event, now: datetime) -> list[datetime]:
    """The instants (UTC) of the reminders still to come, earliest first."""
    return [at for _, at in due_reminders(event.starts_at, event.remind, now)]


def due_reminders(starts_at: datetime, remind: Iterable[int], now: datetime) -> list[tuple[int, datetime]]:
    """Minutes before the start, and the instant that is, of those after `now`; earliest first."""
    before = ((m, starts_at - timedelta(minutes=m)) for m in sorted(set(remind), reverse=True))
    return [(m, at) for m, at in before if at > now]
