"""What an update says, in our words: said, tapped, or a change of who is where. Pure: nothing is asked or kept."""

import re
from dataclasses import dataclass

import telegram

from bot.channels.origin import opened
from bot.conversation.message import Place

COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@(\w+))?(?:\s+|$)")
PICTURES = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who, and in which chat; a private chat has its person's number."""

    user: str
    chat: str
    private: bool
    language: str  # "zh" or "en", as the person's Telegram is set
    title: str = ""  # of a group


@dataclass(frozen=True, slots=True)
class Said:
    update_id: int
    sender: Sender
    message_id: int
    text: str = ""
    command: str = ""  # without the slash; `text` is what followed
    place: Place | None = None
    photo: str = ""  # a file id, with what may be fetched of it
    voice: str = ""
    album: str = ""
    other: str = ""  # what we cannot hear: "sticker", "edited", "contact", …
    addressed: bool = True  # in a group: to us, by name or as an answer


@dataclass(frozen=True, slots=True)
class Tapped:
    update_id: int
    sender: Sender
    query_id: str
    value: str
    label: str = ""
    community_id: int | None = None  # whose button it was, where it says so
    message: telegram.Message | None = None  # None for one too old for Telegram to show
    original: Said | None = None  # what the tapped message replied to


@dataclass(frozen=True, slots=True)
class Moved:
    """The bot was let into a chat, put out of it, or the chat has a new number."""

    update_id: int
    sender: Sender  # who did it
    present: bool
    new_chat: str = ""


Happening = Said | Tapped | Moved


def read(update: telegram.Update, username: str) -> Happening | None:
    """What an update says to the bot of this name; None for what is not for us."""
    if update.callback_query:
        return _tapped(update.update_id, update.callback_query, username)
    if update.my_chat_member:
        changed = update.my_chat_member
        before, present = (
            m.status not in ("left", "kicked") for m in (changed.old_chat_member, changed.new_chat_member)
        )
        if before == present:
            return None  # other rights, as present as ever
        return Moved(update.update_id, _sender(changed.from_user, changed.chat), present)
    message = update.message or update.edited_message
    if message is None or message.from_user is None or message.from_user.is_bot:
        return None
    return _said(update.update_id, message, username, edited=update.message is None)


def _sender(user: telegram.User, chat: telegram.Chat) -> Sender:
    code = (user.language_code or "zh").lower()
    private = chat.type == "private"
    return Sender(str(user.id), str(chat.id), private, "zh" if code.startswith("zh") else "en", chat.title or "")


def _said(update_id: int, message: telegram.Message, username: str, *, edited: bool) -> Happening | None:
    assert message.from_user is not None
    sender = _sender(message.from_user, message.chat)
    if message.migrate_to_chat_id:
        return Moved(update_id, sender, True, str(message.migrate_to_chat_id))
    if message.location and edited:
        return None  # a live location on the move
    command, text = _command(message.text or message.caption or "", username)
    if command is None:
        return None  # for another bot
    return Said(
        update_id,
        sender,
        message.message_id,
        _own_number(message) or text,
        command,
        _place(message),
        _photo(message),
        message.voice.file_id if message.voice else "",
        message.media_group_id or "",
        "edited" if edited else _other(message),
        sender.private or _addressed(message, username),
    )


def _command(text: str, username: str) -> tuple[str | None, str]:
    """The command and what follows it; "" where there is none, None where it is another bot's."""
    found = COMMAND.match(text)
    if not found:
        return "", re.sub(rf"@{re.escape(username)}\b", "", text, flags=re.IGNORECASE).strip()
    if found[2] and found[2].lower() != username.lower():
        return None, ""
    return found[1].lower(), text[found.end() :].strip()


def _addressed(message: telegram.Message, username: str) -> bool:
    first = message.reply_to_message
    author = first.from_user if first else None
    to_us = author is not None and bool(username) and (author.username or "").lower() == username.lower()
    named = bool(username) and f"@{username}".lower() in (message.text or message.caption or "").lower()
    return to_us or named


def _place(message: telegram.Message) -> Place | None:
    if venue := message.venue:
        return Place(f"{venue.title} {venue.address}".strip(), venue.location.latitude, venue.location.longitude)
    if spot := message.location:
        return Place("", spot.latitude, spot.longitude)
    return None


def _photo(message: telegram.Message) -> str:
    if message.photo:
        return max(message.photo, key=lambda size: size.width * size.height).file_id
    document = message.document
    return document.file_id if document and document.mime_type in PICTURES else ""


def _own_number(message: telegram.Message) -> str:
    """A number the sender shares is an answer only when it is the sender's."""
    contact, user = message.contact, message.from_user
    mine = contact is not None and user is not None and contact.user_id == user.id
    return contact.phone_number.removeprefix("+").removeprefix("86") if contact and mine else ""


def _other(message: telegram.Message) -> str:
    """The kind of what we cannot hear; "" for what we can, and for what is no word of anybody's."""
    if message.text or message.photo or message.location or message.voice or _photo(message) or _own_number(message):
        return ""
    kinds = ("sticker", "contact", "document", "video", "video_note", "audio", "animation", "poll", "dice", "story")
    unknown = "something" if message.effective_attachment else "nothing"
    return next((kind for kind in kinds if getattr(message, kind)), unknown)


def _tapped(update_id: int, query: telegram.CallbackQuery, username: str) -> Tapped | None:
    message = query.message if isinstance(query.message, telegram.Message) else None
    if query.message is None or not query.data:
        return None
    sender = _sender(query.from_user, query.message.chat)
    buttons = (
        [b for row in message.reply_markup.inline_keyboard for b in row] if message and message.reply_markup else []
    )
    label = next((b.text for b in buttons if b.callback_data == query.data), "")
    first = message.reply_to_message if message else None
    original = None
    if first is not None and first.from_user is not None and not first.from_user.is_bot:
        heard = _said(update_id, first, username, edited=False)
        original = heard if isinstance(heard, Said) else None
    community_id, value = opened(query.data)
    return Tapped(update_id, sender, query.id, value, label, community_id, message, original)
