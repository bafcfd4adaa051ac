"""However many ask, and from wherever: no more leaves than may, and what is asked for silence keeps it."""

import time
from bisect import insort
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from sqlmodel import select

from bot.channels import TryLater
from bot.channels.telegram.pacer import Pacer
from models.pace import BLOCK, HEADWAY, KEPT, NEAR, PATIENCE, RATE, Busy, Pace, halt, prune_paces, reserve
from models.store import reading, table_of, transaction
from tests.conftest import NOON, Clock, both_stores

pytestmark = both_stores
BOT = "telegram:1"
SOONEST = NOON + timedelta(seconds=HEADWAY)
STEP = timedelta(seconds=1 / RATE)
A_BIT = timedelta(microseconds=2)  # what is lost between seconds and datetimes


def ask(
    engine: Engine, *chats: str, at: datetime = NOON, bulk: bool = False, bot: str = BOT
) -> list[datetime | timedelta]:
    with transaction(engine, None, at) as db:
        return reserve(db, bot, chats, lambda: at, bulk=bulk)


def silence(engine: Engine, chat: str, seconds: float, at: datetime = NOON) -> bool:
    with transaction(engine, None, at) as db:
        return halt(db, BOT, chat, at, at + timedelta(seconds=seconds))


def waits(found: datetime | timedelta, at: datetime = NOON) -> float:
    """Seconds until it may leave, or may ask again."""
    return (found if isinstance(found, timedelta) else found - at).total_seconds()


def most_within(departures: list[datetime], seconds: float) -> int:
    span = timedelta(seconds=seconds)
    return max(sum(first <= d < first + span for d in departures) for first in departures)


asked = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["1", "2", "-3", "-4", "5", "6", "7"]), min_size=1, max_size=BLOCK),
        st.booleans(),
        st.integers(0, 900),  # milliseconds until the next one asks
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked)
def test_no_window_of_any_length_is_ever_overfull(engine: Engine, asked: list[tuple[list[str], bool, int]]) -> None:
    now, all_of_them, of_chat = NOON, list[datetime](), defaultdict[str, list[datetime]](list)
    with transaction(engine, None) as db:
        db.connection().execute(delete(table_of(Pace)))
    for chats, bulk, pause in asked:
        try:
            found = ask(engine, *chats, at=now, bulk=bulk)
        except Busy:
            found = []
        for chat, departure in zip(chats, found, strict=False):
            if isinstance(departure, timedelta):
                assert departure.total_seconds() > PATIENCE
                continue
            assert now - A_BIT <= departure <= now + timedelta(seconds=PATIENCE)
            assert not of_chat[chat] or departure > of_chat[chat][-1]
            insort(all_of_them, departure)
            of_chat[chat].append(departure)
        now += timedelta(milliseconds=pause)
    assert all(b - a >= STEP - A_BIT for a, b in pairwise(all_of_them))
    for chat, departures in of_chat.items():
        assert most_within(departures, 60 if chat[0] == "-" else 5) <= (20 if chat[0] == "-" else 5)


def test_departures_are_evenly_spaced_and_a_second_holds_no_more_than_thirty(engine: Engine) -> None:
    found = [ask(engine, str(n))[0] for n in range(29)]
    assert [waits(f) for f in found] == pytest.approx([HEADWAY + n / RATE for n in range(29)], abs=1e-5)
    late = ask(engine, "too many")[0]
    assert isinstance(late, timedelta)
    assert 1 < late.total_seconds() < 1.1
    with reading(engine, None) as db:
        assert len(db.exec(select(Pace)).all()) == 30  # who was turned away has used nothing


@pytest.mark.parametrize(("chat", "most", "seconds"), [("7", 5, 5), ("-7", 20, 60)])
def test_one_chat_waits_for_its_own_window(engine: Engine, chat: str, most: int, seconds: int) -> None:
    clock = Clock()
    for _ in range(most):
        assert isinstance(ask(engine, chat, at=clock.now)[0], datetime)
        clock.passes(seconds=0.2)
    full = ask(engine, chat, "8", at=clock.now)
    assert isinstance(full[0], timedelta)
    assert waits(full[0]) + 0.2 * most == pytest.approx(seconds / 0.95 + HEADWAY)
    assert full[1] == clock.now + timedelta(seconds=HEADWAY)
    clock.now += full[0]
    assert isinstance(ask(engine, chat, at=clock.now)[0], datetime)


def test_a_reply_never_has_more_than_one_block_before_it(engine: Engine) -> None:
    for _ in range(20):
        try:
            ask(engine, "1", "2", "3", bulk=True)
        except Busy:
            break
    reply = ask(engine, "77")[0]
    assert NEAR < waits(reply) <= NEAR + BLOCK / RATE + 1e-5 < 0.2


