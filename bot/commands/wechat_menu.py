"""The menu below an account's conversation, and QR codes for posters."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from bot.channels.wechat.accounts import Account, known_accounts
from bot.channels.wechat.api import Api
from bot.channels.wechat.menu import buttons, digest
from bot.channels.wechat.posters import NoSuchMatter, poster, scene_of
from bot.channels.wechat.rights import WITHOUT, remedy
from bot.commands import Slip, carry_out
from bot.commands.wechat_api import ask
from bot.commands.wechat_page import chosen
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.store import transaction
from models.wechat_account import menu_told


def describe(actions: Any) -> None:
    parser = actions.add_parser("menu", help="the menu below the conversation")
    verbs = parser.add_subparsers(metavar="verb", required=True)
    put = verbs.add_parser("set", help="tell WeChat now; `serve` does so too when it has changed")
    shown = verbs.add_parser("show", help="what it says, without asking WeChat")
    taken = verbs.add_parser("delete", help="have no menu; `serve` makes it again when it changes")
    for verb, act in ((put, _set), (shown, _show), (taken, _delete)):
        verb.add_argument("--account", metavar="APPID", default="", help="only this account; all, if left out")
        verb.set_defaults(run=carry_out, act=act)
    drawn = actions.add_parser("poster", help="a QR code that leads to a community, a service or a place")
    drawn.add_argument("community", help="its slug, such as hongmei")
    drawn.add_argument("matter", nargs="?", default="", help="a service such as events, or the key of a place")
    drawn.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the PNG file to write")
    drawn.set_defaults(run=carry_out, act=_poster)


def _set(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    for account in chosen(asked.account, settings, desk):
        _needs("menu", account)
        told = _buttons(account, settings, desk)
        ask(settings, desk.engine, account, partial(Api.create_menu, buttons=told))
        _keep(desk, account, digest(told))
        print(f"{account.called}: WeChat has the menu; those who follow see it within five minutes")
    return 0


def _show(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    for account in chosen(asked.account, settings, desk):
        print(account.called)
        for button in _buttons(account, settings, desk):
            print(f"  {button['name']}")
            for line in button["sub_button"]:
                print(f"    {line['name']}  {line.get('key') or line['url']}")
    return 0


def _delete(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    for account in chosen(asked.account, settings, desk):
        _needs("menu", account)
        ask(settings, desk.engine, account, Api.delete_menu)
        _keep(desk, account, digest(_buttons(account, settings, desk)))
        print(f"{account.called} has no menu")
    return 0


def _buttons(account: Account, settings: Settings, desk: Desk) -> list[dict[str, Any]]:
    served = [c for slug in account.serves if (c := desk.communities.get(slug))]
    if not served:
        raise Slip(f"{account.called} serves nobody")
    return buttons(served, settings.public_url, account.room)


def _keep(desk: Desk, account: Account, told: str) -> None:
    with transaction(desk.engine, None) as db:
        menu_told(db, account.appid, told)


def _poster(asked: argparse.Namespace, settings: Settings, desk: Desk) -> int:
    community = desk.communities.get(asked.community)
    accounts = known_accounts(desk.engine, settings)
    account = next((a for a in accounts if asked.community in a.serves), None)
    if community is None or account is None:
        raise Slip(f"WeChat is off for {asked.community}: see `wechat add` and `wechat on`")
    _needs("scenes", account)
    try:
        scene = scene_of(community, asked.matter)
    except NoSuchMatter as failure:
        raise Slip(str(failure)) from None
    picture = ask(settings, desk.engine, account, lambda api: poster(api, scene))
    try:
        asked.output.write_bytes(picture)
    except OSError as failure:
        raise Slip(f"{asked.output}: {failure.strerror}") from None
    print(f"{asked.output}: who scans it comes to {scene} on {account.called}")
    return 0


def _needs(right: str, account: Account) -> None:
    if not getattr(account.rights, right):
        raise Slip(f"{account.called} has no right to it ({WITHOUT[right]}): {remedy(account.kind)}")
