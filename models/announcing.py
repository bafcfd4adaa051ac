"""The only ways an event changes: announced, moved, cancelled."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models.community import Community
from models.event import REMIND, Event, EventState, Past, lock_event, lock_open
from models.event_news import owe_reminders, take_back, tell
from models.outbox import cancel_pushes
from models.outbox_bulk import push_to_all
from models.resident import Resident, Role
from models.signup import OFFERED_STEPS, STANDING, SignUp, SignUpState, answer_by, offer_seats
from models.store import moment, ours

Words = Mapping[str, str]  # {"zh": …, "en": …}, or one of them


def announce(
    db: Session,
    by: Resident | None,
    title: Words,
    what: Words,
    place: Words,
    starts_at: datetime,
    minutes: int,
    seats: int,
    *,
    who: Words | None = None,
    key: str | None = None,
    place_key: str = "",
    lat: float | None = None,
    lon: float | None = None,
    remind: Iterable[int] = REMIND,
) -> Event:
    """Put an event on the list; `by` is None for a content pack. Raises PermissionError and Past."""
    _may_run(by)
    _yet_to_come(db, starts_at)
    event = Event(
        key=key,
        title=dict(title),
        what=dict(what),
        who=dict(who or {}),
        place=dict(place),
        place_key=place_key,
        lat=lat,
        lon=lon,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        seats=seats,
        remind=list(remind),
        changed_at=moment(db),
    )
    db.add(event)
    return event


def lock_calendar(db: Session) -> None:
    """Nobody else enters a pack's events here until the transaction ends."""
    db.exec(select(Community.id).where(Community.id == ours(db)).with_for_update(key_share=True)).one()


def reword_event(db: Session, event: Event, title: Words, what: Words, who: Words) -> None:
    """Say the same event in other words; calendars are told by its version, people are not."""
    event, said = lock_event(db, event.id), (dict(title), dict(what), dict(who))
    if said != (event.title, event.what, event.who):
        event.title, event.what, event.who = said
        event.version, event.changed_at = event.version + 1, moment(db)


def give_up_key(db: Session, event: Event) -> None:
    """An event that is over leaves its pack's key to the next."""
    event.key = None
    db.flush()


def move_event(
    db: Session,
    event: Event,
    by: Resident,
    starts_at: datetime,
    place: Words | None = None,
    place_key: str = "",
    lat: float | None = None,
    lon: float | None = None,
) -> int:
    """Give an event another time, perhaps another place, and tell all who come or wait; returns how many.

    It lasts as long as it did. Reminders of the old time are void. Raises PermissionError, Past, Over, CalledOff.
    """
    _may_run(by)
    _yet_to_come(db, starts_at)
    event = lock_open(db, event.id)
    before, lasts = event.starts_at, event.ends_at - event.starts_at
    event.starts_at, event.ends_at = starts_at, starts_at + lasts
    if place is not None:
        event.place, event.place_key, event.lat, event.lon = dict(place), place_key, lat, lon
    told = _change(db, event)
    for signup in told:
        more = {"before": before}
        if signup.state is SignUpState.OFFERED:
            until = signup.offer_expires_at = answer_by(db, event, signup)
            tell(db, event, signup.resident_id, "moved_offer", signup.turn, OFFERED_STEPS, until=until, **more)
            continue
        tell(db, event, signup.resident_id, "moved", signup.turn, ("show", "leave"), **more)
        if signup.state is SignUpState.IN:
            owe_reminders(db, event, signup.resident_id, signup.turn)
    offer_seats(db, event)
    return len(told)


def cancel_event(db: Session, event: Event, by: Resident, why: str) -> int:
    """Call an event off and tell all who come or wait; returns how many. Raises PermissionError, Over, CalledOff."""
    _may_run(by)
    event = lock_open(db, event.id)
    event.state = EventState.CANCELLED
    told = _change(db, event)
    for signup in told:
        tell(db, event, signup.resident_id, "cancelled", signup.turn, (), why=why)
        if signup.state is not SignUpState.IN:
            signup.state, signup.offer_expires_at = SignUpState.CANCELLED, None
    return len(told)


def invite_all(db: Session, event: Event, by: Resident) -> int:
    """Tell every resident of an event; returns how many. Done again, it reaches those who are new.

    Raises PermissionError, Over, CalledOff.
    """
    _may_run(by)
    event = lock_open(db, event.id)
    facts = {"title": event.title, "what": event.what, "place": event.place, "at": event.starts_at}
    steps = [(f"/events.{s} event={event.id}", f"events.do_{s}") for s in ("join", "show")]
    key, matter = f"event:{event.id}:v{event.version}:invite", _invitations(event)
    return push_to_all(db, key, "events.invitation", facts, steps, matter, expires=event.starts_at)


def _invitations(event: Event) -> str:
    return f"event:{event.id}:invite"


def _change(db: Session, event: Event) -> list[SignUp]:
    """Count the change and take back what was owed for the old state; returns whom it concerns."""
    event.version, event.changed_at = event.version + 1, moment(db)
    here = select(SignUp).where(SignUp.event_id == event.id, col(SignUp.state).in_(STANDING))
    found = db.exec(here.order_by(col(SignUp.turn)).execution_options(populate_existing=True)).all()
    take_back(db, event, [s.resident_id for s in found])
    cancel_pushes(db, _invitations(event))
    return list(found)


def _may_run(by: Resident | None) -> None:
    if by is not None and by.role < Role.WORKER:
        raise PermissionError("events are run by workers")


def _yet_to_come(db: Session, starts_at: datetime) -> None:
    if starts_at <= moment(db):
        raise Past
