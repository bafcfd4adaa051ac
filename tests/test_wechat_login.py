"""The web chat opened within WeChat knows who opens it, and nobody is made somebody else by it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from bot.app import DESK, application
from bot.channels.flood import A_MINUTE
from bot.channels.guest import COOKIE as GUEST
from models.joining import accounts_of, part
from models.resident import Account, Resident, Role
from models.store import transaction
from models.ticket import Ticket
from models.wechat_follower import WechatFollower
from tests.conftest import both_stores
from tests.fakes.wechat_browser import AGENT, TENCENT, Page
from tests.fakes.wechat_faults import Kind
from tests.fakes.wechat_phone import Phone
from tests.ports import free_port
from tests.wechat_house import APPID, House, says, settings_for, wechat

pytestmark = both_stores
ENTER, ENTERED, TRADE = f"/wechat/{APPID}/enter", f"/wechat/{APPID}/entered", "sns/oauth2/access_token"
COOKIE = "linlifang_entering"
Opened = Callable[..., AbstractAsyncContextManager[House]]


class Web:
    """The web chat in the browser of somebody's WeChat."""

    def __init__(self, house: House, phone: Phone) -> None:
        self.house, self.browser, self.count = house, phone.browser, 0

    async def opens(self, path: str = f"{ENTER}?to=hongmei") -> Page:
        return await self.browser.open(self.house.url + path)

    async def enters(self) -> Page:
        page = await self.opens()
        assert (page.url, page.status) == (f"{self.house.url}/c/hongmei", 200)
        return page

    async def writes(self, *lines: str) -> str:
        """Several lines one after another; what the page answers to the last."""
        for line in lines:
            self.count += 1
            body = {"id": f"m{id(self)}-{self.count}", "text": line}
            async with self.browser.session.post(f"{self.house.url}/api/chat/hongmei/messages", json=body) as answer:
                assert answer.status == 200, await answer.text()
                replies = (await answer.json())["replies"]
        return "\n".join(reply["text"] for reply in replies)

    async def reads(self) -> str:
        """All that has been said, as the page shows it when it is opened."""
        async with self.browser.session.get(f"{self.house.url}/api/chat/hongmei/history") as answer:
            items = (await answer.json())["items"]
        return "\n".join(item["text"] for item in items)

    async def hops(self, url: str, agent: str = AGENT) -> aiohttp.ClientResponse:
        """One step, followed by no other."""
        async with self.browser.session.get(url, headers={"User-Agent": agent}, allow_redirects=False) as answer:
            return answer

    def cookies(self) -> dict[str, str]:
        """Those that say who the browser is."""
        return {c.key: c.value for c in self.browser.session.cookie_jar if c.key.startswith(GUEST)}

    def plants(self, cookies: dict[str, str]) -> None:
        self.browser.session.cookie_jar.update_cookies(cookies, URL(self.house.url))

    def traded(self) -> int:
        return sum(call.path == TRADE for call in self.house.fake.calls)


@pytest.fixture
def opened(store_url: str, tmp_path: Path) -> Opened:
    """A process of ours at an address that WeChat knows."""

    @asynccontextmanager
    async def serve(*serves: str, kind: str = "service") -> AsyncIterator[House]:
        async with wechat(kind) as fake:
            port = free_port()
            host = f"127.0.0.1:{port}"
            settings = settings_for(store_url, tmp_path, fake, serves or ("hongmei",), kind)
            app = application(settings.model_copy(update={"public_url": f"http://{host}"}), clock=False)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            account = fake.accounts[APPID]
            account.server_url, account.oauth_domain = f"http://{host}/wechat/{APPID}", host
            try:
                yield House(app[DESK], f"http://{host}", fake, account)
            finally:
                await runner.cleanup()

    return serve


@pytest.fixture
async def house(opened: Opened) -> AsyncIterator[House]:
    async with opened() as house:
        yield house


def people(house: House) -> dict[str, list[str]]:
    """Who there is, by origin, and the channels on which each is reached."""
    accounts = house.rows(Account)
    return {
        r.origin.partition(":")[0]: sorted(a.channel for a in accounts if a.resident_id == r.id)
        for r in house.rows(Resident)
    }


# the way there and back


