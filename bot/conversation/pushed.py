"""A push as its receiver hears it: worded when it is told, in their language."""

import re
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from bot.content.snapshot import Communities
from bot.conversation.message import Address, Choice, Reply
from models.dialogue import keep_pushed
from models.history import resident_at
from models.resident import hold

WHICH = re.compile(r"=(\d+)$")


def word(row: Any, communities: Communities) -> Reply:
    """Of a row of pushes with its receiver's `language`; raises whatever a text that does not fit raises."""
    texts = communities.by_id(row.community_id).texts(row.language)
    choices = tuple(Choice(value, texts(key)) for value, key in row.choices)
    return Reply(texts(row.text_key, **row.facts), choices)


def offer(db: Session, to: Address, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Let a push be answered by words where there are no buttons; returns its choices, labelled with these words.

    A number would be one of the menu above it, or an answer to what is being asked; the words hold beside both.
    """
    spelt = tuple(Choice(c.value, _words(c)) for c in choices)
    resident_id = resident_at(db, to.channel, to.account, to.user)
    if resident_id is not None:
        hold(db, resident_id)
        keep_pushed(db, resident_id, [[c.value, c.label] for c in spelt])
    return spelt


def _words(choice: Choice) -> str:
    """They say which ticket, event, … is meant: other pushes have the same label."""
    which = WHICH.search(choice.value)
    return f"{choice.label} {which[1]}" if which else choice.label
