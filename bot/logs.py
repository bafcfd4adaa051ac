"""The log: set up in one place, and nothing secret or personal in it, whoever wrote the line."""

import logging
import re
import sys
import traceback
from types import TracebackType
from typing import Any

from bot.channels.telegram.tokens import TOKEN

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHATTY = (
    "PIL",
    "alembic",
    "apscheduler",
    "httpcore",
    "httpx",
    "telegram",
)  # httpx names tokens, PIL what is in a photo
HIDDEN = "(hidden)"

_SECRETS = (
    (re.compile(TOKEN.pattern.replace(":", "(?::|%3[Aa])", 1)), rf"\1:{HIDDEN}"),
    (re.compile(r"(?i)(authorization['\"]?\s*[:=,]\s*)[^\r\n]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b(access_token|refresh_token|appsecret|corpsecret|secret)=[^\s&'\"]+"), rf"\1={HIDDEN}"),
    (re.compile(r"\bgAAAAA[A-Za-z0-9_-]{40,}={0,2}"), HIDDEN),  # sealed with the key
    (re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}=(?!=)"), HIDDEN),  # the key itself
    (re.compile(r"(?<!\d)((?:\+?86[ -]?)?1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?!\d)"), r"\1****\2"),  # a mobile number
)


def set_up(level: str) -> None:
    """Lines go to standard error from `level` on; libraries that talk much only when something is wrong."""
    logging.basicConfig(level=level, format=FORMAT)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.setLogRecordFactory(Discreet)
    sys.excepthook = _last_words


def discreet(text: str) -> str:
    """The text without tokens, keys, headers that authorize, and the middle of mobile numbers."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


class Discreet(logging.LogRecord):
    """A line of the log, made discreet where all are made: no handler, ours or another's, sees more."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.msg, self.args = discreet(self._said()), ()
        self.stack_info = discreet(self.stack_info) if self.stack_info else None
        if self.exc_info and self.exc_info[0]:
            self.exc_text = discreet("".join(traceback.format_exception(*self.exc_info))).rstrip("\n")
            self.exc_info = None  # every formatter adds exc_text

    def _said(self) -> str:
        try:
            return super().getMessage()
        except Exception:  # a slip in a call of the log must not end what it was to tell of
            return f"{self.msg} {self.args}"


def _last_words(kind: type[BaseException], failure: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("bot").critical("the program ends", exc_info=(kind, failure, trace))
