"""Which WeChat accounts there are: those in the store, and those that a file gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from bot.channels.wechat.given import EVERYWHERE, KINDS, BadAccounts, Given, given_accounts
from bot.channels.wechat.rights import Rights, rights
from bot.seal import BadKey, unseal
from bot.settings import Settings
from models.community import Community
from models.store import reading, transaction
from models.wechat_account import Kind, WechatAccount, account_name, enter_account, wechat_accounts


@dataclass(frozen=True)
class Account:
    """One account (公众号), ready to be spoken through."""

    appid: str
    name: str  # "" where nobody gave one
    kind: Kind
    serves: tuple[str, ...]  # slugs
    secret: SecretStr
    token: SecretStr
    aes_key: SecretStr  # "" only in plain mode
    plain: bool
    datum: str
    templates: dict[str, Any] = field(default_factory=dict, hash=False)
    given: bool = False  # by a file, not by the store

    @property
    def rights(self) -> Rights:
        """Plain mode is for test accounts alone."""
        return rights(self.kind, test=self.plain)

    @property
    def path(self) -> str:
        """Where on our server WeChat brings its letters."""
        return f"/wechat/{self.appid}"

    def room(self, slug: str) -> str:
        """The path of a community's web chat, by way of the login where the account has one."""
        return f"{self.path}/enter?to={slug}" if self.rights.login else f"/c/{slug}"

    @property
    def called(self) -> str:
        """How people speak of it."""
        return f"{self.name} ({self.appid})" if self.name else self.appid


def known_accounts(engine: Engine, settings: Settings) -> list[Account]:
    """Every account with its secrets, and what it serves now; writes nothing. Raises BadAccounts."""
    given = given_accounts(settings)
    with reading(engine, None) as db:
        slugs = list(db.exec(select(Community.slug).order_by(col(Community.id))))
        rows = wechat_accounts(db)
    found = [_given(g, _shares(g, slugs, settings)) for g in given]
    ours = [row for row in rows if row.sealed_secret and row.appid not in {g.appid for g in given}]
    _check_each_by_one([*((a.called, a.serves) for a in found), *((account_name(row), row.serves) for row in ours)])
    return sorted([*found, *(opened(row, settings) for row in ours)], key=lambda account: account.appid)


def enter_accounts(engine: Engine, settings: Settings) -> list[Account]:
    """The same, written down for whoever looks into the store, by the process that runs them. Raises BadAccounts."""
    accounts = known_accounts(engine, settings)
    served = {slug for account in accounts for slug in account.serves}
    with transaction(engine, None) as db:
        for account in accounts:
            if account.given:
                _take_over(enter_account(db, account.appid), account)
        for row in lost_accounts(db, accounts):  # it keeps no community that another serves now
            row.serves = [slug for slug in row.serves if slug not in served]
            db.add(row)
    return accounts


def lost_accounts(db: Session, known: Iterable[Account]) -> list[WechatAccount]:
    """Rows of accounts that a file gave once and gives no more: their secrets are nowhere."""
    there = {account.appid for account in known}
    return [row for row in wechat_accounts(db) if row.appid not in there]


def opened(row: WechatAccount, settings: Settings) -> Account:
    """An account of the store with its secrets unsealed; raises BadAccounts."""
    try:
        token, secret, aes_key = (
            unseal(sealed, settings.secret_key_file) if sealed else SecretStr("")
            for sealed in (row.sealed_token, row.sealed_secret, row.sealed_aes_key)
        )
    except BadKey as failure:
        raise BadAccounts(f"the secrets of {account_name(row)}: {failure}") from None
    whom, templates = tuple(row.serves), dict(row.templates)
    return Account(row.appid, row.name, row.kind, whom, secret, token, aes_key, row.plain, row.datum, templates)


def _shares(given: Given, slugs: Sequence[str], settings: Settings) -> list[str]:
    wanted = set(slugs) if given.serves == (EVERYWHERE,) else set(given.serves)
    if unknown := sorted(wanted - set(slugs)):
        known = ", ".join(slugs) or "none yet"
        where = f"{settings.wechat_accounts_file}: account {given.appid}, key serves"
        raise BadAccounts(f"{where}: no community {', '.join(unknown)}; there are: {known}")
    return sorted(wanted)


def _given(given: Given, serves: list[str]) -> Account:
    secrets = (given.secret, given.token, given.aes_key)
    whom, kind, templates = tuple(serves), KINDS[given.kind], given.templates
    return Account(given.appid, given.name, kind, whom, *secrets, given.plain, given.datum, templates, given=True)


def _take_over(row: WechatAccount, account: Account) -> None:
    """What the file says, for whoever looks into the store."""
    row.name, row.kind, row.serves = account.name, account.kind, list(account.serves)
    row.plain, row.datum, row.templates = account.plain, account.datum, account.templates


def _check_each_by_one(serving: Iterable[tuple[str, Iterable[str]]]) -> None:
    served: dict[str, str] = {}
    for name, slugs in serving:
        for slug in slugs:
            if other := served.get(slug):
                names = f"{other} and {name}"
                raise BadAccounts(f"{slug} is given to two WeChat accounts, {names}: only one can serve it")
            served[slug] = name
