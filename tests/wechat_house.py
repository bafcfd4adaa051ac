"""The whole program on loopback with a WeChat of our own: a verified service account in safe mode, and phones."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, CookieJar, web
from sqlmodel import select

from bot.app import DESK, application
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.resident import Account as Reached
from models.resident import Resident, Role
from models.store import reading, transaction
from models.wechat_late import WechatLate
from tests.fakes.wechat import FakeWechat
from tests.fakes.wechat_courier import Sent
from tests.fakes.wechat_phone import Phone
from tests.fakes.wechat_state import Account, Kind

APPID, SECRET = "wx0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN, AES_KEY = "linlifang", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KINDS: dict[str, Kind] = {"service": "service", "subscription": "subscription", "passive": "unverified"}


@dataclass
class House:
    """One process of ours at WeChat's side."""

    desk: Desk
    url: str
    fake: FakeWechat
    account: Account

    @property
    def community_id(self) -> int:
        return self.desk.communities["hongmei"].id

    async def neighbour(self, name: str = "小张") -> Phone:
        """Somebody who has just followed the account and been greeted."""
        phone = self.fake.phone(name)
        await (await phone.follow(self.account)).answered()
        return phone

    async def resident(self, name: str = "小张", home: str = "3幢2单元502", role: Role = Role.RESIDENT) -> Phone:
        """Somebody who has said where they live; a worker by an office's say-so."""
        phone = await self.neighbour(name)
        await says(phone, "登记住址", home)
        if role is not Role.RESIDENT:
            self.promote(phone, role)
        return phone

    def promote(self, phone: Phone, role: Role, slug: str = "hongmei") -> None:
        with transaction(self.desk.engine, self.desk.communities[slug].id, self.desk.now()) as db:
            here = select(Resident).join(Reached).where(Reached.channel == "wechat", Reached.user == phone.openid)
            resident = db.exec(here).one()
            resident.role = role
            db.add(resident)

    def who(self, phone: Phone, slug: str = "hongmei") -> Resident:
        """Who a phone's owner is to a community of ours."""
        with reading(self.desk.engine, self.desk.communities[slug].id) as db:
            here = select(Resident).join(Reached).where(Reached.channel == "wechat", Reached.user == phone.openid)
            return db.exec(here).one()

    def rows(self, table: type[Any]) -> list[Any]:
        with reading(self.desk.engine, None) as db:
            return list(db.exec(select(table)))

    def late(self) -> list[str]:
        """The letters that were put off and are not answered yet."""
        return [late.identity for late in self.rows(WechatLate) if late.letter]


async def reply_to(sent: Sent) -> str:
    """What the resident reads in the answer to what they did."""
    await sent.answered()
    assert sent.outcome == "shown", f"{sent.outcome}: {sent.xml}"
    assert sent.reply is not None
    return sent.reply.text


async def says(phone: Phone, *lines: str) -> str:
    """Several messages one after another; what answered the last."""
    return [await reply_to(await phone.say(line)) for line in lines][-1]


async def taps(phone: Phone, words: str) -> str:
    """A line of the newest text, by its number or its words; what answered it."""
    lines = [said for shown in reversed(phone.screen) for said in (*shown.menu, *shown.links) if words in said]
    assert lines, f"nothing to tap that says {words!r}:\n{phone.transcript()}"
    return await reply_to(await phone.tap_menu(lines[0]))


def settings_for(
    store_url: str, folder: Path, fake: FakeWechat, serves: Sequence[str] = ("hongmei",), kind: str = "service"
) -> Settings:
    accounts = folder / "wechat.toml"
    shared = ", ".join(f'"{slug}"' for slug in serves)
    accounts.write_text(
        f'[[account]]\nappid = "{APPID}"\nsecret = "{SECRET}"\ntoken = "{TOKEN}"\naes_key = "{AES_KEY}"\n'
        f'kind = "{kind}"\nserves = [{shared}]\n'
    )
    accounts.chmod(0o600)
    given = {"database_url": store_url, "media_dir": folder / "media", "secret_key_file": folder / "secret.key"}
    return Settings.model_validate(given | {"wechat_accounts_file": accounts, "wechat_api": fake.url})


@asynccontextmanager
async def wechat(kind: str = "service") -> AsyncIterator[FakeWechat]:
    """A WeChat with our account, whose server nobody has told it yet."""
    async with FakeWechat() as fake:
        fake.add_account(APPID, SECRET, kind=KINDS[kind], token=TOKEN, aes_key=AES_KEY)
        yield fake


@asynccontextmanager
async def serving(settings: Settings, fake: FakeWechat, *, clock: bool = False) -> AsyncIterator[House]:
    """A process that serves on a port of its own; of several, WeChat brings its letters to each in turn."""
    app = application(settings, clock=clock)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    account = fake.accounts[APPID]
    account.replicas.append(f"http://{host}:{port}/wechat/{APPID}")
    try:
        yield House(app[DESK], f"http://{host}:{port}", fake, account)
    finally:
        account.replicas.remove(f"http://{host}:{port}/wechat/{APPID}")
        await runner.cleanup()


@asynccontextmanager
async def wechat_house(
    store_url: str,
    folder: Path,
    *serves: str,
    kind: str = "service",
    processes: int = 1,
) -> AsyncIterator[list[House]]:
    """WeChat, an account, and as many processes of ours."""
    async with wechat(kind) as fake, AsyncExitStack() as stack:
        settings = settings_for(store_url, folder, fake, serves or ("hongmei",), kind)
        yield [await stack.enter_async_context(serving(settings, fake)) for _ in range(processes)]


class Web:
    """The same person at the web page of a community."""

    def __init__(self, house: House, slug: str = "hongmei") -> None:
        self._address, self._count = f"{house.url}/api/chat/{slug}/messages", 0
        self._session = ClientSession(cookie_jar=CookieJar(unsafe=True))

    async def __aenter__(self) -> "Web":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def says(self, *lines: str) -> str:
        for line in lines:
            self._count += 1
            body = {"id": f"m{self._count}", "text": line}
            async with self._session.post(self._address, json=body) as answer:
                assert answer.status == 200, await answer.text()
                replies = (await answer.json())["replies"]
        return "\n".join(reply["text"] for reply in replies)
