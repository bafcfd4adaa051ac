"""From a request to a page: who asks, whether they may, what they get."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

import bot.console.rooms  # noqa: F401  (they enter their pages in the table)
from bot.channels.guest import A_YEAR
from bot.channels.page import language_of
from bot.console.browser import address_of, browser_of, give_token, is_own_form, reference, token_in
from bot.console.counter import attend, let_in, whose
from bot.console.live import Watch
from bot.console.look import Look
from bot.console.page import HOME, PAGES, Page
from bot.console.visit import Answer, Caller, Follow, Goto, Missing, Shown
from bot.conversation.desk import Desk
from models.lifecycle import NotNow
from models.login import new_token

log = logging.getLogger(__name__)
STATIC = Path(__file__).parent / "static"
LOGIN = f"{HOME}/login"
TOLD = "linlifang-told"  # the cookie with what the next page says once
REFUSALS = ((Missing, 404, "missing"), (PermissionError, 403, "role"), (NotNow, 409, "changed"))


class House:
    """Serves the pages of the table to whom each is for."""

    def __init__(self, desk: Desk, secure: bool) -> None:
        self._desk, self._secure = desk, secure
        self._look, self.watch = Look(), Watch(desk)

    def routes(self) -> list[web.AbstractRouteDef]:
        pages = [web.route(page.method, page.path, partial(self.answer, page)) for page in PAGES.values()]
        nowhere = web.route("*", HOME + "{rest:/.*}", self.nowhere)
        return [*pages, web.static("/static/console", STATIC), nowhere]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Look for news as long as the context lasts."""
        looking = asyncio.create_task(self.watch.run())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def answer(self, page: Page, request: web.Request) -> web.StreamResponse:
        """Ask who it is, then whether a page of ours asks, then whether they may; only then is anything done."""
        token = token_in(request, self._secure)
        known = await asyncio.to_thread(whose, self._desk, token) if token and page.needs is not None else None
        if page.method != "GET" and not await is_own_form(request, token):
            return self._refuse(request, 403, "form")
        if page.needs is not None and known is None:
            return self._to_login(request)
        if page.needs is not None and known is not None and known.worker.role < page.needs:
            return self._refuse(request, 403, "role")
        caller = await self._caller(request, token or new_token())
        try:
            run = partial(let_in, self._look, page, caller)
            if page.needs is not None and known is not None:
                run = partial(attend, self._look, page, caller, known)
            answer, html = await asyncio.to_thread(run)
        except Exception as failure:
            return self._failed(request, failure)
        if isinstance(answer, Follow) and known is not None:
            return await self.watch.follow(request, caller.token, known.worker.community_id)
        return self._respond(request, caller, answer, html)

    async def nowhere(self, request: web.Request) -> web.StreamResponse:
        return self._refuse(request, 404, "missing")

    async def _caller(self, request: web.Request, token: str) -> Caller:
        form = {} if request.method == "GET" else await request.post()
        return replace(self._stranger(request), token=token, form=form)

    def _stranger(self, request: web.Request) -> Caller:
        return Caller(
            self._desk,
            token="",
            address=address_of(request),
            browser=browser_of(request),
            language=language_of(request),
            path=request.match_info,
            query=request.query,
            form={},
            told=request.cookies.get(TOLD, ""),
            part=request.headers.get("HX-Request") == "true",
            unasked="X-By-Itself" in request.headers,
        )

    def _respond(self, request: web.Request, caller: Caller, answer: Answer, html: str) -> web.Response:
        response = web.Response(headers={"Cache-Control": "no-store"})
        if isinstance(answer, Goto):
            response.set_status(303)
            response.headers["Location"] = answer.path
            if answer.told:
                response.set_cookie(TOLD, answer.told, max_age=60, httponly=True, samesite="Lax", path=HOME)
        elif isinstance(answer, Shown):
            response.set_status(answer.status)
            response.text, response.content_type = html, "text/html"
            if caller.told and not caller.part:
                response.del_cookie(TOLD, path=HOME)
        if isinstance(answer, Goto) and answer.token is not None:
            give_token(response, answer.token or new_token(), self._secure)
        elif token_in(request, self._secure) is None:
            give_token(response, caller.token, self._secure)
        if "lang" in request.query:
            response.set_cookie("language", caller.language, max_age=A_YEAR, samesite="Lax", secure=self._secure)
        return response

    def _to_login(self, request: web.Request) -> web.Response:
        """Whoever is not logged in, or no more: a page open since then is sent there as a whole."""
        if request.method != "GET" or request.path == f"{HOME}/stream":
            return self._refuse(request, 403, "login")
        where = LOGIN if request.path == HOME else f"{LOGIN}?next={quote(request.path_qs, safe='')}"
        if request.headers.get("HX-Request") == "true":
            return web.Response(status=401, headers={"HX-Redirect": LOGIN, "Cache-Control": "no-store"})
        return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})

    def _failed(self, request: web.Request, failure: Exception) -> web.Response:
        for kind, status, why in REFUSALS:
            if isinstance(failure, kind):
                return self._refuse(request, status, why)
        number = reference()
        log.error("reference %s: a page of the console failed", number, exc_info=failure)
        return self._refuse(request, 500, "failed", number)

    def _refuse(self, request: web.Request, status: int, why: str, number: str = "") -> web.Response:
        caller = self._stranger(request)
        html = self._look.render(Shown("refused.html", {"why": why, "number": number}), caller)
        headers = {"Cache-Control": "no-store"}
        return web.Response(text=html, status=status, content_type="text/html", headers=headers)
