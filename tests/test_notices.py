"""Notices: written, aimed, counted before they go, watched while they go, and stopped."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from models.notice import Notice, fetch_notice, latest_notice, send_notice, stop_notice
from models.outbox import Post, Push
from models.resident import Role
from scheduler.claim import claim
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]
WATER = "明天上午9点到11点停水，请提前储水。"


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER, home="8幢1单元101")


@pytest.fixture
def street(neighbour: Neighbour) -> dict[str, Chat]:
    """Two in building 5, one of them a volunteer, one in building 8, a guest, and somebody of another community."""
    people = {
        "li": neighbour("li"),
        "chen": neighbour("chen", role=Role.VOLUNTEER, home="5幢2单元101"),
        "hu": neighbour("hu", home="8幢2单元202"),
        "far": neighbour("far", slug="baoshi"),
        "guest": Chat(neighbour("li").desk, "guest"),
    }
    people["guest"].say("你好")
    return people


def got(street: dict[str, Chat]) -> set[str]:
    return {name for name, chat in street.items() if "notice.notice" in chat.pushed()}


@both_stores
@pytest.mark.parametrize(
    ("audience", "whom", "receivers"),
    [
        (("全体居民",), "全体居民", {"li", "chen", "hu"}),
        (("某一幢", "5幢"), "5幢的居民", {"li", "chen"}),
        (("某一幢", "五幢"), "5幢的居民", {"li", "chen"}),
        (("某一幢", "8"), "8幢的居民", {"hu"}),
        (("志愿者",), "志愿者", {"chen"}),
        (("社区工作人员",), "社区工作人员", set()),
    ],
)
def test_it_reaches_whom_it_is_for(
    worker: Chat, street: dict[str, Chat], audience: tuple[str, ...], whom: str, receivers: set[str]
) -> None:
    assert "通知写什么" in worker.say("发通知")
    heard = worker.says(WATER, *audience)
    theirs = len(receivers) + (audience[0] != "某一幢" or audience[1] == "8")  # the worker lives here too
    assert heard == f"{WATER}\n——\n发给{whom}，共 {theirs} 人。这样发出去可以吗？"
    assert got(street) == set()  # nothing goes before it was seen
    assert f"一共 {theirs} 人" in worker.say("可以")
    assert got(street) == receivers
    assert worker.labels() == ["看进度", "停发"]


def test_the_draft_may_be_changed(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民")
    assert [label for label in worker.labels() if label.startswith("改")] == ["改内容", "改对象"]
    worker.say(tap="改对象")
    worker.says("某一幢", "5幢")
    assert "改楼幢" in worker.labels()
    worker.say(tap="改内容")
    heard = worker.say("后天上午停水，请提前储水。")
    assert heard.startswith("后天上午停水")
    assert "共 2 人" in heard
    worker.say("可以")
    assert got(street) == {"li", "chen"}


def test_it_may_be_called_off(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民")
    assert "取消" in worker.say("算了")
    assert worker.rows(Notice) == []
    assert got(street) == set()


@pytest.mark.parametrize("building", ["99幢", "北边那幢"])
def test_a_notice_for_nobody_is_not_sent(worker: Chat, street: dict[str, Chat], building: str) -> None:
    heard = worker.says("发通知", WATER, "某一幢", building)
    assert "没有人能收到" in heard
    assert worker.rows(Notice) == []
    assert "发通知" in worker.labels()


@both_stores
def test_progress_is_told_while_it_goes(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    line = "一共 4 人：送到 {}，等着 {}，联系不上 {}，不确定 {}，停发 {}。"
    assert line.format(0, 4, 0, 0, 0) in worker.say(tap="看进度")
    with worker.store() as db:
        rows = db.exec(select(Push).where(Push.text_key == "notice.notice").order_by(Push.id)).all()
        rows[0].state, rows[1].state, rows[2].state = Post.SENT, Post.UNREACHABLE, Post.UNCERTAIN
    assert line.format(1, 1, 1, 1, 0) in worker.say("通知进度")
    assert "停发" in worker.labels()
    assert "收不回来" in worker.say(tap="停发")
    assert "还有 1 人没有发" in worker.say("是的")
    assert line.format(1, 0, 1, 1, 1) in worker.say("通知进度")
    assert worker.labels() == []  # nothing is left to stop
    assert claim(worker.desk.engine, worker.desk.communities, clock()) == []


def test_stopping_may_be_thought_better_of(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    worker.say(tap="停发")
    assert "继续发" in worker.say("不")
    assert {p.state for p in worker.rows(Push)} == {Post.WAITING}


def test_of_two_notices_the_button_names_its_own(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    first = worker.choices[0].value
    clock.passes(minutes=1)
    worker.says("发通知", "周六上午共享厅有义诊", "某一幢", "5幢", "可以")
    assert "义诊" in worker.say("通知进度")
    assert "停水" in worker.say(tap=first)


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30])
def test_a_notice_that_is_not_there(worker: Chat, number: str) -> None:
    assert worker.say("通知进度") == "没有找到这条通知。"
    assert worker.say(tap=f"/notice.progress notice={number}") == "没有找到这条通知。"
    assert worker.say(tap=f"/notice.stop notice={number}") == "没有找到这条通知。"


def test_only_workers_send_see_and_stop(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    li = street["li"]
    with li.store() as db:
        me, (notice,) = li.me(db), db.exec(select(Notice)).all()
        assert fetch_notice(db, me, notice.id) is None
        assert latest_notice(db, me) is None
        with pytest.raises(PermissionError):
            send_notice(db, me, "大家好")
        with pytest.raises(PermissionError):
            stop_notice(db, me and notice, me)
    for words in ("发通知", "通知进度"):
        assert li.say(words) == "这项只有社区工作人员可以用。"
    assert {p.state for p in worker.rows(Push)} == {Post.WAITING}


def test_a_notice_waits_for_the_morning(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    clock.now = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)  # ten in the evening
    street["hu"].says("免打扰", "都可以")
    assert "早上再送" in worker.says("发通知", WATER, "全体居民", "可以")
    now = claim(worker.desk.engine, worker.desk.communities, clock())
    with street["hu"].store() as db:
        assert [p.resident_id for p in now] == [street["hu"].me(db).id]
    clock.now += timedelta(hours=10)
    assert len(claim(worker.desk.engine, worker.desk.communities, clock())) == 3


def test_each_reads_it_under_a_heading_of_their_language(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    street["li"].say("English")
    worker.says("发通知", WATER, "某一幢", "5幢", "可以")
    said = {p.reply.text for p in claim(worker.desk.engine, worker.desk.communities, clock())}
    assert said == {f"【社区通知】{WATER}", f"[Community notice] {WATER}"}
