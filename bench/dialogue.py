"""The report that every engine here takes in, in five messages, and who says them when."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

from bench.figures import Turns, measured

STEPS = 5
# one kind of trouble a resident: as in a neighbourhood, few of the open reports are of one kind
TROUBLES = (
    "{}幢楼道的灯坏了好几天", "{}幢门口水管漏水一上午了", "{}幢旁边下水道堵了很臭", "{}幢门前垃圾堆了一地",
    "{}幢前面的井盖松动了", "{}幢后面的树枝断了一根", "{}幢的电梯有异响好几天", "{}幢门口车位被人占了",
)  # fmt: skip
Answer = Callable[[int, str, str], Awaitable[str]]  # (resident, message id, text) -> what is said back


def line(resident: int, step: int, number: int) -> str:
    """What a resident says at a step of the dialogue of this number: no two reports are worded the same."""
    trouble = f"{TROUBLES[resident % len(TROUBLES)].format(resident + 1)}，记作{number}"
    return ("我要报修", trouble, "跳过", f"138{resident:04}{number:04}", "可以")[step]


def said(residents: Iterable[int], dialogues: Iterable[int]) -> Iterator[tuple[int, str, str]]:
    """Whole dialogues of several residents, interleaved."""
    for number in dialogues:
        for step in range(STEPS):
            for resident in residents:
                yield resident, f"{resident}-{number}-{step}", line(resident, step, number)


async def drive(answer: Answer, in_flight: int, dialogues: int, residents: int = 64) -> Turns:
    """Every resident holds so many dialogues, after one that is not counted."""
    seconds: list[float] = []

    async def hold(lines: Iterator[tuple[int, str, str]]) -> None:
        for message in lines:
            began = time.perf_counter()
            await asyncio.sleep(0)  # an engine that never yields would hide how long the others wait for it
            reply = await answer(*message)
            seconds.append(time.perf_counter() - began)
            if message[2] == "可以" and "工单" not in reply:
                raise RuntimeError(f"the report was not taken in: {reply}")

    async def all_of(numbers: range) -> None:
        groups = [range(n, residents, in_flight) for n in range(in_flight)]
        await asyncio.gather(*(hold(said(group, numbers)) for group in groups))

    await all_of(range(1))
    seconds.clear()
    began = time.perf_counter()
    await all_of(range(1, dialogues + 1))
    return measured(seconds, time.perf_counter() - began)
