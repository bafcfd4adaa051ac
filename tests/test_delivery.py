"""Out of the outbox, through the pacer and python-telegram-bot, to a Telegram that watches its limits."""

import asyncio
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import telegram
from aiohttp import web
from sqlalchemy import insert
from sqlmodel import col, func, select
from telegram.request import HTTPXRequest

from bot.channels import Parcel, Refused, TryLater, Uncertain, Unreachable
from bot.channels.telegram.call import Call
from bot.channels.telegram.pacer import Pacer
from bot.channels.telegram.wire import NOT_OURS, Moved, Throttled, open_bot, perform
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from bot.conversation.message import Address
from models.ids import new_id
from models.outbox import Post, Push, push
from models.outbox_bulk import push_to_all
from models.pace import BLOCK
from models.resident import Account, Resident, Role
from models.store import connect, reading, table_of, transaction
from scheduler.claim import LEASE, reclaim
from scheduler.departing import IN_FLIGHT
from scheduler.outbox import Outbox
from tests.conftest import NOON, Chat, both_stores
from tests.delivery_child import live, noon_since
from tests.fakes.telegram import FakeTelegram

TOKEN = "10001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
BEGAN = time.time()
GENEROUS = 120  # seconds after which something that should have happened has not
NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["tests.delivery_child"])


class Courier:
    """The least of a Telegram channel: text to a chat."""

    name, wave, repeats_safely = "telegram", BLOCK, False

    def __init__(self, desk: Desk, bot: telegram.Bot) -> None:
        self._bot, self.pacer = bot, Pacer(desk.engine, "telegram:10001", desk.now)

    def accounts(self) -> Sequence[str]:
        return ["hongmei"]

    def routes(self) -> list[web.RouteDef]:
        return []

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        return await self.pacer.reserve([p.to.user for p in parcels], bulk=True)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        (parcel,) = parcels
        try:
            self.pacer.check(parcel.to.user)
            await self._say(parcel.to.user, parcel.reply.text)
        except (TryLater, Unreachable, Refused, Uncertain) as outcome:
            return [outcome]
        return [None]

    async def reply(self, chat: str, text: str) -> None:
        await self.pacer.turn(chat)
        await self._say(chat, text)

    async def _say(self, chat: str, text: str) -> None:
        try:
            await perform(self._bot, chat, Call("send_message", {"text": text}))
        except Throttled as asked:
            await self.pacer.halted(chat, asked.seconds)
            raise


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, "linlifang_bot")
        yield fake


@asynccontextmanager
async def replica(store_url: str, fake: FakeTelegram, timeout: float = 5) -> AsyncIterator[Courier]:
    """A sender with connections, a client and a pacer of its own, running."""
    engine, patience = connect(store_url), HTTPXRequest(64, read_timeout=timeout)
    desk = Desk(engine, Communities(engine), noon_since(BEGAN))
    courier = Courier(desk, telegram.Bot(TOKEN, fake.base_url, request=patience))
    sending = asyncio.create_task(Outbox(desk, [courier]).run())
    try:
        yield courier
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await patience.shutdown()
        engine.dispose()


def people(chat: Chat, fake: FakeTelegram, ids: Sequence[int]) -> dict[int, int]:
    """Residents who have all written to the bot, or groups it is in; resident ids by chat."""
    first = new_id()
    residents = {user: first + n for n, user in enumerate(ids)}
    at: dict[str, Any] = {"channel": "telegram", "account": "hongmei"}
    with chat.store() as db:
        for user, resident in residents.items():
            db.add(Resident(id=resident, origin=f"telegram:hongmei:{user}", role=Role.RESIDENT))
        db.flush()
        db.add_all(Account(id=r, user=str(user), resident_id=r, **at) for user, r in residents.items())
    bot = next(iter(fake.bots.values()))
    for user in ids:
        if user > 0:
            fake.phone(user, "居民").meet(bot)
        else:
            fake.group(user, "5幢").room.bots[bot.id] = "member"
    return residents


def owe(chat: Chat, residents: dict[int, int], *keys: str) -> None:
    with transaction(chat.desk.engine, chat.community.id, NOON) as db:
        for user, resident in residents.items():
            for key in keys:
                push(db, f"{key}:{user}", resident, "notice.notice", text=f"{key} {user}")


def states(chat: Chat) -> Counter[Post]:
    with reading(chat.desk.engine, None) as db:
        counted = select(Push.state, func.count(col(Push.id))).group_by(col(Push.state))
        return Counter({Post(state): number for state, number in db.exec(counted)})


