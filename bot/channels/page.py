"""The two pages of the web chat: choosing a community, and the chat itself."""

import tomllib
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.channels.guest import A_YEAR, guest_of
from bot.content.pack import SCENES
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.texts import LANGUAGES, texts

PAGES = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self)",
}


@cache
def words_of(language: str) -> dict[str, str]:
    """The pages' own words."""
    tables: dict[str, dict[str, str]] = tomllib.loads((PAGES / "words.toml").read_text("utf-8"))
    return tables[language if language in LANGUAGES else "zh"]


class Pages:
    """Renders the pages from templates; everything a community says is escaped."""

    def __init__(self, desk: Desk, secure: bool) -> None:
        self._desk, self._secure = desk, secure
        loader = FileSystemLoader(PAGES)
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/", self.home),
            web.get("/c/{slug}", self.chat),
            web.static("/static", PAGES / "static"),
        ]

    async def home(self, request: web.Request) -> web.Response:
        language = language_of(request)
        communities = [_described(c, language) for c in self._desk.communities.all()]
        return self._page("home.html", language, communities=communities)

    async def chat(self, request: web.Request) -> web.Response:
        community = self._desk.communities.get(request.match_info["slug"])
        if community is None:
            raise web.HTTPNotFound
        language = language_of(request)
        page = self._page("chat.html", language, **_described(community, language))
        guest = guest_of(request, community.slug, self._secure)
        return replace(guest, known=False).remembered(page)  # for another year

    def _page(self, template: str, language: str, **facts: Any) -> web.Response:
        html = self._templates.get_template(template).render(language=language, t=words_of(language), **facts)
        response = web.Response(text=html, content_type="text/html", headers=SAFE | {"Cache-Control": "no-store"})
        response.set_cookie("language", language, max_age=A_YEAR, samesite="Lax", secure=self._secure)
        return response


def language_of(request: web.Request) -> str:
    """Asked for by the address, remembered, or the browser's own."""
    for wanted in (request.query.get("lang"), request.cookies.get("language")):
        if wanted in LANGUAGES:
            return str(wanted)
    accepted = request.headers.get("Accept-Language", "zh").lower()
    return "en" if accepted.startswith("en") and "zh" not in accepted else "zh"


def _described(community: Community, language: str) -> dict[str, Any]:
    pack, say = community.pack, texts(language)
    c, counts = pack.community, Counter(str(p.scene) for p in pack.places)
    return {
        "slug": c.slug,
        "name": say.show(c.name.model_dump()),
        "district": say.show(c.district.model_dump()),
        "phone": c.phone,
        "profile": say.show(c.profile.model_dump()),
        "brands": [{"name": say.show(b.name.model_dump()), "what": say.show(b.what.model_dump())} for b in pack.brands],
        "scenes": [{"scene": s, "name": say(f"places.scene_{s}"), "count": counts[s]} for s in SCENES if counts[s]],
        "alliance": c.alliance,
        "demo": c.demo,
    }


@web.middleware
async def safe_headers(request: web.Request, handler: Any) -> web.StreamResponse:
    """Static files are checked with the server each time: their names carry no version."""
    response: web.StreamResponse
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        refusal.headers.update(SAFE)
        raise
    if not response.prepared:
        for name, value in SAFE.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "no-cache"
    return response
