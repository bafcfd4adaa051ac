"""Who stands at a bot's door: the community they chose, whether they agreed, and who they are if they are known."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Field, Session, SQLModel, col, select

from models.community import Community
from models.resident import Account, Resident
from models.store import add_once, moment, settle


class Visitor(SQLModel, table=True):
    channel: str = Field(primary_key=True)
    door: str = Field(primary_key=True)  # the bot or account, as its platform numbers it
    user: str = Field(primary_key=True)
    community_id: int | None = Field(default=None, foreign_key="community.id")
    consented_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    community_id: int | None = None
    agreed: bool = False
    language: str = ""  # the resident's own choice; "" while nobody knows them


def look_at(db: Session, channel: str, door: str, user: str) -> Visit:
    """What is known of somebody before they are let in; asked of the whole alliance."""
    visitor = db.get(Visitor, (channel, door, user))
    if visitor is None or visitor.community_id is None:
        return Visit()
    known = (
        select(Resident.language)
        .join(Account, col(Account.resident_id) == Resident.id)
        .join(Community, col(Community.id) == Account.community_id)
        .where(Account.channel == channel, Account.account == Community.slug, Account.user == user)
        .where(Account.community_id == visitor.community_id)
    )
    return Visit(visitor.community_id, visitor.consented_at is not None, db.exec(known).first() or "")


def agree(db: Session, channel: str, door: str, user: str, community_id: int) -> None:
    """They agreed to use this channel for a community (PIPL article 39: separate consent); said again, it stays."""
    add_once(db, Visitor, Visitor(channel=channel, door=door, user=user).model_dump())
    settle(db)
    visitor = db.get_one(Visitor, (channel, door, user), with_for_update=True)
    if visitor.community_id != community_id or visitor.consented_at is None:
        visitor.community_id, visitor.consented_at = community_id, moment(db)
        db.add(visitor)


def step_out(db: Session, channel: str, door: str, user: str) -> None:
    """They want to choose a community anew; who they are to the one they leave stays."""
    visitor = db.get(Visitor, (channel, door, user), with_for_update=True)
    if visitor is not None:
        visitor.community_id = visitor.consented_at = None
        db.add(visitor)
