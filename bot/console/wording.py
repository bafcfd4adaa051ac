"""The console's sentences, beside those the bot says, of which it shows many too."""

import tomllib
from functools import cache
from pathlib import Path

from bot.conversation.texts import Texts, flatten, texts

HERE = Path(__file__).parent / "texts"


@cache
def own_sentences(language: str) -> dict[str, str]:
    return flatten(tomllib.loads((HERE / f"{language}.toml").read_text("utf-8")))


@cache
def wording(language: str) -> Texts:
    return Texts(language, {**texts(language).sentences, **own_sentences(language)})
