"""How a page becomes HTML: the templates, and what all of them may use."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.channels.page import PAGES as CHAT_PAGES
from bot.console.browser import form_token
from bot.console.page import ROOMS, may_open
from bot.console.visit import Caller, Shown, Visit
from bot.conversation.texts import CIVIL, Texts, civil
from models.audit import last_entries

HERE = Path(__file__).parent
WHOLE, PART = "layout.html", "part.html"  # a page, and what is put anew into one that is open
SPANS = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1)))


class Look:
    """Renders what pages show; whatever somebody wrote is escaped."""

    def __init__(self) -> None:
        loader = FileSystemLoader([HERE / "templates", CHAT_PAGES])
        self._templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    def render(self, shown: Shown, caller: Caller) -> str:
        t = caller.texts
        common = {
            "t": t,
            "language": caller.language,
            "frame": PART if caller.part else WHOLE,
            "form_token": form_token(caller.token),
            "told": caller.told if caller.told in t else "",
            "moment": partial(moment_of, now=caller.now, t=t),
            "span": partial(span_of, t=t),
            "visit": None,
        }
        if isinstance(caller, Visit):
            common |= _for_worker(caller)
        return self._templates.get_template(shown.template).render(**common, **shown.facts)


def _for_worker(visit: Visit) -> Mapping[str, Any]:
    role, here = visit.worker.role, visit.community.id
    return {
        "visit": visit,
        "rooms": [room for room in ROOMS if may_open(role, room.path)],
        "path_to": partial(path_to, visit),
        "seq": last_entries(visit.db, [here]).get(here, 0),
    }


def path_to(visit: Visit, path: str, **parts: object) -> str:
    """The address of a page, "" where there is none for this worker: then what would lead there is no link."""
    return path.format(**parts) if may_open(visit.worker.role, path) else ""


def moment_of(at: datetime, now: datetime, t: Texts) -> str:
    """今天 14:05, 明天 09:00, 11月28日（周六）14:00."""
    here = at.astimezone(CIVIL)
    days = (here.date() - now.astimezone(CIVIL).date()).days
    near = {-1: "time.yesterday", 0: "time.today", 1: "time.tomorrow"}.get(days)
    return f"{t(near)} {here:%H:%M}" if near else civil(at, t.language)


def span_of(length: timedelta, t: Texts) -> str:
    """2 天, 3 小时, 5 分钟; whichever way it goes."""
    length = abs(length)
    for name, unit in SPANS:
        if length >= unit:
            return t(f"time.{name}", n=length // unit)
    return t("time.minutes", n=1)
