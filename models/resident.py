"""The people of a community, what they may do, and where they can be reached."""

from datetime import datetime
from enum import IntEnum
from typing import ClassVar

from sqlalchemy import Index, UniqueConstraint, bindparam
from sqlmodel import Field, Session, col, select

from models.audit import Audited
from models.household import Household
from models.store import InCommunity, among, checked, moment, noted, ours, own_id, refers, table_of

QUIET = (21 * 60 + 30, 8 * 60)  # minutes after midnight, Asia/Shanghai: nothing ordinary is sent in between


class Role(IntEnum):
    """What a person may do; each role may do what those below it may."""

    GUEST = 0
    RESIDENT = 1
    VOLUNTEER = 2
    WORKER = 3
    MANAGER = 4
    ALLIANCE = 5


def at_least(role: Role) -> list[Role]:
    """Roles are stored by name, which does not sort; a query asks for membership instead."""
    return [r for r in Role if r >= role]


class Resident(InCommunity, Audited, table=True):
    audited: ClassVar = ("role", "verified", "erased_at")

    id: int = own_id()
    origin: str = Field(unique=True)  # the address first heard from, so that two first messages make one resident
    name: str = ""
    phone: str | None = None
    role: Role = Field(default=Role.GUEST, sa_type=checked(Role, "role"))
    language: str = "zh"
    household_id: int | None = refers("household.id", default=None, index=True)
    home: str = ""  # the household in words, 3-2-502: read in most turns
    verified: bool = False  # bound by a worker's code, not by their own word
    quiet_from: int = QUIET[0]
    quiet_until: int = QUIET[1]
    erased_at: datetime | None = None

    __table_args__ = (Index("ix_resident_community_id_role", "community_id", "role"),)


class Account(InCommunity, table=True):
    """An address of a resident's; joined to another resident only by a one-time code."""

    id: int = own_id()
    channel: str
    account: str
    user: str
    resident_id: int = refers("resident.id", index=True)
    used_at: datetime | None = None
    unreachable_at: datetime | None = None

    __table_args__ = (UniqueConstraint("channel", "account", "user"),)


_residents, _accounts = table_of(Resident), table_of(Account)
_on_duty = (
    select(_residents.c.id)
    .where(_residents.c.community_id == bindparam("ours"), among(_residents.c.role, at_least(Role.WORKER)))
    .order_by(_residents.c.id)
)


def on_duty(db: Session) -> list[int]:
    """The ids of everybody who works here: told of every report."""
    found = noted(
        db, "on duty", lambda: db.connection().execute(_on_duty, {"ours": ours(db)}).scalars().all(), Resident
    )
    return list(found)


def workers(db: Session) -> list[Resident]:
    """Everybody who works here."""
    return list(
        db.exec(select(Resident).where(col(Resident.role).in_(at_least(Role.WORKER))).order_by(col(Resident.id)))
    )


def hold(db: Session, resident_id: int) -> None:
    """Lock a resident's row until the transaction ends, as every turn of theirs does (docs/decisions/0009)."""
    db.exec(select(Resident.id).where(Resident.id == resident_id).with_for_update(key_share=True))


def lose_touch(db: Session, channel: str, account: str, user: str) -> None:
    """Nobody can be written to at this address: blocked, unfollowed, gone. Cleared when they speak to us again."""
    _touch(db, channel, account, user, moment(db))


def regain_touch(db: Session, channel: str, account: str, user: str) -> None:
    """They can be written to again at this address."""
    _touch(db, channel, account, user, None)


def _touch(db: Session, channel: str, account: str, user: str, lost_at: datetime | None) -> None:
    at = (_accounts.c.channel == channel, _accounts.c.account == account, _accounts.c.user == user)
    db.connection().execute(_accounts.update().where(*at).values(unreachable_at=lost_at))


def declare_home(resident: Resident, household: Household) -> None:
    """Bind a resident to a home by their own word: enough to be served, not to vote for the household."""
    _move_in(resident, household, verified=False)


def confirm_home(resident: Resident, household: Household) -> None:
    """Bind a resident to a home by a worker's code."""
    _move_in(resident, household, verified=True)


def _move_in(resident: Resident, household: Household, *, verified: bool) -> None:
    resident.household_id, resident.home, resident.verified = household.id, str(household), verified
    resident.role = max(resident.role, Role.RESIDENT)


def set_language(resident: Resident, language: str) -> None:
    resident.language = language


def set_quiet(resident: Resident, start: int, end: int) -> None:
    """Minutes after midnight, Asia/Shanghai; the same twice means no quiet hours."""
    resident.quiet_from, resident.quiet_until = start, end
