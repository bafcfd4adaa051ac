"""The WeChat accounts: which communities each serves, what it may do, and the token its calls carry."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import delete
from sqlmodel import JSON, Column, Field, Session, SQLModel, col, select

from models.serving import give_up, take_on
from models.store import add_once, checked, moment, settle
from models.visitor import Visitor
from models.wechat_follower import WechatFollower
from models.wechat_late import WechatLate

EARLY = timedelta(minutes=5)  # how long before its end a token is exchanged: until then the next one is not given out


class Kind(IntEnum):
    """What an account is; each may do what those before it may."""

    PASSIVE = 0  # not verified: it answers what it is asked, nothing else
    SUBSCRIPTION = 1  # verified subscription account: customer-service messages, menu
    SERVICE = 2  # verified service account: templates, QR codes with a scene, login on pages


class WechatAccount(SQLModel, table=True):
    """One account (公众号); with one community in `serves` it is that community's own, with several people choose."""

    appid: str = Field(primary_key=True)
    name: str = ""
    kind: Kind = Field(default=Kind.PASSIVE, sa_type=checked(Kind, "kind"))
    serves: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # slugs; switched on
    sealed_secret: str = ""  # AppSecret
    sealed_token: str = ""  # Token of the server settings page
    sealed_aes_key: str = ""  # EncodingAESKey; "" only for a test account in plain mode
    plain: bool = False  # whether messages in plain mode are taken: test accounts only
    datum: str = "gcj02"  # of the coordinates it sends
    templates: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )  # for whom no chat is open
    access_token: str = ""  # sealed
    token_until: datetime | None = None
    refreshing_until: datetime | None = None  # one process fetches the next token
    menu: str = ""  # digest of the menu last told to WeChat
    trouble: str = ""  # what the operator has to see to, in words
    trouble_at: datetime | None = None


def wechat_accounts(db: Session) -> list[WechatAccount]:
    return list(db.exec(select(WechatAccount).order_by(col(WechatAccount.appid))))


def account_called(db: Session, name: str) -> WechatAccount | None:
    """By its AppID or by its name."""
    return next((row for row in wechat_accounts(db) if name in (row.appid, row.name)), None)


def enter_account(db: Session, appid: str) -> WechatAccount:
    """The account's row, made on first sight; two processes may see it first at once."""
    add_once(db, WechatAccount, WechatAccount(appid=appid).model_dump())
    settle(db)
    return db.exec(select(WechatAccount).where(WechatAccount.appid == appid).with_for_update()).one()


def add_account(db: Session, appid: str, **settings: Any) -> WechatAccount:
    """Keep an account and its sealed secrets; one that is there keeps whom it serves and what it was told."""
    row = enter_account(db, appid)
    for name, value in settings.items():
        setattr(row, name, value)
    row.access_token, row.token_until, row.trouble, row.trouble_at = "", None, "", None
    db.add(row)
    return row


def serve(db: Session, row: WechatAccount, slugs: Iterable[str]) -> None:
    """Switch WeChat on for communities; raises AlreadyServed when another account serves one of them."""
    take_on(row, wechat_accounts(db), slugs, account_name)
    db.add(row)


def stop_serving(db: Session, slug: str) -> WechatAccount | None:
    """Switch WeChat off for a community; the account that served it."""
    return give_up(wechat_accounts(db), slug)


def remove_account(db: Session, appid: str) -> None:
    """Forget an account, who follows it, and who stood at its door."""
    db.execute(delete(Visitor).where(col(Visitor.channel) == "wechat", col(Visitor.door) == appid))
    db.execute(delete(WechatLate).where(col(WechatLate.appid) == appid))
    db.execute(delete(WechatFollower).where(col(WechatFollower.appid) == appid))
    db.execute(delete(WechatAccount).where(col(WechatAccount.appid) == appid))


def token_or_turn(db: Session, appid: str, stale: str, lease: timedelta) -> tuple[str, datetime] | bool:
    """The sealed token and when it ends, if it is not the stale one and does not end soon.

    Else whether it is the caller's turn to fetch the next, for as long as the lease: one process has it at a time.
    """
    row, now = enter_account(db, appid), moment(db)
    if row.access_token not in ("", stale) and row.token_until is not None and row.token_until - EARLY > now:
        return row.access_token, row.token_until
    if row.refreshing_until is not None and row.refreshing_until > now:
        return False
    row.refreshing_until = now + lease
    db.add(row)
    return True


def keep_token(db: Session, appid: str, sealed: str, lasts: timedelta) -> None:
    """The token that was fetched; whatever troubled the account before, it may speak again."""
    row = enter_account(db, appid)
    row.access_token, row.token_until, row.refreshing_until = sealed, moment(db) + lasts, None
    row.trouble, row.trouble_at = "", None
    db.add(row)


def let_go_turn(db: Session, appid: str) -> None:
    """No token was to be had: another process may try."""
    row = enter_account(db, appid)
    row.refreshing_until = None
    db.add(row)


def note_trouble(db: Session, appid: str, what: str) -> None:
    """What the operator has to see to; "" when it is over."""
    if (row := db.get(WechatAccount, appid, with_for_update=True)) is not None:  # one may be tried before it is kept
        row.trouble, row.trouble_at = what, moment(db) if what else None
        db.add(row)


def menu_told(db: Session, appid: str, digest: str) -> None:
    row = enter_account(db, appid)
    row.menu = digest
    db.add(row)


def account_name(row: WechatAccount) -> str:
    """How people speak of an account."""
    return f"{row.name} ({row.appid})" if row.name else row.appid
