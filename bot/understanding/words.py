"""Which of several meanings a sentence has, by the words that betray it."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

INVISIBLE = {"Cc", "Cf", "Co", "Cs"}
BLANK = set("\u034f\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing


def clean(text: str) -> str:
    """Without control and direction characters, in composed form, trimmed; line breaks stay."""
    told = unicodedata.normalize("NFC", text)
    if told.isprintable() and BLANK.isdisjoint(told):  # nearly always
        return told.strip()
    kept = (c for c in told if c == "\n" or unicodedata.category(c) not in INVISIBLE)
    return "".join(c for c in kept if c not in BLANK).strip()


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """For comparing: half-width, lower case, without punctuation at the ends or runs of blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return re.sub(r"\s+", " ", folded).strip(" \n.,!?;:。，！？；：、~…\"'“”")


class Vocabulary(Mapping[str, tuple[str, ...]]):
    """Words by what they mean, looked up by their first letter: every message is held against hundreds of them.

    A Latin word counts only as a whole one. "电梯…困" is two words in this order with little between them.
    """

    def __init__(self, words: Mapping[str, tuple[str, ...]]) -> None:
        self._words = dict(words)
        self._meanings = {word: m for m, several in list(words.items())[::-1] for word in several}
        self._starts: dict[str, list[tuple[str, str, re.Pattern[str] | None]]] = {}
        for m, several in words.items():
            for word in filter(None, several):
                self._starts.setdefault(word[0], []).append((word, m, _pattern(word)))

    def __getitem__(self, meaning: str) -> tuple[str, ...]:
        return self._words[meaning]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def found(self, told: str) -> Iterator[tuple[str, str]]:
        """The words in a plain text, with what each means."""
        for at, letter in enumerate(told):
            for word, meant, pattern in self._starts.get(letter, ()):
                if told.startswith(word, at) if pattern is None else pattern.match(told, at):
                    yield word, meant

    def whole(self, told: str) -> str | None:
        """What a plain text means that is one of the words and nothing else."""
        return self._meanings.get(told)


def _pattern(word: str) -> re.Pattern[str] | None:
    """For a word that is more than its letters in a row."""
    if "…" not in word and not word.isascii():
        return None
    parts = ".{0,12}".join(re.escape(part) for part in word.split("…"))
    return re.compile(rf"(?<![a-z0-9]){parts}(?![a-z0-9])" if word[0].isascii() else parts)


def meaning(text: str, vocabulary: Mapping[str, tuple[str, ...]]) -> str | None:
    """The meaning with the longest word in the text; None if there is none or two are as long."""
    found = list(_prepared(vocabulary).found(plain(text)))
    most = max((len(word) for word, _ in found), default=0)
    winners = {meant for word, meant in found if len(word) == most}
    return winners.pop() if len(winners) == 1 else None


def exact(text: str, vocabulary: Mapping[str, tuple[str, ...]]) -> str | None:
    """The meaning one of whose words is the whole text."""
    return _prepared(vocabulary).whole(plain(text).removeprefix("/"))


def _prepared(words: Mapping[str, tuple[str, ...]]) -> Vocabulary:
    return words if isinstance(words, Vocabulary) else Vocabulary(words)
