"""wechat: give communities an account (公众号) on WeChat, take it away, make its menu and its posters."""

import argparse
import getpass
import secrets
import string
import sys
import tomllib
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session

from bot.channels.wechat.accounts import Account, known_accounts, lost_accounts, opened
from bot.channels.wechat.api import Api
from bot.channels.wechat.given import EVERYWHERE, KINDS, BadAccounts, given_accounts, slip
from bot.channels.wechat.notices import read_templates
from bot.commands import SEVERAL, Slip, carry_out, wanted, wechat_menu, wechat_page
from bot.commands.wechat_api import ask
from bot.commands.wechat_page import LOST
from bot.conversation.desk import Desk
from bot.seal import seal
from bot.settings import Settings
from models.serving import AlreadyServed
from models.store import reading, transaction
from models.wechat_account import (
    WechatAccount,
    account_called,
    account_name,
    add_account,
    remove_account,
    serve,
    stop_serving,
    wechat_accounts,
)

GIVEN = "is given by LINLIFANG_WECHAT_ACCOUNTS_FILE: say there what it serves"
SOON = "a running `serve` learns of it within seconds, its menu too; phones show that within five minutes"
FREE = "`python -m bot wechat off` frees it"
LETTERS = string.ascii_letters + string.digits
PROMPTS = {
    "secret": "AppSecret (not shown): ",
    "token": "Token (not shown; empty: as it was, or made for you): ",
    "aes_key": "EncodingAESKey (not shown; empty: as it was, or made for you): ",
}
NEXT = """\
Next: (re)start `python -m bot serve`, then enter at mp.weixin.qq.com what `python -m bot wechat check --show` says:
WeChat tries the address at once. `python -m bot doctor` checks each step."""
AS_IT_WAS = "Next: (re)start `python -m bot serve`; what stands at mp.weixin.qq.com stays as it is."


def describe(commands: Any) -> None:
    parser = commands.add_parser("wechat", help="run accounts on WeChat", description=__doc__)
    actions = parser.add_subparsers(metavar="action", required=True)
    add = actions.add_parser("add", help="add an account, or give one its new secret (asked for, or piped in)")
    add.add_argument("communities", help=f"whom it serves: {SEVERAL}")
    add.add_argument("--appid", required=True, help="the AppID, such as wx1234567890abcdef")
    add.add_argument("--kind", required=True, choices=KINDS, help="not verified, or a verified one of either kind")
    add.add_argument("--name", default="", help="how you speak of it")
    add.add_argument("--plain", action="store_true", help="take messages in plain: for a test account (测试号) alone")
    listed = actions.add_parser("list", help="the accounts, and whom they serve")
    on = actions.add_parser("on", help="switch WeChat on for communities")
    off = actions.add_parser("off", help="switch WeChat off for communities")
    for action in (on, off):
        action.add_argument("communities", help=SEVERAL)
    on.add_argument("--account", required=True, metavar="APPID", help="the account that shall serve them")
    remove = actions.add_parser("remove", help="forget an account, its secrets, and who follows it")
    remove.add_argument("account", metavar="APPID")
    templates = actions.add_parser("templates", help="which templates reach whom no conversation is open with")
    templates.add_argument("account", metavar="APPID")
    templates.add_argument("file", type=Path, help="TOML, a table each, as docs/wechat.md shows")
    acts = ((add, _add), (listed, _list), (on, _on), (off, _off), (remove, _remove), (templates, _templates))
    for action, act in acts:
        action.set_defaults(run=carry_out, act=act)
    wechat_page.describe(actions)
    wechat_menu.describe(actions)


