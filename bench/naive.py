"""The usual design: a SQLModel AsyncSession per turn over aiosqlite, behind one lock, FULL."""

import asyncio
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import JSON, Column, Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from bench.dialogue import drive
from bench.figures import Turns


class NaiveHeard(SQLModel, table=True):
    key: str = Field(primary_key=True)
    said: str
    reply: str


class NaiveDialogue(SQLModel, table=True):
    resident_id: int = Field(primary_key=True)
    answers: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class NaiveTicket(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    resident_id: int
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class NaivePush(SQLModel, table=True):
    key: str = Field(primary_key=True)
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


def _settle(raw: Any, _: object) -> None:
    for setting in ("journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {setting}")


async def _turn(db: AsyncSession, resident: int, key: str, text: str) -> str:
    if (heard := await db.get(NaiveHeard, key)) is not None:
        return heard.reply
    dialogue = await db.get(NaiveDialogue, resident) or NaiveDialogue(resident_id=resident)
    dialogue.answers = {**dialogue.answers, str(len(dialogue.answers)): text}
    reply = "记下了。请接着说。"
    if text == "可以":
        db.add(NaiveTicket(resident_id=resident, content=dialogue.answers))
        db.add(NaivePush(key=key, facts=dialogue.answers))
        dialogue.answers, reply = {}, "收到，工单已开。"
    db.add(dialogue)
    db.add(NaiveHeard(key=key, said=text, reply=reply))
    await db.commit()
    return reply


async def turns(url: str, in_flight: int, dialogues: int) -> Turns:
    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:") + ".naive")
    event.listen(engine.sync_engine, "connect", _settle)
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    lock = asyncio.Lock()

    async def answer(resident: int, message_id: str, text: str) -> str:
        async with lock, AsyncSession(engine) as db:
            return await _turn(db, resident, message_id, text)

    found = await drive(answer, in_flight, dialogues)
    await engine.dispose()
    return found
