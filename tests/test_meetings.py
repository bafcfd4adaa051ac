"""Topics: raised, seconded once each, talked about or lapsed; and a content pack's own, which stay alive."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.content.agenda import enter_meetings
from models.ballot import Ballot, Poll, PollState, Voter, fetch_poll_to_change, fetch_poll_to_vote
from models.lifecycle import NotNow
from models.poll import cast_vote, close_poll
from models.proposal import (
    MOVES,
    Proposal,
    Second,
    Stage,
    fetch_proposal,
    lapse_due_proposals,
    open_discussion,
    proposals_due,
    propose,
    second,
)
from models.resident import Resident, Role
from models.store import connect, reading, transaction
from tests.conftest import Chat, Clock, both_stores, packs
from tests.test_polls import worded

Neighbour = Callable[..., Chat]


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER)


def raise_topic(chat: Chat, needed: int = 3) -> int:
    with chat.store() as db:
        return propose(db, chat.me(db), {"zh": "北门装路灯"}, {"zh": "晚上太黑"}, seconds_needed=needed).id


def topic(chat: Chat, topic_id: int) -> Proposal:
    return next(p for p in chat.rows(Proposal) if p.id == topic_id)


def seconders(chat: Chat, topic_id: int) -> int:
    return sum(s.proposal_id == topic_id for s in chat.rows(Second))


@both_stores
def test_each_seconds_once_and_the_last_one_needed_is_told_once(chat: Chat, worker: Chat, neighbour: Neighbour) -> None:
    topic_id, li = raise_topic(chat.settle_in()), neighbour("li")
    assert "已经附议过" in chat.say(f"/meetings.second topic={topic_id}")
    assert "您附议吗" in li.say(f"/meetings.second topic={topic_id}")
    assert seconders(chat, topic_id) == 1
    assert "现在有 2 位" in li.say("附议", message_id="m1")
    assert "现在有 2 位" in li.say("附议", message_id="m1")
    assert "已经附议过" in li.say(f"/meetings.second topic={topic_id}")
    assert topic(chat, topic_id).state is Stage.GATHERING
    assert "够数了" in neighbour("zhao").say(f"/meetings.second topic={topic_id} second=yes")
    assert topic(chat, topic_id).state is Stage.READY
    assert "够数了" in neighbour("sun").say(f"/meetings.second topic={topic_id} second=yes")
    assert (chat.pushed(), worker.pushed(), li.pushed()) == (["meetings.ready"], ["meetings.ready_work"], [])
    assert "满 3 位" in worded(chat, "meetings.ready")["zh"][0]
    assert "3 neighbours" in worded(worker, "meetings.ready_work")["en"][0]


@both_stores
def test_neighbours_who_second_at_once_on_two_machines_are_each_counted(
    worker: Chat, engine: Engine, store_url: str, clock: Clock
) -> None:
    topic_id, here = raise_topic(worker, needed=13), worker.community.id
    with worker.store() as db:
        people = [Resident(origin=f"web:hongmei:p{n}", role=Role.RESIDENT) for n in range(12)]
        db.add_all(people)
    other = connect(store_url)

    def support(n: int) -> bool:
        with transaction((engine, other)[n % 2], here, clock()) as db:
            proposal, by = fetch_proposal(db, topic_id), db.get(Resident, people[n % 12].id)
            assert proposal is not None
            assert by is not None
            return second(db, proposal, by)

    with ThreadPoolExecutor(12) as pool:
        new = list(pool.map(support, range(36)))
    other.dispose()
    assert new.count(True) == 12
    assert seconders(worker, topic_id) == 13
    assert topic(worker, topic_id).state is Stage.READY
    assert worker.pushed() == ["meetings.ready_work"]


def test_a_no_is_no_second(chat: Chat, neighbour: Neighbour) -> None:
    topic_id, li = raise_topic(chat.settle_in()), neighbour("li")
    li.say(f"/meetings.second topic={topic_id}")
    assert "您附议吗" in li.say("凭什么同意")
    assert "没有附议" in li.say("先不")
    assert seconders(chat, topic_id) == 1


@both_stores
def test_a_topic_without_its_seconds_lapses_and_all_behind_it_are_told(
    chat: Chat, worker: Chat, neighbour: Neighbour, clock: Clock, engine: Engine
) -> None:
    topic_id, li = raise_topic(chat.settle_in()), neighbour("li")
    li.say(f"/meetings.second topic={topic_id} second=yes")
    clock.passes(days=30, minutes=-1)
    with chat.store() as db:
        found = fetch_proposal(db, topic_id)
        assert found is not None
        lapse_due_proposals(db)
        assert found.state is Stage.GATHERING
    clock.passes(minutes=1)
    with reading(engine, None, clock()) as db:
        assert chat.community.id in proposals_due(db)
    with worker.store() as db, pytest.raises(NotNow):
        second(db, topic(chat, topic_id), worker.me(db))
    assert "不收附议" in worker.say(f"/meetings.second topic={topic_id}")
    with chat.store() as db:
        assert lapse_due_proposals(db) >= 1
    with chat.store() as db:
        assert lapse_due_proposals(db) == 0
    assert topic(chat, topic_id).state is Stage.LAPSED
    told = worded(chat, "meetings.lapsed")["zh"]
    assert told == ["议题“北门装路灯”到期了，有 2 位附议，没到 3 位，这次先放下。以后可以再提。"]
    assert (li.pushed(), worker.pushed()) == (["meetings.lapsed"], [])
    with reading(engine, None, clock()) as db:
        assert chat.community.id not in proposals_due(db)


def test_a_topic_with_its_seconds_does_not_lapse(chat: Chat, clock: Clock) -> None:
    topic_id = raise_topic(chat.settle_in(), needed=1)
    clock.passes(days=40)
    with chat.store() as db:
        lapse_due_proposals(db)
    assert topic(chat, topic_id).state is Stage.READY


@both_stores
def test_a_topic_goes_from_seconds_by_discussion_and_vote_to_its_end(
    chat: Chat, worker: Chat, neighbour: Neighbour
) -> None:
    topic_id, li = raise_topic(chat.settle_in(), needed=2), neighbour("li")
    assert "没有附议够了" in worker.say(f"/meetings.open_discussion topic={topic_id}")
    assert "不能投票" in worker.say(f"/meetings.open_vote topic={topic_id}")
    li.say(f"/meetings.second topic={topic_id} second=yes")
    worker.say(f"/meetings.open_discussion topic={topic_id}")
    assert topic(chat, topic_id).state is Stage.READY
    worker.say("周四晚七点，共享厅")
    assert topic(chat, topic_id).state is Stage.DISCUSSING
    assert worded(li, "meetings.discussing")["zh"] == ["您附议的“北门装路灯”要商量了。周四晚七点，共享厅"]
    assert "周四晚七点，共享厅" in chat.say("议事坊")
    worker.says(f"/meetings.open_vote topic={topic_id}", "装、不装", "11月30日20:00", "每人一票", "截止后公布")
    worker.say("提交")
    assert topic(chat, topic_id).state is Stage.VOTING
    [poll] = [p for p in chat.rows(Poll) if p.proposal_id == topic_id]
    with worker.store() as db:
        found = fetch_poll_to_change(db, worker.me(db), poll.id)
        assert found is not None
        close_poll(db, found, worker.me(db))
    assert topic(chat, topic_id).state is Stage.DECIDED


def test_a_resident_convenes_nobody(chat: Chat) -> None:
    topic_id = raise_topic(chat.settle_in(), needed=1)
    assert "只有社区工作人员" in chat.say(f"/meetings.open_discussion topic={topic_id}")
    with chat.store() as db, pytest.raises(PermissionError):
        open_discussion(db, topic(chat, topic_id), chat.me(db))
    assert topic(chat, topic_id).state is Stage.READY


def test_a_guest_raises_and_seconds_nothing(chat: Chat, worker: Chat) -> None:
    topic_id = raise_topic(worker)
    chat.say("你好")
    with pytest.raises(PermissionError):
        raise_topic(chat)
    with chat.store() as db, pytest.raises(PermissionError):
        second(db, topic(chat, topic_id), chat.me(db))
    assert seconders(worker, topic_id) == 1


def test_every_move_is_in_the_table() -> None:
    assert set(MOVES) == set(Stage)
    assert all(least >= Role.WORKER for moves in MOVES.values() for to, least in moves.items() if to is not Stage.READY)


@both_stores
def test_another_community_neither_sees_nor_seconds(chat: Chat, neighbour: Neighbour) -> None:
    topic_id, stranger = raise_topic(chat.settle_in()), neighbour("he", slug="baoshi")
    assert "北门装路灯" in chat.say("议事坊")
    assert "北门装路灯" not in stranger.say("议事坊")
    assert "不收附议" in stranger.say(f"/meetings.second topic={topic_id} second=yes")
    with stranger.store() as db:
        assert fetch_proposal(db, topic_id) is None
    assert seconders(chat, topic_id) == 1


def test_a_topic_is_raised_only_by_confirming_it(chat: Chat) -> None:
    def mine() -> list[Proposal]:
        return [p for p in chat.rows(Proposal) if p.by_id is not None]

    chat.settle_in()
    assert "为什么" in chat.say("我提议：北门装一盏路灯")
    assert "这样提交可以吗" in chat.say("晚上太黑，老人看不见")
    assert mine() == []
    assert "要改" in chat.say("改") or "改议题" in "".join(chat.labels())
    chat.say("取消")
    assert mine() == []
    chat.says("提议", "北门装两盏路灯", "晚上太黑，老人看不见", "提交")
    assert [(p.title, p.seconds_needed) for p in mine()] == [({"zh": "北门装两盏路灯"}, 10)]
    assert seconders(chat, mine()[0].id) == 1


@pytest.mark.parametrize("given", ["x", "²", "1" * 40, "-1", "0"])
def test_a_made_up_number_finds_nothing(chat: Chat, given: str) -> None:
    chat.settle_in()
    assert "不收附议" in chat.say(f"/meetings.second topic={given}")
    assert "没有找到" in chat.say(f"/meetings.vote poll={given}")
    assert "没有找到" in chat.say(f"/meetings.result poll={given}")


def test_the_council_speaks_english(chat: Chat) -> None:
    chat.says("hello", "English")
    told = chat.say("meetings")
    assert "Votes under way:" in told
    assert "Should there be breakfast at weekends" in told
    assert any(label.startswith("Second: ") for label in chat.labels())


def load(chat: Chat, **changed: Any) -> None:
    [pack] = packs(chat.community.slug)
    community = pack.community.model_copy(update=changed)
    with chat.store() as db:
        enter_meetings(db, pack.model_copy(update={"community": community}))


def here(chat: Chat, kind: type[Any]) -> list[Any]:
    return [row for row in chat.rows(kind) if row.community_id == chat.community.id and row.key]


@both_stores
def test_a_pack_loaded_again_duplicates_nothing_and_keeps_what_residents_did(chat: Chat, clock: Clock) -> None:
    [pack] = packs(chat.community.slug)
    load(chat)
    chat.settle_in()
    [poll] = [p for p in here(chat, Poll) if p.voter is Voter.PERSON]
    chat.say(f"/meetings.vote poll={poll.id} option=1")
    raised = here(chat, Proposal)[0]
    chat.say(f"/meetings.second topic={raised.id} second=yes")
    before = [row.model_dump() for kind in (Poll, Proposal, Ballot, Second) for row in chat.rows(kind)]
    clock.passes(days=2)
    load(chat)
    assert [row.model_dump() for kind in (Poll, Proposal, Ballot, Second) for row in chat.rows(kind)] == before
    assert {p.key for p in here(chat, Poll)} == {v.key for v in pack.votes}
    assert {p.key for p in here(chat, Proposal)} == {t.key for t in pack.topics}


@both_stores
def test_a_demonstration_is_renewed_when_its_time_is_over(chat: Chat, clock: Clock) -> None:
    load(chat)
    chat.settle_in()
    old = next(p for p in here(chat, Poll) if p.voter is Voter.PERSON)
    chat.say(f"/meetings.vote poll={old.id} option=1")
    clock.passes(days=95)
    load(chat)
    fresh = here(chat, Poll)
    load(chat)
    assert {p.id for p in here(chat, Poll)} == {p.id for p in fresh}
    assert [p.key for p in fresh].count(old.key) == 1
    assert all(p.state is PollState.OPEN and p.closes_at > clock() for p in fresh)
    assert all(p.expires_at > clock() for p in here(chat, Proposal))
    kept = next(p for p in chat.rows(Poll) if p.id == old.id)
    assert kept.key is None
    assert [b.poll_id for b in chat.rows(Ballot)] == [old.id]
    with chat.store() as db:
        found = fetch_poll_to_vote(db, next(p for p in fresh if p.key == old.key).id)
        assert found is not None
        assert not cast_vote(db, found, chat.me(db), 0)


def test_a_real_community_s_votes_are_not_renewed(chat: Chat, clock: Clock) -> None:
    load(chat)
    ids = {p.id for p in here(chat, Poll)}
    clock.passes(days=95)
    load(chat, demo=False)
    assert {p.id for p in here(chat, Poll)} == ids
