"""A message WeChat was told to forget before its turn was done: kept until it is answered."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import JSON, Column, Field, Session, SQLModel, col, select

from models.store import add_once, moment


class WechatLate(SQLModel, table=True):
    appid: str = Field(primary_key=True, foreign_key="wechataccount.appid")
    identity: str = Field(primary_key=True)  # of the message
    letter: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    due_at: datetime = Field(index=True)


def keep_late(db: Session, appid: str, identity: str, letter: dict[str, Any], due_at: datetime) -> None:
    add_once(db, WechatLate, {"appid": appid, "identity": identity, "letter": letter, "due_at": due_at})


def take_late(db: Session, appid: str, lease: timedelta) -> list[dict[str, Any]]:
    """Those whose process has not answered them in time; for as long as the lease."""
    overdue = select(WechatLate).where(WechatLate.appid == appid, WechatLate.due_at <= moment(db))
    rows = db.exec(overdue.order_by(col(WechatLate.due_at)).limit(20).with_for_update(skip_locked=True)).all()
    for row in rows:
        row.due_at = moment(db) + lease
        db.add(row)
    return [row.letter for row in rows]


def forget_late(db: Session, appid: str, identity: str) -> None:
    """It has been answered."""
    if row := db.get(WechatLate, (appid, identity)):
        db.delete(row)
