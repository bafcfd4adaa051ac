"""What is kept about a person: shown, handed over, deleted (PIPL articles 45 to 47)."""

import secrets
from typing import Any

from sqlalchemy import ColumnElement, String, Table, and_, cast, delete, false, or_, true, tuple_, update
from sqlmodel import Session, SQLModel, col, func, select

from models.alarm import Alarm
from models.album import Album
from models.ballot import Ballot
from models.belongings import ENTRIES, naming
from models.card import Card
from models.dialogue import Dialogue, Heard
from models.enquiry import Enquiry
from models.example import Example
from models.household import Household, wordings
from models.joining import Joining, former_selves
from models.lifecycle import INTERNAL, OPEN
from models.mailbox import Letter
from models.masking import GONE, TELEPHONE
from models.outbox import Push
from models.photo import Photo
from models.poll import detach_ballots
from models.proposal import Proposal
from models.resident import Account, Resident, Role, at_least
from models.signup import SignUp, cancel_signup
from models.store import as_json, moment, ours, settle, table_of
from models.ticket import Follower, Ticket, TicketEvent
from models.turnout import signups_of
from models.visitor import Visitor
from models.wechat_follower import WechatFollower

# rows that are the person's alone
GOES = (Heard, Dialogue, Letter, Push, Photo, Follower, SignUp, Account, Enquiry, Alarm, Example, Joining, *ENTRIES)
TOLD = {"heard": "replies", "letter": "reply", "dialogue": "state"}  # where what the desk said is kept
STANDS = (Card, Album, Visitor, WechatFollower)  # rows that stand under an address of the person's
OTHERS = {  # columns that name a person in what is somebody else's
    ("ticket", "worker_id"),
    ("linkedgroup", "linked_by_id"),
    ("linkedgroup", "resident_id"),
}
TELLING = 6  # characters
Address = tuple[str, str, str]  # channel, account, user


def counts_of(db: Session, resident: Resident) -> dict[str, int]:
    """How many reports, votes and sign-ups."""
    mine = {"tickets": Ticket.resident_id, "votes": Ballot.resident_id, "signups": SignUp.resident_id}
    return {name: db.exec(select(func.count()).where(c == resident.id)).one() for name, c in mine.items()}


def export_resident(db: Session, resident: Resident) -> dict[str, list[dict[str, Any]]]:
    """Every row that names the person, by table; a table added later is found by itself."""
    kept: dict[str, list[dict[str, Any]]] = {"resident": [resident.model_dump(mode="json")]}
    selves, addresses = _selves(db, resident), _addresses(db, resident)
    for table in SQLModel.metadata.sorted_tables:
        if rows := _naming(db, table, selves, addresses):
            kept[table.name] = [_own(table.name, row, resident) for row in rows]
    if resident.household_id is not None and (household := db.get(Household, resident.household_id)):
        kept["household"] = [household.model_dump(mode="json")]
    return kept


def _selves(db: Session, resident: Resident) -> list[int]:
    """The ids of a resident: a channel joined later leaves its last reply with whom it was taken for before."""
    return [resident.id, *(earlier.id for earlier in former_selves(db, resident))]


def _addresses(db: Session, resident: Resident) -> list[Address]:
    theirs = select(Account.channel, Account.account, Account.user).where(Account.resident_id == resident.id)
    return list(db.exec(theirs))


def _standing(table: Table, addresses: list[Address]) -> ColumnElement[bool]:
    """The rows of a table that stand under one of these addresses."""
    if table is table_of(Visitor):  # at whichever door of the channel
        return tuple_(table.c.channel, table.c.user).in_([(channel, user) for channel, _, user in addresses])
    if table is table_of(WechatFollower):  # an OpenID is one account's alone
        return table.c.user.in_([user for channel, _, user in addresses if channel == "wechat"])
    if {"channel", "account", "user"} <= set(table.c.keys()):
        return tuple_(table.c.channel, table.c.account, table.c.user).in_(addresses)
    return false()


def _naming(db: Session, table: Table, selves: list[int], addresses: list[Address]) -> list[dict[str, Any]]:
    """The rows of a table that name a resident: by a reference, as the doer in a history, or by an address."""
    named = [c for c in naming(table) if (table.name, c.name) not in OTHERS]
    if "community_id" not in table.c and table is not table_of(WechatFollower):
        return []
    theirs = or_(_standing(table, addresses), *(c.in_(selves) for c in named))
    mine = table.select().where(theirs, _here(db, table))
    return [{k: _plain(v) for k, v in row._mapping.items()} for row in db.connection().execute(mine)]


def _here(db: Session, table: Table) -> ColumnElement[bool]:
    return table.c.community_id == ours(db) if "community_id" in table.c else true()


