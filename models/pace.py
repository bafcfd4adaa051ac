"""How fast each bot may send: departures reserved in the store, so that all processes together keep the limits."""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, or_, select
from sqlmodel import JSON, Column, Field, Session, SQLModel

from models.store import insert_of, insert_once, table_of

SHARE = 0.95  # of what Telegram allows: what leaves evenly arrives a little less so
RATE = SHARE * 30  # departures a second of one bot
PRIVATE = (5, 5 / SHARE)  # at most so many to one person in so many seconds
GROUP = (20, 60 / SHARE)
PATIENCE = 1.0  # seconds a departure may lie ahead: halts and cancellations are heard of until then
HEADWAY = 0.01  # seconds it takes to commit a reservation and come back with it
BLOCK = 3  # slots that bulk takes at once ...
NEAR = 0.03  # ... and only when the first is this near, in seconds: a reply never has to wait for more
KEPT = timedelta(minutes=5)  # longer than any of the windows above
CROWDED = 0.6  # of a second's departures: from there on a 429 may have meant the bot


class Pace(SQLModel, table=True):
    """What has left, or will, of one bot; or of one chat of it. The row without a chat is the bot's own.

    What WeCom's app has sent each member stands here too, by rules of its own: models/member_pace.py.
    """

    bot: str = Field(primary_key=True)  # "telegram:<bot id>", "wecom:<app>"
    chat: str = Field(default="", primary_key=True)  # or the member
    departures: list[float] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # unix seconds
    halted_until: datetime | None = None  # the platform asked for silence until then
    touched_at: datetime = Field(index=True)  # KEPT after this it is pruned; lies ahead where departures count longer


class Busy(Exception):
    """The line is taken for the next moments, and bulk has to wait; `seconds` until it is worth asking again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.3f} s")
        self.seconds = seconds


@dataclass
class Departures:
    """What is known of a bot or a chat within one transaction; unix seconds, ascending."""

    taken: list[float]
    halted_until: float


_pace = table_of(Pace)
_chats: BindParameter[str] = bindparam("chats", expanding=True)
_rows = select(_pace).where(_pace.c.bot == bindparam("bot"), _pace.c.chat.in_(_chats))
_lock = select(_pace.c.bot).where(_pace.c.bot == bindparam("bot"), _pace.c.chat == "").with_for_update()
_other_halts = select(_pace.c.chat).where(
    _pace.c.bot == bindparam("bot"), _pace.c.chat.not_in(_chats), _pace.c.halted_until > bindparam("now")
)


def reserve(
    db: Session,
    bot: str,
    chats: Sequence[str],
    clock: Callable[[], datetime],
    *,
    bulk: bool = False,
    rate: float = RATE,
) -> list[datetime | timedelta]:
    """Keep a slot of the bot for a message to each chat: its departure (UTC), or how long that chat has to wait.

    A chat that has to wait longer than PATIENCE uses no slot. Raises Busy for bulk while others are in the line.
    """
    known = _open(db, bot, chats, clock())
    now = clock()  # the bot's row is ours only now: others may have held it for a while
    at, own = now.timestamp(), known[""]
    own.taken = [d for d in own.taken if d > at - 1]  # the last second tells how busy the bot was
    soonest = max(at + HEADWAY, own.halted_until)
    free = _gap(own.taken, soonest, 1 / rate)
    if bulk and at + NEAR < free <= at + PATIENCE:
        raise Busy(free - at - NEAR)
    found: list[datetime | timedelta] = []
    for chat in chats:
        departure = _gap(own.taken, max(soonest, _opens(chat, known[chat])), 1 / rate)
        if departure > at + PATIENCE:
            found.append(timedelta(seconds=departure - at))
            continue
        insort(own.taken, departure)
        known[chat].taken.append(departure)
        found.append(datetime.fromtimestamp(departure, UTC))
    used = {"", *chats} if any(isinstance(each, datetime) for each in found) else set()
    _save(db, [_row(bot, chat, known[chat], now) for chat in sorted(used)])
    return found


def _opens(chat: str, its: Departures) -> float:
    """From when on the chat itself would take another: never before what is already on its way to it."""
    most, seconds = GROUP if chat.startswith("-") else PRIVATE
    last = its.taken[-1] if its.taken else 0.0
    full = its.taken[-most] + seconds if len(its.taken) >= most else 0.0
    return max(its.halted_until, last, full)


def _gap(taken: Sequence[float], at: float, step: float) -> float:
    """The first moment from `at` on that is a step away from all that are taken."""
    for departure in taken:
        if departure - at >= step:
            break
        at = max(at, departure + step)
    return at


def halt(db: Session, bot: str, chat: str, now: datetime, until: datetime) -> bool:
    """Silence that Telegram asked for in answer to a message to this chat; returns whether the whole bot keeps it.

    Telegram does not say whom it means. It is taken to mean the bot when another chat is halted at the same time,
    or when this chat had hardly been written to while the bot was near its limit; otherwise it means the chat.
    """
    known = _open(db, bot, [chat], now)
    at, own, its = now.timestamp(), known[""], known[chat]
    crowded = sum(at - 1 < d <= at for d in own.taken) >= CROWDED * RATE
    seldom = sum(d > at - PRIVATE[1] for d in its.taken) <= 1
    others = db.connection().execute(_other_halts, {"bot": bot, "chats": ["", chat], "now": now}).first()
    whole = chat == "" or others is not None or (crowded and seldom)
    for halted in (own, its) if whole else (its,):
        halted.halted_until = max(halted.halted_until, until.timestamp())
    _save(db, [_row(bot, each, its, now) for each, its in known.items()])
    return whole


def prune_paces(db: Session, now: datetime) -> None:
    """Rows that no window reaches back to any more."""
    silent = or_(_pace.c.halted_until.is_(None), _pace.c.halted_until < now)
    db.connection().execute(delete(_pace).where(_pace.c.touched_at < now - KEPT, silent))


def _open(db: Session, bot: str, chats: Sequence[str], now: datetime) -> dict[str, Departures]:
    """The bot's departures and each chat's, held against other processes by the bot's row."""
    execute = db.connection().execute
    if execute(_lock, {"bot": bot}).first() is None:
        fresh: dict[str, Any] = {"bot": bot, "chat": "", "departures": [], "halted_until": None, "touched_at": now}
        execute(insert_once(Pace, db.get_bind().dialect.name), fresh)
        execute(_lock, {"bot": bot})
    known = {chat: Departures([], 0.0) for chat in ("", *chats)}
    for row in execute(_rows, {"bot": bot, "chats": list(known)}):
        known[row.chat] = Departures(row.departures, row.halted_until.timestamp() if row.halted_until else 0.0)
    return known


def _row(bot: str, chat: str, its: Departures, now: datetime) -> dict[str, Any]:
    halted = datetime.fromtimestamp(its.halted_until, UTC) if its.halted_until else None
    kept = its.taken if chat == "" else its.taken[-GROUP[0] :]
    return {"bot": bot, "chat": chat, "departures": kept, "halted_until": halted, "touched_at": now}


def _save(db: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.connection().execute(_upsert(db.get_bind().dialect.name), rows)


@cache
def _upsert(dialect: str) -> Any:
    fresh = insert_of(Pace, dialect)
    columns = {name: fresh.excluded[name] for name in ("departures", "halted_until", "touched_at")}
    return fresh.on_conflict_do_update(index_elements=["bot", "chat"], set_=columns)
