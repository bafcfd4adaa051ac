"""Who is logged in to the workers' console, from which browser, and for how long."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Field, Session, col, select

from models.audit import note
from models.resident import Resident, Role, at_least
from models.store import InCommunity, moment, own_id, refers, table_of

IDLE, LONGEST = timedelta(hours=8), timedelta(days=7)  # an office's day; a week without proving who one is
CODE, LINK = timedelta(minutes=5), timedelta(minutes=15)
NAMESAKES = 5  # who are sent a code: the one who asked for it has the other half
NOTICED = timedelta(minutes=1)  # how exactly it is known when a login was last used


class Login(InCommunity, table=True):
    """One browser somebody is logged in with; the store knows the digest of its token."""

    id: int = own_id()
    digest: str = Field(unique=True)
    resident_id: int = refers("resident.id", index=True)
    browser: str = ""  # "Chrome, Windows": so that one's own is told from another's
    started_at: datetime
    used_at: datetime


class LoginKey(InCommunity, table=True):
    """What lets somebody in once: a code that is typed, or a link."""

    __tablename__ = "login_key"

    digest: str = Field(primary_key=True)
    resident_id: int = refers("resident.id", index=True)
    expires_at: datetime


class NoEntry(PermissionError):
    """No such code, link or password, or used, or too old, or theirs who does not work here any more."""


def find_staff(db: Session, called: str) -> list[Resident]:
    """Those who work anywhere in the alliance and are known by this name or telephone number; a handful at most."""
    called, number = called.strip(), "".join(c for c in called if c.isdigit())
    if not called:
        return []
    known_by = col(Resident.phone) == number if number else col(Resident.name) == called
    staff = select(Resident).where(col(Resident.role).in_(at_least(Role.WORKER)), known_by)
    return list(db.exec(staff.order_by(col(Resident.id)).limit(NAMESAKES)))


def new_token() -> str:
    """256 bits no one guesses."""
    return secrets.token_urlsafe(32)


def issue_login_code(db: Session, who: Resident, browser_token: str) -> str:
    """Six digits that let `who` in from this browser alone.

    The browser's token is part of the digest and stands nowhere in the store: whoever reads that cannot try them all.
    """
    code = f"{secrets.randbelow(10**6):06}"
    _issue(db, who, _code(browser_token, code), CODE)
    return code


def issue_login_link(db: Session, who: Resident, lasts: timedelta = LINK) -> str:
    """The secret end of a one-time link."""
    _require_worker(who)
    token = new_token()
    _issue(db, who, _link(token), lasts)
    return token


def open_with_code(db: Session, browser_token: str, code: str, among: Collection[int]) -> Resident:
    """Who a code lets in, if it is one of those whose tries were counted; it is used by that. Raises NoEntry."""
    who = _redeem(db, _code(browser_token, code))
    if who.id not in among:
        raise NoEntry
    return who


def open_with_link(db: Session, token: str) -> Resident:
    """Who a link lets in; it is used by that. Raises NoEntry."""
    return _redeem(db, _link(token))


def whose_link(db: Session, token: str) -> Resident:
    """Who a link would let in; raises NoEntry."""
    key = db.get(LoginKey, _link(token))
    return _known(db, key)


def _issue(db: Session, who: Resident, digest: str, lasts: timedelta) -> None:
    key = LoginKey(community_id=who.community_id, digest=digest, resident_id=who.id, expires_at=moment(db) + lasts)
    db.merge(key)


def _redeem(db: Session, digest: str) -> Resident:
    key = db.exec(select(LoginKey).where(LoginKey.digest == digest).with_for_update()).first()
    who = _known(db, key)
    db.delete(key)
    return who


def _known(db: Session, key: LoginKey | None) -> Resident:
    who = db.get(Resident, key.resident_id) if key and moment(db) < key.expires_at else None
    if who is None:
        raise NoEntry
    _require_worker(who)
    return who


def _require_worker(who: Resident) -> None:
    if who.role < Role.WORKER:
        raise NoEntry


def log_in(db: Session, who: Resident, browser: str, how: str) -> str:
    """Begin a login with a new token, which is returned."""
    token, now = new_token(), moment(db)
    login = Login(
        community_id=who.community_id,
        digest=digest_of_token(token),
        resident_id=who.id,
        browser=browser,
        started_at=now,
        used_at=now,
    )
    db.add(login)
    note(db, "login.started", f"resident:{who.id}", {"how": how}, who.community_id)
    return token


def find_login(db: Session, token: str) -> tuple[Login, Resident] | None:
    """Who is logged in with this token; None once it is over, or they do not work here any more."""
    mine = select(Login, Resident).join(Resident, col(Login.resident_id) == Resident.id)
    found = db.exec(mine.where(Login.digest == digest_of_token(token))).first()
    if found is None or _over(found[0], moment(db)) or found[1].role < Role.WORKER:
        return None
    return found


def wants_touch(login: Login, now: datetime) -> bool:
    return now - login.used_at > NOTICED


def touch_login(db: Session, login: Login) -> None:
    """It was used just now, by hand."""
    logins = table_of(Login)
    db.connection().execute(logins.update().where(logins.c.id == login.id).values(used_at=moment(db)))


def logins_of(db: Session, who: Resident) -> list[Login]:
    """Where somebody is logged in, the one used last first."""
    mine = db.exec(select(Login).where(Login.resident_id == who.id).order_by(col(Login.used_at).desc())).all()
    return [login for login in mine if not _over(login, moment(db))]


def end_login(db: Session, token: str) -> None:
    """Whoever is logged in with this token is so no more."""
    for login in db.exec(select(Login).where(Login.digest == digest_of_token(token))):
        db.delete(login)
        note(db, "login.ended", f"resident:{login.resident_id}", here=login.community_id)


def log_out(db: Session, by: Resident, login_id: int) -> bool:
    """End one login of one's own; whether there was one."""
    login = db.get(Login, login_id)
    if login is None or login.resident_id != by.id:
        return False
    db.delete(login)
    note(db, "login.ended", f"resident:{by.id}")
    return True


def log_out_everywhere(db: Session, by: Resident) -> None:
    """End every login of one's own, and whatever could begin one."""
    for kind in (Login, LoginKey):
        db.execute(delete(kind).where(col(kind.resident_id) == by.id))
    note(db, "login.ended_everywhere", f"resident:{by.id}")


def _over(login: Login, now: datetime) -> bool:
    return now >= login.used_at + IDLE or now >= login.started_at + LONGEST


def digest_of_token(token: str) -> str:
    return hashlib.sha256(f"linlifang console {token}".encode()).hexdigest()


def _code(browser_token: str, code: str) -> str:
    return hashlib.sha256(f"linlifang console code {browser_token} {code}".encode()).hexdigest()


def _link(token: str) -> str:
    return hashlib.sha256(f"linlifang console link {token}".encode()).hexdigest()
