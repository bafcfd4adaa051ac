"""Danger: words that save a life come first, the workers are paged, and idioms wake nobody."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlmodel import col, select

from bot.conversation.desk import Desk
from bot.conversation.message import Message
from bot.understanding.danger import dangerous
from models.enquiry import ALARMS
from models.outbox import Push
from models.resident import Role
from models.ticket import Ticket
from tests.conftest import Chat, Clock, both_stores, claimed

Neighbour = Callable[..., Chat]
DANGERS = [
    ("我家厨房着火了", "119", "不要坐电梯"),
    ("there is a fire in my kitchen", "119", "lift"),
    ("家里一股煤气味", "不要开关任何电灯", "119"),
    ("I smell gas in the kitchen", "do not switch", "119"),
    ("电梯里有人被困了", "不要扒门", "119"),
    ("someone is trapped in the lift", "do not force the doors", "119"),
    ("我老伴摔倒了起不来", "120", "不要随便移动"),
    ("my wife is having a stroke", "120", "Do not move"),
    ("有人触电了", "不要碰电线", "120"),
    ("he got an electric shock from the heater", "Do not touch", "120"),
    ("5幢外墙掉下来砸到人", "马上离开", "119"),
    ("the ceiling came down on us", "get away", "119"),
    ("有人拿刀在楼道里", "110", "不要对抗"),
    ("a man with a knife is in the hallway", "110", "fight back"),
]
IDIOMS = [
    "今天困死了",
    "吵死了，楼上天天跳绳",
    "饿死了，今天吃什么",
    "热死人了，空调坏了",
    "明天有消防演习吗",
    "怎么预防煤气中毒",
    "去年楼下着火是怎么回事",
    "I am starving, what's for lunch",
    "bored to death, what's on this weekend",
    "when is the fire drill",
    "a lecture about fire safety",
    "that film gave me a heart attack",
    "I want to buy fire insurance",
]


def alarms(chat: Chat) -> list[Push]:
    with chat.store() as db:
        mine = select(Push).where(col(Push.text_key).startswith("work.alarm"), Push.resident_id == chat.me(db).id)
        return list(db.exec(mine.order_by(Push.id)))


def alarm_words(chat: Chat, alarm: Push) -> str:
    return chat.community.texts("zh")(alarm.text_key, **alarm.facts)


@pytest.fixture
def workers(neighbour: Neighbour) -> tuple[Chat, Chat]:
    return neighbour("wang", role=Role.WORKER), neighbour("zhao", role=Role.MANAGER)


@pytest.mark.parametrize(("text", "first", "second"), DANGERS)
def test_the_words_that_save_come_first(
    chat: Chat, workers: tuple[Chat, Chat], text: str, first: str, second: str
) -> None:
    chat.settle_in()
    if text.isascii():
        chat.say("English")
    heard = chat.say(text)
    opening = chat.replies[0].text
    assert opening.startswith("⚠")
    assert first in opening
    assert second in opening
    place = "Building 5" if text.isascii() else "5幢"
    told = place if text.startswith("5幢") else "Building 3, Unit 2, Room 502" if text.isascii() else "3幢2单元502室"
    assert told in opening  # so that they know whether help is going to the right door
    assert "0571-8888 0001" in opening
    assert heard.startswith(opening)
    for worker in workers:
        (alarm,) = alarms(worker)
        assert alarm.urgent
        assert alarm.facts["text"] == text
        assert alarm.facts["home"] == {"building": "3", "unit": "2", "room": "502"}


@pytest.mark.parametrize("text", IDIOMS)
def test_an_idiom_wakes_nobody(chat: Chat, workers: tuple[Chat, Chat], text: str) -> None:
    chat.settle_in()
    assert dangerous(text) is None
    assert "⚠" not in chat.say(text)
    assert not alarms(workers[0])


@both_stores
def test_one_alarm_in_ten_minutes(chat: Chat, workers: tuple[Chat, Chat], clock: Clock) -> None:
    clock.passes(minutes=9, seconds=30)  # astride any ten minutes of the clock
    chat.settle_in()
    for minutes in (0, 1, 8.9):
        clock.passes(minutes=minutes)
        assert "119" in chat.say("我家着火了")  # the resident is answered every time
    assert [len(alarms(w)) for w in workers] == [1, 1]
    assert "120" in chat.say("我老伴也晕倒了")
    assert [len(alarms(w)) for w in workers] == [2, 2]  # another kind of danger is news
    clock.passes(minutes=0.2)
    chat.say("还在烧，着火了")
    assert [len(alarms(w)) for w in workers] == [3, 3]


def test_another_resident_rings_too(chat: Chat, neighbour: Neighbour, workers: tuple[Chat, Chat]) -> None:
    chat.settle_in().say("3幢着火了")
    neighbour("li").say("3幢着火了")
    assert len(alarms(workers[0])) == 2


def test_two_messages_of_one_group_ring_once(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    from bot.conversation.group import answer

    chat.settle_in()
    words = [Message(f"g{n}", chat.address, "我家着火了", sent_at=chat.desk.now()) for n in range(2)]
    assert all(not isinstance(r, Exception) for r in answer(chat.desk, chat.community.id, words))
    assert len(alarms(workers[0])) == 1


def test_an_alarm_goes_out_in_the_night(chat: Chat, workers: tuple[Chat, Chat], clock: Clock) -> None:
    chat.settle_in()
    clock.now = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)  # two in the morning in Hangzhou
    chat.say("楼道里着火了")
    gone = [p for p in claimed(chat.desk, clock()) if p.reply.text.startswith("⚠")]
    assert len(gone) == 2
    assert all("楼道里着火了" in p.reply.text and "3幢2单元502室" in p.reply.text for p in gone)


def test_a_stranger_in_danger_is_helped_before_being_asked_who_they_are(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    heard = chat.say("着火了")
    assert heard.startswith("⚠")
    assert "登记" not in heard
    assert "哪一类" not in heard
    assert chat.replies[-1].text.startswith("在哪里")
    (alarm,) = alarms(workers[0])
    assert alarm.facts["home"] == "—"
    chat.say("5幢2楼")
    assert "着火了" in chat.say("13812345678")
    chat.say("可以")
    (ticket,) = chat.rows(Ticket)
    assert ticket.emergency
    assert ticket.building == "5"


@pytest.mark.parametrize(
    ("opening", "danger", "goes_on"),
    [
        (("报修", "照明"), "着火了，就在五楼", "在哪里"),
        (("English", "report a problem", "Lighting"), "the lamp is on fire", "Where is it"),
    ],
)
def test_in_the_middle_of_a_report_the_report_goes_on(
    chat: Chat, workers: tuple[Chat, Chat], opening: tuple[str, ...], danger: str, goes_on: str
) -> None:
    chat.settle_in().says(*opening)
    chat.say(danger)
    assert chat.replies[0].text.startswith("⚠")
    assert chat.replies[-1].text.startswith(goes_on)
    chat.says("5幢", *(("skip", "13812345678", "yes") if danger.isascii() else ("跳过", "13812345678", "可以")))
    (ticket,) = chat.rows(Ticket)
    assert ticket.emergency
    assert ticket.description == danger
    assert len(alarms(workers[0])) == 1


def test_an_emergency_leads_the_workers_list_and_is_marked(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    chat.says("我闻到煤气味", "3幢", "13812345678", "可以")
    todo = workers[0].say("工作").splitlines()
    assert todo[1].startswith("⚠ 2 号")
    assert not todo[2].startswith("⚠")


def test_in_another_talk_the_alarm_rings_and_the_question_stays(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    chat.settle_in().say("免打扰")
    heard = chat.say("我老伴晕倒了")
    assert "120" in heard
    assert "夜里" in heard
    assert len(alarms(workers[0])) == 1


@pytest.mark.parametrize("text", ["取消", "算了"])
def test_a_danger_may_be_called_off(chat: Chat, workers: tuple[Chat, Chat], text: str) -> None:
    chat.settle_in().say("着火了")
    assert "取消" in chat.say(text)
    assert chat.rows(Ticket) == []


def test_an_alarm_is_raised_by_words_never_by_a_button(chat: Chat, neighbour: Callable[..., Chat]) -> None:
    wang = neighbour("wang", role=Role.WORKER)
    chat.say(tap="/danger")
    assert "work.alarm" not in wang.pushed()


def test_strangers_cannot_drown_an_alarm(desk: Desk, neighbour: Callable[..., Chat]) -> None:
    wang, li = neighbour("wang", role=Role.WORKER), neighbour("li")
    strangers = [Chat(desk, f"nobody {n}") for n in range(ALARMS + 3)]
    heard = [stranger.say("我家着火了") for stranger in strangers]
    assert wang.pushed().count("work.alarm") == ALARMS
    assert all("119" in h for h in heard)
    assert "已经通知" in heard[0]
    assert "已经通知" not in heard[-1]
    assert "已经通知" in li.say("我家着火了")
    assert wang.pushed().count("work.alarm") == ALARMS + 1


def test_a_place_that_was_said_is_told_to_both(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    heard = chat.say("3幢电梯困人了")
    assert "也说了是在3幢" in heard
    assert "不知道您在哪里" not in heard
    (alarm,) = alarms(workers[0])
    assert "出事地点：3幢\n住址：—" in alarm_words(chat, alarm)
    chat.settle_in().say("5幢2单元有人晕倒了")
    assert "出事地点：5幢2单元\n住址：3幢2单元502室" in alarm_words(chat, alarms(workers[0])[-1])


def test_a_place_said_later_rings_once_more(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    assert "不知道您在哪里" in chat.say("电梯里有人被困了")
    assert "也说了是在3幢" in chat.say("3幢电梯有人被困")
    assert "也说了是在3幢" in chat.say("3幢电梯有人被困")
    chat.say("9幢电梯有人被困")
    assert "9幢" not in chat.replies[0].text  # a third place rings no more, so nobody is told that it did
    assert len(alarms(workers[0])) == 2


def test_a_button_that_pages_keeps_the_place(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    chat.settle_in().say(tap="/danger.now kind=trapped at=5幢2单元")
    assert "也说了是在5幢2单元" in chat.replies[0].text
    (alarm,) = alarms(workers[0])
    assert alarm.facts["place"] == {"building": "5", "unit": "2", "room": ""}
    assert alarm.facts["text"] == "现在就有危险 5幢2单元"


def test_a_resident_who_reads_english_reads_their_home(chat: Chat, workers: tuple[Chat, Chat]) -> None:
    chat.settle_in().say("English")
    assert "you live at Building 3, Unit 2, Room 502" in chat.say("there is a fire in my kitchen")
