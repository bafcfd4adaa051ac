"""What was changed, by whom, when and from where (操作留痕): entries that hang together by their digests.

Whatever is set in an audited column is noted by itself, whoever's verb does it; `note` is for what leaves no row. The
notes of a transaction are chained right before its commit, when nothing is left to wait for.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, ClassVar

from sqlalchemy import event
from sqlalchemy.orm import Mapper, SessionTransaction, object_session
from sqlalchemy.orm import Session as AnySession
from sqlalchemy.orm.base import NO_VALUE
from sqlmodel import JSON, BigInteger, Column, Field, Session, SQLModel

from models.store import AppendOnly, InCommunity, insert_once, moment, ours, table_of

NEW, CHANGED, GONE = "new", "changed", "gone"
Facts = dict[str, Any]


class Audited(SQLModel):
    """A row whose changes are noted; `audited` are the columns it is done for, none of which tells of a person."""

    audited: ClassVar[tuple[str, ...]] = ()


class AuditEntry(AppendOnly, InCommunity, table=True):
    __tablename__ = "audit_entry"

    community_id: int = Field(foreign_key="community.id", primary_key=True)
    seq: int = Field(primary_key=True)  # 1, 2, 3 … within a community
    at: datetime
    actor: int | None = Field(default=None, sa_type=BigInteger)  # a resident's id, no reference: it outlives them
    role: str = ""  # what they were then
    channel: str = ""  # "web", "wechat", "console" …; "" is the program itself
    address: str = ""  # a part of the network's, where known
    act: str  # "ticket.changed"
    about: str  # "ticket:12"
    facts: Facts = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # column: [before, after]
    digest: str  # of all this and the digest before


class AuditHead(InCommunity, table=True):
    """The last entry of a community: whoever adds one holds this row."""

    __tablename__ = "audit_head"

    community_id: int = Field(foreign_key="community.id", primary_key=True)
    seq: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where."""

    id: int | None = None
    role: str = ""
    channel: str = ""
    address: str = ""


@dataclass(slots=True)
class Note:
    actor: Actor
    community_id: int
    act: str
    about: str
    facts: Facts = field(default_factory=dict)


def act_as(db: Session, actor: Actor) -> None:
    """What is changed from here on is this person's doing."""
    db.info["actor"] = actor


def note(db: Session, act: str, about: str, facts: Mapping[str, Any] | None = None, here: int | None = None) -> None:
    """Note what leaves no audited row: a login, an export. Facts must tell of no person.

    `here` is the community, where the transaction is the whole alliance's.
    """
    _write(db, here or ours(db), act, about, dict(facts or {}))


def _write(db: AnySession, community_id: int, act: str, about: str, facts: Facts) -> None:
    if "audit" not in db.info:
        db.info["audit"] = []
        db.info["last"].append(_chain)
    db.info["audit"].append(Note(db.info.get("actor", Actor()), community_id, act, about, facts))


def _chain(db: Session) -> None:
    """Add what was noted to each community's chain; others wait from here to the commit, which is next."""
    folded = _folded(db.info["audit"])
    at = moment(db)
    for community_id in sorted({n.community_id for n in folded}):
        seq, digest = _hold_head(db, community_id)
        rows = []
        for each in (n for n in folded if n.community_id == community_id):
            seq += 1
            row = _row(each, seq, at)
            digest = row["digest"] = digest_of(row, digest)
            rows.append(row)
        db.connection().execute(_entries.insert(), rows)
        here = _heads.c.community_id == community_id
        db.connection().execute(_heads.update().where(here).values(seq=seq, digest=digest))


def _folded(notes: list[Note]) -> list[Note]:
    """What one person did to one row in one go, as one entry; what came back to where it was is none."""
    found: dict[Any, Note] = {}
    for n, each in enumerate(notes):
        own = each.act.rpartition(".")[2] not in (NEW, CHANGED)
        first = found.setdefault(n if own else (each.actor, each.community_id, each.about), each)
        if first is not each:
            for name, (before, after) in each.facts.items():
                first.facts[name] = [first.facts.get(name, [before])[0], after]
    for each in found.values():
        if each.act.endswith(f".{CHANGED}"):
            each.facts = {name: two for name, two in each.facts.items() if two[0] != two[1]}
    return [n for n in found.values() if n.facts or not n.act.endswith(f".{CHANGED}")]


