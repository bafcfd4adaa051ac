"""All that is so at one moment: who there is, what was sent, what was wrong with it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from tests.fakes.bell import Bell
from tests.fakes.wechat_envelope import Server
from tests.fakes.wechat_faults import Faults
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_state import Account, Corp, Follower, Shown
from tests.fakes.wechat_tokens import refusal_of_unknown

MEDIA_LIVE = 3 * 86400.0
APOLOGY = "该公众号提供的服务出现故障，请稍后再试"


@dataclass(frozen=True)
class Media:
    data: bytes = field(repr=False)
    kind: str
    mime: str
    owner: str  # appid
    until: float


class QuotaViolation(NamedTuple):
    """A message the bot ought to have known it may not send."""

    at: float
    account: str
    openid: str
    errcode: int  # 0: WeCom says nothing and drops it


class Delivery(NamedTuple):
    """One attempt to bring a letter; status 0: no answer came, and `why` says how that was."""

    began: float  # by the monotonic clock
    account: str
    identity: str  # MsgId, or the event and when
    url: str
    attempt: int
    status: int
    seconds: float
    why: str = ""


class Breakage(NamedTuple):
    """An answer for which WeChat apologises to the resident."""

    account: str
    identity: str
    why: str
    body: str


class World:
    """`clock` is the time of day that tokens, windows, media and signatures go by."""

    def __init__(self) -> None:
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.bell = Bell()
        self.faults = Faults()
        self.accounts: dict[str, Account] = {}
        self.corps: dict[str, Corp] = {}
        self.media: dict[str, Media] = {}
        self.codes: dict[str, tuple[str, str, float]] = {}  # OAuth: appid, openid, when; used ones stay, without openid
        self.whitelist: set[str] | None = None  # for accounts that have none of their own
        self.quota_violations: list[QuotaViolation] = []
        self.deliveries: list[Delivery] = []
        self.broken: list[Breakage] = []
        self.patience = 5.0  # seconds until an attempt to bring a letter is given up
        self.retry_pause = 0.05  # seconds before it is brought again, where the attempt failed sooner
        self.repeats_nonces = False  # whether an attempt carries the timestamp and nonce of the one before
        self._turn = count(1)

    @property
    def url(self) -> str:
        raise NotImplementedError

    def now(self) -> float:
        return self.clock().timestamp()

    def stamp(self) -> int:
        """Counts everything that happens, so that later can be told from earlier."""
        return next(self._turn)

    def show(self, follower: Follower, shown: Shown) -> Shown:
        shown.stamp = self.stamp()
        follower.seen.append(shown)
        self.bell.ring()
        return shown

    def bring(self, server: Server, follower: Follower, event: str, **fields: object) -> None:
        """Send the server an event of which the person sees nothing."""
        raise NotImplementedError

    def holder(self, token: str) -> Server:
        """Whose access token this is; raises what a call with another one is told."""
        servers: list[Server] = [*self.accounts.values(), *self.corps.values()]
        for server in servers:
            if server.tokens.knows(token):
                server.tokens.check(token)
                return server
        raise refusal_of_unknown(token)

    def admit(self, server: Server, address: str) -> None:
        """Raises unless this address is on the whitelist: for tokens of a 公众号, and for everything in WeCom."""
        allowed = server.whitelist if server.whitelist is not None else self.whitelist
        if allowed is not None and address not in allowed:
            raise Refusal(60020 if isinstance(server, Corp) else 40164, ip=address)
        if isinstance(server, Account) and server.needs_confirmation:
            raise Refusal(89503)

    def violated(self, server: Server, follower: Follower, errcode: int) -> None:
        self.quota_violations.append(QuotaViolation(self.now(), server.receiver, follower.openid, errcode))

    def keep(self, data: bytes, kind: str, mime: str, owner: str) -> str:
        """A temporary media's id."""
        media_id = secrets.token_urlsafe(48)
        self.media[media_id] = Media(data, kind, mime, owner, self.now() + MEDIA_LIVE)
        return media_id

    def medium(self, media_id: str, owner: str) -> Media | None:
        found = self.media.get(media_id)
        return found if found and found.owner == owner and self.now() < found.until else None
