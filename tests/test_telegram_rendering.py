"""What leaves for Telegram: nothing said is lost or garbled, every button fits, and the strict server takes it all."""

import io
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from PIL import Image
from telegram import Bot, InlineKeyboardMarkup, LinkPreviewOptions, Message, ReplyKeyboardMarkup, ReplyKeyboardRemove
from telegram.error import BadRequest
from telegram.request import HTTPXRequest

from bot.channels import photos
from bot.channels.cutting import whole
from bot.channels.files import file_of
from bot.channels.origin import carried
from bot.channels.telegram.attachments import Attachments, look_at
from bot.channels.telegram.call import Call
from bot.channels.telegram.card import News, tell
from bot.channels.telegram.greeting import COMMANDS, commands, greet, greetings, service_of
from bot.channels.telegram.keyboards import DATA, LABEL, SHORT, inline
from bot.channels.telegram.render import Look, render, render_all
from bot.channels.telegram.wording import CAPTION, TEXT, columns, escaped, fitted, parts, shortened, units
from bot.content.load import load_pack
from bot.content.snapshot import Communities, Community
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Choice, Place, Reply, Want
from bot.conversation.service import SERVICES
from bot.conversation.texts import LANGUAGES, texts
from models.card import Card
from models.photo import keep_photo
from models.resident import Role
from tests.conftest import NOON, ROOT, Chat, Clock, both_stores, packs
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_markup import formatted
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import BotAccount, Posted

SLUGS = sorted(path.stem for path in (ROOT / "communities").glob("*.toml"))
LINK = "https://t.me/linlifang_bot?start=hongmei"
REF = "a" * 64
MANY = 9999  # as the number of a community
MARKUP = ["<b>", "</b>", "&", "&lt;", "&#60;", "<", ">", '"', "'", "。", "！", "\n", " ", "\ud800", "\x00"]
SIGNS = ["👨‍👩‍👧‍👦", "👍🏽", "🇨🇳", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "e\u0301", "1️⃣", "❤️", "!\ufe0f"]
WORDS = st.lists(st.one_of(st.text(max_size=40), st.sampled_from(MARKUP + SIGNS)), max_size=60).map("".join)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(out, "JPEG")
    return out.getvalue()


def read_back(call: Call) -> str:
    source = str(call.given.get("text", call.given.get("caption", "")))
    return formatted(source, str(call.given.get("parse_mode") or ""), None)[0]


@pytest.fixture(scope="module")
def hongmei() -> Community:
    return Community(1, packs("hongmei")[0])


@pytest.fixture
def look(hongmei: Community) -> Look:
    return a_look(hongmei)


def a_look(community: Community, **other: Any) -> Look:
    calendar = ("event-7.ics", b"BEGIN:VCALENDAR")
    usual = Look(community, "zh", True, LINK, lambda ref: picture(), lambda name: calendar)
    return replace(usual, **other)


# words


