"""What workers do to a ticket; each verb checks who acts, writes the history and tells whom it concerns."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from models.community import next_ticket_number
from models.lifecycle import NOBODYS, OPEN, STOPPED, Act, NoReason, NotNow, Status
from models.moving import check_move, move_ticket
from models.reporting import add_follower, enter_ticket
from models.resident import Resident, Role
from models.routing import route
from models.store import moment
from models.ticket import Ticket, TicketEvent, followers, write_down
from models.ticket_news import tell_residents, tell_workers
from models.ticket_time import clock_of, retime, used


class Spot(NamedTuple):
    """Where something is; coordinates are WGS-84."""

    place: str
    building: str = ""
    lat: float | None = None
    lon: float | None = None


def accept_ticket(db: Session, by: Resident, ticket: Ticket) -> None:
    """Take a ticket on; it is theirs from now on (受理)."""
    check_move(db, by, ticket, Status.ACCEPTED)
    ticket.worker_id = by.id
    move_ticket(db, by, ticket, Status.ACCEPTED)


def assign_ticket(db: Session, by: Resident, ticket: Ticket, worker: Resident, reason: str = "") -> None:
    """Hand a ticket to a worker, who is told (派单·转单); what somebody does already, with a reason for them alone.

    Raises NotNow, NoReason or PermissionError.
    """
    check_move(db, by, ticket, Status.ASSIGNED)
    if worker.role < Role.WORKER:
        raise PermissionError("only workers are given tickets")
    if ticket.status not in NOBODYS and not reason.strip():
        raise NoReason("say why it changes hands")
    ticket.worker_id = worker.id
    event = move_ticket(db, by, ticket, Status.ASSIGNED)
    if reason.strip():
        event = write_down(db, ticket, by, reason, Act.NOTED)
    tell_workers(db, ticket, event, "work.handed", besides=by.id)


def ask_reporter(db: Session, by: Resident, ticket: Ticket, question: str) -> None:
    """Ask whoever reported it; the time stands still until they answer, or for WAIT_FOR_REPORTER."""
    _demand(question)
    move_ticket(db, by, ticket, Status.AWAITING_REPORTER, question)


def pause_ticket(db: Session, by: Resident, ticket: Ticket, reason: str, until: datetime) -> None:
    """Let it rest until then (挂起), UTC, because of something the residents are told; its time stands still."""
    if until <= moment(db):
        raise ValueError("a pause ends in the future")
    move_ticket(db, by, ticket, Status.ON_HOLD, reason, until=until)


def resume_ticket(db: Session, by: Resident, ticket: Ticket) -> None:
    """Go on before the pause, or the waiting, is over."""
    move_ticket(db, by, ticket, Status.IN_PROGRESS)


def finish_ticket(db: Session, by: Resident, ticket: Ticket, outcome: str, photos: Sequence[str] = ()) -> None:
    """It is done (办结): how, in words for the reporter, and how it looks now."""
    _demand(outcome)
    move_ticket(db, by, ticket, Status.RESOLVED, outcome, photos=photos)


def call_back(db: Session, by: Resident, ticket: Ticket, *, satisfied: bool, text: str = "") -> None:
    """Write down what the reporter said on the telephone (回访); dissatisfied, for a reason, it is done again, once."""
    move_ticket(db, by, ticket, Status.CALLED_BACK if satisfied else Status.REOPENED, text)


def add_note(db: Session, by: Resident, ticket: Ticket, text: str) -> TicketEvent:
    """Something for the workers alone."""
    _check(by)
    _demand(text)
    return write_down(db, ticket, by, text, Act.NOTED)


def change_ticket(db: Session, by: Resident, ticket: Ticket, *, category: str = "", spot: Spot | None = None) -> None:
    """It is of another category, or elsewhere: it has other time, and may be somebody else's.

    Raises NotNow or PermissionError.
    """
    _check(by, ticket)
    counted_by = clock_of(db, ticket)
    ticket.category = category or ticket.category
    if spot is not None:
        ticket.place, ticket.building, ticket.lat, ticket.lon = spot
    if category:
        retime(db, ticket, counted_by)
    event = write_down(db, ticket, by, act=Act.CHANGED)  # no word of where: neighbours read no door
    if route(db, ticket):
        tell_workers(db, ticket, event, "work.new_ticket", besides=by.id)


def split_ticket(db: Session, by: Resident, ticket: Ticket, category: str, description: str) -> Ticket:
    """Make another ticket of a part of this one, for the same reporter; what time was used counts for it too.

    Raises NotNow or PermissionError.
    """
    _check(by, ticket)
    kept = {name: getattr(ticket, name) for name in ("resident_id", "place", "building", "lat", "lon", "contact")}
    child = Ticket(
        number=next_ticket_number(db),
        parent_id=ticket.id,
        category=category,
        description=description,
        channel=ticket.channel,
        photos=[*ticket.photos],
        opened_at=ticket.opened_at,
        due_at=ticket.due_at,
        clock_from=moment(db),
        **kept,
    )
    event = enter_ticket(db, by, child, _inherited(db, ticket, child))
    for resident_id in followers(db, ticket):
        add_follower(db, child, resident_id)
    write_down(db, ticket, by, str(child.number), Act.SPLIT)
    tell_residents(db, child, event, by.id, "repair.split", parent=ticket.number, until=child.due_at)
    return child


def _inherited(db: Session, ticket: Ticket, child: Ticket) -> timedelta:
    if clock_of(db, child) != clock_of(db, ticket):
        return timedelta()
    return timedelta(seconds=ticket.spent) if ticket.status in STOPPED else used(db, ticket)


def merge_ticket(db: Session, by: Resident, ticket: Ticket, into: Ticket) -> None:
    """It is the same matter as another: whoever reported or followed it follows that one, and is told so once.

    Raises NotNow or PermissionError.
    """
    if ticket.id == into.id or into.status not in OPEN:
        raise NotNow("there is nothing to merge it into")
    check_move(db, by, ticket, Status.MERGED)
    for resident_id in (ticket.resident_id, *followers(db, ticket)):
        add_follower(db, into, resident_id)
    move_ticket(db, by, ticket, Status.MERGED, into=into)
    if ticket.emergency and not into.emergency:
        counted_by, into.emergency = clock_of(db, into), True
        retime(db, into, counted_by)
    event = write_down(db, into, by, str(ticket.number), Act.JOINED)
    tell_workers(db, into, event, "work.merged", besides=by.id)


def _check(by: Resident, ticket: Ticket | None = None) -> None:
    if by.role < Role.WORKER:
        raise PermissionError("workers see to tickets")
    if ticket is not None and ticket.status not in OPEN:
        raise NotNow("nobody works on it any more")


def _demand(text: str) -> None:
    if not text.strip():
        raise NoReason("say it in words")
