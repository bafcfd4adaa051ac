"""The peer: python-telegram-bot's ConversationHandler for the same five messages, in memory or durable by hand."""

import json
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from telegram import Update
from telegram.ext import Application, ApplicationBuilder, BaseHandler, ConversationHandler, MessageHandler, filters
from telegram.request import BaseRequest, RequestData

from bench.dialogue import drive
from bench.figures import Turns

DESCRIPTION, PHOTO, PHONE, CONFIRM = range(4)
ASKED = {
    DESCRIPTION: "哪里坏了？说一句就行，比如“3幢楼道的灯坏了”。",
    PHOTO: "记下了。方便的话发张照片；不方便就说“跳过”。",
    PHONE: "留个电话吧，师傅上门前联系您。",
    ConversationHandler.END: "收到，工单已开。",
}
SCHEMA = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
CREATE TABLE heard (id INTEGER PRIMARY KEY, said TEXT NOT NULL, reply TEXT NOT NULL);
CREATE TABLE dialogue (user_id INTEGER PRIMARY KEY, step INTEGER NOT NULL, answers TEXT NOT NULL);
CREATE TABLE ticket (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, content TEXT NOT NULL);
CREATE TABLE outbox (key TEXT PRIMARY KEY, facts TEXT NOT NULL, sent_at TEXT);
"""
App = Application[Any, Any, Any, Any, Any, Any]
Step = Callable[[Update, Any], Coroutine[Any, Any, int]]


class NoNetwork(BaseRequest):
    """Answers the one call a bot makes when it starts; replies are handed over in memory instead."""

    read_timeout = 1.0

    async def initialize(self) -> None:
        pass

    async def shutdown(self) -> None:
        pass

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: Any, **__: Any
    ) -> tuple[int, bytes]:
        me = {"id": 1, "is_bot": True, "first_name": "b", "username": "b"}
        return 200, json.dumps({"ok": True, "result": me}).encode()


class Store:
    """A durable turn as a careful programmer writes it by hand: all rows of an update in one FULL commit."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(SCHEMA)

    def answered(self, update_id: int) -> str | None:
        row = self._db.execute("SELECT reply FROM heard WHERE id = ?", (update_id,)).fetchone()
        return row[0] if row else None

    def keep(self, update: Update, step: int, answers: dict[str, str], reply: str) -> None:
        user, said = update.effective_user, update.effective_message
        assert user is not None
        assert said is not None
        row, told = self._db.execute, json.dumps(answers, ensure_ascii=False)
        row("BEGIN IMMEDIATE")
        row("INSERT INTO heard VALUES (?, ?, ?)", (update.update_id, said.text, reply))
        row(
            "INSERT INTO dialogue VALUES (?, ?, ?)"
            " ON CONFLICT (user_id) DO UPDATE SET step = excluded.step, answers = excluded.answers",
            (user.id, step, told),
        )
        if step == ConversationHandler.END:
            row("INSERT INTO ticket VALUES (?, ?, ?)", (update.update_id, user.id, told))
            row("INSERT INTO outbox VALUES (?, ?, NULL)", (f"ticket:{update.update_id}", told))
        row("COMMIT")


def _hears(slot: str, following: int, store: Store | None) -> Step:
    """A step: keep the answer, say what is asked next."""

    async def step(update: Update, context: Any) -> int:
        replies: dict[int, str] = context.bot_data
        if store and (before := store.answered(update.update_id)) is not None:
            replies[update.update_id] = before
            return following
        answers: dict[str, str] = context.user_data
        said = update.effective_message
        answers[slot] = said.text or "" if said else ""
        reply = ASKED.get(following) or f"请看一遍：{answers['description']}，电话 {answers['phone']}。可以提交吗？"
        if store:
            store.keep(update, following, answers, reply)
        replies[update.update_id] = reply
        return following

    return step


async def bot(path: str) -> App:
    """The application, ready; durable when it is given the path of a store."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    store = Store(path) if path else None
    app = ApplicationBuilder().token("1:x").request(NoNetwork()).get_updates_request(NoNetwork()).updater(None).build()
    text = filters.TEXT & ~filters.COMMAND

    def on(slot: str, following: int) -> list[BaseHandler[Update, Any, Any]]:
        return [MessageHandler(text, _hears(slot, following, store))]

    app.add_handler(
        ConversationHandler(
            entry_points=[MessageHandler(filters.Regex("^我要报修$"), _hears("wish", DESCRIPTION, store))],
            states={
                DESCRIPTION: on("description", PHOTO),
                PHOTO: on("photo", PHONE),
                PHONE: on("phone", CONFIRM),
                CONFIRM: on("confirm", ConversationHandler.END),
            },
            fallbacks=[],
        )
    )
    await app.initialize()
    return app


def update_of(number: int, resident: int, text: str) -> dict[str, Any]:
    """What Telegram posts for a text in a private chat."""
    who = {"id": 1000 + resident, "is_bot": False, "first_name": "张", "language_code": "zh-hans"}
    chat = {"id": 1000 + resident, "type": "private", "first_name": "张"}
    message = {"message_id": number, "date": 1_795_000_000, "chat": chat, "from": who, "text": text}
    return {"update_id": number, "message": message}


async def take(app: App, wire: dict[str, Any]) -> str:
    """Process one update; the reply."""
    await app.process_update(Update.de_json(wire, app.bot))
    reply: str = app.bot_data.pop(wire["update_id"])
    return reply


async def durable(url: str, in_flight: int, dialogues: int) -> Turns:
    return await _turns(url.removeprefix("sqlite:///") + ".ptb", in_flight, dialogues)


async def memory(_: str, in_flight: int, dialogues: int) -> Turns:
    return await _turns("", in_flight, dialogues)


async def _turns(path: str, in_flight: int, dialogues: int) -> Turns:
    app, count = await bot(path), 0

    async def answer(resident: int, _: str, text: str) -> str:
        nonlocal count
        count += 1
        return await take(app, update_of(count, resident, text))

    return await drive(answer, in_flight, dialogues)
