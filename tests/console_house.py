"""The console as a worker uses it: a real server on loopback, and a browser that fills in what the pages show."""

import re
from collections.abc import Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient
from sqlmodel import col, select

from bot.app import DESK, application
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.ids import new_id
from models.login import issue_login_link
from models.outbox import Push
from models.resident import Account, Resident, Role
from models.store import reading, transaction
from tests.conftest import Clock

FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


class Clerk:
    """Somebody at a browser, with its cookies."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client, self.page, self.path, self.status = client, "", "", 0
        self.headers: dict[str, str] = {}
        self.who = 0

    @property
    def desk(self) -> Desk:
        found: Desk = self.client.server.app[DESK]
        return found

    async def see(self, path: str, **more: Any) -> str:
        """Open a page; redirects are followed."""
        return await self._read(await self.client.get(path, headers=self.headers, **more))

    @property
    def form_token(self) -> str:
        """The one in the page that is open."""
        found = FORM_TOKEN.search(self.page)
        return found[1] if found else ""

    async def send(self, path: str, **fields: str) -> str:
        """Send a form of the page that is open."""
        data = {"form_token": self.form_token} | fields
        return await self._read(await self.client.post(path, data=data, headers=self.headers))

    async def _read(self, response: ClientResponse) -> str:
        self.status, self.path = response.status, response.url.path
        self.page = await response.text()
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.page)))

    async def enter(self, who: int) -> "Clerk":
        """Log in by a link for somebody."""
        with transaction(self.desk.engine, None, self.desk.now()) as db:
            token = issue_login_link(db, db.get_one(Resident, who))
        self.who = who
        await self.see(f"/console/enter/{token}")
        await self.send(f"/console/enter/{token}")
        assert (self.status, self.path) == (200, "/console"), self.page
        return self

    @property
    def cookie(self) -> str:
        return self.client.session.cookie_jar.filter_cookies(self.client.make_url("/"))["linlifang-console"].value


Come = Callable[..., Awaitable[Clerk]]


def employ(desk: Desk, name: str, role: Role = Role.WORKER, slug: str = "hongmei", phone: str | None = None) -> int:
    """Somebody of a community, with a chat of their own; returns their id."""
    community = desk.communities[slug].id
    with transaction(desk.engine, community, desk.now()) as db:
        person = Resident(origin=f"test:{new_id()}", name=name, role=role, phone=phone)
        db.add(person)
        db.flush()
        db.add(Account(channel="web", account=slug, user=f"user-{person.id}", resident_id=person.id))
    return person.id


def served(store_url: str, media: Any, clock: Clock) -> Any:
    """The whole program on a store, by a clock of the test's."""
    app = application(Settings(database_url=store_url, media_dir=media), clock=False)
    app[DESK].now = clock
    return app


def number_of(desk: Desk, who: int) -> str:
    """The code last sent to somebody."""
    with reading(desk.engine, None, desk.now()) as db:
        sent = select(Push).where(Push.resident_id == who, Push.text_key == "console.code").order_by(col(Push.id))
        return str(db.exec(sent).all()[-1].facts["code"])


async def open_house(store_url: str, media: Path, clock: Clock, aiohttp_server: Any, aiohttp_client: Any) -> Come:
    """A served console; what is returned opens a browser: come(), or come("王敏", role, slug) for who is logged in."""
    server = await aiohttp_server(served(store_url, media, clock))

    async def come(name: str = "", role: Role = Role.WORKER, slug: str = "hongmei") -> Clerk:
        clerk = Clerk(await aiohttp_client(server, cookie_jar=CookieJar(unsafe=True)))
        return await clerk.enter(employ(clerk.desk, name, role, slug)) if name else clerk

    return come
