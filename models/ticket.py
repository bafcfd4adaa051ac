"""Reports of something broken or troublesome (工单): their tables, and how they are found."""

from collections.abc import Sequence
from datetime import datetime
from math import cos, hypot, radians
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint, bindparam
from sqlalchemy import select as core_select
from sqlmodel import JSON, BigInteger, Column, Field, Session, col, select

from models.audit import Audited
from models.lifecycle import INTERNAL, OPEN, Act, Status
from models.resident import Resident, Role
from models.store import AppendOnly, InCommunity, among, checked, moment, ours, own_id, refers, table_of

COUNTER = "counter"  # said to a worker, at the desk or over the telephone
NEARBY = 250  # metres within which two reports of one kind may be the same thing


class Ticket(InCommunity, Audited, table=True):
    audited: ClassVar = (
        "category",
        "emergency",
        "status",
        "worker_id",
        "for_role",
        "merged_into_id",
        "due_at",
        "urged_at",
        "stars",
    )

    id: int = own_id()
    number: int
    resident_id: int = refers("resident.id", index=True)
    category: str
    description: str
    place: str = ""
    building: str = ""
    lat: float | None = None  # WGS-84
    lon: float | None = None
    photos: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    contact: str = ""
    emergency: bool = False
    channel: str = Field(default="", sa_column_kwargs={"server_default": ""})  # COUNTER, or "" for a chat
    status: Status = Field(default=Status.RECEIVED, sa_type=checked(Status, "status"))
    parent_id: int | None = refers("ticket.id", default=None, index=True)  # what it was split from
    merged_into_id: int | None = refers("ticket.id", default=None, index=True)
    worker_id: int | None = refers("resident.id", default=None)
    for_role: Role = Field(
        default=Role.WORKER, sa_type=checked(Role, "for_role"), sa_column_kwargs={"server_default": "worker"}
    )  # the least that sees to it, while it is nobody's
    why: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default="{}")
    )  # routed there: a text of ours and its facts
    opened_at: datetime
    due_at: datetime
    clock_from: datetime  # since when its time runs, without a break
    spent: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # seconds of its time used up before that
    stopped_until: datetime | None = Field(default=None, index=True)  # its time stands still, and goes on then
    resolved_at: datetime | None = None
    call_back_at: datetime | None = Field(default=None, index=True)  # the worker is reminded then
    climbed: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]")
    )  # rungs of the LADDER, by what they do
    climbs_at: datetime | None = Field(default=None, index=True)  # to the next one, if nothing happens
    urges: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    urged_at: datetime | None = None
    reopened: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    stars: int | None = None

    __table_args__ = (
        UniqueConstraint("community_id", "number"),
        Index("ix_ticket_community_id_status_category", "community_id", "status", "category"),
        Index("ix_ticket_community_id_status_emergency_due_at", "community_id", "status", "emergency", "due_at"),
        Index("ix_ticket_worker_id_status_due_at", "worker_id", "status", "due_at"),
        Index("ix_ticket_status_due_at", "status", "due_at"),
    )


class TicketEvent(AppendOnly, InCommunity, table=True):
    """One line of a ticket's history."""

    __tablename__ = "ticket_event"

    id: int = own_id()
    ticket_id: int = refers("ticket.id", index=True)
    at: datetime
    by_id: int | None = Field(default=None, sa_type=BigInteger)  # None is the clock
    status: Status = Field(sa_type=checked(Status, "status"))  # where the ticket stands after this
    act: Act = Field(default=Act.MOVED, sa_type=checked(Act, "act"), sa_column_kwargs={"server_default": "moved"})
    text: str = ""
    photos: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))


class Follower(InCommunity, table=True):
    """A neighbour who said "me too" (+1)."""

    ticket_id: int = refers("ticket.id", primary_key=True)
    resident_id: int = refers("resident.id", primary_key=True)
    at: datetime


def fetch_ticket(db: Session, by: Resident, number: int) -> Ticket | None:
    """The ticket of this number, if `by` reported it, follows it or works here."""
    this = select(Ticket).where(Ticket.number == number).with_for_update()
    ticket = db.exec(this.execution_options(populate_existing=True)).first()
    if ticket is None or by.role >= Role.WORKER or ticket.resident_id == by.id:
        return ticket
    return ticket if db.get(Follower, (ticket.id, by.id)) is not None else None


def fetch_to_follow(db: Session, number: int) -> Ticket | None:
    """An open ticket of this community, for a neighbour who has the same trouble."""
    return db.exec(select(Ticket).where(Ticket.number == number, col(Ticket.status).in_(OPEN))).first()


