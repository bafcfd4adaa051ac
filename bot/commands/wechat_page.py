"""What the operator enters at mp.weixin.qq.com, and whether WeChat lets us in."""

import argparse
import re
import sys
from typing import Any

from pydantic import SecretStr

from bot.channels.wechat.accounts import Account, known_accounts
from bot.channels.wechat.answers import BASICS
from bot.channels.wechat.api import Api
from bot.commands import Slip, carry_out
from bot.commands.wechat_api import NoAnswer, ask
from bot.conversation.desk import Desk
from bot.settings import Settings

HIDDEN = "(`--show` prints it)"
LOST = "has no secret here and no file gives it: give the file back, or `python -m bot wechat remove {}`"
PORT = re.compile(r"https?://[^/]*?:(\w+)(/|$)")


def describe(actions: Any) -> None:
    check = actions.add_parser("check", help="what to enter at mp.weixin.qq.com, and whether WeChat lets us in")
    check.add_argument("--account", metavar="APPID", default="", help="only this account; all, if left out")
    check.add_argument("--show", action="store_true", help="print Token and EncodingAESKey too")
    check.set_defaults(run=carry_out, act=_check)


def chosen(name: str, settings: Settings, desk: Desk) -> list[Account]:
    """The account of this AppID or name, or all."""
    accounts = known_accounts(desk.engine, settings)
    found = [account for account in accounts if name in ("", account.appid, account.name)]
    if not found:
        there = ", ".join(account.called for account in accounts) or "none yet: see `wechat add`"
        raise Slip(f"no account {name or 'to ask'}; there are: {there}")
    return found


def _check(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    status = 0
    for account in chosen(asked.account, settings, desk):
        print(f"{account.called}, at mp.weixin.qq.com, {BASICS}:")
        for what, value in _entries(account, settings, show=asked.show):
            print(f"  {what}: {value}")
        try:
            ask(settings, desk.engine, account, Api.try_secret)
            print("WeChat lets us in")
        except NoAnswer as failure:
            print(failure, file=sys.stderr)
            status = 1
    if problem := address_problem(settings.public_url):
        print(f"missing  {problem}", file=sys.stderr)
        status = 1
    return status


def address_problem(public_url: str) -> str:
    """Why WeChat can bring nothing to this address; "" if it can."""
    if not public_url:
        return "LINLIFANG_PUBLIC_URL is not set: WeChat brings messages to an address on port 80 or 443"
    port = PORT.match(public_url)
    if port and port[1] not in ("80", "443"):
        return f"LINLIFANG_PUBLIC_URL has port {port[1]}: WeChat knows 80 and 443 only"
    return ""


def _entries(account: Account, settings: Settings, *, show: bool) -> list[tuple[str, str]]:
    def told(secret: SecretStr) -> str:
        return (secret.get_secret_value() if show else HIDDEN) or "none, in plain mode"

    return [
        ("URL", f"{settings.address}{account.path}"),
        ("Token", told(account.token)),
        ("EncodingAESKey", told(account.aes_key)),
        ("消息加解密方式", "明文模式" if account.plain else "安全模式"),
        ("IP白名单", "the address this machine calls from; WeChat names it when it turns a call away"),
    ]
