"""One question to WeChat from the command line, and in plain words why there is no answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import ClientSession
from sqlalchemy import Engine

from bot.channels import Refused, TryLater, Uncertain, Unreachable
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.answers import OperatorNeeded
from bot.channels.wechat.api import Api
from bot.commands import Slip
from bot.logs import discreet
from bot.settings import Settings

T = TypeVar("T")


class NoAnswer(Slip):
    """WeChat did not do as asked; the message says why, and what to do."""


def ask(settings: Settings, store: Engine, account: Account, question: Callable[[Api], Awaitable[T]]) -> T:
    """What WeChat answers to this account; raises NoAnswer."""

    async def asked() -> T:
        async with ClientSession() as session:
            return await question(Api(account, session, store, settings, aloud=False))

    try:
        return asyncio.run(asked())
    except OperatorNeeded as failure:
        raise NoAnswer(str(failure)) from None
    except (TryLater, Unreachable, Refused, Uncertain) as failure:
        raise NoAnswer(f"{settings.wechat_api} does not do it: {discreet(str(failure))}") from None
