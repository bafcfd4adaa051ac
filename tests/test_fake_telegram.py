"""The fake Telegram, held to what the real one does; the calls are made by python-telegram-bot's own client."""

import ast
import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    KeyboardButton,
    MenuButtonCommands,
    Message,
    MessageEntity,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
    Update,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)
from telegram.request import HTTPXRequest

from tests.conftest import ROOT, Clock
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_faults import Kind
from tests.fakes.telegram_markup import as_html, formatted
from tests.fakes.telegram_page import FakeTelegramByHand
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import BotAccount
from tests.fakes.telegram_webhooks import SECRET_HEADER
from tests.test_architecture import LONGEST_FUNCTION, LONGEST_MODULE

TOKEN, OTHER_TOKEN = "10001:first-bot-of-the-tests", "10002:second-bot-of-the-tests"
GROUP = -1001234567890
ZHANG, LI, NOBODY = 7, 8, 999


class Ticks:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask PTB for what will be its only way to say them; the other warns."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        fake.retry_pauses = (0.01, 0.02)
        yield fake


@pytest.fixture
def ticks(fake: FakeTelegram) -> Ticks:
    fake.ticks = Ticks()
    return fake.ticks


@pytest.fixture
def account(fake: FakeTelegram) -> BotAccount:
    return fake.add_bot(TOKEN, "linlifang_bot")


@asynccontextmanager
async def client(fake: FakeTelegram, account: BotAccount) -> AsyncIterator[Bot]:
    """No certificates are loaded for plain loopback: that takes longer than most tests."""
    wires = [HTTPXRequest(httpx_kwargs={"verify": False, "trust_env": False}) for _ in range(2)]
    async with Bot(account.token, fake.base_url, fake.base_file_url, wires[0], wires[1]) as bot:
        yield bot


@pytest.fixture
async def bot(fake: FakeTelegram, account: BotAccount) -> AsyncIterator[Bot]:
    async with client(fake, account) as bot:
        yield bot


@pytest.fixture
async def zhang(fake: FakeTelegram, account: BotAccount) -> Phone:
    """Has started the bot, and the bot has seen it."""
    phone = fake.phone(ZHANG, "小张")
    await phone.start(account)
    account.queue.confirm(account.queue.next_id - 1)
    return phone


