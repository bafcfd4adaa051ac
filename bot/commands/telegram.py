"""telegram: give communities a bot on Telegram, take it away, and say how messages come in."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session

from bot.channels.telegram.bots import BadBots, given_bots, known_bots, shares, stored_token
from bot.channels.telegram.tokens import bot_id, read_token
from bot.commands import SEVERAL, Slip, carry_out, telegram_webhook, wanted
from bot.commands.telegram_api import NoAnswer, ask, delete_webhook, username
from bot.conversation.desk import Desk
from bot.seal import Unreadable, read_private, seal
from bot.settings import Settings
from models.store import reading, transaction
from models.telegram_bot import (
    TelegramBot,
    add_bot,
    bot_called,
    bots,
    called,
    fetched_by,
    remove_bot,
    serve,
    stop_serving,
)

GIVEN = "is given by LINLIFANG_TELEGRAM_TOKENS or its file: say there what it serves"
NEXT = """\
Next: (re)start `python -m bot serve`, open the link and write to it. It fetches messages by itself; on a server with
a public https address, have Telegram bring them: `python -m bot telegram webhook set`.
`python -m bot doctor` checks each step."""


def describe(commands: Any) -> None:
    parser = commands.add_parser("telegram", help="run bots on Telegram", description=__doc__)
    actions = parser.add_subparsers(metavar="action", required=True)
    add = actions.add_parser("add", help="add a bot, or give one its new token (asked for, or piped in)")
    add.add_argument("communities", help=f"whom it serves: {SEVERAL}")
    add.add_argument("--token-file", type=Path, metavar="PATH", help="keep the token in this file, not in the store")
    listed = actions.add_parser("list", help="the bots, whom they serve, and how messages come in")
    on = actions.add_parser("on", help="switch Telegram on for communities")
    off = actions.add_parser("off", help="switch Telegram off for communities")
    for action in (on, off):
        action.add_argument("communities", help=SEVERAL)
    on.add_argument("--bot", required=True, metavar="USERNAME", help="the bot that shall serve them")
    remove = actions.add_parser("remove", help="forget a bot, its token, and who agreed to use it")
    remove.add_argument("bot", metavar="USERNAME")
    for action, act in ((add, _add), (listed, _list), (on, _on), (off, _off), (remove, _remove)):
        action.set_defaults(run=carry_out, act=act)
    telegram_webhook.describe(actions)


def _add(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    slugs = wanted(asked.communities, desk)
    token = _token(asked.token_file)
    if bot_id(token) in {given.id for given in given_bots(settings)}:
        raise Slip(f"this bot {GIVEN}")
    _check_free(slugs, desk, settings)
    name = ask(settings, token, username)
    file = str(asked.token_file.absolute()) if asked.token_file else ""
    sealed = "" if file else seal(token, settings.secret_key_file)
    with transaction(desk.engine, None) as db:
        bot = add_bot(db, bot_id(token), name, sealed, file)
        serve(db, bot, slugs)
    served = bot.serves
    print(f"@{name} serves {', '.join(served)}")
    for slug in served:
        print(f"  {slug}: https://t.me/{name}{f'?start={slug}' if len(served) > 1 else ''}")
    print(NEXT)
    return 0


def _token(file: Path | None) -> SecretStr:
    """Never an argument: arguments stand in the shell's history and in the list of processes."""
    if file:
        try:
            return read_token(read_private(file))
        except Unreadable as failure:
            raise Slip(f"{file}: {failure}") from None
    if sys.stdin.isatty():
        return read_token(getpass.getpass("the token BotFather gave (not shown): "))
    return read_token(sys.stdin.readline())


def _check_free(slugs: list[str], desk: Desk, settings: Settings) -> None:
    """The store would not say it of a bot that is given and has not been started yet."""
    known = [c.slug for c in desk.communities.all()]
    given = {slug: number for number, serves in shares(given_bots(settings), known).items() for slug in serves}
    if taken := [slug for slug in slugs if slug in given]:
        raise Slip(f"{', '.join(taken)}: bot {given[taken[0]]} {GIVEN}")


def _list(_: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    problem = None
    try:
        known_bots(desk.engine, settings)
    except BadBots as failure:
        problem = failure
    with reading(desk.engine, None, desk.now()) as db:
        rows = bots(db)
        for bot in rows:
            print(f"{called(bot)}: {', '.join(bot.serves) or 'serves nobody'}; {_comes_in(db, bot)}; {_token_of(bot)}")
    served = {slug for bot in rows for slug in bot.serves}
    if off := [c.slug for c in desk.communities.all() if c.slug not in served]:
        print(f"off: {', '.join(off)}")
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def _comes_in(db: Session, bot: TelegramBot) -> str:
    if bot.webhook:
        return f"messages come to {bot.webhook}"
    fetching = fetched_by(db, bot.id)
    return f"messages are fetched by {fetching}" if fetching else "nobody fetches messages now"


def _token_of(bot: TelegramBot) -> str:
    if bot.token_file:
        return f"token in {bot.token_file}"
    return "token sealed in the store" if bot.sealed_token else "token given by the environment"


def _on(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    slugs = wanted(asked.communities, desk)
    _check_free(slugs, desk, settings)
    with transaction(desk.engine, None) as db:
        bot = _ours(db, asked.bot, settings)
        serve(db, bot, slugs)
        name, link = called(bot), f"https://t.me/{bot.username}?start="
    for slug in slugs:
        print(f"{name} serves {slug}: {link}{slug}")
    return 0


def _off(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    slugs = wanted(asked.communities, desk)
    _check_free(slugs, desk, settings)
    with transaction(desk.engine, None) as db:
        stopped = {slug: called(bot) for slug in slugs if (bot := stop_serving(db, slug))}
    if not stopped:
        raise Slip(f"Telegram is off for {', '.join(slugs)} already")
    for slug, name in stopped.items():
        print(f"{name} serves {slug} no more; what is still owed there waits until it is on again")
    return 0


def _remove(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    with reading(desk.engine, None) as db:
        bot = _ours(db, asked.bot, settings)
    if bot.webhook and (problem := _unhook(bot, settings)):
        print(f"Telegram still knows {bot.webhook}: {problem}", file=sys.stderr)
    with transaction(desk.engine, None) as db:
        remove_bot(db, bot.id)
    print(f"{called(bot)} is forgotten here; to end it for everybody: BotFather, /deletebot")
    return 0


def _unhook(bot: TelegramBot, settings: Settings) -> str:
    """Why Telegram could not be told; a bot whose token is void or lost can be removed all the same."""
    try:
        token = stored_token(bot, settings)
        if token:
            ask(settings, token, delete_webhook)
    except (BadBots, NoAnswer) as failure:
        return str(failure)
    return ""


def _ours(db: Session, username: str, settings: Settings) -> TelegramBot:
    """A bot of the store's, to be changed."""
    bot = bot_called(db, username)
    if bot is None:
        raise Slip(f"no bot {username}; there are: {', '.join(map(called, bots(db))) or 'none yet'}")
    if bot.id in {given.id for given in given_bots(settings)}:
        raise Slip(f"{called(bot)} {GIVEN}")
    return bot
