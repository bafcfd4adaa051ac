"""Who calls or stands at the counter: somebody known, found by the telephone number, or entered now."""

import re
import secrets

from sqlmodel import Session, col, select

from models.resident import Resident, Role
from models.store import ours

MOST = 10


def residents_with_phone(db: Session, by: Resident, phone: str) -> list[Resident]:
    """Those who gave this number, for a worker to ask which it is; a number is a hint, not a proof.

    Raises PermissionError.
    """
    _check(by)
    numbers = {phone.strip(), _digits(phone)} - {""}
    theirs = select(Resident).where(col(Resident.phone).in_(numbers), col(Resident.erased_at).is_(None))
    return list(db.exec(theirs.order_by(col(Resident.role).desc(), col(Resident.id)).limit(MOST)))


def enter_caller(db: Session, by: Resident, name: str = "", phone: str = "") -> Resident:
    """Somebody who has no chat with us, so that a report has a reporter; the same number is the same caller.

    They are a guest, and reached by telephone alone. Raises PermissionError.
    """
    _check(by)
    origin = f"counter:{ours(db)}:{_digits(phone) or secrets.token_hex(16)}"
    caller = db.exec(select(Resident).where(Resident.origin == origin)).first()
    if caller is None:
        caller = Resident(origin=origin, name=name, phone=_digits(phone) or None)
        db.add(caller)
        db.flush()
    caller.name = name or caller.name
    return caller


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def _check(by: Resident) -> None:
    if by.role < Role.WORKER:
        raise PermissionError("only workers ask who has a telephone number")
