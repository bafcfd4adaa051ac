"""Which bots there are: those in the store, and those the environment or a file gives."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.channels.telegram.tokens import EVERYWHERE, BadToken, Given, bot_id, read_lines, read_token, read_tokens
from bot.seal import BadKey, Unreadable, read_private, unseal
from bot.settings import Settings
from models.community import Community
from models.store import transaction
from models.telegram_bot import TelegramBot, bots, called, enter_bot


class BadBots(ValueError):
    """The bots as they are set up cannot be run; the message says which and why."""


@dataclass(frozen=True)
class TelegramAccount:
    """One bot, ready to be spoken through."""

    id: int
    token: SecretStr
    username: str  # "" until Telegram has been asked
    serves: tuple[str, ...]  # slugs
    secret: str = field(repr=False)  # what Telegram must show at our webhook
    webhook: str  # the address set with Telegram; "" means we fetch

    @property
    def name(self) -> str:
        """How people speak of it."""
        return f"@{self.username}" if self.username else f"bot {self.id}"


def known_bots(engine: Engine, settings: Settings) -> list[TelegramAccount]:
    """Every bot with a token, and what it serves now; rows for given ones are made. Raises BadBots."""
    given = given_bots(settings)
    with transaction(engine, None) as db:
        slugs = list(db.exec(select(Community.slug).order_by(col(Community.id))))
        rows = {row.id: row for row in bots(db)} | {g.id: enter_bot(db, g.id) for g in given}
        tokens = {g.id: g.token for g in given}
        tokens |= {n: t for n, row in rows.items() if n not in tokens and (t := stored_token(row, settings))}
        for number, serves in shares(given, slugs).items():
            rows[number].serves = serves
        served = _each_by_one(row for row in rows.values() if row.id in tokens)
        for row in rows.values():
            if row.id not in tokens:  # its token is gone: it keeps no community that another serves now
                row.serves = [slug for slug in row.serves if slug not in served]
        db.add_all(rows.values())
    return [_account(rows[number], token) for number, token in sorted(tokens.items())]


def given_bots(settings: Settings) -> list[Given]:
    """The bots that the environment and its file of tokens name; raises BadBots."""
    found = read_tokens(settings.telegram_tokens.get_secret_value().split())  # good: the settings have been checked
    if file := settings.telegram_tokens_file:
        try:
            found += read_lines(read_private(file))
        except (BadToken, Unreadable) as failure:
            raise BadBots(f"{file}: {failure}") from None
    if len({given.id for given in found}) < len(found):
        raise BadBots(f"{settings.telegram_tokens_file} gives a bot that LINLIFANG_TELEGRAM_TOKENS gives too")
    return found


def stored_token(row: TelegramBot, settings: Settings) -> SecretStr | None:
    """The token that came with `telegram add`; None for a bot that is given otherwise. Raises BadBots."""
    try:
        if row.token_file:
            token = read_token(read_private(Path(row.token_file)))
            if bot_id(token) != row.id:
                raise BadToken("the token in it is another bot's")
            return token
        return unseal(row.sealed_token, settings.secret_key_file) if row.sealed_token else None
    except (BadToken, Unreadable) as failure:
        raise BadBots(f"the token of {called(row)} in {row.token_file}: {failure}") from None
    except BadKey as failure:
        raise BadBots(f"the token of {called(row)}: {failure}") from None


def shares(given: Iterable[Given], slugs: list[str]) -> dict[int, list[str]]:
    """Which communities each given bot serves, of those there are; raises BadBots for one that is not there."""
    wanted = {g.id: slugs if g.serves == (EVERYWHERE,) else list(g.serves) for g in given}
    if unknown := {slug for serves in wanted.values() for slug in serves} - set(slugs):
        known = ", ".join(slugs) or "none yet"
        raise BadBots(f"a Telegram bot is given for {', '.join(sorted(unknown))}; there are: {known}")
    return {number: sorted(set(serves)) for number, serves in wanted.items()}


def _each_by_one(rows: Iterable[TelegramBot]) -> dict[str, TelegramBot]:
    served: dict[str, TelegramBot] = {}
    for row in rows:
        for slug in row.serves:
            if other := served.get(slug):
                raise BadBots(f"{slug} is given to two Telegram bots, {called(other)} and {called(row)}: one can be")
            served[slug] = row
    return served


def _account(row: TelegramBot, token: SecretStr) -> TelegramAccount:
    return TelegramAccount(row.id, token, row.username, tuple(row.serves), row.secret, row.webhook)