@given(WORDS)
def test_what_is_escaped_is_read_back_as_it_was(text: str) -> None:
    shown, entities = formatted(escaped(text), "HTML", None)
    assert shown == whole(text).strip()
    assert not [e for e in entities if e["type"] in ("bold", "text_link", "code")]


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs"))), max_size=60).map(" \n".join),
    st.integers(20, 200),
)
def test_parts_fit_and_hold_everything(text: str, most: int) -> None:
    found = parts(text, most)
    assert all(0 < units(part) <= most for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@given(st.lists(st.sampled_from([s for s in [*SIGNS, "字", "a"] if s != "🇨🇳"]), min_size=1), st.integers(30, 60))
def test_no_character_is_torn(signs: list[str], most: int) -> None:
    edges = {sum(map(len, signs[:n])) for n in range(len(signs) + 1)}
    at = 0
    for part in parts("".join(signs), most):
        at += len(part)
        assert at in edges


def test_flags_in_a_row_are_cut_between_flags() -> None:
    for part in parts("🇨🇳" * 40, 30):
        assert len(part) % 2 == 0
        assert part.startswith("🇨🇳")


def test_a_long_text_is_cut_after_a_sentence() -> None:
    sentence = "小区北门的路灯坏了好几天，晚上走路看不清。"
    found = parts(sentence * 300)
    assert len(found) == 2
    assert all(part.endswith("。") for part in found)
    assert "".join(found) == sentence * 300


def test_a_text_without_sentences_is_cut_all_the_same() -> None:
    assert [len(p) for p in parts("字" * 9000)] == [4096, 4096, 808]
    assert "".join(parts("😀" * 5000)) == "😀" * 5000


def test_what_shows_nothing_is_not_sent(look: Look) -> None:
    for nothing in ("", " \n ", "\u200b\u200d", "\x00"):
        assert parts(nothing) == []
        assert render(Reply(nothing), look) == []


def test_labels_are_cut_by_the_room_they_take() -> None:
    assert shortened("短标签", LABEL) == "短标签"
    cut = shortened("很长的议题" * 10, LABEL)
    assert cut.endswith("…")
    assert LABEL - 2 < columns(cut) <= LABEL
    assert shortened("两行\n标签", LABEL) == "两行 标签"
    assert shortened("👨‍👩‍👧‍👦" * 9, 5) == "👨‍👩‍👧‍👦👨‍👩‍👧‍👦…"


def test_what_does_not_fit_ends_in_dots() -> None:
    assert fitted("好。") == "好。"
    assert fitted("好。" * 3000).endswith("。…")
    assert units(fitted("好。" * 3000)) <= TEXT


# buttons


def rows(markup: object) -> list[list[str]]:
    assert isinstance(markup, InlineKeyboardMarkup)
    return [[button.text for button in row] for row in markup.inline_keyboard]


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(f"4.{n}", label) for n, label in enumerate(labels))


def test_two_short_labels_a_row_and_long_ones_alone() -> None:
    zh = texts("zh")
    assert rows(inline(choices("报事报修", "活动", "红梅社区小饭桌", "我的", "更多"), zh, 1)) == [
        ["报事报修", "活动"],
        ["红梅社区小饭桌"],
        ["我的"],
        ["更多"],
    ]
    assert rows(inline(choices("1", "2", "3"), zh, 1)) == [["1", "2"], ["3"]]
    assert rows(inline(choices("一", "更多"), zh, 1)) == [["一"], ["更多"]]
    assert inline((), zh, 1) is None


def test_labels_that_look_alike_are_numbered() -> None:
    long = "在小区北门和南门各装一盏太阳能路灯，费用从公共收益里出"
    (first,), (second,), (third,) = rows(
        inline(choices(f"{long}甲", f"{long}乙", "都不装，先把现有的修好再说"), texts("zh"), 1)
    )
    assert first.startswith("1. 在小区")
    assert second.startswith("2. 在小区")
    assert third.startswith("都不装")
    assert max(map(columns, (first, second, third))) <= LABEL


def test_no_more_buttons_than_telegram_takes() -> None:
    assert sum(map(len, rows(inline(choices(*map(str, range(130))), texts("zh"), 1)))) == 100


STANDING = re.compile(r'f"/([\w.]+|[\w.]*\{\w+\}) (\w+)=\{([^}]*)\}"')


def test_no_standing_choice_in_code_can_outgrow_a_button() -> None:
    """The longest each can be: whose it is, a service, what is given, and a key of 40 letters or a number of 19 digits."""
    found = 0
    for path in [*(ROOT / "handlers").glob("*.py"), *(ROOT / "models").glob("*.py"), *(ROOT / "bot").rglob("*.py")]:
        for name, slot, _ in STANDING.findall(path.read_text("utf-8")):
            found += 1
            start = name.partition("{")[0]
            service = max((s for s in SERVICES if s.startswith(start)), key=len) if "{" in name else name
            assert service in SERVICES
            given = 40 if slot in ("place", "key") else 19
            assert len(carried(MANY, f"/{service} {slot}=")) + given <= DATA, f"{path.name}: {name}"
    assert found > 25


