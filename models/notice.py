"""Notices a worker sends to many residents at once, and how far each has got."""

from datetime import datetime

from sqlmodel import Field, Session, col, select

from models.outbox import Post, cancel_pushes, progress
from models.outbox_bulk import push_to_all
from models.resident import Resident, Role
from models.store import InCommunity, checked, moment, own_id, refers


class Notice(InCommunity, table=True):
    id: int = own_id()
    by_id: int = refers("resident.id")
    text: str
    building: str = ""  # only to those who live there
    least: Role = Field(default=Role.RESIDENT, sa_type=checked(Role, "least"))  # only to those who are at least this
    urgent: bool = False
    sent_at: datetime
    stopped_at: datetime | None = None

    @property
    def about(self) -> str:
        return f"notice:{self.id}"


def send_notice(db: Session, by: Resident, text: str, *, building: str = "", least: Role = Role.RESIDENT) -> Notice:
    """Owe a notice to everybody it is for, by one statement however many they are; raises PermissionError."""
    _may(by)
    notice = Notice(by_id=by.id, text=text, building=building, least=least, sent_at=moment(db))
    db.add(notice)
    facts = {"text": text}
    push_to_all(db, notice.about, "notice.notice", facts, about=notice.about, building=building or None, role=least)
    return notice


def stop_notice(db: Session, notice: Notice, by: Resident) -> int:
    """Take back what has not left yet; returns how many."""
    _may(by)
    notice.stopped_at = notice.stopped_at or moment(db)
    return cancel_pushes(db, notice.about)


def fetch_notice(db: Session, by: Resident, notice_id: int) -> Notice | None:
    return db.exec(select(Notice).where(Notice.id == notice_id)).first() if by.role >= Role.WORKER else None


def latest_notice(db: Session, by: Resident) -> Notice | None:
    return db.exec(select(Notice).order_by(col(Notice.sent_at).desc())).first() if by.role >= Role.WORKER else None


def how_far(db: Session, notice: Notice) -> dict[Post, int]:
    """Of its pushes, how many stand where."""
    return progress(db, notice.about)


def _may(by: Resident) -> None:
    if by.role < Role.WORKER:
        raise PermissionError("notices are sent by workers")
