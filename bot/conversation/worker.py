"""One thread a process takes whatever turns are waiting, a community at a time, and commits them together."""

import asyncio
import threading
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from bot.conversation.desk import Desk
from bot.conversation.group import Outcome, answer
from bot.conversation.message import Message, Reply
from bot.conversation.second_opinion import SecondOpinion
from bot.understanding.interpreter import Interpreter
from bot.understanding.sense import understand

MOST = 256  # turns of one commit: more only makes the first wait longer


@dataclass(frozen=True)
class Waiting:
    community_id: int
    message: Message
    reply: "asyncio.Future[list[Reply]]"


class Worker:
    """Answers messages in the order they came, resident by resident; start and stop it with `async with`."""

    def __init__(self, desk: Desk, interpreter: Interpreter | None = None) -> None:
        self._desk = desk
        self._opinion = SecondOpinion(desk, interpreter) if interpreter else None
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="turns", daemon=True)

    async def __aenter__(self) -> "Worker":
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    async def answer(self, community_id: int, message: Message) -> list[Reply]:
        """The replies, once they are committed; raises what made the turn fail, and then it is to be sent again."""
        reply: asyncio.Future[list[Reply]] = self._loop.create_future()
        opinion = self._opinion
        async with opinion.heard(community_id, message) if opinion else nullcontext(message) as heard:
            self._queue.put(Waiting(community_id, heard, reply))
        return await reply

    def _work(self) -> None:
        understand("")  # reads the model, a quarter of a second, before anybody waits for it
        open_ = True
        while open_:
            turns = [t for t in self._drain() if t is not None or (open_ := False)]
            by_community: dict[int, list[Waiting]] = defaultdict(list)
            for turn in turns:
                by_community[turn.community_id].append(turn)
            for community_id, group in by_community.items():
                outcomes = answer(self._desk, community_id, [turn.message for turn in group])
                self._loop.call_soon_threadsafe(_deliver, group, outcomes)

    def _drain(self) -> list[Waiting | None]:
        """What is waiting now; sleeps while nothing is."""
        taken = [self._queue.get()]
        try:
            while len(taken) < MOST:
                taken.append(self._queue.get_nowait())
        except Empty:
            pass
        return taken


def _deliver(group: list[Waiting], outcomes: list[Outcome]) -> None:
    for turn, outcome in zip(group, outcomes, strict=True):
        if turn.reply.cancelled():
            continue
        if isinstance(outcome, Exception):
            turn.reply.set_exception(outcome)
        else:
            turn.reply.set_result(outcome)
