"""Events as calendar files (RFC 5545), for a resident's own phone."""

from collections.abc import Iterable
from datetime import UTC, timedelta

from icalendar import Alarm, Calendar, vGeo
from icalendar import Event as Entry

from bot.conversation.texts import Texts
from models.event import Event, EventState

PRODUCT = "-//Linlifang//Events//ZH"


def event_ics(event: Event, texts: Texts, url: str) -> bytes:
    """One event; `url` is the page it can be read on, empty for none."""
    return _file([event], texts, url, texts.show(event.title))


def signups_ics(events: Iterable[Event], texts: Texts, url: str) -> bytes:
    """All a resident comes to, to be subscribed to; `url` is the page they can be read on, empty for none."""
    return _file(events, texts, url, texts("menu.events.mine"))


def _file(events: Iterable[Event], texts: Texts, url: str, name: str) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    for event in events:
        calendar.add_component(_entry(event, texts, url))
    written: bytes = calendar.to_ical()
    return written


def _entry(event: Event, texts: Texts, url: str) -> Entry:
    entry, cancelled = Entry(), event.state is EventState.CANCELLED
    entry.add("uid", f"event-{event.id}@linlifang")  # the same for ever: a calendar replaces what it has
    entry.add("sequence", event.version)
    entry.add("dtstamp", event.changed_at.astimezone(UTC))
    entry.add("last-modified", event.changed_at.astimezone(UTC))
    entry.add("dtstart", event.starts_at.astimezone(UTC))
    entry.add("dtend", event.ends_at.astimezone(UTC))
    entry.add("summary", texts.show(event.title))
    entry.add("description", texts.show(event.what))
    entry.add("location", texts.show(event.place))
    entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    if event.lat is not None and event.lon is not None:
        entry.add("geo", vGeo((event.lat, event.lon)))
    if url:
        entry.add("url", url)
    for minutes in () if cancelled else sorted(set(event.remind), reverse=True):
        entry.add_component(_alarm(minutes, texts.show(event.title)))
    return entry


def _alarm(minutes: int, title: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", timedelta(minutes=-minutes))
    alarm.add("description", title)
    return alarm
