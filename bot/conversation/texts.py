"""Every sentence the bot says lives in bot/texts/<language>.toml, never in code."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from bot.understanding.words import Vocabulary
from models.quiet import CIVIL as CIVIL  # said here for all who show or read times

HERE = Path(__file__).parent.parent / "texts"
LANGUAGES = ("zh", "en")
WEEKDAYS = {"zh": "一二三四五六日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


@dataclass(frozen=True, eq=False)
class Texts:
    """All sentences of one language, with a community's own wording laid over; there is one for each, told by identity."""

    language: str
    sentences: Mapping[str, str]
    local: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, key: str, **facts: object) -> str:
        sentence = self.local.get(key) or self.sentences[key]
        return sentence.format_map({name: self.show(fact) for name, fact in facts.items()})

    def __contains__(self, key: str) -> bool:
        return key in self.sentences

    def show(self, fact: Any) -> Any:
        """A fact as a person reads it: times in civil time, homes and words in this language, our own texts looked up."""
        if isinstance(fact, datetime):
            return civil(fact, self.language)
        if isinstance(fact, date):
            return civil_day(fact, self.language)
        if isinstance(fact, Mapping):
            if "utc" in fact:
                return civil(datetime.fromisoformat(fact["utc"]), self.language)
            if "key" in fact:
                return self(fact["key"])
            if "building" in fact:
                return self._home(fact)
            return fact.get(self.language) or next(iter(fact.values()), "")
        return fact

    def _home(self, home: Mapping[str, str]) -> str:
        """3幢2单元502室; Building 3, Unit 2, Room 502."""
        parts = [self(f"home.part_{name}", number=n) for name in ("building", "unit", "room") if (n := home[name])]
        return ("" if self.language == "zh" else ", ").join(parts)


def civil(at: datetime, language: str) -> str:
    """11月28日（周六）14:00, Sat 28 Nov 14:00."""
    here = at.astimezone(CIVIL)
    space = "" if language == "zh" else " "
    return f"{civil_day(here, language)}{space}{here:%H:%M}"


def civil_day(day: date, language: str) -> str:
    """11月28日（周六）, Sat 28 Nov."""
    weekday = WEEKDAYS[language][day.weekday()]
    return f"{day.month}月{day.day}日（周{weekday}）" if language == "zh" else f"{weekday} {day.day} {day:%b}"


def flatten(tables: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {f"{group}.{name}": text for group, entries in tables.items() for name, text in entries.items()}


@cache
def _file(language: str) -> dict[str, Any]:
    return tomllib.loads((HERE / f"{language}.toml").read_text("utf-8"))


@cache
def texts(language: str) -> Texts:
    return Texts(language, flatten({k: v for k, v in _file(language).items() if k != "words"}))


@cache
def words(group: str) -> Vocabulary:
    """The words of a group, by what they mean, in all languages: people mix them."""
    found: dict[str, tuple[str, ...]] = {}
    for language in LANGUAGES:
        for meaning, said in _file(language)["words"].get(group, {}).items():
            found[meaning] = (*found.get(meaning, ()), *said)
    return Vocabulary(found)
