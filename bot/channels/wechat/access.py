"""The token that every call of an account carries: one for all processes, kept sealed in the store."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from bot.channels.wechat.answers import OperatorNeeded
from bot.seal import BadKey, seal, unseal
from models.store import transaction
from models.wechat_account import EARLY, keep_token, let_go_turn, token_or_turn

LEASE = timedelta(seconds=20)  # longer than a fetch may take
LOOK = 0.2  # seconds between looks whether another process has the next token
Clock = Callable[[], datetime]  # UTC
Fetch = Callable[[bool], Awaitable[tuple[SecretStr, timedelta]]]


@dataclass(frozen=True)
class Token:
    """`sealed` is what tells one from another: no secret needs to be compared."""

    secret: SecretStr
    sealed: str
    until: datetime


class Access:
    """Gives out the token; `fetch(force)` asks WeChat for one and says how long it lasts."""

    def __init__(self, appid: str, store: Engine, key_file: Path, now: Clock, fetch: Fetch) -> None:
        self._appid, self._store, self._key, self._now, self._fetch = appid, store, key_file, now, fetch
        self._token: Token | None = None
        self._coming: asyncio.Task[Token] | None = None

    async def token(self, stale: Token | None = None) -> Token:
        """A token that is not the stale one; however many wait for it, one of all processes fetches it.

        Raises what `fetch` raises.
        """
        known = self._token
        if known is not None and known is not stale and known.until - EARLY > self._now():
            return known
        if self._coming is None:
            self._coming = asyncio.create_task(self._next(stale))
            self._coming.add_done_callback(self._came)
        return await asyncio.shield(self._coming)

    def _came(self, task: "asyncio.Task[Token]") -> None:
        self._coming = None
        if not task.cancelled():
            task.exception()  # those who wait have heard it; if nobody does, it is no loss

    async def _next(self, stale: Token | None) -> Token:
        worn = stale.sealed if stale else ""
        while (found := await asyncio.to_thread(self._look, worn)) is False:
            await asyncio.sleep(LOOK)
        self._token = found if isinstance(found, Token) else await self._fetched(force=stale is not None)
        return self._token

    def _look(self, worn: str) -> Token | bool:
        """The token of the store, or whether it is our turn to fetch the next."""
        with transaction(self._store, None, self._now()) as db:
            found = token_or_turn(db, self._appid, worn, LEASE)
        if isinstance(found, bool):
            return found
        sealed, until = found
        try:
            return Token(unseal(sealed, self._key), sealed, until)
        except BadKey:  # the key is another now: as good as none
            return self._look(sealed)

    async def _fetched(self, *, force: bool) -> Token:
        """Raises what `fetch` raises, and OperatorNeeded where there is no key to seal with."""
        try:
            secret, lasts = await self._fetch(force)
            token = Token(secret, await asyncio.to_thread(seal, secret, self._key), self._now() + lasts)
        except BaseException as failure:
            await asyncio.to_thread(self._let_go)
            if isinstance(failure, BadKey):
                raise OperatorNeeded(str(failure)) from None
            raise
        await asyncio.to_thread(self._keep, token, lasts)
        return token

    def _keep(self, token: Token, lasts: timedelta) -> None:
        with transaction(self._store, None, self._now()) as db:
            keep_token(db, self._appid, token.sealed, lasts)

    def _let_go(self) -> None:
        with transaction(self._store, None, self._now()) as db:
            let_go_turn(db, self._appid)
