"""A channel turns its own wire into Messages, and Replies into its own wire."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aiohttp import web

from bot.conversation.message import Address, Reply


class TryLater(Exception):
    """The channel could not take it now: a limit, a refused connection, a 5xx before the wire."""

    def __init__(self, seconds: float = 30, why: str = "") -> None:
        super().__init__(why)
        self.seconds = seconds


class Unreachable(Exception):
    """The person cannot be written to at this address: blocked us, unfollowed, window closed."""


class Refused(Exception):
    """The channel will not take it as it is, now or later: kept with the reason for the operator."""


class Uncertain(Exception):
    """It left, and whether it arrived is not known: never blindly sent again."""


class AtNextWord(Exception):
    """It can only be said as an answer: it waits for the person's next word."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One push on its way: worded, addressed, and with the key that makes sending it twice sending it once."""

    push_id: int
    key: str
    about: str  # the matter it belongs to: "ticket:7"
    community_id: int
    resident_id: int
    to: Address
    reply: Reply
    due_at: datetime


class Channel(Protocol):
    name: str
    wave: int  # how many parcels are reserved, marked and, where repeats are safe, sent at once
    repeats_safely: bool  # whether a parcel handed over twice arrives once

    def accounts(self) -> Sequence[str]:
        """The accounts it sends for: its lanes of the outbox are `<name>:<account>`."""
        ...

    def routes(self) -> list[web.RouteDef]: ...

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        """When each may leave (UTC), kept free for it; TryLater where its turn does not come soon."""
        ...

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        """Deliver; one outcome a parcel: None, or one of the failures above."""
        ...


class OpenChannel(Channel, Protocol):
    """A channel with a platform behind it, to be kept open while the program runs."""

    def open(self, *, listening: bool) -> AbstractAsyncContextManager[None]:
        """Speak, and listen if this process does, for as long as the context lasts."""
        ...
