"""The Telegram bots: which communities each serves, how it is reached, and how far its updates have been taken."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, delete
from sqlmodel import JSON, Column, Field, Session, SQLModel, col, select

from models.serving import give_up, take_on
from models.store import add_once, moment, settle
from models.visitor import Visitor


class TelegramBot(SQLModel, table=True):
    """One bot; with one community in `serves` it is that community's own, with several people choose."""

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})  # Telegram's own
    username: str = ""
    serves: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))  # slugs; switched on
    sealed_token: str = ""  # encrypted; "" where the environment or a file gives it
    token_file: str = ""
    secret: str  # what Telegram must show at our webhook
    webhook: str = ""  # the address set with Telegram; "" means we fetch updates ourselves
    update_offset: int = Field(default=0, sa_type=BigInteger)  # the first update not yet taken, when we fetch
    poller: str = ""  # which process fetches
    polling_until: datetime | None = None  # and for how long it has said so
    greeted: str = ""  # digest of the commands and descriptions last told to Telegram


def bots(db: Session) -> list[TelegramBot]:
    return list(db.exec(select(TelegramBot).order_by(col(TelegramBot.id))))


def bot_called(db: Session, username: str) -> TelegramBot | None:
    """By its name with or without the @, or by its number."""
    plain = username.removeprefix("@").lower()
    return next((bot for bot in bots(db) if plain in (bot.username.lower(), str(bot.id))), None)


def enter_bot(db: Session, bot_id: int) -> TelegramBot:
    """The bot's row, made on first sight; two processes may see it first at once."""
    fresh = TelegramBot(id=bot_id, secret=secrets.token_urlsafe(32))
    add_once(db, TelegramBot, fresh.model_dump())
    settle(db)
    return db.exec(select(TelegramBot).where(TelegramBot.id == bot_id).with_for_update()).one()


def add_bot(db: Session, bot_id: int, username: str, sealed_token: str = "", token_file: str = "") -> TelegramBot:
    """Keep a bot and where its token is; a bot that is there gets a new token and stays as it is otherwise."""
    bot = enter_bot(db, bot_id)
    bot.username, bot.sealed_token, bot.token_file = username, sealed_token, token_file
    db.add(bot)
    return bot


def name_bot(db: Session, bot_id: int, username: str) -> None:
    """What Telegram says the bot is called: one given by the environment comes without a name."""
    bot = enter_bot(db, bot_id)
    bot.username = username
    db.add(bot)


def serve(db: Session, bot: TelegramBot, slugs: Iterable[str]) -> None:
    """Switch Telegram on for communities; raises AlreadyServed when another bot serves one of them."""
    take_on(bot, bots(db), slugs, called)
    db.add(bot)


def stop_serving(db: Session, slug: str) -> TelegramBot | None:
    """Switch Telegram off for a community; the bot that served it."""
    return give_up(bots(db), slug)


def remove_bot(db: Session, bot_id: int) -> None:
    """Forget a bot and who stood at its door."""
    db.execute(delete(Visitor).where(col(Visitor.channel) == "telegram", col(Visitor.door) == str(bot_id)))
    db.execute(delete(TelegramBot).where(col(TelegramBot.id) == bot_id))


def set_webhook(db: Session, bot_id: int, address: str) -> None:
    """Where Telegram shall bring updates; "" for: we fetch. Whoever fetches stops when it sees an address here."""
    bot = enter_bot(db, bot_id)
    bot.webhook = address
    db.add(bot)


def fetched_by(db: Session, bot_id: int) -> str:
    """The process that fetches updates now; "" where none does."""
    bot = db.get(TelegramBot, bot_id)
    fetching = bot is not None and bot.polling_until is not None and bot.polling_until > moment(db)
    return bot.poller if bot and fetching else ""


def called(bot: TelegramBot) -> str:
    """How people speak of a bot."""
    return f"@{bot.username}" if bot.username else f"bot {bot.id}"
