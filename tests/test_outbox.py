"""What is owed leaves once, in time, and not in the night; what may have arrived is never blindly sent again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Engine, event
from sqlmodel import col, func, select

import scheduler.lanes
import scheduler.outbox
from bot.channels import Parcel, Refused, TryLater, Uncertain, Unreachable
from bot.channels.mailroom import Mailroom
from bot.content.load import load_pack
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from models.mailbox import Letter
from models.notice import how_far, send_notice, stop_notice
from models.outbox import Post, Push, cancel_pushes, progress, push
from models.resident import Account, Resident, Role, set_language, set_quiet
from models.store import connect, reading, transaction
from scheduler.claim import LEASE, STUCK, mark_attempt, next_due, reclaim, reroute
from scheduler.departing import IN_FLIGHT
from scheduler.lanes import A_MOMENT, AHEAD
from scheduler.outbox import Outbox
from scheduler.settle import settle
from tests.conftest import NOON, Chat, Clock, both_stores, claimed, packs

pytestmark = both_stores
GENEROUS = 60  # seconds after which something that should have happened has not
ACCOUNTS = ("hongmei", "baoshi", "xinqu", "bot")


class Wire:
    """A channel that takes what it is given, unless told to do otherwise with a parcel or a wave."""

    def __init__(self, name: str = "web", wave: int = 1, *, repeats_safely: bool = False) -> None:
        self.name, self.wave, self.repeats_safely = name, wave, repeats_safely
        self.now: Callable[[], datetime] = lambda: NOON  # that of the outbox it is part of
        self.arrived: list[Parcel] = []
        self.outcomes: dict[str, Exception] = {}  # by the key of the parcel
        self.turns: dict[str, TryLater] = {}  # by the key of the parcel; the others may leave at once
        self.before: Callable[[Sequence[Parcel]], Awaitable[None]] | None = None  # while departures are reserved
        self.meanwhile: Callable[[Sequence[Parcel]], Awaitable[None]] | None = None

    def accounts(self) -> Sequence[str]:
        return ACCOUNTS

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        if self.before is not None:
            await self.before(parcels)
        return [self.turns.get(p.key, self.now()) for p in parcels]

    def routes(self) -> list[web.RouteDef]:
        return []

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        if self.meanwhile is not None:
            await self.meanwhile(parcels)
        self.arrived += [p for p in parcels if p.key not in self.outcomes]
        return [self.outcomes.get(p.key) for p in parcels]

    @property
    def keys(self) -> list[str]:
        return [p.key for p in self.arrived]


class RunningClock:
    """Noon when made, and running from then on."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=time.monotonic() - self._started)


def owe(chat: Chat, *keys: str, **more: Any) -> None:
    with chat.store() as db:
        for key in keys:
            push(db, key, chat.me(db).id, "notice.notice", **({"text": key} | more))


def posts(chat: Chat) -> dict[str, Push]:
    return {p.key: p for p in chat.rows(Push)}


def states(chat: Chat) -> dict[str, Post]:
    return {key: p.state for key, p in posts(chat).items()}


def outbox_of(desk: Desk, *wires: Wire) -> Outbox:
    for wire in wires:
        wire.now = desk.now
    return Outbox(desk, wires)


async def rounds(desk: Desk, *wires: Wire) -> int:
    """Send until nothing more can be taken; returns how many were."""
    outbox, taken = outbox_of(desk, *wires), 0
    while n := await outbox.round():
        taken += n
    return taken


@asynccontextmanager
async def running(*outboxes: Outbox) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(o.run()) for o in outboxes]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def settled(chat: Chat) -> None:
    """Until nothing is waiting or on its way."""
    async with asyncio.timeout(GENEROUS):
        while {Post.WAITING, Post.SENDING} & set((await asyncio.to_thread(states, chat)).values()):
            await asyncio.sleep(0.01)


@pytest.fixture
def second(store_url: str, clock: Clock) -> Iterator[Desk]:
    """Another process: its own connections, its own snapshot, the same time."""
    engine = connect(store_url)
    yield Desk(engine, Communities(engine), clock)
    engine.dispose()


@pytest.fixture
def home(chat: Chat) -> Chat:
    return chat.settle_in()


# -- once, in order, in time


async def test_what_is_owed_leaves_once(home: Chat, desk: Desk) -> None:
    owe(home, "hello")
    wire = Wire()
    assert await rounds(desk, wire) == 1
    assert await rounds(desk, wire) == 0
    assert wire.keys == ["hello"]
    assert wire.arrived[0].reply.text == "【社区通知】hello"
    assert wire.arrived[0].to == home.address
    sent = posts(home)["hello"]
    assert (sent.state, sent.settled_at, sent.tries) == (Post.SENT, NOON, 1)


async def test_owing_twice_is_owing_once(home: Chat, desk: Desk) -> None:
    owe(home, "same", "same")
    owe(home, "same", text="in other words")
    wire = Wire()
    await rounds(desk, wire)
    owe(home, "same")
    await rounds(desk, wire)
    assert [p.reply.text for p in wire.arrived] == ["【社区通知】same"]


