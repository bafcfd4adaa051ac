"""Who a new report goes to: a community's rules in their order, then the building's grid worker, then all on duty."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import JSON, Column, Field, Session, col, func, select

from models.audit import Audited
from models.lifecycle import Status
from models.quiet import CIVIL
from models.resident import Resident, Role
from models.store import InCommunity, checked, moment, noted, own_id, refers
from models.ticket import Ticket

MIDNIGHT = 24 * 60


def _listed() -> Any:
    return Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class RoutingRule(InCommunity, Audited, table=True):
    """Reports of such a kind, from there, with such words, at that time of day go to that worker or role.

    What is left empty is not asked for; the first rule that fits decides.
    """

    __tablename__ = "routing_rule"
    audited: ClassVar = ("position", "categories", "buildings", "from_minute", "until_minute", "worker_id", "role")

    id: int = own_id()
    position: int
    name: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))  # {"zh": …, "en": …}: shown as the reason
    categories: list[str] = _listed()
    buildings: list[str] = _listed()
    words: list[str] = _listed()
    from_minute: int = 0  # after midnight, Asia/Shanghai; later than `until_minute` it goes over midnight
    until_minute: int = MIDNIGHT
    worker_id: int | None = refers("resident.id", default=None)
    role: Role = Field(default=Role.WORKER, sa_type=checked(Role, "role"))  # when no worker is named

    __table_args__ = (UniqueConstraint("community_id", "position"),)

    def fits(self, ticket: Ticket, at: datetime) -> bool:
        here = at.astimezone(CIVIL)
        minute, said = here.hour * 60 + here.minute, f"{ticket.description} {ticket.place}".casefold()
        start, end = self.from_minute, self.until_minute
        return (
            (not self.categories or ticket.category in self.categories)
            and (not self.buildings or ticket.building in self.buildings)
            and (not self.words or any(word.casefold() in said for word in self.words))
            and (start <= minute < end if start <= end else minute >= start or minute < end)
        )


class GridPost(InCommunity, Audited, table=True):
    """The grid worker (网格员) of a building."""

    __tablename__ = "grid_post"
    audited: ClassVar = ("building", "worker_id")

    id: int = own_id()
    building: str
    worker_id: int = refers("resident.id", index=True)

    __table_args__ = (UniqueConstraint("community_id", "building"),)


def route(db: Session, ticket: Ticket) -> bool:
    """Give a ticket to whom it belongs, with the reason; whether that is somebody else than before.

    Whoever has accepted it keeps it.
    """
    if ticket.status is not Status.RECEIVED:
        return False
    before = ticket.worker_id, ticket.for_role
    ticket.worker_id, ticket.for_role, ticket.why = _destination(db, ticket)
    return (ticket.worker_id, ticket.for_role) != before


def _destination(db: Session, ticket: Ticket) -> tuple[int | None, Role, dict[str, Any]]:
    for rule in noted(db, "routing rules", lambda: rules_of(db), RoutingRule):
        if rule.fits(ticket, moment(db)) and (rule.worker_id is None or _works_here(db, rule.worker_id)):
            return rule.worker_id, Role.WORKER if rule.worker_id else rule.role, _why("work.why_rule", rule=rule.name)
    post = next(
        (p for p in noted(db, "grid posts", lambda: grid_posts(db), GridPost) if p.building == ticket.building), None
    )
    if post is not None and _works_here(db, post.worker_id):
        return post.worker_id, Role.WORKER, _why("work.why_building", building=post.building)
    return None, Role.WORKER, _why("work.why_nobody")


def _works_here(db: Session, resident_id: int) -> bool:
    resident = db.get(Resident, resident_id)
    return resident is not None and resident.role >= Role.WORKER


def _why(key: str, **facts: Any) -> dict[str, Any]:
    """A text of ours and its facts, to be worded for whoever looks."""
    return {"key": key, "facts": facts}


def rules_of(db: Session) -> list[RoutingRule]:
    """In the order in which they are tried."""
    return list(db.exec(select(RoutingRule).order_by(col(RoutingRule.position))))


def grid_posts(db: Session) -> list[GridPost]:
    return list(db.exec(select(GridPost).order_by(col(GridPost.building))))


def add_rule(db: Session, by: Resident | None, rule: RoutingRule) -> RoutingRule:
    """Put a rule behind those there are; `by` is None for a content pack. Raises PermissionError."""
    _check(by)
    rule.position = db.exec(select(func.coalesce(func.max(RoutingRule.position), 0))).one() + 1
    db.add(rule)
    db.flush()
    return rule


def remove_rule(db: Session, by: Resident, rule: RoutingRule) -> None:
    """Raises PermissionError."""
    _check(by)
    db.delete(rule)
    db.flush()


def order_rules(db: Session, by: Resident, ids: list[int]) -> None:
    """Try the rules in this order; those not named come after, as they stood. Raises PermissionError."""
    _check(by)
    ranked = sorted(rules_of(db), key=lambda rule: (ids.index(rule.id) if rule.id in ids else len(ids), rule.position))
    last = max((rule.position for rule in ranked), default=0)
    for start in (last, 0):  # first out of each other's way: a position is held once
        for place, rule in enumerate(ranked, start + 1):
            rule.position = place
        db.flush()


def post_worker(db: Session, by: Resident, building: str, worker: Resident | None) -> None:
    """Say who is the grid worker of a building, or that it has none. Raises PermissionError."""
    _check(by)
    if worker is not None and worker.role < Role.WORKER:
        raise PermissionError("only workers look after a building")
    post = db.exec(select(GridPost).where(GridPost.building == building)).first()
    if worker is None:
        if post is not None:
            db.delete(post)
    elif post is None:
        db.add(GridPost(building=building, worker_id=worker.id))
    else:
        post.worker_id = worker.id
    db.flush()


def _check(by: Resident | None) -> None:
    if by is not None and by.role < Role.MANAGER:
        raise PermissionError("a manager says who a report goes to")
