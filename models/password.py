"""Passwords for the console (argon2id): for the first administrator, who may be in no chat yet."""

import os
from datetime import datetime
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlmodel import Session

from models.audit import note
from models.resident import Resident, Role
from models.store import InCommunity, moment, refers

LEAST, MOST = 10, 200  # characters
ROUNDS, LANES, MEMORY = 3, 4, 64 * 1024  # KiB; the second choice of RFC 9106, section 4


class Password(InCommunity, table=True):
    resident_id: int = refers("resident.id", primary_key=True)
    secret: str  # with its salt and its cost
    changed_at: datetime


class WeakPassword(ValueError):
    """Too short, or too long to be one."""


def set_password(db: Session, who: Resident, password: str) -> None:
    """Raises WeakPassword, and PermissionError for somebody who does not work here."""
    if who.role < Role.WORKER:
        raise PermissionError("only those who work here log in")
    if not LEAST <= len(password) <= MOST:
        raise WeakPassword(f"a password has {LEAST} to {MOST} characters")
    secret, now = seal(password), moment(db)
    db.merge(Password(community_id=who.community_id, resident_id=who.id, secret=secret, changed_at=now))
    note(db, "password.set", f"resident:{who.id}", here=who.community_id)


def password_of(db: Session, who: Resident) -> str | None:
    """What is kept of somebody's password; None where they have none."""
    kept = db.get(Password, who.id)
    return kept.secret if kept else None


def seal(password: str) -> str:
    """A tenth of a second's work."""
    salt = os.urandom(16)
    cost = Argon2id(salt=salt, length=32, iterations=ROUNDS, lanes=LANES, memory_cost=MEMORY)
    return cost.derive_phc_encoded(password.encode())


def fits(password: str, secret: str | None) -> bool:
    """Whether it is the password; takes as long where there is none, so that nobody learns who has one."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), secret or _nobodys())
    except InvalidKey:
        return False
    return secret is not None


@cache
def _nobodys() -> str:
    return seal(os.urandom(16).hex())
