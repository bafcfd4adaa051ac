"""How often somebody has tried to get in: counted in the store, for every process, before it is looked whether they may."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Field, Session, SQLModel, col, select

from models.store import add_once, moment, settle

FORGOTTEN = timedelta(minutes=15)  # after the last try
BY_ACCOUNT, BY_ADDRESS = 5, 20


class LoginTry(SQLModel, table=True):
    """Tries that have not succeeded, of one account or from one address; neither is readable here."""

    __tablename__ = "login_try"

    key: str = Field(primary_key=True)
    tries: int = 0
    last_at: datetime = Field(index=True)


class TooManyTries(PermissionError):
    """Enough for now."""


def begin_try(db: Session, purpose: str, accounts: Iterable[str], address: str) -> None:
    """Count a try before it is judged, so that many at once are no more than many; raises TooManyTries.

    What is refused is not counted, or nobody would ever get in while somebody else goes on trying.
    """
    limits = {_key(purpose, "account", account): BY_ACCOUNT for account in accounts}
    limits[_key(purpose, "address", address)] = BY_ADDRESS
    now = moment(db)
    for key in sorted(limits):
        add_once(db, LoginTry, {"key": key, "tries": 0, "last_at": now})
    settle(db)
    counted = select(LoginTry).where(col(LoginTry.key).in_(limits)).order_by(col(LoginTry.key)).with_for_update()
    rows = db.exec(counted.execution_options(populate_existing=True)).all()
    for row in rows:
        if now >= row.last_at + FORGOTTEN:
            row.tries = 0
        if row.tries >= limits[row.key]:
            raise TooManyTries
    for row in rows:
        row.tries, row.last_at = row.tries + 1, now


def end_try(db: Session, purpose: str, accounts: Iterable[str], address: str) -> None:
    """It succeeded: the account starts anew, and it does not count against where it came from."""
    known = [_key(purpose, "account", account) for account in accounts]
    for row in db.exec(select(LoginTry).where(col(LoginTry.key).in_(known)).with_for_update()):
        row.tries = 0
    here = select(LoginTry).where(LoginTry.key == _key(purpose, "address", address)).with_for_update()
    for row in db.exec(here):
        row.tries = max(0, row.tries - 1)


def _key(purpose: str, kind: str, name: str) -> str:
    return hashlib.sha256(f"linlifang {purpose} {kind} {name}".encode()).hexdigest()