async def test_urgent_first_then_by_when_it_is_due_then_as_owed(home: Chat, desk: Desk) -> None:
    owe(home, "b", "a")
    owe(home, "earlier", due=NOON - timedelta(minutes=5))
    owe(home, "fire", urgent=True)
    wire = Wire()
    await rounds(desk, wire)
    assert wire.keys == ["fire", "earlier", "b", "a"]


async def test_what_is_due_later_leaves_later(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "later", due=NOON + timedelta(hours=1))
    wire = Wire()
    clock.passes(minutes=59, seconds=59)
    assert await rounds(desk, wire) == 0
    clock.passes(seconds=1)
    assert await rounds(desk, wire) == 1


async def test_after_an_outage_the_useless_is_dropped_and_the_useful_goes_once(
    home: Chat, desk: Desk, clock: Clock
) -> None:
    due = NOON + timedelta(minutes=1)
    owe(home, "begun already", due=due, expires=NOON + timedelta(minutes=30))
    owe(home, "still to come", due=due, expires=NOON + timedelta(minutes=30, seconds=1))
    owe(home, "no end", due=due)
    clock.passes(minutes=30)
    wire = Wire()
    await rounds(desk, wire)
    await rounds(desk, wire)
    assert wire.keys == ["still to come", "no end"]
    dropped = posts(home)["begun already"]
    assert (dropped.state, dropped.settled_at, dropped.tries) == (Post.EXPIRED, clock.now, 0)


async def test_an_answer_to_many_buttons_and_the_receivers_language(home: Chat, desk: Desk) -> None:
    """A push is worded when it is sent, not when it is owed."""
    owe(home, "bilingual", text={"zh": "停水", "en": "Water is off"}, choices=[("/menu", "talk.menu")])
    with home.store() as db:
        set_language(home.me(db), "en")
    wire = Wire()
    await rounds(desk, wire)
    reply = wire.arrived[0].reply
    assert reply.text == "[Community notice] Water is off"
    assert [c.value for c in reply.choices] == ["/menu"]
    assert reply.choices[0].label.isascii()


# -- quiet hours


def hangzhou(hour: int, minute: int, second: int = 0, day: int = 25) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        (hangzhou(21, 29, 59), None),
        (hangzhou(21, 30), hangzhou(8, 0, day=26)),
        (hangzhou(23, 59, 59), hangzhou(8, 0, day=26)),
        (hangzhou(0, 0), hangzhou(8, 0)),
        (hangzhou(7, 59, 59), hangzhou(8, 0)),
        (hangzhou(8, 0), None),
    ],
    ids=["21:29:59", "21:30:00", "23:59:59", "00:00:00", "07:59:59", "08:00:00"],
)
async def test_nothing_ordinary_leaves_at_night(
    home: Chat, desk: Desk, clock: Clock, at: datetime, leaves: datetime | None
) -> None:
    clock.now = at
    owe(home, "ordinary")
    wire = Wire()
    await rounds(desk, wire)
    if leaves is None:
        assert wire.keys == ["ordinary"]
        return
    assert wire.keys == []
    assert posts(home)["ordinary"].due_at == leaves
    clock.now = leaves - timedelta(seconds=1)
    await rounds(desk, wire)
    assert wire.keys == []
    clock.now = leaves
    await rounds(desk, wire)
    assert wire.keys == ["ordinary"]


async def test_what_is_urgent_leaves_at_night(home: Chat, desk: Desk, clock: Clock) -> None:
    clock.now = hangzhou(3, 0)
    owe(home, "gas leak", urgent=True)
    owe(home, "dumplings")
    wire = Wire()
    await rounds(desk, wire)
    assert wire.keys == ["gas leak"]


@pytest.mark.parametrize(
    ("quiet", "at", "leaves"),
    [
        ((13 * 60, 14 * 60), hangzhou(13, 30), hangzhou(14, 0)),
        ((13 * 60, 14 * 60), hangzhou(22, 0), None),
        ((22 * 60 + 30, 7 * 60), hangzhou(22, 0), None),
        ((22 * 60 + 30, 7 * 60), hangzhou(22, 30), hangzhou(7, 0, day=26)),
        ((22 * 60 + 30, 7 * 60), hangzhou(7, 0), None),
        ((0, 0), hangzhou(3, 0), None),
        ((480, 480), hangzhou(8, 0), None),
    ],
)
async def test_quiet_hours_are_a_persons_own(
    home: Chat, desk: Desk, clock: Clock, quiet: tuple[int, int], at: datetime, leaves: datetime | None
) -> None:
    with home.store() as db:
        set_quiet(home.me(db), *quiet)
    clock.now = at
    owe(home, "ordinary")
    await rounds(desk, Wire())
    found = posts(home)["ordinary"]
    assert (found.state, found.due_at) == ((Post.WAITING, leaves) if leaves else (Post.SENT, at))


