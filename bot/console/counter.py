"""What is done for a caller, in a thread of its own: one transaction a page, and the HTML while it lasts."""

from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from bot.console.browser import part_of
from bot.console.look import Look
from bot.console.page import Page
from bot.console.visit import Answer, Caller, Shown, Visit, writing
from bot.conversation.desk import Desk
from models.audit import Actor, act_as
from models.login import Login, find_login, touch_login, wants_touch
from models.resident import Resident
from models.store import reading

TRIES = 3  # where two transactions stood in each other's way


@dataclass(frozen=True)
class Known:
    """Somebody who is logged in."""

    login: Login
    worker: Resident


class _Undone(Exception):
    """What a page did is to leave no trace; its answer stands."""

    def __init__(self, answer: Answer, html: str) -> None:
        self.outcome = answer, html


def whose(desk: Desk, token: str) -> Known | None:
    """Who is logged in with this token."""
    with reading(desk.engine, None, desk.now()) as db:
        found = find_login(db, token)
    return Known(*found) if found else None


def let_in(look: Look, page: Page, caller: Caller) -> tuple[Answer, str]:
    """Run one of the ways in."""
    answer = page.run(caller)
    return answer, _html(look, answer, caller)


def attend(look: Look, page: Page, caller: Caller, known: Known) -> tuple[Answer, str]:
    """Run a page for a worker. What answers with a status of 400 or more has changed nothing."""
    if not caller.unasked and wants_touch(known.login, caller.now):
        with writing(caller.desk, known.worker.community_id) as db:
            touch_login(db, known.login)
    try:
        return _tried(look, page, caller, known, TRIES)
    except _Undone as undone:
        return undone.outcome


def _tried(look: Look, page: Page, caller: Caller, known: Known, tries: int) -> tuple[Answer, str]:
    try:
        return _within(look, page, caller, known)
    except OperationalError:
        if tries < 2:
            raise
        return _tried(look, page, caller, known, tries - 1)


def _within(look: Look, page: Page, caller: Caller, known: Known) -> tuple[Answer, str]:
    desk, here = caller.desk, known.worker.community_id
    with reading(desk.engine, here, desk.now()) if page.method == "GET" else writing(desk, here) as db:
        worker = db.get_one(Resident, known.worker.id)
        act_as(db, Actor(worker.id, worker.role.name.lower(), "console", part_of(caller.address)))
        community = desk.communities.by_id(here)
        visit = Visit(**vars(caller), community=community, worker=worker, login=known.login, db=db)
        answer = page.run(visit)
        html = _html(look, answer, visit)
        if isinstance(answer, Shown) and answer.status >= 400:
            raise _Undone(answer, html)
        return answer, html


def _html(look: Look, answer: Answer, caller: Caller) -> str:
    return look.render(answer, caller) if isinstance(answer, Shown) else ""
