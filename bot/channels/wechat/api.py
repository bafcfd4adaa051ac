"""One account's calls of WeChat's API, each with its token and with its failures named.

The methods are those of developers.weixin.qq.com/doc/service/api and keep to its names where there are any.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientSession
from pydantic import SecretStr
from sqlalchemy import Engine

from bot.channels import Refused, TryLater, Uncertain
from bot.channels.wechat.access import Access, Clock, Token
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.answers import BAD_CREDENTIAL, BAD_SECRET, OperatorNeeded, Stale, trouble
from bot.channels.wechat.wire import Wire
from bot.settings import WECHAT, Settings
from models.store import reading, transaction
from models.wechat_account import WechatAccount, note_trouble

log = logging.getLogger(__name__)
Answer = dict[str, Any] | bytes
Body = Mapping[str, Any] | bytes | None
CANNOT_READ = "the answer cannot be read"
LOGIN = "sns/oauth2/access_token"
PICTURES = "https://mp.weixin.qq.com"  # where the pictures of QR codes are, beside the official API
MEDIA_LAST = timedelta(days=3) - timedelta(hours=1)  # uploaded photos: developers.weixin.qq.com, 新增临时素材
REMEMBERED = 500  # uploads
ONCE = 32  # characters of client_msg_id


@dataclass(frozen=True)
class QrCode:
    """A code of WeChat's with a scene of ours."""

    ticket: str
    address: str  # what the code says
    picture: bytes  # as WeChat draws it


def present() -> datetime:
    return datetime.now(UTC)


