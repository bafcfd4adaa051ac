"""A follower of a WeChat account: what may still be sent to them, and what waits for their next word."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, case, or_, update
from sqlalchemy import Column as AnyColumn
from sqlmodel import JSON, Column, Field, Session, SQLModel, col, select

from models.resident import Account
from models.store import insert_of, moment, table_of

SAID, TAPPED = timedelta(hours=48), timedelta(minutes=1)  # how long a window is open
PER_WORD, PER_TAP = 5, 3
MARGIN = timedelta(seconds=5)  # a window is closed for us before it is for WeChat, whose clock is another


class WechatFollower(SQLModel, table=True):
    """Quotas by developers.weixin.qq.com, "Customer Service Messages": five in 48 hours, three in a minute."""

    appid: str = Field(primary_key=True, foreign_key="wechataccount.appid")
    user: str = Field(primary_key=True)  # OpenID
    following: bool = True
    said_at: datetime | None = None  # when they last wrote: five messages in the 48 hours after
    said_left: int = 0
    tapped_at: datetime | None = None  # when they last tapped a menu, followed or scanned: three in the minute after
    tapped_left: int = 0
    agreed: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # template -> times
    # what did not fit into the newest reply, see `keep_rest`: told when they say 更多
    rest: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


_follower = table_of(WechatFollower)
_one = (_follower.c.appid == bindparam("whose"), _follower.c.user == bindparam("whom"))
_at: BindParameter[datetime] = bindparam("at")
_since = or_(_follower.c.said_at > _at, _follower.c.tapped_at > _at)
_gone = (
    update(_follower)
    .where(*_one)
    .values(
        following=case((_since, _follower.c.following), else_=False),
        said_left=case((_follower.c.said_at > _at, _follower.c.said_left), else_=0),
        tapped_left=case((_follower.c.tapped_at > _at, _follower.c.tapped_left), else_=0),
        agreed={},
    )
    .returning(_follower.c.following)
)
_spent = update(_follower).where(*_one).values(said_left=0, tapped_left=0)


@dataclass(frozen=True, slots=True)
class Opening:
    """A window that opened: for whom, and when (UTC) by WeChat's clock.

    Of the messages it allows, as many as `charged` says may have gone already, sent just before we knew of it.
    """

    user: str
    at: datetime
    charged: int = 0


def known(db: Session, appid: str, slugs: Collection[str], users: Collection[str]) -> set[str]:
    """Those who stand here already, and those who are somebody to a community: nothing is kept of anybody else.

    Whoever deletes themselves meanwhile waits until this transaction is over.
    """
    if not users:
        return set()
    here = select(WechatFollower.user).where(WechatFollower.appid == appid, col(WechatFollower.user).in_(users))
    found = set(db.exec(here.order_by(col(WechatFollower.user)).with_for_update()))
    if new := set(users) - found:
        at = (Account.channel == "wechat", col(Account.account).in_(slugs), col(Account.user).in_(new))
        found.update(db.exec(select(Account.user).where(*at)))
    return found


def said(db: Session, appid: str, openings: Sequence[Opening]) -> None:
    """They wrote: each has five messages for 48 hours. The same told again, or told late, changes nothing."""
    _open(db, appid, openings, "said", PER_WORD)


def tapped(db: Session, appid: str, openings: Sequence[Opening]) -> None:
    """They tapped a menu, followed or scanned: each has three messages for a minute."""
    _open(db, appid, openings, "tapped", PER_TAP)


def left(db: Session, appid: str, user: str, at: datetime) -> bool:
    """They follow the account no more: what was open by then (UTC) is closed; False where they have come back since."""
    following = db.connection().execute(_gone, {"whose": appid, "whom": user, "at": at}).scalar()
    return following is False


def agreed(db: Session, appid: str, user: str, template: str, times: int = 1) -> None:
    """They agreed to be sent a notice, once each time."""
    _write(db, appid, [{"user": user}], update_on_conflict=())
    row = _locked(db, appid, user)
    assert row is not None
    row.agreed = {**row.agreed, template: int(row.agreed.get(template, 0)) + times}
    db.add(row)


def take(db: Session, appid: str, user: str) -> bool:
    """Take one message out of what may be sent; False where nothing may be.

    WeChat does not say how two open windows add up: a message counts against both, the stricter reading.
    """
    row = _locked(db, appid, user)
    if row is None:
        return False
    by_word, by_tap = _windows(row, moment(db))
    if not (by_word and row.said_left > 0) and not (by_tap and row.tapped_left > 0):
        return False
    row.said_left -= by_word  # below nothing, so that what is given back is not one too many
    row.tapped_left -= by_tap
    db.add(row)
    return True


def give_back(db: Session, appid: str, user: str) -> None:
    """What was taken did not leave, that is certain."""
    if row := _locked(db, appid, user):
        by_word, by_tap = _windows(row, moment(db))
        row.said_left = min(PER_WORD, row.said_left + by_word)
        row.tapped_left = min(PER_TAP, row.tapped_left + by_tap)
        db.add(row)


def spent(db: Session, appid: str, user: str) -> None:
    """WeChat says that nothing may be sent, whatever we counted."""
    db.connection().execute(_spent, {"whose": appid, "whom": user})


def take_agreed(db: Session, appid: str, user: str, template: str) -> bool:
    """Take one of the notices they agreed to; False where none is left."""
    row = _locked(db, appid, user)
    if row is None or not row.agreed.get(template, 0):
        return False
    row.agreed = {**row.agreed, template: int(row.agreed[template]) - 1}
    db.add(row)
    return True


def keep_rest(db: Session, appid: str, user: str, community_id: int, words_of: str, pages: Sequence[str]) -> None:
    """Keep the pages that wait for 更多, of words said in a community, in the place of those that did.

    `words_of` is what the words belong to; the same kept again changes nothing.
    """
    row = _locked(db, appid, user)
    if row is None or (row.rest and row.rest["words_of"] == words_of):
        return
    about = {"community": community_id, "words_of": words_of, "at": moment(db).timestamp()}
    row.rest = {**about, "pages": list(pages), "shown": "", "to": ""}
    db.add(row)


def forget_rest(db: Session, appid: str, since: Mapping[str, datetime]) -> None:
    """They were told something else, at these moments (UTC); what was kept later stays."""
    if not since:
        return
    mine = select(WechatFollower).where(WechatFollower.appid == appid, col(WechatFollower.user).in_(since))
    kept = mine.where(col(WechatFollower.rest).is_not(None)).order_by(col(WechatFollower.user)).with_for_update()
    for row in db.exec(kept):
        if row.rest and row.rest["at"] < since[row.user].timestamp():
            row.rest = None
            db.add(row)


def more(db: Session, appid: str, user: str, community_id: int, letter: str) -> str:
    """The next of the pages that wait in a community, the same for the same letter; "" where none does."""
    row = _locked(db, appid, user)
    rest = row.rest if row else None
    if row is None or rest is None or rest["community"] != community_id:
        return ""
    if rest["to"] != letter:
        page, *pages = rest["pages"] or [""]
        row.rest = rest = rest | {"pages": pages, "shown": page, "to": letter}
        db.add(row)
    return str(rest["shown"])


def _locked(db: Session, appid: str, user: str) -> WechatFollower | None:
    db.flush()
    one = select(WechatFollower).where(WechatFollower.appid == appid, WechatFollower.user == user)
    return db.exec(one.with_for_update().execution_options(populate_existing=True)).first()


def _windows(row: WechatFollower, now: datetime) -> tuple[bool, bool]:
    """Whether the one a word opens and the one a tap opens are open."""
    by_word = row.said_at is not None and now < row.said_at + SAID - MARGIN
    return by_word, row.tapped_at is not None and now < row.tapped_at + TAPPED - MARGIN


def _open(db: Session, appid: str, openings: Sequence[Opening], window: str, most: int) -> None:
    names = (f"{window}_at", f"{window}_left")
    rows = [{"user": o.user, **dict(zip(names, (o.at, most - o.charged), strict=True))} for o in openings]
    _write(db, appid, rows, update_on_conflict=("following", *names))


def _write(db: Session, appid: str, rows: Sequence[dict[str, Any]], *, update_on_conflict: tuple[str, ...]) -> None:
    """Enter followers; of one who is there already these columns change, of a window only for a later one."""
    if not rows:
        return
    new = {"following": True, "said_at": None, "said_left": 0, "tapped_at": None, "tapped_left": 0, "rest": None}
    ordered = sorted(rows, key=lambda row: str(row["user"]))  # all in one order: nobody waits for each other
    statement = _upsert(update_on_conflict, db.get_bind().dialect.name)
    db.connection().execute(statement, [{"appid": appid, **new, "agreed": {}, **row} for row in ordered])


@cache
def _upsert(columns: tuple[str, ...], dialect: str) -> Any:
    insert = insert_of(WechatFollower, dialect)
    key: list[AnyColumn[Any]] = [_follower.c.appid, _follower.c.user]
    if not columns:
        return insert.on_conflict_do_nothing(index_elements=key)
    moments = [_follower.c[name] for name in columns if name.endswith("_at")]
    later = [or_(at.is_(None), at < insert.excluded[at.name]) for at in moments]
    changes = {name: insert.excluded[name] for name in columns}
    return insert.on_conflict_do_update(index_elements=key, set_=changes, where=later[0] if later else None)
