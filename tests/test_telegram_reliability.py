"""The same update many times, at two processes at once; replies that are owed; a store that goes away."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url
from sqlmodel import SQLModel, col, func, select
from telegram.request import HTTPXRequest

from bot.conversation.group import REPLIES
from bot.conversation.group import answer as commit
from bot.conversation.message import Address, Message
from models.ballot import Ballot, Voter
from models.dialogue import Heard
from models.poll import open_poll
from models.store import connect, reading, transaction
from models.telling import LEASE, next_owed, take_owed
from models.ticket import Ticket
from models.visitor import Visitor
from tests.conftest import both_stores
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import Posted
from tests.ports import free_port
from tests.telegram_house import AGREE, House, answer, bring_by_webhook, resident_of
from tests.telegram_quick import PLENTY, house_at, residents, said_by, settle_in, telegram, without_pace

pytestmark = both_stores
Open = Callable[[], AbstractAsyncContextManager[House]]
LONGER = LEASE + timedelta(seconds=1)
REPORT = ("3幢楼道的灯坏了", "跳过", "13812345678")


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeTelegram]:
    without_pace(monkeypatch)
    monkeypatch.setattr("bot.channels.owing.LOOK", 0.1)
    async with telegram() as fake:
        yield fake


@pytest.fixture
def opened(fake: FakeTelegram, store_url: str, tmp_path: Path) -> Open:
    """A process of ours, another one each time; when it is closed it has said all it had to say."""
    return partial(house_at, fake, store_url, tmp_path)


def rows(house: House, kind: type[SQLModel]) -> list[Any]:
    with reading(house.desk.engine, None) as db:
        return list(db.exec(select(kind)))


def since(phone: Phone, mark: int) -> list[Posted]:
    """What the bot has said after a message of that number."""
    return [posted for posted in phone.screen if posted.by_bot and posted.message_id > mark]


def last(phone: Phone) -> int:
    return phone.screen[-1].message_id


# ---- the same update many times


async def fifty_times(one: House, two: House, act: Awaitable[object]) -> None:
    """Both have it fifty times at once, before Telegram itself has brought it; then it is brought once more."""
    fake, bot = one.fake, one.bot
    urls = [f"{house.url}/telegram/{bot.id}" for house in (one, two)]
    fake.balance(bot, [f"http://127.0.0.1:{free_port()}"])
    await act
    assert set(await fake.redeliver(max(bot.queue.history), 50, urls)) == {200}
    fake.balance(bot, urls)
    await fake.settled()


async def test_a_report_sent_fifty_times_is_one_report(opened: Open) -> None:
    async with opened() as one, opened() as two:
        await bring_by_webhook(one, one.url, two.url)
        zhang = await one.neighbour()
        settle_in(one, zhang)
        for line in REPORT:
            await answer(zhang, await zhang.say(line))
        await zhang.sees_button("提交")
        mark = last(zhang)
        await fifty_times(one, two, zhang.tap("提交"))
        tickets = rows(one, Ticket)
    assert [t.description for t in tickets] == [REPORT[0]]
    assert len(since(zhang, mark)) == 1


async def test_a_ballot_cast_fifty_times_is_one_ballot(opened: Open) -> None:
    async with opened() as one, opened() as two:
        await bring_by_webhook(one, one.url, two.url)
        zhang, wang = await one.neighbour(), await one.worker()
        settle_in(one, zhang)
        with transaction(one.desk.engine, one.community_id) as db:
            until = one.desk.now() + timedelta(days=7)
            options = [{"zh": "赞成"}, {"zh": "反对"}]
            open_poll(db, resident_of(db, wang), {"zh": "装不装"}, {"zh": "车棚"}, options, Voter.PERSON, False, until)
        await zhang.say("我要投票")
        await zhang.sees_button("装不装")
        await zhang.tap("装不装", wait=True)
        await zhang.sees_button("赞成")
        mark = last(zhang)
        await fifty_times(one, two, zhang.tap("赞成"))
        ballots = rows(one, Ballot)
    assert [(b.option, b.changes) for b in ballots] == [(0, 0)]
    assert len(since(zhang, mark)) == 1


async def test_a_question_asked_fifty_times_has_one_answer(opened: Open) -> None:
    async with opened() as one, opened() as two:
        await bring_by_webhook(one, one.url, two.url)
        zhang = await one.neighbour()
        await one.fake.settled()
        mark, heard = last(zhang), len(rows(one, Heard))
        await fifty_times(one, two, zhang.say("菜单"))
        assert len(rows(one, Heard)) == heard + 1
    assert len(since(zhang, mark)) == 1


async def test_who_agrees_fifty_times_is_welcomed_once(opened: Open) -> None:
    async with opened() as one, opened() as two:
        await bring_by_webhook(one, one.url, two.url)
        zhang = one.newcomer()
        await zhang.start(one.bot)
        await zhang.sees_button(AGREE)
        await one.fake.settled()
        mark = last(zhang)
        await fifty_times(one, two, zhang.tap(AGREE))
        assert len(rows(one, Visitor)) == len(rows(one, Heard)) == 1
    assert len(since(zhang, mark)) == 1


# ---- order


@pytest.mark.parametrize(("replicas", "messages"), [(1, 50), (2, 200)])
async def test_a_chat_is_heard_in_order(
    opened: Open, monkeypatch: pytest.MonkeyPatch, replicas: int, messages: int
) -> None:
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", PLENTY)
    lines = [("菜单", "谢谢", "我的")[n % 3] for n in range(messages)]
    async with opened() as one, opened() as two:
        await bring_by_webhook(one, *[house.url for house in (one, two)][:replicas])
        (zhang,) = residents(one.desk, one.fake, [7])
        for line in lines:
            await zhang.say(line)
        await one.fake.settled(30)
        heard = sorted(rows(one, Heard), key=lambda h: h.at)
    assert [h.said["text"] for h in heard] == lines
    assert [int(h.key.split(":")[-1]) for h in heard] == sorted(one.bot.queue.history)
    given = [reply.text for h in heard for reply in REPLIES.validate_python(h.replies)]
    told = [posted.text for posted in said_by(one.bot, zhang)]
    assert told == given if replicas == 1 else sorted(told) == sorted(given)


async def test_fifty_chats_side_by_side(opened: Open) -> None:
    async with opened() as one, opened() as two:
        await bring_by_webhook(one, one.url, two.url)
        phones = residents(one.desk, one.fake, range(101, 151))
        for line in ("菜单", "谢谢"):
            for phone in phones:
                await phone.say(line)
        await one.fake.settled(20)
        heard = sorted(rows(one, Heard), key=lambda h: h.at)
    for phone in phones:
        mine = [h.said["text"] for h in heard if h.key.split(":")[2] == str(phone.id)]
        assert mine == ["菜单", "谢谢"]
        assert len(said_by(one.bot, phone)) == 2


# ---- replies that are owed


async def all_told(house: House, seconds: float = 8) -> None:
    """Nothing is owed any more, so nothing will be told again."""
    owed = select(func.count()).select_from(Heard).where(col(Heard.owed_at).is_not(None))
    async with asyncio.timeout(seconds):
        while True:
            with reading(house.desk.engine, None) as db:
                if db.exec(owed).one() == 0:
                    return
            await asyncio.sleep(0.02)


def put_off(house: House) -> bool:
    """Whether it is not being told now, nor waits as long as after a death."""
    with reading(house.desk.engine, None) as db:
        due = next_owed(db, ["telegram:hongmei"])
    return due is not None and due < datetime.now(UTC) + LEASE / 2


def impatient(*given: Any, **named: Any) -> HTTPXRequest:
    """A line that is given up soon."""
    return HTTPXRequest(*given, **named | {"read_timeout": 0.3})


async def happens(true: Callable[[], object]) -> None:
    """For what rings no bell."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


