"""What needs a person: questions no answer fitted, wishes to speak to somebody, alarms."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlmodel import Field, Session, col, select

from models.alarm import ALARM_AGAIN, Alarm, ring_alarm
from models.audit import Audited
from models.household import parts_of
from models.outbox import push
from models.resident import Resident, Role, on_duty
from models.store import InCommunity, moment, own_id, refers

MEDIATION = "mediation"  # a kind that is told in confidence
SAME_MATTER = timedelta(minutes=30)  # who asks for a person this soon after a question means that question
ALARMS = 20  # matters ringing in a community at once, past which only those who live there are heard


class Enquiry(InCommunity, Audited, table=True):
    audited: ClassVar = ("kind", "wants_person", "answered_at")

    id: int = own_id()
    resident_id: int | None = refers("resident.id", default=None, index=True)
    kind: str = Field(default="", sa_column_kwargs={"server_default": ""})  # of a wish passed on; "" is a question
    text: str
    asked_at: datetime
    wants_person: bool = False
    answer: str = ""
    answered_at: datetime | None = Field(default=None, index=True)


def keep_enquiry(db: Session, by: Resident, text: str, kind: str = "") -> Enquiry:
    """Keep a question, or a wish of a kind, until a worker replies; the same one said again is kept once."""
    waiting = select(Enquiry).where(Enquiry.resident_id == by.id, col(Enquiry.answered_at).is_(None))
    enquiry = db.exec(waiting.where(Enquiry.text == text)).first()
    if enquiry is None:
        enquiry = Enquiry(resident_id=by.id, kind=kind, text=text, asked_at=moment(db))
        db.add(enquiry)
    enquiry.kind = enquiry.kind or kind  # a question that turns out to be told in confidence is one from now on
    return enquiry


def ask_for_person(db: Session, by: Resident, text: str, otherwise: str) -> None:
    """Tell the workers at once that somebody wants to speak to them.

    Without `text` the question asked just before is meant, unless it was told in confidence; `otherwise` stands for it
    when there was none.
    """
    lately = Enquiry.resident_id == by.id, Enquiry.asked_at > moment(db) - SAME_MATTER, Enquiry.kind != MEDIATION
    waiting = select(Enquiry).where(*lately, col(Enquiry.answered_at).is_(None)).order_by(col(Enquiry.asked_at).desc())
    enquiry = (None if text else db.exec(waiting).first()) or keep_enquiry(db, by, text or otherwise)
    enquiry.wants_person = True
    for worker in on_duty(db):
        push(
            db,
            f"enquiry:{enquiry.id}:{worker}",
            worker,
            "work.person_wanted",
            about=f"enquiry:{enquiry.id}",
            choices=[(f"/work.answer question={enquiry.id}", "work.do_answer")],
            text=enquiry.text,
            home=parts_of(by.home) or "—",
            phone=by.phone or "—",
        )


def alarm_workers(
    db: Session, by: Resident, kind: str, text: str, place: Mapping[str, str] | None = None, *, again: bool = False
) -> bool:
    """Page everybody who works here about a danger, day or night, once in ALARM_AGAIN; whether they know of it.

    `place` is the building, unit and room the words name; `again` rings though it rang before.

    Past ALARMS matters in that time a guest pages nobody: whoever drops the cookie could otherwise drown the rest.
    """
    about = f"alarm:{by.id}:{kind}"
    lately = select(Alarm.resident_id, Alarm.kind).where(Alarm.rung_at > moment(db) - ALARM_AGAIN)
    ringing = set(db.exec(lately.distinct()))
    if (by.id, kind) in ringing and not again:
        return True
    if by.role is Role.GUEST and len(ringing - {(by.id, kind)}) >= ALARMS:
        return False
    where: dict[str, Any] = {"place": place} if place and any(place.values()) else {}
    alarm = ring_alarm(db, by, kind, text[:500])
    for worker in on_duty(db):
        push(
            db,
            f"{about}:{alarm.id}:{worker}",
            worker,
            "work.alarm_at" if where else "work.alarm",
            about=about,
            urgent=True,
            kind={"key": f"work.kind_{kind}"},
            text=text[:500],
            home=parts_of(by.home) or "—",
            phone=by.phone or "—",
            **where,
        )
    return True


def open_enquiries(db: Session, worker: Resident) -> list[Enquiry]:
    """Unanswered ones, those who want a person first, then oldest first."""
    if worker.role < Role.WORKER:
        raise PermissionError("questions are read by workers")
    waiting = select(Enquiry).where(col(Enquiry.answered_at).is_(None))
    return list(db.exec(waiting.order_by(col(Enquiry.wants_person).desc(), col(Enquiry.asked_at)).limit(50)))


def fetch_enquiry(db: Session, worker: Resident, enquiry_id: int) -> Enquiry | None:
    """An unanswered question; None for anybody who does not work here."""
    if worker.role < Role.WORKER:
        return None
    waiting = select(Enquiry).where(Enquiry.id == enquiry_id, col(Enquiry.answered_at).is_(None))
    return db.exec(waiting.with_for_update()).first()


def answer_enquiry(db: Session, enquiry: Enquiry, by: Resident, text: str) -> None:
    """Reply to whoever asked; raises PermissionError."""
    if by.role < Role.WORKER:
        raise PermissionError("questions are answered by workers")
    enquiry.answer, enquiry.answered_at = text, moment(db)
    if enquiry.resident_id is not None:
        about = f"enquiry:{enquiry.id}"
        push(
            db,
            f"{about}:answer",
            enquiry.resident_id,
            "ask.person_answered",
            about=about,
            question=enquiry.text,
            text=text,
        )
