"""Questions about where something is and where somebody lives."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bot.conversation.message import Message, Place, Want
from bot.conversation.question import Question, Unclear, Words
from bot.understanding.place import Home, home_in
from bot.understanding.words import plain


@dataclass(frozen=True)
class Where(Question[Place]):
    """A pin, a building, or words."""

    want: ClassVar[Want | None] = "place"
    kind: ClassVar[Any] = Place

    def find(self, said: Message) -> Place | None:
        if said.place is not None:
            return said.place
        home = home_in(said.text)
        return Place(spot_in(said.text)) if home.building else None

    def read(self, said: Message) -> Place:
        if said.place is not None:
            return said.place
        if said.choice and said.choice in [c.value for c in self.choices]:
            return Place(said.choice)
        _take_photo(said)
        return Place(Words(least=1, most=200).read(said))


def spot_in(text: str) -> str:
    """The part of a sentence that names the place."""
    home = home_in(text)
    parts = ((home.building, "幢"), (home.unit, "单元"), (home.room, "室"))
    return "".join(value + unit for value, unit in parts if value)


@dataclass(frozen=True)
class Address(Question[Home]):
    """A building, perhaps with unit and room."""

    kind: ClassVar[Any] = Home

    def find(self, said: Message) -> Home | None:
        home = home_in(said.text)
        return home if home.building else None

    def read(self, said: Message) -> Home:
        if (home := self.find(said)) is None:
            _take_photo(said)
            raise Unclear("talk.no_building")
        return home


@dataclass(frozen=True)
class AddressOrCode(Question[Home | str]):
    """A home in words, or a code that stands for one."""

    kind: ClassVar[Any] = Home | str
    is_code: Callable[[str], bool] = field(kw_only=True)

    def find(self, said: Message) -> Home | str | None:
        return said.text if said.text and self.is_code(said.text) else Address().find(said)

    def read(self, said: Message) -> Home | str:
        return said.text if self.is_code(said.text) else Address().read(said)


@dataclass(frozen=True)
class Room(Question[Home]):
    """A room, perhaps with its unit: 2单元502, 502."""

    kind: ClassVar[Any] = Home

    def find(self, said: Message) -> Home | None:
        home = home_in(said.text)
        return home if home.room else None

    def read(self, said: Message) -> Home:
        if home := self.find(said):
            return home
        if bare := re.fullmatch(r"(?:(\d{1,2})-)?(\d{2,4})", plain(said.text)):
            return Home(unit=bare[1] or "", room=bare[2])
        _take_photo(said)
        raise Unclear("talk.no_building")


def _take_photo(said: Message) -> None:
    """A photo alone tells no place: it is kept for the matter, and the place asked for again."""
    if said.media and not said.text:
        raise Unclear("talk.photo_kept")
