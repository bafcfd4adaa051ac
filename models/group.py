"""Neighbourhood groups linked to a community: notices and votes are told there, never anything about one person."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Session, col, select

from models.ids import new_id
from models.resident import Account, Resident, Role
from models.store import SCOPED, InCommunity, add_once, moment, ours, own_id, refers, settle


class LinkedElsewhere(ValueError):
    """The group is linked to another community: its people are told of one neighbourhood, not of two."""


class LinkedGroup(InCommunity, table=True):
    """A linked group; it stands in the register as a guest, so that the outbox reaches it like anybody."""

    id: int = own_id()
    channel: str
    account: str
    chat: str  # the channel's own id
    title: str
    resident_id: int = refers("resident.id")
    linked_by_id: int = refers("resident.id")
    linked_at: datetime
    left_at: datetime | None = None  # the bot was put out, or a worker unlinked it

    __table_args__ = (UniqueConstraint("channel", "account", "chat"),)


def link_group(db: Session, by: Resident, channel: str, account: str, chat: str, title: str) -> LinkedGroup:
    """Tell a group from now on what concerns everybody, in the language of whoever links it; again is once.

    Raises PermissionError and LinkedElsewhere.
    """
    _may(by)
    standing = select(LinkedGroup.community_id).where(LinkedGroup.channel == channel, LinkedGroup.chat == chat)
    elsewhere = standing.where(LinkedGroup.community_id != ours(db), col(LinkedGroup.left_at).is_(None))
    if db.exec(elsewhere, execution_options=SCOPED).first() is not None:
        raise LinkedElsewhere(title)
    group = _entered(db, by, channel, account, chat, title)
    if group.left_at is not None:
        group.linked_by_id, group.linked_at, group.left_at = by.id, moment(db), None
    group.title = title
    _reachable(db, group, None)
    return group


def _entered(db: Session, by: Resident, channel: str, account: str, chat: str, title: str) -> LinkedGroup:
    """Its row; of two who enter it at one instant, one does."""
    origin, place = _origin(channel, account, chat), {"channel": channel, "account": account}
    guest = Resident(id=new_id(), origin=origin, name=title, language=by.language, community_id=ours(db))
    add_once(db, Resident, guest.model_dump())
    settle(db)
    guest_id = db.exec(select(Resident.id).where(Resident.origin == origin)).one()
    theirs = {"community_id": ours(db), "resident_id": guest_id}
    add_once(db, Account, {"id": new_id(), "user": chat, **place, **theirs})
    linked = {"id": new_id(), "chat": chat, "title": title, "linked_by_id": by.id, "linked_at": moment(db)}
    add_once(db, LinkedGroup, {**linked, **place, **theirs})
    settle(db)
    known = select(LinkedGroup).where(LinkedGroup.channel == channel, LinkedGroup.account == account)
    return db.exec(known.where(LinkedGroup.chat == chat)).one()


def unlink_group(db: Session, group: LinkedGroup, by: Resident) -> None:
    """Tell a group nothing any more, not even what is already owed to it; raises PermissionError."""
    _may(by)
    _leave(db, group)


def group_left(db: Session, channel: str, accounts: Sequence[str], chat: str) -> None:
    """The bot of these accounts was put out of a group; another's may still be there."""
    if group := find_group(db, channel, accounts, chat):
        _leave(db, group)


def group_moved(db: Session, channel: str, accounts: Sequence[str], chat: str, to: str) -> None:
    """The channel gave a group another id; told twice, or entered anew meanwhile, it stands there once."""
    group = find_group(db, channel, accounts, chat)
    if group is None:
        return
    there = select(LinkedGroup.id).where(LinkedGroup.channel == channel, LinkedGroup.account == group.account)
    if db.exec(there.where(LinkedGroup.chat == to)).first():
        _leave(db, group)
        return
    group.chat = to
    for guest in db.exec(select(Resident).where(Resident.id == group.resident_id)):
        guest.origin = _origin(channel, group.account, to)
    for account in _accounts(db, group):
        account.user, account.unreachable_at = to, None


def find_group(db: Session, channel: str, accounts: Sequence[str], chat: str) -> LinkedGroup | None:
    """The group behind a chat, linked to one of these accounts; asked of the whole alliance it says which one's."""
    here = select(LinkedGroup).where(LinkedGroup.channel == channel, LinkedGroup.chat == chat)
    return db.exec(here.where(col(LinkedGroup.account).in_(accounts)).where(col(LinkedGroup.left_at).is_(None))).first()


def fetch_group(db: Session, by: Resident, group_id: int) -> LinkedGroup | None:
    """A linked group by its number; None for anybody who does not work here."""
    here = select(LinkedGroup).where(LinkedGroup.id == group_id, col(LinkedGroup.left_at).is_(None))
    return db.exec(here).first() if by.role >= Role.WORKER else None


def linked_groups(db: Session) -> list[LinkedGroup]:
    """The groups that are told what concerns everybody, in the order they were linked."""
    standing = select(LinkedGroup).where(col(LinkedGroup.left_at).is_(None))
    return list(db.exec(standing.order_by(col(LinkedGroup.linked_at), col(LinkedGroup.id))))


def _leave(db: Session, group: LinkedGroup) -> None:
    group.left_at = moment(db)
    _reachable(db, group, moment(db))


def _reachable(db: Session, group: LinkedGroup, until: datetime | None) -> None:
    for account in _accounts(db, group):
        account.unreachable_at = until


def _accounts(db: Session, group: LinkedGroup) -> list[Account]:
    return list(db.exec(select(Account).where(Account.resident_id == group.resident_id)))


def _origin(channel: str, account: str, chat: str) -> str:
    return f"{channel}:{account}:{chat}"


def _may(by: Resident) -> None:
    if by.role < Role.WORKER:
        raise PermissionError("groups are linked by workers")
