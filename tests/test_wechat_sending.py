"""What we owe reaches a resident on WeChat by the first way that is open, once, and never against WeChat's rules."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlmodel import select

from bot.channels import Parcel, Refused, TryLater, Uncertain
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.channel import WechatChannel
from bot.channels.wechat.given import BadAccounts
from bot.channels.wechat.notices import read_templates
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Choice, Place, Reply
from bot.conversation.pushed import offer
from bot.conversation.worker import Worker
from bot.settings import Settings
from models.outbox import Post, Push, push
from models.resident import Account as Reached
from models.store import reading, transaction
from models.wechat_account import Kind, enter_account
from scheduler.claim import STUCK, reroute
from scheduler.outbox import Outbox
from tests.conftest import Clock, both_stores
from tests.fakes.wechat import FakeWechat
from tests.fakes.wechat_faults import Kind as Fault
from tests.fakes.wechat_phone import Phone
from tests.fakes.wechat_state import Kind as FakeKind

pytestmark = both_stores
APPID, SECRET = "wx0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN, AES_KEY = "linlifang", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SEND, TEMPLATE = "message/custom/send", "message/template/send"
KINDS: dict[Kind, FakeKind] = {Kind.SERVICE: "service", Kind.SUBSCRIPTION: "subscription", Kind.PASSIVE: "unverified"}
FIELDS = {"thing1": "text", "time2": "time", "thing3": "community", "phrase4": "=请看"}


@dataclass
class House:
    """One account of ours with its outbox, a WeChat beside it, and a resident who has said hello."""

    fake: FakeWechat
    desk: Desk
    channel: WechatChannel
    outbox: Outbox
    phone: Phone

    async def owe(self, *keys: str, **more: Any) -> None:
        self.owes(self.phone, *keys, **more)
        await self.sent()

    def owes(self, phone: Phone, *keys: str, **more: Any) -> None:
        with transaction(self.desk.engine, self.desk.communities["hongmei"].id, self.desk.now()) as db:
            who = db.exec(select(Reached).where(Reached.user == phone.openid)).one()
            for key in keys:
                push(db, key, who.resident_id, "notice.notice", **({"text": key} | more))

    async def sent(self) -> None:
        """What is owed has left, or waits."""
        while await self.outbox.round():
            pass

    def calls(self, path: str) -> int:
        return sum(call.path == path for call in self.fake.calls)

    def posts(self) -> dict[str, Push]:
        with reading(self.desk.engine, None) as db:
            return {p.key: p for p in db.exec(select(Push))}

    def states(self) -> dict[str, str]:
        """Where each stands; those that wait for a word are `next`."""
        return {
            k: "next" if p.lane.endswith(":next") and p.state is Post.WAITING else p.state.name.lower()
            for k, p in self.posts().items()
        }

    async def says(self, words: str, phone: Phone | None = None, *, look: bool = False) -> str:
        """A resident's word, and what answered it; `look` as the channel does every second."""
        if look:
            await self.channel.sending.look()
        sent = await (await (phone or self.phone).say(words)).answered()
        return sent.reply.text if sent.reply else ""

    def seen(self, how: str) -> list[str]:
        return [shown.words for shown in self.phone.screen if shown.how == how]


