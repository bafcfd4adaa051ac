"""A push as its receiver hears it: worded when it is told, in their language."""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any

from sqlmodel import Session

from bot.content.snapshot import Communities
from bot.conversation.message import Address, Choice, Reply
from models.dialogue import keep_pushed, load_dialogues
from models.history import resident_at
from models.resident import hold

WHICH = re.compile(r" (\w+)=(\d+)$")


def word(row: Any, communities: Communities) -> Reply:
    """Of a row of pushes with its receiver's `language`; raises whatever a text that does not fit raises."""
    texts = communities.by_id(row.community_id).texts(row.language)
    choices = tuple(Choice(value, texts(key)) for value, key in row.choices)
    return Reply(texts(row.text_key, **row.facts), choices)


def offer(db: Session, to: Address, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Let a push be answered by words where there are no buttons; returns its choices, labelled with these words.

    A number would be one of the menu above it, or an answer to what is being asked; the words hold beside both.
    """
    resident_id = resident_at(db, to.channel, to.account, to.user)
    if resident_id is None:
        return _spelt(choices, [])
    hold(db, resident_id)
    spelt = _spelt(choices, load_dialogues(db, [resident_id])[resident_id].pushed)
    keep_pushed(db, resident_id, [[c.value, c.label] for c in spelt])
    return spelt


def _spelt(choices: Sequence[Choice], kept: Sequence[Sequence[str]]) -> tuple[Choice, ...]:
    """They say which ticket, event, … is meant: other pushes have the same label.

    A ticket by its own number, anything else by a short one that no other thing among those kept has.
    """
    numbers = {
        which[2]: int(n)
        for value, words in kept
        if (which := WHICH.search(value)) and (n := words.split(" ")[-1]).isdecimal()
    }
    spelt = []
    for choice in choices:
        which = WHICH.search(choice.value)
        if which and which[1] != "ticket":
            numbers.setdefault(which[2], next(n for n in count(1) if n not in numbers.values()))
        number = which and (which[2] if which[1] == "ticket" else numbers[which[2]])
        spelt.append(Choice(choice.value, f"{choice.label} {number}" if which else choice.label))
    return tuple(spelt)
