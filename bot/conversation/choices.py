"""The buttons of a fixed choice, and the words that betray each."""

from functools import lru_cache

from bot.conversation.message import Choice
from bot.conversation.texts import Texts, words
from bot.understanding.words import Vocabulary, plain


@lru_cache(maxsize=1024)
def options(texts: Texts, key: str, values: tuple[str, ...]) -> tuple[tuple[Choice, ...], Vocabulary]:
    """The buttons of a fixed choice and the words that betray each, made once: every run of a handler asks for them."""
    choices = tuple(Choice(v, texts(f"{key}_{v}")) for v in values)
    labels = {c.value: (plain(c.label),) if len(c.label) > 1 else () for c in choices}  # 电 is in 电话 too
    return choices, Vocabulary({v: (*words(key).get(v, ()), *label) for v, label in labels.items()})
