"""What residents say and what we answer, in no channel's dialect."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from bot.understanding.sense import Sense, understand

Want = Literal["photo", "place", "phone"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person can be reached: one account of one channel."""

    channel: str  # "web", "terminal"
    account: str  # the slug of the community that is spoken to there
    user: str  # the channel's own id for the person


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in words, as a pin, or both; degrees are WGS-84."""

    text: str = ""
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One thing a resident sent. `id` is the channel's own, so a redelivery is recognised.

    `media` are references of photos the channel has already fetched, stripped and stored.
    """

    id: str
    sender: Address
    text: str = ""
    choice: str = ""  # the token behind a tapped button or menu link
    label: str = ""  # what the button said, so that the talk can be read again later
    media: tuple[str, ...] = ()
    place: Place | None = None
    language: str = ""  # what the channel knows of the sender's, for a first message
    owed: bool = False  # the channel tells the replies itself, and the store remembers until it has
    sense: Sense | None = None  # what the words mean, where somebody was asked before the turn
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def sense_of(*said: Message) -> Sense:
    """What was understood of the first of these that has words: as it was told, else by ourselves."""
    return next((m.sense or understand(m.text) for m in said if m.text), understand(""))


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. A `value` that starts with "/" opens that service wherever and whenever it is tapped."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One thing we say. Channels decide what choices, wants, images, pins and files look like."""

    text: str
    choices: tuple[Choice, ...] = ()
    want: Want | None = None
    image: str | None = None  # a media reference
    pin: Place | None = None
    file: str | None = None  # a calendar: "event/<id>.ics" or "mine.ics"
    stale: bool = False  # what was tapped belongs to an older menu, and was no answer
