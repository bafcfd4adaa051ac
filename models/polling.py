"""Which process fetches a bot's updates, and how far it has come."""

from datetime import timedelta

from sqlmodel import Session, col, select, update

from models.store import moment
from models.telegram_bot import TelegramBot


def hold_polling(db: Session, bot_id: int, poller: str, lease: timedelta) -> int | None:
    """The first update not yet taken, with the right to fetch for as long as the lease.

    None while another process has that right, or Telegram brings the updates to a webhook: then it is let go.
    """
    bot = db.exec(select(TelegramBot).where(TelegramBot.id == bot_id).with_for_update()).first()
    if bot is None:
        return None
    if bot.webhook:
        let_go(db, bot_id, poller)
        return None
    held = bot.polling_until is not None and bot.polling_until > moment(db)
    if held and bot.poller != poller:
        return None
    bot.poller, bot.polling_until = poller, moment(db) + lease
    db.add(bot)
    return bot.update_offset


def advance(db: Session, bot_id: int, poller: str, offset: int) -> None:
    """Everything before this update has been taken; only who has the right to fetch may say so.

    After a week without news Telegram numbers anew, perhaps from lower down: core.telegram.org/bots/api#update
    """
    mine = update(TelegramBot).where(col(TelegramBot.id) == bot_id, col(TelegramBot.poller) == poller)
    db.execute(mine.values(update_offset=offset))


def let_go(db: Session, bot_id: int, poller: str) -> None:
    """This process fetches no more: another may begin at once."""
    mine = update(TelegramBot).where(col(TelegramBot.id) == bot_id, col(TelegramBot.poller) == poller)
    db.execute(mine.values(poller="", polling_until=None))
