"""Known answers and places: found however they are asked for, from the pack alone, and not where nothing is known."""

import tomllib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from bot.content.load import load_pack
from bot.content.pack import Answer, Pack
from bot.content.snapshot import Communities, Community
from bot.understanding.answers import Index, tokens
from bot.understanding.features import normal
from bot.understanding.wording import SYNONYMS, alike, sound
from handlers.ask import find
from tests.conftest import NOON, ROOT, packs

ASKED = tomllib.loads((ROOT / "tests/answers_asked.toml").read_text("utf-8"))
PACKS = {pack.community.slug: pack for pack in packs(*sorted(f.stem for f in (ROOT / "communities").glob("*.toml")))}
QUESTIONS = [(row["community"], row["key"], asked) for row in ASKED["asked"] for asked in row["asked"]]


@cache
def community(slug: str) -> Community:
    return Community(1, PACKS[slug])


def found(where: Community, question: str) -> str:
    """The keys of what is told: an answer's, or places' after an @."""
    told = find(where, question)
    return told.key if isinstance(told, Answer) else " ".join(f"@{place.key}" for place in told)


def test_the_answer_comes_first_however_it_is_asked_for() -> None:
    missed = [q for slug, key, q in QUESTIONS if [h.key for h in community(slug).answers.search(q, most=1)] != [key]]
    assert len(QUESTIONS) == 180
    assert len(missed) <= len(QUESTIONS) * 0.02, missed


def test_most_are_answered_straight_away_and_hardly_any_wrongly() -> None:
    right, wrong = 0, []
    for slug, key, question in QUESTIONS:
        told = found(community(slug), question)
        place = next(a.place for a in community(slug).pack.answers if a.key == key)
        right += (fine := told == key or f"@{place}" in told.split())
        wrong += [(question, told)] if told and not fine else []
    assert right >= len(QUESTIONS) * 0.83, right
    assert len(wrong) <= len(QUESTIONS) * 0.02, wrong


def test_what_no_pack_answers_is_not_answered() -> None:
    told = [(q, slug, found(community(slug), q)) for q in ASKED["unknown"] for slug in PACKS]
    false = [one for one in told if one[2]]
    assert len(ASKED["unknown"]) == 60
    assert len(false) <= len(told) * 0.02, false


# --- a pack that grows ------------------------------------------------------------------------------------------------

LAUNDRY = {
    "key": "laundry",
    "scene": "hall",
    "name": {"zh": "共享洗衣房", "en": "Shared Laundry"},
    "what": {
        "zh": "六台洗衣机，两台烘干机，被子也洗得下。",
        "en": "Six washing machines, two dryers, room for quilts.",
    },
    "who": {"zh": "居民", "en": "Residents"},
    "price": {"zh": "每桶4元", "en": "4 yuan a load"},
    "address": {"zh": "5幢底楼", "en": "Ground floor, Building 5"},
    "lat": 30.30,
    "lon": 120.17,
    "hours": [{"days": "mon-sun", "open": "06:00-22:00"}],
    "also": ["洗衣服", "洗衣店"],
}
BAGS = {
    "key": "rubbish-bags",
    "ask": {"zh": ["垃圾袋在哪里领", "垃圾袋一个月发几个"], "en": ["where do I get rubbish bags"]},
    "answer": {"zh": "每户每月一卷，到百通岗领。", "en": "One roll a household a month, at the counter."},
    "source": {"zh": "演示数据", "en": "demonstration data"},
    "date": "2026-11-01",
}
GROWN = {
    "共享洗衣房几点开门": "@laundry",
    "共享洗一房几点开": "@laundry",  # heard wrongly
    "公享洗依房几点开门": "@laundry",
    "共享洗衣房幾點關門": "@laundry",
    "共享洗衣房啥辰光开门伐": "@laundry",
    "汏衣服去啥地方": "@laundry",
    "洗衣店在哪里": "@laundry",
    "when is the laundry open": "@laundry",
    "哪里有烘干机": "@laundry",
    "垃圾袋哪里领": "rubbish-bags",
    "垃级袋在那里领": "rubbish-bags",
    "拉圾袋哪里领": "rubbish-bags",
    "垃圾袋在哪裡領": "rubbish-bags",
    "垃圾袋啥地方领伐": "rubbish-bags",
    "今朝垃圾袋哪里好领": "rubbish-bags",
    "一个月发几只垃圾袋": "rubbish-bags",
    "where can I get rubbish bags": "rubbish-bags",
}
NOT_GROWN = [
    "洗衣粉多少钱一包",
    "洗碗机怎么修",
    "洗车在哪里",
    "洗发水哪里买",
    "塑料袋要钱吗",
    "红包怎么领",
    "垃圾短信怎么拦",
    "结婚礼服哪里租",
    "where can I wash my car",
    "where do I buy a handbag",
]


