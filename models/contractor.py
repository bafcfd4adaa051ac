"""A link for a contractor: one ticket, fourteen days, no login; photos and a signature come back by it."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from sqlmodel import Field, Session, col, select

from models.audit import Audited
from models.lifecycle import OPEN, Act, NotNow
from models.photo import keep_photo
from models.resident import Resident, Role
from models.store import InCommunity, moment, own_id, refers
from models.ticket import Ticket, TicketEvent, write_down
from models.ticket_news import tell_workers

LIFETIME = timedelta(days=14)
PHOTOS = 9  # of one link: it is open to whoever has it


class ContractorLink(InCommunity, Audited, table=True):
    __tablename__ = "contractor_link"
    audited: ClassVar = ("ticket_id", "issued_by", "expires_at", "signed_at")

    id: int = own_id()
    digest: str = Field(unique=True)
    ticket_id: int = refers("ticket.id", index=True)
    firm: str
    issued_by: int = refers("resident.id")
    photos: int = 0  # how many have come by it
    expires_at: datetime
    signed_at: datetime | None = None


class BadLink(ValueError):
    """No such link, or it is too old, or called in, or the work is signed off."""


def issue_link(db: Session, by: Resident, ticket: Ticket, firm: str) -> str:
    """A new token for the address of a page; the store keeps its digest alone. Raises PermissionError or NotNow."""
    if by.role < Role.WORKER:
        raise PermissionError("workers call a contractor")
    if ticket.status not in OPEN:
        raise NotNow("nobody works on it any more")
    token = secrets.token_urlsafe(32)
    link = ContractorLink(
        digest=_digest(token), ticket_id=ticket.id, firm=firm, issued_by=by.id, expires_at=moment(db) + LIFETIME
    )
    db.add(link)
    write_down(db, ticket, by, firm, Act.LINKED)
    return token


def community_of_link(db: Session, token: str) -> int | None:
    """The community to open a transaction in for whoever comes with this token; asked of the whole alliance."""
    return db.exec(select(ContractorLink.community_id).where(ContractorLink.digest == _digest(token))).first()


def fetch_link(db: Session, token: str) -> tuple[ContractorLink, Ticket]:
    """The link that still works, locked, with its ticket; raises BadLink."""
    found = select(ContractorLink).where(ContractorLink.digest == _digest(token)).with_for_update()
    link = db.exec(found.execution_options(populate_existing=True)).first()
    if link is None or link.signed_at is not None or link.expires_at <= moment(db):
        raise BadLink
    ticket = db.exec(select(Ticket).where(Ticket.id == link.ticket_id).with_for_update()).one()
    if ticket.status not in OPEN:
        raise BadLink
    return link, ticket


def keep_contractor_photo(db: Session, token: str, ref: str) -> None:
    """A photo the contractor took, for the workers; raises BadLink, also past PHOTOS."""
    link, ticket = fetch_link(db, token)
    if link.photos >= PHOTOS:
        raise BadLink
    link.photos += 1
    keep_photo(db, db.get_one(Resident, link.issued_by), ref)
    write_down(db, ticket, None, link.firm, Act.PHOTOGRAPHED, [ref])


def sign_off(db: Session, token: str, name: str, text: str = "", photos: Sequence[str] = ()) -> TicketEvent:
    """The contractor says that it is done; a worker looks and finishes the ticket. Raises BadLink."""
    for ref in photos:
        keep_contractor_photo(db, token, ref)
    link, ticket = fetch_link(db, token)
    link.signed_at = moment(db)
    event = write_down(db, ticket, None, f"{link.firm} {name} {text}".strip(), Act.SIGNED_OFF, photos)
    tell_workers(db, ticket, event, "work.signed_off")
    return event


def call_in_links(db: Session, by: Resident, ticket: Ticket) -> int:
    """Let the links of a ticket work no longer; how many did. Raises PermissionError."""
    if by.role < Role.WORKER:
        raise PermissionError("workers call a link in")
    working = select(ContractorLink).where(
        ContractorLink.ticket_id == ticket.id,
        col(ContractorLink.signed_at).is_(None),
        ContractorLink.expires_at > moment(db),
    )
    links = db.exec(working).all()
    for link in links:
        link.expires_at = moment(db)
    return len(links)


def _digest(token: str) -> str:
    return hashlib.sha256(f"linlifang contractor {token}".encode()).hexdigest()
