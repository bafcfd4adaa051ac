"""A Telegram and houses beside it where paces are no matter, for tests that say much in little time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.channels.telegram.pacer import Pacer
from bot.conversation.desk import Desk
from bot.conversation.group import enter
from bot.conversation.message import Address
from models.resident import Resident, Role
from models.store import transaction
from models.visitor import agree
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import BotAccount, Posted
from tests.telegram_house import NAME, TOKEN, House, resident_of, serving, settings_for

PLENTY = 10_000


def without_pace(patch: pytest.MonkeyPatch) -> None:
    """Paces are held elsewhere."""
    patch.setattr("models.pace.PRIVATE", (PLENTY, 1))
    patch.setattr(Pacer.__init__, "__defaults__", (float(PLENTY),))


@asynccontextmanager
async def telegram() -> AsyncIterator[FakeTelegram]:
    """A Telegram with our bot, which brings again at once what was not taken."""
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        fake.enforce_rates = False
        fake.retry_pauses = (0.05, 0.1, 0.2)
        yield fake


@asynccontextmanager
async def house_at(fake: FakeTelegram, store_url: str, folder: Path, serves: str = "hongmei") -> AsyncIterator[House]:
    """One process of ours; once it is closed, all it had to say has been said."""
    async with serving(settings_for(store_url, folder, fake, serves), fake, clock=False) as house:
        yield house


def residents(desk: Desk, fake: FakeTelegram, numbers: Sequence[int]) -> list[Phone]:
    """People who agreed long ago, each at home in the building of their number."""
    bot, community = next(iter(fake.bots.values())), desk.communities["hongmei"]
    phones = []
    for number in numbers:
        phone = fake.phone(number, f"居民{number}")
        phone.meet(bot)
        resident_id = enter(desk, community.id, Address("telegram", "hongmei", str(number)), "zh")
        with transaction(desk.engine, None) as db:
            agree(db, "telegram", str(bot.id), str(number), community.id)
            resident = db.get(Resident, resident_id)
            assert resident is not None
            resident.role, resident.home = Role.RESIDENT, f"{number}-1-101"
            db.add(resident)
        phones.append(phone)
    return phones


def settle_in(house: House, phone: Phone, role: Role = Role.RESIDENT, home: str = "3-2-502") -> None:
    """Who has agreed becomes a resident, by an office's say-so."""
    with transaction(house.desk.engine, house.community_id) as db:
        resident = resident_of(db, phone)
        resident.role, resident.home = role, home
        db.add(resident)


def said_by(bot: BotAccount, phone: Phone) -> list[Posted]:
    """What the bot has posted in somebody's chat, oldest first."""
    return [posted for posted in phone.screen if posted.by_bot is bot]
