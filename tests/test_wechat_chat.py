"""What residents do on WeChat, from following the account to every kind of thing they can send."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import prcoords
import pytest
from PIL import Image

from bot.channels.wechat.passive import Manner, spoken
from bot.conversation.desk import Desk
from bot.conversation.message import Choice, Reply
from bot.conversation.service import SERVICES
from models.dialogue import Heard
from models.photo import Photo
from models.resident import Account as Reached
from models.resident import Resident, Role
from models.store import transaction
from models.ticket import Ticket
from models.visitor import Visitor
from models.wechat_account import stop_serving
from tests.conftest import Chat, both_stores
from tests.fakes.wechat_phone import Phone
from tests.wechat_house import House, Web, reply_to, says, taps, wechat_house

MORE = "（还有，回复“更多”接着看）"
GREETING = "您好，这里是红梅社区的邻里坊"
CHINESE = re.compile(r"[\u3400-\u9fff]")


def picture(colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def serves() -> tuple[str, ...]:
    return ("hongmei",)


@pytest.fixture
async def house(store_url: str, tmp_path: Path, serves: tuple[str, ...]) -> AsyncIterator[House]:
    async with wechat_house(store_url, tmp_path, *serves) as [house]:
        yield house
        assert not house.fake.broken
        assert not house.fake.quota_violations


def heard(house: House, key: str) -> list[object]:
    """What was said with a message of each that had it, oldest first."""
    return [h.said[key] for h in sorted(house.rows(Heard), key=lambda h: h.at) if h.said[key]]


async def comes_true_of(answer: Callable[[], Awaitable[str]], words: str) -> None:
    """For what a process learns of a moment later."""
    async with asyncio.timeout(5):
        while words not in await answer():
            await asyncio.sleep(0.2)


async def comes_true(true: Callable[[], bool]) -> None:
    """For what is written down a moment later: the store rings no bell."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.05)


def fits(text: str) -> bool:
    """T28, and no link is torn."""
    whole = text.count("<a ") == text.count("</a>") == len(re.findall(r'<a href="[^"<>\s]+">[^<]+</a>', text))
    return whole and len(text.encode()) <= 2048 and len(CHINESE.findall(text)) <= 600


# ---- to come and to go


@both_stores
async def test_who_follows_is_greeted_once_and_is_a_guest(house: House) -> None:
    zhang = house.fake.phone("小张")
    assert GREETING in await reply_to(await zhang.follow())
    assert "不客气" in await says(zhang, "谢谢")
    assert house.who(zhang).role is Role.GUEST
    assert len(house.rows(Resident)) == 1


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ("hongmei", "您好"),
        ("hongmei-events", "接下来两周的活动"),
        ("hongmei-place-canteen", "红梅邻里餐厅"),
        ("hongmei-place-living-room", "邻里客厅"),
        ("hongmei-places", "托育"),
        ("nowhere-events", "您好"),
    ],
)
async def test_a_poster_leads_to_its_matter(house: House, scene: str, expected: str) -> None:
    zhang = house.fake.phone("小张")
    assert expected in await reply_to(await zhang.scan(scene))
    assert await reply_to(await zhang.scan(scene))  # known by now, and scanned once more


async def test_who_is_new_is_told_what_is_kept_before_the_posters_matter(house: House) -> None:
    zhang = house.fake.phone("小张")
    told = await reply_to(await zhang.scan("hongmei-events"))
    assert 0 <= told.index(GREETING) < told.index("保存下来") < told.index("接下来两周的活动")
    assert GREETING not in await reply_to(await zhang.scan("hongmei-events"))


async def test_a_poster_of_ones_own_making_opens_nothing_more(house: House) -> None:
    zhang = await house.resident()
    for scene in ("hongmei-work.code", "hongmei-work.ticket ticket=1", "hongmei-no.such", "baoshi-events"):
        told = await reply_to(await zhang.scan(scene))
        assert "给哪一家" not in told
        assert "宝石" not in told


