"""Whatever is slow, dies, or comes again: a letter is answered once, and nothing that was to be said is lost."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from sqlalchemy import update

from bot.channels.wechat import late, reception
from bot.channels.wechat.letter import Letter
from models.resident import Resident, Role
from models.store import transaction
from models.wechat_account import WechatAccount, remove_account
from models.wechat_follower import WechatFollower
from models.wechat_late import WechatLate, keep_late
from tests.conftest import both_stores
from tests.fakes.wechat_phone import Phone
from tests.test_wechat_chat import MORE, comes_true
from tests.test_wechat_safety import QUICK, photo_at, slow_pictures
from tests.wechat_house import APPID, House, reply_to, says, serving, settings_for, wechat, wechat_house

STORY = "".join(f"{n}幢周{n % 7 + 1}停水，请提前储水，老人家里请邻居帮一把。" for n in range(1, 38))
LATE = "您刚才说的，我回晚了"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Half a second stands for WeChat's five."""
    with monkeypatch.context() as soon:
        soon.setattr(reception, "PATIENCE", QUICK)
        yield soon


def sent_to(phone: Phone) -> list[str]:
    """What came as a message of ours, not as an answer."""
    return [shown.words for shown in phone.screen if shown.how == "custom"]


async def late_photo(house: House, phone: Phone) -> None:
    """A photo whose turn is done when WeChat waits no more."""
    async with slow_pictures() as (url, free):
        assert (await photo_at(house, phone, url).answered()).outcome == "silent"
        free.set()
        await comes_true(lambda: not house.late())


# late answers


