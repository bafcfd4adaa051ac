"""The app's calls of WeCom's API, each with its token and with its failures named."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientSession

from bot.channels import TryLater, Uncertain, Unreachable
from bot.channels.wechat.answers import OperatorNeeded, Stale
from bot.channels.wechat.given import Corp
from bot.channels.wechat.wire import Wire
from bot.channels.wecom.answers import trouble

log = logging.getLogger(__name__)
REPEATS = 1800  # seconds in which WeCom shows the same words to the same member but once, where asked to
Body = Mapping[str, Any] | None
CANNOT_READ = "the answer cannot be read"


class Api:
    """Raises TryLater, Unreachable, Refused or Uncertain, each as sure as can be known."""

    def __init__(self, corp: Corp, session: ClientSession, base: str) -> None:
        self._corp, self._wire = corp, Wire(session, base)
        # of this process alone: WeCom gives each who asks the same one, until it ends (document/path/91039)
        self._token, self._fetching = "", asyncio.Lock()
        self._noted = ("", "")  # the method with which the operator has to help, and how

    async def try_secret(self) -> None:
        """Whether WeCom knows the app and its Secret, and lets us in from here (document/path/90227)."""
        await self._call("agent/get", agentid=str(self._corp.agent))

    async def send_text(self, member: str, text: str, *, once: bool) -> None:
        """A text of the app's (document/path/90236); of one sent `once`, a repeat within REPEATS arrives but once."""
        body: dict[str, Any] = {"touser": member, "agentid": self._corp.agent, "msgtype": "text"}
        body["text"] = {"content": text}
        if once:
            body |= {"enable_duplicate_check": 1, "duplicate_check_interval": REPEATS}
        answer = await self._call("message/send", body, heard=not once)
        if answer.get("invaliduser") or answer.get("unlicenseduser"):
            raise Unreachable("message/send: no such member, or one without a licence")

    async def _call(self, method: str, body: Body = None, *, heard: bool = False, **query: str) -> dict[str, Any]:
        """Call with the token; with another one, once, where it is good no more."""
        token = await self._good_token()
        try:
            return await self._with(token, method, query, body, heard)
        except Stale:
            token = await self._good_token(stale=token)
        try:
            return await self._with(token, method, query, body, heard)
        except Stale as failure:
            raise TryLater(why=str(failure)) from None

    async def _good_token(self, stale: str = "") -> str:
        """One that is not the stale one; however many wait for it, it is fetched once (gettoken)."""
        async with self._fetching:
            if self._token == stale:
                ours = {"corpid": self._corp.corpid, "corpsecret": self._corp.secret.get_secret_value()}
                answer = self._judged("gettoken", await self._wire.exchange("gettoken", ours))
                if not (token := str(answer.get("access_token", ""))):
                    raise TryLater(why=f"gettoken: {CANNOT_READ}")
                self._token = token
            return self._token

    async def _with(self, token: str, method: str, query: Mapping[str, str], body: Body, heard: bool) -> dict[str, Any]:
        answer = await self._wire.exchange(method, {**query, "access_token": token}, body, heard=heard)
        return self._judged(method, answer, heard)

    def _judged(self, method: str, answer: dict[str, Any] | bytes, heard: bool = False) -> dict[str, Any]:
        """The answer, if it tells of no failure; what the operator has to see to stands in the log, once."""
        if isinstance(answer, bytes):
            why = f"{method}: {CANNOT_READ}"
            raise Uncertain(why) if heard else TryLater(why=why)
        failure = trouble(answer, method)
        if isinstance(failure, OperatorNeeded) and self._noted != (method, str(failure)):
            self._noted = (method, str(failure))
            log.error("WeCom: %s", failure)
        elif failure is None and self._noted[0] == method:
            self._noted = ("", "")
        if failure is not None:
            raise failure
        return answer
