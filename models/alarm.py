"""Alarms somebody raised in a chat: they ring at the workers' desks until one of them takes it on."""

from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import Index
from sqlmodel import Field, Session, col, select

from models.audit import Audited
from models.resident import Resident, Role
from models.store import InCommunity, moment, own_id, refers

RINGS = timedelta(hours=24)  # nobody took it on: by then it has been seen to in another way
SHOWN = 20
ALARM_AGAIN = timedelta(minutes=10)  # one alarm a resident and kind in this time: more would only drown it


class Alarm(InCommunity, Audited, table=True):
    audited: ClassVar = ("kind", "taken_at")

    id: int = own_id()
    resident_id: int = refers("resident.id", index=True)
    kind: str
    text: str
    rung_at: datetime
    taken_by_id: int | None = refers("resident.id", default=None)
    taken_at: datetime | None = Field(default=None)

    __table_args__ = (Index("ix_alarm_community_id_rung_at", "community_id", "rung_at"),)


def ring_alarm(db: Session, by: Resident, kind: str, text: str) -> Alarm:
    alarm = Alarm(resident_id=by.id, kind=kind, text=text, rung_at=moment(db))
    db.add(alarm)
    return alarm


def rung_lately(db: Session, by: Resident, kind: str) -> list[str]:
    """The words of this person's alarms of a kind within ALARM_AGAIN."""
    mine = Alarm.resident_id == by.id, Alarm.kind == kind, Alarm.rung_at > moment(db) - ALARM_AGAIN
    return list(db.exec(select(Alarm.text).where(*mine)))


def ringing(db: Session, worker: Resident) -> list[tuple[Alarm, Resident]]:
    """Alarms nobody has taken on, with who raised them, newest first; raises PermissionError."""
    _may(worker)
    recent = col(Alarm.rung_at) > moment(db) - RINGS
    found = select(Alarm, Resident).join(Resident, col(Alarm.resident_id) == Resident.id)
    open_ones = found.where(recent, col(Alarm.taken_at).is_(None))
    return list(db.exec(open_ones.order_by(col(Alarm.rung_at).desc()).limit(SHOWN)))


def take_alarm(db: Session, by: Resident, alarm_id: int) -> Alarm | None:
    """Take an alarm on; None where there is none. Whoever is first has it. Raises PermissionError."""
    _may(by)
    alarm = db.exec(select(Alarm).where(Alarm.id == alarm_id).with_for_update()).first()
    if alarm is not None and alarm.taken_at is None:
        alarm.taken_by_id, alarm.taken_at = by.id, moment(db)
    return alarm


def _may(by: Resident) -> None:
    if by.role < Role.WORKER:
        raise PermissionError("alarms are for those who work here")
