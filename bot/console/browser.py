"""Whom the console takes a request to be from: the browser by its cookie, the network address, the form by its token."""

import hashlib
import re
import secrets
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp import web

from models.login import LONGEST, new_token

FORM_FIELD, FORM_HEADER = "form_token", "X-Form-Token"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
NAMES = (  # the first that is found, for browsers pretend to be one another
    ("MicroMessenger", "WeChat"),
    ("wxwork", "WeCom"),
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
MACHINES = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def cookie_name(secure: bool) -> str:
    """Under https a name that cannot be set from a sister domain (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-linlifang-console" if secure else "linlifang-console"


def token_in(request: web.Request, secure: bool) -> str | None:
    """The token a browser shows; None for none."""
    token = request.cookies.get(cookie_name(secure), "")
    return token if TOKEN.fullmatch(token) else None


def give_token(response: web.StreamResponse, token: str, secure: bool) -> None:
    """Let the browser show this token from now on; a new one where it is empty."""
    response.set_cookie(
        cookie_name(secure),
        token or new_token(),
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=secure,
        path="/",
    )


def form_token(token: str) -> str:
    """What every form of a page carries, so that no other site's page can send one: it cannot read the cookie."""
    return hashlib.sha256(f"linlifang form {token}".encode()).hexdigest()


async def is_own_form(request: web.Request, token: str | None) -> bool:
    """Whether a request that changes something was made on a page of ours, in this browser."""
    shown = request.headers.get(FORM_HEADER) or (await request.post()).get(FORM_FIELD)
    return token is not None and isinstance(shown, str) and compare_digest(shown.encode(), form_token(token).encode())


def address_of(request: web.Request) -> str:
    """Where a request comes from: what our own proxy says, if one stands before us on this machine."""
    remote = request.remote or ""
    passed_on = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return passed_on if passed_on and _is_loopback(remote) and _parsed(passed_on) else remote


def part_of(address: str) -> str:
    """As much of an address as tells one network from another, and not one person: /24 and /48."""
    known = _parsed(address)
    if known is None:
        return ""
    return str(ip_network(f"{known}/{24 if known.version == 4 else 48}", strict=False).network_address)


def browser_of(request: web.Request) -> str:
    """Which browser on what, so that somebody tells their own logins apart."""
    agent = request.headers.get("User-Agent", "")
    found = [next((name for mark, name in known if mark in agent), "") for known in (NAMES, MACHINES)]
    return ", ".join(part for part in found if part)


def reference() -> str:
    """A number somebody can read out, and that leads to the trace in the log."""
    return secrets.token_hex(3).upper()


def _is_loopback(address: str) -> bool:
    known = _parsed(address)
    return known is not None and known.is_loopback


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None
