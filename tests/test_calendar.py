"""Calendar files, read back as a phone would."""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from bot.calendar import event_ics, signups_ics
from bot.conversation.texts import texts
from models.event import Event, EventState

STARTS = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)


@pytest.fixture
def event() -> Event:
    return Event(
        id=7,
        title={"zh": "包饺子，一起来", "en": "Dumplings; together"},
        what={"zh": "带围裙。\n有热茶。", "en": "Bring an apron."},
        place={"zh": "共享厅", "en": "Shared hall"},
        lat=30.28,
        lon=120.13,
        starts_at=STARTS,
        ends_at=STARTS + timedelta(minutes=90),
        seats=6,
        remind=[120, 1440],
        version=3,
        changed_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


def test_an_event_is_read_back_as_it_is(event: Event) -> None:
    written = event_ics(event, texts("zh"), "https://example.org/e/7")
    calendar = Calendar.from_ical(written)
    [entry] = calendar.walk("VEVENT")
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    assert (entry["UID"], entry["SEQUENCE"], entry["STATUS"]) == ("event-7@linlifang", 3, "CONFIRMED")
    assert entry.decoded("DTSTART") == STARTS
    assert entry.decoded("DTEND") == STARTS + timedelta(minutes=90)
    assert entry.decoded("DTSTAMP") == event.changed_at
    assert (entry["SUMMARY"], entry["DESCRIPTION"]) == ("包饺子，一起来", "带围裙。\n有热茶。")
    assert entry["LOCATION"] == "共享厅"
    assert (entry["GEO"].latitude, entry["GEO"].longitude) == (30.28, 120.13)
    assert entry["URL"] == "https://example.org/e/7"
    alarms = entry.walk("VALARM")
    assert [a.decoded("TRIGGER") for a in alarms] == [timedelta(days=-1), timedelta(hours=-2)]
    assert {a["ACTION"] for a in alarms} == {"DISPLAY"}
    assert all(len(line) <= 75 for line in written.split(b"\r\n"))  # octets, RFC 5545 §3.1


def test_a_cancelled_event_says_so_and_rings_no_more(event: Event) -> None:
    event.state = EventState.CANCELLED
    [entry] = Calendar.from_ical(event_ics(event, texts("zh"), "")).walk("VEVENT")
    assert entry["STATUS"] == "CANCELLED"
    assert entry.walk("VALARM") == []
    assert "URL" not in entry


def test_ones_own_events_in_the_language_one_reads(event: Event) -> None:
    other = Event(**event.model_dump() | {"id": 8, "lat": None, "remind": [], "title": {"zh": "只有中文"}})
    calendar = Calendar.from_ical(signups_ics([event, other], texts("en"), ""))
    first, second = calendar.walk("VEVENT")
    assert (first["SUMMARY"], second["SUMMARY"]) == ("Dumplings; together", "只有中文")
    assert first["UID"] != second["UID"]
    assert "GEO" not in second
    assert calendar["X-WR-CALNAME"] == "My events"
    assert Calendar.from_ical(signups_ics([], texts("en"), "")).walk("VEVENT") == []
