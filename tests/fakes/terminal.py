"""One resident at a time on standard input and output, whichever server they talk to."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.fakes.bell import Bell

P = TypeVar("P")


@dataclass
class Terminal(Generic[P]):
    """`news` are the lines a phone shows, with growing stamps, after the one that was seen last."""

    phones: Sequence[P]
    names: Sequence[str]
    bell: Bell
    help: str
    do: Callable[[P, str], Awaitable[None]]
    news: Callable[[P, int], Sequence[tuple[int, str]]]

    def __post_init__(self) -> None:
        self._phone, self._seen = self.phones[0], 0

    async def run(self) -> None:
        print(self.help)
        watching = asyncio.create_task(self._watch())
        try:
            while (typed := await asyncio.to_thread(sys.stdin.readline)) and typed.strip() != "/quit":
                try:
                    await self._do(typed.strip())
                except (AssertionError, ValueError) as e:
                    print(f"× {e}")
        finally:
            watching.cancel()

    async def _do(self, typed: str) -> None:
        word, _, rest = typed.partition(" ")
        if word == "/as" and rest in {str(n) for n in range(1, len(self.phones) + 1)}:
            self._phone, self._seen = self.phones[int(rest) - 1], 0
            print(f"—— {self.names[int(rest) - 1]} ——")
            self._print()
        elif typed:
            await self.do(self._phone, typed)

    def _news(self) -> Sequence[tuple[int, str]]:
        return self.news(self._phone, self._seen)

    def _print(self) -> None:
        for stamp, line in self._news():
            print(line)
            self._seen = max(self._seen, stamp)

    async def _watch(self) -> None:
        while True:
            await self.bell.until(self._news, None)
            self._print()
