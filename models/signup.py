"""Who comes to an event, who waits for a seat, and who is offered one (报名、候补).

Seats are never oversold: whoever signs up, leaves or answers an offer holds the lock of the event's row, and
seats are counted under it. A seat that comes free is offered, for a while, to the first in the queue whose party fits.
"""

from datetime import datetime, timedelta
from enum import IntEnum
from typing import ClassVar

from sqlalchemy import ColumnElement, Index, UniqueConstraint, and_, text
from sqlmodel import Field, Session, col, func, select

from models.audit import Audited
from models.event import Event, EventState, lock_event, lock_open
from models.event_news import awake, owe_reminders, take_back, tell
from models.resident import Resident, Role
from models.store import InCommunity, checked, moment, own_id, refers

OFFER = timedelta(hours=2)  # to answer an offered seat
LAST_OFFER = timedelta(minutes=30)  # before the start; after this no seat is offered


class SignUpState(IntEnum):
    IN = 0
    WAITING = 1
    OFFERED = 2  # a seat is held until the offer expires
    CANCELLED = 3
    LAPSED = 4  # the offer was not answered in time


OFFERED_STEPS = ("accept", "decline")
HOLDING = (SignUpState.IN, SignUpState.OFFERED)
STANDING = (SignUpState.IN, SignUpState.WAITING, SignUpState.OFFERED)


class NoRoom(ValueError):
    """The party is larger than can be seated; `free` is how many heads would be."""

    def __init__(self, free: int) -> None:
        super().__init__(f"{free} seats are free")
        self.free = free


class NotSignedUp(ValueError):
    """There is nothing to cancel."""


class NoOffer(ValueError):
    """No seat is offered, or the offer has expired."""


class SignUp(InCommunity, Audited, table=True):
    audited: ClassVar = ("event_id", "heads", "state")

    __tablename__ = "sign_up"

    id: int = own_id()
    event_id: int = refers("event.id")
    resident_id: int = refers("resident.id", index=True)
    heads: int
    state: SignUpState = Field(sa_type=checked(SignUpState, "state"))
    turn: int  # the place in the order of sign-ups of this event: the lower is served first
    at: datetime
    offer_expires_at: datetime | None = None

    __table_args__ = (
        UniqueConstraint("event_id", "resident_id"),
        Index(
            "ix_sign_up_offer_expires_at",
            "offer_expires_at",
            sqlite_where=text("state = 'offered'"),
            postgresql_where=text("state = 'offered'"),
        ),
    )


def sign_up(db: Session, event: Event, by: Resident, heads: int) -> SignUp:
    """Take seats for a party, or a place in the queue when they are gone; again, to change the number of heads.

    Whoever asks for more heads than there is room for keeps what they have, and NoRoom is raised. Raises Over
    once the event has begun, CalledOff, PermissionError below RESIDENT, WrongCommunity for another's event.
    """
    if by.role < Role.RESIDENT:
        raise PermissionError("only residents sign up")
    event = lock_open(db, event.id)
    if not 1 <= heads <= event.seats:
        raise NoRoom(event.seats)
    _lapse(db, event)
    mine = fetch_signup(db, event, by) or SignUp(
        event_id=event.id, resident_id=by.id, heads=0, state=SignUpState.CANCELLED, turn=0, at=moment(db)
    )
    held = mine.heads if mine.state in HOLDING else 0
    room = free_seats(db, event) + held
    if heads > room and held:
        raise NoRoom(room)
    if mine.state not in STANDING:
        event.turns += 1
        mine.turn, mine.at = event.turns, moment(db)
    mine.heads = heads
    db.add(mine)
    if heads <= room:
        _seat(db, event, mine)
    else:
        mine.state = SignUpState.WAITING
    offer_seats(db, event)
    return mine


def cancel_signup(db: Session, event: Event, by: Resident) -> SignUp:
    """Give up seats or the place in the queue, and take reminders back; raises NotSignedUp."""
    event = lock_event(db, event.id)
    mine = fetch_signup(db, event, by)
    if mine is None or mine.state not in STANDING:
        raise NotSignedUp
    take_back(db, event, [by.id])
    mine.state, mine.offer_expires_at = SignUpState.CANCELLED, None
    offer_seats(db, event)
    return mine


def accept_offer(db: Session, event: Event, by: Resident) -> SignUp:
    """Take the offered seats; raises NoOffer, Over or CalledOff."""
    event = lock_open(db, event.id)
    mine = _offered(db, event, by)
    _seat(db, event, mine)
    return mine


