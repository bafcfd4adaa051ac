"""Somebody who sends too fast is told once and slowed; nobody else notices."""

from collections import OrderedDict
from dataclasses import dataclass

from bot.conversation.message import Address

A_MINUTE = 30  # messages
PACE = A_MINUTE / 60  # a second, once the first minute's worth is spent
LONGEST_QUEUE = 60.0  # seconds somebody may be behind before being asked to wait
REMEMBERED = 10_000  # addresses


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
    """A bucket of A_MINUTE messages for each address, refilled at PACE."""

    def __init__(self) -> None:
        self._allowances: OrderedDict[Address, Allowance] = OrderedDict()

    def judge(self, who: Address, now: float) -> Verdict:
        """Count one message; `now` in seconds of any steady clock."""
        allowance = self._allowances.setdefault(who, Allowance(A_MINUTE, now))
        self._allowances.move_to_end(who)
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
