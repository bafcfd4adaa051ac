"""One bot as a channel: opened on its account, listening by webhook or by fetching, sending what is owed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from aiohttp import web
from telegram.error import InvalidToken, TelegramError

from bot.channels import Parcel, Refused, TryLater, Uncertain, Unreachable
from bot.channels.telegram.bots import TelegramAccount
from bot.channels.telegram.fetch import Hearing
from bot.channels.telegram.greeting import greet
from bot.channels.telegram.line import Line
from bot.channels.telegram.pacer import Pacer
from bot.channels.telegram.parcels import deliver
from bot.channels.telegram.polling import Polling
from bot.channels.telegram.reception import Reception
from bot.channels.telegram.teller import Teller
from bot.channels.telegram.webhook import Webhook
from bot.channels.telegram.wire import open_bot
from bot.conversation.desk import Desk
from bot.conversation.worker import Worker
from bot.settings import Settings
from models.pace import BLOCK
from models.store import reading, transaction
from models.telegram_bot import TelegramBot, name_bot

log = logging.getLogger(__name__)
AGAIN, WRONG = 15.0, 300.0  # seconds until Telegram is asked again who we are: not reached, or not known there
LOOK = 5.0  # seconds between looks at what the command line changed


class TelegramChannel:
    name = "telegram"
    wave = BLOCK
    repeats_safely = False

    def __init__(self, desk: Desk, worker: Worker, account: TelegramAccount, settings: Settings) -> None:
        proxy = settings.telegram_proxy.get_secret_value()
        token = account.token.get_secret_value()
        bot = open_bot(token, settings.telegram_api, proxy=proxy, local=settings.telegram_local)
        pacer = Pacer(desk.engine, f"telegram:{account.id}", desk.now)
        self.line = Line(account, bot, pacer, desk, settings.address)
        self.teller = Teller(self.line)
        self.reception = Reception(self.line, worker, self.teller, Hearing(self.line, settings))

    def accounts(self) -> Sequence[str]:
        return self.line.account.serves

    def routes(self) -> list[web.RouteDef]:
        return Webhook(self.reception).routes()

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        return await self.line.pacer.reserve([p.to.user for p in parcels], bulk=True)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        return list(await asyncio.gather(*(self._deliver(parcel) for parcel in parcels)))

    async def _deliver(self, parcel: Parcel) -> Exception | None:
        try:
            await deliver(self.line, parcel)
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            return failure
        return None

    @asynccontextmanager
    async def open(self, *, listening: bool) -> AsyncIterator[None]:
        """Greet, and listen if this process does, for as long as the context lasts."""
        tasks = [asyncio.create_task(self._keep_up())]
        if listening:
            tasks += [asyncio.create_task(job()) for job in (self.teller.run, self.reception.albums.run, self._listen)]
        try:
            yield
        finally:
            for task in tasks:  # nothing more is begun, what is begun is ended
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.reception.finish()
            await self.teller.finish()
            await self.line.bot.shutdown()

    async def _listen(self) -> None:
        """Fetch updates, once Telegram has said who we are; a webhook set meanwhile has the fetching wait."""
        while not await self._introduced():
            await asyncio.sleep(AGAIN)
        await Polling(self.line, self.reception).run()

    async def _introduced(self) -> bool:
        """Whether Telegram knows us; our name is kept, and our commands are told there when they have changed."""
        try:
            me = await self.line.bot.get_me()
            await asyncio.to_thread(self._name, str(me.username))
            known = await asyncio.to_thread(self._greeted)
            digest = await greet(self.line.bot, self.line.communities(), known)
            if digest != known:
                await asyncio.to_thread(self._remember, digest)
        except InvalidToken:
            log.error("Telegram does not know the token of bot %d", self.line.account.id)
            await asyncio.sleep(WRONG)
            return False
        except TelegramError as failure:
            log.warning("bot %d: Telegram is not reached: %s", self.line.account.id, type(failure).__name__)
            return False
        except Exception:  # the store is away: nobody else would begin to listen
            log.exception("bot %d is not ready; it will be tried again", self.line.account.id)
            return False
        return True

    def _name(self, username: str) -> None:
        self.line.account = replace(self.line.account, username=username)
        with transaction(self.line.desk.engine, None) as db:
            name_bot(db, self.line.account.id, username)

    def _greeted(self) -> str:
        row = self._row()
        return row.greeted if row else ""

    def _remember(self, digest: str) -> None:
        with transaction(self.line.desk.engine, None) as db:
            if row := db.get(TelegramBot, self.line.account.id):
                row.greeted = digest
                db.add(row)

    def _row(self) -> TelegramBot | None:
        with reading(self.line.desk.engine, None) as db:
            return db.get(TelegramBot, self.line.account.id)

    async def _keep_up(self) -> None:
        """Communities switched on or off count within seconds, in every process."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                row = await asyncio.to_thread(self._row)
                serves = tuple(row.serves) if row else ()
                if serves != self.line.account.serves:
                    self.line.account = replace(self.line.account, serves=serves)
            except Exception:
                log.exception("looking for changes of bot %d failed", self.line.account.id)