def later(house: House, span: timedelta = LONGER) -> None:
    """So much time passes at once."""
    house.desk.now = lambda: datetime.now(UTC) + span


@pytest.mark.parametrize("fault", ["accept-then-hang", "cut"])
async def test_what_may_have_arrived_is_not_told_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr("bot.channels.telegram.wire.HTTPXRequest", impatient)
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        house.fake.fail("sendMessage", fault)
        await zhang.say("菜单")
        await zhang.sees("能为您")
        await all_told(house)
        later(house)
        await zhang.say("谢谢")
        await zhang.sees("不客气")
        await all_told(house)
    assert len(said_by(house.bot, zhang)) == 2


async def test_silence_telegram_asks_for_is_kept_and_nothing_overtakes(opened: Open) -> None:
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        house.fake.fail("sendMessage", "429", retry_after=1)
        await zhang.say("菜单")
        await zhang.say("谢谢")
        await zhang.sees("不客气")
        await all_told(house)
    assert ["能为您" in posted.text for posted in said_by(house.bot, zhang)] == [True, False]
    assert not house.fake.sent_during_halt


async def test_what_could_not_be_told_is_told_once_telegram_is_back(opened: Open) -> None:
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        fault = house.fake.fail("sendMessage", "502", times=-1)
        await zhang.say("菜单")
        await happens(lambda: put_off(house))
        fault.stop()
        later(house)
        await zhang.sees("能为您")
        await all_told(house)
    assert len(said_by(house.bot, zhang)) == 1


