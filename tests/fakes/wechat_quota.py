"""How many customer-service messages may still go to one follower.

Source: developers.weixin.qq.com/doc/subscription/api/customer/message/api_sendcustommessage.html. It does not say how
two open windows add up: here a message counts against both, the stricter reading.
"""

from dataclasses import dataclass, field

from tests.fakes.wechat_refusal import Refusal


@dataclass
class Window:
    left: int
    until: float


@dataclass
class Quota:
    """Seconds since 1970."""

    windows: dict[str, Window] = field(default_factory=dict)

    def wrote(self, now: float) -> None:
        self.windows["message"] = Window(5, now + 48 * 3600)

    def acted(self, now: float) -> None:
        """A menu click, a follow, a scan, a tap on a line of a msgmenu."""
        self.windows["action"] = Window(3, now + 60)

    def close(self) -> None:
        self.windows.clear()

    def left(self, now: float) -> int:
        return max((w.left for w in self._open(now)), default=0)

    def spend(self, now: float) -> None:
        open_ = self._open(now)
        if not open_:
            raise Refusal(45015)
        if not any(w.left for w in open_):
            raise Refusal(45047)
        for window in open_:
            window.left = max(0, window.left - 1)

    def _open(self, now: float) -> list[Window]:
        return [w for w in self.windows.values() if now < w.until]