@dataclass
class Walk:
    """Goes through every menu that can be reached, by buttons, and some way into every service it opens."""

    chat: Chat
    seen: list[Reply]

    def walk(self) -> "Walk":
        waiting, opened, done = [f"/{name}" for name, s in SERVICES.items() if not s.first], set[str](), set[str]()
        while waiting:
            value = waiting.pop(0)
            done.add(value)
            self.hear(tap=value)
            if (service := value.partition(" ")[0]) not in opened:
                opened.add(service)
                self.follow()
            found = {c.value for reply in self.seen for c in reply.choices if c.value.startswith("/")}
            waiting += sorted(found - done - set(waiting))
        return self

    def follow(self) -> None:
        """Answer what is asked, whatever it is; where there is a yes and a no, say no."""
        for answer in ("北门门口的路灯整夜不亮", "13812345678", "5", "周六下午两点", "甲、乙"):
            offered = [c for c in self.chat.choices if not c.value.startswith("/")]
            if offered and offered[-1].label == "更多":
                self.hear(tap="更多")
            if len(offered) == 2:
                self.hear(tap=offered[1].value)
            else:
                self.hear(answer)
        self.hear("取消")

    def hear(self, text: str = "", tap: str = "") -> None:
        self.chat.say(text, tap=tap)
        self.seen += self.chat.replies


def wordy() -> list[str]:
    """The communities with the longest names and keys of places, and the longest titles of events."""
    found = packs(*SLUGS)
    names = max(found, key=lambda p: max(len(place.name.zh) for place in p.places))
    keys = max(found, key=lambda p: max(len(place.key) for place in p.places))
    titles = max(found, key=lambda p: max(len(event.title.zh) for event in p.events))
    return sorted({p.community.slug for p in (names, keys, titles)})


@pytest.mark.parametrize("slug", wordy())
def test_every_menu_fits(desk: Desk, slug: str) -> None:
    """T28: callback data, texts and captions of whatever the conversation can bring."""
    load_pack(desk.engine, packs(slug)[0], NOON)
    desk.communities.refresh()
    chat = Chat(desk, "wang", slug).settle_in(Role.WORKER)
    chat.says("3幢楼道的灯坏了，晚上全黑", "跳过", "13812345678", "可以")
    seen = Walk(chat, []).walk().seen
    assert len({c.value for reply in seen for c in reply.choices if c.value.startswith("/")}) > 40
    look = a_look(chat.community)
    for reply in seen:
        below = inline(reply.choices, look.texts, 12)
        buttons = [button for row in below.inline_keyboard for button in row] if below else []
        assert len(buttons) == len(reply.choices)  # none was left out
        assert all(1 <= len(str(b.callback_data).encode()) <= DATA for b in buttons)
        for call in render(reply, look):
            assert units(read_back(call)) <= (CAPTION if "caption" in call.given else TEXT)


# what a reply becomes


def kinds(calls: Sequence[Call]) -> list[str]:
    return [call.method.removeprefix("send_") for call in calls]


def markups(calls: Sequence[Call]) -> list[object]:
    return [call.given.get("reply_markup") for call in calls]


@given(WORDS)
def test_whatever_a_resident_wrote_arrives(text: str) -> None:
    look = a_look(Community(1, _PACK))
    calls = render(Reply(f"居民说：{text}", choices("好的")), look)
    assert "".join(map(read_back, calls)) == whole(f"居民说：{text}").strip()
    assert all(call.given["link_preview_options"] == LinkPreviewOptions(is_disabled=True) for call in calls)


_PACK = packs("hongmei")[0]


def test_buttons_are_on_the_last_part(look: Look) -> None:
    calls = render(Reply("路灯坏了。" * 2000, choices("好的")), look)
    assert kinds(calls) == ["message"] * 3
    assert [bool(m) for m in markups(calls)] == [False, False, True]


def test_buttons_without_words_still_come(look: Look) -> None:
    (call,) = render(Reply("", choices("好的")), look)
    assert read_back(call) == "请选一个："


@pytest.mark.parametrize(("want", "flag"), [("place", "request_location"), ("phone", "request_contact")])
def test_a_want_brings_one_large_button_and_the_choices_as_words(look: Look, want: Any, flag: str) -> None:
    (call,) = render(Reply("在哪里？", choices("3幢2单元502", "跳过"), want), look)
    keyboard = call.given["reply_markup"]
    assert isinstance(keyboard, ReplyKeyboardMarkup)
    asked, *said = [button for row in keyboard.keyboard for button in row]
    assert getattr(asked, flag) is True
    assert [button.text for button in said] == ["3幢2单元502", "跳过"]
    assert keyboard.one_time_keyboard
    assert not keyboard.is_persistent
    assert "直接打字" in read_back(call)


