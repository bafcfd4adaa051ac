"""What goes wrong on purpose."""

from dataclasses import dataclass
from typing import Literal, get_args

from tests.fakes.telegram_refusal import Refusal, forbidden, too_many

Kind = Literal["429", "500", "502", "403", "accept-then-hang", "refuse", "cut", "slow"]
ANSWERS = {
    "500": Refusal(500, "Internal Server Error"),
    "502": Refusal(502, "Bad Gateway"),
    "403": forbidden("bot was blocked by the user"),
}


@dataclass(eq=False)
class Fault:
    """One arranged failure; `hits` counts how often it happened."""

    method: str
    kind: Kind
    left: int
    chat: int | None
    bot: int | None
    retry_after: int
    seconds: float
    hits: int = 0

    def matches(self, method: str, chat: int | None, bot: int) -> bool:
        return (
            self.left > 0
            and self.method in ("*", method.lower())
            and self.chat in (None, chat)
            and self.bot in (None, bot)
        )

    def refusal(self) -> Refusal | None:
        """The answer given instead of doing anything, if it is that kind."""
        return too_many(self.retry_after) if self.kind == "429" else ANSWERS.get(self.kind)

    def stop(self) -> None:
        self.left = 0


class Faults:
    def __init__(self) -> None:
        self.arranged: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        if fault.kind not in get_args(Kind):
            raise ValueError(f"no such fault: {fault.kind}")
        self.arranged.append(fault)
        return fault

    def take(self, method: str, chat: int | None, bot: int) -> Fault | None:
        """The first that fits, used up by one."""
        for fault in self.arranged:
            if fault.matches(method, chat, bot):
                fault.left -= 1
                fault.hits += 1
                return fault
        return None
