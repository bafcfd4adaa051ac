"""One account as a channel: what comes in by its webhook, what goes out by its API, and all of it put together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime

from aiohttp import ClientSession, web

from bot.channels import Parcel, Refused, TryLater, Unreachable
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.api import Api
from bot.channels.wechat.followers import Followers
from bot.channels.wechat.login import Login
from bot.channels.wechat.menu import tell_menu
from bot.channels.wechat.pictures import Pictures
from bot.channels.wechat.reception import Reception
from bot.channels.wechat.sending import Sending
from bot.channels.wechat.webhook import Webhook
from bot.conversation.desk import Desk
from bot.conversation.worker import Worker
from bot.settings import Settings
from models.store import reading, transaction
from models.wechat_account import WechatAccount, menu_told

log = logging.getLogger(__name__)
WAVE = 8  # parcels whose attempts are marked together
LOOK = 5.0  # seconds between looks at what the command line changed
AGAIN = 300.0  # seconds until WeChat is told of the menu once more


class WechatChannel:
    name = "wechat"
    wave = WAVE
    repeats_safely = False

    def __init__(self, desk: Desk, worker: Worker, account: Account, settings: Settings) -> None:
        self.account, self.followers = account, Followers(desk, account)
        self._desk, self._worker, self._settings = desk, worker, settings
        self._served_anew = asyncio.Event()

    def accounts(self) -> Sequence[str]:
        return self.account.serves

    def routes(self) -> list[web.RouteDef]:
        path = self.account.path
        return [
            web.get(path, self._check),
            web.post(path, self._hear),
            web.get(f"{path}/enter", self._enter),
            web.get(f"{path}/entered", self._entered),
        ]

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        """WeChat counts what each person is sent, and has no limit for all together that could be met."""
        return [self._desk.now()] * len(parcels)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        return list(await asyncio.gather(*(self.sending.deliver(parcel) for parcel in parcels)))

    @asynccontextmanager
    async def open(self, *, listening: bool) -> AsyncIterator[None]:
        """Speak, and listen if this process does, for as long as the context lasts."""
        async with ClientSession() as session:
            self._put_together(session)
            jobs = [self.followers.run, self._keep_up]
            if listening:
                jobs += [self.sending.run, self.reception.run, self._greet]
            tasks = [asyncio.create_task(job()) for job in jobs]
            try:
                yield
            finally:
                for task in tasks:  # nothing more is begun, what is begun is ended
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self.reception.finish()
                await self.sending.finish()

    def _put_together(self, session: ClientSession) -> None:
        desk, account = self._desk, self.account
        self.api = Api(account, session, desk.engine, self._settings, desk.now)
        self.sending = Sending(desk, account, self.api, self.followers, self._settings.address)
        pictures = Pictures(desk, session, self._settings.wechat_api)
        self.reception = Reception(desk, self._worker, account, self.followers, self.sending, pictures)
        self._webhook = Webhook(self.reception)
        self._login = Login(desk, account, self.api, self._settings)

    async def _check(self, request: web.Request) -> web.StreamResponse:
        return await self._webhook.check(request)

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        return await self._webhook.hear(request)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        return await self._login.enter(request)

    async def _entered(self, request: web.Request) -> web.StreamResponse:
        return await self._login.entered(request)

    async def _greet(self) -> None:
        """Fetch a token before it is needed, and tell WeChat of the menu where it has changed."""
        while True:
            try:
                if self.account.rights.messages:
                    await self.api.check()
                if self.account.rights.menu:
                    await self._tell_menu()
            except (TryLater, Unreachable, Refused) as failure:
                log.warning("%s is not ready: %s", self.account.called, failure)
            except Exception:
                log.exception("%s is not ready; it will be tried again", self.account.called)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._served_anew.wait(), AGAIN)
            self._served_anew.clear()

    async def _tell_menu(self) -> None:
        served = [c for slug in self.account.serves if (c := self._desk.communities.get(slug))]
        row = await asyncio.to_thread(self._row)
        known = row.menu if row else ""
        digest = await tell_menu(self.api, served, self._settings.public_url, self.account.room, known)
        if digest != known:
            await asyncio.to_thread(self._remember, digest)

    def _remember(self, digest: str) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            menu_told(db, self.account.appid, digest)

    def _row(self) -> WechatAccount | None:
        with reading(self._desk.engine, None) as db:
            return db.get(WechatAccount, self.account.appid)

    async def _keep_up(self) -> None:
        """Communities switched on or off count within seconds, in every process; WeChat is then told of the menu."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                row = await asyncio.to_thread(self._row)
                serves = tuple(row.serves) if row else ()
                if serves != self.account.serves:
                    self._serve(replace(self.account, serves=serves))
            except Exception:
                log.exception("looking for changes of %s failed", self.account.called)

    def _serve(self, account: Account) -> None:
        self.account = self.followers.account = self._login.account = account
        self.sending.serve(account)
        self.reception.serve(account)
        self._served_anew.set()
