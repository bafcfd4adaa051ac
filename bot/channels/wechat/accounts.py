"""Which WeChat accounts there are: those in the store, and those that a file gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.channels.wechat.given import EVERYWHERE, KINDS, BadAccounts, Given, given_accounts
from bot.channels.wechat.rights import Rights, rights
from bot.seal import BadKey, unseal
from bot.settings import Settings
from models.community import Community
from models.store import transaction
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
    """Every account with its secrets, and what it serves now; rows for given ones are made. Raises BadAccounts."""
    given = {g.appid: g for g in given_accounts(settings)}
    with transaction(engine, None) as db:
        slugs = list(db.exec(select(Community.slug).order_by(col(Community.id))))
        shares = {appid: _shares(g, slugs, settings) for appid, g in given.items()}
        rows = {row.appid: row for row in wechat_accounts(db)} | {appid: enter_account(db, appid) for appid in given}
        for appid, g in given.items():
            _take_over(rows[appid], g, shares[appid])
        usable = [row for row in rows.values() if row.appid in given or row.sealed_secret]
        served = _each_by_one(usable)
        for row in rows.values():
            if row not in usable:  # its secret is gone: it keeps no community that another serves now
                row.serves = [slug for slug in row.serves if slug not in served]
        db.add_all(rows.values())
    made = [_account(rows[g.appid], g.secret, g.token, g.aes_key) for g in given.values()]
    made += [opened(row, settings) for row in usable if row.appid not in given]
    return sorted(made, key=lambda account: account.appid)


def opened(row: WechatAccount, settings: Settings) -> Account:
    """An account of the store with its secrets unsealed; raises BadAccounts."""
    try:
        token, secret, aes_key = (
            unseal(sealed, settings.secret_key_file) if sealed else SecretStr("")
            for sealed in (row.sealed_token, row.sealed_secret, row.sealed_aes_key)
        )
    except BadKey as failure:
        raise BadAccounts(f"the secrets of {account_name(row)}: {failure}") from None
    return _account(row, secret, token, aes_key)


def _shares(given: Given, slugs: Sequence[str], settings: Settings) -> list[str]:
    wanted = set(slugs) if given.serves == (EVERYWHERE,) else set(given.serves)
    if unknown := sorted(wanted - set(slugs)):
        known = ", ".join(slugs) or "none yet"
        where = f"{settings.wechat_accounts_file}: account {given.appid}, key serves"
        raise BadAccounts(f"{where}: no community {', '.join(unknown)}; there are: {known}")
    return sorted(wanted)


def _take_over(row: WechatAccount, given: Given, serves: list[str]) -> None:
    """What the file says, for whoever looks into the store."""
    row.name, row.kind, row.serves = given.name, KINDS[given.kind], serves
    row.plain, row.datum, row.templates = given.plain, given.datum, given.templates


def _each_by_one(rows: Iterable[WechatAccount]) -> set[str]:
    served: dict[str, WechatAccount] = {}
    for row in rows:
        for slug in row.serves:
            if other := served.get(slug):
                names = f"{account_name(other)} and {account_name(row)}"
                raise BadAccounts(f"{slug} is given to two WeChat accounts, {names}: one can be")
            served[slug] = row
    return set(served)


def _account(row: WechatAccount, secret: SecretStr, token: SecretStr, aes_key: SecretStr) -> Account:
    serves, templates = tuple(row.serves), dict(row.templates)
    return Account(row.appid, row.name, row.kind, serves, secret, token, aes_key, row.plain, row.datum, templates)
