"""Which of a community's known texts a question asks for: by the words, characters and pairs of characters they share.

Two-character words carry most Chinese questions; word segmentation and trigram indexes miss them. As in BM25, a rare
word weighs more than a common one; what either side says beyond the other counts against the match, so that the score
also says how much of the question is known.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from bot.understanding.wording import alike, common_pairs, pairs, sound

FILLER = re.compile(
    r"请问|你好|您好|一下|我想|想要|我要|你们|我们|这里|那么|还|的|了|吗|呢|啊|呀|吧|伐|麻烦|"
    r"(?<![a-z?])(?:an?|the|is|are|do|does|i(?:'d|'m)?|we|you|your|its?|my|me|of|to|in|on|at|for|from|by|with|and|or|can|"
    r"could|would|like|want|need|there|that|this|please|somebody|someone)(?![a-z'])"
)
RUN = re.compile(r"\?[a-z]+|[a-z0-9']+|[^\W_a-z0-9]+")
PAIR, WORD, ASKING = 0.7, 2.0, 0.5  # weights of two characters, a Latin word, a word of asking, beside one character
BESIDE = 0.7  # what a text's other phrasings share with the question counts this much


@dataclass(frozen=True)
class Hit:
    key: str
    score: float  # how much the two have in common, 0 to 1


class Index:
    """An index over named texts, each phrased in several ways; built once and never changed.

    `asking` is the weight of words like "how much" and "when": nothing where every text answers them alike.
    """

    def __init__(self, texts: Mapping[str, tuple[str, ...]], asking: float = ASKING) -> None:
        entries = [(key, tokens(text)) for key, several in texts.items() for text in several]
        self._asking, self._total = asking, len(entries)
        self._keys = [key for key, _ in entries]
        self._postings: dict[str, list[int]] = {}
        for n, (_, told) in enumerate(entries):
            for token in told:
                self._postings.setdefault(token, []).append(n)
        self._sounds: dict[str, list[str]] = {}
        for pair in (*sorted(t for t in self._postings if len(t) == 2), *common_pairs()):
            self._sounds.setdefault(sound(pair), []).append(pair)
        self._whole = [self._weigh(told) for _, told in entries]

    def search(self, question: str, most: int = 4) -> list[Hit]:
        """The best matches, best first; one hit a key."""
        asked = _cut(alike(self._mended(alike(question))))
        common, around = dict[int, float](), dict[str, float]()
        for token in asked:
            weight, found = self._weight(token), self._postings.get(token, [])
            for n in found:
                common[n] = common.get(n, 0.0) + weight
            for key in {self._keys[n] for n in found}:
                around[key] = around.get(key, 0.0) + weight
        whole, best = self._weigh(asked), dict[str, float]()
        for n, own in common.items():
            key = self._keys[n]
            shared = own + BESIDE * (around[key] - own)
            score = 2 * shared / (whole + max(self._whole[n], shared)) if shared else 0.0
            best[key] = max(best.get(key, 0.0), score)
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(key, score) for key, score in ranked[:most] if score]

    def _mended(self, told: str) -> str:
        """What was misheard put right: a pair not known here becomes a known one of the same sound, if they share a character."""
        said = list(told)
        for i, pair in enumerate(pairs(told)):
            if pair not in self._postings and (heard := sound(pair)):
                said[i : i + 2] = next((like for like in self._sounds.get(heard, ()) if set(like) & set(pair)), pair)
        return "".join(said)

    def _weight(self, token: str) -> float:
        kind = self._asking if token[0] == "?" else WORD if token.isascii() else PAIR if len(token) == 2 else 1.0
        return kind * log(1 + self._total / (1 + len(self._postings.get(token, ()))))

    def _weigh(self, told: frozenset[str]) -> float:
        return sum(map(self._weight, told))


def tokens(text: str) -> frozenset[str]:
    """Characters and neighbouring pairs of Chinese, whole words of Latin script, words of asking marked by ?."""
    return _cut(alike(text))


def _cut(told: str) -> frozenset[str]:
    told = FILLER.sub(" ", told) if FILLER.sub("", told).strip() else told
    found: set[str] = set()
    for run in RUN.findall(told):
        if run.isascii():
            found.add(run.removesuffix("s"))
        else:
            found.update(run, pairs(run))
    return frozenset(found - {""})
