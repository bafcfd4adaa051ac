"""One person on several channels: a code asked for on one and typed on another makes them one resident (绑定).

Two addresses are never joined by guess. A code is a 1 and eight digits by chance. The first five say which code is
meant, the last four are its secret. A person has five wrong codes in ten minutes, and so has a code from all together:

- A guess hits one of n living codes with n / 10^8. Whoever tries all there is has 5 / 10^4 for a code, at the price of
  50,000 wrong codes by 10,000 persons in these ten minutes: eighty a second.
- Nobody but its holder knows the first five digits of a code: to end it, or all of a community, costs as much.
"""

import hashlib
import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy import Index, delete
from sqlmodel import Session, col, select

from models.album import Album
from models.belongings import hand_over
from models.card import Card
from models.dialogue import Dialogue
from models.outbox import push
from models.resident import Account, Resident, Role
from models.store import InCommunity, moment, refers

LIFETIME = timedelta(minutes=10)  # of a code, and for as long wrong ones are held against whoever typed them
TRIES = 5
SHAPE = re.compile(
    r"1\d{2} ?\d{3} ?\d{3}", re.ASCII
)  # codes of households have no 1, and no telephone number is like it
NUMBER = 5  # digits


class Joining(InCommunity, table=True):
    """The code a resident has asked for, and the wrong ones they typed; one row each, so that nothing piles up."""

    resident_id: int = refers("resident.id", primary_key=True)
    number: str = ""
    digest: str = ""
    expires_at: datetime | None = None
    tries: int = 0  # wrong codes of this number, whoever typed them
    missed: int = 0  # wrong codes this resident typed
    missed_at: datetime | None = None  # the last of these

    __table_args__ = (Index("ix_joining_community_id_number", "community_id", "number"),)


