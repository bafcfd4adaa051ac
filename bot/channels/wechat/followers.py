"""What may be sent to the followers of an account: noted as they speak, written down together a moment later.

The store counts, for all processes; what a crash forgets is an allowance at most, and never one too many.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlmodel import Session

from bot.channels.wechat.accounts import Account
from bot.conversation.desk import Desk
from models import wechat_follower as follower
from models.resident import lose_touch
from models.store import transaction

log = logging.getLogger(__name__)
T = TypeVar("T")
FLUSH = 0.2  # seconds between writings
REMEMBERED = timedelta(minutes=1)  # longer than WeChat takes to bring a letter, three attempts and all


@dataclass
class Noted:
    """What happened since the last writing; times are UTC and WeChat's."""

    spent: set[str] = field(default_factory=set)  # by what WeChat said of a message taken before all else noted here
    said: dict[str, datetime] = field(default_factory=dict)
    tapped: dict[str, datetime] = field(default_factory=dict)
    left: dict[str, datetime] = field(default_factory=dict)
    agreed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return any((self.spent, self.said, self.tapped, self.left, self.agreed))

    def followed_by(self, later: "Noted") -> "Noted":
        """Both as one."""
        pairs = ((self.said, later.said), (self.tapped, later.tapped), (self.left, later.left))
        said, tapped, left = (
            {user: max(times) for user in a | b if (times := [t[user] for t in (a, b) if user in t])} for a, b in pairs
        )
        return Noted(self.spent | later.spent, said, tapped, left, self.agreed + later.agreed)


class Followers:
    def __init__(self, desk: Desk, account: Account) -> None:
        self.account = account
        self._desk, self._noted, self._writing = desk, Noted(), asyncio.Lock()
        self._flying: Counter[str] = Counter()  # messages taken and not yet answered for, by user
        self._landed: dict[str, list[datetime]] = defaultdict(list)

    def said(self, user: str, at: datetime | None = None) -> None:
        """They wrote, at a time by WeChat's clock."""
        self._note(self._noted.said, user, at)

    def tapped(self, user: str, at: datetime | None = None) -> None:
        """They tapped a menu or a line of ours, followed, or scanned a code."""
        self._note(self._noted.tapped, user, at)

    def left(self, user: str, at: datetime | None = None) -> None:
        """They follow the account no more: pushes look for another address of theirs."""
        self._note(self._noted.left, user, at)

    def agreed(self, user: str, template: str) -> None:
        """They want one notice of this kind."""
        self._noted.agreed[user, template] += 1

    async def take(self, user: str) -> bool:
        """Take one message out of what may be sent now.

        Whoever gets True says afterwards what became of it: `landed`, `give_back` or `spent`.
        """
        taken = await self._write(lambda db: follower.take(db, self.account.appid, user))
        if taken:
            self._flying[user] += 1
        return taken

    def landed(self, user: str) -> None:
        """It left, or may have."""
        self._flying -= Counter([user])
        self._landed[user].append(self._desk.now())

    async def give_back(self, user: str) -> None:
        """It did not leave, that is certain."""
        await self._write(lambda db: follower.give_back(db, self.account.appid, user))
        self._flying -= Counter([user])

    def spent(self, user: str) -> None:
        """WeChat refused it: there is nothing to take until their next word."""
        self._noted.spent.add(user)
        self._flying -= Counter([user])

    async def take_agreed(self, user: str, template: str) -> bool:
        """Take one of the notices they agreed to; `agreed` gives it back."""
        return await self._write(lambda db: follower.take_agreed(db, self.account.appid, user, template))

    async def more(self, user: str) -> list[str]:
        """The next page of what was too long, none where nothing is left."""
        page = await self._write(lambda db: follower.more(db, self.account.appid, user))
        return [page] if page else []

    async def keep_rest(self, user: str, pages: Sequence[str]) -> None:
        """Keep pages for when they say 更多."""
        await self._write(lambda db: follower.keep_rest(db, self.account.appid, user, pages))

    async def run(self) -> None:
        """Write down what is noted until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(FLUSH)
                try:
                    await self.flush()
                except Exception:
                    log.exception("what may be sent was not written down; it will be tried again")
        finally:
            await self.flush()

    async def flush(self) -> None:
        if self._noted:
            await self._write(lambda _: None)
        for user, landed in list(self._landed.items()):
            if landed[-1] < self._desk.now() - REMEMBERED:
                del self._landed[user]

    def _note(self, what: dict[str, datetime], user: str, at: datetime | None) -> None:
        now = self._desk.now()
        at = min(at or now, now)
        what[user] = max(what.get(user, at), at)

    async def _write(self, verb: Callable[[Session], T]) -> T:
        """Do it in the store, after all that is noted: nothing is taken from a window older than the newest."""
        async with self._writing:
            noted, self._noted = self._noted, Noted()
            said, tapped = self._openings(noted.said), self._openings(noted.tapped)
            try:
                return await asyncio.to_thread(self._written, noted, said, tapped, verb)
            except Exception:
                self._noted = noted.followed_by(self._noted)
                raise

    def _openings(self, since: Mapping[str, datetime]) -> list[follower.Opening]:
        """What was on its way when they spoke, WeChat may count against the window that opened."""
        return [
            follower.Opening(user, at, self._flying[user] + sum(landed >= at for landed in self._landed.get(user, ())))
            for user, at in since.items()
        ]

    def _written(
        self,
        noted: Noted,
        said: Sequence[follower.Opening],
        tapped: Sequence[follower.Opening],
        verb: Callable[[Session], T],
    ) -> T:
        appid = self.account.appid
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            for user in noted.spent:
                follower.spent(db, appid, user)
            follower.said(db, appid, said)
            follower.tapped(db, appid, tapped)
            for user, at in noted.left.items():
                if follower.left(db, appid, user, at):
                    for slug in self.account.serves:
                        lose_touch(db, "wechat", slug, user)
            for (user, template), times in noted.agreed.items():
                follower.agreed(db, appid, user, template, times)
            return verb(db)
