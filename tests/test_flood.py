"""Somebody who sends too fast is told once and slowed; nobody else notices."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar

from bot.app import application
from bot.channels.flood import A_MINUTE, LONGEST_QUEUE, PACE, REMEMBERED, Flood, Verdict
from bot.conversation.message import Address
from bot.conversation.texts import texts
from bot.settings import Settings

ZHANG, LI = Address("web", "hongmei", "zhang"), Address("web", "hongmei", "li")
FREE = Verdict()
FIRE = "着火了"


def test_thirty_in_a_minute_are_free() -> None:
    flood = Flood()
    assert A_MINUTE == 30
    assert [flood.judge(ZHANG, 0) for _ in range(30)] == [FREE] * 30
    assert flood.judge(ZHANG, 0) != FREE


def test_one_every_two_seconds_is_free_for_ever() -> None:
    flood = Flood()
    for _ in range(30):
        flood.judge(ZHANG, 0)
    assert all(flood.judge(ZHANG, 2.0 * n) == FREE for n in range(1, 500))


def test_who_is_too_fast_is_told_once_and_slowed_evenly() -> None:
    flood = Flood()
    for _ in range(30):
        flood.judge(ZHANG, 0)
    verdicts = [flood.judge(ZHANG, 0) for _ in range(5)]
    assert [v.wait for v in verdicts] == pytest.approx([2, 4, 6, 8, 10])
    assert [v.tell for v in verdicts] == [True, False, False, False, False]
    assert not any(v.refuse for v in verdicts)


def test_nobody_else_notices() -> None:
    flood = Flood()
    for _ in range(80):
        flood.judge(ZHANG, 0)
    assert flood.judge(LI, 0) == FREE
    assert flood.judge(Address("web", "baoshi", "zhang"), 0) == FREE


def test_the_allowance_comes_back_and_no_further() -> None:
    flood = Flood()
    for _ in range(30):
        flood.judge(ZHANG, 0)
    assert [flood.judge(ZHANG, 20).wait for _ in range(11)] == pytest.approx([0] * 10 + [2])
    flood.judge(LI, 0)
    assert [flood.judge(LI, 10_000).wait for _ in range(31)] == pytest.approx([0] * 30 + [2])


def test_who_has_been_quiet_for_a_while_is_told_again() -> None:
    flood = Flood()
    for _ in range(31):
        flood.judge(ZHANG, 0)
    assert not flood.judge(ZHANG, 0).tell
    assert not flood.judge(ZHANG, 3).tell
    at = 3 + 40
    told = [flood.judge(ZHANG, at).tell for _ in range(40)]
    assert told.count(True) == 1


def test_who_is_far_behind_is_refused_and_nothing_is_counted() -> None:
    flood = Flood()
    for _ in range(60):
        assert not flood.judge(ZHANG, 0).refuse
    refused = [flood.judge(ZHANG, 0) for _ in range(50)]
    assert all(v.refuse and v.wait > LONGEST_QUEUE for v in refused)
    assert {v.wait for v in refused} == {62}  # as long for the last as for the first
    assert not flood.judge(ZHANG, 2).refuse  # one place has come free
    assert flood.judge(ZHANG, 2).refuse


def test_the_wait_that_was_told_is_long_enough() -> None:
    flood = Flood()
    for _ in range(60):
        flood.judge(ZHANG, 0)
    wait = flood.judge(ZHANG, 0).wait
    assert not flood.judge(ZHANG, wait).refuse


def test_only_so_many_addresses_are_remembered() -> None:
    flood = Flood()
    for _ in range(40):
        flood.judge(ZHANG, 0)
    for n in range(REMEMBERED - 1):
        flood.judge(Address("web", "hongmei", str(n)), 0)
    assert flood.judge(ZHANG, 0).wait > 0  # still known
    flood.judge(LI, 0)
    flood.judge(Address("web", "hongmei", "newest"), 0)
    assert len(flood._allowances) == REMEMBERED
    assert (ZHANG, False) in flood._allowances  # who wrote last is forgotten last
    assert PACE * 60 == A_MINUTE


def test_who_has_talked_too_fast_is_heard_with_a_danger() -> None:
    flood = Flood()
    for _ in range(80):
        flood.judge(ZHANG, 0, "你好")
    assert flood.judge(ZHANG, 0, "你好").refuse
    assert flood.judge(ZHANG, 0, FIRE) == FREE
    assert flood.judge(ZHANG, 0, "你好").refuse


def test_dangers_without_end_are_a_flood_too() -> None:
    flood = Flood()
    assert [flood.judge(ZHANG, 0, FIRE) for _ in range(30)] == [FREE] * 30
    assert flood.judge(ZHANG, 0, FIRE).tell
    assert flood.judge(ZHANG, 0, "你好") == FREE


# on the wire


@pytest.fixture
async def server(store_url: str, tmp_path: Path, aiohttp_server: Any) -> Any:
    return await aiohttp_server(application(Settings(database_url=store_url, media_dir=tmp_path)))


@pytest.fixture
async def come(server: Any, aiohttp_client: Any) -> Any:
    async def open_browser() -> Any:
        return await aiohttp_client(server, cookie_jar=CookieJar(unsafe=True))

    return open_browser


async def say(browser: Any, number: int, text: str = "再见") -> Any:
    return await browser.post("/api/chat/hongmei/messages", json={"id": str(number), "text": text})


@pytest.mark.parametrize(("language", "text"), [("zh", "再见"), ("en", "help")])
async def test_the_thirty_first_is_told_in_the_residents_language(come: Any, language: str, text: str) -> None:
    """English replies are not all in ASCII: the language is the resident's, not a guess from the reply."""
    browser = await come()
    await browser.post("/api/chat/hongmei/language", json={"language": language})  # the first of thirty
    answers = [await say(browser, n, text) for n in range(29)]
    started = asyncio.get_running_loop().time()
    slowed = await (await say(browser, 30, text)).json()
    assert asyncio.get_running_loop().time() - started > 1
    told = texts(language)("talk.slow_down")
    assert slowed["replies"][0]["text"] == told
    assert len(slowed["replies"]) > 1
    assert not slowed["replies"][1]["text"].isascii()
    for answer in answers:
        assert told not in [reply["text"] for reply in (await answer.json())["replies"]]


async def test_the_far_too_fast_are_refused_and_others_are_answered(come: Any) -> None:
    browser, other = await come(), await come()
    await say(browser, 0)
    waiting = [asyncio.create_task(say(browser, n)) for n in range(1, 75)]
    done: list[Any] = []
    async with asyncio.timeout(20):
        while len(done) < 29 + 15:  # twenty-nine are free, thirty wait, the rest are refused
            finished, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done += [task.result() for task in finished]
            waiting = [task for task in waiting if task not in finished]
    refused = [response for response in done if response.status == 429]
    assert 14 <= len(refused) <= 15
    assert all(55 <= int(response.headers["Retry-After"]) <= 64 for response in refused)
    assert (await say(other, 0)).status == 200  # at once, while thirty wait
    assert len(waiting) >= 25
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_who_is_refused_is_answered_at_once_with_a_danger(come: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.flood.PACE", 0.01)  # the thirty-first would have to wait longer than anybody may
    browser = await come()
    for number in range(30):
        assert (await say(browser, number)).status == 200
    assert (await say(browser, 30)).status == 429
    answer = await say(browser, 31, FIRE)
    assert answer.status == 200
    assert "119" in (await answer.json())["replies"][0]["text"]
