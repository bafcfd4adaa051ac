"""What WeChat lets us send is counted so that it never has to refuse: five after a word, three after a tap."""

import asyncio
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import event
from sqlmodel import select

from bot.channels.wechat.accounts import Account
from bot.channels.wechat.followers import Followers
from bot.conversation.desk import Desk
from models import resident
from models.privacy import erase_resident
from models.store import connect, reading, transaction
from models.wechat_account import Kind, enter_account, remove_account
from models.wechat_follower import MARGIN, SAID, TAPPED, WechatFollower
from tests.conftest import NOON, Chat, Clock, both_stores
from tests.fakes.wechat_quota import Quota

pytestmark = both_stores
APPID = "wx0123456789abcdef"
NONE = SecretStr("")
ACCOUNT = Account(APPID, "", Kind.SERVICE, ("hongmei", "baoshi"), NONE, NONE, NONE, False, "gcj02")


@pytest.fixture
def followers(desk: Desk) -> Followers:
    with transaction(desk.engine, None) as db:
        enter_account(db, APPID)
    enter(desk, "zhang", "li")
    return Followers(desk, ACCOUNT)


def enter(desk: Desk, *users: str) -> None:
    """Let them be somebody to a community."""
    with transaction(desk.engine, desk.communities["hongmei"].id) as db:
        people = {user: resident.Resident(origin=user) for user in users}
        db.add_all(people.values())
        db.flush()
        at = {"channel": "wechat", "account": "hongmei"}
        db.add_all(resident.Account(**at, user=user, resident_id=who.id) for user, who in people.items())


async def taken(followers: Followers, user: str = "zhang", most: int = 20) -> int:
    """How many messages may be sent one after another."""
    for count in range(most):
        if not await followers.take(user):
            return count
        followers.landed(user)
    return most


def row(desk: Desk, user: str = "zhang") -> WechatFollower:
    with reading(desk.engine, None) as db:
        return db.get_one(WechatFollower, (APPID, user))


async def test_nobody_is_written_to_who_never_said_anything(followers: Followers) -> None:
    assert await taken(followers) == 0


async def test_a_word_allows_five_within_48_hours(followers: Followers, clock: Clock) -> None:
    followers.said("zhang")
    assert await taken(followers) == 5
    assert await taken(followers, "li") == 0
    clock.passes(hours=1)
    followers.said("zhang")
    assert await taken(followers, most=2) == 2
    clock.now = NOON + timedelta(hours=1) + SAID - MARGIN - timedelta(seconds=1)
    assert await taken(followers, most=1) == 1
    clock.passes(seconds=1)
    assert await taken(followers) == 0


async def test_a_tap_allows_three_within_a_minute_and_renews_no_word(followers: Followers, clock: Clock) -> None:
    followers.tapped("zhang")
    assert await taken(followers) == 3
    clock.passes(seconds=30)
    followers.tapped("zhang")
    clock.now += TAPPED - MARGIN - timedelta(seconds=1)
    assert await taken(followers, most=1) == 1
    clock.passes(seconds=1)
    assert await taken(followers) == 0
    followers.said("zhang")
    assert await taken(followers) == 5
    clock.passes(seconds=1)
    followers.tapped("zhang")
    assert await taken(followers) == 3


async def test_two_open_windows_are_both_charged(followers: Followers) -> None:
    followers.said("zhang")
    followers.tapped("zhang")
    assert await taken(followers) == 5


async def test_what_did_not_leave_is_given_back(followers: Followers) -> None:
    followers.said("zhang")
    assert await taken(followers, most=4) == 4
    assert await followers.take("zhang")
    assert not await followers.take("zhang")
    await followers.give_back("zhang")
    assert await taken(followers) == 1
    await followers.give_back("nobody")


async def test_what_is_given_back_is_never_one_too_many(followers: Followers, clock: Clock) -> None:
    followers.said("zhang")
    assert [await followers.take("zhang") for _ in range(5)] == [True] * 5
    clock.passes(seconds=1)
    followers.tapped("zhang")  # with five on their way, of which WeChat counts three
    await followers.give_back("zhang")
    for _ in range(4):
        followers.landed("zhang")
    assert await taken(followers) == 1  # of the five after the word