async def test_a_report_begun_on_wechat_is_ended_on_its_page(house: House) -> None:
    zhang = await house.resident()
    page = Web(house, zhang)
    await says(zhang, "我要报修", "3幢楼道的灯坏了好几天", "跳过")
    await page.enters()
    assert "3幢楼道的灯坏了好几天" in await page.reads()
    assert "工单" in await page.writes("13800000000", "可以")
    [ticket] = house.rows(Ticket)
    assert ticket.resident_id == house.who(zhang).id
    assert str(ticket.number) in await says(zhang, "我的报修")


async def test_the_way_leads_through_wechat_and_says_nothing_else(house: House) -> None:
    zhang = await house.neighbour()
    page = Web(house, zhang)
    first, second, third, last = (await page.enters()).hops
    assert (first, last) == (f"{house.url}{ENTER}?to=hongmei", f"{house.url}/c/hongmei")
    asked = re.fullmatch(
        rf"{house.fake.url}/connect/oauth2/authorize\?appid={APPID}"
        r"&redirect_uri=(http%3A%2F%2F[^&]*)&response_type=code&scope=snsapi_base&state=([0-9a-f]{32})#wechat_redirect",
        second,
    )
    assert asked, second
    given = parse_qs(urlsplit(third).query)
    assert third.startswith(f"{house.url}{ENTERED}?to=hongmei&code=")
    assert given["state"] == [asked[2]]
    assert page.traded() == 1
    assert COOKIE not in {cookie.key for cookie in page.browser.session.cookie_jar}


async def test_the_state_is_a_cookie_for_this_errand_alone(house: House) -> None:
    page = Web(house, await house.neighbour())
    answer = await page.hops(f"{house.url}{ENTER}?to=hongmei")
    assert answer.headers["Location"].startswith(f"{TENCENT}/connect/oauth2/authorize?")
    assert answer.headers["Cache-Control"] == "no-store"
    cookie = answer.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", f"/wechat/{APPID}")
    assert 0 < int(cookie["max-age"]) <= 600
    assert f"state={cookie.value}#" in answer.headers["Location"]


async def test_links_and_the_menu_lead_through_the_login(house: House) -> None:
    zhang = await house.resident()
    await says(zhang, "导出我的信息")
    [entrance] = {url for shown in zhang.screen for url in shown.links.values() if url.startswith(house.url)}
    assert entrance == f"{house.url}{ENTER}?to=hongmei"
    while not house.account.menu:  # it is told as soon as there is a token
        await asyncio.sleep(0.02)
    [view] = [line for button in house.account.menu for line in button["sub_button"] if line["type"] == "view"]
    assert view["url"] == entrance


# whom the browser is taken for


async def test_who_never_wrote_to_the_account_is_entered_as_a_guest(house: House) -> None:
    li = house.fake.phone("小李")
    li.meet(house.account)
    page = Web(house, li)
    await page.enters()
    await page.enters()
    living = [r for r in house.rows(Resident) if r.erased_at is None]
    assert [(r.role, r.origin.partition(":")[0]) for r in living] == [(Role.GUEST, "wechat")]
    assert people(house)["wechat"] == ["web", "wechat"]


async def test_what_a_guest_did_in_the_browser_comes_along(house: House) -> None:
    zhang = await house.resident()
    page = Web(house, zhang)
    await page.opens("/c/hongmei")
    assert "3幢2单元502室" not in await page.writes("我的")
    assert len(people(house)) == 2
    await page.enters()
    assert people(house)["wechat"] == ["web", "wechat"]
    assert "3幢2单元502室" in await page.writes("我的")
    assert (await page.reads()).count("我的") >= 2


async def test_the_news_goes_on_coming_in_wechat(house: House) -> None:
    zhang = await house.resident()
    while not house.rows(WechatFollower):  # that they follow is written down a moment after
        await asyncio.sleep(0.02)
    page = Web(house, zhang)
    await page.enters()
    await page.writes("菜单")
    with transaction(house.desk.engine, house.desk.communities["hongmei"].id) as db:
        assert [a.channel for a in accounts_of(db, house.who(zhang))] == ["wechat", "web"]


async def test_somebody_the_office_knows_better_stays_who_they_are(house: House) -> None:
    zhang = await house.neighbour()
    page = Web(house, zhang)
    await page.writes("登记住址", "3幢2单元502")
    await page.enters()
    assert people(house) == {"wechat": ["wechat"], "web": ["web"]}
    assert "3幢2单元502室" in await page.writes("我的")
    assert house.who(zhang).role is Role.GUEST


