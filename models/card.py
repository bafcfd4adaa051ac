"""The one message in a chat that shows how a matter stands, edited as it goes on."""

from sqlalchemy import BigInteger
from sqlmodel import Field, Session

from models.store import InCommunity


class Card(InCommunity, table=True):
    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    user: str = Field(primary_key=True)
    about: str = Field(primary_key=True)  # "ticket:7"
    message: int = Field(sa_type=BigInteger)  # the channel's own number
    text: str


def card_of(db: Session, channel: str, account: str, user: str, about: str) -> Card | None:
    """The card of a matter in a chat."""
    return db.get(Card, (channel, account, user, about))


def keep_card(db: Session, channel: str, account: str, user: str, about: str, message: int, text: str) -> None:
    """Which message is the card now, and what it says."""
    fresh = Card(channel=channel, account=account, user=user, about=about, message=message, text=text)
    card = card_of(db, channel, account, user, about) or fresh
    card.message, card.text = message, text
    db.add(card)
