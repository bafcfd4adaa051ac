"""What a sentence means: places, numbers, times, danger, services and known questions."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.message import Address as Sender
from bot.conversation.message import Choice, Message
from bot.conversation.question import Number, Phone, Question, Unclear, When
from bot.conversation.texts import CIVIL, words
from bot.conversation.whereabouts import Address, Room, Where
from bot.understanding.answers import Index, tokens
from bot.understanding.danger import dangerous
from bot.understanding.place import Home, home_in, numeral
from bot.understanding.when import when_in
from bot.understanding.words import Vocabulary, clean, exact, meaning, plain
from models.code import looks_like_code
from tests.conftest import NOON

ZHANG = Sender("web", "hongmei", "zhang")
# Letters that stand where a parser looks for sense, mixed with any others.
SPOKEN = st.text(
    st.one_of(
        st.sampled_from("零一二两三十百半点时刻分年月日号天周末下上午晚今明后幢栋单元室楼-/.:：0123456789 ²Ⅷ٣apm"),
        st.characters(),
    )
)


def said(text: str = "", choice: str = "") -> Message:
    return Message("1", ZHANG, text, choice)


HOMES = {
    "3幢2单元502": ("3", "2", "502"),
    "三幢二单元302": ("3", "2", "302"),
    "二十三幢一单元一零一室": ("23", "1", "101"),
    "一百零二号楼": ("102", "", ""),
    "12幢 2单元 1201房": ("12", "2", "1201"),
    "10-2-601": ("10", "2", "601"),
    "我家在10-2-601，水管漏了": ("10", "2", "601"),
    "building 7 room 302": ("7", "", "302"),
    "Block B, flat 12": ("B", "", "12"),
    "block 3 unit 2 room 502": ("3", "2", "502"),
    "3号楼2单元5楼的灯": ("3", "2", ""),  # a storey is no room
    "在7幢楼下": ("7", "", ""),
    "007幢": ("7", "", ""),
    "20A幢1单元302": ("20A", "1", "302"),
    "20b-1-302": ("20B", "1", "302"),
    "03-02-0502": ("3", "2", "502"),
    "Building 20A": ("20A", "", ""),
    "B座1203室": ("B", "", "1203"),
    "2026-11-28": ("", "", ""),
    "13812345678": ("", "", ""),
    "0571-8888-1234": ("", "", ""),
    "食堂几点开门": ("", "", ""),
    "": ("", "", ""),
}


@pytest.mark.parametrize("text", HOMES)
def test_a_home_is_found_in_a_sentence(text: str) -> None:
    assert home_in(text) == Home(*HOMES[text])


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("一", "1"),
        ("十", "10"),
        ("十二", "12"),
        ("二十", "20"),
        ("三零二", "302"),
        ("两百", "200"),
        ("一百一十", "110"),
        ("007", "7"),
        ("零", "0"),
        ("千", "千"),
        ("²", "²"),
        ("", ""),
    ],
)
def test_numerals(text: str, digits: str) -> None:
    assert numeral(text) == digits


TIMES = {
    "今晚七点": "11-25 19:00",
    "周六下午": "11-28 14:00",
    "周末下午": "11-28 14:00",
    "下周三上午9点半": "12-02 09:30",
    "下下周二10点": "12-08 10:00",
    "周日晚上八点": "11-29 20:00",
    "11月28日14:00": "11-28 14:00",
    "十一月二十八日下午两点": "11-28 14:00",
    "11/28 14:00": "11-28 14:00",
    "11.28 14:00": "11-28 14:00",
    "2026-11-28 14:00": "11-28 14:00",
    "28号下午三点": "11-28 15:00",
    "3号下午三点": "12-03 15:00",  # the third of this month is over
    "31号10点": "12-31 10:00",  # November has none
    "后天 15：30": "11-27 15:30",
    "三天后上午十点": "11-28 10:00",
    "明天下午3点一刻": "11-26 15:15",
    "下午三点三刻": "11-25 15:45",
    "明天9-11点": "11-26 11:00",  # no ninth of November
    "14:00-16:00": "11-25 14:00",
    "下午2点到晚上8点": "11-25 14:00",
    "上午8点": "11-26 08:00",  # past today
    "中午12点半": "11-25 12:30",
    "中午一点": "11-25 13:00",
    "昨天下午3点": "11-24 15:00",
    "今天上午9点": "11-25 09:00",
    "我的电话0571-12345678，明天下午3点": "11-26 15:00",
    "3幢2单元502 明天下午三点": "11-26 15:00",
    "tomorrow 3pm": "11-26 15:00",
    "the day after tomorrow at 10 in the morning": "11-27 10:00",
    "next Friday 10:30": "12-04 10:30",
    "Saturday 3 p.m.": "11-28 15:00",
    "tues 3pm": "12-01 15:00",
    "Nov 28 2pm": "11-28 14:00",
    "28th of November 2pm": "11-28 14:00",
    "tomorrow afternoon": "11-26 14:00",  # there is a noon in it
    "this afternoon at 5": "11-25 17:00",
    "8 o'clock tonight": "11-25 20:00",
    "2 decorators tomorrow 3pm": "11-26 15:00",  # no second of December
    # midnight ends the day it is said of
    "今晚十二点": "11-26 00:00",
    "晚上12点": "11-26 00:00",
    "今晚24:00": "11-26 00:00",
    "明天24:00": "11-27 00:00",
    "明晚零点": "11-27 00:00",
    "24:00": "11-26 00:00",
    "midnight": "11-26 00:00",
    "夜里2点": "11-26 02:00",
    "明天凌晨12点": "11-26 00:00",
    "明天0:30": "11-26 00:30",
    "12am": "11-26 00:00",
    "tomorrow 12pm": "11-26 12:00",
}


@pytest.mark.parametrize("text", TIMES)
def test_a_moment_is_found_in_a_sentence(text: str) -> None:
    moment = when_in(text, NOON)
    assert moment is not None
    assert moment.astimezone(CIVIL).strftime("%m-%d %H:%M") == TIMES[text]


@pytest.mark.parametrize(
    "text",
    [
        "2月30日14:00",
        "2026-02-30 14:00",
        "2/30 14:00",
        "Feb 30 2pm",
        "2月29日10点",
        "13月1日10点",
        "周三",
        "今天",
        "26:00",
        "明天25点",
        "3点75分",
        "等一个小时",
        "半天时间",
        "食堂几点开门",
        "",
    ],
)
def test_what_names_no_moment(text: str) -> None:
    assert when_in(text, NOON) is None


def test_days_go_by_the_civil_calendar() -> None:
    """At 23:30 in Hangzhou it is still yesterday afternoon in UTC."""
    late = datetime(2026, 12, 31, 15, 30, tzinfo=UTC)
    assert when_in("明天9:00", late) == datetime(2027, 1, 1, 1, 0, tzinfo=UTC)
    assert when_in("今晚十二点", late) == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    assert when_in("1月2日9:00", late) == datetime(2027, 1, 2, 1, 0, tzinfo=UTC)
    assert when_in("12月31日9:00", late) == datetime(2026, 12, 31, 1, 0, tzinfo=UTC)
    assert when_in("2028年2月29日10点", late) == datetime(2028, 2, 29, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["9999年1月1日10点", "2099年12月31日23:59", "2027年12月31日10点"])
def test_a_time_more_than_a_year_off_is_refused(text: str) -> None:
    """Dates are told without their year."""
    assert When(now=NOON).find(said(text)) is None
    with pytest.raises(Unclear) as told:
        When(now=NOON).read(said(text))
    assert told.value.key == "talk.far_time"


def test_the_end_of_all_calendars_is_no_time() -> None:
    assert when_in("9999年12月31日24点半", NOON) is None


def test_a_past_time_is_named_when_refused() -> None:
    question = When(now=NOON)
    with pytest.raises(Unclear) as told:
        question.read(said("今天上午9点"))
    assert told.value.key == "talk.past_time"
    assert told.value.facts["at"] == datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
    assert question.find(said("今天上午9点")) is None
    with pytest.raises(Unclear) as told:
        question.read(said("2月30日14:00"))
    assert told.value.key == "talk.no_time"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13812345678", "13812345678"),
        ("我的号码138 1234 5678。", "13812345678"),
        ("138-1234-5678", "13812345678"),
        ("0571-87654321", "057187654321"),
        ("057187654321", "057187654321"),
        ("办公室 010-12345678 转 3", "01012345678"),
    ],
)
def test_phone_numbers(text: str, number: str) -> None:
    assert Phone().read(said(text)).replace("-", "") == number


@pytest.mark.parametrize("text", ["1381234567", "138123456789", "12345678901", "不方便", "", "工单 13812345678901 号"])
def test_what_is_no_phone_number(text: str) -> None:
    with pytest.raises(Unclear) as told:
        Phone().read(said(text))
    assert told.value.key == "talk.no_phone"


def test_a_known_phone_is_taken_by_tap_and_no_other() -> None:
    question = Phone((Choice("13812345678", "13812345678"),))
    assert question.read(said(choice="13812345678")) == "13812345678"
    with pytest.raises(Unclear):
        question.read(said(choice="13999999999"))


@pytest.mark.parametrize(
    ("text", "number"), [("3", 3), ("三", 3), ("3个人", 3), ("两位", 2), ("十二", 12), ("我们 4 people", 4), ("20", 20)]
)
def test_numbers(text: str, number: int) -> None:
    assert Number(least=1, most=20).read(said(text)) == number


@pytest.mark.parametrize("text", ["0", "21", "很多", "", "²", "999999"])
def test_numbers_out_of_bounds_name_the_bounds(text: str) -> None:
    with pytest.raises(Unclear) as told:
        Number(least=1, most=20).read(said(text))
    assert told.value.key == "talk.no_number"
    assert told.value.facts == {"least": 1, "most": 20}


def test_a_number_is_volunteered_only_with_its_unit() -> None:
    assert Number().find(said("报名健康讲座，3个人")) == 3
    assert Number().find(said("报名 3 号的健康讲座")) is None


DANGERS = {
    "fire": ["着火了", "火", "楼道着火了！", "外面冒烟", "HELP FIRE", "the kitchen is on fire"],
    "gas": ["煤气味好重", "我闻到煤气了", "I smell gas", "gas leak"],
    "trapped": ["电梯困人了", "电梯里困了两个人", "trapped in the lift"],
    "medical": ["我妈晕倒了", "老人摔倒了起不来", "老伴摔了一跤起不来"],
    "despair": ["有人要跳楼", "I don't want to live any more"],
    "electric": ["有人触电", "被电到了"],
    "collapse": ["外墙掉下来砸到人了", "天花板塌了"],
    "missing": ["小孩不见了", "我老伴走丢了", "my daughter is missing"],
    "crime": ["有人持刀", "somebody is breaking in"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, several in DANGERS.items() for text in several])
def test_danger_is_recognised(kind: str, text: str) -> None:
    assert dangerous(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "煤气费怎么交",
        "燃气公司电话",
        "燃气灶坏了",
        "消防演习",
        "明天的消防演练几点",
        "消防通道被堵",
        "灭火器过期了",
        "防火讲座",
        "饿死了",
        "热死了",
        "吵死了",
        "困死了",
        "火锅店",
        "火车站怎么走",
        "开火做饭",
        "跳楼机",
        "电到期了",
        "剪刀",
        "去年着火的那家",
        "gas station",
        "gas bill",
        "fire drill tomorrow",
        "firewood",
        "tourist trap",
        "I'm starving",
        "bath bomb",
        "",
        "电梯坏了",
    ],
)
def test_what_only_sounds_like_danger(text: str) -> None:
    assert dangerous(text) is None


def test_every_kind_of_danger_is_known() -> None:
    assert set(words("danger")) == set(DANGERS)
    assert set(words("danger_alone")) <= set(DANGERS)


VOCABULARY = {"water": ("漏水", "水管", "leak"), "lighting": ("灯", "路灯", "light"), "map": ("map",)}


def test_the_longest_word_betrays_the_meaning() -> None:
    assert meaning("路灯下漏", VOCABULARY) == "lighting"
    assert meaning("The LIGHT is out!", VOCABULARY) == "lighting"
    assert meaning("水管和路灯", VOCABULARY) is None  # as long as each other
    assert meaning("灯和水管", VOCABULARY) == "water"
    assert meaning("什么都没有", VOCABULARY) is None
    assert meaning("", VOCABULARY) is None


def test_latin_words_count_only_as_a_whole() -> None:
    assert meaning("mapping", VOCABULARY) is None
    assert meaning("a map, please", VOCABULARY) == "map"
    assert list(Vocabulary(VOCABULARY).found("mappings and a map")) == [("map", "map")]
    assert not list(Vocabulary(VOCABULARY).found("roadmap"))


def test_two_words_may_stand_a_little_apart() -> None:
    stuck = Vocabulary({"trapped": ("电梯…困", "stuck…lift")})
    assert meaning("电梯里有人被困", stuck) == "trapped"
    assert meaning("stuck in the lift", stuck) == "trapped"
    assert meaning("困在电梯", stuck) is None  # the other way round
    assert meaning("电梯昨天刚刚修好了，楼上的邻居说他很困", stuck) is None  # too far


def test_exact_words_may_be_dressed_up() -> None:
    assert exact("  漏水。。。", VOCABULARY) == "water"
    assert exact("/MAP", VOCABULARY) == "map"
    assert exact("ＭＡＰ！", VOCABULARY) == "map"
    assert exact("漏水了", VOCABULARY) is None


def test_plain_and_clean() -> None:
    assert plain("　Ｈｅｌｌｏ，  World’S…") == "hello, world's"
    assert clean("你\u202e好\x00\ud83d\ud83d\n第二行\ufeff ") == "你好\n第二行"
    assert clean("\u3164\u2800\u115f \uffa0\u034f") == ""
    assert clean("e\u0301") == "é"


INDEX = Index(
    {"card": ("老年卡怎么办", "how to get a senior card"), "pool": ("游泳池几点开门",), "library": ("图书馆几点开门",)}
)


def test_the_index_finds_the_question_meant() -> None:
    assert INDEX.search("请问老年卡怎么办呢")[0].key == "card"
    assert INDEX.search("图书馆几点开")[0].key == "library"
    assert INDEX.search("senior cards")[0].key == "card"
    assert INDEX.search("老年卡怎么办")[0].score == pytest.approx(1.0)


def test_the_index_gives_one_hit_a_key_best_first() -> None:
    hits = INDEX.search("几点开门")
    assert {h.key for h in hits} == {"pool", "library"}
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert len(INDEX.search("几点开门", most=1)) == 1
    assert INDEX.search("月球上的白菜") == []
    assert INDEX.search("") == []
    assert Index({}).search("老年卡") == []


def test_filler_alone_is_still_something() -> None:
    assert tokens("请问") == {"请问", "请", "问"}
    assert tokens("请问老年卡") == tokens("老年卡")


@given(SPOKEN)
def test_no_text_makes_understanding_fail(text: str) -> None:
    told = clean(text)
    assert told == clean(told)
    home = home_in(text)
    assert all(isinstance(part, str) for part in (home.building, home.unit, home.room))
    numeral(text)
    plain(text)
    looks_like_code(text)
    assert dangerous(text) in {None, *DANGERS}
    assert meaning(text, words("service")) in {None, *words("service")}
    assert exact(text, words("service")) in {None, *words("service")}
    assert all(0 < hit.score <= 1.000001 for hit in INDEX.search(text))


@given(SPOKEN, st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31)))  # noqa: DTZ001  (made aware below)
def test_no_text_makes_the_calendar_fail(text: str, now: datetime) -> None:
    moment = when_in(text, now.replace(tzinfo=UTC))
    assert moment is None or moment.tzinfo is UTC


ASKED: list[Question] = [Address(), Room(), Where(), Phone(), Number(), When(now=NOON)]


@given(SPOKEN, st.sampled_from(ASKED))
def test_any_text_is_an_answer_or_unclear(text: str, question: Question) -> None:
    question.find(said(text))
    with suppress(Unclear):
        assert question.read(said(text)) is not None
