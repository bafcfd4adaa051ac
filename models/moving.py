"""Moving a ticket from one stage of its life to the next, as the table of moves allows; everybody hears of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from models.lifecycle import (
    MOVES,
    REOPEN_WITHIN,
    WITH_REASON,
    NoReason,
    NotNow,
    OnlyOnce,
    Status,
    TooLate,
)
from models.resident import Resident, Role
from models.store import moment
from models.ticket import Ticket, TicketEvent, write_down
from models.ticket_dues import STOPS
from models.ticket_news import tell_residents, tell_workers
from models.ticket_time import keep_time


def move_ticket(
    db: Session,
    by: Resident,
    ticket: Ticket,
    to: Status,
    text: str = "",
    *,
    photos: Sequence[str] = (),
    until: datetime | None = None,
    into: Ticket | None = None,
) -> TicketEvent:
    """Move along MOVES and tell the reporter, followers and, of a reporter's move, the workers.

    `until` (UTC) is when a ticket that waits goes on by itself, `into` the one it is merged into.
    Raises NotNow, TooLate, OnlyOnce, NoReason or PermissionError.
    """
    least = check_move(db, by, ticket, to)
    if (to in WITH_REASON and not text.strip()) or (to is Status.MERGED) != (into is not None):
        raise NoReason(f"{to.name} is not entered without saying why")
    enter(db, ticket, to, until)
    if into is not None:
        ticket.merged_into_id = into.id
    event = write_down(db, ticket, by, text, photos=photos)
    facts = {"until": ticket.stopped_until} if to is Status.ON_HOLD else {"into": into.number} if into else {}
    tell_residents(db, ticket, event, by.id, **facts)
    if least < Role.WORKER:
        tell_workers(db, ticket, event, "work.moved_by_reporter", besides=by.id)
    return event


def check_move(db: Session, by: Resident, ticket: Ticket, to: Status) -> Role:
    """The least role that may make this move; raises NotNow, TooLate, OnlyOnce or PermissionError."""
    least = MOVES[ticket.status].get(to)
    if least is None:
        raise NotNow(f"{ticket.status.name} does not lead to {to.name}")
    if by.role < least or (by.role < Role.WORKER and ticket.resident_id != by.id):
        raise PermissionError(f"{by.role.name} may not move this ticket to {to.name}")
    if to is Status.REOPENED and ticket.reopened and by.role < Role.MANAGER:
        raise OnlyOnce("it has been reopened before")
    if to is Status.REOPENED and moment(db) > (ticket.resolved_at or moment(db)) + REOPEN_WITHIN:
        raise TooLate("the time to reopen is over")
    return least


def may_move(db: Session, by: Resident, ticket: Ticket, to: Status) -> bool:
    """Whether this move is open to a person now: for what is offered."""
    try:
        check_move(db, by, ticket, to)
    except (NotNow, PermissionError):
        return False
    return True


def enter(db: Session, ticket: Ticket, to: Status, until: datetime | None = None) -> None:
    """Let a ticket stand in another status; whoever calls writes it down."""
    was, ticket.status = ticket.status, to
    if to is Status.RESOLVED:
        ticket.resolved_at = moment(db)
    if to is Status.REOPENED:
        ticket.reopened += 1
    keep_time(db, ticket, was, until)


def end_stops(db: Session) -> int:
    """Let go on what has waited long enough: whoever was asked has not answered, or a pause is over."""
    ended = STOPS.take(db)
    for ticket in ended:
        enter(db, ticket, Status.IN_PROGRESS)
        event = write_down(db, ticket, None)
        tell_residents(db, ticket, event)
        tell_workers(db, ticket, event, "work.goes_on")
    return len(ended)