async def until(chat: Chat, true: Callable[[Counter[Post]], bool]) -> None:
    async with asyncio.timeout(GENEROUS):
        while not true(await asyncio.to_thread(states, chat)):
            await asyncio.sleep(0.05)


def nothing_owed(counts: Counter[Post]) -> bool:
    return not counts[Post.WAITING] and not counts[Post.SENDING]


# -- T5: what Telegram asks for


@both_stores
async def test_a_chat_that_is_told_to_wait_waits_to_the_second_and_holds_up_nobody(
    chat: Chat, store_url: str, fake: FakeTelegram
) -> None:
    owe(chat, people(chat, fake, [*range(1, 41)]), "a", "b")
    fault = fake.fail("sendMessage", "429", chat=7, retry_after=7)
    async with replica(store_url, fake):
        await until(chat, lambda counts: counts[Post.SENT] == 78)
        assert not [d for d in fake.departures if d.chat == 7]
        await until(chat, lambda counts: counts[Post.SENT] == 80)
    calls = [c for c in fake.calls if c.chat_id() == 7]
    assert (len(calls), fault.hits, nothing_owed(states(chat))) == (3, 1, True)
    assert min(d.at for d in fake.departures if d.chat == 7) - fake.departures[0].at >= 7
    assert (fake.sent_during_halt, fake.refused_for_rate) == ([], [])


@both_stores
async def test_a_bot_that_is_told_to_wait_waits_altogether(chat: Chat, store_url: str, fake: FakeTelegram) -> None:
    owe(chat, people(chat, fake, [*range(1, 101)]), "a")
    async with replica(store_url, fake):
        await until(chat, lambda counts: counts[Post.SENT] >= 40)
        fake.fail("sendMessage", "429", retry_after=2)
        await until(chat, nothing_owed)
    assert states(chat) == {Post.SENT: 100}
    assert max(after.at - before.at for before, after in pairwise(fake.departures)) >= 2
    assert len(fake.sent_during_halt) <= 2  # what was on the wire when the word came


# -- T6: the limits


@both_stores
@pytest.mark.slow
async def test_two_replicas_together_keep_every_limit_and_replies_go_first(
    chat: Chat, store_url: str, fake: FakeTelegram
) -> None:
    owe(chat, people(chat, fake, [*range(1, 576)]), "a")
    owe(chat, people(chat, fake, [-5]), *(f"group {n}" for n in range(19)))
    owe(chat, people(chat, fake, [600]), *(f"many {n}" for n in range(6)))
    overtaken: list[int] = []
    async with replica(store_url, fake) as one, replica(store_url, fake) as other:
        for n in range(8):
            await asyncio.sleep(1.5)
            asked = len(fake.departures)
            await (one, other)[n % 2].reply(str(n + 1), "好的")
            overtaken.append(next(i for i, d in enumerate(fake.departures[asked:]) if d.text == "好的"))
        await until(chat, nothing_owed)
    assert (states(chat), len(fake.departures)) == ({Post.SENT: 600}, 608)
    assert fake.refused_for_rate == []
    assert fake.most_in(1) <= 30
    assert max(fake.most_in(5, chat) for chat in (1, 600)) <= 5
    assert fake.most_in(60, -5) <= 20
    assert max(overtaken) <= 2 * BLOCK + 2  # what each replica had reserved, and what was on the wire


# -- T7: what may have arrived


@both_stores
async def test_what_may_have_arrived_is_not_sent_again_and_what_has_not_is(
    chat: Chat, store_url: str, fake: FakeTelegram
) -> None:
    owe(chat, people(chat, fake, [1, 2, 3, 4]), "a")
    fake.fail("sendMessage", "accept-then-hang", chat=1, seconds=1)
    fake.fail("sendMessage", "cut", chat=2)
    fake.fail("sendMessage", "502", chat=3)
    async with replica(store_url, fake, timeout=0.3):
        await until(chat, lambda counts: counts[Post.SENT] == 1 and counts[Post.UNCERTAIN] == 2)
    with transaction(chat.desk.engine, chat.community.id) as db:
        later = db.exec(select(Push).where(Push.state == Post.WAITING)).one()
        assert "Bad Gateway" in (later.failure or "")
        later.due_at = NOON
    async with replica(store_url, fake, timeout=0.3):
        await until(chat, nothing_owed)
    assert states(chat) == {Post.SENT: 2, Post.UNCERTAIN: 2}
    assert Counter(c.chat_id() for c in fake.calls) == {1: 1, 2: 1, 3: 2, 4: 1}


