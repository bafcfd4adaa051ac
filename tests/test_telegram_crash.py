"""Killed ten times while a thousand messages arrive, the program loses none and does nothing twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from bot.conversation.desk import Desk
from bot.conversation.group import REPLIES
from models.dialogue import Heard
from models.store import transaction
from models.telegram_bot import TelegramBot, enter_bot, set_webhook
from models.telling import LEASE
from models.ticket import Ticket
from tests.conftest import Chat, both_stores
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_queue import Webhook
from tests.ports import free_port
from tests.telegram_child import life
from tests.telegram_house import settings_for
from tests.telegram_quick import residents, said_by, telegram

pytestmark = [both_stores, pytest.mark.slow]
LINES = ("{home}幢楼道的灯坏了，第{n}次", "跳过", "13812345678", "可以")
GENEROUS = 120  # seconds after which it has got stuck


class Trial:
    """What everybody says, the processes that die over it, and what must have come of it."""

    def __init__(self, fake: FakeTelegram, desk: Desk, store_url: str, folder: Path, homes: Sequence[int]) -> None:
        self.settings = settings_for(store_url, folder, fake)
        self.fake, self.desk, self.port = fake, desk, free_port()
        self.bot = next(iter(fake.bots.values()))
        with transaction(desk.engine, None) as db:
            enter_bot(db, self.bot.id)
        self.phones = residents(desk, fake, homes)

    def bring_by_webhook(self) -> None:
        address = f"http://127.0.0.1:{self.port}/telegram/{self.bot.id}"
        with transaction(self.desk.engine, None) as db:
            set_webhook(db, self.bot.id, address)
            row = db.get(TelegramBot, self.bot.id)
            assert row is not None
            self.bot.queue.point_to(Webhook(address, row.secret))

    async def run(self, reports: int, kills: int) -> None:
        """Everybody says everything at once; whoever serves is killed in the midst of it, again and again."""
        chance, everything = random.Random(20261122), len(self.phones) * reports * len(LINES)
        for phone in self.phones:
            for n in range(reports):
                for line in LINES:
                    await phone.say(line.format(home=phone.id, n=n))
        deaths = [int(everything * (n + chance.random()) / (kills + 1)) for n in range(kills)] + [everything]
        for number, taken in enumerate(deaths):
            async with life(self.settings, self.port, number * (LEASE.total_seconds() + 5)):
                enough = partial(self._taken, everything, taken)
                assert await self.fake.bell.until(enough, GENEROUS), f"stuck at {len(self.bot.queue.pending)}"
                if taken == everything:
                    await self._all_told()
                await asyncio.sleep(chance.uniform(0, 0.03))

    def _taken(self, everything: int, least: int) -> bool:
        return everything - len(self.bot.queue.pending) >= least

    async def _all_told(self) -> None:
        """Only now is known what there was to tell: what was given up for dead comes last."""
        for phone, replies in self.given_replies().items():
            told = partial(self._is_told, phone, replies)
            assert await self.fake.bell.until(told, GENEROUS), f"not told: {replies - self._told(phone)}"

    def given_replies(self) -> dict[Phone, Counter[str]]:
        """How often each reply was given to each, by its first line."""
        given: dict[Phone, Counter[str]] = {phone: Counter() for phone in self.phones}
        for heard in Chat(self.desk).rows(Heard):
            phone = self.fake.phones[int(heard.key.split(":")[2])]
            given[phone].update(r.text.splitlines()[0] for r in REPLIES.validate_python(heard.replies))
        return given

    def _is_told(self, phone: Phone, replies: Counter[str]) -> bool:
        return self._told(phone) >= replies

    def _told(self, phone: Phone) -> Counter[str]:
        return Counter(posted.text.splitlines()[0] for posted in said_by(self.bot, phone))

    def repeated(self) -> int:
        """How many replies came once too often."""
        return sum(
            (Counter({line: n for line, n in self._told(phone).items() if line in replies}) - replies).total()
            for phone, replies in self.given_replies().items()
        )

    def check(self, reports: int, kills: int) -> None:
        """Everything was heard and done once; a kill repeats at most the reply each chat was just being told."""
        chat = Chat(self.desk)
        said = [line.format(home=p.id, n=n) for p in self.phones for n in range(reports) for line in LINES]
        assert Counter(heard.said["text"] for heard in chat.rows(Heard)) == Counter(said)
        wanted = Counter(LINES[0].format(home=p.id, n=n) for p in self.phones for n in range(reports))
        assert Counter(ticket.description for ticket in chat.rows(Ticket)) == wanted
        assert not self.fake.dropped
        assert not self.fake.lost
        assert self.repeated() <= kills * len(self.phones)


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with telegram() as fake:
        yield fake


async def test_a_thousand_messages_brought(fake: FakeTelegram, desk: Desk, store_url: str, tmp_path: Path) -> None:
    trial = Trial(fake, desk, store_url, tmp_path, range(101, 151))
    trial.bring_by_webhook()
    await trial.run(reports=5, kills=10)
    trial.check(reports=5, kills=10)


async def test_messages_fetched(fake: FakeTelegram, desk: Desk, store_url: str, tmp_path: Path) -> None:
    trial = Trial(fake, desk, store_url, tmp_path, range(101, 116))
    await trial.run(reports=2, kills=4)
    trial.check(reports=2, kills=4)
