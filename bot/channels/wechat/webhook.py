"""Where WeChat brings letters: one address an account; only what WeChat has sealed, just now, is opened."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web

from bot.channels.wechat.envelope import Envelope, NotGenuine, is_fresh
from bot.channels.wechat.letter import Letter, read_letter
from bot.channels.wechat.markup import BadLetter
from bot.channels.wechat.reception import Reception

log = logging.getLogger(__name__)
LARGEST = 64 * 1024  # bytes of a letter
NOTHING = "success"  # nothing to show: developers.weixin.qq.com, "Passive user reply messages"


class Spoken(web.Response):
    """A reply that says when it was handed to the wire."""

    def __init__(self, xml: str, handed_over: Callable[[], None]) -> None:
        super().__init__(text=xml, content_type="text/xml")
        self._handed_over = handed_over

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(data)
        self._handed_over()


class Webhook:
    """Answers within WeChat's five seconds, with the reply or with nothing to show."""

    def __init__(self, reception: Reception) -> None:
        account = reception.account
        self._reception, self._plain = reception, account.plain
        key = account.aes_key.get_secret_value()
        self._envelope = Envelope(account.token.get_secret_value(), key, account.appid)
        self._nonces: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def check(self, request: web.Request) -> web.Response:
        """The platform makes sure that the address is ours."""
        try:
            return web.Response(text=self._envelope.echo(request.query, self._reception.now()))
        except NotGenuine as why:
            raise self._turned_away(why) from None

    async def hear(self, request: web.Request) -> web.Response:
        begun = asyncio.get_running_loop().time()
        body = await _body(request)
        sealed = "msg_signature" in request.query
        try:
            letter = self._opened(body, request.query, sealed=sealed)
        except NotGenuine as why:
            raise self._turned_away(why) from None
        except BadLetter as why:
            log.info("a letter cannot be read: %s", why)
            return web.Response(text=NOTHING)  # it would be no better the next time
        try:
            reply = await self._reception.answer(letter, begun)
        except Exception as failure:
            log.warning("a letter was not answered, it comes again: %s", type(failure).__name__)
            raise web.HTTPServiceUnavailable from None
        if not reply:
            return web.Response(text=NOTHING)
        if sealed:
            reply = self._envelope.seal(reply, request.query["timestamp"], request.query["nonce"])
        return Spoken(reply, lambda: self._reception.handed_over(letter))

    def _opened(self, body: bytes, query: Mapping[str, str], *, sealed: bool) -> Letter:
        """The letter, if it is WeChat's; one in plain only where the operator allows it, for test accounts."""
        now = self._reception.now()
        if sealed:
            inner = self._envelope.open(body, query, now)
        elif self._plain:
            self._envelope.verify(query, now)
            inner = body
        else:
            raise NotGenuine("it is not sealed: choose 安全模式 on the settings page")
        self._used_once((query.get("timestamp", ""), query.get("nonce", "")), hashlib.sha256(inner).digest(), now)
        return read_letter(inner)

    def _used_once(self, named: tuple[str, str], digest: bytes, now: datetime) -> None:
        """A time with its nonce belongs to one letter; the same letter brought again is WeChat's own way.

        They are forgotten with the time: a request that names it is turned away by then.
        """
        if self._nonces.setdefault(named, digest) != digest:
            raise NotGenuine("its nonce was used for another letter")
        while not is_fresh(next(iter(self._nonces))[0], now):
            self._nonces.popitem(last=False)

    def _turned_away(self, why: NotGenuine) -> web.HTTPForbidden:
        log.warning("a request that is not WeChat's: %s", why)
        return web.HTTPForbidden()


async def _body(request: web.Request) -> bytes:
    """All of it, and never more than a letter can be, whatever its headers say."""
    body = b""
    async for chunk in request.content.iter_chunked(LARGEST):
        body += chunk
        if len(body) > LARGEST:
            raise web.HTTPRequestEntityTooLarge(LARGEST, len(body))
    return body