async def test_a_letter_brought_again_allows_nothing_more(followers: Followers, clock: Clock) -> None:
    first = clock()
    followers.said("zhang", first)
    assert await taken(followers, most=3) == 3
    clock.passes(seconds=5)
    followers.said("zhang", first)
    assert await taken(followers) == 2


async def test_a_clock_of_wechats_that_is_fast_opens_no_longer_window(followers: Followers, clock: Clock) -> None:
    followers.tapped("zhang", clock() + timedelta(minutes=4))
    clock.now += TAPPED
    assert await taken(followers) == 0


async def test_what_was_on_its_way_counts_against_the_window_that_opened_meanwhile(
    followers: Followers, clock: Clock
) -> None:
    followers.said("zhang")
    assert await followers.take("zhang")
    clock.passes(seconds=2.5)
    followers.said("zhang", clock() - timedelta(seconds=0.5))
    followers.landed("zhang")
    assert await taken(followers) == 4
    clock.passes(seconds=1)
    followers.said("zhang", clock() - timedelta(seconds=2))
    assert await taken(followers) == 0  # older than the window we know


async def test_wechat_knows_best(followers: Followers, clock: Clock) -> None:
    followers.said("zhang")
    assert await followers.take("zhang")
    followers.spent("zhang")
    assert await taken(followers) == 0
    clock.passes(seconds=1)
    followers.said("zhang")
    assert await taken(followers, most=2) == 2
    assert await followers.take("zhang")
    clock.passes(seconds=1)
    followers.said("zhang")
    followers.spent("zhang")  # of the window before
    assert await taken(followers) == 5


async def test_who_unfollows_is_written_to_no_more_until_they_come_back(
    followers: Followers, desk: Desk, clock: Clock
) -> None:
    chat = Chat(desk, "zhang")
    chat.address = type(chat.address)("wechat", "hongmei", "zhang")
    chat.say("你好")
    followers.said("zhang")
    clock.passes(seconds=1)
    followers.left("zhang")
    assert await taken(followers) == 0
    assert not row(desk).following
    assert unreachable(desk)
    chat.say("我又来了")
    clock.passes(seconds=1)
    followers.tapped("zhang")
    followers.left("zhang", clock() - timedelta(seconds=1))  # brought again
    assert await taken(followers) == 3
    assert row(desk).following
    assert not unreachable(desk)


def unreachable(desk: Desk) -> bool:
    with reading(desk.engine, None) as db:
        mine = select(resident.Account).where(resident.Account.user == "zhang", resident.Account.channel == "wechat")
        return db.exec(mine).one().unreachable_at is not None


async def test_who_left_and_came_back_before_it_was_written_down_is_here(followers: Followers, desk: Desk) -> None:
    followers.said("zhang", NOON - timedelta(seconds=9))
    followers.left("zhang", NOON - timedelta(seconds=5))
    followers.tapped("zhang", NOON)
    await followers.flush()
    found = row(desk)
    assert (found.following, found.said_left, found.tapped_left) == (True, 0, 3)


async def test_a_notice_is_sent_as_often_as_it_was_agreed_to(followers: Followers, desk: Desk) -> None:
    for _ in range(2):
        followers.agreed("zhang", "T1")
    await followers.flush()
    followers.agreed("zhang", "T1")
    assert [await followers.take_agreed("zhang", "T1") for _ in range(4)] == [True, True, True, False]
    assert not await followers.take_agreed("zhang", "T2")
    assert not await followers.take_agreed("li", "T1")
    followers.agreed("zhang", "T1")
    assert await followers.take_agreed("zhang", "T1")


