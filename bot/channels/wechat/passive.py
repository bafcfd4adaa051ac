"""Everything we say to one message, in one message: WeChat takes no more as an answer.

Paragraphs follow one another; choices are numbered lines, those of pushes say the words that answer them, and all are
links where a tap on them may be heard; places, photos and files are links. What does not fit waits for 更多.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from bot.channels.cutting import pieces
from bot.channels.origin import carried
from bot.content.snapshot import Community
from bot.conversation.message import Choice, Place, Reply
from bot.conversation.texts import Texts
from bot.understanding.datum import to_gcj02

MOST = 2048  # bytes of a text: developers.weixin.qq.com, "Passive user reply messages"
HAN = 600  # Chinese characters of one, by what developers have met with
MAP = "https://apis.map.qq.com/uri/v1/marker"  # opens in WeChat's own browser; its coordinates are GCJ-02
CHINESE = re.compile(r"[\u3400-\u9fff]")
BREAKS_OUT, BREAKS_QUERY = re.compile(r"""[\s"'<>]"""), re.compile(r"""[\s"'<>%&#+=?]""")
LINK, FIRST_SIGN = re.compile(r"<a .*?</a>", re.DOTALL), 0x10_0000  # a sign stands for a link while texts are cut
SIGN = re.compile(r"[\U00100000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Manner:
    """How an account may speak."""

    community: Community
    language: str
    page: str  # where the web chat is, without a slash at the end
    tappable: bool  # whether a link in a text may say something for its reader
    room: str  # the address of this community's web chat

    @property
    def texts(self) -> Texts:
        return self.community.texts(self.language)


def spoken(replies: Sequence[Reply], manner: Manner, pushes: Sequence[Reply] = ()) -> list[str]:
    """The messages, each short enough; all but the last say how to get the next. Empty where there is nothing to say.

    Pushes come first: an answer and its choices belong together.
    """
    menu = next((reply for reply in reversed(replies) if reply.choices), None)
    answers = [_unlisted(reply) if reply is menu else reply for reply in replies]
    told = [_pushed(push, manner) for push in pushes] + [_paragraph(reply, manner) for reply in answers]
    body = "\n\n".join(filter(None, told))
    tail = "\n".join(_lines(menu.choices, manner)) if menu else ""
    if size(whole := "\n\n".join(filter(None, (body, tail)))) <= MOST:
        return [whole] if whole else []
    hint = manner.texts("wechat.more")
    found = _cut(body, MOST - size(hint) - 1)
    if found and size(f"{found[-1]}\n\n{tail}") <= MOST:
        found[-1] = f"{found[-1]}\n\n{tail}".strip()
    else:
        found += _cut(tail, MOST - size(hint) - 1)
    return [f"{piece}\n{hint}" for piece in found[:-1]] + found[-1:]


def worded(replies: Sequence[Reply], manner: Manner, pushes: Sequence[Reply] = ()) -> str:
    """Their words alone, for when they are told among something else: a menu would be an old one by then."""
    lines = [reply.text for reply in replies]
    for push in pushes:
        lines += [push.text, *(manner.texts("wechat.words", words=choice.label) for choice in push.choices)]
    return "\n".join(filter(None, lines))


def size(text: str) -> int:
    """Its length as WeChat counts: bytes, and so many more where it is all Chinese."""
    return max(len(text.encode("utf-8", "replace")), -(-len(CHINESE.findall(text)) * MOST // HAN))


def harmless(text: str) -> str:
    """Words of a resident's in which WeChat finds no link."""
    return SIGN.sub("", text.replace("<", "＜")).strip()


def link(url: str, label: str) -> str:
    return f'<a href="{_encoded(BREAKS_OUT, url)}">{harmless(label)}</a>'


def _encoded(what: re.Pattern[str], text: str) -> str:
    """Only what must be: Chinese in an address is a third as long as it is."""
    return what.sub(lambda found: quote(found[0]), text)


def _cut(text: str, most: int) -> list[str]:
    """In pieces of `most` at most; no cut goes through a link."""
    links = LINK.findall(text)
    signs = (chr(FIRST_SIGN + n) for n in range(len(links)))
    found = pieces(LINK.sub(lambda _: next(signs), text), most, lambda piece: size(_with_links(piece, links)))
    return [_with_links(piece, links) for piece in found]


def _with_links(piece: str, links: Sequence[str]) -> str:
    return SIGN.sub(lambda sign: links[ord(sign[0]) - FIRST_SIGN], piece)


def _unlisted(reply: Reply) -> Reply:
    """Without the lines that its choices are about to be: a voting paper lists what there is to mark."""
    listed = {f"{number}. {choice.label}" for number, choice in enumerate(reply.choices, 1)}
    return replace(reply, text="\n".join(line for line in reply.text.split("\n") if line not in listed))


def _paragraph(reply: Reply, manner: Manner) -> str:
    """The words of one reply, with what else it brings as links and hints."""
    say, files = manner.texts, f"{manner.page}/c/{manner.community.slug}"
    lines = [harmless(reply.text)]
    if reply.pin is not None and reply.pin.lat is not None and reply.pin.lon is not None:
        lines.append(link(_map(reply.pin, manner), say("wechat.map")))
    if reply.image:
        lines.append(link(manner.room, say("wechat.photo")))
    if reply.file:
        ours = not reply.file.startswith("mine.")
        to = f"{files}/{reply.file}" if ours else manner.room
        lines.append(link(to, say("wechat.calendar" if ours else "wechat.page")))
    if reply.want:
        lines.append(say(f"wechat.{reply.want}_hint"))
    return "\n".join(filter(None, lines))


def _pushed(push: Reply, manner: Manner) -> str:
    """A push stands among whatever was asked, so none of its choices has a number."""
    lines = [_paragraph(push, manner)]
    for choice in push.choices:
        label = harmless(choice.label)
        lines.append(_tap(choice, label, manner) if manner.tappable else manner.texts("wechat.words", words=label))
    return "\n".join(filter(None, lines))


def _lines(choices: Sequence[Choice], manner: Manner) -> list[str]:
    """The newest menu: the engine takes its numbers, its words, and the tokens a tapped link brings."""
    shown = [f"{number}. {harmless(choice.label)}" for number, choice in enumerate(choices, 1)]
    return [_tap(c, line, manner) for c, line in zip(choices, shown, strict=True)] if manner.tappable else shown


def _tap(choice: Choice, shown: str, manner: Manner) -> str:
    """A link that says a choice for its reader, and whose it is."""
    said, value = (_encoded(BREAKS_QUERY, part) for part in (choice.label, carried(manner.community.id, choice.value)))
    return link(f"weixin://bizmsgmenu?msgmenucontent={said}&msgmenuid={value}", shown)


def _map(pin: Place, manner: Manner) -> str:
    assert pin.lat is not None
    assert pin.lon is not None
    lat, lon = to_gcj02(pin.lat, pin.lon)
    title = pin.text or manner.texts.show(manner.community.pack.community.name.model_dump())
    marker = f"coord:{lat:.6f},{lon:.6f};title:{title};addr:{title}"
    return f"{MAP}?{urlencode({'marker': marker, 'referer': 'linlifang'})}"
