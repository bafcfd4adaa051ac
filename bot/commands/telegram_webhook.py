"""Have Telegram bring the messages to a public address, or stop that; and what Telegram says of it."""

import argparse
import re
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.channels.telegram.bots import TelegramAccount, known_bots
from bot.channels.telegram.call import WANTED
from bot.commands import Slip, carry_out
from bot.commands.telegram_api import ask, delete_webhook, webhook_info
from bot.conversation.desk import Desk
from bot.settings import TELEGRAM, Settings
from models.store import reading, transaction
from models.telegram_bot import fetched_by, set_webhook

if TYPE_CHECKING:
    from telegram import Bot, WebhookInfo

CONNECTIONS = 40  # at once, of 100 that Telegram allows: turns are committed in groups, so more gain nothing
PATIENCE = timedelta(minutes=2)  # how long whoever fetches now may take to notice
RECENT = timedelta(minutes=15)
LOOK = 0.5  # seconds between two looks whether they have
HINTS = (
    (r"403|Forbidden", "what Telegram shows is not what we expect: `telegram webhook set` again"),
    (r"404|Not Found", "the proxy must pass /telegram/ on to this server unchanged"),
    (r"\b30\d\b|Redirect|Moved", "name the address that does not redirect, with https"),
    (r"\b5\d\d\b|Bad Gateway|Service", "the proxy reaches no server: is `serve` running, and healthy?"),
    (r"(?i)certificate|SSL|TLS", "the certificate must be valid for this name, with its whole chain"),
    (r"(?i)resolve|no address|host", "the name must be known to the world's DNS"),
    (r"(?i)refused|timed? ?out|unreachable|connect", "the address must be open to Telegram: firewall, port"),
)


def describe(actions: Any) -> None:
    parser = actions.add_parser("webhook", help="have Telegram bring messages to a public address")
    verbs = parser.add_subparsers(metavar="verb", required=True)
    put = verbs.add_parser("set", help="from now on Telegram brings messages; whoever fetches them stops")
    put.add_argument("--url", metavar="ADDRESS", help="instead of LINLIFANG_PUBLIC_URL/telegram/<bot id>")
    taken = verbs.add_parser("delete", help="from now on messages are fetched")
    info = verbs.add_parser("info", help="what Telegram says: how many wait, and what went wrong last")
    for verb, act in ((put, _set), (taken, _delete), (info, _info)):
        verb.add_argument("--bot", metavar="USERNAME", default="", help="only this bot; all, if left out")
        verb.set_defaults(run=carry_out, act=act)


def _set(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    accounts = _chosen(asked.bot, settings, desk)
    if asked.url and len(accounts) > 1:
        raise Slip("an address of its own is for one bot: say which with --bot")
    addresses = {account.id: _address(account, asked.url, settings) for account in accounts}
    for account in accounts:
        _hand_over(account, addresses[account.id], settings, desk)
        print(f"{account.name}: Telegram brings messages to {addresses[account.id]}")
    return 0


def _address(account: TelegramAccount, url: str | None, settings: Settings) -> str:
    if not url and not settings.public_url:
        raise Slip("say how this server is reached: LINLIFANG_PUBLIC_URL=https://… (or --url)")
    address = url or f"{settings.public_url}/telegram/{account.id}"
    if not address.startswith("https://") and settings.telegram_api == TELEGRAM:
        raise Slip(f"Telegram brings messages only to https addresses, not to {address}")
    return address


def _hand_over(account: TelegramAccount, address: str, settings: Settings, desk: Desk) -> None:
    """Whoever fetches stops first: Telegram allows one way at a time. What waits there is brought afterwards."""
    _write(desk, account, address)
    try:
        _wait_for_fetcher(account, desk)
        ask(settings, account.token, lambda bot: _tell(bot, address, account.secret))
    except BaseException:
        _write(desk, account, account.webhook)
        raise


async def _tell(bot: "Bot", address: str, secret: str) -> bool:
    return await bot.set_webhook(
        address, secret_token=secret, allowed_updates=WANTED, max_connections=CONNECTIONS
    )  # never drop_pending_updates: what residents wrote meanwhile waits there


def _wait_for_fetcher(account: TelegramAccount, desk: Desk) -> None:
    until, told = desk.now() + PATIENCE, ""
    while fetching := _fetcher(desk, account):
        if fetching != told:
            told = fetching
            print(f"{account.name}: waiting until {fetching} has stopped fetching, half a minute or so …", flush=True)
        if desk.now() > until:
            raise Slip(f"{fetching} goes on fetching messages of {account.name}: end that process, then try again")
        time.sleep(LOOK)


def _delete(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    for account in _chosen(asked.bot, settings, desk):
        ask(settings, account.token, delete_webhook)
        _write(desk, account, "")
        print(f"{account.name}: messages are fetched by `python -m bot serve`")
    return 0


def _info(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    healthy = True
    for account in _chosen(asked.bot, settings, desk):
        info = ask(settings, account.token, webhook_info)
        fetching = _fetcher(desk, account)
        way = f"Telegram brings messages to {info.url}" if info.url else f"fetched by {fetching or 'nobody now'}"
        print(f"{account.name}: {way}; {info.pending_update_count} wait")
        if problem := trouble(account, info, desk.now()):
            healthy = False
            print(f"  {problem}", file=sys.stderr)
    return 0 if healthy else 1


def trouble(account: TelegramAccount, info: "WebhookInfo", now: datetime) -> str:
    """What is wrong with the way messages come in, and what to do; "" if nothing is."""
    if info.url != account.webhook:
        if not info.url:
            return "Telegram has forgotten the address: `telegram webhook set` again"
        verb = "set" if account.webhook else "delete"
        return f"somebody else has given Telegram the address {info.url}: `telegram webhook {verb}` makes it ours again"
    if not info.last_error_message or not info.last_error_date:
        return ""
    if not info.pending_update_count and info.last_error_date < now - RECENT:
        return ""  # Telegram goes on showing the last error long after all is well
    hint = next(
        (hint for pattern, hint in HINTS if re.search(pattern, info.last_error_message)), "see docs/telegram.md"
    )
    return f"{info.last_error_date:%Y-%m-%d %H:%M} UTC: {info.last_error_message}: {hint}"


def _chosen(username: str, settings: Settings, desk: Desk) -> list[TelegramAccount]:
    accounts = known_bots(desk.engine, settings)
    plain = username.removeprefix("@").lower()
    if found := [a for a in accounts if not plain or plain in (a.username.lower(), str(a.id))]:
        return found
    known = ", ".join(account.name for account in accounts) or "none yet: `telegram add`"
    raise Slip(f"no bot {username}; there are: {known}" if username else f"Telegram bots: {known}")


def _fetcher(desk: Desk, account: TelegramAccount) -> str:
    with reading(desk.engine, None, desk.now()) as db:
        return fetched_by(db, account.id)


def _write(desk: Desk, account: TelegramAccount, address: str) -> None:
    with transaction(desk.engine, None) as db:
        set_webhook(db, account.id, address)
