"""A tap is always answered, and the message it was made on then shows what was chosen: an old keyboard misleads."""

from telegram import InlineKeyboardMarkup
from telegram.constants import ParseMode

from bot.channels.origin import opened
from bot.channels.telegram.call import Call
from bot.channels.telegram.inbound import Tapped
from bot.channels.telegram.wording import escaped, units

MARK = "→ "
CAPTION, TEXT = 1024, 4096  # UTF-16 units


def answered(tapped: Tapped) -> Call:
    """Stops the button's waiting sign; Telegram counts it against no limit."""
    return Call("answer_callback_query", {"callback_query_id": tapped.query_id})


def marked(tapped: Tapped, *, heard: bool = True) -> list[Call]:
    """The tapped message as it is from now on; nothing where its buttons may be tapped at any time.

    It shows what was chosen, unless that was not `heard`: then only its buttons go.
    """
    message = tapped.message
    if message is None or message.reply_markup is None or tapped.value.startswith("/"):
        return []
    rows = [
        [b for b in row if b.url or opened(str(b.callback_data))[1].startswith("/")]
        for row in message.reply_markup.inline_keyboard
    ]
    left = InlineKeyboardMarkup([row for row in rows if row])
    told, most = (message.caption, CAPTION) if message.caption else (message.text, TEXT)
    given: dict[str, object] = {"message_id": message.message_id, "reply_markup": left}
    line = f"\n\n{MARK}{tapped.label}"
    if not heard or not told or not tapped.label or units(told + line) > most:
        return [Call("edit_message_reply_markup", given)]
    shown = message.caption_html if message.caption else message.text_html
    words = {"caption" if message.caption else "text": f"{shown}{escaped(line)}", "parse_mode": ParseMode.HTML}
    return [Call("edit_message_caption" if message.caption else "edit_message_text", given | words)]
