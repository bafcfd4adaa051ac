"""Somebody who sends too fast is told once and slowed; nobody else notices."""

from collections import OrderedDict
from dataclasses import dataclass

from bot.conversation.message import Address
from bot.understanding.danger import dangerous

A_MINUTE = 30  # messages
PACE = A_MINUTE / 60  # a second, once the first minute's worth is spent
LONGEST_QUEUE = 60.0  # seconds somebody may be behind before being asked to wait
REMEMBERED = 10_000  # buckets


@dataclass
class Allowance:
    left: float
    at: float  # seconds of a steady clock
    told: bool = False


@dataclass(frozen=True)
class Verdict:
    """How long to hold a message back, whether to say why, and whether to refuse it for now."""

    wait: float = 0.0
    tell: bool = False
    refuse: bool = False


class Flood:
    """A bucket of A_MINUTE messages for each address, refilled at PACE; and another for those that speak of danger.

    So somebody who has talked too fast is heard with a danger at once, and dangers can be no flood either.
    """

    def __init__(self) -> None:
        self._allowances: OrderedDict[tuple[Address, bool], Allowance] = OrderedDict()

    def judge(self, who: Address, now: float, text: str = "") -> Verdict:
        """Count one message; `now` in seconds of any steady clock."""
        bucket = who, dangerous(text) is not None
        allowance = self._allowances.setdefault(bucket, Allowance(A_MINUTE, now))
        self._allowances.move_to_end(bucket)
        while len(self._allowances) > REMEMBERED:
            self._allowances.popitem(last=False)
        allowance.left = min(A_MINUTE, allowance.left + (now - allowance.at) * PACE)
        allowance.at = now
        if allowance.left >= A_MINUTE / 2:
            allowance.told = False
        wait = max(0.0, (1 - allowance.left) / PACE)
        if wait > LONGEST_QUEUE:
            return Verdict(wait, refuse=True)
        allowance.left -= 1
        tell, allowance.told = wait > 0 and not allowance.told, allowance.told or wait > 0
        return Verdict(wait, tell)
