"""What stands in the log: nothing secret and nobody's number, whoever wrote the line (T23)."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from PIL import Image
from pydantic import SecretStr
from telegram.error import TelegramError

from bot.channels.pixels import strip
from bot.channels.telegram.bots import TelegramAccount
from bot.channels.telegram.wire import open_bot
from bot.logs import CHATTY, HIDDEN, Discreet, discreet, set_up
from bot.settings import Settings
from tests.fakes.telegram import FakeTelegram

NUMBER, LETTERS = "7123456789", "AAH4kz-_Qx0123456789abcdefghijklmno"
TOKEN = f"{NUMBER}:{LETTERS}"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SEALED = Fernet(KEY).encrypt(TOKEN.encode()).decode()


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """All that any logger says, by a handler that knows nothing of ours, down to the least word."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, factory, hook = logging.StreamHandler(stream), logging.getLogRecordFactory(), sys.excepthook
    levels = {name: logging.getLogger(name).level for name in ("", *CHATTY)}
    root.addHandler(handler)
    set_up("DEBUG")
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        logging.setLogRecordFactory(factory)
        sys.excepthook = hook
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            f"POST https://api.telegram.org/bot{TOKEN}/getMe",
            f"POST https://api.telegram.org/bot{NUMBER}:{HIDDEN}/getMe",
        ),
        (f"http://h/file/bot{TOKEN.replace(':', '%3A')}/a", f"http://h/file/bot{NUMBER}:{HIDDEN}/a"),
        (f"Bot[token={TOKEN}]", f"Bot[token={NUMBER}:{HIDDEN}]"),
        (f"sealed {SEALED}.", f"sealed {HIDDEN}."),
        (f"key={KEY}", f"key={HIDDEN}"),
        ("Authorization: Bearer sk-abcdefgh", f"Authorization: {HIDDEN}"),
        ("{'authorization': 'Basic dTpwYXNz'}", f"{{'authorization': {HIDDEN}"),
        ("with Bearer sk-abcdefgh12 on it", f"with Bearer {HIDDEN} on it"),
        ("电话13812345678，谢谢", "电话138****5678，谢谢"),
        ("+86 138 1234 5678 or 8613912345678", "+86 138****5678 or 86139****5678"),
        ("138-1234-5678", "138****5678"),
        ("GET /cgi-bin/menu/get?access_token=86_Ab-c&x=1", f"GET /cgi-bin/menu/get?access_token={HIDDEN}&x=1"),
        ("/sns/oauth2/access_token?appid=wx1&secret=0123abcd", f"/sns/oauth2/access_token?appid=wx1&secret={HIDDEN}"),
    ],
)
def test_what_is_secret_is_hidden(said: str, shown: str) -> None:
    assert discreet(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "bot 7123456789: updates arrive again",
        "12:30:05 and 2026-11-22 01:00:00+00:00",
        "1764000000000 ms, ticket 138, push 13812345678901",
        "reference 4F7K2M a handler failed",
        "0123456789abcdef" * 4,
    ],
)
def test_what_is_none_stays(said: str) -> None:
    assert discreet(said) == said


async def test_no_token_of_a_bot_at_work_stands_in_the_log(heard: io.StringIO) -> None:
    """Calls that go well and calls that fail, at every level, with everything a careless line could write."""
    account = TelegramAccount(int(NUMBER), SecretStr(TOKEN), "linli_bot", ("hongmei",), "the-webhook-secret", "")
    log = logging.getLogger("careless")
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.DEBUG)
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, "linli_bot")
        bot = open_bot(TOKEN, fake.url)
        async with bot:
            await bot.get_me()
            log.info("%r and %s", bot, bot)
            log.warning("%s", bot.base_url)
            with pytest.raises(TelegramError):
                await bot.send_message(1, "nobody is there")
            await fake.go_away()
        unknown = open_bot(TOKEN.replace("AAH4", "AAH5"), "http://127.0.0.1:1")
        try:
            await unknown.get_me()
        except TelegramError:
            log.exception("it failed with %r", unknown, stack_info=True)
        try:
            raise ValueError(f"a URL like {unknown.base_url}/getMe")
        except ValueError as failure:
            log.error("once more", exc_info=failure)
        await unknown.shutdown()
    log.info(f"{account!r} {account.token} {account}")
    said = heard.getvalue()
    assert "HTTP Request: POST" in said  # httpx did speak
    assert "once more" in said
    assert "Traceback" in said
    assert f"{NUMBER}:{HIDDEN}" in said
    assert LETTERS not in said
    assert LETTERS[4:] not in said
    assert "the-webhook-secret" not in said


def test_libraries_that_talk_much_are_quiet(heard: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/")
    logging.getLogger("telegram.ext").debug("chatter")
    logging.getLogger("httpx").warning("trouble")
    assert heard.getvalue() == "trouble\n"


def test_a_slip_in_a_line_ends_nothing(heard: io.StringIO) -> None:
    logging.getLogger("slip").warning("%d messages of %s", "many", TOKEN)
    assert "many" in heard.getvalue()
    assert LETTERS not in heard.getvalue()


def test_where_a_line_was_written_is_discreet_too() -> None:
    record = Discreet("careless", logging.INFO, "here.py", 1, "look", (), None, sinfo=f'get("/bot{TOKEN}/getMe")')
    assert record.stack_info == f'get("/bot{NUMBER}:{HIDDEN}/getMe")'


def test_the_last_words_are_discreet_too(heard: io.StringIO) -> None:
    try:
        raise RuntimeError(f"no route to /bot{TOKEN}/getMe")
    except RuntimeError as failure:
        sys.excepthook(RuntimeError, failure, failure.__traceback__)
    assert "the program ends" in heard.getvalue()
    assert f"/bot{NUMBER}:{HIDDEN}/getMe" in heard.getvalue()
    assert LETTERS not in heard.getvalue()


def test_what_stands_in_a_photo_is_not_said(heard: io.StringIO) -> None:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x010E], exif[0x013B] = "王家门口", "Wang Geheim"  # ImageDescription, Artist
    Image.new("RGB", (40, 30)).save(out, "JPEG", exif=exif)
    strip(out.getvalue())
    assert "Geheim" not in heard.getvalue()
    assert "王家" not in heard.getvalue()


def test_no_setting_shows_what_is_secret() -> None:
    settings = Settings(
        telegram_tokens=SecretStr(f"hongmei={TOKEN}"),
        telegram_proxy=SecretStr("socks5://me:hunter2@127.0.0.1:1080"),
        transcriber_key=SecretStr("sk-transcriber"),
        interpreter_key=SecretStr("sk-interpreter"),
    )
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert not [secret for secret in (LETTERS, "hunter2", "sk-transcriber", "sk-interpreter") if secret in shown]
