"""Notices: written, aimed, counted before they go, watched while they go, paused and stopped; the sum is always right."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from bot.channels import Parcel
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from models.group import link_group
from models.migrate import migrate
from models.notice import (
    COUNTED,
    Notice,
    fetch_notice,
    how_far,
    latest_notice,
    pause_notice,
    report,
    report_groups,
    resume_notice,
    send_notice,
    stop_notice,
)
from models.outbox import Post, Push
from models.resident import Role
from models.store import connect, transaction
from scheduler.claim import claim
from scheduler.deadlines import meet_deadlines
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


def leaving(chat: Chat, clock: Clock) -> list[Parcel]:
    """What sets out now to the pages of this community."""
    return claim(chat.desk.engine, chat.desk.communities, clock(), ["web:hongmei"], 100).parcels


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
    assert worker.labels() == ["看进度", "暂停", "停发"]


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
    assert worker.say(tap="看进度") == f"“{WATER}”\n正在发。一共 4 人，送到 0 人。\n· 等着发：4 人"
    with worker.store() as db:
        rows = pushes(db)
        rows[0].state, rows[1].state, rows[2].state = Post.SENT, Post.UNREACHABLE, Post.UNCERTAIN
    heard = worker.say("通知进度")
    assert "一共 4 人，送到 1 人。\n· 等着发：1 人\n· 联系不上：1 人\n· 不确定送到没有：1 人" in heard
    assert "停发" in worker.labels()
    assert "收不回来" in worker.say(tap="停发")
    assert "还有 1 人没有发" in worker.say("是的")
    heard = worker.say("通知进度")
    assert "停发了。一共 4 人，送到 1 人。" in heard
    assert heard.endswith("· 没有发：1 人")
    assert worker.labels() == []  # nothing is left to stop
    assert leaving(worker, clock) == []


def pushes(db: Session) -> list[Push]:
    """Of all notices, to people and groups, oldest first."""
    return list(db.exec(select(Push).where(Push.text_key == "notice.notice").order_by(col(Push.id))))


def states(chat: Chat) -> Counter[Post]:
    with chat.store() as db:
        return Counter(p.state for p in pushes(db))


@both_stores
def test_whatever_became_of_each_the_sum_is_everybody(worker: Chat, neighbour: Neighbour) -> None:
    for n in range(len(Post)):
        neighbour(f"n{n}")
    with worker.store() as db:
        notice = send_notice(db, worker.me(db), WATER)
    with worker.store() as db:
        for row, state in zip(pushes(db), (*Post, Post.SENT), strict=True):
            row.state = state
    with worker.store() as db:
        counted = report(db, notice)
        assert counted.total == sum(how_far(db, notice).values()) == len(Post) + 1
        assert (counted.reached, counted.waiting, counted.untried) == (2, 2, 2)
        assert counted.paused == counted.unreachable == counted.uncertain == counted.refused == 1
    assert set(COUNTED) == set(Post)
    heard = worker.say("通知进度")
    rest = [int(n) for n in re.findall(r"· \S+：(\d+) 人", heard)]
    assert sum(rest) + counted.reached == counted.total


@both_stores
def test_it_may_be_paused_and_taken_up_again(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    with worker.store() as db:
        done, taken, gone, _ = pushes(db)
        done.state, taken.state, gone.state = Post.SENT, Post.SENDING, Post.SENDING
        taken.lease_until = gone.lease_until = clock() + timedelta(minutes=2)
        gone.attempted_at = clock()
    assert worker.say(tap="暂停").startswith("暂停了，还有 2 人没有发")
    assert worker.labels() == ["看进度", "接着发", "停发"]
    assert states(worker) == {Post.SENT: 1, Post.SENDING: 1, Post.PAUSED: 2}  # what is on the wire is
    clock.passes(days=3)
    assert leaving(worker, clock) == []
    assert "暂停了。一共 4 人，送到 1 人。\n· 等着发：1 人\n· 暂停没发：2 人" in worker.say(tap="看进度")
    woken: list[datetime] = []
    worker.desk.wake = woken.append
    assert worker.say(tap="接着发") == "接着发，还有 2 人。"
    assert woken == [clock()]
    assert worker.labels() == ["看进度", "暂停", "停发"]
    assert len(leaving(worker, clock)) == 2
    assert "正在发。一共 4 人，送到 1 人。\n· 等着发：3 人" in worker.say(tap="看进度")


@both_stores
def test_a_paused_notice_may_be_stopped(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    worker.say(tap="暂停")
    assert worker.says("停发通知", "是的") == "停了，还有 4 人没有发。"
    assert states(worker) == {Post.CANCELLED: 4}
    for words in ("暂停通知", "接着发通知", "停发通知"):
        assert worker.say(words) == "这条通知已经发完或者停了，没有可以改的了。"
    assert states(worker) == {Post.CANCELLED: 4}
    assert "停发了。一共 4 人，送到 0 人。\n· 没有发：4 人" in worker.say("通知进度")


@both_stores
def test_what_is_on_the_wire_when_it_is_stopped_sets_out_no_second_time(
    worker: Chat, street: dict[str, Chat], clock: Clock
) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    with worker.store() as db:
        gone = pushes(db)[0]
        gone.state, gone.attempted_at = Post.SENDING, clock()
    assert "还有 3 人没有发" in worker.says("停发通知", "是的")
    with worker.store() as db:
        back = pushes(db)[0]
        back.state, back.due_at = Post.WAITING, clock() + timedelta(seconds=30)  # too many requests, come again
    clock.passes(minutes=1)
    assert leaving(worker, clock) == []
    assert "送到 0 人。\n· 没有发：4 人" in worker.say("通知进度")


@both_stores
def test_what_is_on_the_wire_when_it_is_paused_waits_with_the_others(
    worker: Chat, street: dict[str, Chat], clock: Clock
) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    with worker.store() as db:
        gone = pushes(db)[0]
        gone.state, gone.attempted_at = Post.SENDING, clock()
    worker.say("暂停通知")
    with worker.store() as db:
        back = pushes(db)[0]
        back.state, back.due_at = Post.WAITING, clock() + timedelta(seconds=30)
    meet_deadlines(worker.desk)
    clock.passes(minutes=1)
    assert leaving(worker, clock) == []
    assert states(worker) == {Post.PAUSED: 4}
    assert worker.say("接着发通知") == "接着发，还有 4 人。"


def test_stopping_may_be_thought_better_of(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    worker.say(tap="停发")
    assert "继续发" in worker.say("不")
    assert worker.labels() == ["看进度", "暂停", "停发"]
    assert {p.state for p in worker.rows(Push)} == {Post.WAITING}


def test_of_a_notice_of_long_ago_no_numbers_are_made_up(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    with worker.store() as db:
        for row in pushes(db):
            db.delete(row)  # as pruning does
    assert worker.say("通知进度") == f"“{WATER}”是 11月25日（周三）12:00 发的，时间久了，送到多少已经不留记录了。"
    assert worker.say("暂停通知") == "这条通知已经发完或者停了，没有可以改的了。"


# --- done with ------------------------------------------------------------------------------------------------------


def settle_all(chat: Chat, *more: Post) -> None:
    """Whatever still waits is sent, but for the first few, of which something else became."""
    with chat.store() as db:
        waiting = [p for p in pushes(db) if p.state is Post.WAITING]
        for n, row in enumerate(waiting):
            row.state = more[n] if n < len(more) else Post.SENT


def told(chat: Chat) -> list[str]:
    return [key for key in chat.pushed() if key.startswith("notice.finished")]


@both_stores
def test_every_worker_is_told_the_final_numbers_once(
    worker: Chat, street: dict[str, Chat], neighbour: Neighbour, clock: Clock, store_url: str
) -> None:
    colleague, far = neighbour("sun", role=Role.MANAGER), neighbour("he", slug="baoshi", role=Role.WORKER)
    worker.says("发通知", WATER, "全体居民", "可以")
    meet_deadlines(worker.desk)
    settle_all(worker, Post.WAITING, Post.UNREACHABLE, Post.UNCERTAIN)
    meet_deadlines(worker.desk)
    assert told(worker) == []  # one is still to go
    settle_all(worker, Post.REFUSED)
    engine = connect(store_url)
    replica = Desk(engine, Communities(engine), clock)
    gate = threading.Barrier(4)

    def meet(desk: Desk) -> None:
        for _ in range(3):
            gate.wait(30)
            meet_deadlines(desk)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(meet, (worker.desk, replica, worker.desk, replica)))
    engine.dispose()
    assert told(worker) == told(colleague) == ["notice.finished"]
    assert [told(who) for who in (far, *street.values())] == [[]] * 6
    said = {p.reply.text for p in leaving(worker, clock)}
    assert said == {
        f"通知“{WATER}”发完了。一共 5 人：送到 2，联系不上 1，不确定 1，对方软件不收 1，没有发 0。",
    }
    (notice,) = worker.rows(Notice)
    assert notice.finished_at == clock()
    assert "发完了。一共 5 人，送到 2 人。" in worker.say(tap=f"/notice.progress notice={notice.id}")
    assert worker.labels() == []
    clock.passes(hours=1)
    newcomer = neighbour("zhou", role=Role.WORKER)
    meet_deadlines(worker.desk)
    assert told(newcomer) == []
    assert worker.rows(Notice) == [notice]


def test_when_it_reached_everybody_that_is_all_there_is_to_say(
    worker: Chat, street: dict[str, Chat], clock: Clock
) -> None:
    worker.says("发通知", WATER, "某一幢", "5幢", "可以")
    settle_all(worker)
    meet_deadlines(worker.desk)
    (parcel,) = leaving(worker, clock)
    assert parcel.reply.text == f"通知“{WATER}”发完了，2 人都送到了。"
    assert [c.label for c in parcel.reply.choices] == ["看进度"]


@both_stores
def test_a_paused_notice_is_not_done_with_and_a_stopped_one_is(
    worker: Chat, street: dict[str, Chat], clock: Clock
) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    settle_all(worker, Post.SENT, Post.WAITING, Post.SENT, Post.SENT)
    worker.say("暂停通知")
    clock.passes(days=1)
    meet_deadlines(worker.desk)
    assert told(worker) == []
    worker.says("停发通知", "是的")
    meet_deadlines(worker.desk)
    assert told(worker) == ["notice.finished"]
    assert "没有发 1。" in leaving(worker, clock)[0].reply.text


@both_stores
def test_nobody_is_told_anew_of_notices_from_before_there_was_telling(engine: Engine) -> None:
    migrate(engine, "base")
    migrate(engine, "0001")
    at = {"at": "2026-11-01 00:00:00" if engine.dialect.name == "sqlite" else "2026-11-01 00:00:00+00"}
    with engine.connect() as c, c.begin():
        c.execute(text("INSERT INTO community (id, slug, content, version, tickets) VALUES (1, 'x', '{}', 1, 0)"))
        c.execute(
            text(
                "INSERT INTO resident (community_id, id, origin, name, role, language, home, verified, quiet_from, quiet_until)"
                " VALUES (1, 7, 'x', '', 'worker', 'zh', '', false, 0, 0)"
            )
        )
        for notice, state in ((1, "sent"), (2, "waiting")):
            c.execute(
                text(
                    "INSERT INTO notice (community_id, id, by_id, text, building, least, urgent, sent_at)"
                    " VALUES (1, :id, 7, '', '', 'resident', false, :at)"
                ),
                at | {"id": notice},
            )
            c.execute(
                text(
                    "INSERT INTO push (community_id, id, key, about, resident_id, text_key, facts, choices, urgent, state, due_at, tries)"
                    " VALUES (1, :id, :about, :about, 7, '', '{}', '[]', false, :state, :at, 0)"
                ),
                at | {"id": notice, "about": f"notice:{notice}", "state": state},
            )
    migrate(engine)
    with transaction(engine, 1) as db:
        assert {n.id for n in db.exec(select(Notice)) if n.finished_at is not None} == {1}


# --- groups ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def group(worker: Chat, street: dict[str, Chat]) -> int:
    """The resident a linked group stands for in the register."""
    with worker.store() as db:
        return link_group(db, worker.me(db), "telegram", "hongmei", "-1001", "红梅邻居").resident_id


def to_group(chat: Chat, group: int) -> list[Push]:
    return [p for p in chat.rows(Push) if p.resident_id == group]


@both_stores
def test_what_is_for_everybody_is_told_in_the_groups_and_people_are_counted_without_them(
    worker: Chat, group: int
) -> None:
    assert "发给全体居民，共 4 人，还有 1 个群。" in worker.says("发通知", WATER, "全体居民")
    assert "一共 4 人。" in worker.say("可以")
    (push,) = to_group(worker, group)
    assert (push.text_key, push.facts, push.choices) == ("notice.notice", {"text": WATER}, [])
    assert worker.say(tap="看进度").endswith("· 等着发：4 人\n群：一共 1 个，送到 0 个。")
    assert "还有 4 人没有发" in worker.say("暂停通知")
    assert to_group(worker, group)[0].state is Post.PAUSED
    assert worker.say("接着发通知") == "接着发，还有 4 人。"
    assert to_group(worker, group)[0].state is Post.WAITING
    assert "还有 4 人没有发" in worker.says("停发通知", "是的")
    assert to_group(worker, group)[0].state is Post.CANCELLED


@pytest.mark.parametrize("audience", [("某一幢", "5幢"), ("志愿者",), ("社区工作人员",)])
def test_what_is_for_some_is_not_told_in_a_group(worker: Chat, group: int, audience: tuple[str, ...]) -> None:
    assert "群" not in worker.says("发通知", WATER, *audience)
    worker.say("可以")
    assert to_group(worker, group) == []
    assert "群" not in worker.say("通知进度")


def test_it_is_not_done_with_before_the_groups_have_it(worker: Chat, group: int) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    with worker.store() as db:
        (notice,) = db.exec(select(Notice)).all()
        for row in pushes(db):
            row.state = Post.WAITING if row.resident_id == group else Post.SENT
    meet_deadlines(worker.desk)
    assert told(worker) == []
    assert "正在发。一共 4 人，送到 4 人。\n群：一共 1 个，送到 0 个。" in worker.say("通知进度")
    assert "暂停" in worker.labels()
    settle_all(worker)
    meet_deadlines(worker.desk)
    assert told(worker) == ["notice.finished_all"]
    with worker.store() as db:
        assert report(db, notice).total == 4
        assert report_groups(db, notice).reached == 1


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
    for step in ("pause", "resume", "stop"):
        assert worker.say(tap=f"/notice.{step} notice={number}") == "没有找到这条通知。"


def test_only_workers_send_see_and_stop(worker: Chat, street: dict[str, Chat]) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    li = street["li"]
    with li.store() as db:
        me, (notice,) = li.me(db), db.exec(select(Notice)).all()
        assert fetch_notice(db, me, notice.id) is None
        assert latest_notice(db, me) is None
        with pytest.raises(PermissionError):
            send_notice(db, me, "大家好")
        for change in (pause_notice, resume_notice, stop_notice):
            with pytest.raises(PermissionError):
                change(db, notice, me)
    for words in ("发通知", "通知进度", "暂停通知", "接着发通知", "停发通知"):
        assert li.say(words) == "这项只有社区工作人员可以用。"
    assert {p.state for p in worker.rows(Push)} == {Post.WAITING}


def test_workers_of_another_community_know_nothing_of_it(worker: Chat, neighbour: Neighbour) -> None:
    worker.says("发通知", WATER, "全体居民", "可以")
    (notice,) = worker.rows(Notice)
    far = neighbour("wang", slug="baoshi", role=Role.WORKER)
    for step in ("progress", "pause", "resume", "stop"):
        assert far.say(tap=f"/notice.{step} notice={notice.id}") == "没有找到这条通知。"
    assert far.say("通知进度") == "没有找到这条通知。"
    assert {p.state for p in worker.rows(Push)} == {Post.WAITING}


def test_a_notice_waits_for_the_morning(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    clock.now = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)  # ten in the evening
    street["hu"].says("免打扰", "都可以")
    assert "早上再送" in worker.says("发通知", WATER, "全体居民", "可以")
    now = leaving(worker, clock)
    with street["hu"].store() as db:
        assert [p.resident_id for p in now] == [street["hu"].me(db).id]
    clock.now += timedelta(hours=10)
    assert len(leaving(worker, clock)) == 3


def test_each_reads_it_under_a_heading_of_their_language(worker: Chat, street: dict[str, Chat], clock: Clock) -> None:
    street["li"].say("English")
    worker.says("发通知", WATER, "某一幢", "5幢", "可以")
    said = {p.reply.text for p in leaving(worker, clock)}
    assert said == {f"【社区通知】{WATER}", f"[Community notice] {WATER}"}
