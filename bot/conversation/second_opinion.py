"""A second opinion before a turn: where we should have to ask back, a language model is asked what was meant.

Nobody's words overtake one another meanwhile, and danger waits for no opinion.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass, field, replace
from weakref import WeakValueDictionary

from bot.conversation.desk import Desk
from bot.conversation.dispatch import LONGEST
from bot.conversation.meaning import alarming, in_doubt
from bot.conversation.message import Address, Message
from bot.understanding.interpreter import Interpreter
from bot.understanding.sense import understand
from bot.understanding.words import clean
from models.dialogue import state_at
from models.store import reading


@dataclass(eq=False)
class Line:
    """What one person said and is not yet in the queue of turns."""

    order: asyncio.Lock = field(default_factory=asyncio.Lock)
    pressing: bool = False  # somebody in danger waits in it
    asking: asyncio.Timeout | None = None

    def press(self) -> None:
        self.pressing = True
        if self.asking:
            self.asking.reschedule(0)


class SecondOpinion:
    def __init__(self, desk: Desk, interpreter: Interpreter) -> None:
        self._desk, self._interpreter = desk, interpreter
        self.lines: WeakValueDictionary[Address, Line] = WeakValueDictionary()  # a line is gone with its last message

    @asynccontextmanager
    async def heard(self, community_id: int, message: Message) -> AsyncIterator[Message]:
        """The message, with its sense if that was asked for; until the block ends, the sender's next one waits."""
        message = replace(message, text=clean(message.text))
        line = self.lines.setdefault(message.sender, Line())
        readable = 0 < len(message.text) <= LONGEST
        if readable and _tells_of_danger(message.text):
            line.press()
        async with line.order:
            yield await self._read(community_id, message, line) if readable and not line.pressing else message

    async def _read(self, community_id: int, message: Message, line: Line) -> Message:
        with suppress(TimeoutError):  # it was pressed: what we understand ourselves must do
            async with asyncio.timeout(None) as line.asking:
                try:
                    if await asyncio.to_thread(self._in_doubt, community_id, message):
                        local = understand(message.text)
                        return replace(message, sense=await self._interpreter.interpret(message.text, local))
                finally:
                    line.asking = None
        return message

    def _in_doubt(self, community_id: int, message: Message) -> bool:
        with reading(self._desk.engine, community_id) as db:
            state = state_at(db, *astuple(message.sender))
        return in_doubt(message, state, self._desk.communities.by_id(community_id))


def _tells_of_danger(text: str) -> bool:
    """By a word or by the model, now or not."""
    sense = understand(text)
    return alarming(sense) or bool(sense.danger)
