"""What residents do to a ticket: it is opened, added to, urged, rated, followed."""

from datetime import timedelta

from sqlmodel import Session

from models.community import next_ticket_number
from models.lifecycle import OPEN, Act, NotNow, Status
from models.moving import enter, move_ticket
from models.resident import Resident, Role
from models.routing import route
from models.store import moment
from models.ticket import COUNTER, Follower, Ticket, TicketEvent, write_down
from models.ticket_news import tell_residents, tell_workers
from models.ticket_time import start_time


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
    reporter: Resident | None = None,
) -> Ticket:
    """Take in a report and tell the workers, who alone enter one for another `reporter`; raises PermissionError."""
    if reporter is not None and by.role < Role.WORKER:
        raise PermissionError("only workers report for somebody else")
    ticket = Ticket(
        number=next_ticket_number(db),
        resident_id=(reporter or by).id,
        category=category,
        description=description,
        place=place,
        building=building,
        lat=lat,
        lon=lon,
        photos=list(photos),
        contact=contact,
        emergency=emergency,
        channel=COUNTER if reporter else "",
        opened_at=moment(db),
        due_at=moment(db),
        clock_from=moment(db),
    )
    event = enter_ticket(db, by, ticket)
    if reporter is not None:
        tell_residents(db, ticket, event, by.id, "repair.entered", until=ticket.due_at)
    return ticket


def enter_ticket(db: Session, by: Resident, ticket: Ticket, spent: timedelta = timedelta()) -> TicketEvent:
    """Let a new ticket's time begin, find out who it goes to, and tell them."""
    start_time(db, ticket, spent)
    route(db, ticket)
    db.add(ticket)
    event = write_down(db, ticket, by)
    tell_workers(db, ticket, event, "work.new_ticket", besides=by.id if by.id != ticket.resident_id else 0)
    return event


def add_to_ticket(db: Session, by: Resident, ticket: Ticket, text: str, photos: tuple[str, ...] = ()) -> None:
    """Something more the reporter has to say; a ticket that waited for it goes on. Raises NotNow once it is over."""
    if ticket.resident_id != by.id:
        raise PermissionError("only the reporter adds to a report")
    if ticket.status not in OPEN:
        raise NotNow("nobody works on it any more")
    ticket.photos, waited = [*ticket.photos, *photos], ticket.status is Status.AWAITING_REPORTER
    if waited:
        enter(db, ticket, Status.IN_PROGRESS)
    event = write_down(db, ticket, by, text, Act.MOVED if waited else Act.ADDED)
    tell_workers(db, ticket, event, "work.added", besides=by.id, note={"key": "work.photos_added"})
    if waited:
        tell_residents(db, ticket, event, by.id)


def rate_ticket(db: Session, by: Resident, ticket: Ticket, stars: int, text: str = "") -> None:
    """The reporter's verdict, 1 to 5; it closes the ticket."""
    if not 1 <= stars <= 5:
        raise ValueError("one to five stars")
    if ticket.resident_id != by.id:
        raise PermissionError("only the reporter rates")
    move_ticket(db, by, ticket, Status.CLOSED, f"{'★' * stars} {text}".strip())
    ticket.stars = stars


def follow_ticket(db: Session, by: Resident, ticket: Ticket) -> bool:
    """Say "me too"; False when already said or one's own."""
    return add_follower(db, ticket, by.id)


def add_follower(db: Session, ticket: Ticket, resident_id: int) -> bool:
    """Let somebody hear how a ticket goes on; False when they do already, or reported it."""
    if ticket.resident_id == resident_id or db.get(Follower, (ticket.id, resident_id)) is not None:
        return False
    db.add(Follower(ticket_id=ticket.id, resident_id=resident_id, at=moment(db)))
    return True
