"""What goes wrong on purpose."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["500", "refuse", "hang", "cut"]  # of the last two the call is obeyed, and nobody hears so


@dataclass(eq=False)
class Fault:
    """One arranged failure; `hits` counts how often it happened."""

    path: str
    kind: int | Kind
    left: int
    hits: int = 0

    def stop(self) -> None:
        self.left = 0


class Faults:
    def __init__(self) -> None:
        self.arranged: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        if not isinstance(fault.kind, int) and fault.kind not in get_args(Kind):
            raise ValueError(f"no such fault: {fault.kind}")
        self.arranged.append(fault)
        return fault

    def take(self, path: str) -> Fault | None:
        """The first that fits, used up by one."""
        for fault in self.arranged:
            if fault.left > 0 and fault.path in ("*", path):
                fault.left -= 1
                fault.hits += 1
                return fault
        return None
