"""What a reply becomes in Telegram: the requests that show it, in order. Nothing is sent here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from telegram import InlineKeyboardMarkup, LinkPreviewOptions, ReplyKeyboardMarkup, ReplyKeyboardRemove
from telegram.constants import ParseMode

from bot.channels.telegram.call import Call
from bot.channels.telegram.keyboards import asking, inline, stands_in, to_private
from bot.channels.telegram.wording import CAPTION, escaped, parts, units
from bot.content.snapshot import Community
from bot.conversation.message import Place, Reply
from bot.conversation.texts import Texts

Markup = InlineKeyboardMarkup | ReplyKeyboardMarkup | ReplyKeyboardRemove
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Look:
    """For whom a reply is shown, and what it may show them."""

    community: Community
    language: str
    private: bool  # False in a group
    deep_link: str  # opens the private chat: https://t.me/<username>?start=<slug>
    photo: Callable[[str], bytes | None]  # the pixels of a reference this person may see
    file: Callable[[str], tuple[str, bytes] | None]  # the name and content of a file of theirs
    keyboard: bool = False  # one of ours may still stand in for the letters

    @property
    def texts(self) -> Texts:
        return self.community.texts(self.language)


def render_all(replies: Sequence[Reply], look: Look) -> list[list[Call]]:
    """The requests for the replies to one message; a keyboard that is done with goes once, with the first."""
    apart = 1 if look.keyboard else 0  # the first message can take a keyboard away as long as it has no buttons
    replies = [*replies[:apart], *joined(replies[apart:])]
    shown = []
    for n, reply in enumerate(replies):
        gone = look.keyboard and n == 0 and not any(stands_in(r.want) for r in replies)
        shown.append(render(reply, replace(look, keyboard=gone)))
    return shown


def joined(replies: Sequence[Reply]) -> list[Reply]:
    """Words and nothing else are said in one message with what follows: a chat may be sent one a second."""
    found: list[Reply] = []
    for reply in replies:
        before = found[-1] if found else None
        if before is not None and before == Reply(before.text, stale=before.stale) and not (reply.image or reply.file):
            found[-1] = replace(reply, text="\n\n".join(filter(None, (before.text, reply.text))))
        else:
            found.append(reply)
    return found


def render(reply: Reply, look: Look) -> list[Call]:
    """The requests that show a reply; none where there is nothing to see. Reads files: not for the event loop."""
    media = _media(reply, look)
    markup = _markup(reply, look)
    pieces = parts(_words(reply, look))
    if not pieces and isinstance(markup, InlineKeyboardMarkup | ReplyKeyboardMarkup) and not media:
        pieces = [look.texts("telegram.choose")]
    pin = _pin(reply.pin, look.community) if reply.pin else None
    calls = [*_cleared(markup, look), *([pin] if pin else [])]
    if media and len(pieces) <= 1 and units(pieces[0] if pieces else "") <= CAPTION:
        media[-1] = _captioned(media[-1], pieces, markup)
        return [*calls, *media]
    texts = [text_call(escaped(piece), markup if n == len(pieces) else None) for n, piece in enumerate(pieces, 1)]
    return [*calls, *media, *texts]


def text_call(markup_text: str, markup: Markup | None = None, message: int | None = None) -> Call:
    """A message of text that is escaped already; `message` is the one it takes the place of."""
    given: dict[str, object] = {
        "text": markup_text,
        "parse_mode": ParseMode.HTML,
        "link_preview_options": NO_PREVIEW,
        "reply_markup": markup,
    }
    if message is None:
        return Call("send_message", given)
    return Call("edit_message_text", given | {"message_id": message})


def _words(reply: Reply, look: Look) -> str:
    """With a hint where Telegram has a way of its own to send what is wanted."""
    if reply.want is None or not look.private:
        return reply.text
    return f"{reply.text}\n{look.texts(f'telegram.{reply.want}_hint')}"


def _markup(reply: Reply, look: Look) -> Markup | None:
    if not look.private:
        return to_private(look.deep_link, look.texts) if reply.choices or reply.want else None
    if reply.want is not None and stands_in(reply.want):
        return asking(reply.want, reply.choices, look.texts)
    below = inline(reply.choices, look.texts, look.community.id)
    return ReplyKeyboardRemove() if below is None and look.keyboard else below


def _cleared(markup: Markup | None, look: Look) -> list[Call]:
    """A word of its own to take a keyboard away with, where the message itself brings buttons: it cannot do both."""
    if look.keyboard and isinstance(markup, InlineKeyboardMarkup):
        return [text_call(escaped(look.texts("telegram.noted")), ReplyKeyboardRemove())]
    return []


def _media(reply: Reply, look: Look) -> list[Call]:
    """The picture and the file, as far as they are there and may be seen: in a group nothing of one person's."""
    calls = []
    if reply.image and look.private and (pixels := look.photo(reply.image)):
        calls.append(Call("send_photo", {"photo": pixels, "filename": "photo.jpg"}))
    if reply.file and (look.private or not reply.file.startswith("mine.")) and (found := look.file(reply.file)):
        name, data = found
        calls.append(Call("send_document", {"document": data, "filename": name}))
    return calls


def _captioned(call: Call, pieces: Sequence[str], markup: Markup | None) -> Call:
    caption = {"caption": escaped(pieces[0]), "parse_mode": ParseMode.HTML} if pieces else {}
    return Call(call.method, {**call.given, **caption, "reply_markup": markup})


def _pin(spot: Place, community: Community) -> Call | None:
    """On the map: with its name and address where the community knows it, else the bare spot."""
    if spot.lat is None or spot.lon is None:
        return None
    given: dict[str, object] = {"latitude": spot.lat, "longitude": spot.lon}
    known = [p for p in community.pack.places if spot.text in (p.name.zh, p.name.en)]
    if not known:
        return Call("send_location", given)
    address = known[0].address.zh if spot.text == known[0].name.zh else known[0].address.en
    return Call("send_venue", given | {"title": spot.text, "address": address})
