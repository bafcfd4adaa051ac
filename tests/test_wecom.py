"""WeCom: workers talk to the desk in their office's app, and are told there what is owed to them."""

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import Engine, text, update
from sqlmodel import select

from bot.app import wecom_channels
from bot.channels.wechat.given import Corp
from bot.channels.wecom import reception
from bot.channels.wecom.api import Api
from bot.channels.wecom.channel import WecomChannel
from bot.commands.wechat_checks import wechat_checks
from bot.conversation.desk import Desk
from bot.conversation.worker import Worker
from bot.settings import Settings
from models.code import issue_code
from models.dialogue import Heard
from models.enquiry import keep_enquiry
from models.member_pace import take_room
from models.notice import Notice
from models.outbox import Post, Push, push
from models.pace import Pace, prune_paces
from models.photo import Photo
from models.resident import Account, Resident, Role
from models.store import reading, transaction
from models.ticket import Ticket
from models.visitor import Visitor
from scheduler.outbox import Outbox
from tests.conftest import Chat, Clock, both_stores
from tests.fakes import wechat_agent  # noqa: F401  (it enters itself in the table)
from tests.fakes.wechat import FakeWechat
from tests.fakes.wechat_courier import Sent
from tests.fakes.wechat_staff import Staff
from tests.fakes.wechat_state import Corp as TheirCorp

CORP, AGENT, SECRET = "ww0123456789abcdef", 1000002, "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN, AES_KEY = "linlifang", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SEND = "message/send"


class House:
    """The app of ours with its outbox, a WeCom beside it, and a worker who has opened it."""

    def __init__(self, fake: FakeWechat, desk: Desk, channel: WecomChannel, settings: Settings) -> None:
        self.fake, self.desk, self.channel, self.settings = fake, desk, channel, settings
        self.outbox, self.corp = Outbox(desk, [channel]), fake.corps[CORP]
        self.wang = fake.staff(self.corp, "wang")
        self.life = AsyncExitStack()

    async def opens(self) -> None:
        await self.life.enter_async_context(self.channel.open(listening=True))

    async def dies(self) -> None:
        """What it has not written down by now is lost."""
        await self.life.aclose()

    async def says(self, *lines: str, member: Staff | None = None) -> str:
        """Several messages one after another; what answered the last."""
        return [await reply_to(await (member or self.wang).say(line)) for line in lines][-1]

    async def brings(self, kind: str, member: Staff | None = None, **fields: Any) -> Sent:
        """Something else than words."""
        return await self.fake.courier.carry(self.corp, (member or self.wang).me, kind, fields).answered()

    async def comes_to_work(self) -> None:
        """The worker chooses the first community and says the code the office gave out."""
        await self.says("你好", "1")
        with self.store() as db:
            code = issue_code(db, None, Role.WORKER)
        assert "社区工作人员" in await self.says(code)

    def store(self) -> Any:
        return transaction(self.desk.engine, self.desk.communities["hongmei"].id, self.desk.now())

    async def owe(self, *keys: str, **facts: Any) -> None:
        with self.store() as db:
            me = db.exec(select(Account).where(Account.channel == "wecom", Account.user == "wang")).one()
            for key in keys:
                push(db, key, me.resident_id, "notice.notice", **({"text": key} | facts))
        await self.sent()

    async def sent(self) -> None:
        """What is owed has left, or waits."""
        while await self.outbox.round():
            pass

    def rows(self, table: type[Any]) -> list[Any]:
        with reading(self.desk.engine, None) as db:
            return list(db.exec(select(table)))

    def states(self) -> dict[str, Post]:
        return {row.key: row.state for row in self.rows(Push)}

    def told(self) -> list[str]:
        """What the app has sent to the worker."""
        return [shown.words for shown in self.wang.screen if shown.how == "app"]

    def calls(self, path: str) -> int:
        return sum(call.path == path for call in self.fake.calls)


async def reply_to(sent: Sent) -> str:
    await sent.answered()
    assert sent.outcome == "shown", f"{sent.outcome}: {sent.xml}"
    assert sent.reply is not None
    return sent.reply.text


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.owing.LOOK", 0.1)


