"""Notices a worker sends to many residents at once, and how far each has got."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy import ColumnElement, Index, String, cast, exists, literal, or_
from sqlmodel import Field, Session, col, select

from models.audit import Audited
from models.outbox import Post, Push, cancel_pushes, pause_pushes, progress, push, resume_pushes
from models.outbox_bulk import push_to_all, push_to_groups
from models.resident import Resident, Role, on_duty
from models.store import InCommunity, checked, moment, own_id, refers

OPEN = (Post.WAITING, Post.SENDING, Post.PAUSED)  # where a push is not done with
SHOWN = 40  # characters of a notice that tell which it is


class Notice(InCommunity, Audited, table=True):
    audited: ClassVar = ("building", "least", "urgent", "paused_at", "stopped_at", "finished_at")

    id: int = own_id()
    by_id: int = refers("resident.id")
    text: str
    building: str = ""  # only to those who live there
    least: Role = Field(default=Role.RESIDENT, sa_type=checked(Role, "least"))  # only to those who are at least this
    urgent: bool = False
    sent_at: datetime
    paused_at: datetime | None = None
    stopped_at: datetime | None = None
    finished_at: datetime | None = None  # every push of it was done with, and the workers were told

    __table_args__ = (Index("ix_notice_community_id_finished_at", "community_id", "finished_at"),)

    @property
    def about(self) -> str:
        return f"notice:{self.id}"

    @property
    def about_groups(self) -> str:
        """Of the pushes to groups, so that people are counted without them."""
        return f"{self.about}:groups"


@dataclass(frozen=True)
class Report:
    """How many of those a notice was addressed to stand where; each is counted once."""

    reached: int = 0
    waiting: int = 0  # or on the way
    paused: int = 0
    unreachable: int = 0
    uncertain: int = 0
    refused: int = 0
    untried: int = 0  # it was stopped before it left, or came too late

    @property
    def total(self) -> int:
        return sum(asdict(self).values())

    @property
    def left(self) -> int:
        """How many may still be told."""
        return self.waiting + self.paused


COUNTED = {
    Post.SENT: "reached",
    Post.WAITING: "waiting",
    Post.SENDING: "waiting",
    Post.PAUSED: "paused",
    Post.UNREACHABLE: "unreachable",
    Post.UNCERTAIN: "uncertain",
    Post.REFUSED: "refused",
    Post.CANCELLED: "untried",
    Post.EXPIRED: "untried",
}


def send_notice(db: Session, by: Resident, text: str, *, building: str = "", least: Role = Role.RESIDENT) -> Notice:
    """Owe a notice to everybody it is for, by one statement however many they are; raises PermissionError.

    What is for every resident is told in the linked groups too.
    """
    _may(by)
    notice = Notice(by_id=by.id, text=text, building=building, least=least, sent_at=moment(db))
    db.add(notice)
    facts, about = {"text": text}, notice.about
    push_to_all(db, about, "notice.notice", facts, about=about, building=building or None, role=least)
    if for_groups(building, least):
        push_to_groups(db, notice.about_groups, "notice.notice", facts, about=notice.about_groups)
    return notice


def for_groups(building: str, least: Role) -> bool:
    """Whether a notice concerns everybody."""
    return not building and least <= Role.RESIDENT


def pause_notice(db: Session, notice: Notice, by: Resident) -> int:
    """Hold back what has not left yet; returns to how many people that is. Raises PermissionError."""
    _may(by)
    if notice.stopped_at is None:
        notice.paused_at = notice.paused_at or moment(db)
    pause_pushes(db, notice.about_groups)
    return pause_pushes(db, notice.about)


def resume_notice(db: Session, notice: Notice, by: Resident) -> int:
    """Let go on what was held back; returns to how many people that is. Raises PermissionError."""
    _may(by)
    notice.paused_at = None
    resume_pushes(db, notice.about_groups)
    return resume_pushes(db, notice.about)


def stop_notice(db: Session, notice: Notice, by: Resident) -> int:
    """Take back what has not left yet; returns from how many people that is. Raises PermissionError."""
    _may(by)
    notice.stopped_at, notice.paused_at = notice.stopped_at or moment(db), None
    cancel_pushes(db, notice.about_groups)
    return cancel_pushes(db, notice.about)


def fetch_notice(db: Session, by: Resident, notice_id: int) -> Notice | None:
    return db.exec(select(Notice).where(Notice.id == notice_id)).first() if by.role >= Role.WORKER else None


def latest_notice(db: Session, by: Resident) -> Notice | None:
    return db.exec(select(Notice).order_by(col(Notice.sent_at).desc())).first() if by.role >= Role.WORKER else None


def how_far(db: Session, notice: Notice) -> dict[Post, int]:
    """Of its pushes to people, how many stand where."""
    return progress(db, notice.about)


def report(db: Session, notice: Notice) -> Report:
    """Where everybody it was addressed to stands."""
    return _sum(how_far(db, notice))


def report_groups(db: Session, notice: Notice) -> Report:
    """Where the groups stand it was told in."""
    return _sum(progress(db, notice.about_groups))


def _sum(counts: dict[Post, int]) -> Report:
    found = dict.fromkeys(COUNTED.values(), 0)
    for post, count in counts.items():
        found[COUNTED[post]] += count
    return Report(**found)


def notices_due(db: Session) -> list[int]:
    """The communities where a notice is done with, or has something waiting though it is paused."""
    return list(db.exec(select(Notice.community_id).where(or_(_done(), _slipped())).distinct()))


def see_to_notices(db: Session) -> int:
    """By the clock: tell the workers of each notice that is done with, once; returns how many.

    What was on the wire when a notice was paused, and came back because of some limit, is held back too.
    """
    for notice in db.exec(select(Notice).where(_slipped())):
        pause_pushes(db, notice.about, notice.about_groups)
    done = select(Notice).where(_done()).order_by(col(Notice.id)).with_for_update()
    found = db.exec(done.execution_options(populate_existing=True)).all()
    for notice in found:
        notice.finished_at = moment(db)
        _tell_workers(db, notice)
    return len(found)


def _tell_workers(db: Session, notice: Notice) -> None:
    counted, about = report(db, notice), f"{notice.about}:finished"
    key = "notice.finished_all" if counted.reached == counted.total else "notice.finished"
    facts = {"text": notice.text[:SHOWN], "total": counted.total, **asdict(counted)}
    look = [(f"/notice.progress notice={notice.id}", "notice.do_progress")]
    for worker in on_duty(db):
        push(db, f"{about}:{worker}", worker, key, about=about, choices=look, **facts)


def _done() -> ColumnElement[bool]:
    return col(Notice.finished_at).is_(None) & ~_any(*OPEN)


def _slipped() -> ColumnElement[bool]:
    return col(Notice.paused_at).is_not(None) & _any(Post.WAITING)


def _any(*states: Post) -> ColumnElement[bool]:
    """Whether a push of a notice stands there."""
    about = literal("notice:") + cast(col(Notice.id), String)
    return exists().where(col(Push.about).in_([about, about + ":groups"]), col(Push.state).in_(states))


def _may(by: Resident) -> None:
    if by.role < Role.WORKER:
        raise PermissionError("notices are sent by workers")