def tickets_of(db: Session, resident: Resident) -> list[Ticket]:
    """What a resident reported or follows, newest first."""
    followed = select(Follower.ticket_id).where(Follower.resident_id == resident.id)
    mine = (col(Ticket.resident_id) == resident.id) | col(Ticket.id).in_(followed)
    return list(db.exec(select(Ticket).where(mine).order_by(col(Ticket.number).desc()).limit(50)))


def tickets_to_do(db: Session, worker: Resident) -> list[Ticket]:
    """Open tickets that are the worker's, or nobody's and theirs to do; emergencies first, then by when they are due."""
    nobodys = col(Ticket.worker_id).is_(None) & col(Ticket.for_role).in_([r for r in Role if r <= worker.role])
    hers = (col(Ticket.worker_id) == worker.id) | nobodys
    todo = select(Ticket).where(col(Ticket.status).in_(OPEN), hers)
    return list(db.exec(todo.order_by(col(Ticket.emergency).desc(), col(Ticket.due_at)).limit(50)))


def history_of(db: Session, reader: Resident, ticket: Ticket) -> list[TicketEvent]:
    """What happened to a ticket, oldest first; a resident sees nothing that is for the workers alone."""
    lines = select(TicketEvent).where(TicketEvent.ticket_id == ticket.id)
    if reader.role < Role.WORKER:
        lines = lines.where(col(TicketEvent.act).not_in(INTERNAL))
    return list(db.exec(lines.order_by(col(TicketEvent.at), col(TicketEvent.id))))


_tickets = table_of(Ticket)
_nearby = (
    core_select(_tickets.c.id, _tickets.c.building, _tickets.c.lat, _tickets.c.lon)
    .where(_tickets.c.community_id == bindparam("ours"), among(_tickets.c.status, OPEN))
    .where(_tickets.c.category == bindparam("category"), _tickets.c.resident_id != bindparam("by"))
    .where(
        (_tickets.c.building == bindparam("building"))
        | (
            _tickets.c.lat.between(bindparam("south"), bindparam("north"))
            & _tickets.c.lon.between(bindparam("west"), bindparam("east"))
        )
    )
    .order_by(_tickets.c.number.desc())
    .limit(50)
)
BOX = (NEARBY / 111_000, NEARBY / 95_000)  # degrees of latitude and longitude, a little more than NEARBY in Hangzhou


def similar_tickets(
    db: Session, by: Resident, category: str, building: str, lat: float | None, lon: float | None, limit: int = 3
) -> list[Ticket]:
    """Others' open tickets of one category in the same building or within NEARBY metres, newest first."""
    y, x = (lat, lon) if lat is not None and lon is not None else (0.0, 0.0)
    about = {"ours": ours(db), "category": category, "by": by.id, "building": building or "-"}
    box = {"south": y - BOX[0], "north": y + BOX[0], "west": x - BOX[1], "east": x + BOX[1]}
    found = [row.id for row in db.connection().execute(_nearby, about | box) if _close(row, building, lat, lon)][:limit]
    if not found:
        return []
    return list(db.exec(select(Ticket).where(col(Ticket.id).in_(found)).order_by(col(Ticket.number).desc())))


def followers(db: Session, ticket: Ticket) -> list[int]:
    return list(db.exec(select(Follower.resident_id).where(Follower.ticket_id == ticket.id)))


def _close(ticket: Any, building: str, lat: float | None, lon: float | None) -> bool:
    if building and ticket.building == building:
        return True
    if lat is None or lon is None or ticket.lat is None or ticket.lon is None:
        return False
    return metres(lat, lon, ticket.lat, ticket.lon) <= NEARBY


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """As the crow flies between two WGS-84 points; exact to a metre at the size of a city."""
    north = (other_lat - lat) * 111_320
    east = (other_lon - lon) * 111_320 * cos(radians((lat + other_lat) / 2))
    return hypot(north, east)


def write_down(
    db: Session,
    ticket: Ticket,
    by: Resident | None,
    text: str = "",
    act: Act = Act.MOVED,
    photos: Sequence[str] = (),
) -> TicketEvent:
    """Add a line to the history; None as actor is the clock, or somebody who is no resident."""
    actor = by.id if by else None
    event = TicketEvent(
        ticket_id=ticket.id, at=moment(db), by_id=actor, status=ticket.status, act=act, text=text, photos=list(photos)
    )
    db.add(event)
    return event
