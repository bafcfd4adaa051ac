"""A report's card: one message that keeps what has happened to it, the newest first.

News that only tell of progress are written into the card, which makes no sound. News that ask somebody to do
something come as a new card, and the old one is left as a single line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.channels.cutting import whole
from bot.channels.telegram.call import Call
from bot.channels.telegram.keyboards import inline
from bot.channels.telegram.render import Look, text_call
from bot.channels.telegram.wording import escaped, fitted
from bot.conversation.message import Choice, Reply
from models.card import Card

STEP = re.compile(r"/([a-z_.]+) ticket=([0-9]{1,19})")
LOOKING = "repair.show"  # the only step that asks nothing of anybody


@dataclass(frozen=True, slots=True)
class News:
    """What to ask of Telegram for one piece of news; `text` is what the card says once `call` has succeeded."""

    call: Call  # returns the message that is the card from now on
    text: str
    anew: Call | None = None  # says the same in a new message, for when the old one can be edited no more
    old: Call | None = None  # leaves the card there was as one line; no harm if it fails


def tell(reply: Reply, about: str, at: datetime, look: Look, card: Card | None) -> News | None:
    """News of a report, told at a time (UTC), on its card; None for what has no card and is sent like any reply."""
    steps = [found for c in reply.choices if (found := STEP.fullmatch(c.value))]
    if not about.startswith("ticket:") or not steps or not look.private:
        return None
    header = look.texts("telegram.card", number=steps[0][2])
    text = _merged(header, look.texts("telegram.card_line", at=at, text=whole(reply.text).strip()), card)
    silent = all(step[1] == LOOKING for step in steps)
    anew = _shown(text, reply.choices, look, None)
    if card is None:
        return News(anew, text)
    if silent:
        return News(_shown(text, reply.choices, look, card.message), text, anew=anew)
    moved_on = look.texts("telegram.card_moved_on", number=steps[0][2])
    return News(anew, text, old=text_call(escaped(moved_on), message=card.message))


def _merged(header: str, line: str, card: Card | None) -> str:
    """The header, the news, and below them what the card said so far."""
    earlier = card.text.partition("\n")[2].strip() if card else ""
    return fitted("\n".join(filter(None, (header, line, earlier))))


def _shown(text: str, choices: Sequence[Choice], look: Look, message: int | None) -> Call:
    """The header stands out: it is ours, no words of a resident's are ever in it."""
    header, _, rest = text.partition("\n")
    return text_call(
        f"<b>{escaped(header)}</b>\n{escaped(rest)}", inline(choices, look.texts, look.community.id), message
    )
