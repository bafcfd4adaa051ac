"""A conversation in progress, and the messages already answered. Read and written set-wise: every turn does."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Index, bindparam, select, text
from sqlmodel import JSON, Column, Field, Session

from models.resident import Account
from models.store import InCommunity, add_once, insert_once, moment, ours, refers, table_of

PUSHED = 12  # choices of pushes that may still be answered by their words


def _json(kind: type = dict) -> Any:
    return Field(default_factory=kind, sa_column=Column(JSON, nullable=False))


class Dialogue(InCommunity, table=True):
    """What one resident is talking about: a State, in one column, since every turn reads and writes all of it."""

    resident_id: int = refers("resident.id", primary_key=True)
    state: dict[str, Any] = _json()  # JSON, not JSONB: "back" relies on the order of answers
    expires_at: datetime | None = None  # when an open talk has waited long enough
    touched_at: datetime  # when it was last written: what was laid aside is not kept for ever

    __table_args__ = (Index("ix_dialogue_expires_at", "expires_at"), Index("ix_dialogue_touched_at", "touched_at"))


class Heard(InCommunity, table=True):
    """A message we have answered, with the answer: a redelivery gets the same one."""

    key: str = Field(primary_key=True)
    resident_id: int = refers("resident.id")
    said: dict[str, Any] = _json()
    replies: list[Any] = _json(list)
    at: datetime
    owed_at: datetime | None = None  # when to see to the telling of the replies again; None once all are told
    told: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # how many of the replies have left

    __table_args__ = (
        Index("ix_heard_resident_id_at", "resident_id", "at"),
        Index("ix_heard_at", "at"),
        Index(
            "ix_heard_owed_at",
            "owed_at",
            sqlite_where=text("owed_at IS NOT NULL"),
            postgresql_where=text("owed_at IS NOT NULL"),
        ),
    )


@dataclass
class State:
    """A dialogue off its row: a run that is undone must not undo the answers."""

    service: str | None = None
    asked: str | None = None  # the slot we last asked for
    answers: dict[str, Any] = field(default_factory=dict)  # by slot, in the order they were given
    given: dict[str, Any] = field(default_factory=dict)  # answers that came with the button that opened the service
    said: list[Any] = field(default_factory=list)
    turn: int = 0  # numbers the menus, so that a tap on an old one is known
    offered: list[Any] = field(default_factory=list)  # [value, label] of the choices of the newest menu
    pushed: list[Any] = field(default_factory=list)  # [value, words] of choices of pushes, the newest last
    later: list[Any] = field(default_factory=list)  # [service, words] of what else was wished for, after this talk
    parked: dict[str, Any] = field(default_factory=dict)  # an unfinished talk, to be offered again
    expires_at: datetime | None = None

    def end(self) -> None:
        """Photos sent on a detour are for the matter it was made for."""
        if self.parked.get("wanted"):
            self.parked["said"] += [{**m, "text": ""} for m in self.said if m["media"]]
        self.service = self.asked = self.expires_at = None
        self.answers, self.given, self.said = {}, {}, []

    def park(self, *, wanted: bool = False) -> None:
        """Lay the open talk aside; `wanted` means it goes on by itself when the next one ends.

        One that has no answer yet takes no other's place.
        """
        if self.service is not None and (wanted or self.answers or not self.parked.get("answers")):
            self.parked = {
                "service": self.service,
                "answers": self.answers,
                "given": self.given,
                "said": self.said,
                "later": self.later,
                "wanted": wanted,
                "offered": False,
            }
            self.later, self.said = [], []
        self.end()

    def resume(self) -> None:
        """Take up what was laid aside."""
        parked, self.parked = self.parked, {}
        self.service, self.asked = parked["service"], None
        self.answers, self.given, self.said = parked["answers"], parked["given"], parked["said"]
        self.later = parked.get("later", [])  # laid aside by an older version without any


_dialogues = table_of(Dialogue)
_heard = table_of(Heard)
_accounts = table_of(Account)
_load = select(_dialogues.c.resident_id, _dialogues.c.state, _dialogues.c.expires_at).where(
    _dialogues.c.resident_id.in_(bindparam("ids", expanding=True))
)
_at = (
    select(_dialogues.c.state, _dialogues.c.expires_at)
    .join(_accounts, _accounts.c.resident_id == _dialogues.c.resident_id)
    .where(*(_accounts.c[name] == bindparam(name) for name in ("channel", "account", "user")))
    .where(_accounts.c.community_id == bindparam("ours"), _dialogues.c.community_id == bindparam("ours"))
)
_save = (
    _dialogues.update()
    .where(_dialogues.c.resident_id == bindparam("whose"))
    .values({c: bindparam(c) for c in ("state", "expires_at", "touched_at")})
)
_answered = select(_heard.c.key, _heard.c.replies).where(_heard.c.key.in_(bindparam("keys", expanding=True)))


def load_dialogues(db: Session, resident_ids: list[int]) -> dict[int, State]:
    """What each of these residents is talking about; the residents' rows must be locked already."""
    rows = db.connection().execute(_load, {"ids": resident_ids})
    found = {row.resident_id: State(**row.state, expires_at=row.expires_at) for row in rows}
    start = int(moment(db).timestamp())  # after every number an earlier row of theirs can have reached
    missing = {i: State(turn=start) for i in resident_ids if i not in found}
    if missing:
        fresh = [_row(db, state) | {"resident_id": i, "community_id": ours(db)} for i, state in missing.items()]
        db.connection().execute(insert_once(Dialogue, db.get_bind().dialect.name), fresh)
    return found | missing


