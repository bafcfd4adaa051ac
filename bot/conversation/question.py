"""The kinds of question a handler can ask, and how each understands an answer."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import TypeAdapter

from bot.conversation.message import Choice, Message, Want
from bot.conversation.texts import words
from bot.understanding.place import numeral
from bot.understanding.when import when_in
from bot.understanding.words import exact, meaning, plain

T = TypeVar("T")
SKIP = "skip"
AHEAD = timedelta(days=366)  # dates are told without their year
HAN = r"(?<![零一二两三四五六七八九十百])[零一二两三四五六七八九十百]{1,6}"
TELEPHONE = re.compile(r"(?:(?<!\d)|(?<=\+86)|(?<=\b86))(1[3-9]\d{9}|0\d{2,3}-?\d{7,8})(?!\d)")
BARE = re.compile(
    rf"\d{{1,6}}(?!\s*[\d幢栋楼点月日号:：])|{HAN}(?![零一二两三四五六七八九十百幢栋楼点月日号])"
)  # of no house, no time
BRIEF = 16  # characters; in a longer message a number without its unit may be anything
CLAUSE = re.compile(r"[,，.。!！;；、\n]")
MANNERS = re.compile(r"[呀啊吧了呢哦嘛啦哈的]+$| (?:please|thanks|thank you)$")
AGAIN = re.compile(r"^(.{1,2}?)\1+$")  # 好好好


class Unsaid(Exception):
    """Nothing said so far answers the question."""


class Unclear(Exception):
    """The message does not answer the question; `key` and `facts` say more than "I did not understand"."""

    def __init__(self, key: str = "talk.unclear", **facts: object) -> None:
        self.key, self.facts = key, facts


@cache
def storage(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@dataclass(frozen=True)
class Question(ABC, Generic[T]):
    """`read` takes a direct answer; `find` only what, said unasked, can mean nothing else."""

    choices: tuple[Choice, ...] = ()
    want: ClassVar[Want | None] = None
    kind: ClassVar[Any] = str  # what pydantic stores and restores

    @abstractmethod
    def find(self, said: Message) -> T | None: ...

    def read(self, said: Message) -> T:
        if (answer := self.find(said)) is None:
            raise Unclear
        return answer


@dataclass(frozen=True)
class Pick(Question[str]):
    """One of a few; `words` are what betrays a value, `also` are values that may be taken without being shown.

    What is never `volunteered` is taken only where it is said plainly: "我要想一想" has a word for yes and is none.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    volunteered: bool = True

    def find(self, said: Message) -> str | None:
        return meaning(said.text, self.words) if self.volunteered and said.text else None

    def read(self, said: Message) -> str:
        if said.choice in [*(c.value for c in self.choices), *self.also] and said.choice:
            return said.choice
        if told := exact(said.text, self.words) or self._told(said.text):
            return told
        part = plain(said.text)
        named = [value for value, several in self.words.items() if len(part) > 1 and any(part in w for w in several)]
        if len(named) == 1:
            return named[0]
        raise Unclear

    def _told(self, text: str) -> str | None:
        if self.volunteered:
            return meaning(text, self.words)
        first = CLAUSE.split(plain(text))[0].strip()
        return exact(AGAIN.sub(r"\1", MANNERS.sub("", first)), self.words) or exact(first, self.words)


@dataclass(frozen=True)
class Confirmation(Pick):
    """A draft to be accepted: a plain "no" is understood, and leads to what may be changed."""

    def read(self, said: Message) -> str:
        if (answer := super().read(said)) == "no":
            raise Unclear("talk.not_yet")
        return answer


@dataclass(frozen=True)
class Words(Question[str]):
    """Free words."""

    least: int = 2
    most: int = 1000
    enough: int = 8  # a sentence this long, said unasked, is already an answer; 0 means never

    def find(self, said: Message) -> str | None:
        return said.text if self.enough and self.enough <= len(said.text) <= self.most else None

    def read(self, said: Message) -> str:
        if said.choice and said.choice in [c.value for c in self.choices]:
            return said.choice
        if len(said.text) > self.most:
            raise Unclear("talk.too_long", most=self.most)
        if len(said.text) < self.least:
            raise Unclear("talk.too_short" if said.text else "talk.unclear")
        return said.text


@dataclass(frozen=True)
class Photo(Question[str]):
    """A photo, or SKIP: also for some way of saying that there is none, or for going on to the telephone."""

    want: ClassVar[Want | None] = "photo"

    def find(self, said: Message) -> str | None:
        return said.media[0] if said.media else None

    def read(self, said: Message) -> str:
        if said.media:
            return said.media[0]
        none = exact(said.text, words("yes_no")) == "no" or meaning(said.text, words("no_photo"))
        if said.choice == SKIP or none or TELEPHONE.search(said.text):
            return SKIP
        raise Unclear


@dataclass(frozen=True)
class Phone(Question[str]):
    """A mainland mobile or landline number; where SKIP is offered, also some way of keeping it to oneself."""

    want: ClassVar[Want | None] = "phone"

    def find(self, said: Message) -> str | None:
        number = TELEPHONE.search(re.sub(r"(?<=\d)[ -](?=\d)", "", said.text))
        return number.group() if number else None

    def read(self, said: Message) -> str:
        offered = [c.value for c in self.choices]
        if said.choice and said.choice in offered:
            return said.choice
        if number := self.find(said):
            return number
        if SKIP in offered and meaning(said.text, words("no_phone")):
            return SKIP
        raise Unclear("talk.no_phone")


@dataclass(frozen=True)
class Number(Question[int]):
    """A whole number between two bounds, both included; in digits or Chinese numerals."""

    kind: ClassVar[Any] = int
    least: int = 1
    most: int = 99
    units: tuple[str, ...] = ("人", "个人", "位", "people", "persons", "of us")

    def find(self, said: Message) -> int | None:
        units = "|".join(self.units)
        match = re.search(rf"(?<!\d)(\d{{1,4}}|{HAN})\s*(?:{units})", said.text)
        return self._within(match[1]) if match else None

    def read(self, said: Message) -> int:
        told = said.choice or said.text
        match = BARE.search(told) if len(told) <= BRIEF else None
        number = self._within(match.group()) if match else self.find(said)
        if number is None:
            raise Unclear("talk.no_number", least=self.least, most=self.most)
        return number

    def _within(self, text: str) -> int | None:
        digits = numeral(text)
        number = int(digits) if digits.isdigit() else None
        return number if number is not None and self.least <= number <= self.most else None


@dataclass(frozen=True)
class When(Question[datetime]):
    """A moment (UTC) after `now`, named in Asia/Shanghai civil time."""

    kind: ClassVar[Any] = datetime
    now: datetime = field(kw_only=True)

    def find(self, said: Message) -> datetime | None:
        moment = when_in(said.text, self.now)
        return moment if moment is not None and self.now < moment <= self.now + AHEAD else None

    def read(self, said: Message) -> datetime:
        moment = when_in(said.text, self.now)
        if moment is None:
            raise Unclear("talk.no_time")
        if moment <= self.now:
            raise Unclear("talk.past_time", at=moment)
        if moment > self.now + AHEAD:
            raise Unclear("talk.far_time")
        return moment
