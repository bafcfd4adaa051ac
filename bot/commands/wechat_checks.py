"""What doctor says of WeChat: each step of docs/wechat.md."""

import asyncio
from collections.abc import Iterator

from aiohttp import ClientSession
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.channels import Refused, TryLater, Unreachable
from bot.channels.wechat.accounts import Account, known_accounts, lost_accounts
from bot.channels.wechat.api import Api
from bot.channels.wechat.given import BadAccounts, Corp, known_corp
from bot.channels.wechat.notices import read_templates
from bot.channels.wechat.rights import WITHOUT, missing, remedy
from bot.channels.wecom.api import Api as Wecom
from bot.commands.checks import Line, kept, lanes
from bot.commands.wechat_api import NoAnswer, ask
from bot.commands.wechat_page import LOST, address_problem
from bot.conversation.texts import civil
from bot.logs import discreet
from bot.settings import Settings
from models.community import Community
from models.store import reading
from models.wechat_account import WechatAccount, account_name

UNSERVED = "which no account serves"


def wechat_checks(engine: Engine, settings: Settings) -> Iterator[Line]:
    try:
        corp = known_corp(settings)
    except BadAccounts as failure:
        yield False, f"{failure}"
        corp = None
    with reading(engine, None) as db:
        slugs = list(db.exec(select(Community.slug).order_by(col(Community.id))))
    if corp:
        yield from _wecom(corp, settings)
    yield from lanes(engine, "wecom", "WeCom", "and WeCom is off", slugs if corp else ())
    try:
        accounts = known_accounts(engine, settings)
    except BadAccounts as failure:
        yield False, f"WeChat: {failure}"
        return
    with reading(engine, None) as db:
        lost = lost_accounts(db, accounts)
    if not (accounts or lost):
        yield True, "WeChat is off (docs/wechat.md says how to switch it on)"
        yield from lanes(engine, "wechat", "WeChat", UNSERVED, ())
        return
    if settings.wechat_accounts_file:
        yield kept(settings.wechat_accounts_file)
    if accounts and (problem := address_problem(settings.public_url)):
        yield False, problem
    for account in accounts:
        yield from _account(engine, account, settings)
    yield from ((False, f"{account_name(row)} {LOST.format(row.appid)}") for row in lost if row.serves)
    served = {slug for account in accounts for slug in account.serves}
    if off := [slug for slug in slugs if slug not in served]:
        yield True, f"WeChat is off for {', '.join(off)} (`python -m bot wechat on`)"
    yield from lanes(engine, "wechat", "WeChat", UNSERVED, served)


def _wecom(corp: Corp, settings: Settings) -> Iterator[Line]:
    async def ask() -> None:
        async with ClientSession() as session:
            await Wecom(corp, session, settings.wecom_api).try_secret()

    if settings.wecom_secret_file:
        yield kept(settings.wecom_secret_file)
    try:
        asyncio.run(ask())
    except (TryLater, Unreachable, Refused) as failure:
        yield False, f"WeCom: {discreet(str(failure))}"
    else:
        yield True, f"WeCom lets us in; its messages come to {settings.address}/wecom/{corp.corpid}"


def _account(engine: Engine, account: Account, settings: Settings) -> Iterator[Line]:
    try:
        ask(settings, engine, account, Api.try_secret)
        yield True, f"{account.called}: WeChat lets us in; it serves {', '.join(account.serves) or 'nobody'}"
    except NoAnswer as failure:
        yield False, f"{account.called}: {failure}"
    with reading(engine, None) as db:  # only now: that WeChat lets us in may have put an end to it
        row = db.get(WechatAccount, account.appid) or WechatAccount(appid=account.appid)
    if row.trouble and row.trouble_at:
        yield False, f"{account.called}: at {civil(row.trouble_at, 'en')}: {row.trouble}"
    try:
        if account.rights.templates and not read_templates(account.called, account.templates):
            yield True, f"{account.called} has no templates: nothing reaches who has been silent for 48 hours"
    except BadAccounts as failure:
        yield False, str(failure)
    if account.plain:
        yield True, f"{account.called} takes messages in plain: for a test account alone"
    if lacking := missing(account.rights):
        yield True, f"{account.called} ({account.kind.name.lower()}) lacks rights: {remedy(account.kind)}"
        yield from ((True, f"  {WITHOUT[right]}") for right in lacking)
    if account.rights.menu and not row.menu:
        yield True, f"{account.called} has no menu yet: `serve` makes it, or `python -m bot wechat menu set`"
