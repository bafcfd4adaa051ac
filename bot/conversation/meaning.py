"""What a message means before any handler sees it: a tap, a command, or a wish for some service."""

import re
from dataclasses import dataclass, field
from functools import cache

from bot.conversation.message import Message
from bot.conversation.service import SERVICES
from bot.conversation.texts import words
from bot.understanding.words import Vocabulary, exact, meaning, plain
from models.dialogue import State


@dataclass(frozen=True)
class Tap:
    """A tapped, numbered or spelt-out choice resolved against what was offered."""

    text: str = ""
    value: str = ""
    opens: str = ""  # a service
    given: dict[str, str] = field(default_factory=dict)
    stale: bool = False  # it belongs to an older menu


@dataclass(frozen=True)
class Meant:
    """The service a sentence asks for; `exact` when the words are nothing but its name."""

    service: str | None
    given: dict[str, str] = field(default_factory=dict)
    exact: bool = False
    telling: bool = False  # they open it by what they are, a code or a question, not by its name


def tapped(message: Message, state: State) -> Tap:
    """Resolve a choice by tap, by number or by its words; a message that is none of these stays as it is."""
    token, word = message.choice, plain(message.text)
    if not token and word.startswith("/"):
        token = message.text.strip()
    if not token:
        chosen = _spelt(word, state)
        if chosen is None:
            return Tap(text=message.text)
        token = chosen
    elif not token.startswith("/"):
        chosen = _token(token, state)
        if chosen is None:
            return Tap(stale=True)
        token = chosen
    return _standing(token) if token.startswith("/") else Tap(value=token)


def _token(token: str, state: State) -> str | None:
    match = re.fullmatch(r"(\d{1,12})\.(\d{1,2})", token)
    if match is None or int(match[1]) != state.turn or int(match[2]) >= len(state.offered):
        return None
    return str(state.offered[int(match[2])][0])


def _spelt(word: str, state: State) -> str | None:
    if word.isascii() and word.isdigit() and 0 < int(word[:3]) <= len(state.offered) and len(word) < 3:
        return str(state.offered[int(word) - 1][0])
    return next((str(value) for value, label in state.offered if plain(label) == word), None)


def _standing(command: str) -> Tap:
    """`/repair.rate ticket=12 stars=5`: opens a service with answers already given."""
    name, *facts = command[1:].split(" ")
    known = name if name in SERVICES else exact(name, words("service"))
    if known is None or SERVICES[known].first:  # what speaks first is called by what is said, never by a button
        return Tap(text=command, stale=" " in command or "." in name)
    return Tap(opens=known, given=dict(f.split("=", 1) for f in facts if "=" in f))


def control(message: Message) -> str | None:
    """cancel, back, change, resume, drop: by a "!…" choice or by their words."""
    if message.choice.startswith("!"):
        return message.choice[1:]
    told = exact(message.text, words("command")) if message.text else None
    return told if told in ("cancel", "back", "change") else None


def meant(text: str) -> Meant:
    """The service these words open."""
    if not text:
        return Meant(None)
    if whole := exact(text, words("service")):
        return Meant(whole, exact=True)
    for service in SERVICES.values():
        if service.hears and not service.first and service.hears(text):
            return Meant(service.name, exact=True, telling=True)
    return Meant(meaning(text, _wishes()) or meaning(text, words("service")))


@cache
def _wishes() -> Vocabulary:
    """The words of services, without those that count only when nothing else is meant."""
    return Vocabulary({name: several for name, several in words("service").items() if not SERVICES[name].last})