def test_the_words_on_that_keyboard_are_understood(chat: Chat, look: Look) -> None:
    chat.settle_in()
    chat.says("报修", "楼道的灯坏了，晚上全黑", "电梯口")
    while chat.replies[-1].want != "phone":
        chat.say("跳过")
    (call,) = render(chat.replies[-1], look)
    keyboard = call.given["reply_markup"]
    assert isinstance(keyboard, ReplyKeyboardMarkup)
    last = keyboard.keyboard[-1][0].text
    assert "没留" in chat.say(last)


def test_a_want_for_a_photo_says_how_and_keeps_the_buttons(look: Look) -> None:
    (call,) = render(Reply("发张照片吧。", choices("跳过"), "photo"), look)
    assert rows(call.given["reply_markup"]) == [["跳过"]]
    assert "回形针" in read_back(call)


def test_a_keyboard_goes_with_the_next_reply(look: Look) -> None:
    open_still = replace(look, keyboard=True)
    (plain,) = render(Reply("记下了。"), open_still)
    assert isinstance(plain.given["reply_markup"], ReplyKeyboardRemove)
    word, question = render(Reply("这样提交可以吗？", choices("提交")), open_still)
    assert isinstance(word.given["reply_markup"], ReplyKeyboardRemove)
    assert isinstance(question.given["reply_markup"], InlineKeyboardMarkup)
    (again,) = render(Reply("在哪里？", want="place"), open_still)
    assert isinstance(again.given["reply_markup"], ReplyKeyboardMarkup)


def test_words_alone_are_said_with_what_follows(look: Look) -> None:
    told = [
        Reply("先办这件。"),
        Reply("几幢？"),
        Reply("还要什么？", choices("菜单")),
        Reply("地图。", pin=Place("", 30.0, 120.0)),
    ]
    first, second = render_all(told, look)
    assert [c.given["text"] for c in first] == ["先办这件。\n\n几幢？\n\n还要什么？"]
    assert [c.method for c in second] == ["send_location", "send_message"]


def test_several_replies_take_it_away_once(look: Look) -> None:
    open_still = replace(look, keyboard=True)
    first, second = render_all([Reply("记下了。"), Reply("还要什么？", choices("菜单"))], open_still)
    assert isinstance(first[0].given["reply_markup"], ReplyKeyboardRemove)
    assert kinds(second) == ["message"]
    asked_again = render_all([Reply("食堂七点开。"), Reply("在哪里？", want="place")], open_still)
    assert [type(m) for calls in asked_again for m in markups(calls)] == [type(None), ReplyKeyboardMarkup]


def test_in_a_group_one_button_leads_to_the_private_chat(look: Look) -> None:
    group = replace(look, private=False)
    for reply in (Reply("新的投票", choices("投票", "看结果")), Reply("在哪里？", want="place")):
        (call,) = render(reply, group)
        markup = call.given["reply_markup"]
        assert isinstance(markup, InlineKeyboardMarkup)
        assert [[b.url for b in row] for row in markup.inline_keyboard] == [[LINK]]
        assert read_back(call) == reply.text
    assert markups(render(Reply("通知"), group)) == [None]


def test_in_a_group_nothing_of_one_person_is_shown(look: Look) -> None:
    group = replace(look, private=False)
    assert kinds(render(Reply("工单", image=REF), group)) == ["message"]
    assert kinds(render(Reply("我的", file="mine.ics"), group)) == ["message"]
    assert kinds(render(Reply("活动", file="event/7.ics"), group)) == ["document"]


def test_a_picture_carries_the_words_while_they_fit(look: Look) -> None:
    (one,) = render(Reply("工单 3 号", choices("催一下"), image=REF), look)
    assert (one.method, read_back(one)) == ("send_photo", "工单 3 号")
    assert rows(one.given["reply_markup"]) == [["催一下"]]
    calls = render(Reply("工单 3 号。" * 200, choices("催一下"), image=REF), look)
    assert kinds(calls) == ["photo", "message"]
    assert rows(markups(calls)[1]) == [["催一下"]]
    assert "caption" not in calls[0].given


def test_a_picture_that_is_gone_leaves_the_words(look: Look) -> None:
    assert kinds(render(Reply("工单", image=REF), replace(look, photo=lambda ref: None))) == ["message"]
    assert kinds(render(Reply("活动", file="event/7.ics"), replace(look, file=lambda name: None))) == ["message"]


