"""How Chinese sounds, roughly: what speech recognition and old ears mix up is written alike."""

import os
from functools import cache

os.environ.setdefault(
    "PYPINYIN_NO_PHRASES", "true"
)  # single characters are enough here, and cost a quarter of the memory
from pypinyin import Style, lazy_pinyin

ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"))  # flat and curled tongue, front and back of the nose


@cache
def syllable(character: str) -> str:
    """The toneless sound of one character, 机 → ji; empty for what is no Chinese character."""
    heard = lazy_pinyin(character, style=Style.NORMAL, errors="ignore")
    if not heard:
        return ""
    said: str = heard[0]
    for one, other in ALIKE:
        said = said.replace(one, other)
    return "l" + said[1:] if said.startswith("n") else said


def syllables(text: str) -> list[str]:
    """The sounds of a text's Chinese characters, in their order."""
    return [s for s in map(syllable, text) if s]
