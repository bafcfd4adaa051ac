"""The reading half of a phone: what stands in the conversation that is open, and waiting for something to appear."""

import re

from tests.fakes.wechat_state import Follower, Shown
from tests.fakes.wechat_world import World

OPTION = re.compile(r"^\s*(\d{1,2})\s*[.、．)）:： ]\s*(\S.*)$", re.M)


class Screen:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.acted = 0  # when this person last did something

    @property
    def me(self) -> Follower:
        """Who this person is in the conversation that is open."""
        raise NotImplementedError

    @property
    def conversation(self) -> list[Shown]:
        """Both sides, oldest first."""
        return self.me.seen

    @property
    def screen(self) -> list[Shown]:
        """What has come, oldest first."""
        return [shown for shown in self.conversation if shown.how != "mine"]

    @property
    def last(self) -> Shown:
        return self.screen[-1]

    async def sees(self, words: str = "", *, how: str = "", timeout: float = 5.0, fresh: bool = False) -> Shown:
        """Wait for something that holds the words, the newest; `fresh`: since this person last did something."""
        found: list[Shown] = []

        def there() -> bool:
            found[:] = [
                shown
                for shown in self.screen
                if words in shown.words and how in ("", shown.how) and (not fresh or shown.stamp > self.acted)
            ]
            return bool(found)

        if not await self.world.bell.until(there, timeout):
            raise AssertionError(f"{words!r} did not appear in {timeout} s:\n{self.transcript()}")
        return found[-1]

    def numbered(self) -> dict[int, str]:
        """The options of the newest text: what to type, and what it means."""
        return {int(m[1]): m[2].strip() for m in OPTION.finditer(self.last.words)}

    def transcript(self) -> str:
        return "\n".join(line(shown) for shown in self.conversation)


def line(shown: Shown) -> str:
    mark = {"mine": "›", "passive": "‹", "system": "!"}.get(shown.how, f"‹{shown.how}‹")
    what = "" if shown.kind == "text" else f"[{shown.kind}] "
    return f"{mark} {what}{shown.words}" + (f" → {shown.url}" if shown.url else "")
