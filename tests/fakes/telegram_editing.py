"""The methods that change what was sent: edits, deletion, the answer to a tap."""

from typing import Any

from tests.fakes import telegram_limits as limits
from tests.fakes.telegram_call import Call, method
from tests.fakes.telegram_refusal import NOT_MODIFIED, QUERY_TOO_OLD, bad
from tests.fakes.telegram_sending import caption, document, inline_only, meter, photo, without_empty
from tests.fakes.telegram_state import Payload, Posted
from tests.fakes.telegram_world import QUERIES_LIVE

TWO_DAYS = 48 * 60 * 60
WORDS = ("text", "entities", "caption", "caption_entities")
MEDIA = ("photo", "document")


def editable(call: Call) -> Posted:
    """The bot's own message that is meant."""
    if call.text("inline_message_id"):
        raise bad("MESSAGE_ID_INVALID")
    room = call.writable()
    if not call.integer("message_id"):
        raise bad("message identifier is not specified")
    if (posted := room.find(call.integer("message_id"))) is None:
        raise bad("message to edit not found")
    if posted.by_bot is not call.bot or posted.fixed:
        raise bad("message can't be edited")
    return posted


def change(call: Call, posted: Posted, replaced: tuple[str, ...], content: Payload) -> Any:
    """Put the new content in the place of the old; the keyboard is always given anew."""
    kept = {k: v for k, v in posted.payload.items() if k not in (*replaced, "reply_markup")}
    after = kept | content
    if after == posted.payload:
        raise NOT_MODIFIED
    text = meter(call, posted.room, content)
    posted.payload = after | {"edit_date": int(call.world.now())}
    posted.edited = posted.edited or bool(replaced)
    call.world.meter.record(call.bot.id, posted.room.id, call.method, text)
    call.world.touch(posted)
    return posted.seen_by_bot()


@method("editMessageText")
def edit_text(call: Call) -> Any:
    posted = editable(call)
    text, entities = limits.text_of(call.text("text"), call.text("parse_mode"), call.decoded("entities"))
    if "text" not in posted.payload:
        raise bad("there is no text in the message to edit")
    return change(call, posted, WORDS, without_empty(text=text, entities=entities) | inline_only(call))


@method("editMessageCaption")
def edit_caption(call: Call) -> Any:
    posted = editable(call)
    words = caption(call, call.params)
    if not any(kind in posted.payload for kind in MEDIA):
        raise bad("there is no caption in the message to edit")
    return change(call, posted, WORDS, words | inline_only(call))


@method("editMessageReplyMarkup")
def edit_markup(call: Call) -> Any:
    return change(call, editable(call), (), inline_only(call))


@method("editMessageMedia")
def edit_media(call: Call) -> Any:
    """The same file again counts as no change, as far as its id shows it."""
    posted, media = editable(call), call.decoded("media")
    if not isinstance(media, dict) or media.get("type") not in MEDIA:
        raise bad("can't parse InputMedia: unsupported type")
    given = call.upload("media", media.get("media"))
    words = caption(call, media) | inline_only(call)
    if isinstance(given, str) and given in str([posted.payload.get(kind) for kind in MEDIA]):
        return change(call, posted, WORDS, words)
    content, data = (photo if media["type"] == "photo" else document)(call, posted.room, given)
    changed = change(call, posted, WORDS + MEDIA, content | words)
    posted.photo, posted.document = (data, None) if media["type"] == "photo" else (None, data)
    return changed


@method("deleteMessage")
def delete(call: Call) -> Any:
    room = call.writable()
    if (posted := room.find(call.integer("message_id"))) is None:
        raise bad("message to delete not found")
    if call.world.now() - posted.payload["date"] > TWO_DAYS:
        raise bad("message can't be deleted for everyone")
    if not room.private and posted.by_bot is not call.bot and room.bots[call.bot.id] != "administrator":
        raise bad("message can't be deleted")
    posted.deleted = True
    call.world.touch(posted)
    return True


@method("answerCallbackQuery")
def answer_query(call: Call) -> Any:
    query = call.bot.queries.get(call.text("callback_query_id"))
    if query is None or query.answered or call.world.now() - query.asked_at > QUERIES_LIVE:
        raise QUERY_TOO_OLD
    query.text = limits.at_most(call.text("text"), limits.ANSWER, "MESSAGE_TOO_LONG")
    query.answered, query.alert = True, call.flag("show_alert")
    call.world.bell.ring()
    return True
