"""What a sentence tells besides its wish: where, when, how many, which number to call, in which language."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.examples import EXAMPLES, Example, read_examples
from bot.understanding.particulars import headcount, language, phone, time_words
from bot.understanding.place import LONGEST, Home, home_in, numeral

EXAMPLE = [example for path in sorted(EXAMPLES.glob("*.txt")) for example in read_examples(path)]
MARKED = re.compile("[幢栋]|单元")
SPOKEN = st.lists(
    st.one_of(
        st.sampled_from(
            "零一二十百千两幺点时刻月日号天周末半上下午晚幢栋座单但元愿动壮室房楼层-－—/.:#＃杠0123456789２５٣²Ⅷﷺ "
        ),
        st.sampled_from(
            ["block ", "building ", "unit ", "room ", "no. ", "for ", "since ", "monday ", "am ", "B", "a"]
        ),
        st.characters(),
    )
).map("".join)

# what is said: building, unit, room
HOMES = {
    "三壮2单元漏水": ("3", "2", ""),
    "15撞门口": ("15", "", ""),
    "6动的路灯": ("6", "", ""),
    "四冻二单元": ("4", "2", ""),
    "十一动没电": ("11", "", ""),
    "一洞三但愿": ("1", "3", ""),
    "六动二但愿四零幺": ("6", "2", "401"),
    "七栋三丹元三零二": ("7", "3", "302"),
    "8-1电梯坏了": ("8", "1", ""),
    "8-1二楼转角": ("8", "1", ""),
    "4-2-13楼": ("4", "2", ""),
    "7-703": ("7", "", "703"),
    "2B-1-606": ("2B", "1", "606"),
    "10-2-601，水管漏了": ("10", "2", "601"),
    "14杠1杠902": ("14", "1", "902"),
    "3 - 2 - 501": ("3", "2", "501"),
    "9/1/204": ("9", "1", "204"),
    "3幢2-302": ("3", "2", "302"),
    "8#1单元1002": ("8", "1", "1002"),
    "3号楼501": ("3", "", "501"),
    "7棟2單元": ("7", "2", ""),
    "3号棟です": ("3", "", ""),
    "A栋": ("A", "", ""),
    "B座1203": ("B", "", "1203"),
    "2单元302": ("", "2", "302"),
    "三幢一千二百零一": ("3", "", "1201"),
    "３幢２单元３０２": ("3", "2", "302"),
    "5幢,2单元\n302": ("5", "2", "302"),
    "周六三幢停水": ("3", "", ""),
    "楼上七零三半夜拖凳子": ("", "", "703"),
    "302天花板滴水": ("", "", "302"),
    "2楼203": ("", "", "203"),
    "unit 3 room 202": ("", "3", "202"),
    "apt 4B": ("", "", "4B"),
    "bldg #7": ("7", "", ""),
    "bldg5 rm1602": ("5", "", "1602"),
    "blk 20 lift": ("20", "", ""),
    "building 11, 1402": ("11", "", "1402"),
    "building 3, 2-1102": ("3", "2", "1102"),
    "7 building 2 unit 1102": ("7", "2", "1102"),
    "the 3rd building unit 2": ("3", "2", ""),
    "building eleven": ("11", "", ""),
    "lift in building for unit too": ("4", "2", ""),
    "block C, 12th floor": ("C", "", ""),
    "stuck in lift of B tower": ("B", "", ""),
    "smoke is coming out of 1402": ("", "", "1402"),
    "the path behind 11": ("11", "", ""),
    "corridor bulb burned out in #1, unit 3": ("1", "3", ""),
    "我住building 7": ("7", "", ""),
}
NOWHERE = [
    "14楼", "2nd floor", "3号门", "3号岗", "B2车库", "2号线", "车位B1-208", "my spot A-117",
    "7-8点", "周六2-4", "between 2-4", "3-5岁", "1-3年级", "2-3天", "2-1的比分", "比分2-1",
    "11-28", "2026-11-28", "11/28", "13812345678", "0571-8888-1234", "打了120没人", "119",
    "工单12", "工单302", "ticket 882", "ticket 302", "302块钱", "花了302", "unit price 302", "605路公交", "101中学",
    "since 2008", "2008年", "血压一百八", "一动不动", "二装修", "三壮士", "一座桥", "他住哪一幢", "两个单元", "两室一厅",
    "the building I live in", "build a block's worth", "a building for 3 days", "二房东", "3-5幢", "x²-5x+6",
]  # fmt: skip


@pytest.mark.parametrize("text", HOMES)
def test_a_home_is_found_however_it_is_written(text: str) -> None:
    assert home_in(text) == Home(*HOMES[text])


@pytest.mark.parametrize("text", NOWHERE)
def test_other_numbers_are_no_place(text: str) -> None:
    assert home_in(text) == Home()


def test_the_first_home_of_several_is_taken() -> None:
    assert home_in("3幢2单元302楼上的5幢1单元") == Home("3", "2", "302")


@pytest.mark.parametrize(
    ("text", "digits"),
    [("一千二百零一", "1201"), ("一百八", "180"), ("一百零八", "108"), ("四零幺", "401"), ("０７", "7"), ("百", "百")],
)
def test_numerals(text: str, digits: str) -> None:
    assert numeral(text) == digits


def test_a_number_longer_than_any_stays_a_number() -> None:
    assert numeral("1" * 5000) == "1" * 5000


def slots(example: Example) -> dict[str, str]:
    told = dict(zip(("building", "unit", "room"), example.place.split("-"), strict=False))
    return {slot: value.lstrip("0").upper() for slot, value in told.items() if value}


def accuracy(examples: list[Example]) -> dict[str, float]:
    """F1 of each slot: the harmonic mean of precision and recall."""
    right, told, meant = Counter[str](), Counter[str](), Counter[str]()
    for example in examples:
        home, gold = home_in(example.text), slots(example)
        found = {slot: value for slot in ("building", "unit", "room") if (value := getattr(home, slot))}
        told.update(found.keys())
        meant.update(gold.keys())
        right.update(slot for slot, value in found.items() if gold.get(slot) == value)
    return {slot: 2 * right[slot] / (told[slot] + meant[slot]) for slot in meant}


def test_the_places_of_the_examples_are_found() -> None:
    assert min(accuracy(EXAMPLE).values()) >= 0.97
    marked = accuracy([example for example in EXAMPLE if MARKED.search(example.text)])
    assert marked["building"] >= 0.99
    assert min(marked.values()) >= 0.95


TIMES = {
    "今晚七点电梯坏了": "今晚七点",
    "下周三上午9点半的课": "下周三上午9点半",
    "垃圾从昨天中午堆到现在": "昨天中午",
    "楼上半夜拖椅子": "半夜",
    "8-1昨晚停电": "昨晚",
    "KTV今天happy吗": "今天",
    "乒乓球台晚上8点到10点": "晚上8点到10点",
    "这個禮拜天": "这個禮拜天",
    "重阳节有活动吗": "重阳节",
    "12月3号的讲座": "12月3号",
    "28号去得了吗": "28号",
    "三天没水了": "三天",
    "垃圾堆了快一个月了": "快一个月",
    "刚才那个声音": "刚才",
    "食堂几点开门": "",
    "什么时候来修": "",
    "今天几点关门": "今天",
    "重阳宴我去": "",
    "中秋快乐": "",
    "早上好": "",
    "字大一点": "",
    "最近的药店": "",
    "天天吵": "",
    "三号方案": "",
    "tomorrow at 7": "tomorrow at 7",
    "dark since last Friday evening": "since last Friday evening",
    "lost my dog 10 min ago": "10 min ago",
    "Dog barks all night": "all night",
    "for the hall on 3 Dec": "on 3 Dec",
    "noise after 10pm": "after 10pm",
    "fire on the 9th floor": "",
    "what time does it open": "",
    "his tree blocks my sun": "",
    "": "",
}


@pytest.mark.parametrize("text", TIMES)
def test_the_words_that_say_when(text: str) -> None:
    assert time_words(text) == TIMES[text]


def test_the_times_of_the_examples_are_found() -> None:
    """One within the other is enough: how much is said around the time is a matter of taste."""
    right = told = meant = 0
    for example in EXAMPLE:
        gold, found = example.time.replace("_", " "), time_words(example.text)
        told, meant = told + bool(found), meant + bool(gold)
        right += bool(gold and found) and (gold in found or found in gold)
    assert 2 * right / (told + meant) >= 0.83


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("报名3个人", 3),
        ("两位", 2),
        ("我们十二个人", 12),
        ("２５人", 25),
        ("留五个名额", 5),
        ("for 4 people", 4),
        ("four of us", 4),
        ("两三个人", None),
        ("1-2个人", None),
        ("第三位", None),
        ("两名字", None),
        ("3号楼", None),
        ("人民路", None),
        ("", None),
    ],
)
def test_how_many_are_meant(text: str, people: int | None) -> None:
    assert headcount(text) == people


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("打我138 1234 5678", "13812345678"),
        ("电话０５７１－８７６５４３２１", "057187654321"),
        ("工单 138123456789", ""),
        ("3幢2单元502", ""),
        ("", ""),
    ],
)
def test_a_telephone_number_is_digits_alone(text: str, number: str) -> None:
    assert phone(text) == number


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("电梯坏了", "zh"),
        ("The lift is broken", "en"),
        ("C座lift又down了", "mixed"),
        ("附近有没有什么好一点的KTV可以唱歌", "zh"),
        ("エレベーターが止まりました", "ja"),
        ("？？？", "zh"),
        ("", "zh"),
    ],
)
def test_the_language_of_a_sentence(text: str, spoken: str) -> None:
    assert language(text) == spoken


@given(SPOKEN)
def test_no_text_makes_the_particulars_fail(text: str) -> None:
    home = home_in(text)
    assert re.fullmatch(r"(?:[A-Z]?\d{1,3}[A-Z]?|[A-Z])?", home.building)
    assert re.fullmatch(r"(?:\d{1,2})?", home.unit)
    assert re.fullmatch(r"(?:\d{1,4}[A-Z]?)?", home.room)
    assert time_words(text) in text
    assert headcount(text) is None or 0 <= int(headcount(text) or 0) < 1000
    assert re.fullmatch(r"\d*", phone(text))
    assert language(text) in {"zh", "en", "mixed", "ja"}


@given(st.sampled_from(["3幢", "1-", "block ", "今天", "since ", "十", "7 ", " ", "ﷺ"]), SPOKEN)
def test_what_follows_a_long_text_changes_nothing(word: str, tail: str) -> None:
    long = word * LONGEST
    assert home_in(long + tail) == home_in(long)
    assert time_words(long + tail) == time_words(long)
