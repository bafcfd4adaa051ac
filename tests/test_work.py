"""What a worker does from the chat: take on, ask, answer, give out codes; and that nobody else can."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlmodel import select

from bot.conversation.group import answer
from bot.conversation.message import Message
from bot.conversation.service import SERVICES
from models.code import LIFETIME, Code
from models.enquiry import Enquiry, answer_enquiry, fetch_enquiry, open_enquiries
from models.outbox import Post, Push, push
from models.resident import Role
from models.store import reading
from models.ticket import Ticket
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]
WORKERS_ONLY = [name for name, s in SERVICES.items() if s.needs >= Role.WORKER]


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER, home="8幢1单元101")


@pytest.fixture
def at_home(chat: Chat) -> Chat:
    return chat.settle_in()


def told(chat: Chat) -> list[str]:
    """Everything owed to somebody, as they read it."""
    with reading(chat.desk.engine, chat.community.id) as db:
        me = chat.me(db)
        texts = chat.community.texts(me.language)
        mine = db.exec(select(Push).where(Push.resident_id == me.id).order_by(Push.id))
        return [texts(p.text_key, **p.facts) for p in mine]


@pytest.mark.parametrize("name", WORKERS_ONLY)
def test_the_door_is_closed_to_residents_and_guests(at_home: Chat, desk: object, name: str) -> None:
    assert at_home.say(tap=f"/{name}") == "这项只有社区工作人员可以用。"
    stranger = Chat(at_home.desk, "stranger")
    assert stranger.say(tap=f"/{name}") == "这项只有社区工作人员可以用。"


@pytest.mark.parametrize(
    "text", ["I work nights, is the gym open late", "what is there to do this weekend", "我的工作很忙，几点关门"]
)
def test_a_resident_who_speaks_of_work_is_not_turned_away(at_home: Chat, text: str) -> None:
    assert "只有社区工作人员" not in at_home.say(text)


def test_the_overview_counts_and_leads_on(at_home: Chat, worker: Chat) -> None:
    assert worker.say("工作") == "没有等您办的工单。"
    assert worker.labels() == ["没答上的问题", "发通知", "发活动", "发起投票", "发绑定码"]
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    at_home.say("月球上能种白菜吗")
    heard = worker.say("待办")
    assert "有 1 件工单等您办：\n1 号 照明 5幢" in heard
    assert "有 1 个问题等回复" in heard
    assert "13812345678" not in worker.say(tap="1 号 照明 5幢")
    assert "受理" in worker.labels()


def test_a_colleagues_tickets_are_not_on_my_list(at_home: Chat, worker: Chat, neighbour: Neighbour) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    zhao = neighbour("zhao", role=Role.WORKER)
    worker.says("/work.accept ticket=1")
    assert "1 号" in worker.say("工作")
    assert "没有等您办的工单" in zhao.say("工作")
    assert "工单 1 号" in zhao.say(tap="/work.ticket ticket=1")  # but anybody here may look, and help out


@pytest.mark.parametrize("number", ["0", "-1", "x", "2", "9" * 40])
def test_a_ticket_that_is_not_there(worker: Chat, number: str) -> None:
    for step in ("ticket", "accept", "finish"):
        assert "没有找到" in worker.say(tap=f"/work.{step} ticket={number}")


def test_without_a_number_the_only_one_is_meant_and_of_several_one_is_chosen(at_home: Chat, worker: Chat) -> None:
    assert "没有找到" in worker.say(tap="/work.accept")
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    assert "1 号现在：已受理" in worker.say(tap="/work.accept")
    at_home.says("21幢水管漏水，漏了一天", "跳过", "跳过", "可以")
    assert "哪一个工单" in worker.say(tap="/work.start")
    assert "1 号现在：办理中" in worker.say(tap="1 号 照明 5幢")


def test_a_finish_needs_a_word_for_the_reporter(at_home: Chat, worker: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    worker.says("/work.accept ticket=1")
    assert "写一句" in worker.say(tap="/work.finish ticket=1")
    assert "写一句" in worker.say("")
    assert "已办结" in worker.say("灯泡换好了")
    assert told(at_home)[-1].endswith("已办结。灯泡换好了")


@both_stores
def test_an_answer_reaches_who_asked_and_closes_the_question(at_home: Chat, worker: Chat, neighbour: Neighbour) -> None:
    at_home.say("月球上能种白菜吗")
    assert "月球上能种白菜吗" in worker.say("没答上的问题")
    assert "您的回复是" in worker.say(tap="月球上能种白菜吗")
    assert "发出去了" in worker.say("月球上不行，阳台上可以。")
    assert told(at_home) == ["您问的“月球上能种白菜吗”，社区工作人员回复：\n月球上不行，阳台上可以。"]
    assert "没有等回复的问题" in worker.say("没答上的问题")


@both_stores
def test_two_workers_answer_at_once(at_home: Chat, worker: Chat, neighbour: Neighbour) -> None:
    at_home.say("月球上能种白菜吗")
    pair = [worker, neighbour("zhao", role=Role.WORKER)]
    for w in pair:
        w.says("没答上的问题")
        w.say(tap="月球上能种白菜吗")
    messages = [Message("both", w.address, "不能种", sent_at=w.desk.now()) for w in pair]
    said = [r[0].text for r in answer(at_home.desk, at_home.community.id, messages) if isinstance(r, list)]
    assert said == ["回复发出去了。", "这个问题已经有同事回复了。"]
    assert len(told(at_home)) == 1


def test_the_same_question_asked_again_is_kept_once(at_home: Chat, worker: Chat, neighbour: Neighbour) -> None:
    at_home.says("月球上能种白菜吗", "月球上能种白菜吗")
    assert len(at_home.rows(Enquiry)) == 1
    neighbour("li").say("月球上能种白菜吗")  # each is answered
    assert len(at_home.rows(Enquiry)) == 2
    assert told(worker) == []  # a question disturbs nobody; it waits


def test_who_wants_a_person_comes_first_and_rings(at_home: Chat, worker: Chat, clock: Clock) -> None:
    at_home.say("月球上能种白菜吗")
    clock.passes(hours=1)
    at_home.say("火星呢，火星上能不能种")
    assert "已经告诉社区工作人员" in at_home.say(tap="找人说")
    (news,) = told(worker)
    assert news.startswith("有居民要找人说话：火星呢，火星上能不能种\n住址：3幢2单元502室，电话：—")
    worker.say("没答上的问题")
    assert worker.labels()[0].startswith("火星呢")
    assert [e.wants_person for e in at_home.rows(Enquiry)].count(True) == 1


def test_asking_for_a_person_again_and_again_rings_once(at_home: Chat, worker: Chat) -> None:
    for _ in range(3):
        assert "已经告诉" in at_home.say("找人")
    assert len(told(worker)) == 1


def test_who_says_what_it_is_about_is_quoted(at_home: Chat, worker: Chat) -> None:
    at_home.say("我要找人说说低保的事")
    assert told(worker)[0].startswith("有居民要找人说话：我要找人说说低保的事")


def test_questions_are_for_workers_eyes(at_home: Chat, worker: Chat) -> None:
    at_home.say("月球上能种白菜吗")
    with at_home.store() as db:
        me, (enquiry,) = at_home.me(db), db.exec(select(Enquiry)).all()
        assert fetch_enquiry(db, me, enquiry.id) is None
        with pytest.raises(PermissionError):
            open_enquiries(db, me)
        with pytest.raises(PermissionError):
            answer_enquiry(db, enquiry, me, "自己答自己")
    assert at_home.rows(Enquiry)[0].answer == ""


def test_another_communitys_worker_sees_none_of_it(at_home: Chat, neighbour: Neighbour) -> None:
    at_home.say("月球上能种白菜吗")
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    there = neighbour("chen", slug="baoshi", role=Role.WORKER)
    assert there.say("工作") == "没有等您办的工单。"
    assert told(there) == []


@both_stores
def test_a_code_binds_a_home_once(worker: Chat, chat: Chat) -> None:
    heard = worker.says("发绑定码", "5幢1单元301")
    code = heard.split("绑定码：")[1][:9]
    assert "14 天内有效" in heard
    assert "绑定好了：5幢1单元301室" in chat.say(code)
    with chat.store() as db:
        assert chat.me(db).verified
        assert chat.me(db).role is Role.RESIDENT
    assert "不对" in chat.say(code)


def test_a_code_grows_old(worker: Chat, chat: Chat, clock: Clock) -> None:
    code = worker.says("发绑定码", "5幢1单元301").split("绑定码：")[1][:9]
    clock.now += LIFETIME
    clock.passes(seconds=1)
    assert "过期" in chat.say(code)
    assert isinstance(chat.rows(Code)[0].expires_at, datetime)


def test_a_code_may_be_asked_for_in_two_steps(worker: Chat) -> None:
    assert "几单元几室" in worker.says("发绑定码", "5幢")
    assert "5幢1单元301室 的绑定码" in worker.say("1单元301")


def test_a_worker_works_in_english(at_home: Chat, worker: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    worker.say("English")
    assert "1 reports wait for you" in worker.say("work") or "report" in worker.say("work")
    worker.say(tap="/work.ticket ticket=1")
    assert worker.labels() == ["Accept"]
    assert "Report 1 is now: accepted" in worker.say("Accept")
    assert told(at_home) == ["您报的工单 1 号（照明）：已受理。"]  # each in their own language


def test_a_worker_who_leaves_leaves_the_work_to_the_others(at_home: Chat, worker: Chat, neighbour: Neighbour) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "跳过", "可以")
    zhao = neighbour("zhao", role=Role.WORKER)
    worker.says("/work.accept ticket=1", "删除我的信息", "是的")
    assert at_home.rows(Ticket)[0].worker_id is None
    assert "1 号" in zhao.say("工作")


def test_what_may_not_have_arrived_is_shown_to_workers_alone(neighbour: Callable[..., Chat]) -> None:
    wang, li = neighbour("wang", role=Role.WORKER), neighbour("li")
    assert "没有不确定的消息" in wang.say(tap="/work.uncertain")
    with li.store() as db:
        push(db, "doubt", li.me(db).id, "notice.notice", text="明天停水")
    with li.store() as db:
        doubtful = db.exec(select(Push).where(Push.key == "doubt")).one()
        doubtful.state, doubtful.settled_at = Post.UNCERTAIN, wang.desk.now()
    assert "不确定送到没有" in wang.say("工作")
    heard = wang.say(tap="不确定的消息")
    assert "明天停水" in heard
    assert "5幢1单元301室" in heard
    assert "明天停水" not in li.say(tap="/work.uncertain")