async def test_a_talk_that_is_not_ended_comes_first(house: House) -> None:
    zhang = await house.resident()
    page = Web(house, zhang)
    asked = await page.writes("登记住址")
    await page.enters()
    assert people(house) == {"wechat": ["wechat"], "web": ["web"]}
    assert await page.writes("不知道") != asked
    await page.writes("取消")
    await page.enters()
    assert people(house)["wechat"] == ["web", "wechat"]


async def test_a_shared_phone_changes_hands(house: House) -> None:
    zhang, li = await house.resident(), await house.resident("小李", "5幢1单元301")
    page = Web(house, zhang)
    await page.enters()
    await page.writes("菜单")
    page.browser.name = "小李"
    await page.enters()
    assert "5幢1单元301室" in await page.writes("我的")
    assert "3幢2单元502室" not in await page.reads()
    assert "3幢2单元502室" in await says(zhang, "我的")
    page.browser.name = "小张"
    await page.enters()
    assert "3幢2单元502室" in await page.writes("我的")
    assert house.who(li).role is Role.RESIDENT


async def test_a_browser_with_a_history_of_its_own_changes_hands(house: House) -> None:
    """Its first owner is known by it: joined by a code, then parted, that name is free again."""
    zhang, li = await house.neighbour(), await house.resident("小李", "5幢1单元301")
    page = Web(house, zhang)
    await page.writes("登记住址", "3幢2单元502")
    code = re.search(r"1\d\d \d{3} \d{3}", await page.writes("绑定其他渠道"))
    assert code
    await says(zhang, code[0], "是")
    await page.enters()
    assert people(house)["web"] == ["web", "wechat"]
    page.browser.name = "小李"
    await page.enters()
    assert "5幢1单元301室" in await page.writes("我的")
    assert "3幢2单元502室" in await says(zhang, "我的")
    with transaction(house.desk.engine, house.desk.communities["hongmei"].id) as db:
        mine = db.get_one(Resident, house.who(li).id)
        part(db, mine, next(a for a in accounts_of(db, mine) if a.channel == "web"))
    assert "5幢1单元301室" not in await page.writes("我的")


# who must not get in


async def test_a_cookie_planted_before_the_login_opens_nothing_after_it(house: House) -> None:
    """Its value is known to whoever had the phone before, or keeps a page on a sister domain."""
    hers, his = Web(house, await house.resident()), Web(house, await house.neighbour("小李"))
    for page in (hers, his):
        page.plants({GUEST: "A" * 32})
    await hers.writes("菜单")
    await hers.enters()
    assert "3幢2单元502室" in await hers.writes("我的")
    assert "3幢2单元502室" not in await his.writes("我的") + await his.reads()
    assert "3幢2单元502室" in await hers.writes("我的")


async def test_a_cookie_copied_from_its_last_owner_is_not_the_next_owners(house: House) -> None:
    await house.resident()
    page, copy = Web(house, await house.resident("小李", "5幢1单元301")), Web(house, await house.neighbour("第三台"))
    await page.enters()
    copy.plants(page.cookies())
    assert "5幢1单元301室" in await copy.writes("我的")
    page.browser.name = "小张"
    await page.enters()
    assert "3幢2单元502室" in await page.writes("我的")
    assert "3幢2单元502室" not in await copy.writes("我的")


async def test_a_browser_recognised_again_keeps_its_cookie(house: House) -> None:
    page = Web(house, await house.resident())
    await page.enters()
    before = page.cookies()
    await page.enters()
    assert page.cookies() == before
    assert sorted(before) == [f"{GUEST}-hongmei"]


async def test_a_state_that_is_not_the_browsers_makes_nobody_anybody(house: House) -> None:
    zhang = await house.resident()
    thief = Web(house, await house.neighbour("小李"))
    code = house.fake.codes["hers"] = (APPID, zhang.openid, house.fake.now())
    assert code
    entered = f"{ENTERED}?to=hongmei&code=hers&state="
    for state in ("", "a" * 32, "é"):
        page = await thief.opens(entered + state)
        assert page.hops[1:] == (f"{house.url}/c/hongmei",)
    begun = await thief.hops(f"{house.url}{ENTER}?to=hongmei")
    assert (await thief.opens(entered + "0" * 32)).status == 200
    assert (await thief.opens(entered + begun.cookies[COOKIE].value)).status == 200
    assert thief.traded() == 0
    assert "3幢2单元502室" not in await thief.writes("我的")


