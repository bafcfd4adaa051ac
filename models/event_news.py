"""Who hears of what happens to an event and to their own place in it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models.event import Event, due_reminders
from models.outbox import cancel_pushes, push
from models.quiet import quiet_until
from models.resident import Resident
from models.store import moment

Buttons = list[tuple[str, str]]


def about(event_id: int, resident_id: int) -> str:
    """What all pushes of one person and one event belong to, so that they can be taken back together."""
    return f"event:{event_id}:{resident_id}"


def owe_reminders(db: Session, event: Event, resident_id: int, turn: int) -> None:
    """`turn` tells a second sign-up from the first, whose reminders were taken back."""
    for minutes, at in due_reminders(event.starts_at, event.remind, moment(db)):
        key = f"event:{event.id}:v{event.version}:{resident_id}:{minutes}:{turn}"
        buttons = [_button(event, "show"), _button(event, "leave")]
        _owe(db, event, key, resident_id, "reminder", buttons, due=at, expires=event.starts_at)


def tell(db: Session, event: Event, resident_id: int, what: str, turn: int, steps: Iterable[str], **more: Any) -> None:
    """Tell one person the text `events.<what>`, with a button for each step, which is a service of that name."""
    key = f"event:{event.id}:v{event.version}:{resident_id}:{what}:{turn}"
    _owe(db, event, key, resident_id, what, [_button(event, s) for s in steps], **more)


def take_back(db: Session, event: Event, resident_ids: Iterable[int]) -> None:
    """What these people were to hear of the event is void."""
    matters = [about(event.id, r) for r in resident_ids]
    if matters:
        cancel_pushes(db, *matters)


def awake(resident: Resident, now: datetime) -> datetime:
    """The first instant (UTC) from `now` on that is not in somebody's quiet hours."""
    return quiet_until(resident.quiet_from, resident.quiet_until, now) or now


def _button(event: Event, step: str) -> tuple[str, str]:
    return f"/events.{step} event={event.id}", f"events.do_{step}"


def _owe(
    db: Session,
    event: Event,
    key: str,
    to: int,
    what: str,
    choices: Buttons,
    due: datetime | None = None,
    expires: datetime | None = None,
    **more: Any,
) -> None:
    facts: dict[str, Any] = {"title": event.title, "place": event.place, "at": event.starts_at} | more
    text_key, matter = f"events.{what}", about(event.id, to)
    push(db, key, to, text_key, about=matter, due=due, expires=expires, choices=choices, **facts)
