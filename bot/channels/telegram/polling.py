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

from bot.channels.telegram.call import WANTED
from bot.channels.telegram.line import Line
from bot.channels.telegram.reception import Reception
from models.polling import advance, hold_polling, let_go
from models.store import transaction

log = logging.getLogger(__name__)
LONG, MOST = 20, 100  # seconds a request waits for news, and updates it brings
LEASE = timedelta(seconds=35)  # a process that dies holds the others up for no longer
AGAIN = 3.0  # seconds after a failure
ELSEWHERE = 10.0  # seconds while somebody else takes the updates: it is not fought over
PATIENCE = 0.5  # seconds one chat may keep the others waiting
TRIES = 3  # of an update that fails by itself, before it is let go with a trace in the log


class Polling:
    def __init__(self, line: Line, reception: Reception) -> None:
        self._line, self._reception = line, reception
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._told = ""
        self._failed: dict[int, int] = {}
        self._done: set[int] = set()  # what is taken from the offset on
        self._chats: dict[int, asyncio.Task[bool]] = {}  # which something is being taken from

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
            for task in self._chats.values():
                task.cancel()  # what is being taken is taken all the same
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
        return await self._take(offset, list(updates))

    async def _take(self, offset: int, updates: list[telegram.Update]) -> float:
        """Begin what is new, each chat's in order; who takes long holds the offset, and nobody else.

        What stands behind the offset comes again and is known by its number.
        """
        fresh: dict[int, list[telegram.Update]] = {}
        for update in updates:
            if update.update_id not in self._done:
                chat = update.effective_chat
                fresh.setdefault(chat.id if chat else 0, []).append(update)
        for number in fresh.keys() - self._chats.keys():
            self._chats[number] = asyncio.create_task(self._one_chat(fresh[number]))
        if self._chats:
            await asyncio.wait(self._chats.values(), timeout=PATIENCE)
        ended = [self._chats.pop(number) for number, task in list(self._chats.items()) if task.done()]
        numbers = [update.update_id for update in updates]
        upto = next((n for n in numbers if n not in self._done), numbers[-1] + 1 if numbers else offset)
        if upto > offset:
            await asyncio.to_thread(self._advance, upto)
        self._done = {n for n in self._done if n >= upto}
        return 0.0 if all(task.result() for task in ended) else AGAIN

    async def _one_chat(self, updates: list[telegram.Update]) -> bool:
        """Whether all could be taken; from the first that could not they are brought again."""
        for update in updates:
            try:
                await self._reception.take(update)
            except SQLAlchemyError:
                return False  # the store is away: nothing is lost while Telegram keeps it
            except Exception:
                tries = self._failed[update.update_id] = self._failed.get(update.update_id, 0) + 1
                log.exception("an update failed, try %d", tries)
                if tries < TRIES:
                    return False
            self._failed.pop(update.update_id, None)
            self._done.add(update.update_id)
        return True

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
