"""Which tickets have something due by the clock; each kind by an instant of its own."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from models.lifecycle import RUNNING, STOPPED, Status
from models.store import moment
from models.ticket import Ticket

AT_ONCE = 200


@dataclass(frozen=True)
class Due:
    """Tickets of some statuses whose instant has come."""

    instant: str  # a column of theirs
    statuses: tuple[Status, ...]

    def communities(self, db: Session) -> list[int]:
        return list(db.exec(select(Ticket.community_id).where(*self._come(db)).distinct()))

    def take(self, db: Session) -> list[Ticket]:
        """Those of this community, locked, the oldest first; what another process has taken is left to it."""
        come = select(Ticket).where(*self._come(db)).order_by(col(getattr(Ticket, self.instant))).limit(AT_ONCE)
        return list(db.exec(come.with_for_update(skip_locked=True)))

    def _come(self, db: Session) -> tuple[ColumnElement[bool], ...]:
        return col(Ticket.status).in_(self.statuses), col(getattr(Ticket, self.instant)) < moment(db)


CLIMBS = Due("climbs_at", tuple(RUNNING))
STOPS = Due("stopped_until", STOPPED)
CALLS = Due("call_back_at", (Status.RESOLVED,))
