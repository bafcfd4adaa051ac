"""The HTTP side: addresses, parameters in four encodings, faults, the shape of answers."""

import asyncio
import inspect
import json
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from tests.fakes import telegram_editing, telegram_profile, telegram_receiving, telegram_sending  # noqa: F401
from tests.fakes.telegram_call import METHODS, Call, Upload
from tests.fakes.telegram_faults import Fault
from tests.fakes.telegram_limits import UPLOAD
from tests.fakes.telegram_receiving import Said
from tests.fakes.telegram_refusal import LOGGED_OUT, NO_SUCH_METHOD, NOT_FOUND, TOO_LARGE, UNAUTHORIZED, Refusal, bad
from tests.fakes.telegram_state import BotAccount, Payload
from tests.fakes.telegram_world import TOKEN, World

ROOM_FOR_FIELDS = 1024 * 1024


async def perform(call: Call) -> Any:
    """Do what the call asks; raises Refusal."""
    if call.method.lower() not in METHODS:
        raise NO_SUCH_METHOD
    if call.bot.logged_out:
        raise LOGGED_OUT
    call.method, do = METHODS[call.method.lower()]
    result = do(call)
    return await result if inspect.isawaitable(result) else result


class Wire:
    """`calls` are all that came in with a good token, whatever became of them; `refusals` those that got a no."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.refusals: list[tuple[Call, Refusal]] = []
        self.closing = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=UPLOAD + ROOM_FOR_FIELDS)
        app.router.add_route("*", "/bot{token:[^/]*}/{method:[^/]*}", self._api)
        app.router.add_get("/file/bot{token:[^/]*}/{path:.+}", self._file)
        return app

    async def _api(self, request: web.Request) -> web.Response:
        try:
            call = await self._read(request)
        except Refusal as refusal:
            return _answer(refusal)
        self.calls.append(call)
        fault = self.world.faults.take(call.method, call.chat_id(), call.bot.id)
        if fault and fault.kind == "slow":
            await self._pause(fault.seconds)
        if fault and fault.kind == "refuse":
            return _hang_up(request)
        answer = await self._outcome(call, fault)
        if fault and fault.kind == "accept-then-hang":
            await self.closing.wait()
        if fault and fault.kind == "cut":
            return _hang_up(request)
        return answer

    async def _outcome(self, call: Call, fault: Fault | None) -> web.Response:
        try:
            if fault and (arranged := fault.refusal()):
                if fault.kind == "429":
                    self.world.meter.halt(call.bot.id, fault.chat, fault.retry_after)
                raise arranged
            return _answer(await perform(call))
        except Refusal as refusal:
            self.refusals.append((call, refusal))
            return _answer(refusal)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()

    def _bot(self, token: str) -> BotAccount:
        if not TOKEN.match(token):
            raise NOT_FOUND
        if (bot := self.world.bot_of(token)) is None:
            raise UNAUTHORIZED
        return bot

    async def _read(self, request: web.Request) -> Call:
        call = Call(self.world, self._bot(request.match_info["token"]), request.match_info["method"])
        call.params.update(request.query)
        try:
            if request.content_type == "application/json":
                call.params.update(_object(await request.text()))
            elif request.can_read_body:
                for name, value in (await request.post()).items():
                    _enter(call, name, value)
        except web.HTTPRequestEntityTooLarge as e:
            raise TOO_LARGE from e
        return call

    async def _file(self, request: web.Request) -> web.Response:
        try:
            bot = self._bot(request.match_info["token"])
        except Refusal as refusal:
            return _answer(refusal)
        if fault := self.world.faults.take("download", None, bot.id):
            if fault.kind in ("refuse", "cut"):
                return _hang_up(request)
            if arranged := fault.refusal():
                return _answer(arranged)
            await self._pause(fault.seconds)
        data = self.world.files.at_path(request.match_info["path"], bot.id)
        return _answer(NOT_FOUND) if data is None else web.Response(body=data, content_type="application/octet-stream")


def _enter(call: Call, name: str, value: str | FileField | bytes | bytearray) -> None:
    if isinstance(value, FileField):
        with value.file as file:
            data = file.read()
        if len(data) > UPLOAD:
            raise TOO_LARGE
        call.uploads[name] = Upload(value.filename, value.content_type, data)
    else:
        call.params[name] = value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")


def _object(text: str) -> Payload:
    try:
        found = json.loads(text or "{}")
    except ValueError as e:
        raise bad("can't parse JSON object") from e
    if not isinstance(found, dict):
        raise bad("object expected")
    return found


def _answer(outcome: Any) -> web.Response:
    if isinstance(outcome, Refusal):
        return web.json_response(outcome.body(), status=outcome.code)
    if isinstance(outcome, Said):
        return web.json_response({"ok": True, **outcome._asdict()})
    return web.json_response({"ok": True, "result": outcome})


def _hang_up(request: web.Request) -> web.Response:
    """The connection is gone; what is returned reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()
