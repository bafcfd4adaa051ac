"""The server for a person to play with: on a page, or line by line in the terminal."""

import argparse
import asyncio
import base64
from typing import get_args

from tests.fakes.terminal import Terminal
from tests.fakes.wechat_page import FakeWechatByHand
from tests.fakes.wechat_phone import Phone
from tests.fakes.wechat_screen import line
from tests.fakes.wechat_state import Kind

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
            await Terminal(phones, RESIDENTS, fake.bell, HELP, do, news).run()
        else:
            await asyncio.Event().wait()


async def do(phone: Phone, typed: str) -> None:
    word, _, rest = typed.partition(" ")
    match word:
        case "/follow":
            await phone.follow(scene=rest.strip())
        case "/unfollow":
            await phone.unfollow()
        case _ if typed.startswith("#"):
            await tap(phone, typed[1:])
        case _:
            await phone.say(typed)


def news(phone: Phone, seen: int) -> list[tuple[int, str]]:
    return [(shown.stamp, line(shown)) for shown in phone.conversation if shown.stamp > seen]


async def tap(phone: Phone, words: str) -> None:
    if words in phone.menu():
        await phone.click(words)
    else:
        await phone.tap_menu(words)
