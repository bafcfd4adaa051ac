"""Neighbourhood groups: linked by a worker, told what concerns everybody and nothing else, counted nowhere."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from bot.channels import Parcel
from models.ballot import Poll, Voter, final_tally
from models.group import (
    LinkedElsewhere,
    LinkedGroup,
    fetch_group,
    find_group,
    group_left,
    group_moved,
    link_group,
    linked_groups,
    unlink_group,
)
from models.outbox import Post, Push
from models.outbox_bulk import count_receivers, push_to_groups
from models.poll import open_poll
from models.privacy import export_resident
from models.resident import Account, Resident, Role
from models.store import reading, transaction
from scheduler.claim import claim
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]
CHAT, SUPER = "-1001", "-1002000000001"
SERVED = ["hongmei", "baoshi"]  # by one bot
WATER = "明天上午9点到11点停水，请提前储水。"


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER, home="8幢1单元101")


def link(chat: Chat, number: str = CHAT, title: str = "红梅邻居") -> LinkedGroup:
    with chat.store() as db:
        return link_group(db, chat.me(db), "telegram", chat.community.slug, number, title)


def owe(chat: Chat, key: str = "vote") -> int:
    with chat.store() as db:
        return push_to_groups(db, key, "notice.notice", {"text": WATER}, about=key)


def leaving(chat: Chat, clock: Clock) -> list[Parcel]:
    """What sets out now to the groups of this community."""
    return claim(chat.desk.engine, chat.desk.communities, clock(), ["telegram:hongmei"], 100).parcels


# --- linked and left ------------------------------------------------------------------------------------------------


@both_stores
def test_a_linked_group_is_reached_like_anybody(worker: Chat, clock: Clock) -> None:
    link(worker)
    assert owe(worker) == 1
    assert owe(worker) == 0  # the same twice is once
    (parcel,) = leaving(worker, clock)
    assert (parcel.to.channel, parcel.to.account, parcel.to.user) == ("telegram", "hongmei", CHAT)
    assert parcel.reply.text == f"【社区通知】{WATER}"
    assert parcel.reply.choices == ()


@both_stores
def test_linking_again_is_linking_once(worker: Chat) -> None:
    first, again = link(worker), link(worker, title="红梅大家庭")
    assert first.id == again.id
    assert [g.title for g in worker.rows(LinkedGroup)] == ["红梅大家庭"]
    assert [a.user for a in worker.rows(Account) if a.channel == "telegram"] == [CHAT]


@both_stores
def test_two_who_link_it_at_one_instant_link_it_once(worker: Chat, neighbour: Neighbour) -> None:
    colleague = neighbour("sun", role=Role.WORKER)
    with ThreadPoolExecutor(2) as pool:
        groups = list(pool.map(link, (worker, colleague)))
    assert groups[0].id == groups[1].id
    assert len(worker.rows(LinkedGroup)) == 1
    assert len([r for r in worker.rows(Resident) if r.origin.startswith("telegram:")]) == 1


@both_stores
@pytest.mark.parametrize("how", ["put out", "unlinked"])
def test_who_has_left_is_told_nothing_until_linked_again(worker: Chat, clock: Clock, how: str) -> None:
    group = link(worker)
    owe(worker, "before")
    with worker.store() as db:
        if how == "unlinked":
            unlink_group(db, *db.exec(select(LinkedGroup)).all(), worker.me(db))
        else:
            group_left(db, "telegram", SERVED, CHAT)
    assert owe(worker, "after") == 0
    assert leaving(worker, clock) == []
    assert [p.state for p in worker.rows(Push)] == [Post.UNREACHABLE]  # nor what was owed before
    with worker.store() as db:
        assert linked_groups(db) == []
        assert find_group(db, "telegram", SERVED, CHAT) is None
        group_left(db, "telegram", SERVED, CHAT)
    clock.passes(hours=1)
    again = link(worker)
    assert (again.id, again.left_at, again.linked_at) == (group.id, None, clock())
    assert owe(worker, "again") == 1
    assert len(leaving(worker, clock)) == 1


@both_stores
def test_a_group_that_grows_keeps_its_link(worker: Chat, clock: Clock) -> None:
    group = link(worker)
    owe(worker)
    for _ in range(2):  # the channel says so on both sides of the move
        with transaction(worker.desk.engine, None, clock()) as db:
            group_moved(db, "telegram", SERVED, CHAT, SUPER)
    (parcel,) = leaving(worker, clock)
    assert parcel.to.user == SUPER
    assert [(g.id, g.chat, g.left_at) for g in worker.rows(LinkedGroup)] == [(group.id, SUPER, None)]
    assert link(worker, SUPER).id == group.id
    assert len([r for r in worker.rows(Resident) if r.origin.startswith("telegram:")]) == 1


@both_stores
def test_a_group_linked_anew_before_it_is_said_to_have_moved_stands_there_once(worker: Chat, clock: Clock) -> None:
    link(worker)
    new = link(worker, SUPER)
    with transaction(worker.desk.engine, None, clock()) as db:
        group_moved(db, "telegram", SERVED, CHAT, SUPER)
    with worker.store() as db:
        assert [g.id for g in linked_groups(db)] == [new.id]
    assert owe(worker) == 1


@both_stores
def test_a_group_is_told_of_one_neighbourhood(worker: Chat, neighbour: Neighbour, clock: Clock) -> None:
    far = neighbour("he", slug="baoshi", role=Role.WORKER)
    link(worker)
    with pytest.raises(LinkedElsewhere):
        link(far)
    assert far.rows(LinkedGroup) == []
    assert owe(far) == 0
    with reading(worker.desk.engine, None) as db:
        found = find_group(db, "telegram", SERVED, CHAT)
        assert found is not None
        assert found.community_id == worker.community.id
    with worker.store() as db:
        group_left(db, "telegram", SERVED, CHAT)
    assert link(far).community_id == far.community.id  # it may change over
    with pytest.raises(LinkedElsewhere):
        link(worker)


@both_stores
def test_another_bot_of_a_group_changes_nothing_for_ours(worker: Chat, clock: Clock) -> None:
    group = link(worker)
    with transaction(worker.desk.engine, None, clock()) as db:
        assert find_group(db, "telegram", ["zhaohui"], CHAT) is None
        group_left(db, "telegram", ["zhaohui"], CHAT)
        group_moved(db, "telegram", ["zhaohui"], CHAT, SUPER)
    assert [(g.id, g.chat, g.left_at) for g in worker.rows(LinkedGroup)] == [(group.id, CHAT, None)]


@pytest.mark.parametrize("role", [Role.GUEST, Role.RESIDENT, Role.VOLUNTEER])
def test_only_workers_link_and_unlink(worker: Chat, neighbour: Neighbour, role: Role) -> None:
    group, li = link(worker), neighbour("li", role=role)
    with li.store() as db:
        me = li.me(db)
        me.role = role
        with pytest.raises(PermissionError):
            link_group(db, me, "telegram", "hongmei", "-1003", "")
        with pytest.raises(PermissionError):
            unlink_group(db, *db.exec(select(LinkedGroup)).all(), me)
        assert fetch_group(db, me, group.id) is None
    assert [(g.chat, g.left_at) for g in worker.rows(LinkedGroup)] == [(CHAT, None)]


# --- what it is told ------------------------------------------------------------------------------------------------


def vote(db: Session, by: Resident, until: datetime) -> Poll:
    title, what = {"zh": "周六晚上放什么电影", "en": "Which film on Saturday"}, {"zh": "七点开始"}
    return open_poll(db, by, title, what, [{"zh": "越剧"}, {"zh": "动画片"}], Voter.PERSON, True, until)


@both_stores
def test_a_new_vote_is_told_without_a_button_that_votes(worker: Chat, neighbour: Neighbour, clock: Clock) -> None:
    group, li = link(worker), neighbour("li")
    with worker.store() as db:
        poll = vote(db, worker.me(db), clock() + timedelta(days=3))
    (parcel,) = leaving(worker, clock)
    assert (parcel.resident_id, parcel.reply.choices) == (group.resident_id, ())
    assert parcel.reply.text.startswith("新的投票：周六晚上放什么电影\n七点开始\n每人一票，")
    assert parcel.reply.text.endswith("投票请私下跟我说“投票”。")
    assert li.pushed() == ["meetings.opened"]
    with worker.store() as db:
        assert final_tally(db, poll).base == 2  # the group is nobody


@both_stores
def test_what_one_resident_does_is_never_told_there(worker: Chat, neighbour: Neighbour) -> None:
    group, li = link(worker), neighbour("li")
    li.says("3幢楼道的灯坏了，三天了", "跳过", "跳过", "可以", "月球上能不能种白菜呀", "我要找人", "我家着火了")
    li.say("取消")
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换好了")
    li.say(tap="/meetings.propose")
    li.says("北门口装一张长椅", "老人买菜回来好歇一歇", "可以")
    assert len(worker.rows(Push)) > 4
    assert group.resident_id not in {p.resident_id for p in worker.rows(Push)}


def test_it_is_not_counted_among_the_people(worker: Chat, neighbour: Neighbour) -> None:
    neighbour("li")
    with worker.store() as db:
        before = count_receivers(db)
    link(worker)
    with worker.store() as db:
        assert count_receivers(db) == before == 2


def test_it_is_left_alone_at_night(worker: Chat, clock: Clock) -> None:
    link(worker)
    clock.now = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)  # ten in the evening
    owe(worker)
    assert leaving(worker, clock) == []
    clock.now += timedelta(hours=10)
    assert len(leaving(worker, clock)) == 1


def test_it_speaks_the_language_of_whoever_linked_it(worker: Chat, clock: Clock) -> None:
    worker.say("English")
    link(worker)
    owe(worker)
    (parcel,) = leaving(worker, clock)
    assert parcel.reply.text == f"[Community notice] {WATER}"


def test_nobody_takes_it_home_with_their_data(worker: Chat) -> None:
    link(worker)
    owe(worker)
    with reading(worker.desk.engine, worker.community.id) as db:
        kept = json.dumps(export_resident(db, worker.me(db)), ensure_ascii=False)
    assert "红梅邻居" not in kept
    assert CHAT not in kept


# --- in the chat ----------------------------------------------------------------------------------------------------


def test_a_worker_sees_the_groups_and_unlinks_one(worker: Chat) -> None:
    assert "还没有关联的群" in worker.say("群")
    link(worker)
    link(worker, "-1002", "楼长群")
    heard = worker.say("关联的群")
    assert heard.splitlines()[1:] == [
        "· 红梅邻居（11月25日（周三）12:00 关联）",
        "· 楼长群（11月25日（周三）12:00 关联）",
    ]
    assert worker.labels() == ["解除“红梅邻居”", "解除“楼长群”"]
    assert "以后不再往“楼长群”发" in worker.say(tap="解除“楼长群”")
    assert "照旧" in worker.say("不")
    worker.say("群")
    worker.say(tap="解除“楼长群”")
    assert "已经解除关联" in worker.say("是的")
    worker.say("groups")
    assert worker.labels() == ["解除“红梅邻居”"]


def test_a_group_is_nobody_elses_business(worker: Chat, neighbour: Neighbour) -> None:
    group, li = link(worker), neighbour("li")
    far = neighbour("wang", slug="baoshi", role=Role.WORKER)
    for words in ("群", f"/groups.unlink group={group.id}"):
        assert li.say(words) == "这项只有社区工作人员可以用。"
    assert "还没有关联的群" in far.say("群")
    for number in (str(group.id), "0", "x"):
        assert "没有找到这个群" in far.say(tap=f"/groups.unlink group={number}")
    assert [g.left_at for g in worker.rows(LinkedGroup)] == [None]
