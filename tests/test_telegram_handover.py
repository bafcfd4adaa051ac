"""How messages come in may change while they come: nothing is lost by it, and nothing is done or said twice."""

import argparse
import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import telegram as ptb
from PIL import Image
from sqlalchemy import Engine
from sqlmodel import col, select
from telegram.error import Conflict

from bot.channels.telegram.polling import LEASE
from bot.commands import carry_out
from bot.commands import telegram as commands
from bot.settings import Settings
from models.album import Album, add_to_album
from models.dialogue import Heard
from models.polling import advance, hold_polling
from models.store import reading, transaction
from models.telegram_bot import enter_bot, fetched_by, set_webhook
from tests.conftest import both_stores
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.ports import free_port
from tests.telegram_child import life
from tests.telegram_house import TOKEN, House, bring_by_webhook, settings_for
from tests.telegram_quick import house_at, residents, said_by, telegram, without_pace

pytestmark = both_stores
THANKS = "谢谢"


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeTelegram]:
    """What takes its time by day is brisk here."""
    without_pace(monkeypatch)
    for constant, seconds in {"polling.LONG": 1, "polling.AGAIN": 0.1, "polling.ELSEWHERE": 0.2}.items():
        monkeypatch.setattr(f"bot.channels.telegram.{constant}", seconds)
    monkeypatch.setattr("bot.channels.telegram.albums.SELDOM", 0.2)
    async with telegram() as fake:
        yield fake


@pytest.fixture
def settings(fake: FakeTelegram, store_url: str, tmp_path: Path) -> Settings:
    return settings_for(store_url, tmp_path, fake)


