"""Questions: what is known is answered with its source, what is not is said, kept, and passed to a person."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from bot.content.pack import Pack
from models.enquiry import Enquiry
from models.outbox import Push
from models.resident import Role
from tests.conftest import ROOT, Chat, both_stores, packs

Neighbour = Callable[..., Chat]
(HONGMEI,) = packs("hongmei")
ALL = packs(*sorted(f.stem for f in (ROOT / "communities").glob("*.toml")))
ANSWERS = {a.key: a for a in HONGMEI.answers}

KNOWN = [
    ("居住证怎么办", "residence-permit"),
    ("请问外地人办暂住证要什么材料", "residence-permit"),
    ("how do I get a residence permit", "residence-permit"),
    ("小区停车多少钱", "parking"),
    ("visitor parking fee?", "parking"),
    ("垃圾几点扔", "garbage-hours"),
    ("when can I take out the rubbish", "garbage-hours"),
    ("磨剪刀多少钱", "repair-price"),
    ("where can I get a key cut", "repair-price"),
    ("哪里量血压", "blood-pressure"),
    ("wifi密码多少", "wifi"),
    ("最近的地铁站", "metro-bus"),
    ("nearest metro station", "metro-bus"),
    ("有律师可以问吗", "legal-advice"),
    ("do foreigners need to register", "foreigners"),
]


def speak(chat: Chat, text: str) -> None:
    chat.say(tap=f"/language which={'en' if text.isascii() else 'zh'}")


@pytest.mark.parametrize(("text", "key"), KNOWN)
def test_a_known_question_is_answered_with_its_source_and_date(chat: Chat, text: str, key: str) -> None:
    speak(chat, text)
    heard = chat.say(text)
    known = ANSWERS[key]
    language = "en" if text.isascii() else "zh"
    assert heard.startswith(known.answer.model_dump()[language])
    assert known.source.model_dump()[language] in heard
    assert known.date.isoformat() in heard
    assert chat.rows(Enquiry) == []
    if known.place is not None:
        place = next(p for p in HONGMEI.places if p.key == known.place)
        assert chat.say(tap=chat.labels()[0]).startswith(place.name.model_dump()[language])


@pytest.mark.parametrize("pack", ALL, ids=lambda p: p.community.slug)
def test_every_answer_of_a_pack_is_found_by_its_own_words(pack: Pack) -> None:
    from bot.content.snapshot import Community

    community = Community(1, pack)
    for known in pack.answers:
        for asked in (*known.ask.zh, *known.ask.en):
            assert community.answers.search(asked)[0].key == known.key, asked


PARTICULARS = [
    ("食堂几点开门", "时间：周一至周五 06:30-08:30"),
    ("四楼健身房多少钱", "单次12元"),
    ("卫生站电话多少", "0571-8888 0019"),
    ("乒乓小馆谁能去", "10岁以下要大人陪"),
    ("康复小站在哪里", "18幢1单元底楼"),
    ("书房现在开着吗", "现在关门，13:00 开"),
    ("is the gym open now", "open until 13:30"),
    ("how much is the gym", "12 yuan a visit"),
    ("when does the library close", "13:00-20:30"),
    ("phone number of the clinic", "0571-8888 0019"),
]


@pytest.mark.parametrize(("text", "part"), PARTICULARS)
def test_the_particulars_of_a_place_are_told_straight_away(chat: Chat, text: str, part: str) -> None:
    speak(chat, text)
    heard = chat.say(text).replace("9:00–12:00", "09:00-12:00").replace("13:00–20:30", "13:00-20:30")
    assert part in heard
    assert chat.rows(Enquiry) == []


def test_a_question_in_the_middle_of_a_report_is_answered_and_the_report_goes_on(chat: Chat) -> None:
    chat.settle_in().say("5幢楼道的灯坏了，三天了")
    heard = chat.say("食堂几点开门")
    assert "06:30-08:30" in heard
    assert "照片" in chat.replies[-1].text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("pack", ALL, ids=lambda p: p.community.slug)
def test_a_brand_says_what_it_is(desk: object, pack: Pack, language: str) -> None:
    """A click on one in the side panel says its name."""
    from bot.content.snapshot import Community
    from bot.conversation.meaning import meant
    from bot.conversation.message import Address, Message
    from bot.conversation.talk import Talk
    from handlers.ask import ask, person
    from handlers.places import places

    community = Community(1, pack)
    for brand in pack.brands:
        name = brand.name.model_dump()[language]
        service = meant(name, community).service or "ask"
        run = {"ask": ask, "places": places, "person": person}[service]
        talk = Talk(service, None, None, community.texts(language), community, None)
        talk.said = [Message("1", Address("web", "x", "y"), name)]
        reply = run(talk)
        assert reply.text.startswith(name)
        assert brand.what.model_dump()[language] in reply.text
        assert pack.community.source.model_dump()[language] in reply.text


def test_a_brand_leads_to_its_place(chat: Chat) -> None:
    heard = chat.say("邻里客厅")
    assert heard.startswith("邻里客厅：在邻里中心二楼")
    assert "2022-10-12" in heard
    assert chat.say(tap="二楼邻里客厅").startswith("二楼邻里客厅")
    chat.say("放学等一等")
    assert "志愿者" in chat.say(tap="多说一点")
    assert chat.rows(Enquiry) == []


def test_what_the_community_is_known_for(chat: Chat) -> None:
    heard = chat.say("社区有什么特色")
    for part in (HONGMEI.community.profile, HONGMEI.community.known_for, HONGMEI.community.source):
        assert part.zh in heard
    assert "2022-10-12" in heard
    for brand in HONGMEI.brands:
        assert brand.name.zh in heard
    chat.say("English")
    assert HONGMEI.community.known_for.en in chat.say("what is special about this community")


@both_stores
def test_what_is_not_known_is_said_and_kept(chat: Chat) -> None:
    heard = chat.say("月球上能种白菜吗")
    assert "已经记下来请社区工作人员看" in heard
    assert chat.labels()[-1] == "找人说"
    (kept,) = chat.rows(Enquiry)
    assert kept.text == "月球上能种白菜吗"
    assert not kept.wants_person


def test_the_nearest_are_offered(chat: Chat) -> None:
    heard = chat.say("停车证丢了去哪里补")
    assert "您是不是想问下面这些" in heard
    near = chat.labels()[:-1]
    assert 1 <= len(near) <= 3
    assert "小区停车多少钱" in near or "月租车位" in near
    heard = chat.say(tap=near[0])
    assert "来源：" in heard
    assert len(chat.rows(Enquiry)) == 1


def test_an_english_reader_is_offered_english_only(chat: Chat) -> None:
    chat.say("Hello")
    chat.say("can I borrow a wheelchair for my grandmother")
    for label in chat.labels():
        assert label.isascii()


def test_what_is_known_in_chinese_only_is_said_so(chat: Chat) -> None:
    chat.say("Hello")
    heard = chat.say("旧沙发扔哪里")
    assert heard.startswith("For now I have this only in Chinese:\n旧家具")


@pytest.mark.parametrize("key", ["nothing", "", "x y"])
def test_an_answer_that_has_gone(chat: Chat, key: str) -> None:
    assert "想问什么" in chat.say(tap=f"/ask key={key}")


@both_stores
def test_the_whole_way_of_a_question(chat: Chat, neighbour: Neighbour) -> None:
    worker = neighbour("wang", role=Role.WORKER)
    chat.say("Hello")
    chat.say("how do I apply for a fishing licence")
    assert "get back to you soon" in chat.say(tap="Talk to a person")
    with worker.store() as db:
        (rung,) = db.exec(select(Push).where(Push.resident_id == worker.me(db).id)).all()
    assert rung.text_key == "work.person_wanted"
    assert rung.facts["text"] == "how do I apply for a fishing licence"
    worker.say(tap=rung.choices[0][0])
    worker.say("Please ask the property office first: 0571-8888 0030.")
    with chat.store() as db:
        (news,) = db.exec(select(Push).where(Push.resident_id == chat.me(db).id)).all()
    said = chat.community.texts("en")(news.text_key, **news.facts)
    assert said.startswith(
        "You asked: “how do I apply for a fishing licence”. The community workers reply:\nPlease ask"
    )


@pytest.mark.parametrize("text", ["？", "嗯嗯", "asdf", "👍", "1234"])
def test_nonsense_is_met_kindly(chat: Chat, text: str) -> None:
    assert chat.say(text)
    assert "编号" not in chat.replies[0].text
