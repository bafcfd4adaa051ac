"""The server for a person to play with: on a page, or line by line in the terminal."""

import argparse
import asyncio
import sys

from tests.fakes.telegram_page import FakeTelegramByHand
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import Posted
from tests.fakes.telegram_transcript import line

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
            case "/start":
                await self.phone.start(payload=rest.strip())
            case "/block":
                await self.phone.block()
            case "/unblock":
                await self.phone.unblock()
            case "/as" if rest in {str(n) for n in range(1, len(self.phones) + 1)}:
                self.phone, self.shown = self.phones[int(rest) - 1], 0
                print(f"—— {self.phone.person.first_name} ——")
                self._print()
            case _ if word.startswith("#"):
                await self._tap(int(word[1:]))
            case _:
                await self.phone.say(typed)

    async def _tap(self, number: int) -> None:
        message = next((m for m in reversed(self.phone.screen) if m.buttons), None)
        if message is None or not 1 <= number <= len(message.labels):
            raise ValueError("no such button")
        tap = await self.phone.tap(message.labels[number - 1], message)
        await self.phone.world.bell.until(lambda: tap.answered or tap.query is None, 3.0)
        if said := tap.text or tap.url:
            print(f"※ {said}")

    def _fresh(self) -> list[Posted]:
        return [m for m in self.phone.screen if m.touched > self.shown]

    def _print(self) -> None:
        for message in self._fresh():
            print(line(message))
            self.shown = max(self.shown, message.touched)

    async def _watch(self) -> None:
        while True:
            await self.phone.world.bell.until(self._fresh, None)
            self._print()