async def test_pages_wait_for_more(followers: Followers) -> None:
    followers.said("zhang")
    assert await followers.more("zhang", 1, "1") == []
    await followers.keep_rest("zhang", 1, "1", ["第二页\n续", "第三页"])
    assert [await followers.more("zhang", 1, letter) for letter in "2233"] == [["第二页\n续"]] * 2 + [["第三页"]] * 2
    await followers.keep_rest("zhang", 1, "1", ["第二页\n续", "第三页"])  # brought again
    assert await followers.more("zhang", 1, "4") == []
    await followers.keep_rest("zhang", 1, "5", ["旧"])
    await followers.keep_rest("zhang", 1, "6", ["新"])
    assert await followers.more("zhang", 2, "7") == [], "it is of another community"
    assert await followers.more("zhang", 1, "7") == ["新"]
    assert await taken(followers) == 5


async def test_who_was_told_something_else_waits_for_no_more(followers: Followers, desk: Desk, clock: Clock) -> None:
    for user in ("zhang", "li"):
        followers.said(user)
        await followers.keep_rest(user, 1, "1", ["第二页"])
    clock.passes(seconds=1)
    followers.answered("zhang")
    assert await followers.more("zhang", 1, "2") == []
    assert await followers.more("li", 1, "2") == ["第二页"]
    assert row(desk).rest is None


async def test_what_is_written_down_later_than_it_happened_takes_no_newer_page(
    followers: Followers, desk: Desk, clock: Clock
) -> None:
    followers.said("zhang")
    followers.answered("zhang")
    clock.passes(seconds=0.1)
    neighbour = Followers(desk, ACCOUNT)
    neighbour.said("zhang")
    await neighbour.keep_rest("zhang", 1, "1", ["第二页"])
    await followers.flush()
    assert await neighbour.more("zhang", 1, "2") == ["第二页"]


async def test_nothing_is_kept_of_who_is_nobody_to_a_community(followers: Followers, desk: Desk) -> None:
    for note in (followers.said, followers.tapped, followers.answered):
        note("wang")
    followers.agreed("wang", "T1")
    await followers.flush()
    assert not known(desk, "wang")
    enter(desk, "wang")
    followers.said("wang")
    assert await taken(followers, "wang") == 5


async def test_who_deletes_themselves_is_not_written_down_again(followers: Followers, desk: Desk) -> None:
    followers.said("zhang")
    await followers.flush()
    followers.said("zhang")
    with transaction(desk.engine, desk.communities["hongmei"].id) as db:
        mine = select(resident.Resident).join(resident.Account).where(resident.Account.user == "zhang")
        erase_resident(db, db.exec(mine).one())
    await followers.flush()
    assert not known(desk, "zhang")