async def until(true: Callable[[], object]) -> None:
    """Let the others run until it is so."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0)


def picture(width: int = 64, height: int = 48, kind: str = "JPEG", **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, kind, **more)
    return out.getvalue()


def keys(*rows: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(t, callback_data=d) for t, d in row] for row in rows])


def updates(account: BotAccount) -> list[dict[str, Any]]:
    return [update.body for update in account.queue.pending.values()]


# --- what PTB calls comes back as PTB's objects


async def test_the_bot_itself(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    assert (bot.id, bot.username, bot.bot.is_bot) == (10001, "linlifang_bot", True)
    commands = [BotCommand("menu", "菜单"), BotCommand("report_2", "报修")]
    scope = BotCommandScopeChat(ZHANG)
    assert await bot.set_my_commands(commands)
    assert await bot.set_my_commands(commands[:1], scope=scope, language_code="en")
    assert await bot.get_my_commands() == tuple(commands)
    assert await bot.get_my_commands(scope=scope, language_code="en") == tuple(commands[:1])
    assert await bot.get_my_commands(scope=BotCommandScopeAllPrivateChats()) == ()
    assert await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()
    assert await bot.set_my_description("您好", language_code="zh")
    assert (await bot.get_my_description("zh")).description == "您好"
    assert (await bot.get_my_description()).description == ""
    assert await bot.set_my_short_description("短")
    assert (await bot.get_my_short_description()).short_description == "短"
    assert await bot.set_my_name("邻里")
    assert (await bot.get_my_name()).name == "邻里"
    assert await bot.set_chat_menu_button(menu_button=MenuButtonCommands())
    assert isinstance(await bot.get_chat_menu_button(), MenuButtonCommands)


async def test_chats_and_members(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    li = fake.phone(LI, "小李")
    group = fake.group(GROUP, "红梅", [zhang, li])
    await group.add_bot(by=zhang)
    assert (await bot.get_chat(GROUP)).title == "红梅"
    assert (await bot.get_chat(ZHANG)).first_name == "小张"
    assert [(await bot.get_chat_member(GROUP, who)).status for who in (ZHANG, LI, bot.id)] == [
        "creator",
        "member",
        "member",
    ]
    assert [m.user.id for m in await bot.get_chat_administrators(GROUP)] == [ZHANG]
    assert await bot.get_chat_member_count(GROUP) == 3
    await group.remove(li)
    assert (await bot.get_chat_member(GROUP, LI)).status == "left"
    assert await bot.leave_chat(GROUP)
    with pytest.raises(Forbidden, match="bot is not a member of the supergroup chat"):
        await bot.send_message(GROUP, "在吗")


async def test_everything_that_can_be_sent(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    fake.enforce_rates = False
    said = await bot.send_message(
        ZHANG, " <b>您好</b> &amp; 😀<i>再见</i> ", parse_mode="HTML", reply_markup=keys([("是", "y")])
    )
    assert (said.text, said.chat.id, said.from_user and said.from_user.id) == ("您好 & 😀再见", ZHANG, bot.id)
    assert said.text_html == "<b>您好</b> &amp; 😀<i>再见</i>" == zhang.screen[-1].html
    assert said.reply_markup == keys([("是", "y")])
    shown = await bot.send_photo(ZHANG, picture(), caption="灯", reply_parameters=ReplyParameters(said.message_id))
    assert (shown.caption, len(shown.photo), shown.photo[-1].width) == ("灯", 2, 64)
    assert shown.reply_to_message
    assert shown.reply_to_message.message_id == said.message_id
    assert zhang.screen[-1].photo == picture()
    again = await bot.send_photo(ZHANG, shown.photo[-1].file_id)
    assert again.photo[-1].width == 64
    file = await bot.send_document(ZHANG, b"BEGIN:VCALENDAR", filename="活动.ics")
    assert file.document
    assert (file.document.file_name, zhang.screen[-1].document) == ("活动.ics", b"BEGIN:VCALENDAR")
    venue = (await bot.send_venue(ZHANG, 30.27, 120.15, "食堂", "3幢")).venue
    assert venue
    assert (venue.title, venue.location.latitude) == ("食堂", 30.27)
    location = (await bot.send_location(ZHANG, 30.27, 120.15)).location
    assert location
    assert location.longitude == 120.15
    album = await bot.send_media_group(ZHANG, [InputMediaPhoto(picture(), caption="一"), InputMediaPhoto(picture(80))])
    assert len({m.media_group_id for m in album}) == 1
    assert [m.photo[-1].width for m in album] == [64, 80]
    assert [m.photo for m in zhang.screen[-2:]] == [picture(), picture(80)]
    assert await bot.send_chat_action(ZHANG, "typing")
    assert fake.actions == [(bot.id, ZHANG, "typing")]
    assert len({m.message_id for m in zhang.screen}) == len(zhang.screen)


async def test_edits_are_seen_where_the_message_was(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    fake.enforce_rates = False
    said = await bot.send_message(ZHANG, "受理中", reply_markup=keys([("撤回", "x")]))
    bubble = zhang.screen[-1]
    edited = await bot.edit_message_text("已办结", ZHANG, said.message_id)
    assert isinstance(edited, Message)
    assert edited.text == bubble.text == "已办结"
    assert edited.edit_date
    assert bubble.edited
    assert bubble.labels == []
    await bot.edit_message_reply_markup(ZHANG, said.message_id, reply_markup=keys([("好", "5")]))
    assert bubble.labels == ["好"]
    assert bubble.text == "已办结"
    shown = await bot.send_photo(ZHANG, picture(), caption="前")
    await bot.edit_message_caption(ZHANG, shown.message_id, caption="后")
    assert zhang.screen[-1].text == "后"
    await bot.edit_message_media(InputMediaPhoto(picture(90)), ZHANG, shown.message_id)
    assert (zhang.screen[-1].photo, zhang.screen[-1].text) == (picture(90), "")
    await bot.edit_message_media(InputMediaDocument(b"text", filename="a.txt"), ZHANG, shown.message_id)
    assert zhang.screen[-1].document == b"text"
    assert zhang.screen[-1].photo is None
    assert await bot.delete_message(ZHANG, shown.message_id)
    assert zhang.screen[-1] is bubble


async def test_log_out_and_close(bot: Bot) -> None:
    assert await bot.close()
    assert await bot.log_out()
    with pytest.raises(BadRequest, match="ogged out"):
        await bot.get_me()


async def test_four_ways_to_give_parameters(fake: FakeTelegram, account: BotAccount, zhang: Phone) -> None:
    url, given = f"{fake.base_url}{TOKEN}/SENDmessage", {"chat_id": str(ZHANG), "text": "好"}
    markup = '{"inline_keyboard": [[{"text": "是", "callback_data": "y"}]]}'
    multipart = aiohttp.FormData(given, default_to_multipart=True)
    async with aiohttp.ClientSession() as session:
        for how in (
            {"params": given | {"reply_markup": markup}},
            {"data": given},
            {"data": multipart},
            {"json": given},
        ):
            async with session.post(url, **how) as response:
                assert (await response.json())["result"]["text"] == "好"
    assert [m.labels for m in zhang.screen[1:]] == [["是"], [], [], []]


# --- what Telegram refuses, in its words

Calling = Callable[[Bot], Awaitable[object]]
BIG = b"\xff" * (10 * 1024 * 1024 + 1)


def text(text: str, **more: Any) -> Calling:
    return lambda bot: bot.send_message(ZHANG, text, **more)


def html(source: str) -> Calling:
    return text(source, parse_mode="HTML")


def buttons(*rows: list[InlineKeyboardButton]) -> Calling:
    return text("好", reply_markup=InlineKeyboardMarkup(rows))


def link(url: str) -> Calling:
    return buttons([InlineKeyboardButton("看", url=url)])


def command(name: str, description: str = "好") -> Calling:
    return lambda bot: bot.set_my_commands([(name, description)])


def hook(url: str = "https://example.org/hook", **more: Any) -> Calling:
    return lambda bot: bot.set_webhook(url, **more)


def answering(query: str) -> Calling:
    return lambda bot: bot.answer_callback_query(query)


def photo(data: bytes, caption: str = "") -> Calling:
    return lambda bot: bot.send_photo(ZHANG, data, caption=caption)


def keyboard(chat: int, button: KeyboardButton) -> Calling:
    return lambda bot: bot.send_message(chat, "好", reply_markup=ReplyKeyboardMarkup([[button]]))


REFUSED: list[tuple[Calling, str]] = [
    (text("好" * 4097), "message is too long"),
    (html("<b>" + "好" * 4097 + "</b>"), "message is too long"),
    (text(" \n"), "message text is empty"),
    (html("<b></b>"), "message text is empty"),
    (photo(picture(), "好" * 1025), "message caption is too long"),
    (html("<div>好</div>"), 'can\'t parse entities: Unsupported start tag "div" at byte offset 0'),
    (html("好<b>好"), "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
    (
        html("<b><i>好</b></i>"),
        'can\'t parse entities: Unmatched end tag at byte offset 9, expected "</i>", found "</b>"',
    ),
    (html("好</b>"), "can't parse entities: Unexpected end tag at byte offset 3"),
    (html("好<b"), "can't parse entities: Unclosed start tag at byte offset 3"),
    (html("1 < 2"), 'can\'t parse entities: Unsupported start tag "" at byte offset 2'),
    (html("<span>好</span>"), 'can\'t parse entities: Tag "span" must have class "tg-spoiler" at byte offset 0'),
    (text("好", reply_markup=keys([("好", "")])), "BUTTON_DATA_INVALID"),
    (text("好", reply_markup=keys([("好", "红" * 22)])), "BUTTON_DATA_INVALID"),
    (text("好", reply_markup=keys(*[[("好", "1")]] * 101)), "reply markup is too long"),
    (text("好", reply_markup=keys([("好", "1")] * 9)), "reply markup is too long"),
    (
        buttons([InlineKeyboardButton("空")]),
        "can't parse inline keyboard button: text buttons are unallowed in the inline keyboard",
    ),
    (
        buttons([InlineKeyboardButton("两", url="https://a.example", callback_data="1")]),
        "can't parse inline keyboard button: exactly one action is allowed",
    ),
    (link("ftp://a.example"), "inline keyboard button URL 'ftp://a.example' is invalid: Unsupported URL protocol"),
    (link("https://"), "inline keyboard button URL 'https://' is invalid: URL host is empty"),
    (photo(b"no picture at all"), "IMAGE_PROCESS_FAILED"),
    (photo(BIG), f"file of size {len(BIG)} bytes is too big for a photo; the maximum size is 10485760 bytes"),
    (photo(picture(2000, 20)), "PHOTO_INVALID_DIMENSIONS"),
    (lambda bot: bot.send_photo(ZHANG, "AgAC-unknown"), "wrong file identifier/HTTP URL specified"),
    (lambda bot: bot.get_file("AgAC-unknown"), "wrong file_id or the file is temporarily unavailable"),
    (command("Menu"), "BOT_COMMAND_INVALID"),
    (command("菜单"), "BOT_COMMAND_INVALID"),
    (command("m" * 33), "BOT_COMMAND_INVALID"),
    (command("menu", "好" * 257), "BOT_COMMAND_DESCRIPTION_INVALID"),
    (lambda bot: bot.set_my_commands([("menu", "好")] * 101), "BOT_COMMANDS_TOO_MUCH"),
    (lambda bot: bot.set_my_description("好" * 513), "BOT_DESCRIPTION_TOO_LONG"),
    (lambda bot: bot.set_my_short_description("好" * 121), "BOT_SHORT_DESCRIPTION_TOO_LONG"),
    (
        keyboard(GROUP, KeyboardButton("号码", request_contact=True)),
        "phone number can be requested in private chats only",
    ),
    (keyboard(GROUP, KeyboardButton("位置", request_location=True)), "location can be requested in private chats only"),
    (lambda bot: bot.edit_message_text("好", ZHANG, 404), "message to edit not found"),
    (lambda bot: bot.edit_message_text("好", ZHANG, 1), "message can't be edited"),
    (lambda bot: bot.delete_message(ZHANG, 404), "message to delete not found"),
    (text("好", reply_parameters=ReplyParameters(404)), "message to be replied not found"),
    (answering("404"), "query is too old and response timeout expired or query ID is invalid"),
    (lambda bot: bot.send_message(NOBODY, "好"), "chat not found"),
    (lambda bot: bot.send_message("@nobody", "好"), "chat not found"),
    (lambda bot: bot.send_chat_action(ZHANG, "sleeping"), "wrong parameter action in request"),
    (lambda bot: bot.send_location(ZHANG, 91, 0), "wrong latitude or longitude specified"),
    (lambda bot: bot.send_media_group(ZHANG, [InputMediaPhoto(picture())]), "media group must include 2-10 items"),
    (lambda bot: bot.get_chat_administrators(ZHANG), "there are no administrators in the private chat"),
    (hook("gopher://example.org"), "bad webhook: An HTTPS URL must be provided for webhook"),
    (
        hook("https://example.org:8080/hook"),
        "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
    ),
    (hook(secret_token="红"), "secret token contains unallowed characters"),
    (hook(secret_token="s" * 257), "secret token contains unallowed characters"),
    (hook(max_connections=101), "max_connections must be between 1 and 100"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[f"{n}-{words[:40]}" for n, (_, words) in enumerate(REFUSED)])
async def test_what_is_refused(fake: FakeTelegram, bot: Bot, zhang: Phone, call: Calling, words: str) -> None:
    await fake.group(GROUP, "红梅", [zhang]).add_bot(by=zhang)
    before = len(zhang.screen)
    with pytest.raises(BadRequest) as refused:
        await call(bot)
    assert fake.refusals[-1][1].description == f"Bad Request: {words}"
    assert refused.value.message.lower() == words.lower()
    assert (len(zhang.screen), fake.departures) == (before, [])


ACCEPTED: list[Calling] = [
    text("好" * 4096),
    html("<b>" + "好" * 4096 + "</b>"),
    html('<a href="https://a.example">链</a> <pre><code class="language-py">x</code></pre><tg-spoiler>谜</tg-spoiler>'),
    html("<strong><em><u><s>四层</s></u></em></strong> AT&T <blockquote expandable>引</blockquote>"),
    photo(picture(), "好" * 1024),
    text("好", reply_markup=keys([("好", "红" * 21 + "1")])),
    text("好", reply_markup=keys(*[[("好", "1")] * 8] * 12)),
    link("tg://resolve?domain=linlifang_bot"),
    command("m" * 32, "好" * 256),
    lambda bot: bot.set_my_description("好" * 512),
    lambda bot: bot.set_my_short_description("好" * 120),
    keyboard(ZHANG, KeyboardButton("号码", request_contact=True)),
    hook(secret_token="s" * 256, max_connections=100),
]


@pytest.mark.parametrize("call", ACCEPTED)
async def test_what_is_just_within_the_limits(fake: FakeTelegram, bot: Bot, zhang: Phone, call: Calling) -> None:
    await call(bot)
    assert not fake.refusals


async def test_files_that_are_too_large(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    with pytest.raises(NetworkError, match="Entity Too Large"):
        await bot.send_document(ZHANG, bytes(50 * 1024 * 1024 + 1))
    sent = await zhang.document(bytes(20 * 1024 * 1024 + 1), "film.mp4", "video/mp4")
    with pytest.raises(BadRequest, match="File is too big"):
        await bot.get_file(sent.payload["document"]["file_id"])


async def test_an_edit_must_change_something(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    said = await bot.send_message(ZHANG, "<b>好</b>", parse_mode="HTML", reply_markup=keys([("是", "y")]))
    with pytest.raises(
        BadRequest, match=r"Message is not modified: specified new message content and reply markup are"
    ):
        await bot.edit_message_text(
            "<strong>好</strong>", ZHANG, said.message_id, parse_mode="HTML", reply_markup=keys([("是", "y")])
        )
    await bot.edit_message_text("<b>好</b>", ZHANG, said.message_id, parse_mode="HTML")
    with pytest.raises(BadRequest, match="not modified"):
        await bot.edit_message_reply_markup(ZHANG, said.message_id)


async def test_who_may_not_be_written_to(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    fake.phone(LI, "小李")
    group = fake.group(GROUP, "红梅", [zhang])
    small = fake.group(-55, "小组", [zhang])
    for chat in (group, small):
        await chat.add_bot(by=zhang)
        await chat.remove_bot(by=zhang)
    cases = [
        (LI, "bot can't initiate conversation with a user"),
        (GROUP, "bot was kicked from the supergroup chat"),
        (-55, "bot was kicked from the group chat"),
    ]
    await zhang.block()
    for chat_id, words in [*cases, (ZHANG, "bot was blocked by the user")]:
        with pytest.raises(Forbidden) as refused:
            await bot.send_message(chat_id, "好")
        assert refused.value.message == f"Forbidden: {words}"
    await zhang.unblock()
    await bot.send_message(ZHANG, "好")
    await zhang.deactivate()
    with pytest.raises(Forbidden, match="user is deactivated"):
        await bot.send_message(ZHANG, "好")
    assert [(u["my_chat_member"]["new_chat_member"]["status"]) for u in updates(account) if "my_chat_member" in u] == [
        "member",
        "kicked",
        "member",
        "kicked",
        "kicked",
        "member",
    ]


@pytest.mark.parametrize(("token", "words"), [("10009:unknown-token", "Unauthorized"), ("nonsense", "Not Found")])
async def test_a_wrong_token(fake: FakeTelegram, account: BotAccount, token: str, words: str) -> None:
    bot = Bot(token, base_url=fake.base_url)
    with pytest.raises(InvalidToken):
        await bot.initialize()
    await bot.shutdown()
    async with aiohttp.ClientSession() as session, session.get(f"{fake.base_url}{token}/getMe") as response:
        assert await response.json() == {"ok": False, "error_code": response.status, "description": words}
    async with aiohttp.ClientSession() as session, session.get(f"{fake.base_url}{TOKEN}/getYou") as response:
        assert (response.status, (await response.json())["description"]) == (404, "Not Found: method not found")


async def test_only_https_unless_told_otherwise() -> None:
    async with FakeTelegram(allow_http=False) as fake, client(fake, fake.add_bot(TOKEN, "strict_bot")) as bot:
        with pytest.raises(BadRequest, match=r"(?i)an https url must be provided for webhook"):
            await bot.set_webhook("http://127.0.0.1/hook")


# --- what residents do arrives as PTB reads it


async def heard(bot: Bot, account: BotAccount) -> list[Update]:
    found = list(await bot.get_updates())
    for update in found:
        account.queue.confirm(update.update_id)
    return found


async def test_everything_a_resident_can_send(account: BotAccount, bot: Bot, zhang: Phone) -> None:
    said = await zhang.start(account, "house-3")
    await zhang.reply(said, "灯坏了")
    await zhang.photo(picture(1000, 500), "楼道")
    await zhang.document(b"%PDF", "单.pdf", "application/pdf")
    await zhang.location(30.27, 120.15)
    await zhang.venue(30.27, 120.15, "食堂", "3幢")
    await zhang.contact("13800000000")
    await zhang.voice(b"OggS")
    await zhang.sticker("👍")
    await zhang.edit(said, "/start")
    got = await heard(bot, account)
    messages = [u.effective_message for u in got]
    assert all(
        m and m.from_user and m.from_user.id == ZHANG and m.from_user.language_code == "zh-hans" for m in messages
    )
    start, reply, shown, file, pin, venue, card, voice, sticker, edited = [m for m in messages if m]
    assert (start.text, start.entities[0].type) == ("/start house-3", MessageEntity.BOT_COMMAND)
    assert reply.reply_to_message
    assert reply.reply_to_message.message_id == start.message_id
    assert (shown.caption, [p.width for p in shown.photo]) == ("楼道", [90, 320, 800, 1000])
    assert len({p.file_id for p in shown.photo}) == 4
    assert file.document
    assert file.document.mime_type == "application/pdf"
    assert pin.location
    assert venue.venue
    assert venue.venue.address == "3幢"
    assert card.contact
    assert (card.contact.phone_number, card.contact.user_id) == ("13800000000", ZHANG)
    assert voice.voice
    assert sticker.sticker
    assert sticker.sticker.emoji == "👍"
    assert got[-1].edited_message is edited
    assert edited.edit_date
    with pytest.raises(ValueError, match="no client passes this on"):
        await zhang.start(account, "three words here")


async def test_an_album_comes_as_separate_updates(account: BotAccount, bot: Bot, zhang: Phone) -> None:
    await zhang.album([picture(), picture(80), picture(96)], "三张")
    got = [u.message for u in await heard(bot, account)]
    assert len({m.media_group_id for m in got if m}) == 1
    assert [m.caption for m in got if m] == ["三张", None, None]
    assert [m.photo[-1].width for m in got if m] == [64, 80, 96]


async def test_a_tap_and_its_answer(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    first = await zhang.say("报修")
    sent = await bot.send_message(
        ZHANG, "确认？", reply_markup=keys([("是", "yes:1")]), reply_parameters=ReplyParameters(first.message_id)
    )
    await heard(bot, account)
    tapping = asyncio.create_task(zhang.tap("是", wait=True))
    [update] = await bot.get_updates(timeout=5)
    query = update.callback_query
    assert query
    assert query.data == "yes:1"
    assert isinstance(query.message, Message)
    assert query.message.message_id == sent.message_id
    assert query.message.reply_markup == sent.reply_markup
    assert query.message.reply_to_message
    assert query.message.reply_to_message.text == "报修"
    assert not tapping.done()
    await query.answer("已收到", show_alert=True)
    tap = await tapping
    assert (tap.text, tap.alert) == ("已收到", True)
    with pytest.raises(BadRequest, match="Query is too old"):
        await query.answer("再一次")


async def test_a_tap_answered_too_late(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    clock = fake.clock = Clock()
    await bot.send_message(ZHANG, "确认？", reply_markup=keys([("是", "y")]))
    tap = await zhang.tap("是")
    clock.passes(seconds=61)
    assert tap.query
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_callback_query(tap.query.id)
    with pytest.raises(AssertionError, match="was not answered"):
        await zhang.tap("是", wait=True, timeout=0.01)


async def test_a_keyboard_below_the_input(bot: Bot, account: BotAccount, zhang: Phone) -> None:
    sent = await bot.send_message(ZHANG, "选", reply_markup=ReplyKeyboardMarkup([["报修", "菜单"]]))
    assert sent.reply_markup is None
    await zhang.tap("菜单")
    assert [m and m.text for m in [u.message for u in await heard(bot, account)]] == ["菜单"]
    with pytest.raises(BadRequest, match="can't be edited"):
        await bot.edit_message_text("改", ZHANG, sent.message_id)
    await bot.send_message(ZHANG, "收起", reply_markup=ReplyKeyboardRemove())
    assert zhang.keyboard == []
    with pytest.raises(AssertionError, match="no button"):
        await zhang.tap("菜单")


async def test_a_group_becomes_a_supergroup(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    small = fake.group(-55, "小组", [zhang])
    await small.add_bot(by=zhang)
    await heard(bot, account)
    large = await small.upgrade(GROUP, by=zhang)
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(-55, "好")
    assert moved.value.new_chat_id == large.id
    assert (await bot.send_message(large.id, "好")).chat.type == "supergroup"
    notes = [u.message for u in await heard(bot, account) if u.message]
    assert [(m.chat.id, m.migrate_to_chat_id, m.migrate_from_chat_id) for m in notes] == [
        (-55, GROUP, None),
        (GROUP, None, -55),
    ]
    assert (await zhang.sees("好", in_=large)).by_bot is account


async def test_a_friend_is_known_without_a_word(account: BotAccount, bot: Bot, fake: FakeTelegram) -> None:
    fake.phone(LI, "小李").meet(account)
    await bot.send_message(LI, "好")
    assert updates(account) == []


async def test_privacy_in_a_group(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    other = fake.add_bot(OTHER_TOKEN, "all_ears_bot", can_read_all_group_messages=True)
    group = fake.group(GROUP, "红梅", [zhang])
    await group.add_bot(account, by=zhang)
    await group.add_bot(other, by=zhang)
    mine = await bot.send_message(GROUP, "大家好")
    await heard(bot, account)
    said = [
        "闲聊",
        "/menu",
        "/menu@linlifang_bot",
        "/menu@all_ears_bot",
        "@linlifang_bot 灯坏了",
        "邮箱a@linlifang_bot",
    ]
    for line in said:
        await zhang.say(line, in_=group)
    answered = group.room.find(mine.message_id)
    assert answered
    await zhang.reply(answered, "好的")
    got = [u.message.text for u in await heard(bot, account) if u.message]
    assert got == ["/menu", "/menu@linlifang_bot", "@linlifang_bot 灯坏了", "好的"]
    assert [u["message"]["text"] for u in updates(other) if "text" in u.get("message", {})] == [*said, "好的"]


async def test_two_bots_do_not_share_numbers_or_files(fake: FakeTelegram, account: BotAccount, zhang: Phone) -> None:
    other = fake.add_bot(OTHER_TOKEN, "other_bot")
    mine, theirs = await zhang.photo(picture(), in_=account), await zhang.start(other)
    assert theirs.message_id == 1
    assert mine.message_id == 2
    assert updates(account)[-1]["update_id"] == updates(other)[-1]["update_id"] + 1  # the same count begins again
    async with client(fake, other) as bot:
        with pytest.raises(BadRequest, match="Wrong file_id or the file is temporarily unavailable"):
            await bot.get_file(mine.payload["photo"][-1]["file_id"])


async def test_files_come_down_again(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    await zhang.photo(picture(exif=exif))
    [update] = await heard(bot, account)
    assert update.message
    file = await bot.get_file(update.message.photo[-1].file_id)
    data = bytes(await file.download_as_bytearray())
    assert Image.open(io.BytesIO(data)).size == (64, 48)
    assert b"where it was taken" not in data
    assert file.file_path
    async with aiohttp.ClientSession() as session:
        for token in ("10009:unknown-token", OTHER_TOKEN):
            async with session.get(file.file_path.replace(TOKEN, token)) as response:
                assert response.status == 401
        async with session.get(f"{fake.base_file_url}{TOKEN}/photos/none.jpg") as response:
            assert response.status == 404


async def test_the_screen_waits_for_what_is_to_come(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    with pytest.raises(AssertionError, match="居民：/start"):
        await zhang.sees("您好", timeout=0.01)
    waiting = asyncio.create_task(zhang.sees("您好"))
    await bot.send_message(ZHANG, "早")
    assert not waiting.done()
    sent = await bot.send_message(ZHANG, "您好，小张", reply_markup=keys([("报修", "r"), ("菜单", "m")]))
    assert (await waiting).message_id == sent.message_id
    await zhang.say("在吗")
    with pytest.raises(AssertionError):
        await zhang.sees("您好", timeout=0.01, fresh=True)
    await bot.edit_message_text("您好，在", ZHANG, sent.message_id)
    assert (await zhang.sees("您好", fresh=True)).edited
    assert fake.transcript(ZHANG) == fake.transcript(zhang)
    assert fake.transcript(zhang).splitlines() == ["居民：/start", "机器人：早", "机器人：您好，在", "居民：在吗"]


# --- getUpdates


async def test_offsets_confirm(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    for n in range(5):
        await zhang.say(str(n))
    first = await bot.get_updates(limit=2)
    assert [u.message and u.message.text for u in first] == ["0", "1"]
    assert [u.update_id for u in await bot.get_updates(limit=2)] == [u.update_id for u in first]
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert [u.message and u.message.text for u in rest] == ["2", "3", "4"]
    with pytest.raises(AssertionError, match="3 updates were not acknowledged"):
        await fake.settled(timeout=0.01)
    assert await bot.get_updates(offset=rest[-1].update_id + 1) == ()
    await fake.settled()
    assert not fake.dropped


async def test_a_negative_offset_forgets_the_rest(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    for n in range(5):
        await zhang.say(str(n))
    assert [u.message and u.message.text for u in await bot.get_updates(offset=-1)] == ["4"]
    assert [u["message"]["text"] for u in fake.dropped] == ["0", "1", "2", "3"]


async def test_only_the_kinds_asked_for(account: BotAccount, bot: Bot, zhang: Phone) -> None:
    await bot.get_updates(allowed_updates=["callback_query"])
    await zhang.say("没人听")
    await bot.get_updates(allowed_updates=[])
    await zhang.say("有人听")
    assert [u.message and u.message.text for u in await bot.get_updates()] == ["有人听"]


async def test_two_pollers_are_in_conflict(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await until(lambda: any(call.method.lower() == "getupdates" for call in fake.calls))
    async with Bot(TOKEN, base_url=fake.base_url) as another:
        second = asyncio.create_task(another.get_updates(timeout=30))
        with pytest.raises(
            Conflict, match="terminated by other getUpdates request; make sure that only one bot instance"
        ):
            await first
        await zhang.say("在吗")
        assert len(await second) == 1
        third = asyncio.create_task(another.get_updates(offset=-1, timeout=30))
        await third
        await another.set_webhook("http://127.0.0.1:9/hook")
        with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active; use deleteWebhook"):
            await bot.get_updates()


async def test_updates_are_kept_for_a_day(fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone) -> None:
    clock = fake.clock = Clock()
    await zhang.say("昨天")
    clock.passes(hours=23, minutes=59)
    await zhang.say("今天")
    assert len(await bot.get_updates()) == 2
    clock.passes(minutes=2)
    assert [u.message and u.message.text for u in await bot.get_updates()] == ["今天"]
    assert [u["message"]["text"] for u in fake.lost] == ["昨天"]


# --- webhooks


class Hook:
    """A webhook that notes what comes and answers as told."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []
        self.statuses: list[int] = []
        self.reply: dict[str, Any] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.inside = self.most_inside = 0

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.secrets.append(request.headers.get(SECRET_HEADER))
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await self.open.wait()
        self.inside -= 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            assert request.transport
            request.transport.abort()
        return web.json_response(self.reply, status=status or 200)

    @property
    def texts(self) -> list[str]:
        return [body["message"]["text"] for body in self.bodies]


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Hook, str]]:
    hook, app = Hook(), web.Application()
    app.router.add_post("/hook", hook.take)
    async with TestServer(app) as server:
        yield hook, str(server.make_url("/hook"))


