"""Who a browser is: a random cookie, of which the store knows only the digest."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from sqlmodel import Session

from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.message import Address
from bot.conversation.texts import LANGUAGES
from models.history import resident_at
from models.resident import Resident

COOKIE = "linlifang"
A_YEAR = 31_536_000
R = TypeVar("R", bound=web.StreamResponse)


@dataclass(frozen=True)
class Guest:
    """A browser at the door of one community."""

    address: Address
    language: str  # of the page; "" where it has not been chosen
    token: str
    secure: bool
    known: bool  # it has shown its cookie already

    def remembered(self, response: R) -> R:
        """The response with the cookie that will recognise this browser, if it has none yet."""
        if self.known:
            return response
        response.set_cookie(
            COOKIE, self.token, max_age=A_YEAR, httponly=True, samesite="Lax", secure=self.secure, path="/"
        )
        return response


def door(desk: Desk, request: web.Request, secure: bool) -> tuple[Community, Guest]:
    """Which community, and who stands there; 404 for no such community, 403 for another site's page."""
    community = desk.communities.get(request.match_info["slug"])
    if community is None:
        raise web.HTTPNotFound
    if request.method != "GET" and not same_origin(request):
        raise web.HTTPForbidden
    return community, guest_of(request, community.slug, secure)


def who_is(db: Session, guest: Guest) -> Resident | None:
    """The resident behind a browser; None before the first word."""
    a = guest.address
    resident_id = resident_at(db, a.channel, a.account, a.user)
    return db.get(Resident, resident_id) if resident_id else None


def guest_of(request: web.Request, slug: str, secure: bool) -> Guest:
    token = request.cookies.get(COOKIE, "")
    known = re.fullmatch(r"[A-Za-z0-9_-]{32}", token) is not None
    token = token if known else secrets.token_urlsafe(24)
    user = hashlib.sha256(f"linlifang guest {token}".encode()).hexdigest()[:32]
    language = request.cookies.get("language", "")
    return Guest(Address("web", slug, user), language if language in LANGUAGES else "", token, secure, known)


def same_origin(request: web.Request) -> bool:
    """Whether a request that changes something comes from our own page (or from no page at all)."""
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host
