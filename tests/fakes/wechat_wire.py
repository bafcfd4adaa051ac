"""The HTTP side of the API: reading calls, faults, and answers that are 200 whatever they say."""

import asyncio
import json
from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from tests.fakes import (  # noqa: F401  (they enter themselves in the table)
    wechat_about,
    wechat_agent,
    wechat_corp,
    wechat_credentials,
    wechat_menu,
    wechat_notices,
    wechat_sending,
)
from tests.fakes.wechat_call import Call, Upload, perform
from tests.fakes.wechat_open import Open
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_world import World

LARGEST = 12 * 1024 * 1024


class Wire:
    """`calls` are all that came in, whatever became of them; `refusals` those that got a no."""

    def __init__(self, world: World) -> None:
        self.world, self.open = world, Open(world)
        self.calls: list[Call] = []
        self.refusals: list[tuple[Call, Refusal]] = []
        self.closing = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST)
        self.open.furnish(app)
        app.router.add_route("*", "/cgi-bin/{path:.+}", self._api)
        app.router.add_route("*", "/{path:sns/.+}", self._api)
        return app

    async def _api(self, request: web.Request) -> web.StreamResponse:
        call = await self._read(request)
        self.calls.append(call)
        fault = self.world.faults.take(call.path)
        kind = fault.kind if fault else None
        if kind == "refuse":
            return _hang_up(request)
        if kind == "500":
            return web.Response(status=500, text="Internal Server Error")
        answer = self._outcome(call, kind if isinstance(kind, int) else 0)
        if kind == "hang":
            await self.closing.wait()
        return _hang_up(request) if kind == "cut" else answer

    async def _read(self, request: web.Request) -> Call:
        call = Call(self.world, request.match_info["path"], request.method, dict(request.query))
        call.remote, call.at = request.remote or "", self.world.now()
        if request.content_type == "multipart/form-data":
            file = (await request.post()).get("media")
            if isinstance(file, FileField):
                with file.file as f:
                    call.upload = Upload(file.filename, file.content_type, f.read())
        else:
            call.body = await request.read()
        return call

    def _outcome(self, call: Call, arranged: int) -> web.Response:
        try:
            if arranged:
                raise Refusal(arranged, ip=call.remote)
            answer = perform(call)
        except Refusal as refusal:
            self.refusals.append((call, refusal))
            answer = refusal.body()
        return answer if isinstance(answer, web.Response) else _json(answer)


def _json(body: Any) -> web.Response:
    return web.json_response(body, dumps=lambda value: json.dumps(value, ensure_ascii=False))


def _hang_up(request: web.Request) -> web.Response:
    """The connection is gone; what is returned reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()
