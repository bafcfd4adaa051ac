"""What the words of a sentence are about: a lexicon of things, faults, services, dangers, questions."""

import tomllib
from functools import cache
from pathlib import Path

from bot.understanding.words import Vocabulary

LEXICON = Path(__file__).parent / "lexicon.toml"


@cache
def lexicon() -> Vocabulary:
    """The words of each concept, "group.name"."""
    groups = tomllib.loads(LEXICON.read_text("utf-8"))
    return Vocabulary(
        {f"{group}.{name}": tuple(said) for group, names in groups.items() for name, said in names.items()}
    )


def concepts(told: str) -> dict[str, list[str]]:
    """The concepts in a plain text, each with the words that betray it."""
    found: dict[str, list[str]] = {}
    for word, concept in lexicon().found(told):
        found.setdefault(concept, []).append(word)
    return found
