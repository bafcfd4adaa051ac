"""A load client in a process of its own: 64 kept connections, each saying its residents' next line at once."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.dialogue import STEPS, line
from bench.figures import Turns, measured, to_line
from bench.house import SLUG, token
from bench.ptb import update_of

CONNECTIONS = 64
DIALOGUES = 5  # a guest's: the web chat slows down whoever sends thirty messages in a minute
Request = Callable[[int, int, str], bytes]  # (resident, message number, text)


def to_web_chat(resident: int, number: int, text: str) -> bytes:
    body = json.dumps({"id": f"m{number}", "text": text}, ensure_ascii=False).encode()
    return _post(f"/api/chat/{SLUG}/messages", f"Cookie: linlifang={token(resident)}\r\n", body)


def to_webhook(resident: int, number: int, text: str) -> bytes:
    body = json.dumps(update_of(resident * 1_000_000 + number, resident, text), ensure_ascii=False).encode()
    return _post("/", "", body)


def _post(path: str, more: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\n{more}Content-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def lines(connection: int, dialogues: int) -> Iterator[tuple[int, int, str]]:
    """Everything one connection says: guest after guest."""
    for number in range(dialogues * STEPS):
        dialogue, step = divmod(number, STEPS)
        resident = connection + CONNECTIONS * (dialogue // DIALOGUES)
        yield resident, number, line(resident, step, dialogue)


class Line(asyncio.Protocol):
    """One connection: sends when it has been answered, until nothing is left to say."""

    def __init__(self, requests: list[bytes]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.seconds: list[float] = []
        self.started = 0.0  # when the dialogue that is not counted was over
        self._requests, self._next, self._got = requests, 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        if b" 200 " not in head[:14]:
            self.done.set_exception(RuntimeError(self._got.decode()))
            return
        now = time.perf_counter()
        if self._next > STEPS:
            self.seconds.append(now - self._sent)
        elif self._next == STEPS:
            self.started = now
        if self._next % STEPS == 0 and "工单".encode() not in body and b"\\u5de5\\u5355" not in body:
            self.done.set_exception(RuntimeError(f"the report was not taken in: {self._got.decode()}"))
        elif self._next < len(self._requests):
            self._send()
        else:
            self.done.set_result(now)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server hung up"))

    def _send(self) -> None:
        self._got, self._sent = b"", time.perf_counter()
        self._transport.write(self._requests[self._next])
        self._next += 1


async def press(port: int, request: Request, connections: int, dialogues: int) -> Turns:
    """So many dialogues a connection, after one that is not counted."""
    loop = asyncio.get_running_loop()
    held = []
    for n in range(connections):
        requests = [request(*each) for each in lines(n, dialogues + 1)]
        held.append((await loop.create_connection(partial(Line, requests), "127.0.0.1", port))[1])
    ends = await asyncio.gather(*(each.done for each in held))
    seconds = [s for each in held for s in each.seconds]
    return measured(seconds, max(ends) - min(each.started for each in held))


def main() -> None:
    what, port, connections, dialogues = sys.argv[1:]
    request = to_web_chat if what == "web" else to_webhook
    print(to_line(asyncio.run(press(int(port), request, int(connections), int(dialogues)))))


if __name__ == "__main__":
    main()
