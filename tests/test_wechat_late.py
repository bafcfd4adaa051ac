"""Letters that are late are answered whenever that can be, each for itself, and given up when nobody waits any more."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlmodel import select

from bot.channels.wechat.accounts import Account
from bot.channels.wechat.late import LEASE, PATIENCE, Late
from bot.channels.wechat.letter import Letter
from bot.conversation.desk import Desk
from models.store import reading, transaction
from models.wechat_account import Kind, enter_account
from models.wechat_late import BROUGHT, WechatLate, keep_late
from tests.conftest import Clock, both_stores

pytestmark = both_stores
APPID = "wx0123456789abcdef"
NONE = SecretStr("")
ACCOUNT = Account(APPID, "", Kind.SERVICE, ("hongmei",), NONE, NONE, NONE, False, "gcj02")
WORDS = "我家住3幢2单元502"


@pytest.fixture
def late(desk: Desk) -> Late:
    with transaction(desk.engine, None) as db:
        enter_account(db, APPID)
    return Late(desk, ACCOUNT)


@pytest.fixture
def write(late: Late, clock: Clock) -> Callable[[int], Letter]:
    def letter(number: int) -> Letter:
        return Letter("gh_1", "zhang", clock(), "text", str(number), WORDS)

    return letter


def kept(desk: Desk) -> set[str]:
    with reading(desk.engine, None) as db:
        return {late.identity for late in db.exec(select(WechatLate)) if late.letter}


class Reader:
    """Whoever answers; some letters it cannot, for as long as they are ill."""

    def __init__(self, late: Late, *ill: str) -> None:
        self.late, self.ill, self.tried = late, set(ill), Counter[str]()
        self.answered, self.doubted = list[str](), list[str]()

    async def __call__(self, letter: Letter, doubtful: bool) -> None:
        self.tried[letter.identity] += 1
        if letter.identity in self.ill:
            raise ValueError(letter.content)
        await self.late.done(letter)
        (self.doubted if doubtful else self.answered).append(letter.identity)


async def test_a_letter_that_fails_holds_up_none_behind_it(
    late: Late, write: Callable[[int], Letter], desk: Desk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1, 5):
        await late.keep(write(number))
        clock.passes(seconds=1)
    reader = Reader(late, "1", "3")
    await late.catch_up(reader)
    assert not reader.tried, "they are being answered still"
    clock.passes(minutes=1)
    await late.catch_up(reader)
    assert reader.answered == ["2", "4"]
    assert kept(desk) == {"1", "3"}
    assert "ValueError" in caplog.text
    assert WORDS not in caplog.text
    reader.ill.clear()
    clock.passes(minutes=3)
    await late.catch_up(reader)
    assert (sorted(reader.answered), kept(desk)) == (["1", "2", "3", "4"], set())


async def test_what_fails_is_tried_ever_more_seldom_and_given_up_after_a_day(
    late: Late, write: Callable[[int], Letter], desk: Desk, clock: Clock
) -> None:
    await late.keep(write(1))
    reader, tried, begun = Reader(late, "1"), list[timedelta](), clock.now
    while kept(desk):
        clock.passes(minutes=1)
        await late.catch_up(reader)
        if reader.tried["1"] > len(tried):
            tried.append(clock.now - begun)
    assert tried == [timedelta(minutes=2**n) for n in range(12)]
    assert PATIENCE < tried[-1] < 2 * PATIENCE


async def test_a_letter_found_after_a_week_is_still_tried_once(
    late: Late, write: Callable[[int], Letter], desk: Desk, clock: Clock
) -> None:
    await late.keep(write(1))
    await late.keep(write(2))
    clock.passes(days=7)
    reader = Reader(late, "2")
    await late.catch_up(reader)
    assert (reader.answered, dict(reader.tried), kept(desk)) == (["1"], {"1": 1, "2": 1}, set())


async def test_a_letter_nobody_can_read_any_more_is_given_up(
    late: Late, write: Callable[[int], Letter], desk: Desk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with transaction(desk.engine, None, clock()) as db:
        keep_late(db, APPID, "0", {"content": WORDS}, clock())
    await late.keep(write(1))
    clock.now += LEASE
    reader = Reader(late)
    await late.catch_up(reader)
    assert (reader.answered, kept(desk)) == (["1"], set())
    assert "cannot be read" in caplog.text
    assert WORDS not in caplog.text


async def test_an_answer_sets_out_once_and_is_doubted_after_that(
    late: Late, write: Callable[[int], Letter], desk: Desk, clock: Clock
) -> None:
    letter, other = write(1), Late(desk, ACCOUNT)
    assert not await late.begin(letter), "it is not late"
    await late.keep(letter)
    assert await other.has(letter)
    assert [await late.begin(letter), await other.begin(letter)] == [True, False]
    clock.now += LEASE
    reader = Reader(other)
    await other.catch_up(reader)
    assert (reader.answered, reader.doubted, kept(desk)) == ([], ["1"], set())


async def test_an_answered_letter_is_known_as_long_as_wechat_may_bring_it_and_then_forgotten(
    late: Late, write: Callable[[int], Letter], desk: Desk, clock: Clock
) -> None:
    letter = write(1)
    await late.keep(letter)
    await late.done(letter)
    reader = Reader(late)
    clock.passes(seconds=20)
    await late.catch_up(reader)
    assert await late.has(letter)
    clock.now += BROUGHT
    await late.catch_up(reader)
    assert not await late.has(letter)
    assert not reader.tried


async def test_nothing_is_kept_once_wechat_has_hung_up(late: Late, write: Callable[[int], Letter], desk: Desk) -> None:
    assert not await late.keep(write(1), until=time.monotonic() - 0.1)
    assert not await late.has(write(1))
    assert await late.keep(write(1), until=time.monotonic() + 60)
    assert kept(desk) == {"1"}
