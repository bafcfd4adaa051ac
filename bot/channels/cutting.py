"""Where a text that is too long for one message is cut: after a sentence if it can be, never within a character."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable

SENTENCE = re.compile(r"[。！？!?…]+[”’』」）)\"']*|\.(?=\s)|\n+")
GAP = re.compile(r"[，、；：,;]|\s+")
JOINER, FLAGS = "\u200d", re.compile("[\U0001f1e6-\U0001f1ff]+")  # a flag is two of these letters
LONGEST_SIGN = 32  # code points of one character as it is seen: a family with all its skin tones has fewer
Measure = Callable[[str], int]


def whole(text: str) -> str:
    """Without half characters, which have no UTF-8 and could not leave."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def pieces(text: str, most: int, measure: Measure) -> list[str]:
    """The text in pieces that measure at most `most`, cut after sentences where there are any; none shows nothing."""
    rest, found = whole(text).strip(), []
    while measure(rest) > most:
        at = _cut(rest, most, measure)
        found.append(rest[:at].strip())
        rest = rest[at:].strip()
    return [piece for piece in (*found, rest) if seen(piece)]


def seen(text: str) -> bool:
    """Whether there is anything to see: Telegram refuses a message that shows nothing."""
    return any(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp") for c in text)


def untorn(text: str, at: int) -> int:
    """The nearest place at or before `at` between two characters as they are seen."""
    places = range(at, max(0, at - LONGEST_SIGN), -1)
    return next((place for place in places if not torn(text, place)), at)


def _cut(text: str, most: int, measure: Measure) -> int:
    """Where a piece ends: after a sentence, else at a gap, unless that leaves the piece nearly empty."""
    fits = bisect_right(range(len(text) + 1), most, key=lambda n: measure(text[:n])) - 1
    for ends in (SENTENCE, GAP):
        places = [m.end() for m in ends.finditer(text, 0, fits)]
        if places and places[-1] > fits // 4:
            return untorn(text, places[-1])
    return untorn(text, fits)


def torn(text: str, at: int) -> bool:
    """Whether a cut here goes through a character as it is seen: accents, skin tones, flags, families."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if FLAGS.fullmatch(before + after):
        return any((at - run.start()) % 2 == 1 for run in FLAGS.finditer(text) if run.start() < at < run.end())
    tinted = "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f"
    return JOINER in (before, after) or tinted or unicodedata.category(after) in ("Mn", "Mc", "Me")
