"""Who a browser is: a random cookie, of which the store knows only the digest.

Whoever is recognised gets another, so that a cookie planted before opens nothing after.
"""

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
    cookie: str  # the name of the one that holds the token
    token: str
    secure: bool
    known: bool  # it has shown its cookie already

    @property
    def recognised(self) -> bool:
        """Whether it shows the cookie given to who was recognised here."""
        return self.known and self.cookie != COOKIE

    def anew(self) -> "Guest":
        """The same browser by a token that nobody else can have put there, for this community alone."""
        slug, token = self.address.account, secrets.token_urlsafe(24)
        return Guest(_address(slug, token), self.language, _own(slug, self.secure), token, self.secure, known=False)

    def remembered(self, response: R) -> R:
        """The response with the cookie that will recognise this browser, if it has none yet."""
        if self.known:
            return response
        response.set_cookie(
            self.cookie, self.token, max_age=A_YEAR, httponly=True, samesite="Lax", secure=self.secure, path="/"
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
    """By the cookie of who was recognised in this community, else by the one any visitor has."""
    language = request.cookies.get("language", "")
    language = language if language in LANGUAGES else ""
    for cookie in (_own(slug, secure), COOKIE):
        token = request.cookies.get(cookie, "")
        if re.fullmatch(r"[A-Za-z0-9_-]{32}", token):
            return Guest(_address(slug, token), language, cookie, token, secure, known=True)
    token = secrets.token_urlsafe(24)
    return Guest(_address(slug, token), language, COOKIE, token, secure, known=False)


def _own(slug: str, secure: bool) -> str:
    """A name with this prefix cannot be set from a sister domain or without https (RFC 6265bis, section 4.1.3.2)."""
    return f"{'__Host-' if secure else ''}{COOKIE}-{slug}"


def _address(slug: str, token: str) -> Address:
    return Address("web", slug, hashlib.sha256(f"linlifang guest {token}".encode()).hexdigest()[:32])


def same_origin(request: web.Request) -> bool:
    """Whether a request that changes something comes from our own page (or from no page at all)."""
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host
