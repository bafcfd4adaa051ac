"""Where WeCom brings letters: only what it has sealed, just now and for us, is opened."""

import asyncio
import logging

from aiohttp import web

from bot.channels.wechat.envelope import Envelope, NotGenuine
from bot.channels.wechat.given import Corp
from bot.channels.wechat.letter import read_letter
from bot.channels.wechat.markup import LARGEST, BadLetter
from bot.channels.wechat.webhook import Spoken
from bot.channels.wecom.reception import Reception

log = logging.getLogger(__name__)


class Webhook:
    """Answers within WeCom's five seconds; a letter repeated by whoever overheard it gets the reply it had."""

    def __init__(self, corp: Corp, reception: Reception) -> None:
        self._reception = reception
        self._envelope = Envelope(corp.token.get_secret_value(), corp.aes_key.get_secret_value(), corp.corpid)

    async def check(self, request: web.Request) -> web.Response:
        """The platform makes sure that the address is ours (document/path/90930)."""
        try:
            if "msg_signature" not in request.query:
                raise NotGenuine("msg_signature is missing")
            return web.Response(text=self._envelope.echo(request.query, self._reception.now()))
        except NotGenuine as why:
            raise _turned_away(why) from None

    async def hear(self, request: web.Request) -> web.Response:
        begun = asyncio.get_running_loop().time()
        body = await request.clone(client_max_size=LARGEST).read()
        try:
            letter = read_letter(self._envelope.open(body, request.query, self._reception.now()))
        except NotGenuine as why:
            raise _turned_away(why) from None
        except BadLetter as why:
            log.info("a letter cannot be read: %s", why)
            return web.Response()  # it would be no better the next time
        try:
            reply = await self._reception.answer(letter, begun)
        except Exception:
            raise web.HTTPServiceUnavailable from None
        if not reply:
            return web.Response()
        sealed = self._envelope.seal(reply, request.query["timestamp"], request.query["nonce"])
        return Spoken(sealed, lambda: self._reception.handed_over(letter))


def _turned_away(why: NotGenuine) -> web.HTTPForbidden:
    log.warning("a request that is not WeCom's: %s", why)
    return web.HTTPForbidden()
