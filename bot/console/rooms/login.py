"""The ways in: a code that comes in one's own chat, a link, a password; and out again."""

import threading
from collections.abc import Sequence

from sqlmodel import Session

from bot.console.browser import part_of
from bot.console.page import HOME, page, way_in
from bot.console.visit import Answer, Caller, Goto, Shown, Visit, writing
from models.audit import Actor, act_as
from models.ids import new_id
from models.login import (
    CODE,
    NoEntry,
    end_login,
    find_staff,
    issue_login_code,
    log_in,
    open_with_code,
    open_with_link,
    whose_link,
)
from models.login_try import FORGOTTEN, TooManyTries, begin_try, end_try
from models.outbox import push
from models.password import MOST, fits, password_of
from models.resident import Resident, Role
from models.store import moment, reading

AT_ONCE = threading.Semaphore(2)  # passwords looked at: each takes 64 MiB
MINUTES = int(FORGOTTEN.total_seconds()) // 60


@way_in("GET", "/console/login")
def ask_who(caller: Caller) -> Answer:
    return _form(caller, "who")


@way_in("POST", "/console/login")
def send_code(caller: Caller) -> Answer:
    """Whether anybody is known by what was written is not told: the next page is the same."""
    who = caller.field("who", 60)
    if not who:
        return _form(caller, "who", "login.who_empty", 422)
    people = _staff(caller, who)
    try:
        _count(caller, "ask", who, people)
    except TooManyTries:
        return _form(caller, "who", "login.too_many", 429)
    for person in people:
        with writing(caller.desk, person.community_id) as db:
            code = issue_login_code(db, person, caller.token)
            _send(db, person, code)
    return _form(caller, "code")


@way_in("POST", "/console/login/code")
def enter_code(caller: Caller) -> Answer:
    who, code = caller.field("who", 60), caller.field("code", 20).replace(" ", "")
    people = _staff(caller, who)
    try:
        _count(caller, "enter", who, people)
        with writing(caller.desk, None) as db:
            person = open_with_code(db, caller.token, code, [p.id for p in people])
            end_try(db, "enter", _accounts(who, people), caller.address)
            end_try(db, "ask", _accounts(who, people), caller.address)
            return _let_in(db, caller, person, "code")
    except TooManyTries:
        return _form(caller, "code", "login.too_many", 429)
    except NoEntry:
        return _form(caller, "code", "login.code_wrong", 403)


@way_in("GET", "/console/login/password")
def ask_password(caller: Caller) -> Answer:
    return _form(caller, "password")


@way_in("POST", "/console/login/password")
def enter_password(caller: Caller) -> Answer:
    who = caller.field("who", 60)
    people = _staff(caller, who)
    try:
        _count(caller, "enter", who, people)
        person = _by_password(caller, people)
        with writing(caller.desk, None) as db:
            end_try(db, "enter", _accounts(who, people), caller.address)
            return _let_in(db, caller, person, "password")
    except TooManyTries:
        return _form(caller, "password", "login.too_many", 429)
    except NoEntry:
        return _form(caller, "password", "login.password_wrong", 403)


@way_in("GET", "/console/enter/{token}")
def show_link(caller: Caller) -> Answer:
    """Opened by a button and not at once: messengers look at links before anybody taps them."""
    try:
        with reading(caller.desk.engine, None, caller.now) as db:
            return Shown("login/link.html", {"name": whose_link(db, caller.path["token"]).name})
    except NoEntry:
        return Shown("login/gone.html", status=404)


@way_in("POST", "/console/enter/{token}")
def enter_by_link(caller: Caller) -> Answer:
    try:
        with writing(caller.desk, None) as db:
            return _let_in(db, caller, open_with_link(db, caller.path["token"]), "link")
    except NoEntry:
        return Shown("login/gone.html", status=404)


@page("POST", "/console/logout", needs=Role.WORKER)
def leave(visit: Visit) -> Answer:
    end_login(visit.db, visit.token)
    return Goto("/console/login", "login.left", token="")


def _send(db: Session, person: Resident, code: str) -> None:
    key, until, minutes = f"login:{person.id}:{new_id()}", moment(db) + CODE, int(CODE.total_seconds()) // 60
    push(db, key, person.id, "console.code", about=key, expires=until, urgent=True, code=code, minutes=minutes)


def _let_in(db: Session, caller: Caller, person: Resident, how: str) -> Goto:
    """Begin a login; whatever this browser was logged in as ends, and its token is another from now on."""
    act_as(db, Actor(person.id, person.role.name.lower(), "console", part_of(caller.address)))
    end_login(db, caller.token)
    return Goto(_onward(caller), token=log_in(db, person, caller.browser, how))


def _onward(caller: Caller) -> str:
    """Where somebody wanted to go before they had to log in; nowhere but in the console."""
    wanted = caller.field("next") or caller.query.get("next", "")
    inside = wanted == HOME or wanted.startswith((f"{HOME}/", f"{HOME}?"))
    return wanted if inside and "\\" not in wanted and wanted.isprintable() else HOME


def _form(caller: Caller, step: str, problem: str = "", status: int = 200) -> Shown:
    facts = {"who": caller.field("who", 60), "next": _onward(caller), "problem": problem, "minutes": MINUTES}
    return Shown(f"login/{step}.html", facts, status)


def _staff(caller: Caller, who: str) -> list[Resident]:
    with reading(caller.desk.engine, None, caller.now) as db:
        return find_staff(db, who)


def _accounts(who: str, people: Sequence[Resident]) -> list[str]:
    """Whose tries are counted: nobody's too, or it could be told who is known by how long one may try."""
    return [str(person.id) for person in people] or [f"nobody {who.casefold()}"]


def _count(caller: Caller, purpose: str, who: str, people: Sequence[Resident]) -> None:
    with writing(caller.desk, None) as db:
        begin_try(db, purpose, _accounts(who, people), caller.address)


def _by_password(caller: Caller, people: Sequence[Resident]) -> Resident:
    """Outside any transaction: nobody should wait behind this. Raises NoEntry."""
    with reading(caller.desk.engine, None) as db:
        kept = [(person, password_of(db, person)) for person in people]
    having = [(person, secret) for person, secret in kept if secret]
    for person, secret in having:
        if _fits(caller, secret):
            return person
    if not having:
        _fits(caller, None)  # nobody is to learn from the time it takes
    raise NoEntry


def _fits(caller: Caller, secret: str | None) -> bool:
    with AT_ONCE:
        return fits(caller.field("password", MOST + 1), secret)
