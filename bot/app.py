"""The composition root: settings become a store, a desk, channels, a clock and one aiohttp application."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

import handlers  # noqa: F401  (they enter themselves in the register)
from bot.channels import OpenChannel
from bot.channels.files import Files
from bot.channels.mailroom import Mailroom
from bot.channels.page import Pages, safe_headers
from bot.channels.telegram.bots import known_bots
from bot.channels.web import WebChat
from bot.channels.wechat.accounts import enter_accounts
from bot.channels.wechat.given import known_corp
from bot.console.house import House
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from bot.conversation.worker import Worker
from bot.settings import Settings
from bot.understanding.interpreter import Interpreter
from models.store import connect
from scheduler.clock import ticking
from scheduler.outbox import Outbox

if TYPE_CHECKING:
    from bot.channels.telegram.channel import TelegramChannel
    from bot.channels.wechat.channel import WechatChannel
    from bot.channels.wecom.channel import WecomChannel

log = logging.getLogger(__name__)
LARGEST = 11 * 1024 * 1024  # bytes of a request: a photo and its form
SWITCH = 0.002  # seconds a thread keeps the interpreter: the turn thread must not hold up the event loop
DESK = web.AppKey("desk", Desk)


def open_desk(settings: Settings) -> Desk:
    """The desk on its store, without channels or clock."""
    engine = connect(settings.database_url)
    return Desk(engine, Communities(engine, settings.address), media=settings.media_dir)


def tune() -> None:
    """Keep one thread from holding up another, and the garbage collector from holding up every turn."""
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: it need not be looked through again and again
    gc.set_threshold(50_000, 20, 20)


def application(settings: Settings, *, clock: bool = True, chat: bool = True) -> web.Application:
    """The whole program; `clock` and `chat` say which parts run in this process."""
    desk = open_desk(settings)
    worker, mailroom = Worker(desk, interpreter(settings)), Mailroom(desk)
    secure = settings.address.startswith("https:")
    web_chat = WebChat(desk, worker, mailroom, secure)
    files, console = Files(desk, settings.address, secure), House(desk, secure)
    others: list[OpenChannel] = [
        *telegram_channels(desk, worker, settings),
        *wechat_channels(desk, worker, settings),
        *wecom_channels(desk, worker, settings),
    ]
    app = web.Application(middlewares=[safe_headers], client_max_size=LARGEST)
    app[DESK] = desk
    app.add_routes([web.get("/health", health)])
    if chat:
        app.add_routes([*console.routes(), *Pages(desk, secure).routes(), *files.routes(), *web_chat.routes()])
        app.add_routes([route for other in others for route in other.routes()])

    async def living(_: web.Application) -> AsyncIterator[None]:
        tune()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(worker)
            await stack.enter_async_context(console.open())
            for other in others:
                await stack.enter_async_context(other.open(listening=chat))
            listening = asyncio.create_task(_keep_up(desk, mailroom))
            if clock:
                outbox = Outbox(desk, [web_chat, *others])
                desk.wake = outbox.wake
                await stack.enter_async_context(ticking(desk, outbox))
            yield
            listening.cancel()
        desk.engine.dispose()

    app.cleanup_ctx.append(living)
    app.on_shutdown.extend([mailroom.close, console.watch.close])
    return app


def interpreter(settings: Settings) -> Interpreter | None:
    """Who is asked about sentences we are not sure of, if anybody."""
    if not settings.interpreter_url:
        return None
    return Interpreter(settings.interpreter_url, settings.interpreter_model, settings.interpreter_key)


def telegram_channels(desk: Desk, worker: Worker, settings: Settings) -> list["TelegramChannel"]:
    """One channel a bot that has a token; raises BadBots for a set-up that cannot be run."""
    accounts = known_bots(desk.engine, settings)
    if not accounts:
        return []
    from bot.channels.telegram.channel import TelegramChannel  # here: the client takes a while to load

    return [TelegramChannel(desk, worker, account, settings) for account in accounts]


def wechat_channels(desk: Desk, worker: Worker, settings: Settings) -> list["WechatChannel"]:
    """One channel a WeChat account; raises BadAccounts for a set-up that cannot be run."""
    accounts = enter_accounts(desk.engine, settings)
    if not accounts:
        return []
    from bot.channels.wechat.channel import WechatChannel  # here: as above

    log.info("WeChat: %s", "; ".join(f"{a.called} serves {', '.join(a.serves) or 'nobody'}" for a in accounts))
    return [WechatChannel(desk, worker, account, settings) for account in accounts]


def wecom_channels(desk: Desk, worker: Worker, settings: Settings) -> list["WecomChannel"]:
    """The app in WeCom, if there is one; raises BadAccounts for a set-up that cannot be run."""
    corp = known_corp(settings)
    if corp is None:
        return []
    from bot.channels.wecom.channel import WecomChannel  # here: as above

    log.info("WeCom: the app %s of %s", corp.agent, corp.corpid)
    return [WecomChannel(desk, worker, corp, settings)]


async def _keep_up(desk: Desk, mailroom: Mailroom) -> None:
    """Notice, once a second, what another process did: new letters, new content."""
    while True:
        await asyncio.sleep(1)
        try:
            await mailroom.look()
            await asyncio.to_thread(desk.communities.refresh)
        except Exception:
            log.exception("looking for news of other processes failed")


async def health(request: web.Request) -> web.Response:
    """Whether this process can answer: for load balancers."""
    communities = await asyncio.to_thread(request.app[DESK].communities.all)
    return web.json_response({"status": "ok", "communities": len(communities)})