def decline_offer(db: Session, event: Event, by: Resident) -> SignUp:
    """Leave the offered seats to the next in the queue; raises NoOffer."""
    event = lock_event(db, event.id)
    mine = _offered(db, event, by)
    take_back(db, event, [by.id])
    mine.state, mine.offer_expires_at = SignUpState.CANCELLED, None
    offer_seats(db, event)
    return mine


def offer_seats(db: Session, event: Event) -> None:
    """Hold free seats for the first in the queue that fit, until they answer; the event's row must be locked.

    An offer stands two hours from when it may be heard (nobody is woken for it), and never into the last half hour.
    """
    if event.state is not EventState.OPEN or moment(db) >= event.starts_at - LAST_OFFER:
        return
    free = free_seats(db, event)
    for waiting in queue(db, event) if free else []:
        if waiting.heads <= free:
            free -= waiting.heads
            until = waiting.offer_expires_at = answer_by(db, event, waiting)
            waiting.state, facts = SignUpState.OFFERED, {"heads": waiting.heads, "until": until}
            tell(db, event, waiting.resident_id, "offer", waiting.turn, OFFERED_STEPS, expires=until, **facts)


def answer_by(db: Session, event: Event, waiting: SignUp) -> datetime:
    resident = db.exec(select(Resident).where(Resident.id == waiting.resident_id)).one()
    return min(awake(resident, moment(db)) + OFFER, event.starts_at - LAST_OFFER)


def lapse_due_offers(db: Session) -> int:
    """Let offers go that were not answered in time, and offer the seats on; returns how many."""
    due = select(SignUp.event_id).where(_due(moment(db))).distinct().order_by(col(SignUp.event_id))
    return sum(_lapse(db, lock_event(db, event_id)) for event_id in db.exec(due).all())


def offers_due(db: Session) -> list[int]:
    """The ids of communities where an offer has expired; for a session of the whole alliance."""
    due = select(SignUp.community_id).where(_due(moment(db))).distinct()
    return sorted(db.exec(due))


def fetch_signup(db: Session, event: Event, by: Resident) -> SignUp | None:
    """Their sign-up as the store has it now, whatever became of it."""
    mine = select(SignUp).where(SignUp.event_id == event.id, SignUp.resident_id == by.id)
    return db.exec(mine.execution_options(populate_existing=True)).first()


def free_seats(db: Session, event: Event) -> int:
    """Seats neither taken nor held for somebody."""
    return event.seats - seats_held(db, [event]).get(event.id, 0)


def seats_held(db: Session, events: list[Event]) -> dict[int, int]:
    """Seats taken or offered, by event id."""
    held = col(SignUp.event_id).in_([e.id for e in events]), col(SignUp.state).in_(HOLDING)
    counted = select(SignUp.event_id, func.sum(SignUp.heads)).where(*held).group_by(col(SignUp.event_id))
    return {event_id: int(heads) for event_id, heads in db.exec(counted)}


def queue(db: Session, event: Event) -> list[SignUp]:
    """Who waits for a seat, in order."""
    waiting = select(SignUp).where(SignUp.event_id == event.id, SignUp.state == SignUpState.WAITING)
    return list(db.exec(waiting.order_by(col(SignUp.turn)).execution_options(populate_existing=True)))


def _seat(db: Session, event: Event, mine: SignUp) -> None:
    if mine.state is SignUpState.OFFERED:
        take_back(db, event, [mine.resident_id])
    if mine.state is not SignUpState.IN:
        mine.state, mine.offer_expires_at = SignUpState.IN, None
        owe_reminders(db, event, mine.resident_id, mine.turn)


def _offered(db: Session, event: Event, by: Resident) -> SignUp:
    mine = fetch_signup(db, event, by)
    if mine is None or mine.state is not SignUpState.OFFERED:
        raise NoOffer
    if mine.offer_expires_at is None or mine.offer_expires_at <= moment(db):
        raise NoOffer
    return mine


def _lapse(db: Session, event: Event) -> int:
    """Let the event's expired offers go; its row must be locked."""
    due = select(SignUp).where(SignUp.event_id == event.id, _due(moment(db))).order_by(col(SignUp.turn))
    lapsed = db.exec(due.execution_options(populate_existing=True)).all()
    for offered in lapsed:
        offered.state, offered.offer_expires_at = SignUpState.LAPSED, None
        tell(db, event, offered.resident_id, "lapsed", offered.turn, ["join"])
    if lapsed:
        offer_seats(db, event)
    return len(lapsed)


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(col(SignUp.state) == SignUpState.OFFERED, col(SignUp.offer_expires_at) <= now)
