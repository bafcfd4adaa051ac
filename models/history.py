"""What was said between a resident and the desk, to be read again."""

from sqlmodel import Session, col, select

from models.dialogue import Heard
from models.mailbox import Letter
from models.resident import Account

LINES = 100


def resident_at(db: Session, channel: str, account: str, user: str) -> int | None:
    """Who is reached at an address."""
    at = (Account.channel == channel, Account.account == account, Account.user == user)
    return db.exec(select(Account.resident_id).where(*at)).first()


def heard_from(db: Session, resident_id: int) -> list[Heard]:
    """The last messages with their replies, oldest first."""
    mine = select(Heard).where(Heard.resident_id == resident_id)
    return list(db.exec(mine.order_by(col(Heard.at).desc(), col(Heard.key).desc()).limit(LINES)))[::-1]


def letters_to(db: Session, resident_id: int, after: int | None = None) -> list[Letter]:
    """The last letters, or those after the one a page has; oldest first."""
    mine = select(Letter).where(Letter.resident_id == resident_id)
    if after is None:
        return list(db.exec(mine.order_by(col(Letter.id).desc()).limit(LINES)))[::-1]
    return list(db.exec(mine.where(col(Letter.id) > after).order_by(col(Letter.id)).limit(LINES)))