def state_at(db: Session, channel: str, account: str, user: str) -> State:
    """What is being talked about at an address just now: nobody is locked, nobody entered."""
    wanted = {"channel": channel, "account": account, "user": user, "ours": ours(db)}
    row = db.connection().execute(_at, wanted).one_or_none()
    return State(**row.state, expires_at=row.expires_at) if row else State()


def save_dialogues(db: Session, states: dict[int, State]) -> None:
    """Write back what has changed, by resident."""
    if states:
        db.connection().execute(_save, [_row(db, state) | {"whose": i} for i, state in states.items()])


def _row(db: Session, state: State) -> dict[str, Any]:
    kept = vars(state).copy()
    return {"expires_at": kept.pop("expires_at"), "touched_at": moment(db), "state": kept}


def already_answered(db: Session, keys: list[str]) -> dict[str, list[Any]]:
    """The replies given to those of these messages that were heard before."""
    return {row.key: row.replies for row in db.connection().execute(_answered, {"keys": keys})}


def remember(
    db: Session,
    key: str,
    resident_id: int,
    said: dict[str, Any],
    replies: list[Any],
    at: datetime,
    owed_at: datetime | None = None,
) -> None:
    """Keep an answer, so that a redelivery gets the same one; `owed_at` is when it should have been told."""
    row = {"key": key, "resident_id": resident_id, "said": said, "replies": replies, "at": at}
    add_once(db, Heard, row | {"owed_at": owed_at, "told": 0, "community_id": ours(db)})


def keep_pushed(db: Session, resident_id: int, choices: list[list[str]]) -> None:
    """Remember [value, words] of a push's choices beside whatever menu there is; the row must be locked already."""
    state = load_dialogues(db, [resident_id])[resident_id]
    state.pushed = [*(c for c in state.pushed if c not in choices), *choices][-PUSHED:]
    save_dialogues(db, {resident_id: state})


def talks_left_alone(db: Session) -> list[int]:
    """The communities where somebody's talk has waited longer than its patience."""
    late = select(_dialogues.c.community_id).where(_dialogues.c.expires_at < moment(db)).distinct()
    return list(db.connection().execute(late).scalars())


def park_left_alone(db: Session) -> int:
    """Lay those talks aside, to be offered again when their resident comes back."""
    late = select(_dialogues.c.resident_id).where(
        _dialogues.c.expires_at < moment(db), _dialogues.c.community_id == ours(db)
    )
    residents = sorted(db.connection().execute(late.limit(200).with_for_update(skip_locked=True)).scalars())
    states = load_dialogues(db, residents) if residents else {}
    for state in states.values():
        state.park()
        state.offered = []
    save_dialogues(db, states)
    return len(states)