async def test_pushed_in_order_with_the_secret_until_taken(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    async with listening() as (hook, url):
        hook.statuses = [500, 0, 200]
        await zhang.say("一")
        assert await bot.set_webhook(url, secret_token="s3cret")
        await zhang.say("二")
        await fake.settled()
        assert hook.texts == ["一", "一", "一", "二"]
        assert set(hook.secrets) == {"s3cret"}
        assert [d.status for d in fake.deliveries] == [500, 0, 200, 200]
        info = await bot.get_webhook_info()
        assert (info.url, info.pending_update_count, info.max_connections) == (url, 0, 40)
        assert info.last_error_date
        assert info.last_error_message == "Connection reset by peer"
        assert await bot.delete_webhook()
        assert (await bot.get_webhook_info()).url == ""


async def test_chats_are_pushed_side_by_side_but_not_beyond_the_limit(
    fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone
) -> None:
    async with listening() as (hook, url):
        hook.open.clear()
        await bot.set_webhook(url, max_connections=2)
        phones = [zhang, *(fake.phone(n, f"居民{n}") for n in (21, 22, 23))]
        for phone in phones:
            for line in ("先", "后"):
                await phone.say(f"{phone.id}{line}", in_=account)
        await until(lambda: hook.inside == 2)
        assert (await bot.get_webhook_info()).pending_update_count == 8
        hook.open.set()
        await fake.settled()
        assert hook.most_inside == 2
        for phone in phones:
            assert [t for t in hook.texts if t.startswith(str(phone.id))] == [f"{phone.id}先", f"{phone.id}后"]


async def test_no_update_leaves_this_machine(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    await bot.set_webhook("https://example.org/hook")
    await zhang.say("在吗")
    with pytest.raises(AssertionError, match="1 updates were not acknowledged"):
        await fake.settled(timeout=0.05)
    info = await bot.get_webhook_info()
    assert (info.pending_update_count, fake.deliveries) == (1, [])
    assert info.last_error_message == "Failed to resolve host: Name or service not known"


async def test_a_webhook_may_answer_with_a_method(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    async with listening() as (hook, url):
        hook.reply = {"method": "sendMessage", "chat_id": ZHANG, "text": "马上来"}
        await bot.set_webhook(url)
        await zhang.say("来人")
        assert (await zhang.sees("马上来")).by_bot


async def test_dropping_is_obeyed_and_noted(fake: FakeTelegram, bot: Bot, zhang: Phone) -> None:
    async with listening() as (hook, url):
        await zhang.say("夜里写的")
        await bot.set_webhook(url, drop_pending_updates=True)
        await zhang.say("早上写的")
        await fake.settled()
        assert hook.texts == ["早上写的"]
        assert [u["message"]["text"] for u in fake.dropped] == ["夜里写的"]


async def test_replicas_and_the_same_update_again(
    fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone
) -> None:
    async with listening() as (one, first), listening() as (two, second):
        fake.balance(account, [first, second])
        await bot.set_webhook(first, secret_token="s3cret")
        for n in range(4):
            await zhang.say(str(n))
        await fake.settled()
        assert (one.texts, two.texts) == (["0", "2"], ["1", "3"])
        update_id = one.bodies[0]["update_id"]
        one.open.clear()
        two.open.clear()
        again = asyncio.create_task(fake.redeliver(update_id, 10, to=[first, second]))
        await until(lambda: one.inside + two.inside == 10)
        one.open.set()
        two.open.set()
        assert await again == [200] * 10
        assert one.bodies[2:] == two.bodies[2:] == [one.bodies[0]] * 5
        assert set(one.secrets) == {"s3cret"}


# --- rates


async def test_five_in_five_seconds_to_one_person(fake: FakeTelegram, ticks: Ticks, bot: Bot, zhang: Phone) -> None:
    sent = [await bot.send_message(ZHANG, str(n)) for n in range(4)]
    await bot.edit_message_text("改", ZHANG, sent[0].message_id)
    ticks.pass_(2)
    with pytest.raises(RetryAfter, match="Retry in 0:00:03"):
        await bot.send_message(ZHANG, "第六")
    assert fake.refusals[-1][1].body() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 3",
        "parameters": {"retry_after": 3},
    }
    ticks.pass_(2.5)
    with pytest.raises(RetryAfter, match="Retry in 0:00:01"):
        await bot.send_message(ZHANG, "太早")
    assert [d.text for d in fake.refused_for_rate] == ["第六"]
    assert [d.text for d in fake.sent_during_halt] == ["太早"]
    ticks.pass_(0.5)
    await bot.send_message(ZHANG, "正好")
    assert (len(fake.departures), fake.most_in(5), fake.most_in(5.1)) == (6, 5, 6)
    assert [m.text for m in zhang.screen[1:]] == ["改", "1", "2", "3", "正好"]


async def test_twenty_a_minute_to_a_group(fake: FakeTelegram, ticks: Ticks, bot: Bot, zhang: Phone) -> None:
    await fake.group(GROUP, "红梅", [zhang]).add_bot(by=zhang)
    for n in range(20):
        await bot.send_message(GROUP, str(n))
    with pytest.raises(RetryAfter, match="Retry in 0:01:00"):
        await bot.send_message(GROUP, "多")
    await bot.send_message(ZHANG, "别处照常")
    assert fake.most_in(60, chat=GROUP) == 20


async def test_thirty_a_second_for_a_bot(fake: FakeTelegram, ticks: Ticks, account: BotAccount, bot: Bot) -> None:
    for n in range(100, 131):
        await fake.phone(n, f"居民{n}").start(account)
    for n in range(100, 130):
        await bot.send_message(n, "通知")
    with pytest.raises(RetryAfter):
        await bot.send_message(130, "通知")
    with pytest.raises(RetryAfter):
        await bot.send_message(100, "别人也得等")
    assert len(fake.sent_during_halt) == 1
    ticks.pass_(1)
    await bot.send_message(130, "通知")
    assert (fake.most_in(1, bot=account), fake.most_in(2)) == (30, 31)


async def test_rates_can_be_left_to_the_record(fake: FakeTelegram, ticks: Ticks, bot: Bot, zhang: Phone) -> None:
    fake.enforce_rates = False
    for n in range(40):
        await bot.send_message(ZHANG, str(n))
    assert (len(fake.departures), fake.most_in(1, chat=ZHANG), len(fake.refused_for_rate)) == (40, 40, 0)
    assert len(fake.meter.exceeded) > 0
    assert fake.departures[0].text == "0"
    assert fake.departures[0].method == "sendMessage"


# --- faults


@pytest.mark.parametrize(
    ("kind", "error", "happened"),
    [
        ("429", RetryAfter, 0),
        ("500", NetworkError, 0),
        ("502", NetworkError, 0),
        ("403", Forbidden, 0),
        ("refuse", NetworkError, 0),
        ("cut", NetworkError, 1),
        ("accept-then-hang", TimedOut, 1),
    ],
)
async def test_a_fault_and_whether_it_happened(
    fake: FakeTelegram, bot: Bot, zhang: Phone, kind: Kind, error: type[Exception], happened: int
) -> None:
    fault = fake.fail("sendMessage", kind, chat=ZHANG)
    with pytest.raises(error):
        await bot.send_message(ZHANG, "一次", read_timeout=0.2)
    assert (fault.hits, [m.text for m in zhang.screen[1:]]) == (1, ["一次"] * happened)
    assert len(fake.departures) == happened


async def test_a_fault_hits_only_what_it_is_for(
    fake: FakeTelegram, ticks: Ticks, account: BotAccount, bot: Bot, zhang: Phone
) -> None:
    await fake.phone(LI, "小李").start(account)
    fault = fake.fail("*", "429", chat=ZHANG, retry_after=7)
    await bot.send_message(LI, "别人")
    assert fault.hits == 0
    with pytest.raises(RetryAfter, match="Retry in 0:00:07"):
        await bot.send_message(ZHANG, "等")
    ticks.pass_(6.5)
    with pytest.raises(RetryAfter, match="Retry in 0:00:01"):
        await bot.send_message(ZHANG, "等")
    assert len(fake.sent_during_halt) == 1
    await bot.send_message(LI, "别人")
    ticks.pass_(0.5)
    await bot.send_message(ZHANG, "好了")


async def test_slow_answers_downloads_and_a_closed_door(
    fake: FakeTelegram, account: BotAccount, bot: Bot, zhang: Phone
) -> None:
    fake.fail("sendMessage", "slow", seconds=0.05)
    started = asyncio.get_running_loop().time()
    await bot.send_message(ZHANG, "慢")
    assert asyncio.get_running_loop().time() - started >= 0.05
    sent = await zhang.photo(picture())
    file = await bot.get_file(sent.payload["photo"][-1]["file_id"])
    fake.fail("download", "cut")
    with pytest.raises(NetworkError):
        await file.download_as_bytearray()
    assert await file.download_as_bytearray()
    await fake.go_away()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{fake.base_url}{TOKEN}/getMe")
    await fake.come_back()
    async with client(fake, account) as another:
        assert another.username == "linlifang_bot"
    with pytest.raises(ValueError, match="no such fault"):
        fake.fail("*", cast(Kind, "explode"))


# --- the parts


@pytest.mark.parametrize(
    ("source", "seen", "kinds"),
    [
        ("  <b>粗</b>  ", "粗", ["bold"]),
        ("<b>a<i>b</i></b>", "ab", ["bold", "italic"]),
        ("<a>无</a>", "无", []),
        ("&lt;b&gt; &nbsp; &#20320;", "<b> &nbsp; 你", []),
        (
            "看 https://a.example/x 和 @somebody /menu",
            "看 https://a.example/x 和 @somebody /menu",
            ["url", "mention", "bot_command"],
        ),
        ("<code>/menu</code>", "/menu", ["code"]),
    ],
)
def test_markup(source: str, seen: str, kinds: list[str]) -> None:
    text, entities = formatted(source, "HTML", None)
    assert (text, [e["type"] for e in entities]) == (seen, kinds)
    assert formatted(as_html(text, entities), "HTML", None) == (text, entities)


@pytest.mark.parametrize("path", sorted((ROOT / "tests/fakes").glob("*.*")), ids=lambda path: path.name)
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(source if path.suffix == ".py" else "")):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"line {node.lineno} {node.name}"


async def test_the_page_by_hand() -> None:
    async with (
        FakeTelegramByHand() as fake,
        aiohttp.ClientSession(fake.url) as session,
        client(fake, fake.add_bot(TOKEN, "linlifang_bot")) as bot,
    ):
        fake.phone(1, "居民甲")

        async def act(**what: Any) -> Any:
            async with session.post("/hand/act", json={"user": 1} | what) as response:
                return await response.json()

        async def state() -> Any:
            async with session.get("/hand/state?user=1") as response:
                return await response.json()

        async with session.get("/") as response:
            page = await response.text()
        assert "<script>" in page
        assert "http" not in page
        assert await act(do="start") == {}
        await bot.send_message(1, "<b>您好</b> 1 &lt; 2", parse_mode="HTML", reply_markup=keys([("菜单", "m")]))
        shown = (await state())["messages"][-1]
        assert (shown["html"], shown["buttons"]) == ("<b>您好</b> 1 &lt; 2", [[{"text": "菜单", "link": False}]])
        [started] = await bot.get_updates()
        tapping = asyncio.create_task(act(do="tap", message=shown["id"], label="菜单"))
        [update] = await bot.get_updates(offset=started.update_id + 1, timeout=5)
        assert update.callback_query
        await update.callback_query.answer("好")
        assert (await tapping)["text"] == "好"
        await act(do="block")
        assert (await act(do="say", text="喂"))["alert"]
        assert (await state())["blocked"]
