"""A thousand messages to a Telegram that refuses more than thirty a second: by our outbox, and by python-telegram-bot."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import telegram
from aiohttp import web
from telegram.error import TelegramError
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest

from bench.house import SLUG
from bench.queues import crowd
from bot.app import open_desk
from bot.channels import Parcel, TryLater
from bot.channels.telegram.call import Call
from bot.channels.telegram.pacer import Pacer
from bot.channels.telegram.wire import open_bot, perform
from bot.settings import Settings
from models.outbox_bulk import push_to_all
from models.pace import BLOCK
from models.resident import Role
from models.store import transaction
from scheduler.outbox import Outbox
from tests.fakes.telegram import FakeTelegram

TOKEN = "10001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
LIMIT = 30
FIRST = 1_000_000  # the first of the people's numbers
ASKER = 7  # who asks something during a broadcast
PROBES = (2.0, 5.0, 8.0, 11.0, 14.0)  # seconds after its beginning
Say = Callable[[str, str], Awaitable[object]]  # chat, text


@dataclass(frozen=True)
class Broadcast:
    """What the fake saw of one broadcast."""

    share: float  # of the limit, over all
    refused: int  # 429s
    lost: int
    twice: int
    reply: float  # the longest that a reply asked for meanwhile took, seconds; 0 where none was asked for


def to_line(found: Broadcast) -> str:
    return json.dumps(asdict(found))


def from_line(line: str) -> Broadcast:
    return Broadcast(**json.loads(line))


class Plain:
    """The least of a Telegram channel: text to a chat, at our pace."""

    name, wave, repeats_safely = "telegram", BLOCK, False

    def __init__(self, bot: telegram.Bot, pacer: Pacer) -> None:
        self._bot, self._pacer = bot, pacer

    def accounts(self) -> Sequence[str]:
        return [SLUG]

    def routes(self) -> list[web.RouteDef]:
        return []

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        return await self._pacer.reserve([p.to.user for p in parcels], bulk=True)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        for parcel in parcels:
            await self._say(parcel.to.user, parcel.reply.text)
        return [None] * len(parcels)

    async def reply(self, chat: str, text: str) -> None:
        await self._pacer.turn(chat)
        await self._say(chat, text)

    async def _say(self, chat: str, text: str) -> None:
        await perform(self._bot, chat, Call("send_message", {"text": text}))


async def ours(url: str, number: int, probed: int) -> Broadcast:
    """The whole way: rows in the store, claimed, marked, sent by python-telegram-bot's Bot, settled."""
    desk = open_desk(Settings(database_url=url))
    community = desk.communities[SLUG].id
    crowd(desk.engine, community, number, "telegram", FIRST)
    async with FakeTelegram() as fake:
        _people(fake, number)
        async with open_bot(TOKEN, fake.url) as bot:
            plain = Plain(bot, Pacer(desk.engine, "telegram:10001", desk.now))
            sending = asyncio.create_task(Outbox(desk, [plain]).run())
            with transaction(desk.engine, community, datetime.now(UTC)) as db:
                push_to_all(db, "all", "notice.notice", {"text": "明天停水"}, role=Role.MANAGER)
            found = await _watched(fake, number, probed, plain.reply)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    desk.engine.dispose()
    return found


async def limiter(_: str, number: int, probed: int) -> Broadcast:
    """All at once through the library's own rate limiter, each tried three times more."""
    from telegram.ext import AIORateLimiter

    return await _peer(AIORateLimiter(max_retries=3), number, probed)


async def gather(_: str, number: int, probed: int) -> Broadcast:
    """All at once, as a loop in a handler does it."""
    return await _peer(None, number, probed)


async def _peer(limits: "telegram.ext.AIORateLimiter | None", number: int, probed: int) -> Broadcast:
    patience = HTTPXRequest(number + 8, read_timeout=60, connect_timeout=60, pool_timeout=60)
    async with FakeTelegram() as fake:
        _people(fake, number)
        async with ExtBot(TOKEN, fake.base_url, request=patience, rate_limiter=limits) as bot:
            sending = asyncio.gather(
                *(bot.send_message(FIRST + n, "【社区通知】明天停水") for n in range(number)), return_exceptions=True
            )
            found = await _watched(fake, number, probed, bot.send_message, sending)
    return found


def _people(fake: FakeTelegram, number: int) -> None:
    bot = fake.add_bot(TOKEN, "linlifang_bot")
    for person in (ASKER, *range(FIRST, FIRST + number)):
        fake.phone(person, "居民").meet(bot)


async def _watched(
    fake: FakeTelegram, number: int, probed: int, say: Say, sending: Awaitable[object] | None = None
) -> Broadcast:
    """Until all have arrived, or nothing comes any more; the time runs from the call to the last arrival."""
    began, replies = time.monotonic(), asyncio.create_task(_replies(say if probed else None))
    if sending is not None:
        await sending
    arrived = 0
    while arrived < number and time.monotonic() - began < number / LIMIT * 3:
        arrived = sum(d.chat >= FIRST for d in fake.departures)
        await asyncio.sleep(0.02)
        if sending is not None:
            break
    seen = Counter(d.chat for d in fake.departures if d.chat >= FIRST)
    took = max(d.at for d in fake.departures if d.chat >= FIRST) - began
    lost, twice = number - len(seen), sum(n - 1 for n in seen.values())
    return Broadcast(len(seen) / took / LIMIT, len(fake.wire.refusals), lost, twice, await replies)


async def _replies(say: Say | None) -> float:
    if say is None:
        return 0.0
    began, longest = time.monotonic(), 0.0
    for after in PROBES:
        await asyncio.sleep(max(0.0, began + after - time.monotonic()))
        asked = time.monotonic()
        with suppress(TelegramError):
            await say(str(ASKER), "营业到晚上七点")
        longest = max(longest, time.monotonic() - asked)
    return longest
