"""What a person sees: the messages of a chat as they are now, and waiting for one to appear."""

from dataclasses import dataclass

from tests.fakes.telegram_group import Place
from tests.fakes.telegram_state import Payload, Posted, Query, Room
from tests.fakes.telegram_transcript import transcript
from tests.fakes.telegram_world import World


@dataclass
class Tap:
    """What became of a tap: a query to the bot, words sent for one, or a link to open."""

    query: Query | None = None
    posted: Posted | None = None
    url: str = ""

    @property
    def answered(self) -> bool:
        return self.query is not None and self.query.answered

    @property
    def text(self) -> str:
        """What popped up."""
        return self.query.text if self.query else ""

    @property
    def alert(self) -> bool:
        return self.query is not None and self.query.alert


class Screen:
    """The reading half of a phone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.acted = 0  # when this person last did something

    def room(self, in_: Place = None) -> Room:
        raise NotImplementedError

    @staticmethod
    def shown(room: Room) -> list[Posted]:
        return [m for m in room.messages if not m.deleted]

    @property
    def screen(self) -> list[Posted]:
        """Oldest first; later edits show in the same objects."""
        return self.shown(self.room())

    @property
    def keyboard(self) -> list[list[Payload]]:
        """The reply keyboard below the input."""
        return self.room().keyboard

    async def sees(
        self, substring: str = "", *, timeout: float = 5.0, in_: Place = None, fresh: bool = False
    ) -> Posted:
        """Wait for a bot's message that holds the words, the newest; `fresh`: since this person last did something."""
        found: list[Posted] = []
        room = self.room(in_)

        def there() -> bool:
            found[:] = [
                m
                for m in self.shown(room)
                if m.by_bot and substring in m.text and (not fresh or m.touched > self.acted)
            ]
            return bool(found)

        if not await self.world.bell.until(there, timeout):
            raise AssertionError(f"{substring!r} did not appear in {timeout} s:\n{transcript(room)}")
        return found[-1]

    async def sees_button(self, label: str, *, timeout: float = 5.0, in_: Place = None) -> Posted:
        """Wait for a message with a button of that label."""
        room = self.room(in_)

        def newest() -> Posted | None:
            return next((m for m in reversed(self.shown(room)) if label in m.labels), None)

        await self.world.bell.until(newest, timeout)
        if (message := newest()) is None:
            raise AssertionError(f"no button {label!r} in {timeout} s:\n{transcript(room)}")
        return message
