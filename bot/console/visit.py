"""What a page is given, and what it gives back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp.web import FileField
from sqlmodel import Session

from bot.console.wording import wording
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.texts import Texts
from models.login import Login
from models.resident import Resident
from models.store import transaction


class Missing(LookupError):
    """There is no such thing here: told as 404, of another community's things too."""


@dataclass(frozen=True)
class Shown:
    """A page to be looked at. What a page did whose status is 400 or more is undone."""

    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Goto:
    """On to another page; `told` is a text key said there once, `token` the login's from here on ("" for none)."""

    path: str
    told: str = ""
    token: str | None = None


@dataclass(frozen=True)
class Follow:
    """The stream of a community's news."""


Answer = Shown | Goto | Follow


@dataclass(frozen=True)
class Caller:
    """A browser, and what it asks for."""

    desk: Desk
    token: str  # its cookie's
    address: str  # of the network
    browser: str
    language: str
    path: Mapping[str, str]  # the parts of the address that vary
    query: Mapping[str, str]
    form: Mapping[str, str | bytes | bytearray | FileField]
    told: str = ""  # a text key the page says once
    part: bool = False  # what it asks for is put into a page that is open
    unasked: bool = False  # by the page itself: nobody is at work for that

    @property
    def texts(self) -> Texts:
        return wording(self.language)

    @property
    def now(self) -> datetime:
        return self.desk.now()

    def field(self, name: str, most: int = 2000) -> str:
        """What was written in a field of the form, without the blanks around it."""
        written = self.form.get(name, "")
        return written.strip()[:most] if isinstance(written, str) else ""

    def number(self, name: str) -> int:
        """A number that is part of the address; raises Missing for what is none."""
        text = self.path[name]
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < 2**63):
            raise Missing(name)
        return int(text)


@dataclass(frozen=True, kw_only=True)
class Visit(Caller):
    """A worker at a page of their community, within one transaction."""

    community: Community
    worker: Resident
    login: Login
    db: Session


@contextmanager
def writing(desk: Desk, community_id: int | None) -> Iterator[Session]:
    """A transaction after which whatever it owes is sent at once."""
    with transaction(desk.engine, community_id, desk.now()) as db:
        yield db
    if (earliest := db.info.get("earliest_push")) is not None:
        desk.wake(earliest)