def _own(table: str, row: dict[str, Any], resident: Resident) -> dict[str, Any]:
    """Without what the desk told a worker: that is about other residents."""
    if resident.role < Role.WORKER:
        return row
    if table == "push" and row["text_key"].startswith("work."):
        return row | {"facts": {}}
    return row | ({TOLD[table]: None} if table in TOLD else {})


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def erase_resident(db: Session, resident: Resident) -> None:
    """Delete a person. Ballots stay counted without a voter.

    Reports and topics stay as the neighbourhood's record, without a name, telephone number or home.
    """
    for _, event in signups_of(db, resident):
        cancel_signup(db, event, resident)
    settle(db)
    detach_ballots(db, resident)
    _replace(db, Ballot, Ballot.voter == f"r:{resident.id}", voter=f"erased:{secrets.token_hex(16)}")
    _replace(db, Proposal, Proposal.by_id == resident.id, by_id=None)
    _replace(db, Ticket, and_(col(Ticket.worker_id) == resident.id, col(Ticket.status).in_(OPEN)), worker_id=None)
    tickets = list(db.exec(select(Ticket).where(Ticket.resident_id == resident.id)))
    secret = _secrets(db, resident, tickets)
    for ticket in tickets:
        said, place = (_hide(TELEPHONE.sub(GONE, text), secret) for text in (ticket.description, ticket.place))
        ticket.description, ticket.place, ticket.contact, ticket.photos = said, place, "", []
    db.flush()
    _take_back(db, resident, tickets)
    addresses = _addresses(db, resident)
    for under in STANDS:
        table = table_of(under)
        _remove(db, under, and_(_standing(table, addresses), _here(db, table)))
    selves = _selves(db, resident)
    for kind in GOES:
        _remove(db, kind, table_of(kind).c.resident_id.in_(selves))
    _replace(db, TicketEvent, TicketEvent.by_id == resident.id, text="")
    theirs = select(Ticket.id).where(Ticket.resident_id == resident.id)
    _replace(db, TicketEvent, col(TicketEvent.ticket_id).in_(theirs) & col(TicketEvent.act).in_(INTERNAL), text="")
    _hide_from_workers(db, secret)
    for known_as in [resident, *former_selves(db, resident)]:
        known_as.origin = f"erased:{secrets.token_hex(16)}"  # the same address may come back as somebody new
    resident.name, resident.phone, resident.home, resident.household_id = "", None, "", None
    resident.role, resident.verified, resident.erased_at = Role.GUEST, False, moment(db)


def _secrets(db: Session, resident: Resident, tickets: list[Ticket]) -> list[str]:
    """What must be found nowhere: name, numbers, home, and what was written to the workers; longest first.

    Of the words only those long enough to be nobody else's.
    """
    found = [resident.name, resident.phone or "", resident.home, *(t.contact for t in tickets)]
    if resident.household_id is not None and (home := db.get(Household, resident.household_id)):
        found += wordings(home)
    said = list(db.exec(select(TicketEvent.text).where(TicketEvent.by_id == resident.id)))
    for asked in db.exec(select(Enquiry.text).where(Enquiry.resident_id == resident.id)):
        said += [asked, asked[:60], asked[:20]]  # as lists and buttons show it
    found += [text for text in said if len(text) >= TELLING]
    return sorted({text for text in found if text}, key=len, reverse=True)


def _take_back(db: Session, resident: Resident, tickets: list[Ticket]) -> None:
    """What workers and neighbours were told in the person's words, sent or not, with what it became at their place."""
    asked = db.exec(select(Enquiry.id).where(Enquiry.resident_id == resident.id))
    about = [*(f"enquiry:{n}" for n in asked), *(f"ticket:{t.id}" for t in tickets)]
    _remove(db, Card, col(Card.about).in_(about))
    told = or_(col(Push.about).in_(about), col(Push.about).startswith(f"alarm:{resident.id}:"))
    pushes = list(db.exec(select(Push).where(told)))
    _remove(db, Letter, col(Letter.key).in_([p.key for p in pushes]))
    _remove(db, Push, col(Push.id).in_([p.id for p in pushes]))


def _hide_from_workers(db: Session, secret: list[str]) -> None:
    """Blank the person in what the desk said to those who work here: cards, lists of names, buttons."""
    here = select(Resident.id).where(Resident.community_id == ours(db), col(Resident.role).in_(at_least(Role.WORKER)))
    written = [as_json(text)[1:-1] for text in secret]  # as it stands in a JSON column
    for kind, name in ((Heard, "replies"), (Heard, "said"), (Letter, "reply"), (Dialogue, "state")):
        table = table_of(kind)
        key, column = next(iter(table.primary_key)), table.c[name]
        naming = or_(false(), *(cast(column, String).contains(text, autoescape=True) for text in written))
        for row in db.connection().execute(table.select().where(table.c.resident_id.in_(here), naming)).all():
            value = _hide(row._mapping[name], secret)
            db.connection().execute(update(table).where(key == row._mapping[key.name]).values({name: value}))


def _hide(value: Any, secret: list[str]) -> Any:
    """The same without the secrets in any text of it."""
    if isinstance(value, list):
        return [_hide(v, secret) for v in value]
    if isinstance(value, dict):
        return {k: _hide(v, secret) for k, v in value.items()}
    for known in secret if isinstance(value, str) else ():
        value = value.replace(known, GONE)
    return value


def _replace(db: Session, kind: type[SQLModel], where: Any, **values: object) -> None:
    """Changed below the session: history itself gives way to the law here."""
    db.connection().execute(update(table_of(kind)).where(where).values(**values))


def _remove(db: Session, kind: type[SQLModel], where: Any) -> None:
    db.connection().execute(delete(table_of(kind)).where(where))
