"""A pack's events into the store, dated from the day they are entered."""

from datetime import datetime, time, timedelta

from sqlmodel import Session

from bot.content.pack import Event as Planned
from bot.content.pack import Pack
from bot.conversation.texts import CIVIL
from models.announcing import announce, give_up_key, lock_calendar, reword_event
from models.event import event_by_key
from models.store import moment


def enter_events(db: Session, pack: Pack) -> int:
    """Enter what is not there yet, in the community of this transaction; returns how many are new.

    An event that is over makes way for a new one under its key, so that something is always on. One still to
    come keeps its date, seats and sign-ups whatever the pack says; only its wording is brought up to date.
    """
    lock_calendar(db)
    return sum(_enter(db, pack, planned) for planned in pack.events)


def _enter(db: Session, pack: Pack, planned: Planned) -> bool:
    words = (planned.title.model_dump(), planned.what.model_dump(), planned.who.model_dump())
    known = event_by_key(db, planned.key)
    if known is not None and known.ends_at > moment(db):
        reword_event(db, known, *words)
        return False
    if known is not None:
        give_up_key(db, known)
    place = next(p for p in pack.places if p.key == planned.place)
    title, what, who = words
    announce(
        db,
        None,
        title,
        what,
        place.name.model_dump(),
        starts_at(planned, moment(db)),
        planned.minutes,
        planned.seats,
        who=who,
        key=planned.key,
        place_key=place.key,
        lat=place.lat,
        lon=place.lon,
        remind=planned.remind,
    )
    return True


def starts_at(planned: Planned, now: datetime) -> datetime:
    """The instant the event begins if entered at `now`; a clock time already past today is tomorrow's."""
    hour, minute = (int(part) for part in planned.at.split(":"))
    day = datetime.combine(now.astimezone(CIVIL).date() + timedelta(days=planned.in_days), time(), CIVIL)
    begins = day + timedelta(hours=hour, minutes=minute)
    return begins if begins > now else begins + timedelta(days=1)