@cache
def grown() -> Pack:
    told = PACKS["hongmei"].model_dump(mode="json")
    return Pack.model_validate({**told, "places": [*told["places"], LAUNDRY], "answers": [*told["answers"], BAGS]})


@pytest.mark.parametrize("question", GROWN)
def test_what_is_added_to_a_pack_is_found_at_once(question: str) -> None:
    assert found(Community(1, grown()), question) == GROWN[question]
    assert found(community("hongmei"), question) != GROWN[question]


@pytest.mark.parametrize("question", NOT_GROWN)
def test_what_is_added_does_not_answer_what_is_like_it(question: str) -> None:
    assert found(Community(1, grown()), question) not in ("@laundry", "rubbish-bags")


def test_a_pack_that_is_loaded_again_is_searched_anew(engine: Engine) -> None:
    communities = Communities(engine)
    assert "rubbish-bags" not in found(communities["hongmei"], "垃圾袋哪里领")
    load_pack(engine, grown(), NOON)
    communities.refresh()
    assert found(communities["hongmei"], "垃圾袋哪里领") == "rubbish-bags"


# --- places -----------------------------------------------------------------------------------------------------------

PLACES = {
    "四楼健生房电话多少": "@gym",
    "衛生站電話": "@clinic",
    "哪里可以喝茶": "@living-room",
    "轮椅哪里借": "@rehab",
    "有红烧狮子头吃伐": "@canteen",
    "where can I play table tennis": "@pingpong",
    "想撸铁去啥地方": "@gym",
}


@pytest.mark.parametrize("question", PLACES)
def test_a_place_is_found_by_what_it_offers(question: str) -> None:
    assert found(community("hongmei"), question) == PLACES[question]


@pytest.mark.parametrize("question", ["几点开门", "多少钱", "在哪里", "电话多少", "when does it open", "how much"])
def test_a_particular_without_a_place_names_none(question: str) -> None:
    assert community("hongmei").offers.search(question) == []


# --- how it is worded -------------------------------------------------------------------------------------------------

ALIKE = [
    ("食堂吃一顿几钿伐", "食堂吃一顿多少钱"),
    ("今朝夜饭啥辰光吃", "今天晚饭什么时候吃"),
    ("小囡困不着", "孩子睡不着"),
    ("啥地方好汏浴", "哪里好洗澡"),
    ("老底子的书房", "从前的书房"),
    ("六十五岁办老年证", "65岁办老年卡"),
    ("電動車幾點充電", "电瓶车几点充电"),
    ("WiFi 哪能连", "无线网怎么连"),
    ("rubbish几点扔", "垃圾几点扔"),
    ("When can I take out the trash", "when may I take out garbage"),
    ("ｅ－ｂｉｋｅ充电", "e-bike 充电"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_one_thing_said_in_several_ways_is_alike(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)
    assert tokens(one)


def test_what_differs_stays_apart() -> None:
    assert tokens("垃圾袋哪里领") != tokens("垃圾哪里扔")
    assert alike("parking lots") != alike("sparkling lots")
    assert tokens("今天吃什么") != tokens("明天吃什么")


def test_no_synonym_stands_in_two_rows_or_can_never_be_met() -> None:
    rows = [(n, several) for part in tomllib.loads(SYNONYMS.read_text("utf-8")).values() for n, several in part.items()]
    words = [word for name, several in rows for word in (name, *several)]
    assert [word for word in words if words.count(word) > 1] == []
    assert [word for word in words if normal(word) != word] == []


# --- what was misheard ------------------------------------------------------------------------------------------------

HEARD = Index({"canteen": ("食堂几点开饭",), "keys": ("配钥匙在哪里",), "pills": ("吃药前量血压",)})


@pytest.mark.parametrize(
    ("said", "key"), [("是堂几点开饭", "canteen"), ("配药匙", "keys"), ("量学压", "pills"), ("十堂几店开放", "canteen")]
)
def test_what_was_misheard_is_found(said: str, key: str) -> None:
    best = HEARD.search(said)[0]
    assert best.key == key
    assert best.score >= 0.5


def test_only_what_sounds_the_same_and_shares_a_character_is_put_right() -> None:
    assert sound("食堂") == sound("是堂") == sound("十糖")
    assert sound("食堂") != sound("糖食")
    assert HEARD.search("十糖") == []  # neither of its characters
    assert HEARD.search("学校") == []
    assert Index({"a": ("试糖",), "b": ("食堂",)}).search("试糖")[0].key == "a"  # what is known is not put right


@given(st.text(st.one_of(st.sampled_from("食堂几点开门钥匙?？ab1零十百 '"), st.characters())))
def test_any_text_has_a_score_between_nothing_and_all(text: str) -> None:
    hits = HEARD.search(text)
    assert all(0 < hit.score <= 1.000001 for hit in hits)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert "" not in tokens(text)
