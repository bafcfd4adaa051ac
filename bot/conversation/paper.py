"""The questions of a voting paper, stricter than ordinary ones: nothing may be voted by a misreading."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from bot.conversation.message import Message
from bot.conversation.question import Pick, Question, Unclear, When, Words
from bot.conversation.texts import words
from bot.understanding.words import exact, plain
from models.poll import MOST_OPTIONS

LONGEST_OPTION = 60  # characters: it has to fit on a button


@dataclass(frozen=True)
class Mark(Pick):
    """One option, by its button, its number or its exact words; "not A" contains A, so no part of a sentence counts."""

    def find(self, said: Message) -> str | None:
        return None

    def read(self, said: Message) -> str:
        if said.choice and said.choice in [c.value for c in self.choices]:
            return said.choice
        if (told := exact(said.text, self.words)) is None:
            raise Unclear("meetings.only_these")
        return told


@dataclass(frozen=True)
class Options(Question[list[str]]):
    """What there is to choose from: one a line, or in one line between 、 or /."""

    kind: ClassVar[Any] = list[str]

    def find(self, said: Message) -> list[str] | None:
        return None

    def read(self, said: Message) -> list[str]:
        lines = said.text.split("\n") if "\n" in said.text else re.split(r"[、/／]", said.text)
        parts = (re.sub(r"^\s*[(（]?\d{1,2}[)）.．、]\s*", "", line).strip() for line in lines)
        told = {plain(part): part for part in parts if plain(part)}
        if not 2 <= len(told) <= MOST_OPTIONS:
            raise Unclear("meetings.few_options", most=MOST_OPTIONS)
        if any(len(part) > LONGEST_OPTION for part in told.values()):
            raise Unclear("meetings.long_option", most=LONGEST_OPTION)
        if any(word.isdigit() for word in told):
            raise Unclear("meetings.bare_number")
        return list(told.values())


@dataclass(frozen=True)
class Deadline(When):
    """A moment to come, told when asked for: a time in a title is what is voted on, not when the vote ends."""

    def find(self, said: Message) -> datetime | None:
        return None


@dataclass(frozen=True)
class Title(Words):
    """A short line; a sentence that begins with "I propose" holds it already."""

    def find(self, said: Message) -> str | None:
        told = said.text.casefold()
        leads = sorted((w for w in words("meetings.title")["lead"] if told.startswith(w)), key=len)
        rest = said.text[len(leads[-1]) :].strip(" \n：:，,。.") if leads else ""
        return rest if max(self.least, 4) <= len(rest) <= self.most else None
