"""What may be sent to the followers of an account: noted as they speak, written down together a moment later.

Nothing is written down of who is nobody to its communities, or not any more.

The store counts, for all processes; what a crash forgets is an allowance at most. What is on the wire each process
knows of its own messages alone: where another hears the next word meanwhile, WeChat may have to refuse one.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
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
    answered: dict[str, datetime] = field(default_factory=dict)  # with all there was to say; by our own clock

    def __bool__(self) -> bool:
        return any((self.spent, self.said, self.tapped, self.left, self.agreed, self.answered))

    def followed_by(self, later: "Noted") -> "Noted":
        """Both as one."""
        pairs = ((self.said, later.said), (self.tapped, later.tapped), (self.left, later.left))
        said, tapped, left = (
            {user: max(times) for user in a | b if (times := [t[user] for t in (a, b) if user in t])} for a, b in pairs
        )
        agreed, answered = self.agreed + later.agreed, self.answered | later.answered
        return Noted(self.spent | later.spent, said, tapped, left, agreed, answered)


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

    async def more(self, user: str, community_id: int, letter: str) -> list[str]:
        """The next page of what was too long in a community, the same for the same letter; none where none is left."""
        page = await self._write(lambda db: follower.more(db, self.account.appid, user, community_id, letter))
        return [page] if page else []

    async def keep_rest(self, user: str, community_id: int, words_of: str, pages: Sequence[str]) -> None:
        """Keep pages for when they say 更多; `words_of` is the identity of what they belong to."""
        await self._write(lambda db: follower.keep_rest(db, self.account.appid, user, community_id, words_of, pages))

    def answered(self, user: str) -> None:
        """They were told all there was to say: what waited for 更多 before that does so no more."""
        self._noted.answered[user] = self._desk.now()

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
        """Do it in the store, after all that is noted: nothing is taken from a window older than the newest.

        What is noted of an account that has been removed meanwhile is of no use to anybody.
        """
        async with self._writing:
            noted, self._noted = self._noted, Noted()
            said, tapped = self._openings(noted.said), self._openings(noted.tapped)
            try:
                return await asyncio.to_thread(self._written, noted, said, tapped, verb)
            except IntegrityError:
                log.info("%s is gone: what was noted of its followers is dropped", self.account.called)
                return await asyncio.to_thread(self._written, Noted(), (), (), verb)
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
            spoke = {opening.user for opening in (*said, *tapped)} | {user for user, _ in noted.agreed}
            known = follower.known(db, appid, self.account.serves, spoke)
            follower.said(db, appid, [opening for opening in said if opening.user in known])
            follower.tapped(db, appid, [opening for opening in tapped if opening.user in known])
            for user, at in noted.left.items():
                if follower.left(db, appid, user, at):
                    for slug in self.account.serves:
                        lose_touch(db, "wechat", slug, user)
            for (user, template), times in noted.agreed.items():
                if user in known:
                    follower.agreed(db, appid, user, template, times)
            follower.forget_rest(db, appid, noted.answered)
            return verb(db)
