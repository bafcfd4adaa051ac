"""A worker at the console in a real browser, on a phone and at a desk: in by a code, and there when it burns."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from bot.app import DESK
from models.resident import Role
from tests.chromium import NEEDED, chromium
from tests.conftest import Chat, Clock
from tests.console_house import employ, number_of, served
from tests.ports import free_port

SIZES = {"phone": (390, 844), "desk": (1280, 800)}
PATIENCE = 15_000  # milliseconds
TAP = 44  # pixels
SMALL = """() => [...document.querySelectorAll("a, button, summary, input:not([type=hidden])")]
    .filter((e) => e.checkVisibility() && !e.matches(".skip") && !e.closest("p:not(.field)"))
    .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
    .filter(([, box]) => box.height < TAP || box.width < TAP)
    .map(([html]) => html)""".replace("TAP", str(TAP))
TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"

pytestmark = NEEDED


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def house(store_url: str, tmp_path: Path, clock: Clock, port: int) -> AsyncIterator[web.Application]:
    app: web.Application = served(store_url, tmp_path / "media", clock)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield app
    await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture(params=SIZES)
async def page(
    request: pytest.FixtureRequest, house: web.Application, browser: Browser, port: int
) -> AsyncIterator[Page]:
    """Nothing a page complains of is let pass: a script the policy stops complains here."""
    width, height = SIZES[request.param]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, base_url=f"http://127.0.0.1:{port}", locale="zh-CN"
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    yield page
    assert complaints == []
    await context.close()


async def is_fit_for_thumbs(page: Page) -> None:
    assert await page.evaluate(SMALL) == []
    assert not await page.evaluate(TOO_WIDE)


async def test_a_worker_is_there_when_it_burns(page: Page, house: web.Application) -> None:
    desk = house[DESK]
    wang = employ(desk, "欧阳王敏", Role.MANAGER, phone="13800001111")
    await page.goto("/console/me")
    await is_fit_for_thumbs(page)
    await page.get_by_label("姓名或手机号").fill("13800001111")
    await page.get_by_role("button", name="给我发登录码").click()
    await expect(page.get_by_role("heading")).to_have_text("输入登录码")
    await page.get_by_label("六位登录码").fill(await asyncio.to_thread(number_of, desk, wang))
    await page.get_by_role("button", name="进入工作台").click()
    await expect(page).to_have_url("/console/me")  # where she wanted to go
    await is_fit_for_thumbs(page)
    await page.get_by_role("navigation").get_by_role("link", name="今天").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("欧阳王敏，您好")
    await is_fit_for_thumbs(page)
    await it_burns(page, house)
    await page.get_by_role("button", name="我去处理").click()
    await expect(page.get_by_role("status").filter(has_text="这件由您处理")).to_be_visible()
    await expect(page.locator("#urgent-list")).to_have_count(0)
    await expect(page).to_have_title("今天 · 工作台", timeout=PATIENCE)
    await she_goes_home(page)


async def it_burns(page: Page, house: web.Application) -> None:
    """The page that is open shows it, says so in its title, and rings."""
    zhang = Chat(house[DESK], "zhang")
    await asyncio.to_thread(zhang.settle_in)
    await page.evaluate("document.body.dataset.still = 'here'")
    await asyncio.to_thread(zhang.say, "我家着火了")
    await expect(page.locator("#urgent-list")).to_contain_text("我家着火了", timeout=PATIENCE)
    await expect(page).to_have_title("(1) 今天 · 工作台")
    await expect(page.locator("#urgent")).to_have_text("1")
    assert await page.evaluate("document.body.dataset.still") == "here"  # it was not loaded anew
    assert await page.evaluate("document.body.dataset.rang") == "1"
    await is_fit_for_thumbs(page)


async def she_goes_home(page: Page) -> None:
    """Out everywhere, after being asked."""
    await page.goto("/console/me")
    await page.get_by_text("全部退出", exact=True).click()
    await page.get_by_role("button", name="是的，全部退出").click()
    await expect(page.get_by_role("status")).to_contain_text("所有地方都退出了")
    await page.goto("/console")
    await expect(page.get_by_role("heading", level=1)).to_have_text("登录工作台")


async def test_the_page_reads_large_dark_and_in_english(page: Page, house: web.Application) -> None:
    desk = house[DESK]
    long = "西湖区文新街道德加社区第三网格" * 3
    wang = employ(desk, long[:40])
    await page.goto("/console/login")
    await page.get_by_label("姓名或手机号").fill(long[:40])
    await page.get_by_role("button", name="给我发登录码").click()
    await page.get_by_label("六位登录码").fill(await asyncio.to_thread(number_of, desk, wang))
    await page.get_by_role("button", name="进入工作台").click()
    await page.get_by_role("button", name="大字显示").click()
    await page.emulate_media(color_scheme="dark")
    assert not await page.evaluate(TOO_WIDE)
    await page.get_by_role("link", name="EN, switch to English").click()
    await expect(page.get_by_role("navigation")).to_contain_text("Today")
    assert not await page.evaluate(TOO_WIDE)
    assert await page.evaluate("getComputedStyle(document.documentElement).fontSize") == "22px"
