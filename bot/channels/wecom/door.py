"""The door of the app: who of the corporation is known, and which community they talk to."""

from bot.channels.wechat.reading import Heard
from bot.channels.wechat.threshold import Inside, Threshold
from bot.conversation.desk import Desk
from models.history import resident_at
from models.store import reading

CHANNEL = "wecom"


class Door:
    def __init__(self, desk: Desk, corpid: str) -> None:
        self._desk = desk
        self.threshold = Threshold(desk, CHANNEL, corpid)

    def place(self, member: str, letter: str, heard: Heard) -> Inside | str:
        """Let them in, or say what to say at the door; `letter` is the identity of what they sent."""
        return self.threshold.place(member, letter, heard, self._desk.communities.all())

    def is_known(self, member: str) -> bool:
        """Whether they have talked to us before."""
        with reading(self._desk.engine, None) as db:
            return any(resident_at(db, CHANNEL, c.slug, member) for c in self._desk.communities.all())