@both_stores
async def test_who_unfollows_is_not_written_to_until_they_come_back(house: House) -> None:
    zhang = await house.resident()

    def lost() -> bool:
        return all(a.unreachable_at is not None for a in house.rows(Reached) if a.user == zhang.openid)

    sent = await (await zhang.unfollow()).answered()
    assert sent.outcome == "silent"
    await comes_true(lost)
    assert "您好" in await reply_to(await zhang.follow())
    await says(zhang, "谢谢")
    assert not lost()


# ---- everything they can send


@both_stores
async def test_a_report_from_first_word_to_card(house: House) -> None:
    zhang = await house.resident()
    assert "照片" in await says(zhang, "3幢2单元楼道的灯坏了三天，天黑看不见")
    assert "跳过" in await reply_to(await zhang.image(picture()))
    assert "电话" in await says(zhang, "跳过")
    assert "提交" in await says(zhang, "跳过")
    assert "收到" in await taps(zhang, "提交")
    (ticket,) = house.rows(Ticket)
    (photo,) = house.rows(Photo)
    assert ticket.photos == [photo.ref]
    assert photo.resident_id == house.who(zhang).id


@both_stores
async def test_a_photo_sent_while_home_or_place_is_asked_for_is_kept_for_the_report(house: House) -> None:
    zhang, li = await house.neighbour(), await house.resident("小李")
    assert "住几幢" in await says(zhang, "楼道的灯坏了，三天了")
    told = await reply_to(await zhang.image(picture()))
    assert told.startswith("照片收到。\n您住几幢几单元几室")
    assert "记下了" in await says(zhang, "3幢2单元502")
    assert "在哪里" in await says(li, "楼道的灯坏了，三天了")
    assert (await reply_to(await li.image(picture("red")))).startswith("照片收到。\n在哪里")
    for phone in (zhang, li):
        while "提交" not in phone.last.text:
            await says(phone, "5幢" if "在哪里" in phone.last.text else "跳过")
        assert "照片：1 张" in phone.last.text


async def test_a_photo_that_is_none_is_refused_kindly(house: House) -> None:
    zhang = await house.neighbour()
    assert "打不开" in await reply_to(await zhang.image(b"GIF89a, not really"))
    assert "太大" in await reply_to(await zhang.image(b"\xff\xd8\xff" + b"0" * (11 << 20)))
    house.fake.media.clear()
    sent = house.fake.courier.carry(
        house.account, zhang.me, "image", {"PicUrl": f"{house.fake.url}/mmbiz_pic/gone/0", "MediaId": "gone"}
    )
    assert "再发一次" in await reply_to(sent)
    assert not house.rows(Photo)


async def test_a_voice_is_heard_where_wechat_wrote_it_down(house: House) -> None:
    zhang = await house.neighbour()
    assert "不客气" in await reply_to(await zhang.voice(b"#!AMR", "谢谢。"))
    assert "语音我没听懂" in await reply_to(await zhang.voice(b"#!AMR"))


@both_stores
async def test_a_pin_is_kept_as_the_globe_has_it(house: House) -> None:
    zhang = await house.neighbour()
    lat, lon = 30.2795, 120.1325
    shown = prcoords.wgs_gcj((lat, lon))
    assert "米" in await reply_to(await zhang.location(shown.lat, shown.lon, "红梅路1号"))
    ((place),) = heard(house, "place")
    assert isinstance(place, dict)
    assert abs(place["lat"] - lat) * 111_000 < 1
    assert abs(place["lon"] - lon) * 96_000 < 1
    assert place["text"] == "红梅路1号"


