"""A bell that everybody hears who waits for something to become true: no polling, no missed wake-ups."""

import asyncio
from collections.abc import Callable


class Bell:
    """Like asyncio.Condition, but it can be rung without holding a lock, so from plain functions too."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self.times = 0

    def ring(self) -> None:
        self.times += 1
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def until(self, true: Callable[[], object], timeout: float | None) -> bool:
        """Whether it became true in time; looked at again at every ring."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    rung = self._rung
                    if true():
                        return True
                    await rung.wait()
        except TimeoutError:
            return bool(true())