def test_a_place_of_ours_is_a_venue_and_any_other_spot_a_pin(look: Look) -> None:
    place = look.community.pack.places[0]
    venue, words = render(Reply("卡片", pin=Place(place.name.zh, place.lat, place.lon)), look)
    assert venue.given == {
        "latitude": place.lat,
        "longitude": place.lon,
        "title": place.name.zh,
        "address": place.address.zh,
    }
    assert words.method == "send_message"
    english, _ = render(Reply("card", pin=Place(place.name.en, place.lat, place.lon)), look)
    assert english.given["address"] == place.address.en
    assert kinds(render(Reply("在这里", pin=Place("定位的地方", 30.2, 120.1)), look)) == ["location", "message"]
    assert kinds(render(Reply("在这里", pin=Place("北门")), look)) == ["message"]


# the card of a report


def news(look: Look, step: str, text: str = "照明：已受理。", card: Card | None = None) -> News | None:
    reply = Reply(text, (Choice(f"/{step} ticket=12", "看看"),))
    return tell(reply, "ticket:7", NOON, look, card)


def carded(told: News | None, message: int = 55) -> Card:
    assert told is not None
    return Card(
        channel="telegram",
        account="hongmei",
        user="7",
        about="ticket:7",
        community_id=1,
        message=message,
        text=told.text,
    )


def test_the_first_news_make_the_card(look: Look) -> None:
    told = news(look, "repair.show")
    assert told is not None
    assert (told.call.method, told.old) == ("send_message", None)
    assert told.text == "工单 12 号\n· 11月25日（周三）12:00 照明：已受理。"
    assert str(told.call.given["text"]).startswith("<b>工单 12 号</b>\n")
    assert read_back(told.call) == told.text


def test_progress_is_written_into_the_card_newest_first(look: Look) -> None:
    card = carded(news(look, "repair.show"))
    told = news(look, "repair.show", "办理中。师傅在路上", card)
    assert told is not None
    assert (told.call.method, told.call.given["message_id"], told.old) == ("edit_message_text", 55, None)
    header, newest, before = told.text.split("\n")
    assert (header, newest.endswith("师傅在路上"), before.endswith("照明：已受理。")) == ("工单 12 号", True, True)


@pytest.mark.parametrize("step", ["repair.add", "repair.rate", "repair.reopen", "work.ticket"])
def test_what_asks_somebody_to_act_comes_anew(look: Look, step: str) -> None:
    card = carded(news(look, "repair.show"))
    told = news(look, step, "等补充情况。哪一层？", card)
    assert told is not None
    assert told.call.method == "send_message"
    assert "哪一层" in told.text.split("\n")[1]
    assert "已受理" in told.text
    assert told.old is not None
    assert told.old.given["message_id"] == 55
    assert told.old.given["reply_markup"] is None
    assert read_back(told.old) == "工单 12 号：新的情况在下面。"


def test_one_step_to_take_among_others_is_enough_to_come_anew(look: Look) -> None:
    card = carded(news(look, "repair.show"))
    steps = (Choice("/repair.show ticket=12", "看看"), Choice("/repair.rate ticket=12", "评价"))
    told = tell(Reply("已办结。", steps), "ticket:7", NOON, look, card)
    assert told is not None
    assert told.call.method == "send_message"


def test_a_card_grows_old_at_its_end(look: Look) -> None:
    card = carded(news(look, "repair.show", "最早的消息。"))
    for n in range(40):
        card = carded(news(look, "repair.show", f"第{n}次：" + "师傅说还要等零件，明天再来看看。" * 12, card))
    assert units(card.text) <= TEXT
    assert card.text.startswith("工单 12 号\n")
    assert "第39次" in card.text
    assert "最早的消息" not in card.text
    assert card.text.endswith("…")


@given(WORDS)
def test_no_note_can_break_a_card(text: str) -> None:
    look = a_look(Community(1, _PACK))
    told = news(look, "repair.show", text, carded(news(look, "repair.show", text)))
    assert told is not None
    shown, entities = formatted(str(told.call.given["text"]), "HTML", None)
    assert shown == told.text.strip()
    assert [(e["offset"], e["length"]) for e in entities if e["type"] == "bold"] == [(0, len("工单 12 号"))]


