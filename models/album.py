"""Photos that belong together but arrive one by one: kept until no more come."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import JSON, Column, Field, Session, col, select

from models.ids import new_id
from models.store import InCommunity, add_once, moment, ours, own_id, settle

PAUSE = timedelta(seconds=1)  # Telegram marks no last photo: a second without another is the end
LEASE = timedelta(minutes=1)


class Album(InCommunity, table=True):
    id: int = own_id()
    channel: str
    account: str
    user: str
    name: str  # the channel's own for the album
    refs: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # update id -> photo
    heard: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # the update ids answered
    caption: str = ""
    at: datetime = Field(index=True)
    due_at: datetime | None = Field(default=None, index=True)  # no more are expected after this; None once answered

    __table_args__ = (UniqueConstraint("channel", "account", "user", "name"),)

    @property
    def parts(self) -> list[str]:
        """Update ids not answered yet, in the order the photos were sent."""
        return sorted((part for part in self.refs if part not in self.heard), key=int)

    @property
    def photos(self) -> tuple[str, ...]:
        """References of those; the same picture twice is one, and one that did not arrive is none."""
        return tuple(dict.fromkeys(ref for part in self.parts if (ref := self.refs[part])))


def add_to_album(db: Session, to: tuple[str, str, str], name: str, part: int, ref: str, caption: str) -> None:
    """Keep one photo of an album of channel, account and user; the same part again changes nothing."""
    channel, account, user = to
    whose = {"channel": channel, "account": account, "user": user, "name": name}
    empty = {"id": new_id(), "refs": {}, "heard": [], "caption": "", "at": moment(db), "due_at": None}
    add_once(db, Album, whose | empty | {"community_id": ours(db)})
    settle(db)
    album = db.exec(select(Album).filter_by(**whose).with_for_update()).one()
    if str(part) in album.refs:
        return
    album.refs = {**album.refs, str(part): ref}
    album.caption = album.caption or caption
    album.due_at = moment(db) + PAUSE
    db.add(album)


def take_albums(db: Session, accounts: list[str], user: str | None = None) -> list[Album]:
    """Albums nobody adds to any more, or all of `user`'s that are not being told; for as long as a LEASE."""
    due = select(Album).where(col(Album.account).in_(accounts))
    limit = moment(db) + PAUSE if user else moment(db)
    mine = due.where(Album.user == user) if user else due
    albums = list(
        db.exec(mine.where(col(Album.due_at) <= limit).order_by(col(Album.id)).with_for_update(skip_locked=True))
    )
    for album in albums:
        album.due_at = moment(db) + LEASE
        db.add(album)
    return albums


def close_album(db: Session, album_id: int, parts: list[str]) -> None:
    """These parts have been answered; the row stays for as long as they may be delivered again."""
    if album := db.exec(select(Album).where(Album.id == album_id).with_for_update()).first():
        album.heard = [*album.heard, *parts]
        album.due_at = moment(db) + PAUSE if album.parts else None
        db.add(album)
