"""What residents meant where it was not understood, to be reviewed and learnt from. Masked when it is written down."""

from datetime import datetime

from sqlmodel import Field, Session, col, select

from models.masking import mask
from models.resident import Resident
from models.store import InCommunity, moment, own_id, refers


class Example(InCommunity, table=True):
    id: int = own_id()
    resident_id: int = refers("resident.id", index=True)
    text: str
    guessed: str  # the likeliest intent
    confidence: float
    chosen: str  # the intent they meant; "" for none that was offered
    at: datetime = Field(index=True)
    reviewed_at: datetime | None = Field(default=None, index=True)


def keep_example(db: Session, by: Resident, text: str, guessed: str, confidence: float, chosen: str) -> None:
    db.add(
        Example(
            resident_id=by.id,
            text=mask(text),
            guessed=guessed,
            confidence=confidence,
            chosen=chosen,
            at=moment(db),
        )
    )


def unreviewed(db: Session) -> list[Example]:
    """Those nobody has looked at yet, oldest first."""
    return list(db.exec(select(Example).where(col(Example.reviewed_at).is_(None)).order_by(col(Example.id))))


def mark_reviewed(db: Session, ids: list[int]) -> None:
    for example in db.exec(select(Example).where(col(Example.id).in_(ids))):
        example.reviewed_at = moment(db)
