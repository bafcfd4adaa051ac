"""A language model of our own on loopback, strict about what it is asked; a test says what it answers.

async with FakeLanguageModel(key="secret") as fake:
    fake.says = '{"intent": "help"}'
"""

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

HOST, PATH = "127.0.0.1", "/v1/chat/completions"
MODEL = "sorter-1"
FIELDS = {"model", "messages", "temperature", "max_tokens", "response_format"}


class FakeLanguageModel:
    def __init__(self, key: str = "") -> None:
        self.says = "{}"  # the content of the answer
        self.answers: Callable[[], web.StreamResponse] | None = None  # instead of any content
        self.goes_on = asyncio.Event()  # an answer waits for it
        self.goes_on.set()
        self.is_asked = asyncio.Event()
        self.asked: list[dict[str, Any]] = []
        self._key = key

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post(PATH, self._complete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.goes_on.set()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._runner.addresses[0][1]}{PATH}"

    @property
    def heard(self) -> list[str]:
        """What it was told that residents wrote."""
        return [json.loads(asked["messages"][-1]["content"])["message"] for asked in self.asked]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if self._key and request.headers.get("Authorization") != f"Bearer {self._key}":
            return _refusal(401, "Incorrect API key provided")
        asked = await request.json()
        if problem := _problem(asked):
            return _refusal(400, problem)
        self.asked.append(asked)
        self.is_asked.set()
        await self.goes_on.wait()
        return self.answers() if self.answers else _completion(self.says)


def _problem(asked: Any) -> str:
    """What a real endpoint would turn down, "" for nothing."""
    if unknown := set(asked) - FIELDS:
        return f"Unrecognized request argument supplied: {', '.join(unknown)}"
    if asked.get("model") != MODEL:
        return f"The model `{asked.get('model')}` does not exist"
    roles = [(m["role"], type(m["content"])) for m in asked["messages"] if set(m) == {"role", "content"}]
    if roles != [("system", str), ("user", str)]:
        return "'messages' is not as it should be"
    if asked.get("response_format") == {"type": "json_object"} and "json" not in str(asked["messages"]).lower():
        return "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return ""


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=status)


def _completion(content: str) -> web.Response:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930}
    told = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": MODEL, "usage": usage}
    return web.json_response(told | {"choices": [choice]})
