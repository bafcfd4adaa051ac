"""Votes: one ballot a voter whatever happens, a count that is the ballots', and the result back to all who took part."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from bot.conversation.desk import Desk
from bot.conversation.group import answer
from bot.conversation.message import Message
from bot.conversation.texts import LANGUAGES, texts
from models.ballot import (
    Ballot,
    FollowUp,
    NotVerified,
    Poll,
    PollClosed,
    PollState,
    Voter,
    count_ballots,
    fetch_poll,
    fetch_poll_to_change,
    fetch_poll_to_vote,
    follow_ups,
    tally,
)
from models.household import find_household
from models.lifecycle import NotNow
from models.outbox import Push
from models.outbox_bulk import push_to_all
from models.poll import (
    add_follow_up,
    cast_vote,
    close_due_polls,
    close_poll,
    detach_ballots,
    open_poll,
    polls_due,
)
from models.resident import Resident, Role, confirm_home
from models.store import WrongCommunity, connect, reading, transaction
from tests.conftest import Chat, Clock, both_stores

OPTIONS = [{"zh": "装"}, {"zh": "不装"}, {"zh": "先装一盏灯", "en": "A lamp first"}]
Neighbour = Callable[..., Chat]


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER)


@pytest.fixture
def put(worker: Chat, clock: Clock) -> Callable[..., int]:
    """Open a vote of three options for a week; returns its id."""

    def put(voter: Voter = Voter.PERSON, hidden: bool = False) -> int:
        with worker.store() as db:
            what, until = {"zh": "只对车棚，录像存30天。"}, clock() + timedelta(days=7)
            by = worker.me(db)
            return open_poll(db, by, {"zh": "车棚装不装摄像头"}, what, OPTIONS, voter, hidden, until).id

    return put


def verify(chat: Chat, building: str = "5", room: str = "301") -> Chat:
    with chat.store() as db:
        confirm_home(chat.me(db), find_household(db, building, "1", room))
    return chat


def cast(chat: Chat, poll_id: int, option: int) -> bool:
    with chat.store() as db:
        poll = fetch_poll_to_vote(db, poll_id)
        assert poll is not None
        return cast_vote(db, poll, chat.me(db), option)


def close(worker: Chat, poll_id: int) -> None:
    with worker.store() as db:
        poll = fetch_poll_to_change(db, worker.me(db), poll_id)
        assert poll is not None
        close_poll(db, poll, worker.me(db))


def ballots(chat: Chat, poll_id: int) -> list[Ballot]:
    return [b for b in chat.rows(Ballot) if b.poll_id == poll_id]


def the_poll(chat: Chat, poll_id: int) -> Poll:
    return next(p for p in chat.rows(Poll) if p.id == poll_id)


def worded(chat: Chat, text_key: str) -> dict[str, list[str]]:
    """Everything of one kind owed to somebody, as it would be read in each language; buttons must have labels."""
    with reading(chat.desk.engine, chat.community.id) as db:
        mine = select(Push).where(Push.resident_id == chat.me(db).id, Push.text_key == text_key)
        found = db.exec(mine.order_by(Push.id)).all()
    assert all(key in texts(language) for p in found for _, key in p.choices for language in LANGUAGES)
    return {language: [texts(language)(p.text_key, **p.facts) for p in found] for language in LANGUAGES}


@both_stores
def test_a_person_has_one_ballot_and_may_change_it(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    chat.settle_in()
    assert "先装一盏灯" in chat.say(f"/meetings.vote poll={poll_id}")
    assert "记下了：“装”" in chat.say("装")
    assert "现在投的是“装”" in chat.say(f"/meetings.vote poll={poll_id}")
    assert "改好了，现在是“不装”" in chat.say("2")
    [ballot] = ballots(chat, poll_id)
    assert (ballot.option, ballot.changes) == (1, 1)


def test_nothing_is_voted_by_a_misreading(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    chat.settle_in().say(f"/meetings.vote poll={poll_id}")
    for said in ("可不想装", "装还是不装呢", "9", "好的"):
        assert "不能猜您的意思" in chat.say(said), said
        assert ballots(chat, poll_id) == []
    chat.say("不装。")
    assert [b.option for b in ballots(chat, poll_id)] == [1]


def test_looking_at_the_paper_writes_nothing(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    chat.settle_in().say(f"/meetings.vote poll={poll_id}")
    assert ballots(chat, poll_id) == []
    chat.say("取消")
    assert ballots(chat, poll_id) == []


@both_stores
def test_a_redelivered_vote_is_the_same_vote(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    chat.settle_in().say(f"/meetings.vote poll={poll_id}")
    first = chat.say("装", message_id="m1")
    assert chat.say("装", message_id="m1") == first
    assert [b.changes for b in ballots(chat, poll_id)] == [0]


@both_stores
def test_a_household_has_one_ballot_whoever_casts_it(chat: Chat, neighbour: Neighbour, put: Callable[..., int]) -> None:
    poll_id = put(Voter.HOUSEHOLD)
    mother, son = verify(chat.settle_in()), verify(neighbour("li"))
    other = verify(neighbour("zhao"), room="302")
    assert not cast(mother, poll_id, 0)
    assert cast(son, poll_id, 1)
    assert not cast(other, poll_id, 0)
    counted = sorted((b.voter, b.option) for b in ballots(chat, poll_id))
    assert len(counted) == 2
    with chat.store() as db:
        assert count_ballots(db, the_poll(chat, poll_id)) == [1, 1, 0]
        assert tally(db, the_poll(chat, poll_id)).base == 2


def test_an_address_of_ones_own_word_does_not_vote_for_the_household(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put(Voter.HOUSEHOLD)
    chat.settle_in()
    assert "核实" in chat.say(f"/meetings.vote poll={poll_id} option=0")
    with pytest.raises(NotVerified):
        cast(chat, poll_id, 0)
    assert ballots(chat, poll_id) == []


def test_a_guest_says_where_they_live_before_they_vote(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    assert "您住几幢" in chat.say(f"/meetings.vote poll={poll_id}")
    with pytest.raises(PermissionError):
        cast(chat, poll_id, 0)
    assert "您选哪一个" in chat.say("3幢2单元502")


@both_stores
def test_nobody_votes_after_the_close_even_before_the_clock_strikes(
    chat: Chat, clock: Clock, put: Callable[..., int]
) -> None:
    poll_id = put()
    chat.settle_in().say(f"/meetings.vote poll={poll_id}")
    clock.passes(days=6, hours=23, minutes=59)
    assert not cast(chat, poll_id, 2)
    clock.passes(minutes=1)
    with pytest.raises(PollClosed):
        cast(chat, poll_id, 0)
    assert "已经截止" in chat.say(f"/meetings.vote poll={poll_id} option=0")
    assert [b.option for b in ballots(chat, poll_id)] == [2]
    assert the_poll(chat, poll_id).state is PollState.OPEN


def test_there_is_no_fourth_option_of_three(chat: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    chat.settle_in()
    for option in (-1, 3):
        with pytest.raises(ValueError, match="option"):
            cast(chat, poll_id, option)


def test_hidden_counts_stay_hidden_from_workers_too_until_the_close(
    chat: Chat, worker: Chat, put: Callable[..., int]
) -> None:
    open_id, hidden_id = put(hidden=False), put(hidden=True)
    chat.settle_in()
    cast(chat, open_id, 1)
    cast(chat, hidden_id, 1)
    assert "不装  1 (100%)" in worker.say(f"/meetings.result poll={open_id}")
    told = worker.say(f"/meetings.result poll={hidden_id}")
    assert "已有 1 人投票" in told
    assert "%" not in told
    with worker.store() as db:
        assert tally(db, the_poll(worker, hidden_id)).counts is None
    close(worker, hidden_id)
    assert "不装  1 (100%)" in worker.say(f"/meetings.result poll={hidden_id}")


def _household_of_200(db: Session) -> list[int]:
    home = find_household(db, "9", "1", "901")
    people = [Resident(origin=f"web:hongmei:p{n}", role=Role.RESIDENT) for n in range(200)]
    for person in people:
        confirm_home(person, home)
    db.add_all(people)
    db.flush()
    return [p.id for p in people]


@both_stores
def test_200_ballots_of_one_household_at_once_on_two_machines_count_once(
    worker: Chat, put: Callable[..., int], engine: Engine, store_url: str, clock: Clock
) -> None:
    poll_id, here = put(Voter.HOUSEHOLD), worker.community.id
    with worker.store() as db:
        people = _household_of_200(db)
    other = connect(store_url)

    def vote(n: int) -> bool:
        with transaction((engine, other)[n % 2], here, clock()) as db:
            poll, by = fetch_poll_to_vote(db, poll_id), db.get(Resident, people[n])
            assert poll is not None
            assert by is not None
            return cast_vote(db, poll, by, n % 3)

    with ThreadPoolExecutor(16) as pool:
        replaced = list(pool.map(vote, range(200)))
    other.dispose()
    [ballot] = ballots(worker, poll_id)
    assert ballot.changes == 199
    assert replaced.count(False) == 1
    close(worker, poll_id)
    result = the_poll(worker, poll_id).result
    assert result is not None
    assert (result["total"], result["counts"][ballot.option]) == (1, 1)


@both_stores
def test_a_household_whose_messages_come_in_one_batch_has_one_ballot(
    desk: Desk, chat: Chat, neighbour: Neighbour, put: Callable[..., int]
) -> None:
    poll_id = put(Voter.HOUSEHOLD)
    family = [verify(chat.settle_in()), verify(neighbour("li")), verify(neighbour("zhao"))]
    said = [
        Message(f"x{n}", who.address, f"/meetings.vote poll={poll_id} option={n}", sent_at=desk.now())
        for n, who in enumerate(family)
    ]
    replies = answer(desk, chat.community.id, said)
    assert all(isinstance(r, list) and "您家的一票" in r[0].text for r in replies)
    assert [(b.option, b.changes) for b in ballots(chat, poll_id)] == [(2, 2)]


@both_stores
def test_what_is_cast_while_a_vote_is_closed_counts_or_is_refused(
    worker: Chat, put: Callable[..., int], engine: Engine, store_url: str, clock: Clock
) -> None:
    poll_id, here = put(), worker.community.id
    with worker.store() as db:
        people = _household_of_200(db)[:60]
    other = connect(store_url)

    def vote(n: int) -> bool:
        if n == 30:
            close(worker, poll_id)
            return False
        with transaction((engine, other)[n % 2], here, clock()) as db:
            poll, by = fetch_poll_to_vote(db, poll_id), db.get(Resident, people[n])
            assert poll is not None
            assert by is not None
            try:
                cast_vote(db, poll, by, n % 3)
            except PollClosed:
                return False
            return True

    with ThreadPoolExecutor(12) as pool:
        taken = list(pool.map(vote, range(60)))
    other.dispose()
    result = the_poll(worker, poll_id).result
    assert result is not None
    assert result["total"] == taken.count(True) == len(ballots(worker, poll_id))


@both_stores
def test_the_clock_counts_once_and_tells_each_who_took_part(
    chat: Chat, neighbour: Neighbour, worker: Chat, put: Callable[..., int], clock: Clock, engine: Engine
) -> None:
    poll_id, here = put(), worker.community.id
    chat.settle_in()
    others = [neighbour(f"n{n}") for n in range(3)]
    for n, who in enumerate((chat, *others[:2])):
        cast(who, poll_id, min(n, 1))
    with reading(engine, None, clock()) as db:
        assert polls_due(db) == []
    with worker.store() as db, pytest.raises(NotNow):
        close_poll(db, the_poll(worker, poll_id), None)
    clock.passes(days=7)
    with reading(engine, None, clock()) as db:
        assert polls_due(db) == [here]

    def strike(_: int) -> int:
        with transaction(engine, here, clock()) as db:
            return close_due_polls(db)

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(strike, range(4)))
    assert done >= 1
    assert the_poll(chat, poll_id).result == {"counts": [1, 2, 0], "total": 3, "base": 5}
    for who in (chat, *others[:2]):
        told = worded(who, "meetings.closed")
        assert len(told["zh"]) == 1
        assert "· 不装  2 (67%)" in told["zh"][0]
        assert "A lamp first  0 (0%)" in told["en"][0]
    assert worded(others[2], "meetings.closed")["zh"] == []
    with reading(engine, None, clock()) as db:
        assert here not in polls_due(db)
    with pytest.raises(NotNow):
        close(worker, poll_id)


def test_a_result_stays_as_it_was_counted(chat: Chat, worker: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    chat.settle_in()
    cast(chat, poll_id, 0)
    close(worker, poll_id)
    with worker.store() as db:
        before = tally(db, the_poll(worker, poll_id))
        detach_ballots(db, chat.me(db))
        db.get_one(Resident, chat.me(db).id).erased_at = chat.desk.now()
    with worker.store() as db:
        assert tally(db, the_poll(worker, poll_id)) == before
        assert count_ballots(db, the_poll(worker, poll_id)) == [1, 0, 0]
    assert [b.resident_id for b in ballots(worker, poll_id)] == [None]


@both_stores
def test_what_came_of_it_is_told_to_those_who_voted_and_kept(
    chat: Chat, neighbour: Neighbour, worker: Chat, put: Callable[..., int]
) -> None:
    poll_id, idle = put(), neighbour("li")
    chat.settle_in()
    cast(chat, poll_id, 0)
    assert "还没有截止" in worker.says(f"/meetings.follow_up poll={poll_id}", "摄像头已经订好", "提交")
    close(worker, poll_id)
    assert "订好" in worker.says(f"/meetings.follow_up poll={poll_id}", "摄像头已经订好了，下周安装")
    assert worker.rows(FollowUp) == []
    worker.say("提交")
    assert worded(chat, "meetings.follow_up")["zh"] == ["您投过的“车棚装不装摄像头”有进展：摄像头已经订好了，下周安装"]
    assert worded(idle, "meetings.follow_up")["zh"] == []
    assert "下周安装" in idle.say(f"/meetings.result poll={poll_id}")
    with worker.store() as db:
        [told] = follow_ups(db, the_poll(worker, poll_id))
        told.text = "没这回事"
        with pytest.raises(PermissionError, match="history"):
            db.flush()
        db.rollback()


@both_stores
def test_another_community_neither_sees_nor_votes(
    chat: Chat, neighbour: Neighbour, worker: Chat, put: Callable[..., int]
) -> None:
    poll_id, stranger = put(), neighbour("he", slug="baoshi")
    boss = neighbour("gu", slug="baoshi", role=Role.WORKER)
    chat.settle_in()
    cast(chat, poll_id, 0)
    assert "车棚装不装" not in stranger.say("议事坊")
    assert "没有找到" in stranger.say(f"/meetings.vote poll={poll_id} option=0")
    assert "没有找到" in stranger.say(f"/meetings.result poll={poll_id}")
    assert "没有正在进行" in boss.say(f"/meetings.close poll={poll_id}")
    assert stranger.pushed() == []
    with stranger.store() as db:
        assert fetch_poll_to_vote(db, poll_id) is None
        with pytest.raises(WrongCommunity):
            cast_vote(db, the_poll(chat, poll_id), stranger.me(db), 0)
        assert tally(db, the_poll(chat, poll_id)).total == 0
    assert len(ballots(chat, poll_id)) == 1


def test_a_resident_runs_no_votes(chat: Chat, put: Callable[..., int], clock: Clock) -> None:
    poll_id = put()
    chat.settle_in()
    for wish in ("发起投票", f"/meetings.close poll={poll_id}", f"/meetings.follow_up poll={poll_id}"):
        assert "只有社区工作人员" in chat.say(wish), wish
    with chat.store() as db:
        me, poll, until = chat.me(db), fetch_poll(db, poll_id), clock() + timedelta(days=1)
        assert poll is not None
        attempts: list[Callable[[], Any]] = [
            lambda: open_poll(db, me, {"zh": "题"}, {"zh": "说明"}, OPTIONS, Voter.PERSON, True, until),
            lambda: close_poll(db, poll, me),
            lambda: fetch_poll_to_change(db, me, poll_id),
            lambda: add_follow_up(db, poll, me, "办好了"),
        ]
        for attempt in attempts:
            with pytest.raises(PermissionError):
                attempt()
    assert the_poll(chat, poll_id).state is PollState.OPEN


def test_a_vote_needs_several_different_options_and_a_time_to_come(worker: Chat, clock: Clock) -> None:
    with worker.store() as db:
        me, until = worker.me(db), clock() + timedelta(days=1)
        for options in (OPTIONS[:1], [OPTIONS[0], OPTIONS[0]], [{"zh": str(n)} for n in range(13)]):
            with pytest.raises(ValueError, match="options"):
                open_poll(db, me, {"zh": "题"}, {"zh": "说明"}, options, Voter.PERSON, True, until)
        with pytest.raises(PollClosed):
            open_poll(db, me, {"zh": "题"}, {"zh": "说明"}, OPTIONS, Voter.PERSON, True, clock())


def test_a_worker_opens_a_vote_only_by_confirming_it(worker: Chat, chat: Chat) -> None:
    chat.settle_in()
    before = len(worker.rows(Poll))
    worker.says("发起投票", "周末7:00开不开健身房", "想早点锻炼的人不少")
    assert "弄混" in worker.say("3、4、5")
    assert "2 到 12 个" in worker.say("开、开")
    asked = worker.say("1. 开\n2. 不开、照旧")
    assert "什么时候截止" in asked, "the time in the title is not when the vote ends"
    assert "过去了" in worker.say("11月1日10:00")
    preview = worker.says("11月30日20:00", "每户一票", "随时能看")
    assert all(part in preview for part in ("1. 开\n2. 不开、照旧", "每户一票，票数随时能看，11月30日（周一）20:00"))
    assert len(worker.rows(Poll)) == before
    assert chat.pushed() == []
    worker.say("提交")
    [poll] = [p for p in worker.rows(Poll) if p.title == {"zh": "周末7:00开不开健身房"}]
    assert (poll.voter, poll.hidden, poll.options) == (Voter.HOUSEHOLD, False, [{"zh": "开"}, {"zh": "不开、照旧"}])
    assert "每户一票，11月30日（周一）20:00 截止" in worded(chat, "meetings.opened")["zh"][0]
    assert "Mon 30 Nov 20:00" in worded(chat, "meetings.opened")["en"][0]


def test_a_worker_ends_a_vote_only_by_saying_yes(chat: Chat, worker: Chat, put: Callable[..., int]) -> None:
    poll_id = put()
    worker.says(f"/meetings.close poll={poll_id}", "不")
    assert the_poll(chat, poll_id).state is PollState.OPEN
    assert "投完了" in worker.says(f"/meetings.close poll={poll_id}", "是")
    assert the_poll(chat, poll_id).state is PollState.CLOSED


@both_stores
def test_everybody_is_told_by_one_statement_once(worker: Chat, neighbour: Neighbour, clock: Clock) -> None:
    near, far, gone = neighbour("li"), neighbour("zhao", home="8幢1单元101"), neighbour("sun")
    abroad, guest = neighbour("he", slug="baoshi"), Chat(worker.desk, "guest")
    guest.say("你好")
    verify(far, "8", "101")
    with gone.store() as db:
        gone.me(db).erased_at = clock()
    later = clock() + timedelta(hours=2)

    def tell(key: str, **whom: Any) -> int:
        with worker.store() as db:
            told = push_to_all(db, key, "ask.person_answered", {"question": later, "text": "好"}, due=later, **whom)
            assert db.info.get("earliest_push") == (later if told else None)
            return told

    assert tell("a") == 3
    assert tell("a") == 0
    assert (tell("b", building="8"), tell("c", role=Role.WORKER), tell("d", role=Role.GUEST)) == (1, 1, 3)
    assert (tell("e", verified=True), tell("f", building="99")) == (1, 0)
    with near.store() as db:
        mine = db.exec(select(Push).where(Push.resident_id == near.me(db).id).order_by(Push.id)).all()
        assert [p.key for p in mine] == [f"a:{near.me(db).id}", f"d:{near.me(db).id}"]
    assert (mine[0].due_at, mine[0].urgent, mine[0].tries, mine[0].choices) == (later, False, 0, [])
    assert worded(near, "ask.person_answered")["zh"][0].startswith("您问的“11月25日（周三）14:00”")
    assert gone.pushed() == abroad.pushed() == guest.pushed() == []


@both_stores
def test_opening_a_vote_tells_each_resident_of_the_community_once(
    chat: Chat, neighbour: Neighbour, put: Callable[..., int]
) -> None:
    chat.settle_in()
    abroad = neighbour("he", slug="baoshi")
    put()
    assert chat.pushed() == ["meetings.opened"]
    assert abroad.pushed() == []
