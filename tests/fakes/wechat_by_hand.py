"""The server for a person to play with: on a page, or line by line in the terminal."""

import argparse
import asyncio
import base64
import sys
from typing import get_args

from tests.fakes.wechat_page import FakeWechatByHand
from tests.fakes.wechat_phone import Phone
from tests.fakes.wechat_screen import line
from tests.fakes.wechat_state import Kind, Shown

APPID, SECRET, TOKEN = "wx0000000000000000", "demo-secret-of-the-fake-wechat-00", "demotoken"
AES_KEY = base64.b64encode(b"the fake WeChat's demonstration!").decode().rstrip("=")
RESIDENTS = ("居民甲", "居民乙", "居民丙", "网格员")
HELP = "写一句话就发送；#文字 点菜单或可点的一行；/follow [场景] 关注；/unfollow；/as 2 换居民；/quit 结束"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.wechat", description=__doc__)
    parser.add_argument("--port", type=int, default=8083)
    parser.add_argument("--server", default="", help="where letters are brought: the address set on mp.weixin.qq.com")
    parser.add_argument("--kind", choices=get_args(Kind), default="service")
    parser.add_argument("--terminal", action="store_true", help="chat here as well")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, options.server, options.kind, options.terminal))
    except KeyboardInterrupt:
        return


async def serve(port: int, server: str, kind: Kind, terminal: bool) -> None:
    async with FakeWechatByHand(port) as fake:
        fake.add_account(APPID, SECRET, kind=kind, token=TOKEN, aes_key=AES_KEY, server_url=server)
        phones = [fake.phone(name) for name in RESIDENTS]
        print(f"api: {fake.url}\nappid: {APPID}\nsecret: {SECRET}\ntoken: {TOKEN}\naes_key: {AES_KEY}")
        print(f"page: {fake.url}/", flush=True)
        if terminal:
            await Terminal(phones).run()
        else:
            await asyncio.Event().wait()


class Terminal:
    """One resident at a time, on standard input and output."""

    def __init__(self, phones: list[Phone]) -> None:
        self.phones, self.phone = phones, phones[0]
        self.shown = 0

    async def run(self) -> None:
        print(HELP)
        watching = asyncio.create_task(self._watch())
        try:
            while (typed := await asyncio.to_thread(sys.stdin.readline)) and typed.strip() != "/quit":
                try:
                    await self._do(typed.strip())
                except (AssertionError, ValueError) as e:
                    print(f"× {e}")
        finally:
            watching.cancel()

    async def _do(self, typed: str) -> None:
        word, _, rest = typed.partition(" ")
        match word:
            case "":
                return
            case "/follow":
                await self.phone.follow(scene=rest.strip())
            case "/unfollow":
                await self.phone.unfollow()
            case "/as" if rest in {str(n) for n in range(1, len(self.phones) + 1)}:
                self.phone, self.shown = self.phones[int(rest) - 1], 0
                print(f"—— {self.phone.name} ——")
                self._print()
            case _ if typed.startswith("#"):
                await tap(self.phone, typed[1:])
            case _:
                await self.phone.say(typed)

    def _fresh(self) -> list[Shown]:
        return [shown for shown in self.phone.conversation if shown.stamp > self.shown]

    def _print(self) -> None:
        for shown in self._fresh():
            print(line(shown))
            self.shown = shown.stamp

    async def _watch(self) -> None:
        while True:
            await self.phone.world.bell.until(self._fresh, None)
            self._print()


async def tap(phone: Phone, words: str) -> None:
    if words in phone.menu():
        await phone.click(words)
    else:
        await phone.tap_menu(words)
