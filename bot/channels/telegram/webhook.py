"""Where Telegram brings updates to: one address a bot, open only to who knows its secret."""

import hmac
import json
import logging
from dataclasses import dataclass

import telegram
from aiohttp import web

from bot.channels.telegram.inbound import read
from bot.channels.telegram.reception import Reception

log = logging.getLogger(__name__)
SECRET = "X-Telegram-Bot-Api-Secret-Token"  # core.telegram.org/bots/api#setwebhook
LARGEST = 1024 * 1024  # bytes of one update


@dataclass(frozen=True)
class Webhook:
    """200 once an update is committed; anything else has Telegram bring it again."""

    reception: Reception

    def routes(self) -> list[web.RouteDef]:
        return [web.post(f"/telegram/{self.reception.line.account.id}", self.hear)]

    async def hear(self, request: web.Request) -> web.Response:
        shown, secret = request.headers.get(SECRET, ""), self.reception.line.account.secret
        if not secret or not hmac.compare_digest(shown.encode("utf-8", "replace"), secret.encode()):
            raise web.HTTPForbidden
        if (request.content_length or 0) > LARGEST or len(body := await request.read()) > LARGEST:
            raise web.HTTPRequestEntityTooLarge(LARGEST, request.content_length or LARGEST + 1)
        try:
            update = telegram.Update.de_json(json.loads(body), self.reception.line.bot)
            read(update, self.reception.line.account.username)  # what has odd types in it shows them here
            if not isinstance(update.update_id, int):
                raise TypeError("update_id")
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError) as failure:
            log.warning("an update that cannot be read: %s", type(failure).__name__)
            raise web.HTTPBadRequest from None
        try:
            await self.reception.take(update)
        except Exception as failure:
            log.warning("an update was not taken, it comes again: %s", type(failure).__name__)
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"}) from None
        return web.Response()
