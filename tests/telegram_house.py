"""The whole program on loopback with a Telegram of our own: a bot that serves, and people with phones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from sqlalchemy import update
from sqlmodel import Session, select

from bot.app import DESK, application
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.resident import Account, Resident, Role
from models.store import transaction
from models.telegram_bot import TelegramBot
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_group import Group
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import BotAccount, Posted
from tests.fakes.telegram_transcript import transcript

TOKEN = "1000100010:AAE1xqvWz0T6Yb8cR3dFgH5jK7mN9pQ2sU4"
NAME = "linlifang_bot"
AGREE = "同意，开始"


@dataclass
class House:
    """One process of ours at Telegram's side."""

    desk: Desk
    url: str
    fake: FakeTelegram
    bot: BotAccount

    def newcomer(self, user_id: int = 7, name: str = "小张", language: str = "zh-hans") -> Phone:
        return self.fake.phone(user_id, name, language)

    async def neighbour(self, user_id: int = 7, name: str = "小张", language: str = "zh-hans") -> Phone:
        """Somebody who has started the bot and agreed."""
        phone = self.newcomer(user_id, name, language)
        await phone.start(self.bot)
        agree = AGREE if language.startswith("zh") else "I agree, begin"
        await phone.sees_button(agree)
        await phone.tap(agree, wait=True)
        await phone.sees(fresh=True)
        self.keep_awake()
        return phone

    def keep_awake(self) -> None:
        """Nobody has quiet hours: what is owed is told whatever time it is where the tests run."""
        with transaction(self.desk.engine, None) as db:
            db.execute(update(Resident).values(quiet_from=0, quiet_until=0))

    async def worker(self, user_id: int = 90, name: str = "社工小王") -> Phone:
        phone = await self.neighbour(user_id, name)
        self.promote(phone)
        return phone

    def promote(self, phone: Phone, role: Role = Role.WORKER) -> None:
        """By an office's say-so."""
        with transaction(self.desk.engine, self.community_id, self.desk.now()) as db:
            resident = resident_of(db, phone)
            resident.role = role
            db.add(resident)

    @property
    def community_id(self) -> int:
        return self.desk.communities["hongmei"].id


async def answer(phone: Phone, said: Posted, words: str = "") -> Posted:
    """The newest message of the bot after what was said, once there is one with these words."""
    found: list[Posted] = []

    def there() -> bool:
        after = [m for m in phone.screen if m.by_bot and m.message_id > said.message_id]
        found[:] = [m for m in after if words in m.text or words in m.labels]
        return bool(found)

    assert await phone.world.bell.until(there, 5.0), f"{words!r}\n{transcript(phone.room())}"
    return found[-1]


async def group_hears(house: House, group: Group, words: str, count: int = 1) -> Posted:
    """Wait until the bot has said these words so many times in a group."""
    found: list[Posted] = []

    def there() -> bool:
        found[:] = [m for m in group.screen if m.by_bot and words in m.text]
        return len(found) >= count

    assert await house.fake.bell.until(there, 5.0), f"{words!r}\n{transcript(group.room)}"
    return found[-1]


def resident_of(db: Session, phone: Phone) -> Resident:
    """Who a phone's owner is to us."""
    here = select(Resident).join(Account).where(Account.channel == "telegram", Account.user == str(phone.id))
    return db.exec(here).one()


def settings_for(store_url: str, folder: Path, fake: FakeTelegram, serves: str = "hongmei") -> Settings:
    return Settings.model_validate(
        {
            "database_url": store_url,
            "media_dir": folder / "media",
            "telegram_tokens": f"{serves}={TOKEN}",
            "telegram_api": fake.url,
            "secret_key_file": folder / "secret.key",
        }
    )


@asynccontextmanager
async def serving(settings: Settings, fake: FakeTelegram, *, clock: bool = True) -> AsyncIterator[House]:
    """A process that serves, on a port of its own."""
    app = application(settings, clock=clock)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield House(app[DESK], f"http://{host}:{port}", fake, next(iter(fake.bots.values())))
    finally:
        await runner.cleanup()


@asynccontextmanager
async def telegram_house(store_url: str, folder: Path, serves: str = "hongmei") -> AsyncIterator[House]:
    """Telegram, a bot, and one process of ours that fetches."""
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        async with serving(settings_for(store_url, folder, fake, serves), fake) as house:
            yield house


async def bring_by_webhook(house: House, *urls: str) -> None:
    """Have Telegram bring updates to these processes, or this one, instead of waiting to be asked."""
    urls = urls or (house.url,)
    number = house.bot.id
    with transaction(house.desk.engine, None) as db:
        row = db.get(TelegramBot, number)
        assert row is not None
        row.webhook = f"{urls[0]}/telegram/{number}"
        db.add(row)
        secret = row.secret
    import telegram

    async with telegram.Bot(TOKEN, base_url=house.fake.base_url) as bot:
        await bot.set_webhook(f"{urls[0]}/telegram/{number}", secret_token=secret)
    if len(urls) > 1:
        house.fake.balance(house.bot, [f"{url}/telegram/{number}" for url in urls])


async def quietly(seconds: float) -> None:
    """For what must not happen: there is no condition to wait for."""
    await asyncio.sleep(seconds)
