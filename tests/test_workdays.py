"""Working time: 调休, lunch, weekends, years nobody knows yet, and days a community has of its own."""

from datetime import UTC, date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.community import OFFICE
from models.quiet import CIVIL
from models.resident import Role
from models.workdays import (
    ROUND_THE_CLOCK,
    Calendar,
    SpecialDay,
    add_working,
    calendar_of,
    clear_special_day,
    intervals,
    is_known,
    is_workday,
    next_opening,
    set_special_day,
    working_between,
)
from tests.conftest import Chat, both_stores

USUAL = Calendar(intervals(OFFICE))
UNKNOWN = max(chinese_calendar.constants.holidays).year + 1  # 2027, until it is announced


def at(text: str) -> datetime:
    """An instant said in Hangzhou's time: 2026-11-25 12:00."""
    return datetime.fromisoformat(text).replace(tzinfo=CIVIL).astimezone(UTC)


def due(start: str, hours: float, calendar: Calendar = USUAL) -> str:
    return f"{add_working(calendar, at(start), timedelta(hours=hours)).astimezone(CIVIL):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 10, 1), False),  # a Thursday, National Day
        (date(2026, 10, 10), True),  # a Saturday, worked instead
        (date(2026, 9, 20), True),  # a Sunday, worked instead
        (date(2026, 11, 25), True),
        (date(2026, 11, 28), False),
    ],
)
def test_days_are_those_of_the_law(day: date, worked: bool) -> None:
    assert is_known(day)
    assert is_workday(day) is worked
    assert USUAL.is_working(day) is worked


def test_of_a_year_not_announced_weekends_are_free() -> None:
    days = [date(UNKNOWN, 1, 1) + timedelta(days=n) for n in range(365)]
    assert not any(is_known(day) for day in days)
    assert [is_workday(day) for day in days] == [day.weekday() < 5 for day in days]
    friday = next(day for day in days[30:] if day.weekday() == 4)
    assert due(f"{friday} 16:00", 2) == f"{friday + timedelta(days=3)} 09:30"


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-25 09:00", 1, "2026-11-25 10:00"),
        ("2026-11-25 11:30", 1, "2026-11-25 14:00"),  # over lunch
        ("2026-11-25 12:15", 1, "2026-11-25 14:30"),  # said at lunch
        ("2026-11-25 05:00", 1, "2026-11-25 09:30"),
        ("2026-11-25 20:00", 1, "2026-11-26 09:30"),
        ("2026-11-25 10:00", 2, "2026-11-25 12:00"),  # at closing, not at the next opening
        ("2026-11-25 12:00", 14, "2026-11-27 12:00"),
        ("2026-11-27 16:30", 1, "2026-11-30 09:00"),  # over the weekend
        ("2026-09-30 16:30", 1, "2026-10-08 09:00"),  # over National Day
        ("2026-10-10 08:00", 7, "2026-10-10 17:00"),  # a Saturday that is worked
        ("2026-11-28 10:00", 0, "2026-11-28 10:00"),
    ],
)
def test_hours_are_the_offices(start: str, hours: float, end: str) -> None:
    assert due(start, hours) == end


def test_danger_counts_every_hour() -> None:
    assert due("2026-10-01 22:00", 4, ROUND_THE_CLOCK) == "2026-10-02 02:00"


def test_a_call_back_is_due_when_the_office_opens_next() -> None:
    def opening(after: str) -> str:
        return f"{next_opening(USUAL, at(after)).astimezone(CIVIL):%Y-%m-%d %H:%M}"

    assert opening("2026-11-25 07:00") == "2026-11-26 08:30"
    assert opening("2026-11-27 18:00") == "2026-11-30 08:30"
    assert opening("2026-09-30 18:00") == "2026-10-08 08:30"


