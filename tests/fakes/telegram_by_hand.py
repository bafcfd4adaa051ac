"""The server for a person to play with: on a page, or line by line in the terminal."""

import argparse
import asyncio

from tests.fakes.telegram_page import FakeTelegramByHand
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_transcript import line
from tests.fakes.terminal import Terminal

TOKEN = "1000100010:DEMO-token-of-the-fake-telegram-00"
RESIDENTS = ("居民甲", "居民乙", "居民丙", "网格员")
HELP = "写一句话就发送；#2 点第二个按钮；/start 开始；/block /unblock 屏蔽；/as 2 换居民；/quit 结束"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--terminal", action="store_true", help="chat here as well")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, options.terminal))
    except KeyboardInterrupt:
        return


async def serve(port: int, terminal: bool) -> None:
    async with FakeTelegramByHand(port) as fake:
        fake.add_bot(TOKEN, "linlifang_demo_bot")
        phones = [fake.phone(number, name) for number, name in enumerate(RESIDENTS, 1)]
        print(f"LINLIFANG_TELEGRAM_API={fake.url}\ntoken: {TOKEN}\npage: {fake.url}/", flush=True)
        if terminal:
            await Terminal(phones, RESIDENTS, fake.bell, HELP, do, news).run()
        else:
            await asyncio.Event().wait()


async def do(phone: Phone, typed: str) -> None:
    word, _, rest = typed.partition(" ")
    match word:
        case "/start":
            await phone.start(payload=rest.strip())
        case "/block":
            await phone.block()
        case "/unblock":
            await phone.unblock()
        case _ if word.startswith("#"):
            await tap(phone, int(word[1:]))
        case _:
            await phone.say(typed)


async def tap(phone: Phone, number: int) -> None:
    message = next((m for m in reversed(phone.screen) if m.buttons), None)
    if message is None or not 1 <= number <= len(message.labels):
        raise ValueError("no such button")
    tapped = await phone.tap(message.labels[number - 1], message)
    await phone.world.bell.until(lambda: tapped.answered or tapped.query is None, 3.0)
    if said := tapped.text or tapped.url:
        print(f"※ {said}")


def news(phone: Phone, seen: int) -> list[tuple[int, str]]:
    return [(m.touched, line(m)) for m in phone.screen if m.touched > seen]
