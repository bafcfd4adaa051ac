"""The only ways a ticket changes: opened, moved, handed over, added to, urged, rated, followed."""

from datetime import timedelta

from sqlmodel import Session

from models.community import next_ticket_number
from models.lifecycle import HOURS, MOVES, OPEN, REOPEN_WITHIN, URGE_EVERY, NotNow, Status, TooLate
from models.resident import Resident, Role
from models.store import moment
from models.ticket import Follower, Ticket, TicketEvent, overdue, write_down
from models.ticket_news import tell_residents, tell_workers


def open_ticket(
    db: Session,
    by: Resident,
    category: str,
    description: str,
    *,
    place: str = "",
    building: str = "",
    lat: float | None = None,
    lon: float | None = None,
    photos: tuple[str, ...] = (),
    contact: str = "",
    emergency: bool = False,
) -> Ticket:
    """Take in a report and tell the workers."""
    now = moment(db)
    ticket = Ticket(
        number=next_ticket_number(db),
        resident_id=by.id,
        category=category,
        description=description,
        place=place,
        building=building,
        lat=lat,
        lon=lon,
        photos=list(photos),
        contact=contact,
        emergency=emergency,
        opened_at=now,
        due_at=now + timedelta(hours=HOURS[category]),
    )
    db.add(ticket)
    tell_workers(db, ticket, write_down(db, ticket, by), "work.new_ticket")
    return ticket


def move_ticket(db: Session, ticket: Ticket, to: Status, by: Resident, text: str = "") -> TicketEvent:
    """Move along MOVES and tell the reporter, followers and, of a reporter's move, the workers.

    Raises NotNow, TooLate or PermissionError.
    """
    least = MOVES[ticket.status].get(to)
    if least is None:
        raise NotNow(f"{ticket.status.name} does not lead to {to.name}")
    if by.role < least or (by.role < Role.WORKER and ticket.resident_id != by.id):
        raise PermissionError(f"{by.role.name} may not move this ticket to {to.name}")
    if to is Status.REOPENED and not in_time_to_reopen(db, ticket):
        raise TooLate("the time to reopen is over")
    ticket.status = to
    if to is Status.RESOLVED:
        ticket.resolved_at = moment(db)
    if to is Status.REOPENED:
        ticket.due_at, ticket.overdue_told_at = moment(db) + timedelta(hours=HOURS[ticket.category]), None
    event = write_down(db, ticket, by, text)
    tell_residents(db, ticket, event, besides=by.id)
    if least < Role.WORKER:
        tell_workers(db, ticket, event, "work.moved_by_reporter", besides=by.id)
    return event


def in_time_to_reopen(db: Session, ticket: Ticket) -> bool:
    return moment(db) <= (ticket.resolved_at or moment(db)) + REOPEN_WITHIN


def assign_ticket(db: Session, ticket: Ticket, worker: Resident, by: Resident) -> None:
    """Hand a ticket to a worker, who is told."""
    if worker.role < Role.WORKER:
        raise PermissionError("only workers are given tickets")
    event = move_ticket(db, ticket, Status.ASSIGNED, by)
    ticket.worker_id = worker.id
    tell_workers(db, ticket, event, "work.handed", besides=by.id)


def add_to_ticket(db: Session, ticket: Ticket, by: Resident, text: str, photos: tuple[str, ...] = ()) -> None:
    """Something more the reporter has to say; a ticket that waited for it goes on. Raises NotNow once it is over."""
    if ticket.resident_id != by.id:
        raise PermissionError("only the reporter adds to a report")
    if ticket.status not in OPEN:
        raise NotNow("nobody works on it any more")
    ticket.photos, waited = [*ticket.photos, *photos], ticket.status is Status.AWAITING_REPORTER
    ticket.status = Status.IN_PROGRESS if waited else ticket.status
    event = write_down(db, ticket, by, text)
    tell_workers(db, ticket, event, "work.added", besides=by.id, note={"key": "work.photos_added"})
    if waited:
        tell_residents(db, ticket, event, besides=by.id)


def urge_ticket(db: Session, ticket: Ticket, by: Resident) -> bool:
    """Ask for speed (催办); False when that was done a short while ago."""
    now = moment(db)
    if ticket.status not in OPEN:
        raise NotNow("nothing to urge")
    if ticket.urged_at is not None and now < ticket.urged_at + URGE_EVERY:
        return False
    ticket.urged_at = now
    tell_workers(db, ticket, write_down(db, ticket, by), "work.urged")
    return True


def rate_ticket(db: Session, ticket: Ticket, by: Resident, stars: int, text: str = "") -> None:
    """The reporter's verdict, 1 to 5; it closes the ticket."""
    if not 1 <= stars <= 5:
        raise ValueError("one to five stars")
    if ticket.resident_id != by.id:
        raise PermissionError("only the reporter rates")
    move_ticket(db, ticket, Status.CLOSED, by, f"{'★' * stars} {text}".strip())
    ticket.stars = stars


def follow_ticket(db: Session, ticket: Ticket, by: Resident) -> bool:
    """Say "me too"; False when already said or one's own."""
    if ticket.resident_id == by.id or db.get(Follower, (ticket.id, by.id)) is not None:
        return False
    db.add(Follower(ticket_id=ticket.id, resident_id=by.id, at=moment(db)))
    return True


def tell_overdue(db: Session) -> int:
    """Tell the workers, once, of each open ticket past its time."""
    late = overdue(db)
    for ticket in late:
        ticket.overdue_told_at = moment(db)
        tell_workers(db, ticket, write_down(db, ticket, None), "work.overdue")
    return len(late)