def test_what_belongs_to_no_report_has_no_card(look: Look) -> None:
    reply = Reply("提醒您", (Choice("/repair.show ticket=12", "看看"),))
    assert tell(reply, "event:7", NOON, look, None) is None
    assert tell(Reply("工单"), "ticket:7", NOON, look, None) is None
    assert tell(reply, "ticket:7", NOON, replace(look, private=False), None) is None


# what may be attached


@both_stores
def test_a_file_is_for_whom_it_is_about(chat: Chat, neighbour: Callable[..., Chat]) -> None:
    chat.settle_in()
    stranger = Address("telegram", "hongmei", "404")

    def written(to: Address, name: str) -> tuple[str, bytes] | None:
        return file_of(chat.desk, chat.community, to, name, LINK)

    chat.say("有什么活动")
    event = chat.choices[0].value.partition("event=")[2]
    chat.say(tap=f"/events.join event={event}")
    assert "报上了" in chat.say("1")
    called, data = written(stranger, f"event/{event}.ics") or ("", b"")
    assert called == f"event-{event}.ics"
    assert len(Calendar.from_ical(data).walk("VEVENT")) == 1
    assert LINK.encode() in data.replace(b"\r\n ", b"")
    assert written(stranger, "mine.ics") is None
    assert written(stranger, "mine.json") is None
    mine, other = written(chat.address, "mine.ics"), written(neighbour("li").address, "mine.ics")
    assert mine is not None
    assert other is not None
    assert [len(Calendar.from_ical(d).walk("VEVENT")) for _, d in (mine, other)] == [1, 0]
    everything = written(chat.address, "mine.json")
    assert everything is not None
    assert "502" in everything[1].decode()
    for name in (
        "event/99999999999999999999.ics",
        f"event/{10**19 - 1}.ics",
        "event/0.ics",
        "../secret",
        "mine.txt",
        "",
    ):
        assert written(chat.address, name) is None


@both_stores
async def test_a_photo_is_for_its_sender_and_the_workers(
    chat: Chat, neighbour: Callable[..., Chat], tmp_path: Any
) -> None:
    chat.settle_in()
    chat.desk.media = tmp_path
    ref = await photos.keep(tmp_path, picture())
    with chat.store() as db:
        keep_photo(db, chat.me(db), ref)

    def seen_by(who: Chat) -> bytes | None:
        return Attachments(chat.desk, chat.community, who.address, LINK).photo(ref)

    kept = photos.path_of(tmp_path, ref).read_bytes()
    assert seen_by(chat) == kept
    assert seen_by(neighbour("wang", role=Role.WORKER)) == kept
    assert seen_by(neighbour("li")) is None
    assert seen_by(neighbour("qian", "baoshi", Role.WORKER)) is None
    assert Attachments(chat.desk, chat.community, chat.address, LINK).photo("../../etc/passwd") is None
    photos.path_of(tmp_path, ref).unlink()
    assert seen_by(chat) is None


@both_stores
def test_a_look_knows_the_language_and_whether_a_keyboard_is_open(chat: Chat, clock: Clock) -> None:
    chat.settle_in()

    def now(message_id: str) -> Look:
        key = f"web:hongmei:zhang:{message_id}"
        return look_at(chat.desk, LINK, chat.address, chat.community.id, key)

    def say(text: str) -> Look:
        clock.passes(seconds=5)
        chat.say(text)
        return now(str(chat.count))

    assert not say("报修").keyboard
    assert not say("楼道的灯坏了，晚上全黑").keyboard
    assert chat.replies[-1].want == "place"
    assert say("电梯口").keyboard
    assert not look_at(chat.desk, LINK, chat.address, chat.community.id).keyboard  # a push leaves it where it is
    assert not say("跳过").keyboard
    assert say("English").language == "en"
    stranger = look_at(chat.desk, LINK, Address("telegram", "hongmei", "-100200"), chat.community.id)
    assert (stranger.private, stranger.language, stranger.keyboard) == (False, "zh", False)


# taken by the strict server


