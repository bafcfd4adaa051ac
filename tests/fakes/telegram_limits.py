"""What Telegram does not accept, and the words it refuses it with."""

import re
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.telegram_markup import Entity, formatted
from tests.fakes.telegram_refusal import Refusal, bad

Payload = dict[str, Any]
TEXT, CAPTION, ENTITIES, ANSWER = 4096, 1024, 100, 200
DATA_BYTES, BUTTONS, IN_A_ROW = 64, 100, 8
PHOTO, UPLOAD, DOWNLOAD = 10 * 1024 * 1024, 50 * 1024 * 1024, 20 * 1024 * 1024
COMMANDS, COMMAND_TEXT, DESCRIPTION, SHORT_DESCRIPTION, NAME = 100, 256, 512, 120, 64
WEBHOOK_PORTS, LOOPBACK = (80, 88, 443, 8443), ("127.0.0.1", "::1", "localhost")
START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}\Z")
COMMAND = re.compile(r"[a-z0-9_]{1,32}\Z")
ACTIONS = {
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
}
REQUESTS = {"request_contact": "phone number", "request_location": "location", "request_poll": "poll"}
CHAT_ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}


def text_of(source: str, mode: str, given: list[Entity] | None) -> tuple[str, list[Entity]]:
    """A message's text; the length counts after the markup is read."""
    text, entities = formatted(source, mode, given)
    if not text:
        raise bad("message text is empty")
    if len(text) > TEXT:
        raise bad("message is too long")
    return text, entities[:ENTITIES]


def caption_of(source: str, mode: str, given: list[Entity] | None) -> tuple[str, list[Entity]]:
    text, entities = formatted(source, mode, given)
    if len(text) > CAPTION:
        raise bad("message caption is too long")
    return text, entities[:ENTITIES]


def inline_keyboard(markup: Payload) -> list[list[Payload]]:
    """The rows as the message will carry them."""
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad("can't parse inline keyboard markup JSON object")
    _count(rows)
    for row in rows:
        for button in row:
            _inline_button(button)
    return [row for row in rows if row]


def _count(rows: list[list[Any]]) -> None:
    if sum(len(row) for row in rows) > BUTTONS or any(len(row) > IN_A_ROW for row in rows):
        raise bad("reply markup is too long")


def _inline_button(button: Any) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str) or not button["text"].strip():
        raise bad('can\'t parse inline keyboard button: field "text" must be of type String and not empty')
    actions = ACTIONS & button.keys()
    if not actions:
        raise bad("can't parse inline keyboard button: text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise bad("can't parse inline keyboard button: exactly one action is allowed")
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= DATA_BYTES:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button:
        _button_url(str(button["url"]))


def _button_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        wrong = "Unsupported URL protocol" if parts.scheme not in ("http", "https", "tg") else ""
        wrong = wrong or ("URL host is empty" if not parts.hostname else "")
    except ValueError:
        wrong = "Wrong HTTP URL"
    if wrong:
        raise bad(f"inline keyboard button URL '{url}' is invalid: {wrong}")


def reply_keyboard(markup: Payload, private: bool) -> list[list[Payload]]:
    """The rows of a keyboard below the input; a bare string is a button too."""
    rows = [[{"text": b} if isinstance(b, str) else b for b in row] for row in markup["keyboard"]]
    _count(rows)
    for button in (button for row in rows for button in row):
        if not button.get("text"):
            raise bad('can\'t parse keyboard button: field "text" must not be empty')
        asked = [what for name, what in REQUESTS.items() if button.get(name)]
        if len(asked) > 1:
            raise bad("can't parse keyboard button: exactly one request is allowed")
        if asked and not private:
            raise bad(f"{asked[0]} can be requested in private chats only")
    return rows


def commands(given: Any) -> list[Payload]:
    """The list of a bot's commands, every one of them fit to be shown."""
    if not isinstance(given, list) or not all(isinstance(c, dict) for c in given):
        raise bad("can't parse list of commands")
    if len(given) > COMMANDS:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for command in given:
        if not COMMAND.match(str(command.get("command", "")).removeprefix("/")):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", ""))) <= COMMAND_TEXT:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    return [{"command": c["command"].removeprefix("/"), "description": c["description"]} for c in given]


def at_most(text: str, longest: int, sentence: str) -> str:
    if len(text) > longest:
        raise bad(sentence)
    return text


def photo(data: bytes) -> None:
    if not data:
        raise bad("file must be non-empty")
    if len(data) > PHOTO:
        raise bad(f"file of size {len(data)} bytes is too big for a photo; the maximum size is {PHOTO} bytes")


def document(data: bytes) -> None:
    if not data:
        raise bad("file must be non-empty")
    if len(data) > UPLOAD:
        raise Refusal(413, "Request Entity Too Large")


def webhook(url: str, secret: str | None, connections: int, allow_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_http):
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if parts.hostname not in LOOPBACK and (parts.port or 443) not in WEBHOOK_PORTS:
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    if secret is not None and not SECRET.match(secret):
        raise bad("secret token contains unallowed characters")
    if not 1 <= connections <= 100:
        raise bad("max_connections must be between 1 and 100")
