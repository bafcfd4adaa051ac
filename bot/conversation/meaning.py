"""What a message means before any handler sees it: a tap, a command, or a wish for some service."""

import re
from dataclasses import dataclass, field
from string import digits

from bot.content.snapshot import Community
from bot.conversation.message import Message, sense_of
from bot.conversation.service import SERVICES
from bot.conversation.texts import words
from bot.conversation.wishes import opened, opened_by, opened_by_words
from bot.understanding.sense import CHAT, EMERGENCY, QUESTIONS, SURE, Guess, Sense, understand
from bot.understanding.words import exact, plain
from models.dialogue import State

DANGER = "danger"
FALLBACK = "unsure"  # what nothing surely claims is asked about
PICTURED, PINNED, SILENT = "repair", "places.near", "ask"  # what a bare photo, a bare pin and nothing at all are for
SENTENCE = 4  # characters of the shortest text that may tell of something
NAMED = 0.15  # how probable a danger must be beside a word of it: two false alarms cost less than one missed
CERTAIN = 0.95  # from here on something is to be done, even where a known question is nearly the same


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
    telling: bool = False  # they open it by what they are, a code, not by its name
    confidence: float = 1.0
    told: str = ""  # the part of the text that asks for it, where others ask for more
    later: tuple[tuple[str, str], ...] = ()  # further services, each with the part of the text that asks for it


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
    return next((str(value) for value, label in state.offered if plain(label) == word), None) or _pushed(word, state)


def _pushed(word: str, state: State) -> str | None:
    """The choice of a push by its words; without their number where they can mean nothing else."""
    said = word.replace(" ", "")
    spelt = [(str(value), plain(several).replace(" ", "")) for value, several in state.pushed]
    if whole := [value for value, several in spelt if several == said]:
        return whole[-1]
    part = {value for value, several in spelt if several.rstrip(digits) == said}
    return part.pop() if len(part) == 1 and exact(word, words("service")) is None else None


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


def named(text: str) -> Meant | None:
    """The service these words open by being its name or looking like what it takes; no sentence is understood."""
    if whole := exact(text, words("service")):
        return Meant(whole, exact=True)
    looks = (s.name for s in SERVICES.values() if s.hears and not s.first and s.hears(text))
    return next((Meant(name, exact=True, telling=True) for name in looks), None)


def meant(text: str, community: Community | None = None, sense: Sense | None = None) -> Meant:
    """The service these words open; `sense` is theirs where somebody else was asked.

    By their name; by what a community itself says of it, so that what is new there needs no training; else by what is
    surely understood of them. Danger comes before all but a name.
    """
    if not text:
        return Meant(None)
    if name := named(text):
        return name
    sense = sense or understand(text)
    return (_known(text, sense, community) if community and not alarming(sense) else None) or _understood(text, sense)


def in_doubt(said: Message, state: State, community: Community) -> bool:
    """Whether we should have to ask back: nothing is open that the words may answer, and they open nothing themselves."""
    if control(said) or (state.service and not SERVICES[state.service].fleeting):
        return False
    return tapped(said, state) == Tap(text=said.text) and meant(said.text, community).service is None


def unsaid(message: Message) -> str:
    """The service for what nothing surely claims: a photo shows something broken, a pin asks what is near it."""
    if message.text:
        return FALLBACK
    return PICTURED if message.media else PINNED if message.place else SILENT


def alarming(sense: Sense) -> bool:
    """Whether somebody must be told of a danger at once: words and the model are two opinions."""
    guesses = (Guess(sense.intent, sense.confidence), *sense.alternatives)
    likely = next((g.confidence for g in guesses if g.intent == EMERGENCY), 0.0)
    return sense.alarm or (bool(sense.danger) and likely >= NAMED)


def overheard(said: Message, state: State) -> bool:
    """Whether an answer in one's own words, just taken, tells of a danger that no word betrays."""
    own_words = len(said.text) >= SENTENCE and not said.text.isdigit() and not said.choice
    taken = state.service is None or said.text in state.answers.values()
    return own_words and taken and alarming(sense_of(said))


def _known(text: str, sense: Sense, community: Community) -> Meant | None:
    deed = sense.confidence >= CERTAIN and sense.intent not in (*QUESTIONS, *CHAT)
    if deed and plain(text) not in community.names:
        return None
    names = (s.name for s in SERVICES.values() if s.knows and s.knows(community, text))
    return next((Meant(name, exact=True, telling=True) for name in names), None)


def _understood(text: str, sense: Sense) -> Meant:
    if alarming(sense) or EMERGENCY in dict(sense.parts):
        return Meant(DANGER)
    if sense.parts:
        (first, told), *others = ((opened_by(intent, part), part) for intent, part in sense.parts)
        return Meant(first, confidence=sense.confidence, told=told, later=tuple(others))
    if sense.confidence < SURE or sense.intent == EMERGENCY:
        return Meant(opened_by_words(text), confidence=SURE)
    service, given = opened(sense, text)
    return Meant(service, given, confidence=sense.confidence)