async def test_an_address_opened_again_is_worth_nothing(house: House) -> None:
    zhang = await house.resident()
    hers, his = Web(house, zhang), Web(house, await house.neighbour("小李"))
    used = (await hers.enters()).hops[2].removeprefix(house.url)
    assert (await hers.opens(used)).hops[1:] == (f"{house.url}/c/hongmei",)
    assert hers.traded() == 1
    begun = await his.hops(f"{house.url}{ENTER}?to=hongmei")
    await his.opens(re.sub(r"state=\w+", f"state={begun.cookies[COOKIE].value}", used))
    assert his.traded() == 2
    assert "3幢2单元502室" not in await his.writes("我的")
    assert house.fake.refusals[-1][1].errcode == 40163


async def test_a_browser_asks_wechat_no_oftener_than_anybody_writes(house: House) -> None:
    page = Web(house, await house.resident())
    for _ in range(A_MINUTE + 10):
        begun = await page.hops(f"{house.url}{ENTER}?to=hongmei")
        state = begun.cookies[COOKIE].value
        back = await page.hops(f"{house.url}{ENTERED}?to=hongmei&code=junk&state={state}")
        assert (back.status, back.headers["Location"]) == (302, "/c/hongmei")
    assert A_MINUTE <= page.traded() < A_MINUTE + 10
    other = Web(house, await house.resident("小李", "5幢1单元301"))
    await other.enters()
    assert "5幢1单元301室" in await other.writes("我的")


async def test_nobody_is_led_elsewhere(house: House) -> None:
    page = Web(house, await house.neighbour())
    for to in (
        "",
        "//evil.example",
        "https://evil.example",
        "nowhere",
        "hongmei/..",
        "hongmei%0d%0aX:y",
        "@evil.example",
    ):
        for path in (ENTER, ENTERED):
            answer = await page.hops(f"{house.url}{path}?to={to}&code=a&state=b")
            assert (answer.status, answer.headers.get("Location")) == (404, None), to
    answer = await page.hops(f"{house.url}{ENTER}?to=hongmei&redirect_uri=https://evil.example&state=x")
    assert "evil" not in answer.headers["Location"]


# where there is no login


async def test_another_browser_and_another_community_go_straight_in(house: House) -> None:
    page = Web(house, await house.neighbour())
    straight = await page.hops(f"{house.url}{ENTER}?to=hongmei", agent="Mozilla/5.0 Firefox/140")
    assert (straight.status, straight.headers["Location"]) == (302, "/c/hongmei")
    elsewhere = await page.hops(f"{house.url}{ENTER}?to=baoshi")
    assert (elsewhere.status, elsewhere.headers["Location"]) == (302, "/c/baoshi")
    state = (await page.hops(f"{house.url}{ENTER}?to=hongmei")).cookies[COOKIE].value
    back = await page.hops(f"{house.url}{ENTERED}?to=baoshi&code=any&state={state}")
    assert (back.status, back.headers["Location"], page.traded()) == (302, "/c/baoshi", 0)


async def test_an_account_without_the_right_offers_no_login(opened: Opened) -> None:
    async with opened(kind="subscription") as house:
        zhang = await house.resident()
        await says(zhang, "导出我的信息")
        links = {url for shown in zhang.screen for url in shown.links.values() if url.startswith(house.url)}
        assert links == {f"{house.url}/c/hongmei"}
        page = Web(house, zhang)
        assert (await page.enters()).hops[1:] == (f"{house.url}/c/hongmei",)
        assert page.traded() == 0


@pytest.mark.parametrize("trouble", [40029, 40164, -1, "cut"])
async def test_the_chat_opens_though_wechat_does_not_say_who_it_is(house: House, trouble: int | Kind) -> None:
    page = Web(house, await house.resident())
    house.fake.fail(TRADE, trouble)
    await page.enters()
    assert "3幢2单元502室" not in await page.writes("我的")
    await page.enters()
    assert "3幢2单元502室" in await page.writes("我的")


async def test_one_account_for_several_communities_knows_people_in_each(opened: Opened) -> None:
    async with opened("hongmei", "baoshi") as house:
        zhang = await house.neighbour()
        await says(zhang, "红梅社区", "登记住址", "3幢2单元502")
        page = Web(house, zhang)
        await page.enters()
        assert "3幢2单元502室" in await page.writes("我的")
        assert (await page.opens(f"{ENTER}?to=baoshi")).url == f"{house.url}/c/baoshi"
        slugs = {a.account for a in house.rows(Account) if a.channel == "wechat"}
        assert slugs == {"hongmei", "baoshi"}
