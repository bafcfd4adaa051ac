"""A message WeChat was told to forget before its turn was done: kept until it is answered, and a minute longer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import JSON, Column, Field, Session, SQLModel, col, select

from models.store import add_once, moment

BROUGHT = timedelta(minutes=1)  # longer than WeChat brings it where it did not hear that we have it


class WechatLate(SQLModel, table=True):
    appid: str = Field(primary_key=True, foreign_key="wechataccount.appid")
    identity: str = Field(primary_key=True)  # of the message
    letter: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # empty once it is answered
    due_at: datetime = Field(index=True)  # when to see to it again, or to forget it
    told_at: datetime | None = None  # when its answer set out: it may have arrived since


def keep_late(db: Session, appid: str, identity: str, letter: dict[str, Any], due_at: datetime) -> None:
    row = {"appid": appid, "identity": identity, "letter": letter, "due_at": due_at, "told_at": None}
    add_once(db, WechatLate, row)


def is_late(db: Session, appid: str, identity: str) -> bool:
    """Whether it is ours to answer by other ways than the one WeChat waits for."""
    return db.get(WechatLate, (appid, identity)) is not None


def take_late(db: Session, appid: str, lease: timedelta) -> Sequence[WechatLate]:
    """Those whose process has not answered them in time, for as long as the lease; what is done with is forgotten."""
    overdue = select(WechatLate).where(WechatLate.appid == appid, WechatLate.due_at <= moment(db))
    rows = db.exec(overdue.order_by(col(WechatLate.due_at)).limit(20).with_for_update(skip_locked=True)).all()
    for row in rows:
        if not row.letter:
            db.delete(row)
            continue
        row.due_at = moment(db) + lease
        db.add(row)
    return [row for row in rows if row.letter]


def begin_late(db: Session, appid: str, identity: str) -> bool:
    """Written down just before its answer sets out; False where it has already, or another has answered it."""
    row = db.get(WechatLate, (appid, identity), with_for_update=True)
    if row is None or row.told_at is not None:
        return False
    row.told_at = moment(db)
    db.add(row)
    return True


def put_off_late(db: Session, appid: str, identity: str, pause: timedelta) -> None:
    """It could not be answered; it is to be tried again after a pause."""
    if row := db.get(WechatLate, (appid, identity)):
        row.due_at = moment(db) + pause
        db.add(row)


def answered_late(db: Session, appid: str, identity: str) -> None:
    """It has been answered, or will never be: brought once more, it is not to be answered by another."""
    if row := db.get(WechatLate, (appid, identity)):
        row.letter, row.due_at = {}, moment(db) + BROUGHT
        db.add(row)
