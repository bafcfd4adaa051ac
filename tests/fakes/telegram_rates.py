"""How fast a bot may write, measured on sliding windows; going over earns a pause, and writing in it is noted."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import NamedTuple

from tests.fakes.telegram_refusal import Refusal, too_many

Key = tuple[int, int | None]  # bot, chat; no chat: the whole bot
BOT, PRIVATE, GROUP = (30, 1.0), (5, 5.0), (20, 60.0)  # messages, seconds


class Departure(NamedTuple):
    at: float
    chat: int
    method: str
    text: str
    bot: int


def most(times: list[float], seconds: float) -> int:
    """The most of them within any `seconds`, the end not included."""
    first = best = 0
    times = sorted(times)
    for last, time in enumerate(times):
        while time - times[first] >= seconds:
            first += 1
        best = max(best, last - first + 1)
    return best


class Meter:
    """Counts what went through (`departures`) and what would have been too much (`exceeded`, `refused`)."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self.ticks = ticks
        self.enforce = True
        self.departures: list[Departure] = []
        self.exceeded: list[Departure] = []
        self.refused: list[Departure] = []
        self.during_halt: list[Departure] = []
        self._windows: dict[Key, deque[float]] = defaultdict(deque)
        self._halts: dict[Key, float] = {}

    def halt(self, bot: int, chat: int | None, seconds: float) -> None:
        """From now on everything of this chat, or of the whole bot, is refused."""
        self._halts[bot, chat] = self.ticks() + seconds

    def check(self, bot: int, chat: int, method: str, text: str) -> None:
        """May this leave now? Raises if not."""
        attempt = Departure(self.ticks(), chat, method, text, bot)
        until = max(self._halts.get((bot, None), 0.0), self._halts.get((bot, chat), 0.0))
        if attempt.at < until:
            self.during_halt.append(attempt)
            raise _wait(until - attempt.at)
        for key, (allowed, seconds) in self._limits(bot, chat):
            wait = self._wait(key, allowed, seconds, attempt.at)
            if wait <= 0:
                continue
            self.exceeded.append(attempt)
            if self.enforce:
                self.refused.append(attempt)
                refusal = _wait(wait)
                self.halt(*key, math.ceil(wait))
                raise refusal

    def record(self, bot: int, chat: int, method: str, text: str) -> None:
        at = self.ticks()
        self.departures.append(Departure(at, chat, method, text, bot))
        for key, _ in self._limits(bot, chat):
            self._windows[key].append(at)

    def most_in(self, seconds: float, chat: int | None, bot: int | None) -> int:
        return most([d.at for d in self.departures if chat in (None, d.chat) and bot in (None, d.bot)], seconds)

    @staticmethod
    def _limits(bot: int, chat: int) -> list[tuple[Key, tuple[int, float]]]:
        return [((bot, None), BOT), ((bot, chat), PRIVATE if chat > 0 else GROUP)]

    def _wait(self, key: Key, allowed: int, seconds: float, now: float) -> float:
        window = self._windows[key]
        while window and now - window[0] >= seconds:
            window.popleft()
        return window[-allowed] + seconds - now if len(window) >= allowed else 0.0


def _wait(seconds: float) -> Refusal:
    return too_many(max(1, math.ceil(seconds)))
