"""One message owed to many people, written by the store itself however many they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Select, String, cast, func, literal, select
from sqlmodel import Session

from models.group import LinkedGroup
from models.household import Household
from models.outbox import Post, Push, storable
from models.resident import Resident, Role, at_least
from models.store import insert_of, moment, ours, table_of

_pushes, _residents, _homes, _groups = (table_of(kind) for kind in (Push, Resident, Household, LinkedGroup))


def push_to_all(
    db: Session,
    key_prefix: str,
    text_key: str,
    facts: Mapping[str, Any],
    choices: Sequence[tuple[str, str]] = (),
    about: str = "",
    due: datetime | None = None,
    *,
    expires: datetime | None = None,
    urgent: bool = False,
    building: str | None = None,
    role: Role | None = None,
    verified: bool = False,
) -> int:
    """Owe everybody of this community a message, as `push` does for one; returns how many owe it newly.

    `building` keeps to those who live there, `role` to those who are at least that, `verified` to those bound by
    a worker's code. Guests and erased people are left out. The key of each is `<key_prefix>:<resident id>`.
    """
    who = _who(db, building, role, verified)
    return _owe(db, who, key_prefix, text_key, facts, choices, about, due, expires, urgent)


def count_receivers(db: Session, *, building: str | None = None, role: Role | None = None) -> int:
    """How many `push_to_all` would owe a message."""
    counted = select(func.count()).select_from(_residents)
    counted = counted.where(_residents.c.community_id == ours(db), _residents.c.erased_at.is_(None))
    return int(db.execute(counted.where(*_who(db, building, role))).scalar_one())


def _who(db: Session, building: str | None, role: Role | None, verified: bool = False) -> list[ColumnElement[bool]]:
    who: list[ColumnElement[bool]] = [_residents.c.role.in_(at_least(max(role or Role.RESIDENT, Role.RESIDENT)))]
    if building is not None:
        homes = select(_homes.c.id).where(_homes.c.building == building, _homes.c.community_id == ours(db))
        who.append(_residents.c.household_id.in_(homes))
    if verified:
        who.append(_residents.c.verified)
    return who


def push_to_those(
    db: Session,
    residents: Select[Any],
    key_prefix: str,
    text_key: str,
    facts: Mapping[str, Any],
    choices: Sequence[tuple[str, str]] = (),
    about: str = "",
) -> int:
    """Owe the people whose ids a query yields a message, now; returns how many owe it newly."""
    return _owe(db, [_residents.c.id.in_(residents)], key_prefix, text_key, facts, choices, about)


def push_to_groups(db: Session, key_prefix: str, text_key: str, facts: Mapping[str, Any], about: str) -> int:
    """Owe the linked groups what concerns everybody, now; returns how many owe it newly.

    Without choices: what one person may do is not for a tap that everybody sees.
    """
    groups = select(_groups.c.resident_id).where(_groups.c.community_id == ours(db), _groups.c.left_at.is_(None))
    return push_to_those(db, groups, key_prefix, text_key, facts, about=about)


def _owe(
    db: Session,
    who: Sequence[ColumnElement[bool]],
    key_prefix: str,
    text_key: str,
    facts: Mapping[str, Any],
    choices: Sequence[tuple[str, str]],
    about: str,
    due: datetime | None = None,
    expires: datetime | None = None,
    urgent: bool = False,
) -> int:
    at = due or moment(db)
    same: dict[str, Any] = {
        "community_id": ours(db),
        "about": about,
        "text_key": text_key,
        "facts": storable(facts),
        "choices": [list(c) for c in choices],
        "urgent": urgent,
        "lane": "",
        "state": Post.WAITING,
        "due_at": at,
        "expires_at": expires,
        "tries": 0,
    }
    theirs = [_residents.c.id, literal(f"{key_prefix}:") + cast(_residents.c.id, String)]
    each = select(*theirs, *(literal(value, _pushes.c[name].type) for name, value in same.items()))
    each = each.where(_residents.c.community_id == ours(db), _residents.c.erased_at.is_(None), *who)
    insert = insert_of(Push, db.get_bind().dialect.name)
    db.flush()
    columns = ["resident_id", "key", *same]
    insert = insert.from_select(columns, each, include_defaults=False).on_conflict_do_nothing()
    result = db.execute(insert.execution_options(preserve_rowcount=True))
    assert isinstance(result, CursorResult)
    if result.rowcount > 0:
        earliest = db.info.get("earliest_push")
        db.info["earliest_push"] = min(earliest, at) if earliest else at
    return result.rowcount
