"""Bot tokens as an operator writes them: `hongmei=123456:AA…`, which communities and which bot."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import SecretStr

TOKEN = re.compile(r"(\d{6,}):[A-Za-z0-9_-]{30,}")
EVERYWHERE = "*"
_SERVES = re.compile(r"\*|[a-z0-9-]+(,[a-z0-9-]+)*")


class BadToken(ValueError):
    """Something that should be, or have, a bot token and is not; the message never shows it."""


@dataclass(frozen=True)
class Given:
    """A bot as the environment or a file gives it."""

    serves: tuple[str, ...]  # slugs, or EVERYWHERE alone
    token: SecretStr

    @property
    def id(self) -> int:
        return bot_id(self.token)


def bot_id(token: SecretStr) -> int:
    """Telegram's own number for the bot: what stands before the colon."""
    return int(token.get_secret_value().partition(":")[0])


def read_token(written: str) -> SecretStr:
    """A token by itself; raises BadToken."""
    if not TOKEN.fullmatch(written.strip()):
        raise BadToken("that is not a bot token: BotFather gives one like 123456789:AAH4…")
    return SecretStr(written.strip())


def read_tokens(entries: Iterable[str]) -> list[Given]:
    """Entries such as `hongmei,baoshi=123456:AA…` or `*=…`; raises BadToken, which says the number of the entry."""
    found: list[Given] = []
    for number, entry in enumerate(entries, 1):
        serves, _, token = entry.partition("=")
        if not _SERVES.fullmatch(serves) or not TOKEN.fullmatch(token):
            raise BadToken(f"entry {number} is not written like hongmei=123456789:AAH4…")
        found.append(Given(tuple(serves.split(",")), SecretStr(token)))
    if len({given.id for given in found}) < len(found):
        raise BadToken("one bot is given twice; name all its communities in one entry: hongmei,baoshi=123456789:AAH4…")
    return found


def read_lines(text: str) -> list[Given]:
    """The same, one a line; what follows a # is a remark."""
    return read_tokens(line for raw in text.splitlines() if (line := raw.partition("#")[0].strip()))
