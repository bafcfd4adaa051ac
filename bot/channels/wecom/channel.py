"""The app as a channel: what comes in by its webhook, what goes out by its API, and all of it put together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import ClientSession, web

from bot.channels import Parcel, TryLater
from bot.channels.wechat.given import Corp
from bot.channels.wechat.pictures import Pictures
from bot.channels.wecom.api import Api
from bot.channels.wecom.door import CHANNEL
from bot.channels.wecom.reception import Reception
from bot.channels.wecom.sending import Sending
from bot.channels.wecom.teller import Teller
from bot.channels.wecom.webhook import Webhook
from bot.conversation.desk import Desk
from bot.conversation.worker import Worker
from bot.settings import Settings


class WecomChannel:
    name = CHANNEL
    wave = 8  # parcels whose attempts are marked together
    repeats_safely = False  # WeCom knows a repeat for half an hour, and we may be away for longer

    def __init__(self, desk: Desk, worker: Worker, corp: Corp, settings: Settings) -> None:
        self.path = f"/wecom/{corp.corpid}"  # where on our server WeCom brings its letters
        self._desk, self._worker, self._corp, self._settings = desk, worker, corp, settings

    def accounts(self) -> Sequence[str]:
        """Every community there is: the app is the whole street's."""
        return [community.slug for community in self._desk.communities.all()]

    def routes(self) -> list[web.RouteDef]:
        return [web.get(self.path, self._check), web.post(self.path, self._hear)]

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        """WeCom counts messages, not pushes: room is taken when it is known how many a push is."""
        return [self._desk.now()] * len(parcels)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        return list(await asyncio.gather(*(self._sending.deliver(parcel) for parcel in parcels)))

    @asynccontextmanager
    async def open(self, *, listening: bool) -> AsyncIterator[None]:
        """Speak, and be ready to listen, for as long as the context lasts."""
        desk, corp = self._desk, self._corp
        async with ClientSession() as session:
            api = Api(corp, session, self._settings.wecom_api)
            self._sending = Sending(desk, corp.corpid, api, self._settings.address)
            teller, pictures = Teller(desk, self._sending), Pictures(desk, session, self._settings.wecom_api)
            reception = Reception(desk, self._worker, corp.corpid, self._sending, teller, pictures)
            self._webhook = Webhook(corp, reception)
            telling = [asyncio.create_task(teller.run())] if listening else []
            try:
                yield
            finally:
                for task in telling:  # nothing more is begun, what is begun is ended
                    task.cancel()
                await asyncio.gather(*telling, return_exceptions=True)
                await reception.finish()
                await teller.finish()

    async def _check(self, request: web.Request) -> web.StreamResponse:
        return await self._webhook.check(request)

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        return await self._webhook.hear(request)