def _add(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    slugs = wanted(asked.communities, desk)
    _check_free(slugs, settings)
    if problem := slip("appid", asked.appid):
        raise Slip(problem)
    _not_given(asked.appid, settings)
    with reading(desk.engine, None) as db:
        before = account_called(db, asked.appid)
    account = _entered(asked, before, settings)
    ask(settings, desk.engine, account, Api.try_secret)
    sealed = {
        f"sealed_{name}": seal(secret, settings.secret_key_file) if secret.get_secret_value() else ""
        for name, secret in (("secret", account.secret), ("token", account.token), ("aes_key", account.aes_key))
    }
    with transaction(desk.engine, None) as db:
        row = add_account(db, account.appid, name=account.name, kind=account.kind, plain=account.plain, **sealed)
        _switch_on(db, row, slugs)
    print(f"{account_name(row)} serves {', '.join(row.serves)}")
    print(AS_IT_WAS if _as_it_was(account, before, settings) else NEXT)
    return 0


def _entered(asked: argparse.Namespace, before: WechatAccount | None, settings: Settings) -> Account:
    """Secrets are never arguments: arguments stand in the shell's history and in the list of processes."""
    typed = {name: _typed(name) for name in PROMPTS}
    kept = opened(before, settings) if before and before.sealed_secret and not all(typed.values()) else None
    token = typed["token"] or (kept.token.get_secret_value() if kept else _made(32))
    aes_key = typed["aes_key"] or (kept.aes_key.get_secret_value() if kept else "" if asked.plain else _made(43))
    if not asked.plain and not aes_key:
        aes_key = _made(43)  # it was a test account
    name = asked.name or (before.name if before else "")
    made = (SecretStr(typed["secret"]), SecretStr(token), SecretStr(aes_key))
    return Account(asked.appid, name, KINDS[asked.kind], (), *made, asked.plain, before.datum if before else "gcj02")


def _as_it_was(account: Account, before: WechatAccount | None, settings: Settings) -> bool:
    """Whether the settings page at WeChat needs nothing new."""
    if before is None or not before.sealed_secret:
        return False
    try:
        was = opened(before, settings)
    except BadAccounts:  # the key was lost, and everything is entered anew
        return False
    return (was.token, was.aes_key, was.plain) == (account.token, account.aes_key, account.plain)


def _switch_on(db: Session, row: WechatAccount, slugs: list[str]) -> None:
    try:
        serve(db, row, slugs)
    except AlreadyServed as refusal:
        raise Slip(f"{refusal}: {FREE}") from None


def _typed(name: str) -> str:
    entered = getpass.getpass(PROMPTS[name]) if sys.stdin.isatty() else sys.stdin.readline()
    typed = entered.strip()
    if (typed or name == "secret") and (problem := slip(name, typed)):
        raise Slip(problem)
    return typed


def _made(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def _check_free(slugs: list[str], settings: Settings) -> None:
    """The store would not say it of an account that is given and has not been started yet."""
    for given in given_accounts(settings):
        if taken := [slug for slug in slugs if given.serves == (EVERYWHERE,) or slug in given.serves]:
            raise Slip(f"{', '.join(taken)}: account {given.appid} {GIVEN}")


def _not_given(name: str, settings: Settings) -> None:
    if any(name in (given.appid, given.name) for given in given_accounts(settings)):
        raise Slip(f"{name} {GIVEN}")


def _list(_: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    accounts = known_accounts(desk.engine, settings)
    with reading(desk.engine, None) as db:
        lost = lost_accounts(db, accounts)
    for account in accounts:
        kept = "secrets in the file" if account.given else "secrets sealed in the store"
        mode = "plain mode" if account.plain else "safe mode"
        whom = ", ".join(account.serves) or "serves nobody"
        print(f"{account.called}: {whom}; {account.kind.name.lower()}; {mode}; {kept}")
    for row in lost:
        print(f"{account_name(row)}: {', '.join(row.serves) or 'serves nobody'}; {LOST.format(row.appid)}")
    served = {slug for account in accounts for slug in account.serves}
    if off := [c.slug for c in desk.communities.all() if c.slug not in served]:
        print(f"off: {', '.join(off)}")
    return 0


def _on(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    slugs = wanted(asked.communities, desk)
    _check_free(slugs, settings)
    with transaction(desk.engine, None) as db:
        row = _ours(db, asked.account, settings)
        if not row.sealed_secret:
            raise Slip(f"{account_name(row)} {LOST.format(row.appid)}")
        _switch_on(db, row, slugs)
    print(f"{account_name(row)} serves {', '.join(slugs)}; {SOON}")
    return 0


def _off(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    slugs = wanted(asked.communities, desk)
    _check_free(slugs, settings)
    with transaction(desk.engine, None) as db:
        stopped = {slug: account_name(row) for slug in slugs if (row := stop_serving(db, slug))}
    if not stopped:
        raise Slip(f"WeChat is off for {', '.join(slugs)} already")
    for slug, name in stopped.items():
        print(f"{name} serves {slug} no more; what is still owed there waits until it is on again")
    return 0


def _templates(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    try:
        given = tomllib.loads(asked.file.read_text("utf-8"))
    except (OSError, ValueError) as failure:
        raise Slip(f"{asked.file}: {getattr(failure, 'strerror', None) or failure}") from None
    known = read_templates(asked.account, given)
    with transaction(desk.engine, None) as db:
        row = _ours(db, asked.account, settings)
        row.templates = given
        db.add(row)
    print(f"{account_name(row)} has templates: {', '.join(t.id for t in known)}; (re)start `python -m bot serve`")
    return 0


def _remove(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    with transaction(desk.engine, None) as db:
        row = _ours(db, asked.account, settings)
        remove_account(db, row.appid)
    print(f"{account_name(row)} is forgotten here; at mp.weixin.qq.com, switch the server off (停用)")
    return 0


def _ours(db: Session, name: str, settings: Settings) -> WechatAccount:
    """An account of the store's, to be changed."""
    _not_given(name, settings)
    row = account_called(db, name)
    if row is None:
        raise Slip(f"no account {name}; there are: {', '.join(map(account_name, wechat_accounts(db))) or 'none yet'}")
    return row