async def test_who_dies_after_the_commit_leaves_the_telling_to_one_other(opened: Open) -> None:
    async with opened() as one, opened() as two:
        (zhang,) = residents(one.desk, one.fake, [7])
        message = Message("1:1", Address("telegram", "hongmei", "7"), "菜单", language="zh", owed=True)
        commit(one.desk, one.community_id, [message])
        assert not said_by(one.bot, zhang)
        later(one)
        later(two)
        await all_told(one)
    assert len(said_by(one.bot, zhang)) == 1


async def test_a_reply_that_queues_longer_than_its_lease_is_told_once(opened: Open) -> None:
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        house.fake.fail("sendMessage", "slow", times=3, seconds=0.3)
        for line in ("菜单", "谢谢", "我的"):
            await zhang.say(line)
        await house.fake.settled()
        later(house)
        await all_told(house)
    assert len(said_by(house.bot, zhang)) == 3


async def test_what_another_has_taken_over_meanwhile_is_left_to_them(opened: Open) -> None:
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        slow = house.fake.fail("sendMessage", "slow", seconds=0.4)
        for line in ("菜单", "谢谢", "我的"):
            await zhang.say(line)
        await house.fake.settled()
        await happens(lambda: slow.hits)
        with transaction(house.desk.engine, None, datetime.now(UTC) + LONGER) as db:
            assert len(take_owed(db, ["telegram:hongmei"], 100)) == 3
        later(house)
        await zhang.sees("能为您")
        await asyncio.sleep(0.3)  # for what must not happen
        assert len(said_by(house.bot, zhang)) == 1
        later(house, 3 * LONGER)  # they have died over it
        await all_told(house)
    assert len(said_by(house.bot, zhang)) == 3


async def test_nobody_is_kept_awake_by_what_another_bot_owes(opened: Open) -> None:
    async with opened() as house:
        message = Message("1:1", Address("telegram", "baoshi", "7"), "你好", language="zh", owed=True)
        commit(house.desk, house.desk.communities["baoshi"].id, [message])
        with reading(house.desk.engine, None) as db:
            assert next_owed(db, ["telegram:hongmei"]) is None
            assert next_owed(db, ["telegram:hongmei", "telegram:baoshi"]) is not None


# ---- the store is away


@contextmanager
def away(store_url: str, engine: Engine) -> Iterator[None]:
    """Nobody can write: SQLite is held by another, PostgreSQL lets nobody in."""
    address = make_url(store_url)
    if address.get_backend_name() == "sqlite":
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=100"))
        engine.dispose()
        with sqlite3.connect(str(address.database), isolation_level=None) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")
        return
    server = connect(address.set(database="postgres").render_as_string(hide_password=False))
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS false'))
        db.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :d"), {"d": address.database}
        )
        yield
        db.execute(text(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS true'))
    server.dispose()


async def test_what_is_brought_while_the_store_is_away_is_brought_again(opened: Open, store_url: str) -> None:
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        with away(store_url, house.desk.engine):
            await zhang.say("菜单")
            await happens(lambda: [d for d in house.fake.deliveries if d.status == 503])
        await house.fake.settled()
        await zhang.sees("能为您")
        await all_told(house)
        assert [h.said["text"] for h in rows(house, Heard)] == ["菜单"]
    assert len(said_by(house.bot, zhang)) == 1


async def test_what_is_fetched_while_the_store_is_away_is_fetched_again(
    opened: Open, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.telegram.polling.AGAIN", 0.1)
    async with opened() as house:
        zhang, li = residents(house.desk, house.fake, [7, 8])
        await zhang.say("谢谢")
        await zhang.sees("不客气")
        with away(store_url, house.desk.engine):
            await li.say("菜单")
            await happens(lambda: all(update.served for update in house.bot.queue.pending.values()))
            await asyncio.sleep(0.5)  # for the trouble to be met
            assert house.bot.queue.pending
        await house.fake.settled()
        await li.sees("能为您")
        await all_told(house)
    assert len(said_by(house.bot, li)) == len(said_by(house.bot, zhang)) == 1
    assert not house.fake.dropped


async def test_a_reply_that_left_while_the_store_was_away_is_not_told_again(opened: Open, store_url: str) -> None:
    async with opened() as house:
        (zhang,) = residents(house.desk, house.fake, [7])
        await bring_by_webhook(house)
        slow = house.fake.fail("sendMessage", "slow", seconds=0.4)
        await zhang.say("菜单")
        await house.fake.settled()
        await happens(lambda: slow.hits)
        with away(store_url, house.desk.engine):
            await zhang.sees("能为您")
            await asyncio.sleep(0.3)  # for the first try to write it down
        await all_told(house)
        later(house)
        await zhang.say("谢谢")
        await zhang.sees("不客气")
        await all_told(house)
    assert len(said_by(house.bot, zhang)) == 2
