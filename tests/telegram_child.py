"""A serving process to be killed: the whole program, on a port it comes back to, at the time it is told."""

import asyncio
import logging
import multiprocessing
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.app import DESK, application
from bot.settings import Settings
from tests.telegram_quick import without_pace

NURSERY = multiprocessing.get_context("forkserver")  # processes of their own, with everything imported already
NURSERY.set_forkserver_preload(["tests.telegram_child"])


@asynccontextmanager
async def life(settings: Settings, port: int, ahead: float = 0) -> AsyncIterator[None]:
    """One life of the program, ended by a kill; its clock is `ahead` seconds."""
    given = settings.model_dump() | {"telegram_tokens": settings.telegram_tokens.get_secret_value()}
    process = NURSERY.Process(target=live, args=(given, port, ahead), daemon=True)
    process.start()
    try:
        yield
        assert process.is_alive(), "it died by itself"
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()


def live(given: dict[str, Any], port: int, ahead: float) -> None:
    logging.disable()
    with pytest.MonkeyPatch.context() as patch:
        without_pace(patch)
        app = application(Settings.model_validate(given), clock=False)
        app[DESK].now = lambda: datetime.now(UTC) + timedelta(seconds=ahead)
        web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)