class Api:
    """Raises TryLater, Unreachable (NoWindow, QuotaSpent), Refused or Uncertain, each as sure as can be known."""

    def __init__(
        self,
        account: Account,
        session: ClientSession,
        store: Engine,
        settings: Settings,
        now: Clock = present,
        *,
        aloud: bool = True,
    ) -> None:
        """Not `aloud` is for a caller who tells the operator of every failure: the log then does not say it too."""
        self._account, self._store, self._now, self._aloud = account, store, now, aloud
        self._wire = Wire(session, settings.wechat_api)
        self._pictures = Wire(session, PICTURES if settings.wechat_api == WECHAT else settings.wechat_api)
        self._access = Access(account.appid, store, settings.secret_key_file, now, self._fetch_token)
        self._uploads: dict[str, tuple[str, datetime]] = {}  # digest of a photo -> media id, and until when
        self._noted: str | None = None  # the trouble that is written down, "" for none; None until we have looked

    async def check(self) -> None:
        """Have a token that is good, before it is needed."""
        await self._access.token()

    async def try_secret(self) -> None:
        """Whether WeChat knows our AppID and AppSecret and lets us in; the token of the store stays as it is."""
        await self._fetch_token(force=False)

    async def send_text(self, user: str, text: str) -> None:
        await self._send(user, "text", {"content": text})

    async def send_image(self, user: str, media_id: str) -> None:
        try:
            await self._send(user, "image", {"media_id": media_id})
        except Refused:
            self._uploads = {k: v for k, v in self._uploads.items() if v[0] != media_id}  # perhaps it is gone
            raise

    async def send_news(self, user: str, title: str, description: str, url: str) -> None:
        """A card; WeChat takes one article a message."""
        article = {"title": title, "description": description, "url": url, "picurl": ""}
        await self._send(user, "news", {"articles": [article]})

    async def send_template(
        self, user: str, template: str, values: Mapping[str, str], url: str = "", once: str = ""
    ) -> None:
        """A template message; sent again with the same `once` within ten minutes, WeChat shows it but once."""
        body: dict[str, Any] = {"touser": user, "template_id": template, "data": _data(values)}
        if url:
            body["url"] = url
        if once:
            body["client_msg_id"] = hashlib.sha256(once.encode()).hexdigest()[:ONCE]
        await self._call("message/template/send", body, heard=not once)

    async def send_subscription(self, user: str, template: str, values: Mapping[str, str], page: str = "") -> None:
        body: dict[str, Any] = {"touser": user, "template_id": template, "data": _data(values)}
        if page:
            body["page"] = page
        await self._call("message/subscribe/bizsend", body, heard=True)

    async def upload_image(self, data: bytes) -> str:
        """The media id of a photo, uploaded at most once while WeChat keeps it."""
        digest = hashlib.sha256(data).hexdigest()
        media_id, until = self._uploads.get(digest, ("", self._now()))
        if until > self._now():
            return media_id
        media_id = _word(await self._call("media/upload", data, type="image"), "media_id")
        self._uploads[digest] = (media_id, self._now() + MEDIA_LAST)
        while len(self._uploads) > REMEMBERED:
            del self._uploads[next(iter(self._uploads))]
        return media_id

    async def create_menu(self, buttons: Sequence[Mapping[str, Any]]) -> None:
        await self._call("menu/create", {"button": list(buttons)})

    async def delete_menu(self) -> None:
        await self._call("menu/delete")

    async def create_qr(self, scene: str) -> QrCode:
        """A code that stays good, for a poster; the scene comes back with who scans it. At most 100,000 of them."""
        action = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": scene}}}
        made = await self._call("qrcode/create", action)
        ticket = _word(made, "ticket")
        return QrCode(
            ticket, _word(made, "url"), _file(await self._pictures.exchange("showqrcode", {"ticket": ticket}))
        )

    async def oauth_openid(self, code: str) -> str:
        """Who opened a page, by the code that WeChat gave it (snsapi_base); good once and for five minutes."""
        ours = {"appid": self._account.appid, "secret": self._account.secret.get_secret_value()}
        asked = {**ours, "code": code, "grant_type": "authorization_code"}
        return _word(await self._judged(LOGIN, await self._wire.exchange(LOGIN, asked)), "openid")

    async def _send(self, user: str, kind: str, content: Mapping[str, Any]) -> None:
        await self._call("message/custom/send", {"touser": user, "msgtype": kind, kind: content}, heard=True)

    async def _call(self, method: str, body: Body = None, *, heard: bool = False, **query: str) -> dict[str, Any]:
        """What WeChat answers to a call that brings no file."""
        answer = await self._ask(method, body, heard=heard, **query)
        if isinstance(answer, bytes):
            raise Uncertain(f"{method}: {CANNOT_READ}") if heard else TryLater(why=f"{method}: {CANNOT_READ}")
        return answer

    async def _ask(self, method: str, body: Body = None, *, heard: bool = False, **query: str) -> Answer:
        """Call with the token; with another one, once, where it is good no more."""
        token = await self._access.token()
        try:
            return await self._with(token, method, query, body, heard=heard)
        except Stale:
            token = await self._access.token(stale=token)
        try:
            return await self._with(token, method, query, body, heard=heard)
        except Stale as failure:
            raise TryLater(why=str(failure)) from None

    async def _with(self, token: Token, method: str, query: Mapping[str, str], body: Body, *, heard: bool) -> Answer:
        given = {**query, "access_token": token.secret.get_secret_value()}
        return await self._judged(method, await self._wire.exchange(method, given, body, heard=heard))

    async def _fetch_token(self, force: bool) -> tuple[SecretStr, timedelta]:
        """By api_getstableaccesstoken: forced twenty times a day at most, and 30 seconds apart."""
        ours = {"appid": self._account.appid, "secret": self._account.secret.get_secret_value()}
        asked = {"grant_type": "client_credential", **ours, "force_refresh": force}
        answer = await self._wire.exchange("stable_token", {}, asked)
        if isinstance(answer, dict) and answer.get("errcode") == BAD_CREDENTIAL:
            answer["errcode"] = BAD_SECRET  # there is no token yet that could be stale
        answer = await self._judged("stable_token", answer)
        secret, lasts = _word(answer, "access_token"), _word(answer, "expires_in")
        return SecretStr(secret), timedelta(seconds=int(lasts))

    async def _judged(self, method: str, answer: Answer) -> Answer:
        """The answer, if it tells of no failure; what the operator has to see to is written down for them."""
        failure = trouble(answer, method, self._now()) if isinstance(answer, dict) else None
        if isinstance(failure, OperatorNeeded):
            await asyncio.to_thread(self._note, f"{method}: {failure}")
        elif failure is None:
            if self._noted is None:
                self._noted = await asyncio.to_thread(self._look)
            if self._noted.startswith(f"{method}: "):
                await asyncio.to_thread(self._note, "")
        if failure is not None:
            raise failure
        return answer

    def _look(self) -> str:
        """Whoever wrote it down, this process or another."""
        with reading(self._store, None) as db:
            row = db.get(WechatAccount, self._account.appid)
            return row.trouble if row else ""

    def _note(self, what: str) -> None:
        """Each time, for another process may have taken it for over; said in the log but once."""
        if self._aloud and what and what != self._noted:
            log.error("%s: %s", self._account.called, what)
        self._noted = what
        with transaction(self._store, None, self._now()) as db:
            note_trouble(db, self._account.appid, what)


def _data(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in values.items()}


def _word(answer: Answer, name: str) -> str:
    """Something that a call which may be repeated has to bring."""
    if not isinstance(answer, dict) or name not in answer:
        raise TryLater(why=f"{name}: {CANNOT_READ}")
    return str(answer[name])


def _file(answer: Answer) -> bytes:
    if not isinstance(answer, bytes):
        raise TryLater(why=f"a file: {CANNOT_READ}")
    return answer