@pytest.mark.parametrize(
    ("due", "leaves"), [(hangzhou(21, 30), False), (hangzhou(8, 0), True)], ids=["night falls", "morning comes"]
)
async def test_what_is_taken_a_moment_ahead_is_judged_by_when_it_leaves(
    home: Chat, desk: Desk, clock: Clock, due: datetime, leaves: bool
) -> None:
    owe(home, "on the instant", due=due)
    clock.now = due - AHEAD / 2
    wire = Wire()
    await outbox_of(desk, wire).round()
    assert wire.keys == ["on the instant"] * leaves
    assert posts(home)["on the instant"].due_at == (due if leaves else hangzhou(8, 0, day=26))


async def test_what_would_be_of_no_use_in_the_morning_is_dropped_then(home: Chat, desk: Desk, clock: Clock) -> None:
    clock.now = hangzhou(22, 0)
    owe(home, "bus at six", expires=hangzhou(6, 0, day=26))
    wire = Wire()
    await rounds(desk, wire)
    clock.now = hangzhou(8, 0, day=26)
    await rounds(desk, wire)
    assert wire.keys == []
    assert states(home) == {"bus at six": Post.EXPIRED}


# -- what the wire says


async def test_later_means_later(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "too many", "fine")
    wire = Wire()
    wire.outcomes["too many"] = TryLater(7, "429")
    await rounds(desk, wire)
    waiting = posts(home)["too many"]
    assert (waiting.state, waiting.failure) == (Post.WAITING, "429")
    assert waiting.due_at == NOON + timedelta(seconds=7)
    wire.outcomes.clear()
    clock.passes(seconds=6.8)
    assert await rounds(desk, wire) == 0
    clock.passes(seconds=0.2)
    await rounds(desk, wire)
    assert wire.keys == ["fine", "too many"]


async def test_uncertain_stays_uncertain(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "timed out")
    wire = Wire()
    wire.outcomes["timed out"] = Uncertain("no answer in 30 s")
    await rounds(desk, wire)
    wire.outcomes.clear()
    clock.passes(days=1)
    reclaim(desk.engine, clock.now)
    assert await rounds(desk, wire) == 0
    unclear = posts(home)["timed out"]
    assert (unclear.state, unclear.failure, unclear.settled_at) == (Post.UNCERTAIN, "no answer in 30 s", NOON)


def also_at(chat: Chat, channel: str, used_at: datetime | None) -> None:
    """The same person can be reached over another channel too."""
    with chat.store() as db:
        me = chat.me(db)
        db.add(Account(channel=channel, account="bot", user=me.origin, resident_id=me.id, used_at=used_at))


async def test_an_address_that_is_gone_gives_way_to_another_of_the_same_person(home: Chat, desk: Desk) -> None:
    also_at(home, "letters", NOON - timedelta(days=1))
    owe(home, "blocked")
    first, other = Wire("web"), Wire("letters")
    first.outcomes["blocked"] = Unreachable("blocked by the user")
    await rounds(desk, first, other)
    assert (first.keys, other.keys) == ([], ["blocked"])
    assert states(home) == {"blocked": Post.SENT}
    gone = {a.channel: a.unreachable_at for a in home.rows(Account)}
    assert gone == {"web": NOON, "letters": None}


async def test_a_person_without_any_address_left_is_unreachable(home: Chat, desk: Desk) -> None:
    owe(home, "blocked")
    wire = Wire()
    wire.outcomes["blocked"] = Unreachable("blocked by the user")
    await rounds(desk, wire)
    found = posts(home)["blocked"]
    assert (found.state, found.settled_at, found.tries) == (Post.UNREACHABLE, NOON, 1)
    owe(home, "another")
    await rounds(desk, wire)
    assert states(home)["another"] is Post.UNREACHABLE


async def test_whoever_writes_again_can_be_reached_again_at_once(home: Chat, desk: Desk) -> None:
    owe(home, "blocked")
    wire = Wire()
    wire.outcomes["blocked"] = Unreachable("blocked by the user")
    await rounds(desk, wire)
    home.say("你好")
    owe(home, "welcome back")
    await rounds(desk, wire)
    assert wire.keys == ["welcome back"]


@pytest.mark.parametrize("used_at", [None, NOON - timedelta(days=1)], ids=["never used", "used long ago"])
async def test_people_are_written_to_where_they_wrote_from_last(
    home: Chat, desk: Desk, used_at: datetime | None
) -> None:
    also_at(home, "letters", used_at)
    owe(home, "hello")
    here, there = Wire("web"), Wire("letters")
    await rounds(desk, here, there)
    assert (here.keys, there.keys) == (["hello"], [])


async def test_nothing_is_sent_to_somebody_who_was_erased(home: Chat, desk: Desk) -> None:
    owe(home, "hello")
    with home.store() as db:
        home.me(db).erased_at = NOON
    wire = Wire()
    await rounds(desk, wire)
    assert (wire.keys, states(home)) == ([], {"hello": Post.UNREACHABLE})


async def _breaks(_: Sequence[Parcel]) -> None:
    raise ConnectionResetError("by peer")


