"""How long a report may take: its time runs in the office's hours, stands still while it waits, and runs out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from sqlmodel import Session, col, select

from models.lifecycle import (
    DAY_AND_NIGHT,
    EMERGENCY_HOURS,
    HOURS,
    LADDER,
    NOBODYS,
    OVER,
    RUNNING,
    STOPPED,
    WAIT_FOR_REPORTER,
    Rung,
    Status,
)
from models.store import moment
from models.ticket import Ticket
from models.workdays import ROUND_THE_CLOCK, Calendar, add_working, calendar_of, next_opening, working_between

EXAMPLES, ENOUGH = 300, 5  # finished reports looked at for how long a category takes, and how many say something
UNTOUCHED = 0.75  # of its time gone and nobody has accepted


def clock_of(db: Session, ticket: Ticket) -> Calendar:
    """By what the time of a ticket is counted: danger does not wait for the office to open."""
    around = ticket.emergency or ticket.category in DAY_AND_NIGHT
    return ROUND_THE_CLOCK if around else calendar_of(db)


def promised(ticket: Ticket) -> timedelta:
    """How much time a ticket has, on its own clock."""
    return timedelta(hours=EMERGENCY_HOURS if ticket.emergency else HOURS[ticket.category])


def start_time(db: Session, ticket: Ticket, spent: timedelta = timedelta()) -> None:
    """Let the time of a ticket begin now, some of it used up already."""
    ticket.clock_from, ticket.spent, ticket.climbed = moment(db), int(spent.total_seconds()), []
    _set_due(db, ticket)


def keep_time(db: Session, ticket: Ticket, was: Status, until: datetime | None = None) -> None:
    """Stop the time, or let it go on, as the ticket's status says; it was in `was` until now."""
    ran, runs = was in RUNNING, ticket.status in RUNNING
    if ticket.status is Status.REOPENED:
        start_time(db, ticket)
    elif ran and not runs:
        ticket.spent, ticket.climbs_at = int(used(db, ticket).total_seconds()), None
    elif runs and not ran:
        ticket.clock_from = moment(db)
        _set_due(db, ticket)
    waits = until or add_working(calendar_of(db), moment(db), WAIT_FOR_REPORTER)
    ticket.stopped_until = waits if ticket.status in STOPPED else None
    resolved = ticket.status is Status.RESOLVED
    ticket.call_back_at = next_opening(calendar_of(db), moment(db)) if resolved else None


def retime(db: Session, ticket: Ticket, counted_by: Calendar) -> None:
    """The time a ticket has is another now; where it is counted otherwise than by `counted_by`, it begins anew."""
    if clock_of(db, ticket) != counted_by:
        ticket.clock_from, ticket.spent = moment(db), 0
    if ticket.status in RUNNING:
        _set_due(db, ticket)


def used(db: Session, ticket: Ticket) -> timedelta:
    """How much of its time a running ticket has used up by now."""
    return _spent(ticket) + working_between(clock_of(db, ticket), ticket.clock_from, moment(db))


def climb_times(db: Session, ticket: Ticket) -> list[tuple[datetime, Rung]]:
    """When each rung of the ladder is reached that has not been, if nothing happens."""
    return [(_when(db, ticket, rung.late), rung) for rung in LADDER if rung.act.name not in ticket.climbed]


def set_next_climb(db: Session, ticket: Ticket) -> None:
    ticket.climbs_at = min((at for at, _ in climb_times(db, ticket)), default=None)


def expected_late(db: Session, tickets: Iterable[Ticket]) -> set[int]:
    """The ids of those running that will probably be late.

    Either finishing takes longer than is left, going by what others of the category took here, or nobody has
    accepted it in three quarters of its time.
    """
    running = [t for t in tickets if t.status in RUNNING and t.due_at > moment(db)]
    usual = _usual(db, {t.category for t in running})
    return {t.id for t in running if _falls_behind(db, t, usual.get(t.category, timedelta()))}


def _falls_behind(db: Session, ticket: Ticket, usual: timedelta) -> bool:
    untouched = ticket.status in NOBODYS and used(db, ticket) >= promised(ticket) * UNTOUCHED
    return untouched or usual > promised(ticket)


def _usual(db: Session, categories: set[str]) -> dict[str, timedelta]:
    """The median time the newest finished reports of each category took, where there are enough."""
    finished = select(Ticket.category, Ticket.spent).where(
        col(Ticket.status).in_(OVER), col(Ticket.spent) > 0, col(Ticket.category).in_(categories)
    )
    took: dict[str, list[int]] = {}
    for category, spent in db.exec(finished.order_by(col(Ticket.number).desc()).limit(EXAMPLES)):
        took.setdefault(category, []).append(spent)
    return {c: timedelta(seconds=median(several)) for c, several in took.items() if len(several) >= ENOUGH}


def _set_due(db: Session, ticket: Ticket) -> None:
    """What was late before its time stood still stays as late as it was."""
    if promised(ticket) > _spent(ticket):
        ticket.due_at = _when(db, ticket)
    set_next_climb(db, ticket)


def _when(db: Session, ticket: Ticket, late: timedelta = timedelta()) -> datetime:
    return add_working(clock_of(db, ticket), ticket.clock_from, promised(ticket) + late - _spent(ticket))


def _spent(ticket: Ticket) -> timedelta:
    return timedelta(seconds=ticket.spent)
