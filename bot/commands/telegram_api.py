"""One question to Telegram from the command line, and in plain words why there is no answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from bot.commands import Slip
from bot.logs import discreet
from bot.settings import TELEGRAM, Settings

if TYPE_CHECKING:
    from telegram import Bot, WebhookInfo
    from telegram.error import TelegramError

T = TypeVar("T")


class NoAnswer(Slip):
    """Telegram did not do as asked; the message says why, and what to do."""


def ask(settings: Settings, token: SecretStr, question: "Callable[[Bot], Awaitable[T]]") -> T:
    """What Telegram answers to this bot; raises NoAnswer."""
    from telegram.error import TelegramError  # here: the client takes a while to load, other commands need none

    from bot.channels.telegram.wire import open_bot

    async def asked() -> T:
        proxy = settings.telegram_proxy.get_secret_value()
        client = open_bot(token.get_secret_value(), settings.telegram_api, proxy=proxy, local=settings.telegram_local)
        async with client as bot:
            return await question(bot)

    try:
        return asyncio.run(asked())
    except TelegramError as failure:
        raise NoAnswer(_in_words(failure, settings)) from None


async def username(bot: "Bot") -> str:
    return bot.username  # opening the bot has asked


async def webhook_info(bot: "Bot") -> "WebhookInfo":
    return await bot.get_webhook_info()


async def delete_webhook(bot: "Bot") -> bool:
    return await bot.delete_webhook()


def _in_words(failure: "TelegramError", settings: Settings) -> str:
    from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter

    if isinstance(failure, InvalidToken):  # its own words show the token
        return "Telegram does not know this token: copy it again from BotFather (/mybots, the bot, API Token)"
    if isinstance(failure, Conflict):
        return "another program fetches with the same token: end it, or get a new token from BotFather (/revoke)"
    if isinstance(failure, RetryAfter):
        return f"Telegram asks for patience: {discreet(failure.message)}"
    if isinstance(failure, NetworkError) and not isinstance(failure, BadRequest):
        return f"{settings.telegram_api} does not answer: {discreet(failure.message)}; {_way_out(settings)}"
    refused = isinstance(failure, BadRequest | Forbidden)
    return f"Telegram {'refuses' if refused else 'answers'}: {discreet(failure.message)}"


def _way_out(settings: Settings) -> str:
    if settings.telegram_proxy.get_secret_value():
        return "is the proxy of LINLIFANG_TELEGRAM_PROXY running, and does it lead there?"
    if settings.telegram_api != TELEGRAM:
        return "is the server of LINLIFANG_TELEGRAM_API running?"
    return "where Telegram is blocked, as in mainland China, name a proxy: LINLIFANG_TELEGRAM_PROXY=socks5://host:port"
