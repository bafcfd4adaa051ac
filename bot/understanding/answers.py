"""Which of a community's known questions a sentence asks: by the characters and pairs of characters they share.

Two-character words carry most Chinese questions; word segmentation and trigram indexes miss them. A rare pair
weighs more than a common one, and what either side says beyond the other counts against the match.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from bot.understanding.words import plain

FILLER = re.compile(r"请问|你好|您好|一下|我想|想要|我要|的|了|吗|呢|啊|呀|吧|伐|麻烦")
ENGLISH_FILLER = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "do",
        "does",
        "i",
        "we",
        "you",
        "it",
        "my",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "and",
        "what",
        "where",
        "when",
        "how",
        "can",
        "there",
    ]
)


@dataclass(frozen=True)
class Hit:
    key: str
    score: float  # how much the two questions have in common, 0 to 1


class Index:
    """An index over named texts, each phrased in several ways; built once and never changed."""

    def __init__(self, texts: Mapping[str, tuple[str, ...]]) -> None:
        entries = [(key, tokens(text)) for key, several in texts.items() for text in several]
        self._keys = [key for key, _ in entries]
        self._postings: dict[str, list[int]] = {}
        for n, (_, told) in enumerate(entries):
            for token in told:
                self._postings.setdefault(token, []).append(n)
        self._total = len(entries)
        self._whole = [self._weigh(told) for _, told in entries]

    def search(self, question: str, most: int = 4) -> list[Hit]:
        """The best matches, best first; one hit a key."""
        asked = tokens(question)
        common: dict[int, float] = {}
        for token in asked:
            for n in self._postings.get(token, ()):
                common[n] = common.get(n, 0.0) + self._weight(token)
        whole, best = self._weigh(asked), dict[str, float]()
        for n, shared in common.items():
            score = 2 * shared / (whole + self._whole[n])
            best[self._keys[n]] = max(best.get(self._keys[n], 0.0), score)
        ranked = sorted(best.items(), key=lambda item: -item[1])
        return [Hit(key, score) for key, score in ranked[:most]]

    def _weight(self, token: str) -> float:
        return log(1 + self._total / (1 + len(self._postings.get(token, ()))))

    def _weigh(self, told: frozenset[str]) -> float:
        return sum(self._weight(token) for token in told)


def tokens(text: str) -> frozenset[str]:
    """Characters and neighbouring pairs of Chinese, whole words of Latin script."""
    told = plain(text)
    told = FILLER.sub(" ", told) if FILLER.sub("", told).strip() else told
    found: set[str] = set()
    for run in re.findall(r"[a-z0-9]+|[^\W_a-z0-9]+", told):
        if run.isascii():
            found.add(run.removesuffix("s"))
        else:
            found.update(run, (run[i : i + 2] for i in range(len(run) - 1)))
    return frozenset(found - ENGLISH_FILLER)