@dataclass
class Wire:
    """One resident's chat with a bot, on the fake server."""

    fake: FakeTelegram
    account: BotAccount
    bot: Bot
    phone: Phone

    async def tell(self, calls: Sequence[Call], chat: int | None = None) -> list[Posted]:
        """Make the requests by python-telegram-bot's own client; what the server then has."""
        for call in calls:
            done = await getattr(self.bot, call.method)(chat_id=chat or self.phone.id, **call.given)
            assert isinstance(done, Message)
        return self.fake.posted(self.account)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with FakeTelegram() as fake:
        fake.enforce_rates = False
        account = fake.add_bot("10001:secret", "linlifang_bot")
        phone = fake.phone(7, "小张")
        await phone.start(account)
        async with Bot(
            account.token,
            base_url=fake.base_url,
            base_file_url=fake.base_file_url,
            request=HTTPXRequest(),
            get_updates_request=HTTPXRequest(),
        ) as bot:
            yield Wire(fake, account, bot, phone)


def every_kind() -> Iterator[Reply]:
    place, many = _PACK.places[0], choices("报事报修", "活动", "在小区北门和南门各装一盏太阳能路灯，费用公摊", "更多")
    nasty = "居民写的：<b>粗</b> & </a> <script> /start @someone https://example.org \ud800 👨‍👩‍👧‍👦"
    for text in ("好的。", nasty, "路灯坏了。" * 1000, "😀" * 3000):
        yield Reply(text)
        yield Reply(text, many)
        for want in get_args(Want):
            yield Reply(text, want=want)
            yield Reply(text, many, want)
        for image, file in ((REF, None), (None, "event/7.ics"), (REF, "mine.ics"), (None, "mine.json")):
            yield Reply(text, image=image, file=file)
            yield Reply(text, many, image=image, file=file)
        for pin in (Place(place.name.zh, place.lat, place.lon), Place("", 30.2, 120.1), Place("北门")):
            yield Reply(text, many, pin=pin, file="event/7.ics")
    yield Reply("", many)
    yield Reply("", image=REF)
    yield Reply(" ")


