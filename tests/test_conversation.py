"""The engine, met as a resident meets it."""

from collections.abc import Callable

import pytest

from bot.conversation.message import Address, Message, Reply
from bot.conversation.question import Number, Unclear
from bot.conversation.service import SERVICES, service
from bot.conversation.talk import Talk
from bot.conversation.texts import LANGUAGES, texts
from models.code import issue_code
from models.dialogue import Dialogue, Heard
from models.household import find_household
from models.resident import Resident, Role
from models.ticket import Ticket
from tests.conftest import Chat, Clock, both_stores


@pytest.fixture
def at_home(chat: Chat) -> Chat:
    return chat.settle_in()


def test_several_answers_in_one_sentence(at_home: Chat) -> None:
    heard = at_home.say("5幢电梯坏了，打我电话13812345678，楼里老人多")
    assert "照片" in heard
    assert "13812345678" in at_home.say("跳过")


def test_a_talk_remembers_so_much_and_no_more(at_home: Chat) -> None:
    at_home.say("报修")
    for n in range(60):
        at_home.say("啊" * 3900 + str(n))
    [dialogue] = at_home.rows(Dialogue)
    assert len(dialogue.state["said"]) < 40
    assert "照片" in at_home.says("照明", "楼道的灯坏了，三天了", "5幢楼道")


@pytest.mark.parametrize(
    ("text", "number"),
    [("一百", 100), ("三百二十人", 320), ("两百零五", 205), ("十二位", 12), ("100005人", None), ("99999999", None)],
)
def test_a_number_is_read_whole_or_not_at_all(text: str, number: int | None) -> None:
    said = Message("1", Address("web", "hongmei", "zhang"), text)
    question = Number(most=1000)
    assert question.find(said) in (number, None)
    if number is None:
        with pytest.raises(Unclear):
            question.read(said)
    else:
        assert question.read(said) == number