@pytest.mark.parametrize("repeats_safely", [True, False])
async def test_a_channel_that_fails_is_repeated_only_if_that_is_safe(
    home: Chat, desk: Desk, clock: Clock, repeats_safely: bool
) -> None:
    owe(home, "a", "b", "c")
    wire = Wire(wave=2, repeats_safely=repeats_safely)
    wire.meanwhile = _breaks
    await rounds(desk, wire)
    assert set(states(home).values()) == {Post.WAITING if repeats_safely else Post.UNCERTAIN}
    wire.meanwhile = None
    clock.passes(minutes=5)
    await rounds(desk, wire)
    assert wire.keys == (["a", "b", "c"] if repeats_safely else [])


async def test_a_channel_that_fails_holds_up_no_other(home: Chat, neighbour: Callable[..., Chat], desk: Desk) -> None:
    other = neighbour("li")
    with other.store() as db:
        me = other.me(db)
        db.exec(select(Account).where(Account.resident_id == me.id)).one().channel = "letters"
    owe(home, "lost")
    owe(other, "kept")
    broken, sound = Wire("web"), Wire("letters")
    broken.meanwhile = _breaks
    await rounds(desk, broken, sound)
    assert states(home) == {"lost": Post.UNCERTAIN, "kept": Post.SENT}


async def test_a_push_for_a_channel_this_process_lacks_is_left_for_one_that_has_it(home: Chat, desk: Desk) -> None:
    owe(home, "hello")
    await rounds(desk, Wire("letters"))
    kept = posts(home)["hello"]
    assert (kept.state, kept.lane, kept.tries, kept.due_at) == (Post.WAITING, "web:hongmei", 0, NOON)
    wire = Wire()
    await rounds(desk, wire)
    assert wire.keys == ["hello"]


async def test_a_lane_that_is_stuck_holds_up_no_other(home: Chat, neighbour: Callable[..., Chat], desk: Desk) -> None:
    other = neighbour("li")
    with other.store() as db:
        db.exec(select(Account).where(Account.resident_id == other.me(db).id)).one().channel = "letters"
    stuck, sound, free = Wire("letters"), Wire("web"), asyncio.Event()

    async def hangs(_: Sequence[Parcel]) -> None:
        await free.wait()

    stuck.before = hangs
    owe(other, *(f"waits {n}" for n in range(70)))
    async with running(outbox_of(desk, stuck, sound)), asyncio.timeout(GENEROUS):
        while Post.SENDING not in states(other).values():
            await asyncio.sleep(0.01)
        for n in range(3):
            await asyncio.to_thread(owe, home, f"flows {n}")
            while f"flows {n}" not in sound.keys:
                await asyncio.sleep(0.01)
        assert stuck.arrived == []
        free.set()
        await settled(home)
    assert sorted(stuck.keys) == sorted(f"waits {n}" for n in range(70))


async def test_nobody_elses_lane_is_touched(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "theirs")
    await rounds(desk, Wire("letters"))
    before = posts(home)["theirs"].model_dump()
    clock.passes(minutes=30)
    assert await rounds(desk, Wire("letters")) == 0
    assert next_due(desk.engine, ["letters:hongmei"]) is None
    assert next_due(desk.engine, ["letters:hongmei", "web:hongmei"]) == NOON
    assert posts(home)["theirs"].model_dump() == before


async def test_the_urgent_of_no_lane_goes_before_the_ordinary_of_mine(home: Chat, desk: Desk) -> None:
    owe(home, "a", "b")
    with home.store() as db:
        for row in db.exec(select(Push)):
            row.lane = "web:hongmei"
    owe(home, "earlier", due=NOON - timedelta(minutes=5))
    owe(home, "fire", urgent=True)
    assert [p.key for p in claimed(desk, NOON, 3)] == ["fire", "a", "b"]


async def test_whoever_has_come_over_to_another_channel_is_written_to_there(home: Chat, desk: Desk) -> None:
    owe(home, "hello")
    await rounds(desk, Wire("letters"))
    also_at(home, "letters", NOON + timedelta(minutes=1))
    here, there = Wire("web"), Wire("letters")
    await rounds(desk, here, there)
    assert (here.keys, there.keys) == ([], ["hello"])


async def test_what_is_stuck_in_a_lane_finds_another(home: Chat, desk: Desk, clock: Clock) -> None:
    """Its bot has gone, so nobody claims for it; meanwhile the person has come back to the page."""
    also_at(home, "letters", NOON + timedelta(minutes=1))
    owe(home, "stuck")
    web = Wire()
    await rounds(desk, web)
    with home.store() as db:
        db.exec(select(Account).where(Account.channel == "web")).one().used_at = NOON + timedelta(minutes=2)
    clock.now = NOON + STUCK
    assert reroute(desk.engine, clock.now) == 0
    clock.passes(seconds=1)
    assert reroute(desk.engine, clock.now) == 1
    await rounds(desk, web)
    assert web.keys == ["stuck"]