@pytest.mark.parametrize("keyboard", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_kind_of_reply_is_taken(wire: Wire, look: Look, language: str, keyboard: bool) -> None:
    for reply in every_kind():
        before = len(wire.fake.posted(wire.account))
        calls = render(reply, replace(look, language=language, keyboard=keyboard))
        new = (await wire.tell(calls))[before:]
        assert len(new) == len(calls)
        assert (
            "".join(p.text for p in new if p.text).count(whole(reply.text).strip()[:20]) >= 1 or not reply.text.strip()
        )


async def test_every_kind_of_reply_is_taken_in_a_group(wire: Wire, look: Look) -> None:
    group = wire.fake.group(-1001, "红梅一家人", [wire.phone])
    await group.add_bot(wire.account, by=wire.phone)
    for reply in every_kind():
        await wire.tell(render(reply, replace(look, private=False)), -1001)
    assert {b["url"] for p in wire.fake.posted(wire.account) for row in p.buttons for b in row} == {LINK}


async def test_a_menu_looks_as_it_should(wire: Wire, look: Look, chat: Chat) -> None:
    chat.say("菜单")
    (posted,) = await wire.tell(render(chat.replies[0], look))
    assert posted.text == chat.replies[0].text
    assert posted.labels == chat.labels()
    assert max(len(row) for row in posted.buttons) == 2
    assert all(columns(b["text"]) <= SHORT for row in posted.buttons if len(row) == 2 for b in row)


async def test_the_keyboard_comes_and_goes(wire: Wire, look: Look) -> None:
    await wire.tell(render(Reply("在哪里？", choices("3幢2单元502"), "place"), look))
    room = wire.phone.room()
    assert [[b["text"] for b in row] for row in room.keyboard] == [["发送我的位置"], ["3幢2单元502"]]
    await wire.tell(render(Reply("这样提交可以吗？", choices("提交")), replace(look, keyboard=True)))
    assert room.keyboard == []
    assert wire.fake.posted(wire.account)[-1].labels == ["提交"]


async def test_a_picture_and_a_file_arrive_as_they_are(wire: Wire, look: Look) -> None:
    photo, document = await wire.tell(render(Reply("工单 3 号", image=REF, file="event/7.ics"), look))
    assert photo.photo == picture()
    assert document.document == b"BEGIN:VCALENDAR"
    assert document.payload["document"]["file_name"] == "event-7.ics"
    assert document.text == "工单 3 号"


async def test_a_card_that_was_deleted_is_written_anew_with_all_it_said(wire: Wire, look: Look) -> None:
    first = news(look, "repair.show", "已受理。")
    assert first is not None
    (posted,) = await wire.tell([first.call])
    second = news(look, "repair.show", "办理中。", carded(first, posted.message_id))
    posted.deleted = True
    assert second is not None
    assert second.anew is not None
    with pytest.raises(BadRequest, match="essage to edit not found"):
        await wire.tell([second.call])
    (again,) = await wire.tell([second.anew])
    assert again.text == second.text
    assert "已受理" in again.text


async def test_a_card_lives_in_one_message_until_somebody_must_act(wire: Wire, look: Look) -> None:
    first = news(look, "repair.show", "已受理 <b>。")
    assert first is not None
    (posted,) = await wire.tell([first.call])
    card = carded(first, posted.message_id)
    second = news(look, "repair.show", "办理中。", card)
    assert second is not None
    (posted,) = await wire.tell([second.call])
    assert (posted.text, posted.edited) == (second.text, True)
    third = news(look, "repair.rate", "已办结。", carded(second, posted.message_id))
    assert third is not None
    assert third.old is not None
    old, new = await wire.tell([third.call, third.old])
    assert (old.text, old.labels) == ("工单 12 号：新的情况在下面。", [])
    assert new.text == third.text
    assert new.html.startswith("<b>工单 12 号</b>")


# before anybody speaks


def test_every_command_opens_a_service() -> None:
    for language in LANGUAGES:
        for command in commands(Community(1, _PACK), language):
            assert re.fullmatch(r"[a-z0-9_]{1,32}", command.command)
            assert 1 <= len(command.description) <= 40
            assert str(service_of(command.command)).removeprefix("/") in SERVICES
    assert [c.command for c in commands(None, "zh")] == [*COMMANDS, "community"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/report", "/repair"),
        ("/REPORT@Linlifang_bot", "/repair"),
        ("/报修", "/repair"),
        ("活动", "/events"),
        ("/my_events", "/events.mine"),
        ("/events.mine", "/events.mine"),
        ("/start", "/hello"),
        ("/community", None),
        ("/danger", None),
        ("/nothing", None),
        ("/", None),
    ],
)
def test_a_command_may_be_said_in_chinese_too(typed: str, meant: str | None) -> None:
    assert service_of(typed) == meant


async def test_a_bot_introduces_itself_once(wire: Wire) -> None:
    served = [Community(n, pack) for n, pack in enumerate(packs(*SLUGS))]
    digest = await greet(wire.bot, served[:1], "")
    assert len(wire.account.commands) == 3
    assert all(scope == '{"type": "all_private_chats"}' for scope, _ in wire.account.commands)
    assert {code for _, code in wire.account.commands} == {"", "zh", "en"}
    assert "119" in wire.account.descriptions["zh"]
    assert wire.account.descriptions[""] == wire.account.descriptions["zh"]
    assert served[0].pack.community.name.en in wire.account.short_descriptions["en"]
    assert wire.account.menu_buttons == {None: {"type": "commands"}}
    told = len(wire.fake.calls)
    assert await greet(wire.bot, served[:1], digest) == digest
    assert await greet(wire.bot, [], digest) == digest
    assert len(wire.fake.calls) == told
    assert await greet(wire.bot, served, digest) != digest
    assert "12 个社区" in wire.account.descriptions["zh"]


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_introductions_are_never_cut(count: int) -> None:
    """The longest names there are still leave room."""
    longest = sorted(packs(*SLUGS), key=lambda p: -len(p.community.name.zh) - len(p.community.name.en))
    for greeting in greetings([Community(n, pack) for n, pack in enumerate(longest[:count])]):
        assert not greeting.description.endswith("…")
        assert not greeting.short.endswith("…")


def test_a_communitys_snapshot_greets_in_its_own_words(desk: Desk) -> None:
    communities = Communities(desk.engine)
    assert [g.language for g in greetings([communities["hongmei"]])] == ["", "zh", "en"]
    assert greetings([communities["hongmei"]]) != greetings([communities["baoshi"]])
