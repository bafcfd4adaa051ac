"""What is remembered of people at the door, in memory alone and for some minutes: nothing they said, only its number.

A second process remembers for itself; at worst somebody is asked for consent twice.
"""

from collections import OrderedDict
from dataclasses import dataclass

from bot.channels.telegram.inbound import Said
from models.visitor import STILL_IN_DANGER

LATELY = 60.0  # seconds during which nobody is asked for consent twice
REMEMBERED = 10_000  # people


@dataclass
class Guest:
    danger: int = 0  # the number of a message that speaks of danger
    danger_at: float = 0.0  # seconds of a steady clock
    album: str = ""
    asked_at: float | None = None


class Doorstep:
    def __init__(self) -> None:
        self._guests: OrderedDict[str, Guest] = OrderedDict()

    def alarm(self, said: Said, now: float) -> None:
        """Somebody speaks of danger: whatever else they say, that is what is heard once they agree."""
        guest = self._guest(said.sender.user)
        guest.danger, guest.danger_at, guest.asked_at = said.message_id, now, None

    def came_for(self, said: Said, now: float) -> int:
        """The number of the message to hear once they agree."""
        guest = self._guests.get(said.sender.user)
        alarmed = guest is not None and guest.danger and now - guest.danger_at < STILL_IN_DANGER.total_seconds()
        return guest.danger if guest and alarmed else said.message_id

    def again(self, said: Said, now: float) -> bool:
        """Whether they were asked just now, and not merely for having pressed Start."""
        if said.command:
            return False
        guest = self._guest(said.sender.user)
        lately = guest.asked_at is not None and now - guest.asked_at < LATELY
        if not lately:
            guest.asked_at = now
        return lately

    def same_album(self, said: Said) -> bool:
        """Whether this photo belongs to those that were answered with the last one."""
        guest = self._guest(said.sender.user)
        same, guest.album = bool(said.album) and guest.album == said.album, said.album
        return same

    def forget(self, user: str) -> None:
        self._guests.pop(user, None)

    def _guest(self, user: str) -> Guest:
        guest = self._guests.setdefault(user, Guest())
        self._guests.move_to_end(user)
        while len(self._guests) > REMEMBERED:
            self._guests.popitem(last=False)
        return guest