async def test_a_turn_that_comes_later_costs_no_attempt(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "full", "free")
    wire = Wire(wave=3)
    wire.turns["full"] = TryLater(40, "its pace")
    await rounds(desk, wire)
    waiting = posts(home)["full"]
    assert (waiting.state, waiting.attempted_at, waiting.due_at) == (Post.WAITING, None, NOON + timedelta(seconds=40))
    assert (wire.keys, states(home)["free"]) == (["free"], Post.SENT)
    wire.turns.clear()
    clock.passes(seconds=40)
    await rounds(desk, wire)
    assert wire.keys == ["free", "full"]


async def test_a_departure_that_was_missed_is_reserved_anew(home: Chat, desk: Desk) -> None:
    desk.now = RunningClock()
    owe(home, "a")
    wire, reserved = Wire(), 0

    async def dawdles(_: Sequence[Parcel]) -> None:
        nonlocal reserved
        reserved += 1
        wire.now = (lambda: desk.now() - timedelta(seconds=1)) if reserved == 1 else desk.now

    wire.before = dawdles
    await outbox_of(desk, wire).round()
    assert (wire.keys, reserved) == (["a"], 2)


async def test_what_is_paused_between_being_taken_and_leaving_does_not_leave(home: Chat, desk: Desk) -> None:
    owe(home, "a", "b")
    wire = Wire()

    async def pauses(_: Sequence[Parcel]) -> None:
        wire.before = None
        with home.store() as db:
            for row in db.exec(select(Push)):
                row.state = Post.PAUSED

    wire.before = pauses
    assert await rounds(desk, wire) == 2
    assert (wire.keys, set(states(home).values())) == ([], {Post.PAUSED})


async def test_what_the_channel_refuses_is_kept_with_its_reason(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "odd")
    wire = Wire()
    wire.outcomes["odd"] = Refused("Bad Request: can't parse entities")
    await rounds(desk, wire)
    clock.passes(days=1)
    wire.outcomes.clear()
    assert await rounds(desk, wire) == 0
    kept = posts(home)["odd"]
    assert (kept.state, kept.settled_at, kept.failure) == (Post.REFUSED, NOON, "Bad Request: can't parse entities")


async def test_whoever_is_stopped_gives_back_what_it_had_taken_and_waits_for_the_wire(home: Chat, desk: Desk) -> None:
    owe(home, *(str(n) for n in range(10)))
    wire, on_the_wire, free = Wire(), asyncio.Event(), asyncio.Event()

    async def holds(parcels: Sequence[Parcel]) -> None:
        if parcels[0].key == "3":
            on_the_wire.set()
            await free.wait()

    async def lets_go() -> None:
        await asyncio.sleep(0)
        free.set()

    wire.before = holds
    task = asyncio.create_task(outbox_of(desk, wire).run())
    async with asyncio.timeout(GENEROUS):
        await on_the_wire.wait()
        task.cancel()
        await asyncio.gather(task, lets_go(), return_exceptions=True)
    assert wire.keys == ["0", "1", "2", "3"]
    assert Counter(states(home).values()) == {Post.SENT: 4, Post.WAITING: 6}


async def test_what_is_due_for_somebody_unreachable_is_given_up_and_the_rest_is_judged_later(
    home: Chat, neighbour: Callable[..., Chat], desk: Desk, clock: Clock
) -> None:
    other = neighbour("li")
    keys = [str(n) for n in range(A_MOMENT + 10)]
    owe(home, *keys)
    owe(home, "tomorrow", due=NOON + timedelta(days=1))
    owe(other, "fine", urgent=True)
    wire = Wire()
    wire.outcomes = {key: Unreachable("Forbidden: bot was blocked by the user") for key in keys}
    await outbox_of(desk, wire).round()
    found = posts(home)
    assert {found[key].state for key in keys} == {Post.UNREACHABLE}
    assert Counter(found[key].tries for key in keys) == {1: A_MOMENT - 1, 0: 11}
    assert (found["tomorrow"].state, found["fine"].state) == (Post.WAITING, Post.SENT)
    home.say("你好")
    clock.passes(days=1)
    await rounds(desk, wire)
    assert wire.keys == ["fine", "tomorrow"]


