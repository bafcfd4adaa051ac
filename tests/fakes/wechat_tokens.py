"""Access tokens: the stable ones, the older kind beside them, and what makes either worthless.

Source: developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html and api_getaccesstoken.html
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.wechat_refusal import Refusal

LIFETIME = 7200.0
OVERLAP = 300.0
FORCED_A_DAY, FORCED_APART = 20, 30.0
DAY = 86400.0
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{32,512}\Z")


@dataclass
class Token:
    value: str
    expires_at: float
    dies_at: float  # superseded tokens die before they expire
    stable: bool


@dataclass
class Tokens:
    """Those of one account. Seconds since 1970."""

    now: Callable[[], float]
    issued: list[Token] = field(default_factory=list)
    forced: list[float] = field(default_factory=list)

    def stable(self, force: bool) -> tuple[str, int]:
        """The same one until five minutes before its end; forced, the old one dies at once."""
        now, current = self.now(), self._newest(stable=True)
        if force:
            self._count_forced(now)
            for token in (t for t in self.issued if t.stable):
                token.dies_at = min(token.dies_at, now)
        elif current and current.dies_at > now and current.expires_at - now > OVERLAP:
            return current.value, int(current.expires_at - now)
        return self._issue(stable=True)

    def plain(self) -> tuple[str, int]:
        """A new one each time; the one before lives five minutes more, those before it no longer."""
        now = self.now()
        older = [t for t in self.issued if not t.stable]
        for token in older:
            token.dies_at = min(token.dies_at, now + OVERLAP if token is older[-1] else now)
        return self._issue(stable=False)

    def kept(self) -> tuple[str, int]:
        """As WeCom does it: the same one as long as it is good."""
        current, now = self._newest(stable=True), self.now()
        if current and min(current.dies_at, current.expires_at) > now:
            return current.value, int(current.expires_at - now)
        return self._issue(stable=True)

    def _count_forced(self, now: float) -> None:
        self.forced = [at for at in self.forced if now - at < DAY]
        if self.forced and now - self.forced[-1] < FORCED_APART:
            raise Refusal(45011)
        if len(self.forced) >= FORCED_A_DAY:
            raise Refusal(45009)
        self.forced.append(now)

    def _newest(self, stable: bool) -> Token | None:
        return next((t for t in reversed(self.issued) if t.stable is stable), None)

    def _issue(self, stable: bool) -> tuple[str, int]:
        end = self.now() + LIFETIME
        self.issued.append(Token(f"{len(self.issued)}_{secrets.token_urlsafe(96)}", end, end, stable))
        return self.issued[-1].value, int(LIFETIME)

    def knows(self, value: str) -> bool:
        return any(t.value == value for t in self.issued)

    def check(self, value: str) -> None:
        """Raises what a call with this token is told."""
        token = next((t for t in self.issued if t.value == value), None)
        if token is None:
            raise refusal_of_unknown(value)
        if self.now() >= token.expires_at:
            raise Refusal(42001)
        if self.now() >= token.dies_at:
            raise Refusal(40001)

    def end(self, errcode: int) -> None:
        """Every token so far is worthless: 42001 as if its time were up, 40001 as if another had been fetched."""
        for token in self.issued:
            token.dies_at = self.now()
            if errcode == 42001:
                token.expires_at = token.dies_at


def refusal_of_unknown(value: str) -> Refusal:
    return Refusal(40001 if WELL_FORMED.match(value) else 40014)