class NotJoined(ValueError):
    """These two are not made one; `why` is wrong, tries, same, guest, several, higher or unfinished."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class LastAccount(ValueError):
    """The only way to reach somebody is not taken away."""


def issue_joining_code(db: Session, by: Resident) -> str:
    """A new code, in place of any before; the store keeps its digest. Raises NotJoined for a guest.

    A guest has nothing to share yet: they type the code of where they are known.
    """
    if by.role is Role.GUEST:
        raise NotJoined("guest")
    code, row = f"1{secrets.randbelow(10**8):08}", _row(db, by)
    row.number, row.digest, row.tries = code[:NUMBER], _digest(by.id, code), 0
    row.expires_at = moment(db) + LIFETIME
    db.add(row)
    return f"{code[:3]} {code[3:6]} {code[6:]}"


def looks_like_joining_code(text: str) -> bool:
    return SHAPE.fullmatch(_plain(text)) is not None


def whose_code(db: Session, by: Resident, text: str) -> Resident:
    """Who asked for this code, locked; a wrong one is counted. Raises NotJoined."""
    now, mine, code = moment(db), _row(db, by), _plain(text).replace(" ", "")
    missed = mine.missed if mine.missed_at and now < mine.missed_at + LIFETIME else 0
    if missed >= TRIES:
        raise NotJoined("tries")
    meant = select(Joining).where(Joining.number == code[:NUMBER], col(Joining.expires_at) > now)
    found = meant.where(col(Joining.tries) < TRIES).order_by(col(Joining.resident_id)).with_for_update()
    alike = db.exec(found.execution_options(populate_existing=True)).all()
    for each in alike:
        if compare_digest(each.digest, _digest(each.resident_id, code)):
            return _holder(db, by, each.resident_id)
    for each in alike:
        each.tries += 1
    mine.missed, mine.missed_at = missed + 1, now
    db.add(mine)
    raise NotJoined("wrong")


def _holder(db: Session, by: Resident, resident_id: int) -> Resident:
    """The resident behind a right code."""
    theirs = select(Resident).where(Resident.id == resident_id).with_for_update(key_share=True)
    holder = db.exec(theirs.execution_options(populate_existing=True)).one()
    _compare(db, by, holder)
    return holder


def _compare(db: Session, by: Resident, holder: Resident) -> None:
    """Nobody loses what only the office gives; and with one address a time, parting undoes the whole of a joining."""
    if holder.id == by.id:
        raise NotJoined("same")
    if len(accounts_of(db, by)) > 1:
        raise NotJoined("several")
    confirmed = by.verified and not holder.verified and holder.household_id is not None
    if by.role > holder.role or confirmed:
        raise NotJoined("higher")


def join(db: Session, by: Resident, text: str) -> bool:
    """Make whoever types a code one with whoever asked for it, who is told; raises NotJoined.

    Role and home are those of whoever asked. Returns whether something left unfinished here was dropped.
    """
    holder = whose_code(db, by, text)
    before, [joined] = accounts_of(db, holder)[0], accounts_of(db, by)
    unfinished = db.get(Dialogue, by.id)
    dropped = unfinished is not None and bool(unfinished.state["parked"])
    _become(db, by, holder)
    before.used_at = moment(db) + LIFETIME  # until then a thief's channel does not swallow the news of the theft
    push(
        db,
        f"joined:{holder.id}:{by.id}",
        holder.id,
        "joining.joined_there",
        urgent=True,
        choices=[(f"/joining.part account={joined.id}", "joining.not_me"), ("/joining.part", "menu.joining.part")],
        channel={"key": f"joining.channel_{joined.channel}"},
    )
    return dropped


def recognise(db: Session, browser: Account, known: Account, user: str) -> None:
    """Let a browser be whom the platform says is using it, `known` there, by the name `user`; raises NotJoined.

    One that was another's on that platform changes hands, they keep what is theirs. Else it brings along what was
    done there, but for what is unfinished: that comes first. Whoever knows its name of before is nobody by it.
    """
    both = select(Resident).where(col(Resident.id).in_([browser.resident_id, known.resident_id]))
    locked = both.order_by(col(Resident.id)).with_for_update(key_share=True).execution_options(populate_existing=True)
    found = {each.id: each for each in db.exec(locked)}
    by, holder = found[browser.resident_id], found[known.resident_id]
    if by is not holder and any(each.channel == known.channel for each in accounts_of(db, by)):
        _move_out(db, by, browser)
        browser.resident_id = holder.id
    elif by is not holder:
        _compare(db, by, holder)
        talk = db.get(Dialogue, by.id)
        if talk is not None and (talk.state["service"] or talk.state["parked"]):
            raise NotJoined("unfinished")
        _become(db, by, holder)
    before, browser.user = _address(browser), user
    if holder.origin == before:
        holder.origin = _address(browser)


def _become(db: Session, by: Resident, holder: Resident) -> None:
    """From now on these two are one."""
    db.execute(delete(Joining).where(col(Joining.resident_id).in_([by.id, holder.id])))  # a code is used, or void
    hand_over(db, by, holder)
    _leave_empty(db, by, holder)


def _leave_empty(db: Session, former: Resident, to: Resident) -> None:
    """Nobody is behind this row any more; `origin` says who they are now."""
    if to.household_id is None:
        to.household_id, to.home, to.verified = former.household_id, former.home, former.verified
    to.name, to.phone = to.name or former.name, to.phone or former.phone
    for earlier in [*former_selves(db, former), former]:
        earlier.origin = f"joined:{to.id}:{earlier.id}"
    former.name, former.phone, former.home, former.household_id = "", None, "", None
    former.role, former.verified, former.erased_at = Role.GUEST, False, moment(db)


def former_selves(db: Session, resident: Resident) -> list[Resident]:
    """Whom a resident was taken for before they were joined."""
    return list(db.exec(select(Resident).where(col(Resident.origin).startswith(f"joined:{resident.id}:"))))


def accounts_of(db: Session, resident: Resident) -> list[Account]:
    """Where a resident is reached, the one used last first."""
    theirs = select(Account).where(Account.resident_id == resident.id)
    return list(db.exec(theirs.order_by(col(Account.used_at).desc().nulls_last(), col(Account.id).desc())))


def part(db: Session, by: Resident, account: Account) -> None:
    """Let an address of a resident's be a stranger again, who is told; what was done there stays with the resident.

    Raises LastAccount, and PermissionError for somebody else's.
    """
    own = accounts_of(db, by)
    if account.id not in [each.id for each in own]:
        raise PermissionError("an address is its resident's own")
    if len(own) < 2:
        raise LastAccount
    guest = Resident(origin=_move_out(db, by, account), language=by.language)
    db.add(guest)
    db.flush()
    account.resident_id = guest.id
    for kind in (Card, Album):
        here = {"channel": account.channel, "account": account.account, "user": account.user}
        db.execute(delete(kind).filter_by(**here))
    db.execute(delete(Joining).where(col(Joining.resident_id) == by.id))
    push(db, f"parted:{account.id}:{guest.id}", guest.id, "joining.parted_here")


def _move_out(db: Session, by: Resident, account: Account) -> str:
    """Nobody is known by an address that is theirs no longer; returns it, as an origin."""
    address = _address(account)
    if by.origin == address:
        by.origin = f"parted:{by.id}"
        db.flush()
    return address


def _address(account: Account) -> str:
    return f"{account.channel}:{account.account}:{account.user}"


def _row(db: Session, resident: Resident) -> Joining:
    return db.get(Joining, resident.id) or Joining(resident_id=resident.id)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _digest(resident_id: int, code: str) -> str:
    return hashlib.sha256(f"linlifang joining {resident_id} {code}".encode()).hexdigest()
