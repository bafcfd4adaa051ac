"""The send methods."""

import re
from typing import Any

from tests.fakes import telegram_limits as limits
from tests.fakes.telegram_call import Call, Upload, method
from tests.fakes.telegram_files import Stored
from tests.fakes.telegram_refusal import bad
from tests.fakes.telegram_state import Payload, Posted, Room


def without_empty(**content: Any) -> Payload:
    return {name: value for name, value in content.items() if value not in (None, "", [], {})}


def caption(call: Call, source: Any) -> Payload:
    """The caption out of the parameters of a call, or of one item of an album."""
    given = source.get("caption_entities")
    entities = call.decoded("caption_entities") if isinstance(given, str) else given
    text, entities = limits.caption_of(str(source.get("caption") or ""), str(source.get("parse_mode") or ""), entities)
    return without_empty(caption=text, caption_entities=entities)


def photo(call: Call, room: Room, given: Upload | str) -> tuple[Payload, bytes]:
    """A picture to be sent, and its bytes as they came."""
    if isinstance(given, str):
        data = _again(call, given, "photo").data
    else:
        data = given.data
        limits.photo(data)
    return {"photo": call.world.files.add_photo(data, set(room.bots))}, data


def document(call: Call, room: Room, given: Upload | str) -> tuple[Payload, bytes]:
    if isinstance(given, str):
        stored = _again(call, given, "document")
    else:
        limits.document(given.data)
        extension = re.sub(r"\W", "", given.filename.rpartition(".")[2])[:8] or "bin"
        about = {"file_name": given.filename, "mime_type": given.mime}
        stored = call.world.files.add(given.data, "document", extension, set(room.bots), **about)
    return {"document": stored.payload()}, stored.data


def _again(call: Call, file_id: str, kind: str) -> Stored:
    stored = call.world.files.by_id(file_id, call.bot.id)
    if stored.kind != kind:
        raise bad(f"can't use file of type {stored.kind.title()} as {kind.title()}")
    return stored


def inline_only(call: Call) -> Payload:
    """The keyboard an edit may bring: inline, or none, which takes away the one there is."""
    markup = call.decoded("reply_markup") or {}
    if markup and "inline_keyboard" not in markup:
        raise bad("inline keyboard expected")
    rows = limits.inline_keyboard(markup) if markup else []
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


class Keyboard:
    """What `reply_markup` does to the message and to the place below the input."""

    def __init__(self, call: Call, room: Room) -> None:
        markup = call.decoded("reply_markup") or {}
        if not isinstance(markup, dict):
            raise bad("object expected as reply markup")
        self.inline = inline_only(call) if "inline_keyboard" in markup else {}
        self.below: list[list[Payload]] | None = None
        if "keyboard" in markup:
            self.below = limits.reply_keyboard(markup, room.private)
        elif markup.get("remove_keyboard"):
            self.below = []
        elif markup and "inline_keyboard" not in markup and not markup.get("force_reply"):
            raise bad("object expected as reply markup")
        self.fixed = bool(markup) and "inline_keyboard" not in markup


def answered_message(call: Call, room: Room) -> Payload:
    """The message this one replies to."""
    parameters = call.decoded("reply_parameters") or {}
    wanted = parameters.get("message_id") or call.integer("reply_to_message_id")
    if not wanted:
        return {}
    if not room.find(int(wanted)):
        if parameters.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
            return {}
        raise bad("message to be replied not found")
    return {"reply_to_message_id": int(wanted)}


def meter(call: Call, room: Room, content: Payload) -> str:
    """Refuses what comes too fast; the text to be noted when it has gone."""
    text = str(content.get("text", content.get("caption", "")))
    call.world.meter.check(call.bot.id, room.id, call.method, text)
    return text


def deliver(call: Call, room: Room, content: Payload, photo: bytes | None = None, document: bytes | None = None) -> Any:
    """The last step of every send: all is checked, now it happens."""
    keyboard, reply = Keyboard(call, room), answered_message(call, room)
    text = meter(call, room, content)
    posted = _post(call, room, content | keyboard.inline | reply)
    posted.photo, posted.document, posted.fixed = photo, document, keyboard.fixed
    if keyboard.below is not None:
        room.keyboard = keyboard.below
    call.world.meter.record(call.bot.id, room.id, call.method, text)
    return posted.seen_by_bot()


def _post(call: Call, room: Room, content: Payload) -> Posted:
    return call.world.post(room, content, call.bot.user(), call.bot)


@method("sendMessage")
def send_message(call: Call) -> Any:
    room = call.writable()
    text, entities = limits.text_of(call.text("text"), call.text("parse_mode"), call.decoded("entities"))
    return deliver(call, room, without_empty(text=text, entities=entities))


@method("sendPhoto")
def send_photo(call: Call) -> Any:
    room, words = call.writable(), caption(call, call.params)
    content, data = photo(call, room, call.upload("photo"))
    return deliver(call, room, content | words, photo=data)


@method("sendDocument")
def send_document(call: Call) -> Any:
    room, words = call.writable(), caption(call, call.params)
    content, data = document(call, room, call.upload("document"))
    return deliver(call, room, content | words, document=data)


def _location(call: Call) -> Payload:
    latitude, longitude = call.real("latitude"), call.real("longitude")
    if not -90 <= latitude <= 90 or not -180 <= longitude <= 180:
        raise bad("wrong latitude or longitude specified")
    return {"latitude": latitude, "longitude": longitude}


@method("sendLocation")
def send_location(call: Call) -> Any:
    return deliver(call, call.writable(), {"location": _location(call)})


@method("sendVenue")
def send_venue(call: Call) -> Any:
    room, location = call.writable(), _location(call)
    for name in ("title", "address"):
        if not call.text(name):
            raise bad(f'parameter "{name}" is required')
    venue = {"location": location, "title": call.text("title"), "address": call.text("address")}
    return deliver(call, room, {"venue": venue, "location": location})


@method("sendMediaGroup")
def send_media_group(call: Call) -> Any:
    """Several messages, but one departure: the real server does not hold an album for a burst."""
    room, media = call.writable(), call.decoded("media")
    if not isinstance(media, list) or not 2 <= len(media) <= 10:
        raise bad("media group must include 2-10 items")
    kinds = {item.get("type") for item in media}
    if not kinds <= {"photo", "document"}:
        raise bad("unsupported type of media group item")
    if len(kinds) > 1:
        raise bad("document can't be mixed with other media types")
    items = []
    for item in media:
        words = caption(call, item)
        content, data = (photo if item["type"] == "photo" else document)(call, room, call.upload("media", item.get("media")))  # fmt: skip
        items.append((content | words, data))
    reply = answered_message(call, room)
    text = meter(call, room, items[0][0])
    group = {"media_group_id": f"{call.bot.id}{call.world.stamp():012d}"}
    sent = [(_post(call, room, content | group | reply), data) for content, data in items]
    for posted, data in sent:
        posted.photo, posted.document = (data, None) if "photo" in posted.payload else (None, data)
    call.world.meter.record(call.bot.id, room.id, call.method, text)
    return [posted.seen_by_bot() for posted, _ in sent]


@method("sendChatAction")
def send_chat_action(call: Call) -> Any:
    room = call.writable()
    if call.text("action") not in limits.CHAT_ACTIONS:
        raise bad("wrong parameter action in request")
    call.world.actions.append((call.bot.id, room.id, call.text("action")))
    return True
