"""An open line to one bot: every request to Telegram passes here, at its time and with its failures named."""

import asyncio
import time
from dataclasses import dataclass

import telegram

from bot.channels import TryLater
from bot.channels.telegram.bots import TelegramAccount
from bot.channels.telegram.call import Call
from bot.channels.telegram.pacer import Pacer
from bot.channels.telegram.wire import Moved, Throttled, perform
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from models.group import group_moved
from models.store import transaction

PATIENCE = 20.0  # seconds a reply waits for its chat's turn before it is put off instead


@dataclass
class Line:
    account: TelegramAccount  # as the store last said
    bot: telegram.Bot
    pacer: Pacer
    desk: Desk
    page: str  # where the web chat is, without a slash at the end

    async def say(self, chat: str, call: Call) -> object:
        """Send something a person waits for, as soon as the limits let it; raises the failures of a Channel.

        A short silence that Telegram asks for is waited out here: what follows in the chat must not overtake.
        """
        until = time.monotonic() + PATIENCE
        while True:
            try:
                await self.pacer.turn(chat)
                return await self.send(chat, call)
            except TryLater as failure:
                if time.monotonic() + failure.seconds > until:
                    raise
                await asyncio.sleep(failure.seconds)

    async def send(self, chat: str, call: Call) -> object:
        """Make a request whose departure has come; silence that Telegram asks for is kept from now on.

        `chat` is "" for a request that names none. A group that has a new number is found there.
        """
        try:
            return await perform(self.bot, chat, call)
        except Throttled as failure:
            await self.pacer.halted(chat, failure.seconds)
            raise
        except Moved as moved:
            await asyncio.to_thread(self._moved, chat, moved.chat)
            return await perform(self.bot, moved.chat, call)

    def _moved(self, chat: str, to: str) -> None:
        with transaction(self.desk.engine, None, self.desk.now()) as db:
            group_moved(db, "telegram", self.account.serves, chat, to)

    def communities(self) -> list[Community]:
        """Those the bot serves, as they are now."""
        return [c for slug in self.account.serves if (c := self.desk.communities.get(slug))]

    def link(self, payload: str = "") -> str:
        """The address that opens a private chat with the bot."""
        plain = f"https://t.me/{self.account.username}"
        return f"{plain}?start={payload}" if payload else plain
