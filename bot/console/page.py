"""The table of the console's pages. What does not stand in it is not served, and nothing enters without saying who may."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.console.visit import Answer, Caller, Visit
from models.resident import Role

HOME = "/console"


@dataclass(frozen=True)
class Page:
    """One page, or one thing that is done from a page. `needs` is None for the ways in, where nobody is known yet."""

    method: str
    path: str
    needs: Role | None
    run: Callable[[Any], Answer]


@dataclass(frozen=True)
class Room:
    """A part of the console with a place in the navigation; its name stands in the texts under `room.<key>`."""

    key: str
    path: str
    icon: str


PAGES: dict[tuple[str, str], Page] = {}
ROOMS = (
    Room("today", HOME, "today"),
    Room("reports", "/console/reports", "repair"),
    Room("events", "/console/events", "megaphone"),
    Room("people", "/console/people", "people"),
    Room("answers", "/console/answers", "question"),
)


def page(method: str, path: str, *, needs: Role) -> Callable[[Callable[[Visit], Answer]], Callable[[Visit], Answer]]:
    """Enter a page for whoever is at least `needs`. A GET only reads; anything else is one transaction."""

    def enter(run: Callable[[Visit], Answer]) -> Callable[[Visit], Answer]:
        PAGES[method, path] = Page(method, path, needs, run)
        return run

    return enter


def way_in(method: str, path: str) -> Callable[[Callable[[Caller], Answer]], Callable[[Caller], Answer]]:
    """Enter a page for anybody. It opens its own transactions: whose community it is about is not known yet."""

    def enter(run: Callable[[Caller], Answer]) -> Callable[[Caller], Answer]:
        PAGES[method, path] = Page(method, path, None, run)
        return run

    return enter


def may_open(role: Role, path: str) -> bool:
    """Whether there is such a page, and for somebody of this role."""
    found = PAGES.get(("GET", path))
    return found is not None and (found.needs is None or role >= found.needs)
