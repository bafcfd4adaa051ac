"""WeChat in a process of its own: python -m bench.wechat_load <mode> <port> <connections> <dialogues>.

Every letter is signed, and in safe mode encrypted, before the clock starts; replies are opened after it has stopped.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from bench.dialogue import STEPS
from bench.figures import Turns, measured, to_line
from bench.load import lines
from bench.wechat_house import AES_KEY, APPID, SECRET, TOKEN, openid
from tests.fakes.wechat_envelope import seal, unseal
from tests.fakes.wechat_state import Account
from tests.fakes.wechat_tokens import Tokens

LETTER = (
    "<xml><ToUserName><![CDATA[{to}]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
    "<CreateTime>{at}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
    "<MsgId>{number}</MsgId></xml>"
)


@dataclass
class Line:
    """One connection, kept for as long as the server keeps it: a letter, its reply, the next letter."""

    requests: Sequence[bytes]
    seconds: list[float] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    started: float = 0.0  # when the dialogue that is not counted was over

    async def run(self, port: int) -> float:
        """When the last reply was there."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, request in enumerate(self.requests):
            began = time.perf_counter()
            if writer.is_closing():
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            self.replies.append((await reader.readexactly(_length(head))).decode())
            if b" 200 " not in head[:14]:
                raise RuntimeError(f"not answered: {head!r} {self.replies[-1]}")
            if head.startswith(b"http/1.0") or b"connection: close" in head:
                writer.close()
            now = time.perf_counter()
            if number >= STEPS:
                self.seconds.append(now - began)
            elif number == STEPS - 1:
                self.started = now
        writer.close()
        return now


def account(mode: str) -> Account:
    modes: dict[str, Literal["safe", "plain"]] = {"safe": "safe", "plain": "plain"}
    return Account(APPID, SECRET, Tokens(time.time), token=TOKEN, aes_key=AES_KEY, mode=modes[mode])


def letter(server: Account, path: str, resident: int, number: int, text: str) -> bytes:
    now, name = int(time.time()), resident * 1_000_000 + number
    sender = openid(resident)
    xml = LETTER.format(to=server.original_id, sender=sender, at=now, text=text, number=name)
    query, body = seal(server, xml, sender, str(now), str(name))
    head = f"POST {path}?{urlencode(query)} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def press(mode: str, port: int, connections: int, dialogues: int) -> Turns:
    """So many dialogues a connection, after one that is not counted; raises if a report was not taken in."""
    server = account(mode)
    path = f"/wechat/{APPID}" if mode == "safe" else "/"
    each = [Line([letter(server, path, *said) for said in lines(n, dialogues + 1)]) for n in range(connections)]
    ends = await asyncio.gather(*(line.run(port) for line in each))
    took = max(ends) - min(line.started for line in each)
    for line in each:
        for reply in line.replies[STEPS - 1 :: STEPS]:
            if "工单" not in unseal(server, reply):
                raise RuntimeError(f"the report was not taken in: {unseal(server, reply)}")
    return measured([s for line in each for s in line.seconds], took)


def _length(head: bytes) -> int:
    return int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])


if __name__ == "__main__":
    mode, *numbers = sys.argv[1:]
    print(to_line(asyncio.run(press(mode, *map(int, numbers)))))
