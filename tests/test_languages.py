"""Everything in Chinese and in English, and never one in the other."""

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlmodel import select

from bot.conversation.service import SERVICES
from bot.conversation.texts import HERE, texts
from models.code import issue_code
from models.enquiry import keep_enquiry
from models.event import Event
from models.outbox import Push
from models.reporting import open_ticket
from models.resident import Role
from tests.conftest import ROOT, Chat, packs

Neighbour = Callable[..., Chat]
CJK = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+")
LATIN = re.compile(r"[A-Za-z]{2,}")
FILES = {language: tomllib.loads((HERE / f"{language}.toml").read_text("utf-8")) for language in ("zh", "en")}
SENTENCES = [(g, k) for g, entries in FILES["zh"].items() if g != "words" for k in entries]
# the other language is offered by its own name, and asked for in both
BOTH = {
    ("language", "which"),
    ("language", "which_zh"),
    ("language", "which_en"),
    ("language", "other"),
    ("menu", "how"),
    ("telegram", "command_language"),
}
# Latin script that Chinese is written with here
AT_HOME = {"wifi", "Wi", "Fi", "AED", "Hongmei", "Neighbour", "English", "Telegram", "link", "JPG", "PNG", "MB"}
SERVICE = sorted(SERVICES)


def names(value: Any, language: str) -> Iterator[str]:
    """Every text a pack gives in a language."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from names(inner, language) if key != language or not isinstance(inner, str) else [inner]
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names(inner, language)


def foreign(chat: Chat, heard: str, language: str) -> list[str]:
    """What in a reply is of the other language and no name of the pack's."""
    told = re.sub(r"\S*/console/enter/\S+", "", " ".join([heard, *chat.labels()]))
    for other in ("English", "中文"):
        told = told.replace(other, "")
    if language == "en":
        return CJK.findall(told.replace("——", ""))
    return [w for w in LATIN.findall(told) if w not in AT_HOME and "linlifang" not in w.lower()]


@pytest.fixture
def furnished(neighbour: Neighbour) -> Chat:
    """A worker in a neighbourhood where there is something of everything."""
    chat = neighbour("wang", role=Role.WORKER, home="5幢1单元301")
    with chat.store() as db:
        me = chat.me(db)
        for n in range(2):
            ticket = open_ticket(db, me, "lighting", "1234", place="5", building="5", contact="13812345678")
            ticket.number = n + 1
        keep_enquiry(db, me, "1234?")
        issue_code(db, me)
    return chat


@pytest.mark.parametrize("name", SERVICE)
def test_the_first_words_of_every_service_are_of_one_language(furnished: Chat, name: str) -> None:
    for chat in (furnished, Chat(furnished.desk, "stranger")):
        for language in ("zh", "en"):
            chat.say(tap=f"/language which={language}")
            heard = chat.say(tap=f"/{name}")
            assert heard
            assert name == "language" or foreign(chat, heard, language) == []
            chat.say(tap="!cancel")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_left_unfinished_has_a_name(language: str) -> None:
    """Any talk may be interrupted, and is then offered again by what it is called."""
    assert [name for name in SERVICE if f"menu.{name}" not in texts(language)] == []


@pytest.mark.parametrize("slug", [f.stem for f in sorted((ROOT / "communities").glob("*.toml"))])
def test_every_place_answer_and_menu_of_a_pack_is_told_in_english(desk: Any, slug: str) -> None:
    from datetime import UTC, datetime

    from bot.content.snapshot import Community
    from bot.conversation.talk import Talk
    from handlers.ask import about
    from handlers.menu import menu
    from handlers.places import answer, brand, canteen, card
    from models.resident import Resident

    (pack,) = packs(slug)
    community = Community(1, pack)
    talk = Talk(
        "canteen",
        Resident(origin="x", language="en"),
        None,  # nothing is looked up
        community.texts("en"),
        community,
        datetime(2026, 11, 25, 4, tzinfo=UTC),
    )
    said = [card(talk, p.key) for p in pack.places]
    said += [answer(talk, a) for a in pack.answers if a.answer.en]
    said += [r for b in pack.brands if (r := brand(talk, b.name.en))]
    said += [canteen(talk)]
    for run, section in ((menu, "menu"), (about, "about")):
        talk.section = section
        said.append(run(talk))
    given = {w for text in names(pack.model_dump(mode="json"), "en") for w in CJK.findall(text)}  # a newspaper's name
    for reply in said:
        told = " ".join([reply.text, *(c.label for c in reply.choices if c.label != "中文")])
        assert set(CJK.findall(told)) <= given, told


