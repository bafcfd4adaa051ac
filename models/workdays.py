"""Working time in China: days with 调休, the office's hours and its lunch break."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import ClassVar

import chinese_calendar
from sqlalchemy import Index, UniqueConstraint, or_, text
from sqlmodel import Field, Session, col, select

from models.audit import Audited
from models.community import Community
from models.quiet import CIVIL
from models.resident import Resident, Role
from models.store import noted, ours, own_id, settle

_EVERYWHERE = text("community_id IS NULL")
Interval = tuple[int, int]  # minutes after midnight, Asia/Shanghai


class SpecialDay(Audited, table=True):
    """A day that is worked, or not, whatever the law's calendar says: for one community, or for all."""

    __tablename__ = "special_day"
    audited: ClassVar = ("working", "note")

    id: int = own_id()
    community_id: int | None = Field(default=None, foreign_key="community.id")  # None is all of them
    day: date
    working: bool
    note: str = ""

    __table_args__ = (
        UniqueConstraint("community_id", "day"),
        Index("ix_special_day_everywhere", "day", unique=True, sqlite_where=_EVERYWHERE, postgresql_where=_EVERYWHERE),
    )


@dataclass(frozen=True)
class Calendar:
    """When an office works. All times given and taken are UTC."""

    hours: tuple[Interval, ...]  # of every working day, earliest first; none overlaps
    special: Mapping[date, bool] = field(default_factory=dict)
    every_day: bool = False

    def is_working(self, day: date) -> bool:
        return self.every_day or self.special.get(day, is_workday(day))

    def spans(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The intervals worked from `since` on, without end, the first cut where `since` lies in it."""
        day = since.astimezone(CIVIL).date()
        while True:
            midnight = datetime.combine(day, time(), CIVIL).astimezone(UTC)
            for opens, closes in self.hours if self.is_working(day) else ():
                start, end = midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)
                if end > since:
                    yield max(start, since), end
            day += timedelta(days=1)


ROUND_THE_CLOCK = Calendar(((0, 24 * 60),), every_day=True)


def add_working(calendar: Calendar, start: datetime, span: timedelta) -> datetime:
    """When `span` of working time will have passed since `start`; `start` itself for none."""
    left = max(span, timedelta())
    for opens, closes in calendar.spans(start) if left else ():
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    return start


def working_between(calendar: Calendar, start: datetime, end: datetime) -> timedelta:
    """How much working time lies between two instants; none when `end` is not after `start`."""
    total = timedelta()
    for opens, closes in calendar.spans(start):
        if opens >= end:
            return total
        total += min(closes, end) - opens
    return total


def next_opening(calendar: Calendar, after: datetime) -> datetime:
    """When the office opens on the next working day, not the day of `after` itself."""
    tomorrow = after.astimezone(CIVIL).date() + timedelta(days=1)
    return next(calendar.spans(datetime.combine(tomorrow, time(), CIVIL).astimezone(UTC)))[0]


def is_workday(day: date) -> bool:
    """Whether people work on a day in China; where the year's 调休 is not known yet, weekends are free."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def is_known(day: date) -> bool:
    """Whether the year's 调休 is known; it is announced each November for the next year."""
    try:
        chinese_calendar.is_workday(day)
    except NotImplementedError:
        return False
    return True


def intervals(hours: str) -> tuple[Interval, ...]:
    """08:30-12:00, 13:30-17:00, in minutes after midnight; raises ValueError."""
    found = sorted(
        (minute_of(start), minute_of(end)) for start, _, end in (part.partition("-") for part in hours.split(","))
    )
    if any(end <= start for start, end in found) or any(a[1] > b[0] for a, b in pairwise(found)):
        raise ValueError(f"{hours}: hours end after they begin and do not overlap")
    return tuple(found)


def minute_of(clock: str) -> int:
    hour, _, minute = clock.strip().partition(":")
    return int(hour) * 60 + int(minute)


def calendar_of(db: Session) -> Calendar:
    """The working time of this transaction's community."""
    return noted(db, "calendar", lambda: [_calendar(db)], Community, SpecialDay)[0]


def _calendar(db: Session) -> Calendar:
    office = db.exec(select(Community.office).where(Community.id == ours(db))).one()
    return Calendar(intervals(office), {row.day: row.working for row in special_days(db)})


def special_days(db: Session) -> list[SpecialDay]:
    """Those that hold here, by day; a community's own after the one for all, so that it wins."""
    here = or_(col(SpecialDay.community_id).is_(None), col(SpecialDay.community_id) == ours(db))
    return list(
        db.exec(
            select(SpecialDay)
            .where(here)
            .order_by(col(SpecialDay.day), col(SpecialDay.community_id).is_not(None), col(SpecialDay.id))
        )
    )


def set_special_day(
    db: Session, by: Resident, day: date, *, working: bool, note: str = "", everywhere: bool = False
) -> SpecialDay:
    """Say that a day is worked or not, here or in all communities; deadlines that stand already do not move.

    Raises PermissionError: a manager speaks for the community, only the alliance for all.
    """
    row = _special_day(db, by, day, everywhere) or SpecialDay(day=day, working=working)
    row.community_id, row.working, row.note = None if everywhere else ours(db), working, note
    db.add(row)
    settle(db)
    return row


def clear_special_day(db: Session, by: Resident, day: date, *, everywhere: bool = False) -> bool:
    """Let the law's calendar hold again for a day; whether there was something to clear. Raises PermissionError."""
    row = _special_day(db, by, day, everywhere)
    if row is not None:
        db.delete(row)
        settle(db)
    return row is not None


def _special_day(db: Session, by: Resident, day: date, everywhere: bool) -> SpecialDay | None:
    if by.role < (Role.ALLIANCE if everywhere else Role.MANAGER):
        raise PermissionError(f"{by.role.name} may not change working days")
    whose = None if everywhere else ours(db)
    return db.exec(select(SpecialDay).where(SpecialDay.day == day, SpecialDay.community_id == whose)).first()
