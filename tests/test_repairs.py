"""Reports of something broken, lived through by who reports, who has the same trouble, and who sees to it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from bot.conversation.group import answer
from bot.conversation.message import Message, Reply
from models.escalating import climb_due, urge_ticket
from models.handling import assign_ticket
from models.lifecycle import MOVES, OPEN, NotNow, Status
from models.moving import move_ticket
from models.outbox import Push
from models.reporting import add_to_ticket, follow_ticket, open_ticket, rate_ticket
from models.resident import Resident, Role
from models.store import reading
from models.ticket import Follower, Ticket, TicketEvent, history_of, similar_tickets
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]
LAMP = ("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")


@pytest.fixture
def at_home(chat: Chat) -> Chat:
    return chat.settle_in()


@pytest.fixture
def reported(at_home: Chat) -> Chat:
    at_home.says(*LAMP)
    return at_home


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER, home="8幢1单元101")


@pytest.fixture
def follower(neighbour: Neighbour, reported: Chat) -> Chat:
    follower = neighbour("li")
    follower.says("5幢楼道灯坏了，一直不亮", "+1")
    return follower


def ticket_of(chat: Chat, number: int = 1) -> Ticket:
    (found,) = [t for t in chat.rows(Ticket) if t.number == number]
    assert isinstance(found, Ticket)
    return found


def news(chat: Chat, after: int = 0) -> list[str]:
    """Everything owed to somebody so far, as they read it, oldest first."""
    with reading(chat.desk.engine, chat.community.id) as db:
        me = chat.me(db)
        texts = chat.community.texts(me.language)
        mine = db.exec(select(Push).where(Push.resident_id == me.id).order_by(Push.id))
        return [texts(p.text_key, **p.facts) for p in mine][after:]


def history(chat: Chat, number: int = 1) -> list[tuple[Status, str]]:
    with reading(chat.desk.engine, chat.community.id) as db:
        ticket = db.exec(select(Ticket).where(Ticket.number == number)).one()
        return [(e.status, e.text) for e in history_of(db, chat.me(db), ticket)]


def send(chat: Chat, **more: Any) -> str:
    """A message such as only a channel makes: an album, words under a photo."""
    chat.count += 1
    message = Message(str(chat.count), chat.address, sent_at=chat.desk.now(), **more)
    outcome = answer(chat.desk, chat.community.id, [message])[0]
    assert isinstance(outcome, list)
    chat.replies = outcome
    return "\n".join(r.text for r in outcome)


# --- the whole life -------------------------------------------------------------------------------------------------


@both_stores
def test_the_whole_life_of_a_report(at_home: Chat, neighbour: Neighbour, worker: Chat, clock: Clock) -> None:
    heard = at_home.says(*LAMP)
    assert "工单 1 号" in heard
    assert "11月27日（周五）12:00" in heard  # lighting is due in 48 hours
    assert news(worker) == ["新工单 1 号（照明）：5幢楼道的灯坏了，三天了\n地点：5幢\n11月27日（周五）12:00 前要办好。"]

    li = neighbour("li")
    assert "1 号：5幢楼道的灯坏了，三天了（5幢，已提交，1 人关注）" in li.say("5幢楼道灯坏了，一直不亮")
    assert "2 位邻居" in li.say("+1")
    assert news(worker, 1) == []
    assert news(at_home) == []

    assert "1 号 照明 5幢" in worker.say("工作")
    card = worker.say(tap="/work.ticket ticket=1")
    assert "13812345678" in card
    assert worker.labels() == ["受理"]
    assert "1 号现在：已受理" in worker.say(tap="受理")
    mine, followed = "您报的工单 1 号（照明）：{}。{}", "您关注的工单 1 号（照明）：{}。{}"
    assert [*news(at_home), *news(li)] == [mine.format("已受理", ""), followed.format("已受理", "")]

    worker.say(tap="/work.ticket ticket=1")
    assert worker.labels() == ["开始办理", "问报修人", "办结", "转给同事"]
    assert "问报修人什么" in worker.say(tap="问报修人")
    assert "等补充情况" in worker.say("是楼上还是楼下？")
    assert [*news(at_home, 1), *news(li, 1)] == [
        mine.format("等补充情况", "是楼上还是楼下？"),
        followed.format("等补充情况", "是楼上还是楼下？"),
    ]

    assert "补充" in at_home.say(tap="/repair.add ticket=1")
    assert "已经告诉经办的人" in at_home.say("楼上，钥匙在我这里")
    assert news(worker, 1) == ["1 号工单有补充：楼上，钥匙在我这里"]
    assert news(li, 2) == [followed.format("办理中", "")]  # that it goes on, not what was written to the worker
    assert news(at_home, 2) == []

    assert "已办结" in worker.says("/work.finish ticket=1", "换了灯泡和开关")
    assert [*news(at_home, 2), *news(li, 3)] == [
        mine.format("已办结", "换了灯泡和开关"),
        followed.format("已办结", "换了灯泡和开关"),
    ]

    clock.passes(days=1)
    assert "已回访" in worker.says("/work.called ticket=1", "跳过")
    assert [*news(at_home, 3), *news(li, 4)] == [mine.format("已回访", ""), followed.format("已回访", "")]

    assert "办得怎么样" in at_home.say(tap="/repair.rate ticket=1")
    assert "谢谢" in at_home.says("4", "师傅很快，就是声音大")
    assert ticket_of(at_home).stars == 4
    assert news(worker, 2) == ["1 号工单（照明）报修人那边：已评价。★★★★ 师傅很快，就是声音大"]
    assert news(li, 5) == [followed.format("已评价", "")]

    assert "哪里没弄好" in at_home.say(tap="/repair.reopen ticket=1")
    assert "已经重新办理" in at_home.say("又不亮了，闪两下就灭")
    assert news(worker, 3) == ["1 号工单（照明）报修人那边：重新办理。又不亮了，闪两下就灭"]
    assert news(li, 6) == [followed.format("重新办理", "")]
    assert "1 号 照明" in worker.say("工作")

    worker.says("/work.accept ticket=1")
    assert "真的要撤回" in at_home.say(tap="/repair.withdraw ticket=1")
    assert "已经撤回" in at_home.say("是的")
    assert news(worker, 4) == ["1 号工单（照明）报修人那边：已撤回。"]
    assert "没有等您办的工单" in worker.say("工作")
    assert [s.name for s, _ in history(at_home)] == [
        "RECEIVED",
        "ACCEPTED",
        "AWAITING_REPORTER",
        "IN_PROGRESS",
        "RESOLVED",
        "CALLED_BACK",
        "CLOSED",
        "REOPENED",
        "ACCEPTED",
        "WITHDRAWN",
    ]
    card = at_home.say(tap="/repair.show ticket=1")
    assert card.count("\n· ") == 10
    assert "前办好" not in card  # nobody works on it any more


def test_the_buttons_of_a_push_lead_on(reported: Chat, worker: Chat, follower: Chat) -> None:
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换了灯泡")

    def buttons(chat: Chat) -> list[str]:
        with reading(chat.desk.engine, chat.community.id) as db:
            return [c[0] for c in db.exec(select(Push).where(Push.resident_id == chat.me(db).id)).all()[-1].choices]

    assert buttons(reported) == ["/repair.rate ticket=1", "/repair.reopen ticket=1"]
    assert buttons(follower) == ["/repair.show ticket=1"]
    for value in (*buttons(reported),):
        assert "没有找到" not in reported.say(tap=value)


# --- the table of moves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["reporter", "neighbour", "guest", "worker"])
@pytest.mark.parametrize("start", list(Status), ids=lambda s: s.name)
def test_every_move_is_allowed_exactly_where_the_table_says(
    reported: Chat, neighbour: Neighbour, start: Status, who: str
) -> None:
    other = {"neighbour": "li", "guest": "gu", "worker": "wang"}
    chat = reported if who == "reporter" else Chat(reported.desk, other[who])
    if who == "guest":
        chat.say("你好")
    elif who != "reporter":
        chat.settle_in(Role.WORKER if who == "worker" else Role.RESIDENT)
    with reported.store() as db:
        open_ticket(db, reported.me(db), "lighting", "还有一盏")
    first = select(Ticket).where(Ticket.number == 1)
    for to in Status:
        with reported.store() as db:
            ticket = db.exec(first).one()
            ticket.status, ticket.resolved_at, ticket.reopened = start, reported.desk.now(), 0
        before = (len(history(reported)), len(reported.rows(Push)))
        least = MOVES[start].get(to)
        by_role = least is not None and least <= Role.WORKER
        allowed = by_role and (who == "worker" or (who == "reporter" and least == Role.RESIDENT))
        with reported.store() as db:
            ticket, actor = db.exec(first).one(), chat.me(db)
            into = db.exec(select(Ticket).where(Ticket.number == 2)).one() if to is Status.MERGED else None
            if allowed:
                move_ticket(db, actor, ticket, to, "因为", into=into)
            else:
                with pytest.raises(NotNow if least is None else PermissionError):
                    move_ticket(db, actor, ticket, to, "因为", into=into)
        after = (len(history(reported)), len(reported.rows(Push)))
        if allowed:
            assert ticket_of(reported).status is to
            assert after[0] == before[0] + 1
            assert history(reported)[-1][0] is to
        else:
            assert ticket_of(reported).status is start
            assert after == before


STEPS = {
    "work.accept": Status.ACCEPTED,
    "work.start": Status.IN_PROGRESS,
    "work.ask": Status.AWAITING_REPORTER,
    "work.finish": Status.RESOLVED,
    "work.called": Status.CALLED_BACK,
    "work.hand": Status.ASSIGNED,
    "repair.withdraw": Status.WITHDRAWN,
    "repair.rate": Status.CLOSED,
    "repair.reopen": Status.REOPENED,
}


@pytest.mark.parametrize("start", list(Status), ids=lambda s: s.name)
def test_no_button_asks_for_what_cannot_be_done(reported: Chat, worker: Chat, start: Status) -> None:
    """The refusal comes at once, not after a reason was typed in."""
    for step, to in STEPS.items():
        with reported.store() as db:
            ticket = db.exec(select(Ticket)).one()
            ticket.status, ticket.resolved_at = start, reported.desk.now()
        chat = worker if step.startswith("work.") else reported
        heard = chat.say(tap=f"/{step} ticket=1")
        assert ("这一步做不了" in heard) is (MOVES[start].get(to, Role.ALLIANCE) > Role.WORKER), step
        chat.say("取消")
    heard = reported.say(tap="/repair.add ticket=1")
    assert ("这一步做不了" in heard) is (start not in OPEN)


def test_a_history_cannot_be_rewritten(reported: Chat) -> None:
    with pytest.raises(PermissionError), reported.store() as db:
        db.exec(select(TicketEvent)).one().text = "something else"


def test_a_ticket_handed_over_is_told_once_and_leaves_one_line(
    reported: Chat, worker: Chat, neighbour: Neighbour
) -> None:
    zhao = neighbour("zhao", role=Role.WORKER, home="8幢1单元102")
    worker.says("/work.accept ticket=1")
    assert "转给谁" in worker.say(tap="/work.hand ticket=1")
    label = next(label for label in worker.labels() if "8幢1单元102室" in label)
    assert "为什么转" in worker.say(tap=label)
    assert "已派单" in worker.say("我明天休息")
    assert [s.name for s, _ in history(reported)] == ["RECEIVED", "ACCEPTED", "ASSIGNED"]
    assert news(zhao) == ["1 号工单转给您了（照明）：5幢楼道的灯坏了，三天了。我明天休息"]
    assert not any("休息" in told for told in news(reported))
    assert "1 号" in zhao.say("工作")
    assert "没有等您办的工单" in worker.say("工作")
    reported.say(tap="/repair.urge ticket=1")
    assert zhao.pushed()[1:] == ["work.urged"]  # whoever is in charge, and nobody else
    assert "work.urged" not in worker.pushed()


def test_only_a_worker_is_given_a_ticket(reported: Chat, worker: Chat, neighbour: Neighbour) -> None:
    li = neighbour("li")
    worker.says("/work.accept ticket=1")
    with pytest.raises(PermissionError), reported.store() as db:
        assign_ticket(db, worker.me(db), db.exec(select(Ticket)).one(), li.me(db), "她更熟")
    assert ticket_of(reported).status is Status.ACCEPTED


@both_stores
def test_two_workers_accept_at_once(reported: Chat, neighbour: Neighbour) -> None:
    pair = [neighbour("wang", role=Role.WORKER), neighbour("zhao", role=Role.WORKER)]
    messages = [Message("both", w.address, choice="/work.accept ticket=1", sent_at=reported.desk.now()) for w in pair]
    outcomes = answer(reported.desk, reported.community.id, messages)
    said = [r[0].text for r in outcomes if isinstance(r, list)]
    assert sorted("这一步做不了" in s for s in said) == [False, True]
    assert [s.name for s, _ in history(reported)] == ["RECEIVED", "ACCEPTED"]
    assert reported.pushed() == ["repair.moved"]


# --- the same thing, reported before --------------------------------------------------------------------------------


def test_the_same_building_is_offered_to_be_joined(reported: Chat, neighbour: Neighbour) -> None:
    li = neighbour("li")
    heard = li.say("5幢2单元的灯不亮了，好几天了")
    assert "附近已经有人报了类似的" in heard
    assert li.labels() == ["+1 是 1 号", "不是，另外报"]


NORTH = 249.0 / 111_320, 251.0 / 111_320  # degrees of latitude


@pytest.mark.parametrize(("away", "same"), [(NORTH[0], True), (NORTH[1], False)])
def test_two_hundred_and_fifty_metres_is_near(at_home: Chat, neighbour: Neighbour, away: float, same: bool) -> None:
    at_home.says("报修", "照明", "路灯不亮，路上黑漆漆的")
    at_home.say(at=(30.29, 120.2))
    at_home.says("跳过", "跳过", "可以")
    li = neighbour("li")
    li.says("报修", "照明", "这边的路灯不亮了")
    assert ("类似的" in li.say(at=(30.29 + away, 120.2))) is same


def test_another_category_is_another_thing(reported: Chat, neighbour: Neighbour) -> None:
    assert "类似的" not in neighbour("li").say("5幢水管漏水，漏了一天了")


def test_another_building_is_another_thing(reported: Chat, neighbour: Neighbour) -> None:
    assert "类似的" not in neighbour("li").say("21幢楼道的灯坏了，不亮了")


@pytest.mark.parametrize("status", [s for s in Status if s not in OPEN], ids=lambda s: s.name)
def test_what_is_over_is_not_offered(reported: Chat, neighbour: Neighbour, status: Status) -> None:
    with reported.store() as db:
        db.exec(select(Ticket)).one().status = status
    assert "类似的" not in neighbour("li").say("5幢楼道的灯坏了，不亮了")


def test_my_own_is_not_offered_to_me_and_hides_nobody_elses(reported: Chat, neighbour: Neighbour) -> None:
    assert "类似的" not in reported.say("5幢楼道的灯坏了，又坏一盏")
    reported.say("取消")
    li = neighbour("li")
    with reported.store() as db:
        for n in range(3):
            open_ticket(db, reported.me(db), "lighting", f"灯 {n}", place="5幢", building="5")
        assert len(similar_tickets(db, reported.me(db), "lighting", "5", None, None)) == 0
        assert len(similar_tickets(db, li.me(db), "lighting", "5", None, None)) == 3


def test_another_communitys_is_not_offered(reported: Chat, neighbour: Neighbour) -> None:
    there = neighbour("chen", slug="baoshi")
    assert "类似的" not in there.say("5幢楼道的灯坏了，不亮了")


JOINS = ["+1", "＋1", "是的", "1", "1号", "就是这个", "加一", "yes", "me too", "same", "no. 1"]
OTHERS = ["不是", "不是同一件", "2", "另外报", "不一样的", "不对", "no", "not the same", "different"]


@pytest.mark.parametrize("word", JOINS)
def test_me_too(reported: Chat, neighbour: Neighbour, word: str) -> None:
    li = neighbour("li")
    li.say("5幢楼道的灯坏了，不亮了")
    assert "2 位邻居" in li.say(word)
    assert len(reported.rows(Ticket)) == 1
    assert len(reported.rows(Follower)) == 1
    assert "1 号 照明：已提交" in li.say("我的报修")


@pytest.mark.parametrize("word", OTHERS)
def test_another_one(reported: Chat, neighbour: Neighbour, word: str) -> None:
    li = neighbour("li")
    li.say("5幢楼道的灯坏了，不亮了")
    assert "照片" in li.say(word)
    li.says("跳过", "跳过", "可以")
    assert len(reported.rows(Ticket)) == 2
    assert reported.rows(Follower) == []


def test_me_too_in_english(reported: Chat, neighbour: Neighbour) -> None:
    ann = neighbour("ann")
    ann.say("English")
    heard = ann.say("The light in the stairwell of building 5 is broken")
    assert "No. 1:" in heard
    assert ann.labels() == ["+1, it is no. 1", "No, report mine"]
    assert "following it now: 2" in ann.say("+1")


def test_of_several_the_number_is_the_tickets(reported: Chat, neighbour: Neighbour) -> None:
    neighbour("li").says("5幢楼道的灯坏了，不亮了", "不是", "跳过", "跳过", "可以")
    chen = neighbour("chen")
    heard = chen.say("5幢楼道的灯坏了，全黑")
    assert heard.index("2 号") < heard.index("1 号")
    assert "没看明白" in chen.say("+1")  # which of the two?
    assert "1 号工单有进展" in chen.say("1号")


def test_following_twice_is_following_once(follower: Chat) -> None:
    follower.say("5幢楼道的灯坏了，还是黑的")
    assert "已经在关注" in follower.say("+1")
    assert len(follower.rows(Follower)) == 1


def test_one_cannot_follow_oneself(reported: Chat) -> None:
    with reported.store() as db:
        assert not follow_ticket(db, reported.me(db), db.exec(select(Ticket)).one())


def test_what_is_the_same_may_end_while_one_thinks(reported: Chat, neighbour: Neighbour) -> None:
    li = neighbour("li")
    li.say("5幢楼道的灯坏了，不亮了")
    with reported.store() as db:
        db.exec(select(Ticket)).one().status = Status.WITHDRAWN
    assert li.say("+1")
    assert "照片" in li.say("另外报")


def test_neighbours_read_no_telephone_and_no_door(at_home: Chat, neighbour: Neighbour) -> None:
    at_home.says("5幢3单元401的灯坏了，打我电话13812345678", "跳过", "可以")
    assert ticket_of(at_home).contact == "13812345678"
    li = neighbour("li")
    heard = li.say("5幢楼道的灯坏了，不亮了")
    assert "1 号" in heard
    assert "13812345678" not in heard
    assert "401" not in heard.replace("5幢3单元401的灯坏了", "")  # their own words stay
    li.say("+1")
    card = li.say(tap="/repair.show ticket=1")
    assert "13812345678" not in card
    assert "地点：5幢\n" in card


def test_a_follower_reads_what_workers_wrote_but_not_what_the_reporter_did(
    reported: Chat, follower: Chat, worker: Chat
) -> None:
    worker.says("/work.accept ticket=1", "/work.ask ticket=1", "哪一层？")
    reported.says("/repair.add ticket=1", "五楼，我上午不在家")
    card = follower.say(tap="/repair.show ticket=1")
    assert "哪一层？" in card
    assert "上午不在家" not in card
    assert follower.choices == []
    assert "上午不在家" in reported.say(tap="/repair.show ticket=1")


# --- what the reporter can do ---------------------------------------------------------------------------------------


def test_urging_twice_is_urging_once(reported: Chat, worker: Chat, clock: Clock) -> None:
    assert "已经催了" in reported.say("催一下")
    clock.passes(hours=3, minutes=59)
    assert "刚催过不久" in reported.say("催一下")
    assert worker.pushed() == ["work.urged"]
    clock.passes(minutes=1)
    assert "已经催了" in reported.say(tap="/repair.urge ticket=1")
    assert worker.pushed() == ["work.urged", "work.urged", "work.supervised"]
    assert len(history(reported)) == 4


def test_nothing_is_urged_that_is_done(reported: Chat, worker: Chat) -> None:
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换了灯泡")
    assert "这一步做不了" in reported.say("催一下")


@pytest.mark.parametrize(("days", "in_time"), [(14, True), (15, False)])
def test_fourteen_days_to_reopen(reported: Chat, worker: Chat, clock: Clock, days: int, in_time: bool) -> None:
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换了灯泡")
    clock.passes(days=days)
    card = reported.say(tap="/repair.show ticket=1")
    assert card
    assert ("没修好" in reported.labels()) is in_time
    heard = reported.say(tap="/repair.reopen ticket=1")
    assert ("哪里没弄好" in heard) is in_time
    assert ("超过 14 天" in heard) is not in_time
    if not in_time:
        assert "报事报修" in reported.labels()  # the way on
        assert ticket_of(reported).status is Status.RESOLVED
        return
    assert "已经重新办理" in reported.say("又不亮了")
    assert ticket_of(reported).due_at > clock()


def test_it_is_done_again_once(reported: Chat, worker: Chat) -> None:
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换了灯泡")
    reported.says("/repair.reopen ticket=1", "又不亮了")
    worker.says("/work.finish ticket=1", "换了线")
    assert reported.say(tap="/repair.show ticket=1")
    assert reported.labels() == ["评价"]
    assert "已经重新办过一次" in reported.say(tap="/repair.reopen ticket=1")
    assert reported.labels() == ["报事报修"]


def test_withdrawing_is_asked_for_and_may_be_thought_better_of(reported: Chat, worker: Chat) -> None:
    assert "真的要撤回 1 号吗" in reported.say(tap="/repair.withdraw ticket=1")
    assert "照旧办理" in reported.say("不")
    assert ticket_of(reported).status is Status.RECEIVED
    assert worker.pushed() == []
    reported.says("撤回报修", "是")
    assert ticket_of(reported).status is Status.WITHDRAWN
    assert worker.pushed() == ["work.moved_by_reporter"]
    assert "这一步做不了" in reported.say(tap="/repair.withdraw ticket=1")


@pytest.mark.parametrize("typed", ["1", "2", "3", "4", "5"])
def test_a_typed_rating_is_what_it_says(reported: Chat, worker: Chat, typed: str) -> None:
    """Choices are taken by their place too: five must stand fifth."""
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换了灯泡")
    assert "谢谢" in reported.says("/repair.rate ticket=1", typed, "跳过")
    assert ticket_of(reported).stars == int(typed)
    assert ("没修好" in reported.labels()) is (int(typed) < 3)


@pytest.mark.parametrize("typed", ["0", "6", "10", "-1", "五颗星加一", "ten", "4.5"])
def test_a_rating_out_of_bounds_is_asked_again(reported: Chat, worker: Chat, typed: str) -> None:
    worker.says(
        "/work.accept ticket=1",
        "/work.finish ticket=1",
        "换了灯泡",
    )
    assert "办得怎么样" in reported.says("/repair.rate ticket=1", typed)
    assert ticket_of(reported).stars is None


@pytest.mark.parametrize("stars", [-1, 0, 6])
def test_no_other_rating_is_taken(reported: Chat, worker: Chat, stars: int) -> None:
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "换了灯泡")
    with pytest.raises(ValueError, match="stars"), reported.store() as db:
        rate_ticket(db, reported.me(db), db.exec(select(Ticket)).one(), stars)
    assert "办得怎么样" in reported.say(tap=f"/repair.rate ticket=1 stars={stars}")
    assert ticket_of(reported).status is Status.RESOLVED


def test_only_the_reporter_rates_and_adds(reported: Chat, follower: Chat, worker: Chat) -> None:
    for other in (follower, worker):
        with pytest.raises(PermissionError), reported.store() as db:
            add_to_ticket(db, other.me(db), db.exec(select(Ticket)).one(), "还有别的")
        with pytest.raises(PermissionError), reported.store() as db:
            rate_ticket(db, other.me(db), db.exec(select(Ticket)).one(), 1)


@pytest.mark.parametrize("step", ["show", "add", "urge", "withdraw", "rate", "reopen"])
def test_a_stranger_names_my_ticket(reported: Chat, neighbour: Neighbour, step: str) -> None:
    li = neighbour("li")
    before = len(reported.rows(Push)), history(reported)
    for number in ("1", "2", "0", "-1", "x", "9" * 30):
        assert li.say(tap=f"/repair.{step} ticket={number}") == "没有找到这个工单，或者它不是您的。"
    assert (len(reported.rows(Push)), history(reported)) == before
    there = neighbour("chen", slug="baoshi", role=Role.WORKER)
    assert "没有找到" in there.say(tap="/work.ticket ticket=1")


def test_a_resident_does_no_workers_steps(reported: Chat) -> None:
    for step in ("accept", "start", "ask", "finish", "called", "hand", "ticket"):
        assert reported.say(tap=f"/work.{step} ticket=1") == "这项只有社区工作人员可以用。"
    assert ticket_of(reported).status is Status.RECEIVED


def test_the_service_words_find_my_reports(reported: Chat) -> None:
    for words in ("我的报修", "修好了没", "修得怎么样了", "my reports"):
        assert "1 号 照明：已提交" in reported.say(words)
    assert "发给我" in reported.say("补充报修")


# --- photos -------------------------------------------------------------------------------------------------------


def test_the_photos_of_an_album(at_home: Chat) -> None:
    at_home.say("5幢楼道的灯坏了，三天了")
    heard = send(at_home, media=("sha-a", "sha-b", "sha-c"))
    assert "电话" in heard  # three are all that are taken
    assert "照片：3 张" in at_home.say("跳过")
    at_home.say("可以")
    assert ticket_of(at_home).photos == ["sha-a", "sha-b", "sha-c"]


def test_an_album_of_two_may_be_added_to(at_home: Chat) -> None:
    at_home.say("5幢楼道的灯坏了，三天了")
    assert "还有照片" in send(at_home, media=("sha-a", "sha-b"))
    assert "电话" in at_home.say("没有了")
    at_home.says("跳过", "可以")
    assert ticket_of(at_home).photos == ["sha-a", "sha-b"]


def test_a_photo_with_the_first_words(at_home: Chat) -> None:
    assert "还有照片" in send(at_home, text="5幢楼道的灯坏了，三天了", media=("sha-a",))
    at_home.says("没有了", "跳过", "可以")
    assert ticket_of(at_home).photos == ["sha-a"]


NO_PHOTO = [
    "跳过",
    "没有",
    "没有照片",
    "不会拍照片",
    "拍不了",
    "手机不会发",
    "no",
    "no photo sorry",
    "I can't take one",
]


@pytest.mark.parametrize("word", NO_PHOTO)
def test_there_are_many_ways_to_have_no_photo(at_home: Chat, word: str) -> None:
    assert "照片" in at_home.say("5幢楼道的灯坏了，三天了")
    assert "电话" in at_home.say(word)


@pytest.mark.parametrize("word", ["跳过", "不想留电话", "没有手机", "不方便", "I don't have one", "rather not"])
def test_nobody_must_leave_a_number(at_home: Chat, worker: Chat, word: str) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过")
    assert "电话：没留" in at_home.say(word)
    at_home.say("可以")
    assert ticket_of(at_home).contact == ""
    assert "电话：—" in worker.say(tap="/work.ticket ticket=1")


def test_a_number_instead_of_a_photo_is_taken(at_home: Chat) -> None:
    at_home.say("5幢楼道的灯坏了，三天了")
    assert "电话：13777880099" in at_home.say("13777880099")


@pytest.mark.parametrize("words", ["催一下", "撤回报修", "补充报修", "没修好"])
def test_who_has_reported_nothing_is_told_so(at_home: Chat, words: str) -> None:
    assert at_home.say(words) == "您还没有报过什么。"
    assert at_home.labels() == ["报事报修"]


def test_a_wrong_number_is_not_taken_for_none(at_home: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过")
    assert "号码好像不对" in at_home.say("1381234")


def test_words_and_photos_are_added_together(reported: Chat, worker: Chat) -> None:
    reported.say(tap="/repair.add ticket=1")
    assert "补充好了" in send(reported, text="就是这一盏", media=("sha-x", "sha-y"))
    assert ticket_of(reported).photos == ["sha-x", "sha-y"]
    assert news(worker)[-1] == "1 号工单有补充：就是这一盏"
    reported.say(tap="/repair.add ticket=1")
    send(reported, media=("sha-z",))
    assert news(worker)[-1] == "1 号工单有补充：照片"


# --- ways of reporting ----------------------------------------------------------------------------------------------


def test_everything_in_one_sentence(at_home: Chat) -> None:
    heard = at_home.says("5幢2单元的电梯坏了，打我电话13812345678", "跳过")
    assert "电梯：5幢2单元的电梯坏了，打我电话13812345678" in heard
    assert "电话：13812345678" in heard
    at_home.say("可以")
    assert ticket_of(at_home).building == "5"


def test_a_report_entirely_in_english(chat: Chat, worker: Chat) -> None:
    chat.say("Hello")
    assert "where you live" in chat.say("the lamp in front of building 5 has been broken since Tuesday")
    heard = chat.say("Building 3, Unit 2, Room 502")
    assert "Noted: Building 3, Unit 2, Room 502" in heard
    assert "photo" in heard
    assert "phone" in chat.say("no photo sorry")
    heard = chat.say("I don't have one")
    assert heard.startswith(
        "Lighting: the lamp in front of building 5 has been broken since Tuesday\nPlace: Building 5"
    )
    assert "Phone: none" in heard
    heard = chat.say("yes")
    assert "Your report is no. 1" in heard
    assert "Fri 27 Nov 12:00" in heard
    assert chat.rows(Ticket)[0].building == "5"
    worker.says("/work.accept ticket=1")
    assert news(chat) == ["Your report no. 1 (Lighting): accepted. "]
    heard = chat.say("my reports")
    assert "No. 1 Lighting: accepted" in heard
    card = chat.say(tap="/repair.show ticket=1")
    assert "Place: Building 5\nStatus: accepted, due by Fri 27 Nov 12:00" in card
    assert chat.labels() == ["Add something", "Send a reminder", "Withdraw"]


@pytest.mark.parametrize(
    "opening", ["报修", "我要报修", "我想报修一下可以吗", "report a problem", "I want to report a problem"]
)
def test_a_mere_wish_to_report_describes_nothing(at_home: Chat, opening: str) -> None:
    at_home.says(opening, "lighting")
    assert "具体情况" in at_home.replies[-1].text


@both_stores
def test_a_guest_on_the_way(chat: Chat, worker: Chat) -> None:
    heard = chat.say("5幢楼道的灯坏了，三天了，打我13812345678")
    assert "住哪里" in heard
    heard = chat.say("3幢")
    assert "3幢，几单元几室" in heard
    heard = chat.say("2单元502")
    assert "记下了：3幢2单元502室" in heard
    assert "照片" in heard
    chat.says("跳过", "可以")
    ticket = ticket_of(chat)
    assert (ticket.building, ticket.contact, ticket.description) == (
        "5",
        "13812345678",
        "5幢楼道的灯坏了，三天了，打我13812345678",
    )


def test_a_guest_who_would_not_say_may_stop(chat: Chat) -> None:
    chat.say("5幢楼道的灯坏了，三天了")
    assert "取消" in chat.say("算了")
    assert chat.rows(Ticket) == []
    assert chat.rows(Resident)[0].role is Role.GUEST


def test_the_number_is_kept_for_the_next_time(reported: Chat) -> None:
    reported.says("21幢的水管漏水了，快来看看", "跳过")
    assert "13812345678" in reported.labels()
    assert "电话：13812345678" in reported.say("1")


def test_my_own_home_is_one_tap_away(at_home: Chat) -> None:
    at_home.says("报修", "用水", "厨房水管一直在滴水")
    assert "3-2-502" in at_home.labels()
    at_home.say(tap="3-2-502")
    at_home.says("跳过", "跳过", "可以")
    assert ticket_of(at_home).building == "3"


# --- time -----------------------------------------------------------------------------------------------------------


@both_stores
def test_what_is_overdue_is_told_once_and_again_after_reopening(reported: Chat, worker: Chat, clock: Clock) -> None:
    worker.says("/work.accept ticket=1")
    for hours, told in ((47, 0), (2, 1), (1, 0)):
        clock.passes(hours=hours)
        with reported.store() as db:
            assert climb_due(db) == told
    assert "超期了" in news(worker)[-1]
    assert reported.pushed() == ["repair.moved"]
    worker.says("/work.finish ticket=1", "换了灯泡")
    reported.says("/repair.reopen ticket=1", "又不亮了")
    for hours, told in ((95, 0), (3, 1)):  # over the weekend: two working days from Friday afternoon are Tuesday's
        clock.passes(hours=hours)
        with reported.store() as db:
            assert climb_due(db) == told


def test_an_urge_is_no_move(reported: Chat) -> None:
    with reported.store() as db:
        ticket = db.exec(select(Ticket)).one()
        assert urge_ticket(db, reported.me(db), ticket)
        assert ticket.status is Status.RECEIVED


def test_a_list_names_at_most_ten_and_leads_on(reported: Chat) -> None:
    with reported.store() as db:
        for n in range(14):
            open_ticket(db, reported.me(db), "water", f"水管 {n}", place="5幢", building="5")
    heard = reported.say("我的报修")
    assert heard.count("\n· ") == 10
    assert len(reported.choices) == 8
    reply: Reply = reported.replies[0]
    assert all(c.value.startswith("/repair.show") for c in reply.choices)
    assert "哪一个工单" in reported.say("催一下")
    reported.say("更多")
    assert "已经催了" in reported.say("1 号 照明：已提交")
