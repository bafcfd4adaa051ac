"""One call of the API: with whose token, with what; and the table of methods with the rights they need."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_state import Account, Corp, Follower, Payload
from tests.fakes.wechat_world import World

ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\(u[0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Upload:
    filename: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(eq=False)
class Call:
    """`server` is the holder of the access token, None where the method takes none."""

    world: World = field(repr=False)
    path: str
    verb: str
    query: dict[str, str] = field(repr=False)  # the access token is in it
    body: bytes = field(default=b"", repr=False)
    remote: str = ""
    at: float = 0.0
    upload: Upload | None = None
    server: Account | Corp | None = None

    @property
    def account(self) -> Account:
        if not isinstance(self.server, Account):
            raise Refusal(48001)
        return self.server

    @property
    def corp(self) -> Corp:
        if not isinstance(self.server, Corp):
            raise Refusal(48001)
        return self.server

    @property
    def json(self) -> Payload:
        r"""The body. \uXXXX stays as it is written: that is what residents would read."""
        if not self.body.strip():
            raise Refusal(44002)
        try:
            found = json.loads(ESCAPE.sub(rb"\1\\\\\2", self.body).decode())
        except ValueError as e:
            raise Refusal(47001) from e
        if not isinstance(found, dict):
            raise Refusal(47001)
        return found

    def part(self, name: str) -> Payload:
        """An object within the body."""
        found = self.json.get(name)
        if not isinstance(found, dict):
            raise Refusal(47001)
        return found

    def follower(self, openid: Any) -> Follower:
        """Whom this account has ever met."""
        if (found := self.account.followers.get(str(openid))) is None:
            raise Refusal(40003)
        return found


class Method(NamedTuple):
    verb: str
    kinds: tuple[str, ...]  # account kinds that have the right; "corp" for WeCom; none: needs no token
    do: Callable[[Call], Any]


METHODS: dict[str, Method] = {}
VERIFIED = ("service", "subscription")
EVERYBODY = ("service", "subscription", "unverified")


def method(path: str, verb: str, *kinds: str) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Enter it in the table, under its path without /cgi-bin/."""

    def enter(do: Callable[[Call], Any]) -> Callable[[Call], Any]:
        METHODS[path] = Method(verb, kinds, do)
        return do

    return enter


def perform(call: Call) -> Any:
    """Do what the call asks; raises Refusal."""
    if (found := METHODS.get(call.path)) is None:
        raise Refusal(40066)
    if found.verb not in ("*", call.verb):
        raise Refusal(43001 if found.verb == "GET" else 43002)
    if found.kinds:
        if not (token := call.query.get("access_token", "")):
            raise Refusal(41001)
        call.server = call.world.holder(token)
        _may(call, found.kinds)
    return found.do(call)


def _may(call: Call, kinds: tuple[str, ...]) -> None:
    if isinstance(call.server, Corp):
        if "corp" not in kinds:
            raise Refusal(48001)
        call.world.admit(call.server, call.remote)
        return
    account, today = call.account, int((call.at + 8 * 3600) // 86400)
    if account.kind not in kinds:
        raise Refusal(48001)
    limit = account.daily_limits.get(call.path)
    if limit is not None and account.counted[call.path, today] >= limit:
        raise Refusal(45009)
    account.counted[call.path, today] += 1
