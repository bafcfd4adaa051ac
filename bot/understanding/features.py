"""What the trained model sees of a sentence: its characters, its words, its sounds, and what they are about."""

import re
from functools import lru_cache

import opencc

from bot.understanding.concepts import concepts
from bot.understanding.sound import syllable
from bot.understanding.words import clean, plain

LONGEST = 300  # characters; what a message is about is said in its first sentences, or in its last
RUN = re.compile(r"[a-z0-9']+|[^\W_a-z0-9]+|[!?]+")
FIGURES = re.compile(r"\d+")


@lru_cache(maxsize=1024)
def normal(text: str) -> str:
    """For comparing: plain, in simplified characters, without the middle of what is too long to be one wish."""
    told = plain(clean(text))
    if len(told) > LONGEST:
        told = f"{told[: LONGEST * 2 // 3]} {told[-LONGEST // 3 :]}"
    simplified: str = _simplifier().convert(told)
    return simplified


@lru_cache(maxsize=1)
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def features(told: str) -> set[str]:
    """The features of a normal text. A prefix says what kind each is, so that no two kinds meet."""
    said = FIGURES.sub("0", told)
    found: set[str] = set()
    before = "^"
    for run in RUN.findall(said):
        if run.isascii():
            found |= _latin(run, before)
            before = run
        else:
            found |= _chinese(run)
            before = "^" if len(said) == len(run) else run[-1]
    found |= about(told)
    return found


def _latin(word: str, before: str) -> set[str]:
    around = f"<{word}>"
    parts = {f"p:{around[i : i + 4]}" for i in range(max(1, len(around) - 3))}
    return {f"w:{word}", f"w:{before}_{word}"} | parts


def _chinese(run: str) -> set[str]:
    marked = f"^{run}$"
    found = {f"c:{c}" for c in run}
    for n in (2, 3):
        found.update(f"c:{marked[i : i + n]}" for i in range(len(marked) - n + 1))
    sounds = [syllable(c) for c in run]
    for n in (2, 3):
        found.update("s:" + "-".join(sounds[i : i + n]) for i in range(len(sounds) - n + 1))
    return found


def about(told: str) -> set[str]:
    """What a normal text is about, by the lexicon."""
    held = concepts(told)
    return {f"@{c}" for c in held} | {f"@{c.partition('.')[0]}" for c in held} or {"@nothing"}