def test_back_returns_to_the_question_before(at_home: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过")
    assert "照片" in at_home.say("返回")
    assert "电话" in at_home.say("跳过")


def test_back_at_the_start_repeats_the_question(at_home: Chat) -> None:
    at_home.say("报修")
    heard = at_home.say("返回")
    assert "第一步" in heard
    assert "哪一类" in heard


def test_change_takes_one_answer_back_and_keeps_the_others(at_home: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "13812345678")
    at_home.say(tap="改地点")
    heard = at_home.say("7幢大厅")
    assert "7幢大厅" in heard
    assert "13812345678" in heard


def test_change_by_word_offers_what_can_be_changed(at_home: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过")
    assert "要改哪一项" in at_home.say("改")
    assert "哪一类" in at_home.say(tap="类别")


def test_cancel_leaves_nothing(at_home: Chat) -> None:
    at_home.says("5幢楼道的灯坏了，三天了", "跳过", "算了")
    assert at_home.rows(Ticket) == []
    assert "没有正在办的事" in at_home.say("取消")


@pytest.mark.parametrize("word", ["菜单", "帮助", "今天吃什么"])
def test_an_aside_is_answered_and_the_open_question_repeated(at_home: Chat, word: str) -> None:
    at_home.say("报修")
    at_home.say(word)
    assert len(at_home.replies) == 2
    assert "哪一类" in at_home.replies[-1].text


def test_a_person_can_be_asked_for_in_the_middle(at_home: Chat) -> None:
    at_home.say("报修")
    assert "已经告诉社区工作人员" in at_home.say("找人")
    assert "哪一类" in at_home.replies[-1].text


def test_numbers_labels_and_taps_take_a_choice(at_home: Chat) -> None:
    for way in ({"text": "5"}, {"text": "照明"}, {"tap": "照明"}):
        at_home.say("报修")
        assert "具体情况" in at_home.say(**way)
        at_home.say("取消")


def test_a_tap_on_an_older_menu_is_not_an_answer(at_home: Chat) -> None:
    at_home.say("报修")
    old = at_home.choices[4].value
    at_home.says("照明", "整个楼道都不亮", "5幢")
    heard = at_home.say(tap=old)
    assert "之前的菜单" in heard
    assert "照片" in heard


@pytest.mark.parametrize("token", ["99.0", "1.99", "x", "!cancel", "/nothing a=b", "/repair.show ticket=nonsense"])
def test_a_forged_token_harms_nothing(at_home: Chat, token: str) -> None:
    at_home.say("报修")
    assert at_home.say(tap=token)
    assert at_home.rows(Ticket) == []


def test_another_service_lays_the_first_aside_and_offers_it_again(at_home: Chat) -> None:
    at_home.says("报修", "照明")
    at_home.say(tap="/places.near")
    heard = at_home.say("5幢")
    assert "报事报修" in heard
    assert "接着说" in at_home.labels()
    assert "具体情况" in at_home.say(tap="接着说")


def test_what_was_laid_aside_can_be_dropped(at_home: Chat) -> None:
    at_home.says("报修", "照明")
    at_home.say(tap="/places.near")
    at_home.say("5幢")
    assert "放下了" in at_home.say(tap="不用了")
    assert "接着" not in at_home.say("谢谢")


def test_a_talk_left_alone_is_offered_again(at_home: Chat, clock: Clock) -> None:
    at_home.says("报修", "照明")
    clock.passes(hours=1)
    heard = at_home.say("今天吃什么")
    assert "还没说完" in heard
    assert "具体情况" in at_home.say(tap="接着说")


def test_starting_the_same_thing_again_goes_on_where_it_stopped(at_home: Chat, clock: Clock) -> None:
    at_home.says("报修", "照明")
    clock.passes(hours=1)
    assert "具体情况" in at_home.say("报修")


@both_stores
def test_a_redelivery_gets_the_stored_reply(chat: Chat) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678")
    first = chat.say("可以", message_id="same")
    assert chat.say("可以", message_id="same") == first
    assert len(chat.rows(Ticket)) == 1


def test_somebody_else_cannot_fetch_a_reply_by_its_id(chat: Chat, neighbour: Callable[..., Chat]) -> None:
    chat.say("你好", message_id="guess")
    heard = neighbour("li").say("今天吃什么", message_id="guess")
    assert "元" in heard


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\x00\x1b[31m",
        "😀😀😀",
        "\u202eabc\u202c",
        "مرحبا بكم",
        "a" * 4001,
        "，。！？",
        "/",
        "/..",
        "1",
        "{name}",
        "%s",
    ],
)
def test_any_text_is_answered_kindly(chat: Chat, text: str) -> None:
    assert chat.say(text)
    assert "编号" not in chat.say(text)


def test_too_long_a_text_keeps_the_open_question(at_home: Chat) -> None:
    at_home.say("报修")
    heard = at_home.say("灯" * 4001)
    assert "太长" in heard
    assert "哪一类" in heard


def test_a_new_trouble_is_a_new_report_even_while_one_is_laid_aside(at_home: Chat, clock: Clock) -> None:
    at_home.says("报修", "照明")
    clock.passes(hours=1)
    heard = at_home.say("5幢水管漏水漏了一上午")
    assert "照片" in heard
    assert "水：5幢" in at_home.says("跳过", "13812345678")


def test_a_bare_photo_is_a_report_and_a_bare_pin_asks_what_is_near(at_home: Chat) -> None:
    assert "哪一类" in at_home.say(photo="a" * 64)
    at_home.say("取消")
    assert "十分钟以内" in at_home.say(at=(30.2905, 120.1985))


@pytest.mark.parametrize(
    ("first", "language"),
    [("building 5 is dark", "en"), ("hello", "en"), ("你好", "zh"), ("ED3E-47XT", "zh"), ("5", "zh"), ("/menu", "zh")],
)
def test_the_first_words_tell_the_language(chat: Chat, first: str, language: str) -> None:
    chat.say(first)
    assert chat.rows(Resident)[0].language == language


def test_a_guest_becomes_a_resident_on_the_way(chat: Chat) -> None:
    assert "住哪里" in chat.say("5幢楼道的灯坏了，三天了")
    heard = chat.say("5幢1单元301")
    assert "记下了" in heard
    assert "照片" in heard


def test_a_code_from_an_office_makes_a_worker(chat: Chat) -> None:
    with chat.store() as db:
        code = issue_code(db, None, Role.WORKER)
    assert "社区工作人员" in chat.say(code)
    assert chat.rows(Resident)[0].role is Role.WORKER
    assert "不对" in chat.say(code)


def test_a_code_answers_where_somebody_lives_and_the_talk_goes_on(chat: Chat) -> None:
    with chat.store() as db:
        code = issue_code(db, None, household=find_household(db, "5", "1", "301"))
    chat.say("5幢楼道的灯坏了，三天了")
    heard = chat.say(code)
    assert "已经核实" in heard
    assert "照片" in heard
    assert chat.rows(Resident)[0].verified


def test_a_wrong_code_leaves_the_wish_to_be_taken_up(chat: Chat) -> None:
    chat.say("5幢楼道的灯坏了，三天了")
    heard = chat.say("ABCD-2345")
    assert "不对" in heard
    assert "还没说完" in heard
    assert "住几幢" in chat.say(tap="接着说")


@pytest.fixture
def broken() -> object:
    """A service that fails, and one that writes before it asks."""

    @service("broken")
    def fail(talk: Talk) -> Reply:
        talk.resident.name = "half-written"
        raise ZeroDivisionError

    @service("hasty")
    def hasty(talk: Talk) -> Reply:
        talk.resident.name = "written too soon"
        talk.db.flush()
        talk.words("repair.description")
        return talk.say("repair.pin")

    yield
    del SERVICES["broken"], SERVICES["hasty"]


@both_stores
def test_a_failing_handler_apologises_with_a_number_and_writes_nothing(
    chat: Chat, broken: object, caplog: pytest.LogCaptureFixture
) -> None:
    chat.say("你好")
    heard = chat.say(tap="/broken", message_id="bad")
    reference = heard.partition("编号 ")[2][:6]
    assert reference in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert chat.rows(Resident)[0].name == ""
    assert chat.say(tap="/broken", message_id="bad") == heard


@both_stores
def test_a_handler_that_writes_before_it_asks_has_written_nothing(chat: Chat, broken: object) -> None:
    chat.say("你好")
    assert "具体情况" in chat.say(tap="/hasty")
    assert chat.rows(Resident)[0].name == ""
    assert len(chat.rows(Heard)) == 2


def test_every_service_can_be_named_on_a_button() -> None:
    for name in SERVICES:
        assert " " not in name
        assert all(f"menu.{name}" in texts(language) for language in LANGUAGES), name