def command(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.describe(parser.add_subparsers())
    asked = parser.parse_args(["telegram", *words])
    return carry_out(asked, settings)


@asynccontextmanager
async def talking(phones: list[Phone], lines: int = 20, every: float = 0.05) -> AsyncIterator[None]:
    """They go on talking; when the context ends they have said everything."""

    async def talk() -> None:
        for _ in range(lines):
            for phone in phones:
                await phone.say(THANKS)
            await asyncio.sleep(every)

    task = asyncio.create_task(talk())
    yield
    await task


def check(house: House, phones: list[Phone], lines: int = 20) -> None:
    """Everything was heard once and answered once."""
    with reading(house.desk.engine, None) as db:
        heard = [h.key.split(":")[2] for h in db.exec(select(Heard))]
    for phone in phones:
        assert heard.count(str(phone.id)) == lines
        assert len(said_by(house.bot, phone)) == lines
    assert not house.fake.dropped
    assert not house.fake.lost


async def test_from_fetching_to_the_webhook_and_back(
    fake: FakeTelegram, settings: Settings, store_url: str, tmp_path: Path
) -> None:
    async with house_at(fake, store_url, tmp_path) as house:
        phones = residents(house.desk, fake, range(7, 12))
        async with talking(phones, every=0.2):
            await asyncio.sleep(0.5)
            url = f"{house.url}/telegram/{house.bot.id}"
            assert await asyncio.to_thread(command, settings, "webhook", "set", "--url", url) == 0
            await asyncio.sleep(0.5)
            assert await asyncio.to_thread(command, settings, "webhook", "delete") == 0
        await fake.settled(10)
    check(house, phones)
    assert {d.status for d in fake.deliveries} == {200}
    assert not [c for c, refusal in fake.refusals if c.method.lower() == "getupdates"]


async def test_closed_in_the_midst_of_it_the_next_goes_on(fake: FakeTelegram, store_url: str, tmp_path: Path) -> None:
    async with house_at(fake, store_url, tmp_path) as one:
        phones = residents(one.desk, fake, range(7, 12))
        speech = talking(phones)
        await speech.__aenter__()
        await phones[-1].sees("不客气")
    async with house_at(fake, store_url, tmp_path) as two:
        await speech.__aexit__(None, None, None)
        await fake.settled(10)
    check(two, phones)


async def happens(true: Callable[[], object], seconds: float = 8) -> None:
    """For what rings no bell."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.02)


async def test_a_second_process_waits_and_takes_over_from_the_dead(
    fake: FakeTelegram, settings: Settings, engine: Engine, store_url: str, tmp_path: Path
) -> None:
    bot = next(iter(fake.bots.values()))

    def fetching() -> str:
        with reading(engine, None) as db:
            return fetched_by(db, bot.id)

    async with AsyncExitStack() as lives:
        await lives.enter_async_context(life(settings, free_port()))
        await happens(fetching)
        first = fetching()
        async with house_at(fake, store_url, tmp_path) as house:
            zhang, li = residents(house.desk, fake, [7, 8])
            await zhang.say(THANKS)
            await zhang.sees("不客气")
            assert fetching() == first
            assert not [call for call, _ in fake.refusals if call.method.lower() == "getupdates"]
            await lives.aclose()
            await li.say(THANKS)
            await asyncio.sleep(0.5)  # it may be alive yet, for all that is known
            assert fetching() == first
            assert not said_by(bot, li)
            house.desk.now = lambda: datetime.now(UTC) + LEASE
            await li.sees("不客气")
    assert len(said_by(bot, zhang)) == len(said_by(bot, li)) == 1


async def test_who_else_fetches_is_told_of_once_and_not_fought(
    fake: FakeTelegram, store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bot = next(iter(fake.bots.values()))
    async with house_at(fake, store_url, tmp_path) as house, ptb.Bot(TOKEN, base_url=fake.base_url) as foreigner:
        (zhang,) = residents(house.desk, fake, [7])
        await zhang.say(THANKS)
        await zhang.sees("不客气")
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            with suppress(Conflict):
                await foreigner.get_updates(timeout=1)
        ours = [refusal for call, refusal in fake.refusals if "offset" in call.params]
        assert 2 <= len(ours) <= 1.2 / 0.2 + 1
        await zhang.say("你好")
        await zhang.sees("又见面了")
        await fake.settled()
    told = [record.message for record in caplog.records if "takes this bot's updates" in record.message]
    assert len(told) == 1
    assert len([record for record in caplog.records if "updates arrive again" in record.message]) == 1
    assert not bot.queue.dropped


def test_after_a_week_of_silence_telegram_may_number_from_lower_down(engine: Engine) -> None:
    """And then it would bring the same hundred for ever to who asks from where it was."""
    with transaction(engine, None) as db:
        enter_bot(db, 7)
        assert hold_polling(db, 7, "a", LEASE) == 0
        advance(db, 7, "a", 727_334_708)
        advance(db, 7, "a", 117_314_200)
        assert hold_polling(db, 7, "a", LEASE) == 117_314_200


def test_only_who_may_fetch_says_how_far_it_has_come(engine: Engine) -> None:
    with transaction(engine, None) as db:
        enter_bot(db, 7)
        hold_polling(db, 7, "a", LEASE)
        assert hold_polling(db, 7, "b", LEASE) is None
        advance(db, 7, "b", 5)
        assert hold_polling(db, 7, "a", LEASE) == 0
        set_webhook(db, 7, "https://example.org/telegram/7")
        assert fetched_by(db, 7) == "a"
        assert hold_polling(db, 7, "a", LEASE) is None
        db.expire_all()
        assert fetched_by(db, 7) == "", "who waits for it to stop would wait for nothing"


# ---- albums


def pictures(count: int) -> list[bytes]:
    out = []
    for n in range(count):
        kept = io.BytesIO()
        Image.new("RGB", (60, 40), (40 * n, 90, 120)).save(kept, "JPEG")
        out.append(kept.getvalue())
    return out


def heard_media(house: House) -> list[int]:
    """How many photos each message had that had any."""
    with reading(house.desk.engine, None) as db:
        return [len(h.said["media"]) for h in db.exec(select(Heard).order_by(col(Heard.at))) if h.said["media"]]


@pytest.mark.parametrize("way", ["fetched", "brought"])
async def test_five_photos_are_one_message(fake: FakeTelegram, store_url: str, tmp_path: Path, way: str) -> None:
    async with house_at(fake, store_url, tmp_path) as house:
        (zhang,) = residents(house.desk, fake, [7])
        if way == "brought":
            await bring_by_webhook(house)
        await zhang.album(pictures(5), "楼道灯坏了")
        await zhang.sees("具体情况")
        if way == "brought":
            parts = [n for n, u in house.bot.queue.history.items() if "photo" in u.body["message"]]
            assert set(await fake.redeliver(parts[2], 5)) == {200}
        await zhang.say("取消")
        await zhang.sees("已取消")
        assert heard_media(house) == [5]


async def test_who_dies_between_the_photos_and_the_answer_leaves_them_to_the_next(
    fake: FakeTelegram, store_url: str, tmp_path: Path
) -> None:
    async with house_at(fake, store_url, tmp_path) as one:
        (zhang,) = residents(one.desk, fake, [7])
        await bring_by_webhook(one)
        await zhang.album(pictures(5))
        await fake.settled()
        assert not heard_media(one)
    async with house_at(fake, store_url, tmp_path) as two:
        await zhang.sees("哪一类")
        assert heard_media(two) == [5]
        assert len(said_by(two.bot, zhang)) == 1


async def test_a_photo_that_came_after_an_answer_nobody_wrote_down_is_heard(
    fake: FakeTelegram, store_url: str, tmp_path: Path
) -> None:
    async with house_at(fake, store_url, tmp_path) as house:
        residents(house.desk, fake, [7])
        whose, long_ago = ("telegram", "hongmei", "7"), datetime.now(UTC) - timedelta(minutes=2)
        with transaction(house.desk.engine, house.community_id, long_ago) as db:
            add_to_album(db, whose, "album", 1, f"{1:064x}.jpg", "")
            add_to_album(db, whose, "album", 2, f"{2:064x}.jpg", "")
        await happens(lambda: heard_media(house) == [2])
        with transaction(house.desk.engine, house.community_id, long_ago) as db:
            db.exec(select(Album)).one().heard = []  # as if the process had died in between
            add_to_album(db, whose, "album", 3, f"{3:064x}.jpg", "")
        await happens(lambda: heard_media(house) == [2, 3])
