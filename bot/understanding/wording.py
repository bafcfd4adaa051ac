"""How a question is worded, made alike: simplified characters, figures, and one word for what has several."""

import re
import tomllib
from functools import cache
from pathlib import Path

from bot.understanding.features import normal
from bot.understanding.place import numeral
from bot.understanding.sound import syllable
from bot.understanding.words import clean

SYNONYMS = Path(__file__).parent / "synonyms.toml"
SPELT = re.compile(
    r"[零一二两三四五六七八九十百]{2,}|[一二两三四五六七八九十](?=[点岁号楼块元个折月张次把条家位本份天年路])"
)


def alike(text: str) -> str:
    """A text as it is compared; a word of asking is set apart in blanks and marked, 几钿 → ?price."""
    told = SPELT.sub(lambda m: numeral(m[0]), normal(clean(text)))
    pattern, names = _synonyms()
    return pattern.sub(lambda m: names.get(m[0]) or names[m[0].removesuffix("s")], told)


def pairs(text: str) -> list[str]:
    """The neighbouring characters of a text, two by two, in their order."""
    return [text[i : i + 2] for i in range(len(text) - 1)]


def sound(pair: str) -> str:
    """How two Chinese characters sound together, 食堂 → si-tan; empty where one is none."""
    one, other = map(syllable, pair)
    return f"{one}-{other}" if one and other else ""


def common_pairs() -> list[str]:
    """The pairs of characters within the words of the synonyms."""
    return [pair for words in _rows() for word in words if not word.isascii() for pair in pairs(word)]


def _rows() -> list[list[str]]:
    return [
        [n, *several] for part in tomllib.loads(SYNONYMS.read_text("utf-8")).values() for n, several in part.items()
    ]


@cache
def _synonyms() -> tuple[re.Pattern[str], dict[str, str]]:
    names: dict[str, str] = {}
    for name, *several in _rows():
        called = f" ?{name} " if name.isascii() else name
        names |= {word: f" {called} " if word.isascii() else called for word in (name, *several)}
    words = sorted(names, key=len, reverse=True)
    latin = "|".join(re.escape(word) for word in words if word.isascii())
    chinese = "|".join(word for word in words if not word.isascii())
    return re.compile(rf"{chinese}|(?<![a-z0-9?])(?:{latin})s?(?![a-z0-9])"), names