SPEECH = [
    ("Hello", "delete my data"),
    ("the light in the stairwell is broken", "where you live"),
    ("Building 5, Unit 1, Room 301", "Where is it"),
    ("Building 5", "photo"),
    ("no photo", "phone"),
    ("13812345678", "Shall I send it"),
    ("yes", "Your report is no. 1"),
    ("my reports", "No. 1 Lighting: sent"),
    ("send a reminder", "reminded them"),
    ("what's for lunch", "yuan"),
    ("anything near building 5", "min on foot"),
    ("is the gym open now", "open until"),
    ("what is special about this community", "Source"),
    ("how do I apply for a fishing licence", "noted"),
    ("talk to a person", "get back to you"),
    ("events", "two weeks"),
    ("my information", "Votes cast"),
    ("quiet hours", "disturb"),
    ("20:00 to 9:00", "Noted"),
    ("my house is on fire", "119"),
    ("cancel", "cancelled"),
    ("menu", "What Hongmei"),
    ("help", "Just tell me"),
    ("thank you", "welcome"),
    ("bye", "Goodbye"),
    ("delete my data", "Really delete"),
    ("yes", "Deleted"),
]


def test_a_whole_day_in_english(chat: Chat) -> None:
    for line, part in SPEECH:
        heard = chat.say(line)
        assert part in heard, line
        assert foreign(chat, heard, "en") == [], line


def test_what_is_pushed_is_of_the_readers_language(chat: Chat, neighbour: Neighbour) -> None:
    worker = neighbour("wang", role=Role.WORKER)
    for line, _ in SPEECH[:7]:
        chat.say(line)
    worker.says("/work.accept ticket=1", "/work.finish ticket=1", "1234")
    with chat.store() as db:
        event = db.exec(select(Event).where(Event.key == "yue-opera")).one()
    chat.say(tap=f"/events.join event={event.id}")
    chat.says("1", "yes")
    with chat.store() as db:
        me = chat.me(db)
        for push in db.exec(select(Push)):
            language = "en" if push.resident_id == me.id else "zh"
            told = chat.community.texts(language)(push.text_key, **push.facts)
            if language == "en":
                assert CJK.findall(told) == [], told
            else:
                assert CJK.findall(told), told


@pytest.mark.parametrize("first", ["Hello", "my lamp is broken", "is anybody there?", "good morning!", "HELP"])
def test_whoever_begins_in_english_is_answered_in_english(chat: Chat, first: str) -> None:
    heard = chat.say(first)
    assert foreign(chat, heard, "en") == []


@pytest.mark.parametrize("first", ["你好", "wifi密码多少", "9-2-301", "5幢", "/start", "👋", "123456", "ABCD-2345"])
def test_whoever_does_not_is_answered_in_chinese(chat: Chat, first: str) -> None:
    assert CJK.search(chat.say(first))


@pytest.mark.parametrize(
    ("way", "there"),
    [("English", "OK, English"), ("英文", "OK, English"), ("can you speak English please", "OK, English")],
)
def test_the_language_changes_at_a_word_and_back(chat: Chat, way: str, there: str) -> None:
    chat.say("你好")
    assert there in chat.say(way)
    assert "以后用中文" in chat.say("中文")


def test_a_change_of_language_in_the_middle_keeps_the_talk(chat: Chat) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了")
    heard = chat.say("English")
    assert "OK, English" in heard
    assert "photo" in heard
    assert "phone" in chat.say("no photo")


def test_each_sentence_is_written_in_its_own_language() -> None:
    wrong = []
    for group, key in SENTENCES:
        zh, en = (re.sub(r"\{\w+\}", "", FILES[language][group][key]) for language in ("zh", "en"))
        latin = [w for w in LATIN.findall(zh) if w not in AT_HOME]
        if (group, key) not in BOTH and (latin or CJK.findall(en.replace("——", ""))):
            wrong.append((group, key))
    assert wrong == []


def test_the_languages_have_the_same_sentences_and_blanks() -> None:
    shape = {
        language: {
            (g, k): set(re.findall(r"\{(\w+)\}", text))
            for g, entries in file.items()
            if g != "words"
            for k, text in entries.items()
        }
        for language, file in FILES.items()
    }
    assert shape["zh"] == shape["en"]


def test_the_languages_have_words_for_the_same_meanings() -> None:
    meant = {language: {(g, m) for g, words in f["words"].items() for m in words} for language, f in FILES.items()}
    assert meant["zh"] - {("service", "ask")} <= meant["en"] | {("danger_alone", "fire")}