async def test_what_cannot_be_worded_holds_up_nobody(
    home: Chat, desk: Desk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with home.store() as db:
        me = home.me(db).id
        push(db, "no such text", me, "notice.no_such_text")
        push(db, "a fact is missing", me, "notice.notice")
    owe(home, "fine")
    wire = Wire()
    await rounds(desk, wire)
    assert wire.keys == ["fine"]
    found = posts(home)
    for key in ("no such text", "a fact is missing"):
        assert (found[key].state, found[key].tries) == (Post.WAITING, 0)
        assert found[key].due_at > NOON
        assert key in caplog.text
    with home.store() as db:
        db.exec(select(Push).where(Push.key == "no such text")).one().text_key = "talk.slow_down"
    clock.now = found["no such text"].due_at
    await rounds(desk, wire)
    assert wire.keys == ["fine", "no such text"]


async def test_a_community_that_another_process_has_just_added_is_served(
    home: Chat, desk: Desk, engine: Engine
) -> None:
    pack = packs("hongmei")[0]
    pack = pack.model_copy(update={"community": pack.community.model_copy(update={"slug": "xinqu"})})
    load_pack(engine, pack, NOON)
    elsewhere = Chat(Desk(engine, Communities(engine), desk.now), "li", "xinqu").settle_in()
    owe(elsewhere, "hello")
    wire = Wire()
    async with asyncio.timeout(GENEROUS):
        await rounds(desk, wire)
    assert wire.keys == ["hello"]


# -- senders that die, sleep or meet


async def test_what_a_dead_sender_had_only_taken_is_free_again(home: Chat, desk: Desk, clock: Clock) -> None:
    owe(home, "taken")
    assert [p.key for p in claimed(desk, clock.now)] == ["taken"]
    wire = Wire()
    clock.now += LEASE
    assert reclaim(desk.engine, clock.now) == 0
    assert await rounds(desk, wire) == 0
    clock.passes(seconds=1)
    assert reclaim(desk.engine, clock.now) == 1
    await rounds(desk, wire)
    assert wire.keys == ["taken"]
    assert posts(home)["taken"].tries == 2


async def test_what_a_dead_sender_may_have_sent_is_never_blindly_sent_again(
    home: Chat, desk: Desk, clock: Clock
) -> None:
    owe(home, "on the wire")
    parcel = claimed(desk, clock.now)[0]
    mark_attempt(desk.engine, [parcel.push_id], clock.now)
    clock.now += LEASE + timedelta(seconds=1)
    assert reclaim(desk.engine, clock.now) == 0
    wire = Wire()
    assert await rounds(desk, wire) == 0
    found = posts(home)["on the wire"]
    assert (found.state, found.settled_at, found.failure) == (Post.UNCERTAIN, clock.now, "sender died")
    clock.passes(days=1)
    reclaim(desk.engine, clock.now)
    assert await rounds(desk, wire) == 0


async def test_a_new_attempt_is_not_taken_for_an_earlier_one(home: Chat, desk: Desk, clock: Clock) -> None:
    """Put off after an attempt, then taken by a sender that dies before its own: free again, not uncertain."""
    owe(home, "busy")
    wire = Wire()
    wire.outcomes["busy"] = TryLater(1)
    await rounds(desk, wire)
    clock.passes(seconds=1)
    claimed(desk, clock.now)
    clock.now += LEASE + timedelta(seconds=1)
    assert reclaim(desk.engine, clock.now) == 1


async def test_of_two_senders_with_one_parcel_one_may_send_it(home: Chat, desk: Desk, clock: Clock) -> None:
    """The first fell asleep before its attempt, longer than its lease; somebody else has taken over."""
    owe(home, "whose")
    sleeper = claimed(desk, clock.now)
    clock.now += LEASE + timedelta(seconds=1)
    reclaim(desk.engine, clock.now)
    other = claimed(desk, clock.now)
    assert sleeper == other
    ids = [sleeper[0].push_id]
    assert [mark_attempt(desk.engine, ids, clock.now), mark_attempt(desk.engine, ids, clock.now)] == [set(ids), set()]


async def test_a_slow_sender_does_not_send_what_others_have_taken_over(
    home: Chat, desk: Desk, second: Desk, clock: Clock
) -> None:
    owe(home, "first", "next")
    slow, quick = Wire(), Wire()
    answered = asyncio.Event()

    async def hangs(_: Sequence[Parcel]) -> None:
        await answered.wait()

    async def sleeps(parcels: Sequence[Parcel]) -> None:
        if parcels[0].key == "first":
            return
        clock.now += LEASE + timedelta(seconds=1)
        reclaim(second.engine, clock.now)
        await rounds(second, quick)
        assert states(home) == {"first": Post.UNCERTAIN, "next": Post.SENT}
        answered.set()

    slow.before, slow.meanwhile = sleeps, hangs
    await rounds(desk, slow)
    assert (slow.keys, quick.keys) == (["first"], ["next"])
    assert states(home) == {"first": Post.SENT, "next": Post.SENT}


async def test_a_late_word_from_the_wire_undoes_nothing(home: Chat, desk: Desk, second: Desk, clock: Clock) -> None:
    """A sender whose lease is over learns that it could not send; another has sent it since."""
    owe(home, "twice taken")
    slow, quick = Wire(repeats_safely=True), Wire(repeats_safely=True)
    slow.outcomes["twice taken"] = TryLater(1)

    async def hangs(_: Sequence[Parcel]) -> None:
        clock.now += LEASE + timedelta(seconds=1)
        reclaim(second.engine, clock.now)
        await rounds(second, quick)

    slow.meanwhile = hangs
    await rounds(desk, slow)
    clock.passes(hours=1)
    assert await rounds(second, quick) == 0
    assert (quick.keys, states(home)) == (["twice taken"], {"twice taken": Post.SENT})


async def test_four_senders_on_two_connections_send_each_push_once(home: Chat, desk: Desk, second: Desk) -> None:
    wire, all_there = Wire(), asyncio.Event()

    async def counts(_: Sequence[Parcel]) -> None:
        await asyncio.sleep(0)
        if len(wire.arrived) == 199:
            all_there.set()

    wire.meanwhile = counts
    async with running(*(outbox_of(d, wire) for d in (desk, second) * 2)):
        for n in range(0, 200, 10):
            await asyncio.to_thread(owe, home, *(str(m) for m in range(n, n + 10)))
        async with asyncio.timeout(GENEROUS):
            await all_there.wait()
        await settled(home)
    assert Counter(wire.keys) == Counter(str(n) for n in range(200))
    assert Counter(states(home).values()) == {Post.SENT: 200}
    assert {p.tries for p in posts(home).values()} == {1}


async def test_four_who_take_at_one_instant_take_different_ones(home: Chat, desk: Desk, second: Desk) -> None:
    owe(home, *(str(n) for n in range(200)))

    def take(d: Desk) -> list[str]:
        return [p.key for p in claimed(d, NOON, 60)]

    taken = await asyncio.gather(*(asyncio.to_thread(take, d) for d in (desk, second) * 2))
    left = take(desk)
    assert Counter(k for keys in (*taken, left) for k in keys) == Counter(str(n) for n in range(200))


# -- at once


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outboxes that hardly ever look by themselves: only being woken helps."""
    for module in (scheduler.outbox, scheduler.lanes):
        monkeypatch.setattr(module, "NAP", 3600.0)


async def test_what_a_turn_owes_leaves_as_soon_as_it_is_committed(
    asleep: None, desk: Desk, home: Chat, neighbour: Callable[..., Chat], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    neighbour("wang", role=Role.WORKER)
    home.says("5幢楼道的灯坏了，三天了", "跳过", "13812345678")
    wire, gone, looked = Wire(), asyncio.Event(), asyncio.Event()

    async def notes(_: Sequence[Parcel]) -> None:
        gone.set()

    def watched(*asked: Any) -> datetime | None:
        loop.call_soon_threadsafe(looked.set)
        return next_due(*asked)

    monkeypatch.setattr(scheduler.lanes, "next_due", watched)
    wire.meanwhile = notes
    outbox = outbox_of(desk, wire)
    desk.wake = outbox.wake
    async with running(outbox), asyncio.timeout(GENEROUS):
        await looked.wait()  # it found nothing and is going to sleep
        await asyncio.to_thread(home.say, "可以")
        await gone.wait()
    assert "灯坏了" in wire.arrived[0].reply.text


@pytest.mark.parametrize("woken", [True, False])
async def test_what_is_due_in_a_moment_leaves_in_a_moment(asleep: None, desk: Desk, home: Chat, woken: bool) -> None:
    """Whether it is owed while the outbox sleeps or was there when it looked."""
    desk.now = RunningClock()
    wire, left = Wire(), asyncio.get_running_loop().create_future()

    async def notes(_: Sequence[Parcel]) -> None:
        left.set_result(desk.now())

    wire.meanwhile = notes
    due = desk.now() + timedelta(seconds=0.3)
    outbox = outbox_of(desk, wire)
    if not woken:
        owe(home, "soon", due=due)
    async with running(outbox), asyncio.timeout(GENEROUS):
        if woken:
            await asyncio.sleep(0.05)
            owe(home, "soon", due=due)
            outbox.wake(due)
        at = await left
    assert at >= due


async def test_a_round_that_fails_is_not_the_last(
    desk: Desk, home: Chat, second: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away for a while: another process's snapshot breaks, the outbox goes on."""
    monkeypatch.setattr(scheduler.lanes, "NAP", 0.01)
    wire, gone, failures = Wire(), asyncio.Event(), 0

    def now() -> datetime:
        nonlocal failures
        if failures < 3:
            failures += 1
            raise OSError("no clock")
        return NOON

    async def notes(_: Sequence[Parcel]) -> None:
        gone.set()

    wire.meanwhile = notes
    owe(home, "patience")
    second.now = now
    async with running(outbox_of(second, wire)), asyncio.timeout(GENEROUS):
        await gone.wait()
    assert caplog.text.count("a round of the outbox failed") == 3


# -- taking back, and many at once


async def test_what_is_taken_back_does_not_leave(home: Chat, desk: Desk, clock: Clock) -> None:
    later = NOON + timedelta(hours=1)
    owe(home, "reminder", due=later, about="event:7")
    owe(home, "gone already", about="event:7")
    owe(home, "other", due=later, about="event:70")
    wire = Wire()
    await rounds(desk, wire)
    with home.store() as db:
        push(db, "just owed", home.me(db).id, "notice.notice", about="event:7", due=later, text="")
        assert cancel_pushes(db, "event:7") == 2
    clock.now = later
    await rounds(desk, wire)
    assert wire.keys == ["gone already", "other"]
    found = posts(home)
    assert (found["reminder"].state, found["reminder"].settled_at) == (Post.CANCELLED, NOON)
    with home.store() as db:
        assert progress(db, "event:7") == {Post.CANCELLED: 2, Post.SENT: 1}
        assert cancel_pushes(db, "event:7", "event:70") == 0


async def test_what_is_taken_back_is_not_sent_later_either(home: Chat, desk: Desk, clock: Clock) -> None:
    """Taken back while on its way, and the wire could not take it: it must not come back to life."""
    owe(home, "stopped", about="notice:1")
    wire = Wire(repeats_safely=True)
    wire.outcomes["stopped"] = TryLater(1)

    async def stops(_: Sequence[Parcel]) -> None:
        with home.store() as db:
            cancel_pushes(db, "notice:1")

    wire.meanwhile = stops
    await rounds(desk, wire)
    wire.meanwhile = None
    wire.outcomes.clear()
    clock.passes(hours=1)
    await rounds(desk, wire)
    assert (wire.keys, states(home)) == ([], {"stopped": Post.CANCELLED})


def crowd(chat: Chat, names: Iterable[str], *, reachable: bool = True) -> None:
    with chat.store() as db:
        people = [Resident(origin=name, role=Role.RESIDENT) for name in names]
        db.add_all(people)
        db.flush()
        if reachable:
            db.add_all(Account(channel="web", account="hongmei", user=p.origin, resident_id=p.id) for p in people)


@pytest.fixture
def inserts(engine: Engine) -> Iterator[list[str]]:
    """Every statement that writes pushes, and how often."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, ___: Any, ____: Any, many: bool) -> None:
        if statement.lower().startswith("insert into push"):
            seen.append("many" if many else statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


async def test_a_notice_to_a_thousand_is_two_statements_and_can_be_stopped(
    neighbour: Callable[..., Chat], desk: Desk, inserts: list[str]
) -> None:
    worker = neighbour("wang", role=Role.WORKER)
    crowd(worker, (f"neighbour {n}" for n in range(980)))
    crowd(worker, (f"nowhere {n}" for n in range(19)), reachable=False)
    with worker.store() as db:
        notice = send_notice(db, worker.me(db), "明天停水")
        assert how_far(db, notice) == {Post.WAITING: 1000}
    assert len(inserts) == 2  # the people, and the groups
    assert all("SELECT" in statement for statement in inserts)
    wire = Wire(wave=20)

    async def stop_after_300(_: Sequence[Parcel]) -> None:
        if len(wire.arrived) == 299:
            with worker.store() as db:
                me = worker.me(db)
                stop_notice(db, notice, me)

    wire.meanwhile = stop_after_300
    await rounds(desk, wire)
    with worker.store() as db:
        counts = how_far(db, notice)
    assert sum(counts.values()) == 1000
    assert counts[Post.SENT] == len(wire.arrived) == len(set(wire.keys))
    assert 300 <= counts[Post.SENT] < 300 + IN_FLIGHT
    assert counts.get(Post.UNREACHABLE, 0) <= 19
    assert set(counts) <= {Post.SENT, Post.CANCELLED, Post.UNREACHABLE}
    with worker.store() as db:
        assert stop_notice(db, notice, worker.me(db)) == 0


async def test_a_notice_reaches_everybody_it_is_for_once(neighbour: Callable[..., Chat], desk: Desk) -> None:
    worker = neighbour("wang", role=Role.WORKER)
    neighbour("zhao", slug="baoshi")
    Chat(desk, "guest").say("你好")
    crowd(worker, (f"neighbour {n}" for n in range(1000)))
    with worker.store() as db:
        notice = send_notice(db, worker.me(db), "明天停水")
    wire = Wire(wave=500, repeats_safely=True)
    await rounds(desk, wire)
    with worker.store() as db:
        assert how_far(db, notice) == {Post.SENT: 1001}
    assert len(set(wire.keys)) == len(wire.keys) == 1001
    assert {p.community_id for p in wire.arrived} == {worker.community.id}


# -- letters


async def test_a_letter_put_in_twice_is_there_once(home: Chat, desk: Desk, clock: Clock) -> None:
    """The web chat's mailroom is what makes its channel safe to repeat."""
    owe(home, "letter")
    parcels = claimed(desk, clock.now)
    mailroom = Mailroom(desk)
    with mailroom.bell(parcels[0].resident_id) as bell:
        await mailroom.put(parcels)
        await mailroom.put(parcels)
        assert bell.is_set()
    settle(desk.engine, parcels, [None], clock.now)
    assert [letter.key for letter in home.rows(Letter)] == ["letter"]


async def test_letters_another_process_put_in_ring_here(home: Chat, desk: Desk, second: Desk, clock: Clock) -> None:
    here, there = Mailroom(desk), Mailroom(second)
    with reading(desk.engine, None) as db:
        assert db.exec(select(func.count(col(Letter.id)))).one() == 0
    with transaction(desk.engine, home.community.id, NOON) as db:
        me = home.me(db).id
    with here.bell(me) as bell, here.bell(me + 1) as another:
        await here.look()
        owe(home, "letter")
        await there.put(claimed(second, clock.now))
        await here.look()
        assert bell.is_set()
        assert not another.is_set()