@pytest.fixture
async def house(desk: Desk, clock: Clock, tmp_path: Path, store_url: str) -> AsyncIterator[House]:
    secrets = tmp_path / "wecom"
    secrets.write_text(f"{SECRET}\n{TOKEN}\n{AES_KEY}\n")
    secrets.chmod(0o600)
    async with FakeWechat() as fake:
        fake.clock, desk.media = clock, tmp_path / "media"
        given = {"database_url": store_url, "wecom_corp": CORP, "wecom_agent": AGENT, "wecom_secret_file": secrets}
        settings = Settings.model_validate(given | {"wecom_api": fake.url, "public_url": "https://llf.example"})
        worker = Worker(desk)
        [channel] = wecom_channels(desk, worker, settings)
        app = web.Application()
        app.add_routes(channel.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ours = f"http://127.0.0.1:{runner.addresses[0][1]}/wecom/{CORP}"
        fake.add_corp(CORP, AGENT, SECRET, TOKEN, AES_KEY, ours)
        try:
            house = House(fake, desk, channel, settings)
            async with worker, house.life:
                await house.opens()
                yield house
        finally:
            await runner.cleanup()


# what comes in


async def test_the_address_is_checked_sealed(house: House) -> None:
    assert await house.fake.verify(house.corp)
    forged = TheirCorp(CORP, AGENT, SECRET, house.corp.tokens, "guessed", AES_KEY, house.corp.server_url)
    assert not await house.fake.verify(forged)
    async with ClientSession() as session, session.get(house.corp.server_url, params={"echostr": "1"}) as answer:
        assert answer.status == 403


async def test_only_what_wecom_has_sealed_for_us_is_opened(house: House) -> None:
    sent = await (await house.wang.say("你好")).answered()
    heard, url = len(house.rows(Heard)), house.corp.server_url
    for token, corpid in (("guessed", CORP), (TOKEN, "ww0000000000000000")):
        house.corp.token, house.corp.corpid = token, corpid
        assert (await house.fake.redeliver(sent))[0].status == 403
    async with ClientSession() as session:
        for body, status in (("<xml><MsgType>text</MsgType></xml>", 403), ("", 403), ("x" * 70_000, 413)):
            async with session.post(url, data=body) as answer:
                assert answer.status == status
    assert len(house.rows(Heard)) == heard


async def test_an_old_letter_is_turned_away(house: House, clock: Clock) -> None:
    sent = await (await house.wang.say("你好")).answered()
    house.fake.clock = lambda: clock.now
    house.desk.now = Clock(clock.now)
    clock.passes(seconds=301)
    assert (await house.fake.redeliver(sent))[0].status == 403


@both_stores
async def test_a_worker_binds_and_brings_a_report_to_its_end(house: House) -> None:
    chat = Chat(house.desk).settle_in()
    chat.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    question = await house.says("你好")
    assert question.startswith("您好，这里是邻里坊。\n您要联系哪个社区")
    assert question.splitlines()[2:] == [f"{n}. {c.pack.community.name.zh}" for n, c in enumerate(all_of(house), 1)]
    assert "红梅" in await house.says("1")
    with house.store() as db:
        code = issue_code(db, None, Role.WORKER)
    assert "社区工作人员" in await house.says(code)
    overview = await house.says("工作")
    assert "1 号 照明 5幢" in overview
    await taps(house, "1 号 照明 5幢")
    assert "已受理" in await taps(house, "受理")
    assert [ticket.status.name for ticket in house.rows(Ticket)] == ["ACCEPTED"]
    await taps(house, "打开")
    assert "写一句" in await taps(house, "办结")
    assert "已办结" in await house.says("灯泡换好了")
    assert not house.fake.broken


def all_of(house: House) -> list[Any]:
    return house.desk.communities.all()


async def taps(house: House, label: str) -> str:
    """Type the number that stands before it in the newest text."""
    numbers = [str(n) for n, words in house.wang.numbered().items() if words == label]
    assert numbers, house.wang.transcript()
    return await house.says(numbers[0])


async def test_a_worker_known_elsewhere_is_the_same_here(house: House) -> None:
    wang = Chat(house.desk, "wang").settle_in(Role.WORKER)
    [code] = re.findall(r"\b1\d\d \d{3} \d{3}\b", wang.says("绑定其他渠道"))
    await house.says("你好", "1", code, "是")
    assert "没有等您办的工单" in await house.says("工作")
    with house.store() as db:
        me = wang.me(db)
        assert {a.channel for a in db.exec(select(Account).where(Account.resident_id == me.id))} == {"web", "wecom"}


async def test_a_member_changes_the_community_and_keeps_their_place(house: House) -> None:
    await house.says("你好", "1")
    assert "2. " in await house.says("换社区")
    second = all_of(house)[1]
    assert second.pack.community.name.zh in await house.says(second.pack.community.name.zh)
    await house.says("菜单")
    assert {row.account for row in house.rows(Account) if row.channel == "wecom"} == {c.slug for c in all_of(house)}


@both_stores
async def test_a_danger_at_the_door_is_heard_once_a_community_is_chosen(house: House) -> None:
    on_duty = Chat(house.desk, "li").settle_in(Role.WORKER)
    told = await house.says("3幢着火了")
    assert "119" in told.splitlines()[0]
    assert all(f"{c.pack.community.name.zh} {c.pack.community.phone}" in told for c in all_of(house))
    assert "还不知道" in told
    assert "哪个社区" in await house.says("快来")
    assert on_duty.pushed() == []
    answer = await house.says("1")
    assert "119" in answer
    assert "已经通知社区值班人员" in answer
    assert on_duty.pushed() == ["work.alarm_at"]
    [alarm] = house.rows(Push)
    assert alarm.facts["text"] == "3幢着火了"
    assert "119" not in await house.says("谢谢")
    [visitor] = house.rows(Visitor)
    assert (visitor.danger, visitor.danger_at, visitor.consented_at) == ("", None, None)


async def test_a_danger_of_long_ago_is_not_what_they_come_for(house: House, clock: Clock) -> None:
    await house.says("3幢着火了")
    clock.passes(minutes=11)
    assert "119" not in await house.says("1")
    assert house.rows(Push) == []


async def test_a_danger_is_heard_though_the_turn_after_choosing_fails(house: House, engine: Engine) -> None:
    on_duty = Chat(house.desk, "li").settle_in(Role.WORKER)
    await house.says("3幢着火了")
    house.fake.retry_pause = 1.0
    with engine.begin() as store:
        store.execute(text("ALTER TABLE heard RENAME TO heard_elsewhere"))
    sent = await house.wang.say("1")
    while not sent.attempts:
        await asyncio.sleep(0.01)
    assert sent.attempts[0].status == 503
    with engine.begin() as store:
        store.execute(text("ALTER TABLE heard_elsewhere RENAME TO heard"))
    assert "已经通知社区值班人员" in await reply_to(sent)
    assert on_duty.pushed() == ["work.alarm_at"]


async def test_who_talked_too_fast_is_heard_with_a_danger(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.flood.PACE", 0.02)  # nothing grows back while this test runs
    assert "太快" in await house.says("1", *["你好"] * 30)
    assert (await (await house.wang.say("你好")).answered()).outcome == "silent"
    assert "119" in await house.says("着火了")


async def test_opening_the_app_greets_a_stranger_and_leaves_others_in_peace(house: House, clock: Clock) -> None:
    assert "1. " in await reply_to(await house.brings("event", Event="enter_agent", EventKey=""))
    await house.says("1")
    clock.passes(seconds=1)  # what is opened twice in one second is one event
    assert (await house.brings("event", Event="enter_agent", EventKey="")).outcome == "silent"
    assert (await house.brings("event", Event="subscribe", EventKey="")).outcome == "shown"
    assert (await house.brings("event", Event="unsubscribe", EventKey="")).outcome == "silent"


@pytest.mark.parametrize("kind", ["voice", "video"])
async def test_what_cannot_be_read_is_answered_kindly(house: House, kind: str) -> None:
    await house.says("你好", "1")
    sent = await house.brings(kind, MediaId="m1", Format="amr", ThumbMediaId="m2")
    assert await reply_to(sent) == "这个我看不懂。请打字告诉我，也可以发照片或位置。"


async def test_a_photo_and_a_place_are_part_of_a_report(house: House) -> None:
    await house.says("你好", "1")
    await house.says("5幢楼道的灯坏了，三天了")
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, "JPEG")
    media = house.fake.keep(file.getvalue(), "image", "image/jpeg", CORP)
    url = f"{house.fake.url}/mmbiz_pic/{media}/0"
    await reply_to(await house.brings("image", PicUrl=url, MediaId=media))
    assert len(house.rows(Photo)) == 1
    lost = await house.brings("image", PicUrl=f"{house.fake.url}/mmbiz_pic/none/0", MediaId="none")
    assert await reply_to(lost) == "照片没有收全，请再发一次。"
    await house.says("取消")
    here = {"Location_X": 30.2916, "Location_Y": 120.1978, "Scale": 16, "Label": "5幢"}
    await house.says("附近")
    assert "米" in await reply_to(await house.brings("location", **here)) or "分钟" in house.wang.last.words


@both_stores
async def test_a_letter_brought_again_has_one_effect_and_the_same_reply(house: House) -> None:
    await house.says("你好", "1")
    sent = await house.wang.say("3幢楼道的灯坏了")
    await sent.answered()
    heard = len(house.rows(Heard))
    answers = await house.fake.redeliver(sent, 20)
    assert {answer.status for answer in answers} == {200}
    told = {answer.xml.partition("<Content>")[2].partition("</Content>")[0] for answer in answers}
    assert [text.removeprefix("<![CDATA[").removesuffix("]]>") for text in told] == [house.wang.last.source]
    assert len(house.rows(Heard)) == heard


async def test_a_long_answer_goes_on_in_messages_of_their_own(house: House) -> None:
    await house.comes_to_work()
    with house.store() as db:
        who = db.exec(select(Resident).where(Resident.role == Role.WORKER)).one()
        for n in range(10):
            keep_enquiry(db, who, f"{n} 号楼的灯什么时候修好" + "呢" * 60)
    await house.says("没答上的问题")
    await house.wang.sees("7 号楼", how="app")
    answer = next(shown for shown in reversed(house.wang.screen) if shown.how == "passive")
    assert "0 号楼" in answer.words
    assert answer.words not in house.told()
    assert not any("更多" in shown.words for shown in house.wang.screen)


STORY = "".join(f"{n}幢周{n % 7 + 1}停水，请提前储水，老人家里请邻居帮一把。" for n in range(1, 38))


async def a_long_answer(house: House) -> str:
    """The first page of an answer of several."""
    await house.comes_to_work()
    return await house.says("发通知", STORY, "全体居民")


async def test_what_wecom_takes_no_more_of_follows_when_there_is_room(house: House, clock: Clock) -> None:
    with transaction(house.desk.engine, None, clock()) as db:
        assert take_room(db, f"wecom:{CORP}", "wang", 30) == 0.0
    first = await a_long_answer(house)
    await comes_true(lambda: [row.told for row in house.rows(Heard) if row.owed_at] == [1])
    assert house.told() == []
    clock.passes(seconds=61)
    await comes_true(lambda: not [row for row in house.rows(Heard) if row.owed_at])
    assert STORY in "".join([first, *house.told()])
    assert house.fake.quota_violations == []


@both_stores
@pytest.mark.parametrize("kind", [45009, -1, "500"])
async def test_an_answer_goes_on_where_wecom_stopped_it(house: House, clock: Clock, kind: Any) -> None:
    fault = house.fake.fail(SEND, kind)
    first = await a_long_answer(house)
    await comes_true(lambda: [row.told for row in house.rows(Heard) if row.owed_at] == [1])
    assert (fault.hits, house.told()) == (1, [])
    clock.passes(seconds=61)
    await comes_true(lambda: not [row for row in house.rows(Heard) if row.owed_at])
    assert STORY in "".join([first, *house.told()])


@both_stores
async def test_a_process_that_dies_before_it_answered_loses_nothing(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.says("你好", "1")
    monkeypatch.setattr(reception, "PATIENCE", 0.15)
    with house.store() as db:
        db.execute(update(Resident).values(quiet_from=0, quiet_until=0))  # nobody else writes until this is done
        assert (await (await house.wang.say("菜单")).answered()).outcome == "broken"
    await comes_true(lambda: any(row.said["text"] == "菜单" for row in house.rows(Heard)))
    await house.dies()
    assert house.told() == []
    await house.opens()
    clock.passes(seconds=61)
    assert "报修" in (await house.wang.sees("报修", how="app")).words
    await comes_true(lambda: not [row for row in house.rows(Heard) if row.owed_at is not None])
    assert len(house.told()) == 1


async def comes_true(true: Callable[[], bool]) -> None:
    """For what is written down a moment later: the store rings no bell."""
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.05)


async def test_a_long_push_is_several_messages(house: House) -> None:
    await house.comes_to_work()
    long = "\n".join(f"{n}. {'灯' * 40}" for n in range(20))
    await house.owe("long", text=long)
    assert len(house.told()) >= 2
    assert all(len(words.encode()) <= 2048 and "更多" not in words for words in house.told())
    assert sum(words.count("灯") for words in house.told()) == 800


async def test_an_answer_too_late_for_all_three_tries_is_sent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.says("你好", "1")
    monkeypatch.setattr(reception, "PATIENCE", 0.15)
    monkeypatch.setattr(reception, "THRICE", 1.0)
    with house.store() as db:
        db.execute(update(Resident).values(quiet_from=0, quiet_until=0))  # nobody else writes until this is done
        sent = await (await house.wang.say("菜单")).answered()
        assert (sent.outcome, [a.status for a in sent.attempts]) == ("broken", [503] * 3)
        assert house.told() == []
    assert (await house.wang.sees("报修", how="app", fresh=True)).kind == "text"
    assert len(house.told()) == 1
    again = await house.fake.redeliver(sent)
    assert again[0].status == 200


async def test_a_turn_that_fails_is_taken_anew_when_it_comes_again(house: House, engine: Engine) -> None:
    await house.says("你好", "1")
    house.fake.retry_pause = 1.0
    with engine.begin() as store:
        store.execute(text("ALTER TABLE heard RENAME TO heard_elsewhere"))
    sent = await house.wang.say("菜单")
    while not sent.attempts:
        await asyncio.sleep(0.01)
    assert sent.attempts[0].status == 503
    with engine.begin() as store:
        store.execute(text("ALTER TABLE heard_elsewhere RENAME TO heard"))
    assert "报修" in await reply_to(sent)


# what goes out


@both_stores
async def test_a_push_arrives(house: House) -> None:
    await house.comes_to_work()
    await house.owe("明天停水")
    assert house.told() == ["【社区通知】明天停水"]
    assert house.states()["明天停水"] is Post.SENT


@both_stores
async def test_the_thirty_first_message_of_a_minute_waits(house: House, clock: Clock) -> None:
    await house.comes_to_work()
    await house.owe(*(f"第{n}条" for n in range(1, 32)))
    assert len(house.told()) == 30
    assert sorted(house.states().values()) == sorted([Post.SENT] * 30 + [Post.WAITING])
    clock.passes(seconds=59)
    await house.sent()
    assert len(house.told()) == 30
    clock.passes(seconds=2)
    await house.sent()
    assert len(house.told()) == 31
    assert house.fake.quota_violations == []


@both_stores
def test_all_processes_together_keep_the_limits_of_a_minute_and_an_hour(engine: Engine, clock: Clock) -> None:
    def take(count: int) -> float:
        with transaction(engine, None, clock()) as db:
            return take_room(db, "wecom:ww1", "wang", count)

    def prune() -> None:
        with transaction(engine, None, clock()) as db:
            prune_paces(db, clock())

    for _ in range(33):
        assert take(30) == 0.0
        clock.passes(seconds=60)
    clock.passes(minutes=10)
    prune()
    assert take(11) == pytest.approx(3600 - 43 * 60)
    assert take(10) == 0.0
    with transaction(engine, None, clock()) as db:
        assert take_room(db, "wecom:ww1", "li", 1) == 0.0
    clock.passes(seconds=3601)
    prune()
    with reading(engine, None) as db:
        assert db.exec(select(Pace)).all() == []
    assert take(40) == 0.0
    assert take(1) == 60.0


async def test_a_token_is_fetched_once_however_many_need_it(house: House) -> None:
    corp = Corp(CORP, AGENT, SecretStr(SECRET), SecretStr(TOKEN), SecretStr(AES_KEY))
    assert SECRET not in repr(corp)
    async with ClientSession() as session:
        api = Api(corp, session, house.fake.url)
        for fetched in (1, 2):
            await asyncio.gather(*(api.send_text("wang", f"{fetched}-{n}", once=True) for n in range(8)))
            assert house.calls("gettoken") == fetched
            house.fake.expire_token(house.corp)
    assert len(house.told()) == 16


async def test_a_token_that_stays_worthless_is_not_fetched_for_ever(house: House) -> None:
    await house.comes_to_work()
    fault = house.fake.fail(SEND, 40014, times=-1)
    await house.owe("一")
    assert (fault.hits, house.calls("gettoken"), house.states()["一"]) == (2, 2, Post.WAITING)


async def test_an_address_that_is_not_let_in_is_shown_to_the_operator(
    house: House, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await house.comes_to_work()
    house.corp.whitelist = set()
    with caplog.at_level(logging.ERROR):
        await house.owe("一", "二")
    remedy = "WeCom does not let us in from 127.0.0.1: enter it at work.weixin.qq.com → 应用管理 → the app → 企业可信IP"
    assert [record.getMessage() for record in caplog.records] == [f"WeCom: {remedy}"]
    assert (False, f"WeCom: {remedy}") in await doctor(house)
    house.corp.whitelist = None
    good = f"WeCom lets us in; its messages come to https://llf.example/wecom/{CORP}"
    assert (True, good) in await doctor(house)
    clock.passes(seconds=301)
    await house.sent()
    assert set(house.states().values()) == {Post.SENT}
    house.corp.agentid = 7
    assert any("another app's than LINLIFANG_WECOM_AGENT" in line for good, line in await doctor(house) if not good)
    house.corp.secret = "another"
    assert any("does not know this Secret" in line for good, line in await doctor(house) if not good)


async def doctor(house: House) -> list[tuple[bool, str]]:
    return await asyncio.to_thread(lambda: list(wechat_checks(house.desk.engine, house.settings)))


@pytest.mark.parametrize("errcode", [81013, 82001])
async def test_a_member_who_is_gone_is_unreachable(house: House, errcode: int) -> None:
    await house.comes_to_work()
    house.fake.fail(SEND, errcode, times=-1)
    await house.owe("一")
    assert house.states()["一"] is Post.UNREACHABLE
    assert house.calls(SEND) == 1


@pytest.mark.parametrize("kind", [45009, -1, "500", "cut", "refuse"])
async def test_what_was_perhaps_not_heard_is_sent_again_and_read_once(house: House, clock: Clock, kind: Any) -> None:
    await house.comes_to_work()
    house.fake.fail(SEND, kind)
    await house.owe("一")
    assert house.states()["一"] is Post.WAITING
    clock.passes(seconds=61)
    await house.sent()
    assert (house.states()["一"], house.told()) == (Post.SENT, ["【社区通知】一"])


async def test_what_wecom_will_not_take_is_kept_with_the_reason(house: House) -> None:
    await house.comes_to_work()
    house.fake.fail(SEND, 40008)
    await house.owe("一")
    [row] = house.rows(Push)
    assert (row.state, row.failure) == (Post.REFUSED, f"{SEND}: 40008 {row.failure.partition('40008 ')[2]}")


@both_stores
async def test_a_push_is_answered_by_words_and_no_number(house: House, clock: Clock) -> None:
    """The newest menu accepts report 1 by "1": a push about report 2 has no number that could be taken for it."""
    Chat(house.desk).settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    await house.comes_to_work()
    await house.says("工作")
    await taps(house, "1 号 照明 5幢")
    Chat(house.desk, "li").settle_in().says("2幢的下水道堵了", "跳过", "跳过", "可以")
    await house.sent()
    assert house.told()[-1].splitlines()[-1] == "回复“打开 2”"
    await house.says("菜单")
    assert (await house.says("打开 2")).startswith("工单 2 号")
    assert {ticket.status.name for ticket in house.rows(Ticket)} == {"RECEIVED"}


async def test_a_push_sends_no_draft(house: House, clock: Clock) -> None:
    await house.comes_to_work()
    await house.says("发通知", "明天停水，请大家提前储水。", "全体居民")
    Chat(house.desk, "li").settle_in().says("2幢的下水道堵了", "跳过", "跳过", "可以")
    await house.sent()
    assert not re.search(r"(?m)^\d+\. ", house.told()[-1])
    assert (await house.says("打开1")).startswith("工单 1 号")
    assert "发出去了" not in "".join(shown.words for shown in house.wang.screen)
    assert house.rows(Notice) == []


async def test_a_push_to_who_is_in_another_community_has_no_choices(house: House, clock: Clock) -> None:
    await house.comes_to_work()
    await house.says("换社区", "2")
    Chat(house.desk).settle_in().says("2幢的下水道堵了", "跳过", "跳过", "可以")
    await house.sent()
    assert "新工单 1 号" in house.told()[-1]
    assert "打开" not in house.told()[-1]