async def test_what_else_comes_is_answered_kindly(house: House) -> None:
    zhang = await house.neighbour()
    assert await reply_to(await zhang.link("停水通知", "", "https://example.org/a?b=c&d=e"))
    assert heard(house, "text")[-1] == "停水通知 https://example.org/a?b=c&d=e"
    assert "视频我还看不了" in await reply_to(await zhang.video(b"mp4"))
    assert "视频我还看不了" in await reply_to(await zhang.video(b"mp4", short=True))
    for sent in (await zhang.report_location(30.2, 120.1), await zhang.say("")):
        assert (await sent.answered()).outcome in ("silent", "shown")
    unknown = house.fake.courier.carry(house.account, zhang.me, "miniprogrampage", {"Title": "小程序"})
    assert "我看不懂" in await reply_to(unknown)


# ---- to tap, and to type a number


async def test_the_menu_below_says_what_its_lines_say(house: House) -> None:
    zhang = await house.neighbour()
    assert await house.fake.bell.until(lambda: house.account.menu, 5)
    assert "还没有登记住址" in await reply_to(await zhang.click("我的"))
    for name in zhang.menu():
        assert await reply_to(await zhang.click(name)), name


@both_stores
async def test_a_line_is_tapped_or_its_number_typed(house: House) -> None:
    zhang = await house.neighbour()
    await says(zhang, "健身房")
    tapped = await taps(zhang, "四楼健身房")
    assert "地址" in tapped
    await says(zhang, "健身房")
    assert await says(zhang, "1") == tapped


async def test_a_tap_is_heard_whatever_phones_make_of_its_address(house: House) -> None:
    zhang = await house.neighbour()
    for coded in ("/places.show place=gym", "/places.show%20place%3Dgym", "%2Fplaces.show%20place%3Dgym"):
        fields = {"Content": "四楼健身房", "bizmsgmenuid": coded}
        assert "四楼健身房" in await reply_to(house.fake.courier.carry(house.account, zhang.me, "text", dict(fields)))
    told = await reply_to(
        house.fake.courier.carry(house.account, zhang.me, "text", {"Content": "谢谢", "bizmsgmenuid": "7"})
    )
    assert "不客气" in told


async def test_an_old_line_tapped_again_does_nothing_twice(house: House) -> None:
    zhang = await house.resident()
    await says(zhang, "3幢楼道的灯坏了", "跳过", "跳过")
    assert "收到" in await taps(zhang, "提交")
    assert "收到" not in await taps(zhang, "提交")
    assert len(house.rows(Ticket)) == 1


@both_stores
async def test_what_is_too_long_waits_for_more(house: House) -> None:
    wang = await house.resident(role=Role.WORKER)
    story = "".join(f"{n}幢周{n % 7 + 1}停水，请提前储水，老人家里请邻居帮一把。" for n in range(1, 38))
    page = await says(wang, "发通知", story, "全体居民")
    told = []
    while page.endswith(MORE):
        told.append(page.removesuffix(MORE).strip())
        page = await says(wang, "更多")
    assert told
    assert story in "".join([*told, page])
    assert "提交" in page or "可以" in page
    assert all(fits(shown.source) for shown in wang.screen)
    assert "发出去了" in await says(wang, "可以")


def test_a_long_menu_is_cut_between_its_lines(desk: Desk) -> None:
    choices = tuple(Choice(f"9.{n}", f"第{n}项，名字很长？里面有问号和别的 & # %") for n in range(40))
    page = "https://llf.example"
    manner = Manner(desk.communities["hongmei"], "zh", page, tappable=True, room=f"{page}/c/hongmei")
    pages = spoken([Reply("请选一个", choices)], manner)
    assert len(pages) > 2
    assert all(fits(page) for page in pages)
    assert [n for n in range(40) if f">{n + 1}. 第{n}项" not in "".join(pages)] == []


