"""Words as Telegram measures, cuts and reads them."""

import html
import unicodedata

from bot.channels.cutting import pieces, torn, whole

TEXT, CAPTION = 4096, 1024  # UTF-16 units once the markup is read: core.telegram.org/bots/api#sendmessage


def escaped(text: str) -> str:
    """For parse_mode HTML: what is read back is the text itself."""
    return html.escape(whole(text), quote=False)


def units(text: str) -> int:
    """Its length as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parts(text: str, most: int = TEXT) -> list[str]:
    """The text in pieces of at most `most` units; none that shows nothing."""
    return pieces(text, most, units)


def fitted(text: str, most: int = TEXT) -> str:
    """As much of the beginning as fits, with … where something is missing."""
    return text if units(text) <= most else f"{parts(text, most - 1)[0]}…"


def columns(text: str) -> int:
    """The room a line takes, a Chinese character being two columns wide."""
    return sum(_width(text, at) for at in range(len(text)))


def shortened(line: str, most: int) -> str:
    """One line of at most so many columns, … included."""
    line = " ".join(whole(line).split())
    if columns(line) <= most:
        return line
    room, at = most - 1, 0
    while at < len(line) and (room := room - _width(line, at)) >= 0:
        at += 1
    return f"{line[:at].rstrip()}…"


def _width(text: str, at: int) -> int:
    if torn(text, at) or unicodedata.category(text[at]) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(text[at]) in "WF" else 1
