"""Who stands at a bot's door: the community they chose, whether they agreed, and who they are if they are known."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Field, Session, SQLModel, col, select

from models.community import Community
from models.resident import Account, Resident
from models.store import add_once, moment, settle

STILL_IN_DANGER = timedelta(minutes=10)  # how long a danger is still what somebody came for


class Visitor(SQLModel, table=True):
    channel: str = Field(primary_key=True)
    door: str = Field(primary_key=True)  # the bot or account, as its platform numbers it
    user: str = Field(primary_key=True)
    community_id: int | None = Field(default=None, foreign_key="community.id")
    consented_at: datetime | None = None
    danger: str = ""  # their words, as long as no community has heard them
    danger_at: datetime | None = None
    left_by: str = ""  # the message that last led them out of a community


@dataclass(frozen=True, slots=True)
class Visit:
    community_id: int | None = None
    agreed: bool = False
    language: str = ""  # the resident's own choice; "" while nobody knows them
    danger: str = ""  # said at the door just now, and not heard inside yet


def look_at(db: Session, channel: str, door: str, user: str) -> Visit:
    """What is known of somebody before they are let in; asked of the whole alliance."""
    visitor = db.get(Visitor, (channel, door, user))
    if visitor is None:
        return Visit()
    danger = visitor.danger if (visitor.danger_at or moment(db)) > moment(db) - STILL_IN_DANGER else ""
    if visitor.community_id is None:
        return Visit(danger=danger)
    known = (
        select(Resident.language)
        .join(Account, col(Account.resident_id) == Resident.id)
        .join(Community, col(Community.id) == Account.community_id)
        .where(Account.channel == channel, Account.account == Community.slug, Account.user == user)
        .where(Account.community_id == visitor.community_id)
    )
    language = db.exec(known).first() or ""
    return Visit(visitor.community_id, visitor.consented_at is not None, language, danger)


def choose(db: Session, channel: str, door: str, user: str, community_id: int) -> Visitor:
    """The community they want to talk to; what they agreed to with another does not hold for it."""
    visitor = _standing(db, channel, door, user)
    if visitor.community_id != community_id:
        visitor.community_id, visitor.consented_at = community_id, None
        db.add(visitor)
    return visitor


def agree(db: Session, channel: str, door: str, user: str, community_id: int) -> None:
    """They agreed to use this channel for a community (PIPL article 39: separate consent); said again, it stays."""
    visitor = choose(db, channel, door, user, community_id)
    if visitor.consented_at is None:
        visitor.consented_at = moment(db)
        db.add(visitor)


def step_out(db: Session, channel: str, door: str, user: str, message: str) -> None:
    """They want to choose a community anew; who they are to the one they leave stays.

    The same message brought again, perhaps after they have chosen, changes nothing.
    """
    visitor = db.get(Visitor, (channel, door, user), with_for_update=True)
    if visitor is not None and visitor.left_by != message:
        visitor.community_id, visitor.consented_at, visitor.left_by = None, None, message
        db.add(visitor)


def remember_danger(db: Session, channel: str, door: str, user: str, words: str) -> None:
    """They speak of danger before it is known which community they belong to."""
    visitor = _standing(db, channel, door, user)
    visitor.danger, visitor.danger_at = words, moment(db)
    db.add(visitor)


def forget_danger(db: Session, channel: str, door: str, user: str) -> None:
    """Their community has heard of it."""
    visitor = db.get(Visitor, (channel, door, user), with_for_update=True)
    if visitor is not None:
        visitor.danger, visitor.danger_at = "", None
        db.add(visitor)


def forget_old_dangers(db: Session) -> None:
    """What nobody chose a community for is not kept."""
    old = col(Visitor.danger_at) <= moment(db) - STILL_IN_DANGER
    db.connection().execute(update(Visitor).where(old).values(danger="", danger_at=None))


def _standing(db: Session, channel: str, door: str, user: str) -> Visitor:
    """Their row, made if need be, for this transaction alone."""
    add_once(db, Visitor, Visitor(channel=channel, door=door, user=user).model_dump())
    settle(db)
    return db.get_one(Visitor, (channel, door, user), with_for_update=True)