@both_stores
async def test_while_nobody_answers_the_door_everything_waits(chat: Chat, store_url: str, fake: FakeTelegram) -> None:
    owe(chat, people(chat, fake, [1, 2, 3]), "a")
    await fake.go_away()
    async with replica(store_url, fake):
        await until(chat, lambda counts: counts[Post.WAITING] == 3 and waits_with(chat, "ConnectError"))
        await fake.come_back()
        with transaction(chat.desk.engine, None) as db:
            for row in db.exec(select(Push)):
                row.due_at = NOON
        await until(chat, nothing_owed)
    assert (states(chat), len(fake.departures)) == ({Post.SENT: 3}, 3)


def waits_with(chat: Chat, why: str) -> bool:
    with reading(chat.desk.engine, None) as db:
        return all(why in (failure or "") for failure in db.exec(select(Push.failure)))


# -- T8: who does not want us


@both_stores
async def test_whoever_blocks_us_is_left_alone_until_they_write_again(
    chat: Chat, store_url: str, fake: FakeTelegram
) -> None:
    residents = people(chat, fake, [1, 2])
    owe(chat, residents, *(f"{n}" for n in range(70)))
    await fake.phones[1].block()
    async with replica(store_url, fake):
        await until(chat, lambda counts: counts[Post.UNREACHABLE] == 70)
    assert len([c for c in fake.calls if c.chat_id() == 1]) <= 5
    with reading(chat.desk.engine, None) as db:
        gone = db.exec(select(Account.user).where(col(Account.unreachable_at).is_not(None))).all()
    assert list(gone) == ["1"]
    await fake.phones[1].unblock()
    back = Chat(chat.desk, "1")
    back.address = Address("telegram", "hongmei", "1")
    back.say("你好")
    owe(chat, {1: residents[1]}, "again")
    async with replica(store_url, fake):
        await until(chat, lambda counts: any("again" in m.text for m in fake.phones[1].room().messages))


# -- T1: death


def broadcast(chat: Chat, number: int) -> None:
    first, community = new_id(), chat.community.id
    residents, accounts = list[Resident](), list[Account]()
    for n in range(number):
        same: dict[str, Any] = {"id": first + n, "community_id": community}
        residents.append(Resident(origin=f"t:{n}", role=Role.RESIDENT, **same))
        accounts.append(Account(channel="telegraph", account="hongmei", user=str(n), resident_id=first + n, **same))
    with transaction(chat.desk.engine, community, NOON) as db:
        for table, rows in ((Resident, residents), (Account, accounts)):
            db.connection().execute(insert(table_of(table)), [row.model_dump() for row in rows])
        assert push_to_all(db, "notice", "notice.notice", {"text": "明天停水"}) == number


@both_stores
@pytest.mark.slow
async def test_one_of_three_senders_killed_twenty_times_in_a_broadcast_to_ten_thousand(
    chat: Chat, store_url: str, tmp_path: Path
) -> None:
    number, kills, chance = 10_000, 20, random.Random(20261122)
    broadcast(chat, number)
    path, began = tmp_path / "arrived", time.time()
    path.touch()

    def sender() -> Any:
        process = NURSERY.Process(target=live, args=(store_url, str(path), began), daemon=True)
        process.start()
        return process

    def arrived() -> int:
        return path.stat().st_size // len("notice:1234567890123456789\n")

    senders = [sender() for _ in range(3)]
    async with asyncio.timeout(GENEROUS):
        for kill in range(1, kills + 1):
            while arrived() < kill * number * 0.9 // kills:
                await asyncio.sleep(0.005)
            victim = senders.pop(chance.randrange(3))
            victim.kill()
            await asyncio.to_thread(victim.join)
            senders.append(sender())
        await until(chat, lambda counts: not counts[Post.WAITING])
        for each in senders:  # what the dead had taken is still leased; the living have nothing left to take
            each.kill()
            await asyncio.to_thread(each.join)
        reclaim(chat.desk.engine, noon_since(began)() + LEASE)
        senders = [sender()]
        await until(chat, nothing_owed)
    senders[0].kill()
    counts, delivered = states(chat), Counter(path.read_text("ascii").split())
    assert counts[Post.SENT] + counts[Post.UNCERTAIN] == number
    assert counts[Post.UNCERTAIN] <= (kills + 3) * IN_FLIGHT
    assert set(delivered.values()) == {1}
    with reading(chat.desk.engine, None) as db:
        sent = set(db.exec(select(Push.key).where(Push.state == Post.SENT)))
    assert sent <= set(delivered)


# -- the names of what can go wrong