def test_a_voting_paper_says_its_options_once(desk: Desk) -> None:
    manner = Manner(desk.communities["hongmei"], "zh", "https://llf.example", tappable=False, room="")
    paper = Reply("北门装灯\n1. 赞成\n2. 反对\n您选哪一个？", (Choice("9.0", "赞成"), Choice("9.1", "反对")))
    assert spoken([paper], manner) == ["北门装灯\n您选哪一个？\n\n1. 赞成\n2. 反对"]
    menu = Reply("还有：", (Choice("9.0", "菜单"),))
    assert spoken([paper, menu], manner)[0].startswith("北门装灯\n1. 赞成\n2. 反对")  # its own lines are not shown


@pytest.mark.parametrize("role", [Role.GUEST, Role.RESIDENT, Role.MANAGER])
async def test_whatever_is_opened_fits(house: House, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", 1000)
    zhang = await (house.resident(role=role) if role > Role.GUEST else house.neighbour())
    for name in SERVICES:
        sent = house.fake.courier.carry(house.account, zhang.me, "event", {"Event": "CLICK", "EventKey": f"/{name}"})
        assert await reply_to(sent), name
        while zhang.last.text.endswith(MORE):
            await says(zhang, "更多")
    assert all(fits(shown.source) for shown in zhang.screen), max((s.source for s in zhang.screen), key=len)


# ---- one account for several communities


class TestAlliance:
    @pytest.fixture
    def serves(self) -> tuple[str, ...]:
        return ("hongmei", "baoshi")

    async def number_of(self, phone: Phone, name: str) -> str:
        return str(next(number for number, shown in phone.numbered().items() if shown == name))

    @pytest.mark.parametrize("by", ["number", "name", "short name", "English name"])
    async def test_they_choose_by_number_or_by_name(self, house: House, by: str) -> None:
        zhang = house.fake.phone("小张")
        assert (await reply_to(await zhang.follow())).startswith("您好，这里是邻里坊。\n您要联系哪个社区")
        said = {
            "number": await self.number_of(zhang, "宝石社区"),
            "name": "宝石社区",
            "short name": "宝石",
            "English name": "Baoshi Community",
        }
        assert "宝石社区的邻里坊" in await says(zhang, said[by])
        assert [v.community_id for v in house.rows(Visitor)] == [house.desk.communities["baoshi"].id]
        assert "不客气" in await says(zhang, "谢谢")

    @both_stores
    async def test_another_community_is_chosen_by_number_too_and_the_first_is_kept(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        await says(zhang, "红梅社区", "登记住址", "3幢2单元502")
        assert "哪个社区" in await says(zhang, "换社区")
        assert "宝石社区的邻里坊" in await says(zhang, await self.number_of(zhang, "宝石社区"))
        assert "还没有登记住址" in await says(zhang, "我的")
        await says(zhang, "换社区", "红梅社区")
        assert "3幢2单元502室" in await says(zhang, "我的")
        here = {a.community_id for a in house.rows(Reached)}
        assert here == {house.desk.communities[slug].id for slug in ("hongmei", "baoshi")}

    async def test_a_name_that_is_none_of_theirs_is_not_found(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        assert (await says(zhang, "西湖社区")).startswith("没找到这个社区。\n您要联系哪个社区")
        assert "没找到" not in await says(zhang, "红梅", "换社区")

    async def test_inside_a_number_is_an_answer(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        await says(zhang, "红梅社区", "健身房")
        assert "乒乓小馆" in await says(zhang, "2")
        assert [v.community_id for v in house.rows(Visitor)] == [house.desk.communities["hongmei"].id]

    async def test_to_choose_is_not_to_consent(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        await says(zhang, "红梅社区")
        assert [v.consented_at for v in house.rows(Visitor)] == [None]

    @both_stores
    @pytest.mark.parametrize("processes", [1, 2])
    async def test_a_danger_at_the_door_is_heard_once_they_are_in(
        self, store_url: str, tmp_path: Path, processes: int, serves: tuple[str, ...]
    ) -> None:
        async with wechat_house(store_url, tmp_path, *serves, processes=processes) as [house, *_]:
            zhang, on_duty = house.fake.phone("小张"), Chat(house.desk, "wang", "baoshi").settle_in(Role.WORKER)
            await zhang.follow()
            told = await says(zhang, "我家着火了")
            assert "119" in told
            assert all(house.desk.communities[slug].pack.community.phone in told for slug in serves)
            assert "还不知道" in told
            assert "哪个社区" in told
            answer = await says(zhang, "宝石社区")
            assert "119" in answer
            assert "已经通知社区值班人员" in answer
            assert on_duty.pushed() == ["work.alarm"]
            assert "不客气" in await says(zhang, "谢谢")

    async def test_a_poster_scanned_in_danger_leads_to_help(self, house: House) -> None:
        zhang, on_duty = house.fake.phone("小张"), Chat(house.desk, "wang", "baoshi").settle_in(Role.WORKER)
        await zhang.follow()
        await says(zhang, "我家着火了")
        assert "已经通知社区值班人员" in await reply_to(await zhang.scan("baoshi-events"))
        assert on_duty.pushed() == ["work.alarm"]

    async def test_a_danger_said_while_changing_the_community_is_heard_where_they_go(self, house: House) -> None:
        zhang, on_duty = house.fake.phone("小张"), Chat(house.desk, "wang", "baoshi").settle_in(Role.WORKER)
        await zhang.follow()
        await says(zhang, "红梅社区", "换社区。", "我家着火了", "宝石社区")
        assert on_duty.pushed() == ["work.alarm"]

    @both_stores
    async def test_who_lives_where_wechat_was_switched_off_is_led_nowhere_else(
        self, store_url: str, tmp_path: Path, serves: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.channels.wechat.channel.LOOK", 0.05)
        async with wechat_house(store_url, tmp_path, *serves) as [house]:
            zhang, li = house.fake.phone("小张"), house.fake.phone("小李")
            on_duty = Chat(house.desk, "wang", "baoshi").settle_in(Role.WORKER)
            await zhang.follow()
            await says(zhang, "红梅社区", "登记住址", "3幢2单元502")
            with transaction(house.desk.engine, None) as db:
                stop_serving(db, "hongmei")
            await comes_true_of(lambda: says(zhang, "谢谢"), "哪个社区")
            assert "红梅社区现在不在这里了，有事请打 0571-8888 0001" in await says(zhang, "谢谢")
            told = await says(zhang, "3幢有人被困在电梯里")
            assert "还不知道" in told
            assert on_duty.pushed() == []
            assert "宝石社区的邻里坊" in await reply_to(await li.follow())
            assert "已经通知社区值班人员" in await says(zhang, "1")
            assert on_duty.pushed() == ["work.alarm_at"]

    async def test_the_menu_follows_whom_the_account_serves(
        self, store_url: str, tmp_path: Path, serves: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.channels.wechat.channel.LOOK", 0.05)
        async with wechat_house(store_url, tmp_path, *serves) as [house]:

            def leads_elsewhere() -> list[bool]:
                told = house.account.menu
                return (
                    [any(line["name"] == "换社区" for button in told for line in button["sub_button"])] if told else []
                )

            await comes_true(lambda: leads_elsewhere() == [True])
            with transaction(house.desk.engine, None) as db:
                stop_serving(db, "baoshi")
            await comes_true(lambda: leads_elsewhere() == [False])

    async def test_a_poster_chooses(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        assert "活动" in await reply_to(await zhang.scan("baoshi-events"))
        assert [v.community_id for v in house.rows(Visitor)] == [house.desk.communities["baoshi"].id]
        assert "红梅邻里餐厅" in await reply_to(await zhang.scan("hongmei-place-canteen"))


# ---- the same person elsewhere, and who may see what


@both_stores
async def test_a_report_begun_on_wechat_is_ended_on_the_web(house: House) -> None:
    zhang = await house.resident()
    code = re.search(r"\b1\d\d \d{3} \d{3}\b", await says(zhang, "绑定其他渠道"))
    assert code
    async with Web(house) as page:
        await page.says("你好")
        assert "绑定好了" in await page.says(code[0], "是")
        assert "照片" in await says(zhang, "3幢楼道的灯坏了")
        assert "提交" in await page.says("跳过", "跳过")
        assert "收到" in await page.says("可以")
        assert "1 号 照明" in await page.says("我的报修")
    assert "1 号 照明" in await says(zhang, "我的报修")
    (ticket,) = house.rows(Ticket)
    assert ticket.resident_id == house.who(zhang).id


@both_stores
async def test_a_photo_is_shown_to_whom_it_concerns(house: House) -> None:
    zhang, li = await house.resident(), await house.resident("小李", "5幢1单元301")
    await says(zhang, "3幢楼道的灯坏了，漆黑一片")
    await reply_to(await zhang.image(picture("red")))
    await says(zhang, "跳过", "跳过", "可以")
    wang = await house.resident("社工小王", "8幢1单元101", Role.WORKER)
    away = await house.resident("宝石社工", role=Role.RESIDENT)
    for phone in (li, away, wang):
        fields = {"Content": "1 号", "bizmsgmenuid": "/work.ticket ticket=1"}
        await reply_to(house.fake.courier.carry(house.account, phone.me, "text", dict(fields)))
    shown = await wang.sees(how="custom")
    assert (shown.kind, bool(shown.picture)) == ("image", True)
    for phone in (li, away):
        assert not [s for s in phone.screen if s.how == "custom" or "漆黑" in s.text]


# ---- what one community offered does nothing in another


class TestOldLines:
    @pytest.fixture
    def serves(self) -> tuple[str, ...]:
        return ("hongmei", "baoshi")

    async def reports(self, phone: Phone, community: str, what: str) -> None:
        await says(phone, community, "登记住址", "3幢2单元502", what, "跳过", "跳过", "可以")

    @both_stores
    async def test_an_old_line_of_another_community_changes_nothing_here(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        await self.reports(zhang, "红梅社区", "3幢楼道的灯坏了")
        await says(zhang, "我的报修")
        [old] = [line for line in zhang.last.links if "1 号" in line]
        await self.reports(zhang, "宝石社区", "5幢的下水道堵了")
        told = await reply_to(await zhang.tap_menu(old))
        assert told == "那是红梅社区的消息，在这里办不了。要到红梅社区去办，请回复“红梅社区”。"
        await says(zhang, "红梅社区")
        assert "灯坏了" in await reply_to(await zhang.tap_menu(old))

    async def test_a_number_is_of_the_newest_menu_of_where_they_are(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        await self.reports(zhang, "红梅社区", "3幢楼道的灯坏了")
        await says(zhang, "宝石社区", "红梅社区", "我的报修", "宝石社区")
        told = await says(zhang, "1")
        assert "1 号" not in told
        assert await says(zhang, "取消", "报事报修") == told

    @both_stores
    async def test_a_line_of_a_community_switched_off_is_an_old_one(self, house: House) -> None:
        zhang = house.fake.phone("小张")
        await zhang.follow()
        await self.reports(zhang, "红梅社区", "3幢楼道的灯坏了")
        await self.reports(zhang, "宝石社区", "5幢的下水道堵了")
        gone = max(c.id for c in house.desk.communities.all()) + 1
        menu = {"Content": "1 号", "bizmsgmenuid": f"{gone}~/repair.show ticket=1"}
        assert "下水道" not in await reply_to(house.fake.courier.carry(house.account, zhang.me, "text", dict(menu)))
        menu["bizmsgmenuid"] = f"{house.desk.communities['baoshi'].id}~/repair.show ticket=1"
        assert "下水道" in await reply_to(house.fake.courier.carry(house.account, zhang.me, "text", dict(menu)))
