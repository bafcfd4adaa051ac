"""How often one member of WeCom is written to: it drops what is over its limits without a word, so we count."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, select

from models.pace import KEPT, Pace
from models.store import add_once, moment, settle

LIMITS = ((30, 60.0), (1000, 3600.0))  # messages in seconds: developer.work.weixin.qq.com/document/path/90454
LONGEST = LIMITS[-1][1]


def take_room(db: Session, app: str, member: str, count: int) -> float:
    """Keep room for so many messages to leave now, for all processes; seconds until there is some, 0 if it is kept."""
    now = moment(db)
    add_once(db, Pace, Pace(bot=app, chat=member, touched_at=now).model_dump())
    settle(db)
    row = db.exec(select(Pace).where(Pace.bot == app, Pace.chat == member).with_for_update()).one()
    at = now.timestamp()
    recent = [departure for departure in row.departures if departure > at - LONGEST]
    if wait := max(_wait(recent, count, at, most, seconds) for most, seconds in LIMITS):
        return wait
    row.departures = [*recent, *([at] * count)]
    row.touched_at = now + timedelta(seconds=LONGEST) - KEPT  # pruned only when it says nothing any more
    db.add(row)
    return 0.0


def _wait(departures: Sequence[float], count: int, at: float, most: int, seconds: float) -> float:
    """Until enough of them are longer ago; more than `most` at once leave when there is room for `most`."""
    within = [departure for departure in departures if departure > at - seconds]
    over = len(within) + min(count, most) - most
    return max(0.0, within[over - 1] + seconds - at) if over > 0 else 0.0