@asynccontextmanager
async def answering(answer: bytes, *, hangs: bool = False, cuts: bool = False) -> AsyncIterator[str]:
    """A server that says the same to everybody; its address."""
    writers = list[asyncio.StreamWriter]()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(10)
        if not hangs:
            writer.write(answer)
            writer.transport.abort() if cuts else writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for writer in writers:
        writer.close()
    server.close()


def said(status: int, body: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


def declined(code: int, description: str, more: str = "") -> bytes:
    return said(code, f'{{"ok":false,"error_code":{code},"description":"{description}"{more}}}')


async def outcome(api: str, proxy: str = "") -> object:
    patience = HTTPXRequest(1, read_timeout=0.3, connect_timeout=0.3, pool_timeout=0.1, proxy=proxy or None)
    bot = telegram.Bot(TOKEN, f"{api}/bot", request=patience)
    try:
        return await perform(bot, "7", Call("send_message", {"text": "好"}))
    except Exception as failure:
        return failure
    finally:
        await patience.shutdown()


ANSWERS = {
    "429": (declined(429, "Too Many Requests: retry after 7", ',"parameters":{"retry_after":7}'), Throttled),
    "502 in HTML": (said(502, "<html>Bad Gateway</html>"), TryLater),
    "500": (declined(500, "Internal Server Error"), TryLater),
    "blocked": (declined(403, "Forbidden: bot was blocked by the user"), Unreachable),
    "no such chat": (declined(400, "Bad Request: chat not found"), Unreachable),
    "bad text": (declined(400, "Bad Request: can't parse entities"), Refused),
    "too large": (declined(413, "Request Entity Too Large"), Refused),
    "wrong token": (declined(401, "Unauthorized"), TryLater),
    "moved": (declined(400, "Bad Request: upgraded", ',"parameters":{"migrate_to_chat_id":-1007}'), Moved),
    "a 200 that is none": (said(200, "<html>"), Uncertain),
    "cut off in mid-answer": (said(200, "{" * 50)[:-10], Uncertain),
}


@pytest.mark.parametrize(("answer", "kind"), ANSWERS.values(), ids=ANSWERS)
async def test_every_answer_has_its_name(answer: bytes, kind: type[Exception]) -> None:
    async with answering(answer) as address:
        found = await outcome(f"http://{address}")
    assert type(found) is kind
    if isinstance(found, TryLater):
        assert found.seconds == (7 if kind is Throttled else NOT_OURS if "token" in str(found) else 30)
    if isinstance(found, Moved):
        assert found.chat == "-1007"
    assert TOKEN not in str(found)


async def test_what_is_as_it_should_be_already_counts_as_done() -> None:
    async with answering(declined(400, "Bad Request: message is not modified: specified new …")) as address:
        assert await outcome(f"http://{address}") is None


async def test_what_fails_before_the_wire_is_tried_again_and_what_fails_after_is_not() -> None:
    async with answering(b"", hangs=True) as silent, answering(b"", cuts=True) as rude:
        assert type(await outcome(f"http://{silent}")) is Uncertain
        assert type(await outcome(f"http://{rude}")) is Uncertain
        assert type(await outcome(f"https://{silent}")) is TryLater  # not even TLS was agreed on
    for nobody in ("http://127.0.0.1:9", "http://nowhere.invalid", "ftp://127.0.0.1"):
        assert type(await outcome(nobody)) is TryLater
    async with answering(said(407, "who are you?")) as proxy:
        assert type(await outcome("https://api.invalid", f"http://{proxy}")) is TryLater
    assert type(await outcome("https://api.invalid", "http://127.0.0.1:9")) is TryLater


async def test_of_two_calls_and_one_connection_one_has_not_left() -> None:
    patience = HTTPXRequest(1, read_timeout=0.5, pool_timeout=0.1)
    async with answering(b"", hangs=True) as silent:
        bot = telegram.Bot(TOKEN, f"http://{silent}/bot", request=patience)
        calls = (perform(bot, "7", Call("send_message", {"text": "好"})) for _ in range(2))
        found = await asyncio.gather(*calls, return_exceptions=True)
        await patience.shutdown()
    assert Counter(type(f) for f in found) == {Uncertain: 1, TryLater: 1}


async def test_a_client_is_opened_on_any_address(fake: FakeTelegram) -> None:
    async with open_bot(TOKEN, fake.url) as bot:
        assert (bot.username, bot.local_mode) == ("linlifang_bot", False)
        assert await perform(bot, "", Call("get_me")) == bot.bot
    assert open_bot(TOKEN, fake.url, local=True).local_mode
