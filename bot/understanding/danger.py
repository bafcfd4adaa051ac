"""Words that mean danger: whoever writes them hears what to do for their safety before anything else."""

from functools import lru_cache

from bot.conversation.texts import words
from bot.understanding.words import exact, plain


@lru_cache(maxsize=1024)
def dangerous(text: str) -> str | None:
    """fire, gas, trapped, medical, electric, collapse, despair, missing or crime, if the text speaks of one as real."""
    told = plain(text)
    if any(words("danger_not").found(told)):
        return None
    if alone := exact(text, words("danger_alone")):
        return alone
    kinds = {kind for _, kind in words("danger").found(told)}
    return next((kind for kind in words("danger") if kind in kinds), None)
