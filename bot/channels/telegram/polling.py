"""Fetching updates ourselves, where Telegram cannot reach us: one process a bot, and nothing is let go unheard.

The offset moves on, in the store, only when everything before it is committed; only then does the next request
tell Telegram to forget it. Whoever fetches says so in the store for half a minute at a time, so that a second
process waits instead of fighting.
"""

import asyncio
import logging
import os
import secrets
import socket
from datetime import timedelta

import telegram
from sqlalchemy.exc import SQLAlchemyError
from telegram.error import Conflict, NetworkError, RetryAfter, TelegramError

from bot.channels.telegram.inbound import WANTED
from bot.channels.telegram.line import Line
from bot.channels.telegram.reception import Reception
from models.polling import advance, hold_polling, let_go
from models.store import transaction

log = logging.getLogger(__name__)
LONG, MOST = 20, 100  # seconds a request waits for news, and updates it brings
LEASE = timedelta(seconds=35)  # a process that dies holds the others up for no longer
AGAIN = 3.0  # seconds after a failure
ELSEWHERE = 10.0  # seconds while somebody else takes the updates: it is not fought over
TRIES = 3  # of an update that fails by itself, before it is let go with a trace in the log


class Polling:
    def __init__(self, line: Line, reception: Reception) -> None:
        self._line, self._reception = line, reception
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._told = ""
        self._failed: dict[int, int] = {}

    async def run(self) -> None:
        """Fetch and take for as long as this process may."""
        try:
            while True:
                try:
                    pause = await self._round()
                except (TelegramError, SQLAlchemyError) as failure:
                    self._say_once(f"updates cannot be fetched: {type(failure).__name__}: {failure}")
                    pause = AGAIN
                except Exception:
                    log.exception("fetching updates failed; it goes on")
                    pause = AGAIN
                await asyncio.sleep(pause)
        finally:
            await asyncio.shield(asyncio.to_thread(self._let_go))

    async def _round(self) -> float:
        """One request and what it brings; the seconds to wait before the next."""
        offset = await asyncio.to_thread(self._hold)
        if offset is None:
            return AGAIN
        try:
            updates = await self._line.bot.get_updates(
                offset=offset, limit=MOST, timeout=LONG, allowed_updates=WANTED, read_timeout=LONG + 10
            )
        except Conflict as failure:
            self._say_once(f"somebody else takes this bot's updates; stop them, or this: {failure}")
            return ELSEWHERE
        except RetryAfter as failure:
            wait = failure.retry_after
            return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
        except NetworkError as failure:
            self._say_once(f"Telegram does not answer: {type(failure).__name__}")
            return AGAIN
        self._say_once("")
        return await self._take(list(updates))

    async def _take(self, updates: list[telegram.Update]) -> float:
        """Take them, each chat's in order; the offset stays before the first that could not be taken."""
        if not updates:
            return 0.0
        by_chat: dict[int, list[telegram.Update]] = {}
        for update in updates:
            chat = update.effective_chat
            by_chat.setdefault(chat.id if chat else 0, []).append(update)
        failed = [
            n for n in await asyncio.gather(*(self._one_chat(some) for some in by_chat.values())) if n is not None
        ]
        upto = min(failed, default=updates[-1].update_id + 1)
        await asyncio.to_thread(self._advance, upto)
        return AGAIN if failed else 0.0

    async def _one_chat(self, updates: list[telegram.Update]) -> int | None:
        """The id of the first that could not be taken, to be brought again."""
        for update in updates:
            try:
                await self._reception.take(update)
            except SQLAlchemyError:
                return update.update_id  # the store is away: nothing is lost while Telegram keeps it
            except Exception:
                tries = self._failed[update.update_id] = self._failed.get(update.update_id, 0) + 1
                log.exception("an update failed, try %d", tries)
                if tries < TRIES:
                    return update.update_id
            self._failed.pop(update.update_id, None)
        return None

    def _hold(self) -> int | None:
        """The offset, if this process may fetch now."""
        desk = self._line.desk
        with transaction(desk.engine, None, desk.now()) as db:
            return hold_polling(db, self._line.account.id, self._name, LEASE)

    def _advance(self, offset: int) -> None:
        with transaction(self._line.desk.engine, None) as db:
            advance(db, self._line.account.id, self._name, offset)

    def _let_go(self) -> None:
        with transaction(self._line.desk.engine, None) as db:
            let_go(db, self._line.account.id, self._name)

    def _say_once(self, what: str) -> None:
        """A trouble that lasts is told when it begins and when it is over, not every few seconds."""
        if what != self._told:
            log.warning("bot %d: %s", self._line.account.id, what or "updates arrive again")
        self._told = what
