"""Photos residents sent: who may see which. The pixels lie in the media folder, named by their content."""

from datetime import datetime

from sqlmodel import Field, Session, col, select

from models.lifecycle import INTERNAL
from models.resident import Resident, Role
from models.store import InCommunity, moment, own_id, refers
from models.ticket import Ticket, TicketEvent


class Photo(InCommunity, table=True):
    id: int = own_id()
    ref: str = Field(index=True)
    resident_id: int = refers("resident.id", index=True)
    at: datetime


def keep_photo(db: Session, by: Resident, ref: str) -> None:
    db.add(Photo(ref=ref, resident_id=by.id, at=moment(db)))


def may_see(db: Session, ref: str, who: Resident) -> bool:
    """The sender, the workers of the same community, and a reporter what their ticket's history shows."""
    shots = db.exec(select(Photo).where(col(Photo.ref) == ref)).all()
    if not shots or who.role >= Role.WORKER or any(shot.resident_id == who.id for shot in shots):
        return bool(shots)
    told = select(TicketEvent.photos).join(Ticket, col(Ticket.id) == TicketEvent.ticket_id)
    mine = told.where(Ticket.resident_id == who.id, col(TicketEvent.act).not_in(INTERNAL))
    return any(ref in photos for photos in db.exec(mine))
