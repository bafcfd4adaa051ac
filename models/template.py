"""Replies workers give again and again (回复模板), in both languages, for a step and perhaps a category."""

from typing import ClassVar

from sqlmodel import JSON, Column, Field, Session, col, select

from models.audit import Audited
from models.lifecycle import Status
from models.resident import Resident, Role
from models.store import InCommunity, checked, own_id
from models.ticket import Ticket


class ReplyTemplate(InCommunity, Audited, table=True):
    __tablename__ = "reply_template"
    audited: ClassVar = ("step", "category", "text")

    id: int = own_id()
    step: Status = Field(sa_type=checked(Status, "step"))  # what the ticket is moved to with these words
    category: str = ""  # "" for any
    text: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))  # {"zh": …, "en": …}


def templates_for(db: Session, by: Resident, ticket: Ticket, step: Status) -> list[ReplyTemplate]:
    """Those that suit a ticket on its way to `step`, those of its category first. Raises PermissionError."""
    _check(by, Role.WORKER)
    fitting = select(ReplyTemplate).where(
        ReplyTemplate.step == step, col(ReplyTemplate.category).in_(["", ticket.category])
    )
    return list(db.exec(fitting.order_by(col(ReplyTemplate.category).desc(), col(ReplyTemplate.id))))


def templates_of(db: Session) -> list[ReplyTemplate]:
    """All of this community, by what they are for."""
    return list(db.exec(select(ReplyTemplate).order_by(col(ReplyTemplate.step), col(ReplyTemplate.id))))


def save_template(db: Session, by: Resident | None, template: ReplyTemplate) -> ReplyTemplate:
    """Add one, or keep what was changed of one; `by` is None for a content pack. Raises PermissionError."""
    _check(by, Role.MANAGER)
    db.add(template)
    db.flush()
    return template


def remove_template(db: Session, by: Resident, template: ReplyTemplate) -> None:
    """Raises PermissionError."""
    _check(by, Role.MANAGER)
    db.delete(template)
    db.flush()


def _check(by: Resident | None, least: Role) -> None:
    if by is not None and by.role < least:
        raise PermissionError(f"{by.role.name} has nothing to do with reply templates")