async def test_a_store_that_is_held_up_answers_once(store_url: str, tmp_path: Path, quick: pytest.MonkeyPatch) -> None:
    quick.setattr(reception, "HANGS_UP", QUICK + 0.2)
    async with wechat_house(store_url, tmp_path) as [house]:
        zhang = await house.resident()
        house.fake.patience = QUICK + 0.3
        other = sqlite3.connect(store_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(1.0, lambda: other.execute("ROLLBACK")).start()
        sent = await (await zhang.say("菜单")).answered()
        assert (sent.outcome, len(sent.attempts)) == ("shown", 2)
        await says(zhang, "谢谢")
        assert not sent_to(zhang)
        assert not house.late()


async def test_what_none_of_three_attempts_could_wait_for_is_told_all_the_same(
    store_url: str, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    quick.setattr(reception, "HANGS_UP", QUICK + 0.2)
    quick.setattr(reception, "BROUGHT", timedelta(seconds=1))
    async with wechat_house(store_url, tmp_path) as [house]:
        zhang = await house.resident()
        house.fake.patience = QUICK + 0.3
        other = sqlite3.connect(store_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(4.0, lambda: other.execute("ROLLBACK")).start()
        assert (await (await zhang.say("菜单")).answered()).outcome == "broken"
        assert "报事报修" in (await zhang.sees(how="custom")).words
        house.fake.broken.clear()


@both_stores
async def test_a_late_letter_that_comes_to_another_process_is_told_once(
    store_url: str, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    async with wechat_house(store_url, tmp_path, processes=2) as [house, _]:
        zhang = await house.resident()
        async with slow_pictures() as (url, free):
            sent = await photo_at(house, zhang, url).answered()
            assert sent.outcome == "silent"
            again = await house.fake.redeliver(sent, 4, to=house.account.replicas)
            assert {answer.body for answer in again} == {"success"}
            free.set()
            await zhang.sees(how="custom")
            await comes_true(lambda: not house.late())
            again = await house.fake.redeliver(sent, 2, to=house.account.replicas)
            assert {answer.body for answer in again} == {"success"}
        await says(zhang, "谢谢")
        assert len(sent_to(zhang)) == 1


@both_stores
async def test_a_letter_kept_by_a_process_that_died_is_told_once(
    store_url: str, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    async with wechat() as fake:
        settings = settings_for(store_url, tmp_path, fake)
        async with slow_pictures() as (url, free):
            async with serving(settings, fake) as house:
                zhang = await house.resident()
                sent = await photo_at(house, zhang, url).answered()
            free.set()
        assert not sent_to(zhang)
        quick.setattr(late, "LOOK", 0.1)
        async with serving(settings, fake) as house:
            [again] = await fake.redeliver(sent, to=house.account.replicas)
            assert again.body == "success"
            with transaction(house.desk.engine, None) as db:
                db.connection().execute(update(WechatLate).values(due_at=datetime.now(UTC)))
            await zhang.sees(how="custom")
            await comes_true(lambda: not house.late())
            assert len(sent_to(zhang)) == 1


@both_stores
async def test_an_answer_that_may_have_arrived_is_not_sent_again(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "LOOK", 0.1)
    async with wechat_house(store_url, tmp_path) as [house]:
        zhang = await house.resident()
        at = datetime.now(UTC)
        letter = Letter("gh", zhang.openid, at, "text", "1", content="食堂在哪")
        with transaction(house.desk.engine, None, at) as db:  # as it stands when the process died while it was sent
            keep_late(db, APPID, "1", TypeAdapter(Letter).dump_python(letter, mode="json"), at)
        with transaction(house.desk.engine, None, at) as db:
            db.connection().execute(update(WechatLate).values(told_at=at))
        await comes_true(lambda: not house.late())
        assert not sent_to(zhang)
        assert LATE in await says(zhang, "谢谢")
        assert LATE not in await says(zhang, "谢谢")


@both_stores
async def test_a_late_answer_on_an_account_that_only_answers_comes_with_the_next_word(
    store_url: str, tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    async with wechat_house(store_url, tmp_path, kind="passive") as [house]:
        wang = await house.resident(role=Role.WORKER)
        await late_photo(house, wang)
        quick.undo()
        assert LATE in await says(wang, "发通知")
        assert LATE not in await says(wang, STORY)


@both_stores
async def test_a_stranger_may_be_answered_late_too(store_url: str, tmp_path: Path, quick: pytest.MonkeyPatch) -> None:
    """What they may be sent is noted before anybody knows them, and written down once they are known."""
    async with wechat_house(store_url, tmp_path) as [house]:
        zhang = house.fake.phone("小张")
        zhang.meet(house.account)
        await late_photo(house, zhang)
        assert len(sent_to(zhang)) == 1


# 更多


@both_stores
async def test_more_brought_again_is_the_same_page_in_every_process(store_url: str, tmp_path: Path) -> None:
    async with wechat() as fake:
        settings = settings_for(store_url, tmp_path, fake)
        async with serving(settings, fake) as house, serving(settings, fake):
            wang = await house.resident(role=Role.WORKER)
            assert (await says(wang, "发通知", STORY, "全体居民")).endswith(MORE)
            sent = await wang.say("更多")
            page = await reply_to(sent)
            assert "停水" in page
            assert sent.reply is not None
            again = await fake.redeliver(sent, 4, to=house.account.replicas)
            assert all(sent.reply.source in answer.xml for answer in again)
        async with serving(settings, fake) as house:
            [again_later] = await fake.redeliver(sent, to=house.account.replicas)
            assert sent.reply.source in again_later.xml


async def test_more_in_a_list_is_no_old_text(store_url: str, tmp_path: Path) -> None:
    async with wechat_house(store_url, tmp_path) as [house]:
        wang = await house.resident(role=Role.WORKER)
        assert (await says(wang, "发通知", STORY, "全体居民")).endswith(MORE)
        assert "更多" in await says(wang, "取消", "/places.show")
        assert "停水" not in await says(wang, "更多")


@both_stores
async def test_what_waits_in_one_community_is_not_told_in_another(store_url: str, tmp_path: Path) -> None:
    async with wechat_house(store_url, tmp_path, "hongmei", "baoshi") as [house]:
        wang = await house.neighbour()
        await says(wang, "宝石社区", "你好", "红梅社区")
        house.promote(wang, Role.WORKER)
        assert (await says(wang, "发通知", STORY, "全体居民")).endswith(MORE)
        with transaction(house.desk.engine, None) as db:  # as another process leaves it that has yet to write it down
            kept = db.get_one(WechatFollower, (APPID, wang.openid)).rest
        await says(wang, "宝石社区")
        await comes_true(lambda: house.rows(WechatFollower)[0].rest is None)
        with transaction(house.desk.engine, None) as db:
            db.get_one(WechatFollower, (APPID, wang.openid)).rest = kept
        assert "停水" not in await says(wang, "更多")


# who is gone


@both_stores
async def test_who_deletes_themselves_leaves_nothing_behind(store_url: str, tmp_path: Path) -> None:
    async with wechat_house(store_url, tmp_path) as [house]:
        zhang = await house.resident()
        await comes_true(lambda: bool(house.rows(WechatFollower)))
        await says(zhang, "删除我的信息", "是")
        li = await house.resident("小李", "5幢1单元301")  # written down after all that was noted of the other
        await comes_true(lambda: bool(house.rows(WechatFollower)))
        assert [follower.user for follower in house.rows(WechatFollower)] == [li.openid]
        assert all(who.erased_at for who in house.rows(Resident) if who.role is Role.GUEST)


@both_stores
async def test_an_account_removed_while_we_serve_is_no_trouble(
    store_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with wechat_house(store_url, tmp_path) as [house]:
        zhang = await house.resident()
        await comes_true(lambda: bool(house.rows(WechatFollower)))
        caplog.clear()
        with transaction(house.desk.engine, None) as db:
            remove_account(db, APPID)
        await says(zhang, "菜单")
        await comes_true(lambda: "is gone" in caplog.text)
        assert house.rows(WechatAccount) == house.rows(WechatFollower) == []
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# the door


@both_stores
async def test_to_change_the_community_brought_again_after_the_choice_changes_nothing(
    store_url: str, tmp_path: Path
) -> None:
    async with wechat() as fake:
        settings = settings_for(store_url, tmp_path, fake, ("hongmei", "baoshi"))
        async with serving(settings, fake) as house:
            zhang = await house.neighbour()
            await says(zhang, "红梅社区")
            sent = await zhang.say("换社区")
            assert "哪个社区" in await reply_to(sent)
            await says(zhang, "宝石社区")
        async with serving(settings, fake) as house:
            assert sent.reply is not None
            [again] = await fake.redeliver(sent, to=house.account.replicas)
            assert sent.reply.source in again.xml
            assert "哪个社区" not in await says(zhang, "谢谢")
            assert "哪个社区" in await says(zhang, "换社区")
