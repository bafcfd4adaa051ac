"""A resident on a phone, in a real browser: reports a fault with a photo, votes, signs up and is reminded on the page."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image
from playwright.async_api import Browser, Page, expect
from sqlmodel import select

from bot.app import DESK, application
from bot.settings import Settings
from models.ballot import Ballot
from models.event import Event
from models.signup import SignUp
from models.store import reading
from models.ticket import Ticket
from tests.chromium import NEEDED, chromium
from tests.ports import free_port

REMINDED = "提醒您："
PHONE, DESK_WIDTH, SMALLEST = (390, 844), (1280, 800), (320, 640)

pytestmark = NEEDED


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def house(store_url: str, tmp_path: Path, port: int) -> AsyncIterator[web.Application]:
    """The whole program, clock included, on loopback."""
    app = application(Settings(database_url=store_url, media_dir=tmp_path / "media", port=port))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield app
    await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def page(house: web.Application, browser: Browser, port: int) -> AsyncIterator[Page]:
    """A phone at the door of 红梅社区, by day: the talk must not depend on the hour the test runs at."""
    context = await browser.new_context(
        viewport={"width": PHONE[0], "height": PHONE[1]}, base_url=f"http://127.0.0.1:{port}", locale="zh-CN"
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    yield page
    assert complaints == []
    await context.close()


async def says(page: Page, text: str, answer: str) -> None:
    await page.locator("#words").fill(text)
    await page.locator("#words").press("Enter")
    await expect(page.locator("#log")).to_contain_text(answer, timeout=10_000)


async def taps(page: Page, label: str, answer: str) -> None:
    await page.get_by_role("button", name=label, exact=True).last.click()
    await expect(page.locator("#log")).to_contain_text(answer, timeout=10_000)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1200, 900), "#558866").save(out, "PNG")
    return out.getvalue()


def rows(house: web.Application, table: type) -> list:
    with reading(house[DESK].engine, None) as db:
        return list(db.exec(select(table)))


async def test_a_resident_lives_in_the_neighbourhood(page: Page, house: web.Application) -> None:
    await page.goto("/")
    await page.get_by_role("link", name="红梅社区").first.click()
    await expect(page.locator("#log")).to_contain_text("这里是红梅社区的邻里坊", timeout=10_000)
    await report_a_fault(page, house)
    await vote(page, house)
    await sign_up(page, house)
    await be_reminded(page, house)
    await page.reload()
    await expect(page.locator("#log")).to_contain_text("工单 1 号")
    await expect(page.locator("#log")).to_contain_text(REMINDED)


async def report_a_fault(page: Page, house: web.Application) -> None:
    await says(page, "5幢楼道的灯坏了，已经三天了", "您住几幢几单元几室")
    await says(page, "5幢1单元301", "发张照片")
    async with page.expect_file_chooser() as chooser:
        await page.locator("#photo").click()
    await (await chooser.value).set_files({"name": "lamp.png", "mimeType": "image/png", "buffer": picture()})
    await expect(page.locator("#log")).to_contain_text("还有照片就接着发", timeout=15_000)
    await taps(page, "跳过", "留个电话")
    await says(page, "13800000000", "这样提交可以吗")
    await taps(page, "提交", "工单 1 号")
    (ticket,) = rows(house, Ticket)
    assert ticket.category == "lighting"
    assert len(ticket.photos) == 1


async def vote(page: Page, house: web.Application) -> None:
    await says(page, "投票", "哪一个投票")
    await taps(page, "周末要不要开早餐", "截止")
    await taps(page, "只开周六", "记下了：“只开周六”")
    assert len(rows(house, Ballot)) == 1


async def sign_up(page: Page, house: web.Application) -> None:
    await says(page, "我要报名", "哪一个活动")
    await taps(page, "越剧票友下午场", "一共来几位")
    await says(page, "2", "报上了")
    (signup,) = rows(house, SignUp)
    assert signup.heads == 2


async def be_reminded(page: Page, house: web.Application) -> None:
    """Two hours before the event, the reminder comes to the open page by itself."""
    event = next(e for e in rows(house, Event) if e.id == rows(house, SignUp)[0].event_id)
    jump = event.starts_at - timedelta(hours=2) - datetime.now(UTC)
    house[DESK].now = lambda: datetime.now(UTC) + jump
    await expect(page.locator("#log")).to_contain_text(REMINDED, timeout=10_000)


@pytest.mark.parametrize("size", [SMALLEST, PHONE, DESK_WIDTH], ids=str)
@pytest.mark.parametrize("path", ["/", "/c/hongmei", "/?lang=en", "/c/hongmei?lang=en"])
async def test_no_page_scrolls_sideways(page: Page, size: tuple[int, int], path: str) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.goto(path)
    await page.wait_for_load_state("load")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
