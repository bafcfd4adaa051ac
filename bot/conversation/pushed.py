"""A push as its receiver hears it: worded when it is told, in their language."""

from typing import Any

from bot.content.snapshot import Communities
from bot.conversation.message import Choice, Reply


def word(row: Any, communities: Communities) -> Reply:
    """Of a row of pushes with its receiver's `language`; raises whatever a text that does not fit raises."""
    texts = communities.by_id(row.community_id).texts(row.language)
    choices = tuple(Choice(value, texts(key)) for value, key in row.choices)
    return Reply(texts(row.text_key, **row.facts), choices)
