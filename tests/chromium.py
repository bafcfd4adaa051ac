"""A real browser for pages: Chromium where it is installed."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
NEEDED = [
    pytest.mark.slow,
    pytest.mark.skipif(  # nobody has to install a browser to try the project; CI does, so there its absence is an error
        CHROMIUM is None and not os.environ.get("CI"),
        reason="Chromium is not installed, an optional program outside CI",
    ),
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
