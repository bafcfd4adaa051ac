"""One-time codes: what a worker gives out so that a person is bound to a home or takes up a role."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import ClassVar

from sqlmodel import Field, Session, select

from models.audit import Audited
from models.household import Household
from models.resident import Resident, Role, confirm_home
from models.store import InCommunity, checked, moment, own_id, refers

LIFETIME = timedelta(days=14)  # a letter has to be delivered and read
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that looks like something else on paper
LENGTH = 8  # 31^8: too many to guess, so no counting of tries


class Code(InCommunity, Audited, table=True):
    audited: ClassVar = ("role", "used_at")

    id: int = own_id()
    digest: str = Field(unique=True)
    role: Role = Field(default=Role.RESIDENT, sa_type=checked(Role, "role"))
    household_id: int | None = refers("household.id", default=None)
    issued_by: int | None = refers("resident.id", default=None)
    expires_at: datetime
    used_at: datetime | None = None
    used_by: int | None = refers("resident.id", default=None)


class BadCode(ValueError):
    """No such code, or used, or too old."""


def issue_code(db: Session, by: Resident | None, role: Role = Role.RESIDENT, household: Household | None = None) -> str:
    """A new code; the store keeps its digest, and the reply that showed it for as long as replies are kept. `by` is None on the command line.

    Raises PermissionError when somebody gives away a role above their own.
    """
    if by is not None and (by.role < Role.WORKER or role > by.role):
        raise PermissionError(f"{by.role.name} may not give out codes for {role.name}")
    code = ""
    while not looks_like_code(code):  # letters alone would be a word
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    db.add(
        Code(
            digest=_digest(code),
            role=role,
            household_id=household.id if household else None,
            issued_by=by.id if by else None,
            expires_at=moment(db) + LIFETIME,
        )
    )
    return f"{code[:4]}-{code[4:]}"


def redeem_code(db: Session, resident: Resident, text: str) -> Code:
    """Bind the resident as the code says; raises BadCode."""
    code = db.exec(select(Code).where(Code.digest == _digest(text)).with_for_update()).first()
    if code is None or code.used_at is not None or code.expires_at < moment(db):
        raise BadCode
    code.used_at, code.used_by = moment(db), resident.id
    resident.role = max(resident.role, code.role)
    if code.household_id is not None and (household := db.get(Household, code.household_id)):
        confirm_home(resident, household)
    return code


def looks_like_code(text: str) -> bool:
    plain = _plain(text)
    return len(plain) == LENGTH and all(c in ALPHABET for c in plain) and any(c.isdigit() for c in plain)


def _plain(text: str) -> str:
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum())


def _digest(text: str) -> str:
    return hashlib.sha256(f"linlifang {_plain(text)}".encode()).hexdigest()
