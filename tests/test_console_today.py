"""Today: what needs somebody now, in its order, and live."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from bot.console import live
from models.audit import AuditEntry
from models.lifecycle import RUNNING, Status
from models.notice import send_notice
from models.reporting import open_ticket
from models.resident import Resident, Role
from models.store import transaction
from models.ticket import Ticket
from models.today import MOST, look_at_today
from tests.conftest import Chat, Clock, both_stores
from tests.console_house import Clerk, Come, open_house

REPORT = ("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
PATIENCE = 20  # seconds after which news that should have come has not
LARGEST = 100 * 1024  # bytes of a page


@pytest.fixture
async def come(store_url: str, tmp_path: Path, clock: Clock, aiohttp_server: Any, aiohttp_client: Any) -> Come:
    return await open_house(store_url, tmp_path / "media", clock, aiohttp_server, aiohttp_client)


@pytest.fixture
async def clerk(come: Come) -> Clerk:
    return await come("王敏")


def resident(clerk: Clerk, user: str = "zhang") -> Chat:
    return Chat(clerk.desk, user).settle_in()


def part(page: str, name: str) -> str:
    """What one part of the page says."""
    found = re.search(rf'<section class="part[^"]*" id="{name}".*?</section>', page, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0])) if found else ""


def passes(clerk: Clerk, **span: float) -> None:
    now = clerk.desk.now
    assert isinstance(now, Clock)
    now.passes(**span)


def report(who: Chat, times: int = 1, text: str = "灯坏了", **facts: Any) -> None:
    """Reports by the verb everybody uses, and what is to be otherwise about them."""
    with who.store() as db:
        for _ in range(times):
            ticket = open_ticket(db, who.me(db), "lighting", text, place="5幢")
            for name, value in facts.items():
                setattr(ticket, name, value)


# --- emergencies ------------------------------------------------------------------------------------------------------


@both_stores
async def test_an_alarm_stands_first_until_somebody_takes_it(clerk: Clerk, come: Come) -> None:
    zhang = resident(clerk)
    zhang.says(*REPORT)
    zhang.say("我家着火了")
    await clerk.see("/console")
    urgent = part(clerk.page, "urgent-list")
    assert "火情" in urgent
    assert "我家着火了" in urgent
    assert "3-2-502 的居民" in urgent
    assert 'href="tel:13812345678"' in clerk.page
    assert clerk.page.index('id="urgent-list"') < clerk.page.index('id="overdue"')
    (path,) = re.findall(r"/console/alarms/\d+/take", clerk.page)
    colleague = await come("李红")
    await colleague.see("/console")
    assert "这件由您处理" in await clerk.send(path)
    assert part(clerk.page, "urgent-list") == ""
    assert "已经有同事在处理" in await colleague.send(path)
    taken = [e for e in zhang.rows(AuditEntry) if e.act == "alarm.changed"]
    assert [(e.actor, e.channel) for e in taken] == [(clerk.who, "console")]


async def test_somebody_without_an_address_is_shown_too(clerk: Clerk) -> None:
    Chat(clerk.desk, "guest").say("有人被困在电梯里了")
    await clerk.see("/console")
    assert "还没登记住址的居民" in part(clerk.page, "urgent-list")
    assert "没有留电话" in part(clerk.page, "urgent-list")


async def test_an_urgent_report_rings_until_it_is_accepted_and_stands_until_it_is_done(clerk: Clerk) -> None:
    zhang = resident(clerk)
    report(zhang, category="gas", emergency=True)
    await clerk.see("/console")
    assert "1 号 燃气" in part(clerk.page, "urgent-list")
    async for news in stream(clerk):
        assert news["urgent"] == 1
        break
    zhang_worker = Chat(clerk.desk, "wu").settle_in(Role.WORKER)
    zhang_worker.say(tap="/work.accept ticket=1")
    await clerk.see("/console")
    assert "1 号 燃气" in part(clerk.page, "urgent-list")
    async for news in stream(clerk):
        assert news["urgent"] == 0
        break
    assert part(clerk.page, "mine") == " 等我办的工单 没有等您办的工单。 "


# --- the piles --------------------------------------------------------------------------------------------------------


@both_stores
async def test_a_report_goes_from_new_to_mine_to_overdue(clerk: Clerk) -> None:
    report(resident(clerk), due_at=clerk.desk.now() + timedelta(days=2))
    await clerk.see("/console")
    assert "1 号 照明" in part(clerk.page, "new")
    assert "还有 2 天" in part(clerk.page, "new")
    with transaction(clerk.desk.engine, clerk.desk.communities["hongmei"].id) as db:
        row = db.exec(select(Ticket)).one()
        row.status, row.worker_id = Status.ACCEPTED, clerk.who
    await clerk.see("/console")
    assert "没有新的工单" in part(clerk.page, "new")
    assert "1 号 照明" in part(clerk.page, "mine")
    passes(clerk, days=3)
    await clerk.see("/console/login")
    again = await clerk.enter(clerk.who)
    assert "超了 1 天" in part(again.page, "overdue")
    assert "没有等您办的工单" in part(again.page, "mine")


async def test_what_waits_for_the_reporter_is_mine_and_not_late(clerk: Clerk) -> None:
    stopped = {"status": Status.AWAITING_REPORTER, "worker_id": clerk.who}
    report(resident(clerk), due_at=clerk.desk.now() - timedelta(days=2), **stopped)
    await clerk.see("/console")
    assert "没有超期的" in part(clerk.page, "overdue")
    assert "1 号 照明 等补充情况" in part(clerk.page, "mine")


async def test_a_colleagues_report_is_not_mine(clerk: Clerk) -> None:
    zhang = resident(clerk)
    zhang.says(*REPORT)
    Chat(clerk.desk, "wu").settle_in(Role.WORKER).say(tap="/work.accept ticket=1")
    await clerk.see("/console")
    assert "没有等您办的工单" in part(clerk.page, "mine")


async def test_questions_events_votes_and_notices(clerk: Clerk) -> None:
    resident(clerk).says("月球上能种白菜吗")
    with transaction(clerk.desk.engine, clerk.desk.communities["hongmei"].id, clerk.desk.now()) as db:
        send_notice(db, db.get_one(Resident, clerk.who), "明天上午停水")
    await clerk.see("/console")
    assert "月球上能种白菜吗" in part(clerk.page, "questions")
    assert "下班拉伸课 今天 19:30" in part(clerk.page, "events")
    assert "0 / 18 人" in part(clerk.page, "events")
    assert "周末要不要开早餐" in part(clerk.page, "polls")
    assert "明天上午停水" in part(clerk.page, "notices")
    assert re.search(r"已送到 0 / [1-9]", part(clerk.page, "notices"))


async def test_what_was_told_in_confidence_is_not_read_over_a_shoulder(clerk: Clerk) -> None:
    from models.enquiry import keep_enquiry

    with transaction(clerk.desk.engine, clerk.desk.communities["hongmei"].id, clerk.desk.now()) as db:
        keep_enquiry(db, db.get_one(Resident, clerk.who), "我和我丈夫的事", "mediation")
    await clerk.see("/console")
    assert "我丈夫" not in clerk.page
    assert "调解" in part(clerk.page, "questions")


async def test_another_community_is_not_shown(come: Come) -> None:
    here, there = await come("王敏"), await come("李红", slug="baoshi")
    zhang = resident(here)
    zhang.says(*REPORT)
    zhang.say("我家着火了")
    await there.see("/console")
    assert "宝石社区" in there.page
    assert "灯坏了" not in there.page
    assert "着火" not in there.page


async def test_nothing_leads_to_a_room_that_is_not_there(clerk: Clerk) -> None:
    resident(clerk).says(*REPORT)
    await clerk.see("/console")
    for path in set(re.findall(r'href="(/console[^"#?]*)"', clerk.page)):
        assert (await clerk.client.get(path)).status == 200, path


async def test_what_somebody_wrote_is_text_and_nothing_else(clerk: Clerk) -> None:
    nasty = '<script>alert(1)</script><img src=x onerror=alert(1)>" onclick="x'
    report(resident(clerk), text=nasty, place=nasty)
    await clerk.see("/console")
    assert "&lt;script&gt;" in clerk.page
    assert "<script>alert" not in clerk.page
    assert "<img src=x" not in clerk.page


# --- a great many -----------------------------------------------------------------------------------------------------


@both_stores
async def test_a_great_many_are_told_as_many_and_the_page_stays_small(clerk: Clerk) -> None:
    zhang, due = resident(clerk), clerk.desk.now() + timedelta(days=1)
    report(zhang, 250, "很长的描述" * 200, due_at=due)
    await clerk.see("/console")
    assert "99+" in part(clerk.page, "new")
    assert "还有很多" in part(clerk.page, "new")
    assert len(clerk.page.encode()) < LARGEST
    report(zhang, 12, due_at=due, status=Status.IN_PROGRESS, worker_id=clerk.who)
    await clerk.see("/console")
    assert "还有 7 件" in part(clerk.page, "mine")


def test_the_first_of_a_pile_are_the_first_due_whatever_their_stage(chat: Chat) -> None:
    worker = Chat(chat.desk, "wang").settle_in(Role.WORKER)
    chat.settle_in()
    with worker.store() as db:
        hers = worker.me(db).id
    for n in range(60):
        stage, due = RUNNING[n % len(RUNNING)], chat.desk.now() - timedelta(hours=60 - n)
        report(chat, due_at=due, status=stage, worker_id=hers)
    with worker.store() as db:
        seen = look_at_today(db, worker.me(db))
        assert [t.number for t in seen.overdue.first] == [1, 2, 3, 4, 5]
        assert (seen.overdue.count, seen.mine.count) == (60, 0)
        assert seen.overdue.count < MOST
        with pytest.raises(PermissionError):
            look_at_today(db, chat.me(db))


async def test_the_page_asks_the_store_a_bounded_number_of_times(clerk: Clerk) -> None:
    asked: list[str] = []
    engine = clerk.desk.engine
    event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    await clerk.see("/console")
    few = len(asked)
    report(resident(clerk), 50, due_at=clerk.desk.now() + timedelta(days=1))
    asked.clear()
    await clerk.see("/console")
    assert len(asked) <= few + 2  # the rows of the pile itself
    assert few < 40


# --- live -------------------------------------------------------------------------------------------------------------


async def stream(clerk: Clerk) -> AsyncIterator[dict[str, int]]:
    """The news as a page hears them."""
    async with asyncio.timeout(PATIENCE), clerk.client.get("/console/stream") as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        async for line in response.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


@both_stores
async def test_news_come_by_themselves(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOKS", 0.05)
    zhang = resident(clerk)
    steps: list[Callable[[], object]] = [lambda: zhang.says(*REPORT), lambda: zhang.say("我家着火了")]
    heard = []
    async for news in stream(clerk):
        heard.append(news)
        if not steps:
            break
        await asyncio.to_thread(steps.pop(0))
    assert [n["urgent"] for n in heard] == [0, 0, 1]
    assert [n["seq"] for n in heard] == sorted({n["seq"] for n in heard})
    await clerk.see("/console")
    assert f'data-seq="{heard[-1]["seq"]}"' in clerk.page


async def test_news_of_another_community_do_not_come(come: Come, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOKS", 0.05)
    there = await come("李红", slug="baoshi")
    zhang, zhao = resident(there), Chat(there.desk, "zhao", "baoshi")
    heard = []
    async for news in stream(there):
        heard.append(news)
        if len(heard) == 2:
            break
        await asyncio.to_thread(zhang.say, "我家着火了")
        await asyncio.to_thread(zhao.settle_in)
    assert [n["urgent"] for n in heard] == [0, 0]


async def test_the_stream_ends_with_the_login(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOKS", 0.05)
    await clerk.see("/console/me")
    heard = []
    async for news in stream(clerk):
        heard.append(news)
        await clerk.send("/console/logout")
    assert len(heard) == 1
    assert (await clerk.client.get("/console/stream")).status == 403


async def test_a_page_that_keeps_itself_up_to_date_gets_its_part_alone(clerk: Clerk) -> None:
    clerk.headers = {"HX-Request": "true"}
    await clerk.see("/console")
    assert "<html" not in clerk.page
    assert 'class="numbers"' in clerk.page
