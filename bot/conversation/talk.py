"""The conversation as a handler sees it.

A handler is an ordinary function that asks and then acts. It is run again from the top for every
message: questions already answered return at once, the first unanswered one stops the run. So a
dialogue's whole state is its answers, by name, in the shared store; and since a run that stops
must have written nothing, a handler that is still asking has changed nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlmodel import Session

from bot.content.snapshot import Community
from bot.conversation.choices import options
from bot.conversation.message import Choice, Message, Place, Reply
from bot.conversation.question import (
    SKIP,
    Confirmation,
    Number,
    Phone,
    Photo,
    Pick,
    Question,
    Unclear,
    Unsaid,
    When,
    Words,
    storage,
)
from bot.conversation.texts import Texts, words
from bot.conversation.whereabouts import Address, AddressOrCode, Room, Where
from bot.understanding.place import Home
from bot.understanding.words import plain
from models.resident import Resident

T = TypeVar("T")
PAGE = 8  # as many buttons as a phone shows at once


class Waiting(BaseException):
    """Stops a handler at a question. Not an error, so not an Exception."""

    def __init__(self, slot: str, reply: Reply, unclear: bool = False) -> None:
        self.slot, self.reply, self.unclear = slot, reply, unclear


@dataclass
class Talk:
    section: str  # of the texts
    resident: Resident
    db: Session
    texts: Texts
    community: Community
    now: datetime
    said: list[Message] = field(default_factory=list)  # all of this dialogue, newest last
    answers: dict[str, Any] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)  # answers that came with the button that opened this
    asked: str | None = None  # the slot the newest message answers, until it is heard
    fresh: bool = True  # whether there is a newest message to hear
    onward: tuple[str, Message, dict[str, str]] | None = None  # the service to go on with

    def say(self, key: str, choices: Sequence[tuple[str, str]] = (), **facts: Any) -> Reply:
        """A sentence of this section; `choices` are pairs of a value and a text key, "/…" values open services."""
        return Reply(self.text(key, **facts), tuple(Choice(v, self.text(k)) for v, k in choices))

    def text(self, key: str, **facts: Any) -> str:
        return self.texts(key if "." in key else f"{self.section}.{key}", **facts)

    def heard(self) -> str:
        """The words that opened this talk."""
        return next((m.text for m in self.said if m.text), "")

    def go_on(self, service: str, message: Message, given: Mapping[str, str] | None = None) -> Reply:
        """End this talk and let a service hear a message; "" for whichever the message opens."""
        self.onward = service, message, dict(given or {})
        return Reply("")

    def once(self, slot: str, look: Callable[[], bool]) -> bool:
        """A look into the store that later runs of this talk need not repeat."""
        if slot not in self.answers:
            self.answers[slot] = look()
        return bool(self.answers[slot])

    def choose(self, slot: str, values: Sequence[str], *, volunteered: bool = True, **facts: Any) -> str:
        """One of a few fixed values; labels are texts `<slot>_<value>`, words of [words."<section>.<slot>"]."""
        choices, told = options(self.texts, f"{self.section}.{slot}", tuple(values))
        return self.ask(slot, Pick(choices, told, volunteered=volunteered), **facts)

    def row(self, slot: str, rows: Sequence[tuple[str, str]], **facts: Any) -> str:
        """One of many (value, label) pairs, eight to a page; a label may be typed from any page."""
        pages = max(1, -(-len(rows) // PAGE))
        page = int(self.answers.get(f"{slot}.page", 0)) % pages
        shown = tuple(Choice(v, label) for v, label in rows[page * PAGE : (page + 1) * PAGE])
        turn = (Choice("more", self.texts("talk.more")),) if pages > 1 else ()
        labels = {v: (plain(label),) for v, label in rows} | ({"more": words("command")["more"]} if turn else {})
        answer = self.ask(slot, Pick((*shown, *turn), labels, tuple(v for v, _ in rows)), **facts)
        if answer != "more":
            return answer
        self.answers.pop(slot)
        self.answers[f"{slot}.page"] = (page + 1) % pages
        self.said[-1] = replace(self.said[-1], text="")  # "more" is heard once
        return self.row(slot, rows, **facts)

    def assume(self, answers: Mapping[str, str]) -> None:
        """Take answers for given at the very beginning, so that they are not asked for; they may still be changed."""
        if not self.answers:
            self.answers.update(answers)

    def which(self, given: str, rows: Callable[[], Sequence[tuple[str, str]]], slot: str = "which") -> int | None:
        """The number of a row: `given` by the button that opened this, the only one there is, or the one chosen.

        None when there is none; 0, which is nobody's number, for a button that makes no sense.
        """
        named = self.given.get(given) or self.answers.get(slot)
        if named is None:
            found = rows()
            if not found:
                return None
            named = found[0][0] if len(found) == 1 else self.row(slot, found)
        self.answers[slot] = named  # the same one on later runs, when there may be others
        return int(named) if re.fullmatch(r"[0-9]{1,19}", named) and int(named) < 2**63 else 0

    def yes(self, slot: str, **facts: Any) -> bool:
        labels = Choice("yes", self.texts("talk.yes")), Choice("no", self.texts("talk.no"))
        return self.ask(slot, Pick(labels, words("yes_no"), volunteered=False), **facts) == "yes"

    def words(self, slot: str, *, least: int = 2, most: int = 1000, enough: int = 8, **facts: Any) -> str:
        return self.ask(slot, Words(least=least, most=most, enough=enough), **facts)

    def optional(self, slot: str, *, most: int = 500, **facts: Any) -> str:
        """Free words that may be skipped; skipped is empty."""
        skip = (Choice(SKIP, self.texts("talk.skip")),)
        answer = self.ask(slot, Words(skip, least=1, most=most, enough=0), **facts)
        return "" if answer == SKIP or answer == self.texts("talk.skip") else answer

    def place(self, slot: str, known: str = "", **facts: Any) -> Place:
        """A spot; `known` is offered to be taken with one tap."""
        return self.ask(slot, Where((Choice(known, known),) if known else ()), **facts)

    def address(self, slot: str) -> Home:
        """A building, perhaps with unit and room."""
        return self.ask(slot, Address())

    def address_or_code(self, slot: str, is_code: Callable[[str], bool]) -> Home | str:
        """A building, perhaps with unit and room; or a code."""
        return self.ask(slot, AddressOrCode(is_code=is_code))

    def room(self, slot: str, **facts: Any) -> Home:
        """A room, perhaps with its unit; the building is known."""
        return self.ask(slot, Room(), **facts)

    def photos(self, slot: str, most: int = 3) -> list[str]:
        """Up to `most` photo references; none when skipped."""
        skip, taken = (Choice(SKIP, self.texts("talk.skip")),), list[str]()
        while len(taken) < most:
            photo = self.ask(f"{slot}.{len(taken)}", Photo(skip), key=f"{slot}_more" if taken else slot)
            if photo == SKIP:
                break
            taken.append(photo)
        return taken

    def phone(self, slot: str, known: str | None = None, *, optional: bool = False) -> str:
        """A telephone number; `known` is offered to be taken with one tap, empty is for who would rather not say."""
        choices = [Choice(known, known)] if known else []
        choices += [Choice(SKIP, self.texts("talk.skip"))] if optional else []
        number = self.ask(slot, Phone(tuple(choices)))
        return "" if number == SKIP else number

    def date(self, slot: str, **facts: Any) -> datetime:
        """A moment to come, UTC."""
        return self.ask(slot, When(now=self.now), **facts)

    def number(self, slot: str, least: int = 1, most: int = 99, **facts: Any) -> int:
        return self.ask(slot, Number(least=least, most=most), least=least, most=most, **facts)

    def confirm(self, slot: str, **facts: Any) -> None:
        """Show the draft and return once it is accepted; any earlier answer with a `<slot>_name` may be changed."""
        named = [s for s in self.answers if s != slot and f"{self.section}.{s.partition('.')[0]}_name" in self.texts]
        changes = [
            Choice(f"!change:{s}", self.text("talk.change", what=self.name_of(s))) for s in _first_of_each(named)
        ]
        choices = (Choice("yes", self.texts("talk.submit")), *changes, Choice("!cancel", self.texts("talk.cancel")))
        self.ask(slot, Confirmation(choices, words("yes_no"), volunteered=False), **facts)

    def name_of(self, slot: str) -> str:
        """What a slot is called when its answer may be changed."""
        return self.text(f"{slot.partition('.')[0]}_name")

    def take_back(self, slot: str) -> None:
        """Forget one answer (all photos of a set) and ask for it afresh, whatever was said earlier."""
        stem = slot.partition(".")[0]
        for other in [s for s in self.answers if s.partition(".")[0] == stem]:
            del self.answers[other]
        self.asked, self.fresh = f"{stem}.0" if "." in slot else stem, False

    def ask(self, slot: str, question: Question[T], key: str = "", **facts: Any) -> T:
        """The answer to a question, or Waiting for it."""
        if slot in self.answers:
            try:
                answer: T = storage(question.kind).validate_python(self.answers[slot])
                return answer
            except ValidationError:  # stored by an older version of the handler: ask again
                del self.answers[slot]
        try:
            answer = self._hear(slot, question)
        except Unsaid:
            raise Waiting(slot, self._prompt(key or slot, question, facts)) from None
        except Unclear as unclear:
            prompt = self._prompt(key or slot, question, facts)
            text = f"{self.texts(unclear.key, **unclear.facts)}\n{prompt.text}"
            raise Waiting(slot, replace(prompt, text=text), unclear=True) from None
        self.answers[slot] = storage(question.kind).dump_python(answer, mode="json")
        return answer

    def _prompt(self, key: str, question: Question[T], facts: dict[str, object]) -> Reply:
        return Reply(self.text(key, **facts), question.choices, question.want)

    def _hear(self, slot: str, question: Question[T]) -> T:
        """What the button gave, a direct answer if this was the question asked, else whatever was said already."""
        if slot in self.given:
            try:
                value = self.given.pop(slot)
                return question.read(Message("", self.said[0].sender, value, value))
            except Unclear:
                raise Unsaid from None
        if self.asked == slot and self.fresh:
            self.asked, self.fresh = None, False
            return self._spend(-1, question.read(self.said[-1]))
        if self.asked is None:
            for n, message in enumerate(self.said):
                if (answer := question.find(message)) is not None:
                    return self._spend(n, answer)
        raise Unsaid

    def _spend(self, n: int, answer: T) -> T:
        """A tap or a photo is heard once."""
        said = self.said[n]
        if said.choice or said.media:
            self.said[n] = replace(said, choice="", media=tuple(m for m in said.media if m != answer))
        return answer


def _first_of_each(slots: list[str]) -> list[str]:
    """photo.0, photo.1 → photo.0: a set is changed as one."""
    return list({s.partition(".")[0]: s for s in reversed(slots)}.values())[::-1]
