"""A push on its way to Telegram: worded as any reply, or written into its report's card."""

import asyncio

import telegram

from bot.channels import Parcel, Refused, TryLater, Uncertain
from bot.channels.telegram import card
from bot.channels.telegram.attachments import look_at
from bot.channels.telegram.call import Call
from bot.channels.telegram.line import Line
from bot.channels.telegram.render import Look, render
from models.card import Card, card_of, keep_card
from models.store import reading, transaction


async def deliver(line: Line, parcel: Parcel) -> None:
    """Send one; its departure has come. Raises the failures of a Channel."""
    line.pacer.check(parcel.to.user)
    look, old = await asyncio.to_thread(_prepared, line, parcel)
    news = card.tell(parcel.reply, parcel.about, line.desk.now(), look, old)
    if news is None:
        calls = await asyncio.to_thread(render, parcel.reply, look)
        if not calls:
            raise Refused("there is nothing in it to show")
        await line.send(parcel.to.user, calls[0])
        await _rest(line, parcel, calls[1:])
        return
    sent = await _shown(line, parcel, news)
    if isinstance(sent, telegram.Message):
        await asyncio.to_thread(_keep, line, parcel, sent.message_id, news.text)
    if news.old is not None:
        await _rest(line, parcel, [news.old], harmless=True)


def _prepared(line: Line, parcel: Parcel) -> tuple[Look, Card | None]:
    look = look_at(line.desk, line.link(parcel.to.account), parcel.to, parcel.community_id)
    with reading(line.desk.engine, parcel.community_id) as db:
        to = parcel.to
        return look, card_of(db, to.channel, to.account, to.user, parcel.about)


async def _shown(line: Line, parcel: Parcel, news: card.News) -> object:
    """The card as it is now; where the old one cannot be edited any more (deleted, too old), a new one."""
    try:
        return await line.send(parcel.to.user, news.call)
    except Refused:
        if news.anew is None:
            raise
        return await line.say(parcel.to.user, news.anew)


async def _rest(line: Line, parcel: Parcel, calls: list[Call], *, harmless: bool = False) -> None:
    """What follows the first message; it has arrived, so the push is not sent again whatever becomes of these."""
    for call in calls:
        try:
            await line.say(parcel.to.user, call)
        except (TryLater, Refused, Uncertain) as failure:
            if not harmless:
                raise Uncertain(f"a part of it: {failure}") from None


def _keep(line: Line, parcel: Parcel, message: int, text: str) -> None:
    to = parcel.to
    with transaction(line.desk.engine, parcel.community_id, line.desk.now()) as db:
        keep_card(db, to.channel, to.account, to.user, parcel.about, message, text)