def _row(each: Note, seq: int, at: datetime) -> dict[str, Any]:
    actor = each.actor
    return {
        "community_id": each.community_id,
        "seq": seq,
        "at": at,
        "actor": actor.id,
        "role": actor.role,
        "channel": actor.channel,
        "address": actor.address,
        "act": each.act,
        "about": each.about,
        "facts": each.facts,
    }


def digest_of(row: Mapping[str, Any], before: str) -> str:
    """SHA-256 over an entry and the digest before it, as both databases give them back."""
    told = [row["at"].astimezone(UTC).isoformat() if name == "at" else row[name] for name in TOLD]
    return hashlib.sha256(json.dumps([before, *told], sort_keys=True, separators=(",", ":")).encode()).hexdigest()


TOLD = ("community_id", "seq", "at", "actor", "role", "channel", "address", "act", "about", "facts")
_entries, _heads = table_of(AuditEntry), table_of(AuditHead)


def last_entries(db: Session, communities: Sequence[int]) -> dict[int, int]:
    """The number of each community's last entry: it moves with every change that is audited."""
    asked = _heads.select().where(_heads.c.community_id.in_(communities))
    return {row.community_id: row.seq for row in db.connection().execute(asked)}


def _hold_head(db: Session, community_id: int) -> tuple[int, str]:
    mine = _heads.select().where(_heads.c.community_id == community_id).with_for_update()
    head = db.connection().execute(mine).first()
    if head is None:
        first = {"community_id": community_id, "seq": 0, "digest": ""}
        db.connection().execute(insert_once(AuditHead, db.get_bind().dialect.name), [first])
        head = db.connection().execute(mine).one()
    return head.seq, head.digest


# --- rows speak for themselves ---------------------------------------------------------------------------------------


@event.listens_for(Mapper, "mapper_configured")
def _watch(_: Any, kind: type[Any]) -> None:
    for name in getattr(kind, "audited", ()):
        event.listen(getattr(kind, name), "set", _setting(name), active_history=True)


def _setting(name: str) -> Callable[..., None]:
    def changed(row: Any, value: Any, before: Any, _: Any) -> None:
        db = object_session(row)
        if db is not None and value != before:
            _tell(db, row, CHANGED, {name: [_plain(before), _plain(value)]})

    return changed


@event.listens_for(AnySession, "transient_to_pending")
def _added(db: AnySession, row: Any) -> None:
    if isinstance(row, Audited):
        _tell(db, row, NEW, {name: [None, _plain(getattr(row, name))] for name in row.audited})


@event.listens_for(AnySession, "persistent_to_deleted")
def _deleted(db: AnySession, row: Any) -> None:
    if isinstance(row, Audited):
        _tell(db, row, GONE, {name: [_plain(getattr(row, name)), None] for name in row.audited})


def _tell(db: AnySession, row: Any, act: str, facts: Facts) -> None:
    kind = row.__tablename__
    _write(db, row.community_id or db.info["community_id"], f"{kind}.{act}", f"{kind}:{row.id}", facts)


def _plain(value: Any) -> Any:
    if value is NO_VALUE:
        return None
    if isinstance(value, Enum):
        return value.name.lower()
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@event.listens_for(AnySession, "after_transaction_create")
def _remember(db: AnySession, started: SessionTransaction) -> None:
    if started.nested:
        db.info.setdefault("marks", {})[started] = len(db.info.get("audit", ()))


@event.listens_for(AnySession, "after_soft_rollback")
def _take_back(db: AnySession, undone: SessionTransaction) -> None:
    """What a savepoint undoes was not done."""
    mark = db.info.get("marks", {}).pop(undone, None)
    if mark is not None and "audit" in db.info:
        del db.info["audit"][mark:]