def test_bulk_waits_until_the_replies_are_through(engine: Engine) -> None:
    for n in range(10):
        ask(engine, str(n))
    with pytest.raises(Busy) as busy:
        ask(engine, "77", bulk=True)
    assert busy.value.seconds == pytest.approx(HEADWAY + 10 / RATE - NEAR, abs=1e-5)
    later = NOON + timedelta(seconds=busy.value.seconds + 0.001)
    assert waits(ask(engine, "77", at=later, bulk=True)[0]) == pytest.approx(HEADWAY + 10 / RATE, abs=1e-5)


def test_each_bot_has_its_own_pace(engine: Engine) -> None:
    for n in range(29):
        ask(engine, str(n))
    assert ask(engine, "1", bot="telegram:2") == [SOONEST]


def test_silence_is_kept_to_the_instant_by_the_chat_it_was_asked_for(engine: Engine) -> None:
    assert silence(engine, "7", 7) is False
    assert ask(engine, "7", "8") == [timedelta(seconds=7), SOONEST]
    assert ask(engine, "7", at=NOON + timedelta(seconds=6.5)) == [NOON + timedelta(seconds=7)]


def test_a_shorter_silence_does_not_end_a_longer_one(engine: Engine) -> None:
    silence(engine, "7", 30)
    silence(engine, "7", 1, NOON + timedelta(seconds=2))
    assert ask(engine, "7", at=NOON + timedelta(seconds=10)) == [timedelta(seconds=20)]


def test_two_chats_silenced_at_once_mean_the_bot(engine: Engine) -> None:
    assert silence(engine, "7", 7) is False
    assert silence(engine, "8", 3, NOON + timedelta(seconds=1)) is True
    assert ask(engine, "9", at=NOON + timedelta(seconds=1)) == [timedelta(seconds=3)]
    assert ask(engine, "9", at=NOON + timedelta(seconds=4)) == [SOONEST + timedelta(seconds=4)]


@pytest.mark.parametrize(("sent", "whole"), [(25, True), (5, False)])
def test_a_chat_hardly_written_to_means_the_bot_when_the_bot_was_busy(engine: Engine, sent: int, whole: bool) -> None:
    for n in range(sent):
        ask(engine, str(n))
    assert silence(engine, "0", 5, NOON + timedelta(seconds=0.95)) is whole


def test_a_busy_chat_means_itself_even_when_the_bot_was_busy(engine: Engine) -> None:
    for n in range(25):
        ask(engine, "0" if n < 4 else str(n))
    assert silence(engine, "0", 5, NOON + timedelta(seconds=0.95)) is False


def test_what_says_nothing_any_more_is_forgotten(engine: Engine) -> None:
    ask(engine, "1")
    silence(engine, "2", 3600)
    later = NOON + KEPT + timedelta(seconds=1)
    ask(engine, "3", at=later)
    with transaction(engine, None, later) as db:
        prune_paces(db, later)
    with reading(engine, None) as db:
        assert Counter(row.chat for row in db.exec(select(Pace))) == Counter(["", "2", "3"])


# -- the pacer: what one process makes of it


async def test_a_turn_that_comes_soon_is_waited_for_and_one_that_does_not_is_put_off(
    engine: Engine, clock: Clock
) -> None:
    pacer, began = Pacer(engine, BOT, clock), time.monotonic()
    for _ in range(5):
        await pacer.turn("7")
    assert time.monotonic() - began >= 4 / RATE + HEADWAY - 0.005
    with pytest.raises(TryLater) as later:
        await pacer.turn("7")
    assert later.value.seconds == pytest.approx(5 / 0.95 + HEADWAY)


async def test_bulk_waits_in_line_by_itself(engine: Engine, clock: Clock) -> None:
    pacer = Pacer(engine, BOT, lambda: datetime.now(NOON.tzinfo))
    asked = [d for _ in range(4) for d in await pacer.reserve(["1", "2", "3"], bulk=True)]
    found = [d for d in asked if isinstance(d, datetime)]
    assert len(found) == 12
    assert all(waits(b, a) > 1 / RATE - 1e-5 for a, b in pairwise(found))


async def test_silence_holds_at_once_for_what_has_its_departure_already(engine: Engine, clock: Clock) -> None:
    here, there = Pacer(engine, BOT, clock), Pacer(engine, BOT, clock)
    assert await here.reserve(["7"], bulk=True) == [SOONEST]
    await here.halted("7", 7)
    with pytest.raises(TryLater) as later:
        here.check("7")
    assert later.value.seconds == 7
    here.check("8")
    there.check("7")  # it has not heard yet ...
    (told,) = await there.reserve(["7"], bulk=False)  # ... and hears now
    assert isinstance(told, TryLater)
    assert told.seconds == 7
    clock.passes(seconds=7)
    here.check("7")
    await here.halted("7", 2)
    await here.halted("8", 2)
    with pytest.raises(TryLater):
        here.check("9")


async def test_a_departure_that_was_slept_through_is_not_used(engine: Engine, clock: Clock) -> None:
    pacer = Pacer(engine, BOT, clock)
    (departure,) = await pacer.reserve(["7"], bulk=False)
    assert isinstance(departure, datetime)
    assert await pacer.until(departure)
    clock.passes(seconds=0.1)
    assert not await pacer.until(departure)