@asynccontextmanager
async def open_house(
    desk: Desk, clock: Clock, folder: Path, fake: FakeWechat, kind: Kind, templates: dict[str, Any]
) -> AsyncIterator[House]:
    settings = Settings(wechat_api=fake.url, secret_key_file=folder / "secret.key", public_url="https://llf.example")
    secrets = (SecretStr(SECRET), SecretStr(TOKEN), SecretStr(AES_KEY))
    account = Account(APPID, "", kind, ("hongmei",), *secrets, False, "gcj02", templates)
    with transaction(desk.engine, None) as db:
        enter_account(db, APPID).serves = ["hongmei"]
    desk.media = folder / "media"
    worker = Worker(desk)
    channel = WechatChannel(desk, worker, account, settings)
    app = web.Application()
    app.add_routes(channel.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    server = f"http://127.0.0.1:{port}{account.path}"
    theirs = fake.add_account(APPID, SECRET, kind=KINDS[kind], token=TOKEN, aes_key=AES_KEY, server_url=server)
    for name, given in templates.items():
        theirs.add_template(given["id"], *given["fields"], kind=given["kind"], title=name)
    try:
        async with worker, channel.open(listening=True):
            phone = fake.phone("小张")
            phone.meet(theirs)
            house = House(fake, desk, channel, Outbox(desk, [channel]), phone)
            assert await house.says("你好")
            clock.passes(seconds=1)
            yield house
            await fake.settled()
    finally:
        await runner.cleanup()


@pytest.fixture
def kind() -> Kind:
    return Kind.SERVICE


@pytest.fixture
def templates() -> dict[str, Any]:
    return {}


@pytest.fixture
async def house(
    desk: Desk, clock: Clock, tmp_path: Path, kind: Kind, templates: dict[str, Any]
) -> AsyncIterator[House]:
    async with FakeWechat() as fake:
        fake.clock = clock
        async with open_house(desk, clock, tmp_path, fake, kind, templates) as house:
            yield house


def by(kind: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", [kind])


def having(**templates: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("templates", [templates])


TEMPLATED = {"id": "T1", "kind": "template", "fields": FIELDS}


# T11


async def test_the_sixth_message_after_one_word_waits_for_the_next_word(house: House, clock: Clock) -> None:
    await house.owe(*"abcdef")
    assert house.seen("custom") == [f"【社区通知】{key}" for key in "abcde"]
    assert house.states() == dict.fromkeys("abcde", "sent") | {"f": "next"}
    assert house.fake.quota_violations == []
    clock.passes(seconds=1)
    assert "【社区通知】f" in await house.says("菜单", look=True)
    await house.channel.sending.finish()
    assert house.states()["f"] == "sent"
    assert "【社区通知】" not in await house.says("菜单", look=True)
    assert house.fake.quota_violations == []


@having(all=TEMPLATED)
async def test_the_sixth_message_becomes_a_template_message(house: House) -> None:
    await house.owe(*"abcde")
    await house.owe("f", text="明天上午九点到十一点停水检修，请提前备水。谢谢！")
    (shown,) = [s for s in house.phone.screen if s.how == "template"]
    assert shown.fields == {
        "thing1": "【社区通知】明天上午九点到十一点停水检…",
        "time2": "2026年11月25日 12:00",
        "thing3": house.desk.communities["hongmei"].pack.community.name.zh,
        "phrase4": "请看",
    }
    assert shown.url == f"https://llf.example/wechat/{APPID}/enter?to=hongmei"
    assert house.states()["f"] == "sent"


@having(all={"id": "N1", "kind": "once", "fields": {"thing1": "text"}})
async def test_a_notice_is_sent_as_often_as_was_agreed(house: House) -> None:
    await (await house.phone.consent("N1")).answered()
    await house.owe(*"abcdefg")
    assert house.seen("notice") == ["all\n【社区通知】f"]
    assert (house.states()["f"], house.states()["g"]) == ("sent", "next")


@having(all={"id": "N1", "kind": "long_term", "fields": {"thing1": "text"}})
async def test_a_long_term_notice_needs_consent(house: House) -> None:
    await house.owe(*"abcdef")
    assert house.states()["f"] == "next"
    await (await house.phone.consent("N1")).answered()
    await house.owe("g", "h")
    assert (house.states()["g"], house.states()["h"], len(house.seen("notice"))) == ("sent", "sent", 2)


@pytest.mark.parametrize("errcode", [45015, 45047])
async def test_where_wechat_counts_otherwise_it_is_believed(house: House, clock: Clock, errcode: int) -> None:
    refused = house.fake.fail(SEND, errcode)
    await house.owe("a")
    await house.owe("b")
    assert (refused.hits, house.calls(SEND)) == (1, 1)
    assert house.states() == {"a": "next", "b": "next"}
    assert "【社区通知】a" in await house.says("菜单", look=True)
    clock.passes(seconds=1)
    await house.owe("c")
    assert house.states()["c"] == "sent"


@pytest.mark.parametrize("errcode", [40001, 42001])
async def test_eight_pushes_with_a_stale_token_fetch_one_token(house: House, errcode: int) -> None:
    phones = [house.fake.phone(f"邻居{n}") for n in range(8)]
    for phone in phones:
        phone.meet(house.phone.account)
        await house.says("你好", phone)
    await house.channel.api.check()
    before = house.calls("stable_token")
    house.fake.expire_token(errcode=errcode)
    for phone in phones:
        house.owes(phone, phone.name)
    await house.sent()
    assert house.calls("stable_token") == before + 1
    assert house.states() == {phone.name: "sent" for phone in phones}
    assert all(len([s for s in phone.screen if s.how == "custom"]) == 1 for phone in phones)


# the next word


@by(Kind.PASSIVE)
async def test_an_account_that_only_answers_tells_three_with_each_word(house: House, clock: Clock) -> None:
    await house.owe(*"abcd")
    assert set(house.states().values()) == {"next"}
    sent = await house.phone.say("菜单")
    first = (await sent.answered()).reply
    assert first is not None
    assert "【社区通知】" not in first.text  # nobody has looked yet
    reply = await house.says("菜单", look=True)
    assert [key for key in "abcd" if f"【社区通知】{key}" in reply] == ["a", "b", "c"]
    await house.sent()
    reply = await house.says("菜单", look=True)
    assert [key for key in "abcd" if f"【社区通知】{key}" in reply] == ["d"]
    await house.channel.sending.finish()
    assert set(house.states().values()) == {"sent"}
    assert house.calls(SEND) == 0


@by(Kind.PASSIVE)
async def test_what_was_owed_comes_before_the_answer_and_its_lines(house: House) -> None:
    await house.owe("a")
    told = await house.says("菜单", look=True)
    assert told.index("【社区通知】a") < told.index("能为您做这些") < told.index("1. ")


@by(Kind.PASSIVE)
async def test_nothing_that_was_owed_comes_before_advice_in_danger(house: House) -> None:
    await house.owe("a")
    told = await house.says("我家着火了", look=True)
    assert told.startswith("⚠")
    assert "【社区通知】" not in told
    assert "【社区通知】a" in await house.says("菜单", look=True)


async def test_what_does_not_fit_leaves_through_the_window_the_word_opened(house: House, clock: Clock) -> None:
    await house.owe(*"vwxyz")
    await house.owe(*"abcde")
    clock.passes(seconds=1)
    reply = await house.says("菜单", look=True)
    assert [key for key in "abcde" if f"【社区通知】{key}" in reply] == ["a", "b", "c"]
    await house.sent()
    assert house.seen("custom")[-2:] == ["【社区通知】d", "【社区通知】e"]
    assert house.fake.quota_violations == []


@by(Kind.PASSIVE)
async def test_a_letter_brought_again_gets_the_same_and_tells_nothing_twice(house: House) -> None:
    await house.owe("a")
    await house.channel.sending.look()
    sent = await (await house.phone.say("菜单")).answered()
    again = await house.fake.redeliver(sent, 3)
    assert sent.reply is not None
    assert all("【社区通知】a" in answer.xml for answer in again)
    assert "【社区通知】" not in await house.says("菜单", look=True)


@by(Kind.PASSIVE)
async def test_what_waits_for_a_word_still_expires_and_finds_another_address(house: House, clock: Clock) -> None:
    await house.owe("late", expires=clock() + STUCK)
    await house.owe("a")
    due = house.posts()["a"].due_at
    clock.passes(hours=1, seconds=1)
    assert "late" not in await house.says("菜单", look=True)
    await house.channel.sending.finish()
    assert reroute(house.desk.engine, clock()) == 1
    await house.sent()
    assert house.states() == {"late": "expired", "a": "sent"}
    assert house.posts()["a"].due_at == due


# failures


async def test_a_quota_is_given_back_only_when_surely_nothing_left(house: House) -> None:
    faults: list[tuple[str, int | Fault, type[Exception]]]
    faults = [("a", "500", TryLater), ("b", 45002, Refused), ("c", "cut", Uncertain)]
    for key, fault, expected in faults:
        house.fake.fail(SEND, fault)
        assert isinstance(await house.channel.sending.deliver(parcel(house, key)), expected)
    assert await use_up(house) == 4


async def use_up(house: House) -> int:
    """Take what may be sent to the resident; returns how much it was."""
    count = 0
    while await house.channel.followers.take(house.phone.openid):
        house.channel.followers.landed(house.phone.openid)
        count += 1
    return count


def parcel(house: House, key: str, **more: Any) -> Parcel:
    to = Address("wechat", "hongmei", house.phone.openid)
    with reading(house.desk.engine, None) as db:
        who = db.exec(select(Reached).where(Reached.user == to.user)).one()
    reply = Reply(key, **more)
    return Parcel(0, key, "event:7", who.community_id, who.resident_id, to, reply, house.desk.now())


@having(all=TEMPLATED)
async def test_a_template_the_account_has_not_is_no_dead_end(house: House) -> None:
    house.fake.fail(TEMPLATE, 40037)
    await house.owe(*"abcdef")
    assert house.states()["f"] == "next"


@having(other=TEMPLATED | {"about": ["ticket"]}, mine=TEMPLATED | {"id": "T2", "about": ["event"]})
async def test_a_template_is_for_certain_matters(house: House) -> None:
    await use_up(house)
    assert await house.channel.sending.deliver(parcel(house, "a")) is None
    assert [s.title for s in house.phone.screen if s.how == "template"] == ["mine"]


@pytest.mark.usefixtures("store_url")
def test_templates_that_cannot_be_are_named() -> None:
    with pytest.raises(BadAccounts, match=r"account 红梅, templates.a.fields.thing1"):
        read_templates("红梅", {"a": {"id": "T", "kind": "template", "fields": {"thing1": "txt"}}})
    with pytest.raises(BadAccounts, match=r"templates.a.kind"):
        read_templates("红梅", {"a": {"id": "T", "kind": "sms", "fields": {"thing1": "text"}}})


# what it looks like


async def test_a_place_is_a_card_and_choices_are_lines_to_tap(house: House) -> None:
    pin = Place("", 30.28, 120.12)
    assert await house.channel.sending.deliver(parcel(house, "食堂在3幢。周一到周五开。", pin=pin)) is None
    card = house.phone.last
    assert (card.kind, card.title, card.text) == ("news", "食堂在3幢。", "周一到周五开。")
    assert card.url == f"https://llf.example/wechat/{APPID}/enter?to=hongmei"


async def test_a_long_push_is_one_message_and_more_waits(house: House) -> None:
    await house.owe("a", text="今天停水。" * 400)
    (first,) = house.seen("custom")
    assert "更多" in first
    assert "今天停水" in await house.says("更多")


@by(Kind.PASSIVE)
async def test_a_late_answer_is_kept_where_nothing_may_be_sent(house: House) -> None:
    sending, to = house.channel.sending, Address("wechat", "hongmei", house.phone.openid)
    assert not await sending.tell(house.phone.openid, "食堂在一楼")
    for _ in range(2):
        await sending.keep(to, "late:1", "食堂在一楼")
    told = await house.says("菜单")
    assert told.count("您刚才说的，我回晚了：\n食堂在一楼") == 1
    assert "食堂在一楼" not in await house.says("菜单", look=True)
    assert house.seen("custom") == []


async def test_a_late_answer_is_sent_where_it_may(house: House) -> None:
    assert await house.channel.sending.tell(house.phone.openid, "食堂在一楼")
    assert house.seen("custom") == ["食堂在一楼"]


CHOICE = [("/places.show place=gym", "menu.places")]


async def reports(house: House, what: str) -> None:
    for line in ("登记住址", "3幢2单元502", what, "跳过", "跳过", "可以"):
        await house.says(line)


@pytest.mark.parametrize("kind", [Kind.SUBSCRIPTION, Kind.PASSIVE])
async def test_a_push_is_answered_by_words_and_no_number(house: House) -> None:
    unasked = house.channel.account.rights.messages  # else it is told with the next answer, beside its lines
    await reports(house, "3幢楼道的灯坏了")
    await house.owe("a", choices=[("/repair.show ticket=1", "work.do_open")])
    told = house.seen("custom")[-1] if unasked else await house.says("菜单", look=True)
    assert ("【社区通知】a\n打开 1" if unasked else "【社区通知】a\n回复“打开 1”") in told  # one is a link to tap
    await house.says("菜单")
    assert "灯坏了" not in await house.says("1")
    assert "灯坏了" in await house.says("打开1")


async def test_words_that_two_pushes_share_open_neither(house: House) -> None:
    await reports(house, "3幢楼道的灯坏了")
    await reports(house, "5幢的下水道堵了")
    await house.owe("a", choices=[("/repair.show ticket=1", "work.do_open")])
    assert "灯坏了" in await house.says("打开")
    await house.owe("b", choices=[("/repair.show ticket=2", "work.do_open")])
    told = await house.says("打开")
    assert "灯坏了" not in told
    assert "下水道" not in told
    assert "灯坏了" in await house.says("打开 1")
    assert "下水道" in await house.says("打开 2。")


async def test_what_has_no_number_of_its_own_gets_a_short_one(house: House) -> None:
    who = Address("wechat", "hongmei", house.phone.openid)

    def words(*values: str) -> list[str]:
        choices = [Choice(value, "看进度") for value in values]
        with transaction(house.desk.engine, house.desk.communities["hongmei"].id, house.desk.now()) as db:
            return [choice.label for choice in offer(db, who, choices)]

    progress = "/notice.progress notice=7530140697172705{}"
    first, second = progress.format(783), progress.format(999)
    assert words(first, first.replace("progress", "stop")) == ["看进度 1", "看进度 1"]  # of the same notice
    assert words(second, "/menu", "/repair.show ticket=12") == ["看进度 2", "看进度", "看进度 12"]
    assert words(first) == ["看进度 1"]  # sent again


async def test_a_push_sent_again_has_the_same_words(house: House) -> None:
    house.fake.fail(SEND, "500")
    more = parcel(house, "a", choices=(Choice("/repair.show ticket=1", "看看"),))
    assert isinstance(await house.channel.sending.deliver(more), TryLater)
    assert await house.channel.sending.deliver(more) is None
    await house.channel.sending.deliver(more)
    assert [re.findall("看看 1", told) != [] for told in house.seen("custom")] == [True, True]
