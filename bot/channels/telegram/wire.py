"""One call to the Bot API, and the name of whatever came of it."""

import os
from datetime import timedelta

import httpx
import telegram
from telegram import error
from telegram.request import HTTPXRequest

from bot.channels import Refused, TryLater, Uncertain, Unreachable
from bot.channels.telegram.call import Call
from bot.settings import TELEGRAM

os.environ.setdefault("PTB_TIMEDELTA", "1")  # spans of time as such; else the library warns at each 429

NOT_OURS = 300.0  # seconds until a token that was not accepted is tried again: somebody has to look into it
BEFORE_THE_WIRE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy answered that it would not let us through
    httpx.UnsupportedProtocol,
)
NOBODY_THERE = ("chat not found", "user not found")
TOO_LARGE = "request entity too large"


class Throttled(TryLater):
    """Telegram asked for silence: for the pacer to keep."""


class Moved(Exception):
    """The group has become a supergroup, under a new id."""

    def __init__(self, chat: str) -> None:
        super().__init__("the group has a new id")
        self.chat = chat


def open_bot(token: str, api: str = TELEGRAM, *, proxy: str = "", local: bool = False) -> telegram.Bot:
    """A client of the Bot API at this address, to be used in `async with`; our pacer does what rate limiters do.

    `local` is for a Bot API server of one's own that was started with --local.
    """
    return telegram.Bot(
        token,
        base_url=f"{api}/bot",
        base_file_url=f"{api}/file/bot",
        request=HTTPXRequest(128, read_timeout=20, write_timeout=20, connect_timeout=10, proxy=proxy or None),
        # a connection that tears wedges a pool of one for ever
        get_updates_request=HTTPXRequest(4, read_timeout=20, connect_timeout=10, proxy=proxy or None),
        local_mode=local,
    )


async def perform(bot: telegram.Bot, chat: str, call: Call) -> object:
    """Make the call to this chat ("" for a call that names none); returns what Telegram made of it.

    Raises Throttled, TryLater, Unreachable, Refused, Uncertain or Moved, each as sure as can be known.
    """
    to = {"chat_id": chat} if chat else {}
    try:
        return await getattr(bot, call.method)(**to, **call.given)
    except error.BadRequest as failure:
        if "message is not modified" in str(failure).lower():
            return None
        raise _refusal(failure) from failure
    except error.TelegramError as failure:
        raise _named(failure) from failure


def _refusal(failure: error.BadRequest) -> Exception:
    why = str(failure)
    return Unreachable(why) if any(said in why.lower() for said in NOBODY_THERE) else Refused(why)


def _named(failure: error.TelegramError) -> Exception:
    why = str(failure)
    match failure:
        case error.RetryAfter():
            span = failure.retry_after
            return Throttled(span.total_seconds() if isinstance(span, timedelta) else span, why)
        case error.Forbidden():
            return Unreachable(why)
        case error.ChatMigrated():
            return Moved(str(failure.new_chat_id))
        case error.InvalidToken():
            return TryLater(NOT_OURS, "Telegram does not accept the bot's token")
        case error.NetworkError():
            return _from_the_wire(failure, why)
    return Uncertain(why)  # a 200 that cannot be read


def _from_the_wire(failure: error.NetworkError, why: str) -> Exception:
    """The library keeps httpx's own error as the cause; without one there was an answer, a 5xx as a rule."""
    cause = failure.__cause__
    if not isinstance(cause, httpx.HTTPError):
        return Refused(why) if TOO_LARGE in why.lower() else TryLater(why=why)
    return TryLater(why=why) if isinstance(cause, BEFORE_THE_WIRE) else Uncertain(why)