def test_a_community_may_work_otherwise() -> None:
    saturday, monday = date(2026, 11, 28), date(2026, 11, 30)
    calendar = Calendar(intervals("09:00-12:00"), {saturday: True, monday: False})
    assert due("2026-11-27 11:30", 1, calendar) == "2026-11-28 09:30"
    assert due("2026-11-28 11:30", 1, calendar) == "2026-12-01 09:30"


@pytest.mark.parametrize("hours", ["12:00-08:30", "08:30-12:00, 11:00-17:00", "08:30", "", "8-12:00x"])
def test_hours_that_cannot_be_are_refused(hours: str) -> None:
    with pytest.raises(ValueError, match=r"hours end|invalid literal"):
        intervals(hours)


# --- whatever the instant -------------------------------------------------------------------------------------------

instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 (st wants naive bounds)
spans = st.integers(0, 200 * 3600).map(lambda s: timedelta(seconds=s))
calendars = st.sampled_from([USUAL, ROUND_THE_CLOCK, Calendar(intervals("09:00-24:00"), {date(2026, 11, 28): True})])


@given(calendars, instants, instants, spans)
def test_who_begins_later_is_not_done_earlier(c: Calendar, one: datetime, two: datetime, span: timedelta) -> None:
    first, second = sorted((one, two))
    assert add_working(c, first, span) <= add_working(c, second, span)


@given(calendars, instants, spans, spans)
def test_more_work_takes_longer_and_may_be_done_in_parts(
    c: Calendar, start: datetime, one: timedelta, two: timedelta
) -> None:
    half = add_working(c, start, one)
    assert start <= half <= add_working(c, half, two) == add_working(c, start, one + two) or not two


@given(calendars, instants, spans)
def test_what_is_added_lies_between(c: Calendar, start: datetime, span: timedelta) -> None:
    assert working_between(c, start, add_working(c, start, span)) == span


@given(calendars, instants, spans, spans, st.integers(0, 40 * 24 * 3600))
def test_a_pause_never_shortens(c: Calendar, start: datetime, span: timedelta, worked: timedelta, rest: int) -> None:
    """Stopped after some work and taken up later, with what is left."""
    stopped = min(add_working(c, start, worked), add_working(c, start, span))
    left = span - working_between(c, start, stopped)
    assert add_working(c, stopped + timedelta(seconds=rest), left) >= add_working(c, start, span) or not left


# --- in the store ---------------------------------------------------------------------------------------------------


@pytest.fixture
def office(chat: Chat) -> Chat:
    return chat.settle_in(Role.MANAGER)


@both_stores
def test_a_special_day_counts_here_and_one_for_all_everywhere(office: Chat) -> None:
    day, there = date(2026, 11, 26), Chat(office.desk, "chen", "baoshi").settle_in(Role.ALLIANCE)
    with there.store() as db:
        set_special_day(db, there.me(db), day, working=False, note="全市停工", everywhere=True)
    with office.store() as db:
        assert not calendar_of(db).is_working(day)
        set_special_day(db, office.me(db), day, working=True, note="照常")
        assert calendar_of(db).is_working(day)  # a community's own word goes before
        set_special_day(db, office.me(db), day, working=True, note="再说一遍")
    with there.store() as db:
        assert not calendar_of(db).is_working(day)
    assert len(office.rows(SpecialDay)) == 2
    with office.store() as db:
        assert clear_special_day(db, office.me(db), day)
        assert not clear_special_day(db, office.me(db), day)
        assert not calendar_of(db).is_working(day)


def test_who_may_say_so(office: Chat, chat: Chat) -> None:
    worker = Chat(office.desk, "wang").settle_in(Role.WORKER)
    with office.store() as db:
        with pytest.raises(PermissionError):
            set_special_day(db, worker.me(db), date(2026, 11, 26), working=False)
        with pytest.raises(PermissionError):
            set_special_day(db, office.me(db), date(2026, 11, 26), working=False, everywhere=True)
    assert office.rows(SpecialDay) == []