async def test_what_is_noted_of_an_account_that_was_removed_is_dropped(
    followers: Followers, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    followers.said("zhang")
    with transaction(desk.engine, None) as db:
        remove_account(db, APPID)
    await followers.flush()
    followers.said("zhang")
    assert not await followers.take("zhang")
    assert not known(desk, "zhang")
    assert not [record for record in caplog.records if record.levelname != "INFO"]


async def test_two_processes_never_send_more_than_one_would(followers: Followers, desk: Desk) -> None:
    other = connect(desk.engine.url.render_as_string(hide_password=False))
    neighbour = Followers(Desk(other, desk.communities, desk.now), ACCOUNT)
    followers.said("zhang")
    neighbour.said("zhang")
    tries = [each.take("zhang") for each in (followers, neighbour) * 8]
    assert sum(await asyncio.gather(*tries)) == 5
    other.dispose()


async def test_a_thousand_who_speak_at_once_are_written_down_together(followers: Followers, desk: Desk) -> None:
    commits = []
    event.listen(desk.engine, "commit", lambda _: commits.append(1))
    users = [f"user{number}" for number in range(1000)]
    enter(desk, *users)
    commits.clear()
    for user in users:
        followers.said(user)
    await followers.flush()
    await followers.flush()
    assert len(commits) == 1
    with reading(desk.engine, None) as db:
        assert {f.said_left for f in db.exec(select(WechatFollower))} == {5}


async def test_what_could_not_be_written_down_is_the_next_time(followers: Followers, desk: Desk, clock: Clock) -> None:
    broken: list[str] = []

    def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
        if "INSERT INTO wechatfollower" in statement and not broken:
            broken.append(statement)
            raise OSError("the store is away")

    event.listen(desk.engine, "before_cursor_execute", fail)
    followers.said("zhang", clock() - timedelta(seconds=3))
    with pytest.raises(OSError, match="away"):
        await followers.flush()
    followers.tapped("zhang")
    assert await taken(followers) == 5
    assert row(desk).said_at == clock() - timedelta(seconds=3)


async def test_what_is_noted_is_written_down_in_a_moment_and_at_the_end(followers: Followers, desk: Desk) -> None:
    running = asyncio.create_task(followers.run())
    followers.said("zhang")
    while not await asyncio.to_thread(known, desk, "zhang"):
        await asyncio.sleep(0.01)
    followers.said("li")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert known(desk, "li")


def known(desk: Desk, user: str) -> bool:
    with reading(desk.engine, None) as db:
        return db.get(WechatFollower, (APPID, user)) is not None


# against the platform's own counting

DEEDS = {"say": 3, "tap": 3, "leave": 1, "hear": 6, "begin": 4, "arrive": 4, "end": 3, "stay": 1, "drain": 3}
WAITS = {0.3: 4, 1.0: 2, 3.0: 1, 57.0: 1, 60.0: 1, 48 * 3600 - 4.0: 1, 48 * 3600.0: 1}  # seconds
STEPS: list[tuple[str | float, int]] = [*DEEDS.items(), *WAITS.items()]


class Play:
    """A follower, WeChat, and us: letters come late, messages arrive late, answers come later still."""

    def __init__(self, followers: Followers, clock: Clock, user: str) -> None:
        self.followers, self.clock, self.user = followers, clock, user
        self.quota, self.letters = Quota(), list[tuple[str, datetime]]()
        self.begun, self.arrived = 0, 0

    async def step(self, what: str | float) -> None:
        if isinstance(what, float):
            await self._passes(what)
            return
        match what:
            case "say" | "tap":
                (self.quota.wrote if what == "say" else self.quota.acted)(self.clock().timestamp())
                self._writes(what)
            case "leave":  # that one has left can be known only once it is heard
                await self._calm()
                self.quota.close()
                self._writes(what)
                self._hear()
            case "hear":
                self._hear()
            case "begin":
                self.begun += await self.followers.take(self.user)
            case "arrive" if self.begun:
                self.begun, self.arrived = self.begun - 1, self.arrived + 1
                self.quota.spend(self.clock().timestamp())  # raises what WeChat would say
            case "stay" if self.begun:
                self.begun -= 1
                await self.followers.give_back(self.user)
            case "end" if self.arrived:
                self.arrived -= 1
                self.followers.landed(self.user)
            case "drain":
                while await self.followers.take(self.user):
                    self.begun += 1
                    await self._calm()

    async def _calm(self) -> None:
        """Nothing is on its way any more."""
        while self.begun:
            await self.step("arrive")
        while self.arrived:
            await self.step("end")

    async def _passes(self, seconds: float) -> None:
        """Nothing is on its way for longer than a call may take."""
        if seconds > 2.0:
            await self._calm()
            self._hear()
        self.clock.passes(seconds=seconds)
        await self.followers.flush()

    def _writes(self, what: str) -> None:
        self.letters.append((what, self.clock().replace(microsecond=0)))

    def _hear(self) -> None:
        notes = {"say": self.followers.said, "tap": self.followers.tapped, "leave": self.followers.left}
        for what, at in self.letters:
            notes[what](self.user, at)
        self.letters = self.letters[-1:] if len(self.letters) > 1 else []  # the last is brought again


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=True))
@pytest.mark.usefixtures("followers")
def test_wechat_never_has_to_refuse(desk: Desk, clock: Clock, chance: Random) -> None:
    async def play() -> None:
        user = f"user{chance.random()}"
        enter(desk, user)
        scene = Play(Followers(desk, ACCOUNT), clock, user)
        for step in chance.choices([s for s, _ in STEPS], [weight for _, weight in STEPS], k=60):
            await scene.step(step)

    clock.passes(days=3)
    asyncio.run(play())
