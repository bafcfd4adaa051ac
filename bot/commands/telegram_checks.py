"""What doctor says of Telegram: each step of docs/telegram.md."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import col, select

from bot.channels.telegram.bots import BadBots, TelegramAccount, known_bots
from bot.commands.checks import Line, kept, lanes
from bot.commands.telegram_api import NoAnswer, ask, webhook_info
from bot.commands.telegram_webhook import trouble
from bot.settings import Settings
from models.community import Community
from models.store import reading
from models.telegram_bot import TelegramBot, bots, called, fetched_by

UNSERVED = "which no bot serves"


def telegram_checks(engine: Engine, settings: Settings) -> Iterator[Line]:
    try:
        accounts = known_bots(engine, settings)
    except BadBots as failure:
        yield False, f"Telegram: {failure}"
        return
    with reading(engine, None) as db:
        rows, slugs = bots(db), list(db.exec(select(Community.slug).order_by(col(Community.id))))
    if not rows:
        yield True, "Telegram is off (docs/telegram.md says how to switch it on)"
        yield from lanes(engine, "telegram", "Telegram", UNSERVED, ())
        return
    tokens = {account.id for account in accounts}
    yield from _files(rows, settings)
    for account in accounts:
        yield from _bot(engine, account, settings)
    yield from (
        (False, f"{called(row)} has no token here; {', '.join(row.serves)} cannot be reached by it")
        for row in rows
        if row.id not in tokens and row.serves
    )
    served = {slug for account in accounts for slug in account.serves}
    if off := [slug for slug in slugs if slug not in served]:
        yield True, f"Telegram is off for {', '.join(off)} (`python -m bot telegram on`)"
    yield from lanes(engine, "telegram", "Telegram", UNSERVED, served)


def _files(rows: list[TelegramBot], settings: Settings) -> Iterator[Line]:
    given = [settings.telegram_tokens_file] if settings.telegram_tokens_file else []
    for file in (*given, *(Path(row.token_file) for row in rows if row.token_file)):
        if file.exists():  # else another way gives the token, or the bots would not be known
            yield kept(file)


def _bot(engine: Engine, account: TelegramAccount, settings: Settings) -> Iterator[Line]:
    try:
        info = ask(settings, account.token, webhook_info)
    except NoAnswer as failure:
        yield False, f"{account.name}: {failure}"
        return
    yield True, f"{account.name} answers; it serves {', '.join(account.serves) or 'nobody'}"
    problem = trouble(account, info, datetime.now(UTC))
    if problem:
        yield False, f"{account.name}: {problem}"
    elif account.webhook:
        yield True, f"{account.name}: Telegram brings messages to {info.url}; {info.pending_update_count} wait"
        if not settings.public_url.startswith("https://"):
            yield False, "LINLIFANG_PUBLIC_URL is the https address that residents and Telegram reach"
    else:
        with reading(engine, None) as db:
            fetching = fetched_by(db, account.id)
        hint = fetching or "nobody: is `python -m bot serve` running?"
        yield bool(fetching), f"{account.name}: messages are fetched by {hint}"
