"""Topics for the 议事坊: raised, seconded, discussed, voted on; or lapsed for want of seconds."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, ClassVar

from sqlalchemy import CursorResult, Index, UniqueConstraint
from sqlmodel import JSON, Column, Field, Session, col, func, select

from models.audit import Audited
from models.lifecycle import NotNow
from models.outbox import push
from models.outbox_bulk import push_to_those
from models.resident import Resident, Role, on_duty
from models.store import InCommunity, add_once, checked, insert_once, moment, ours, own_id, refers

SECONDS_NEEDED = 10
LIFETIME = timedelta(days=30)
Words = dict[str, str]  # {"zh": …, "en": …}; English may be missing


class Stage(IntEnum):
    """Where a topic stands: 征集附议 → 够数 → 协商 → 投票 → 有结果, or 过期."""

    GATHERING = 0
    READY = 1
    DISCUSSING = 2
    VOTING = 3
    DECIDED = 4
    LAPSED = 5


# from: {to: the least role that may}; the clock may do what a worker may
MOVES: dict[Stage, dict[Stage, Role]] = {
    Stage.GATHERING: {Stage.READY: Role.RESIDENT, Stage.LAPSED: Role.WORKER},
    Stage.READY: {Stage.DISCUSSING: Role.WORKER, Stage.VOTING: Role.WORKER},
    Stage.DISCUSSING: {Stage.VOTING: Role.WORKER},
    Stage.VOTING: {Stage.DECIDED: Role.WORKER},
    Stage.DECIDED: {},
    Stage.LAPSED: {},
}
LIVE = [Stage.GATHERING, Stage.READY, Stage.DISCUSSING]


class Proposal(InCommunity, Audited, table=True):
    audited: ClassVar = ("state", "expires_at")

    id: int = own_id()
    key: str | None = None  # of the content pack it came from
    title: Words = Field(sa_column=Column(JSON, nullable=False))
    what: Words = Field(sa_column=Column(JSON, nullable=False))
    by_id: int | None = refers("resident.id", default=None, index=True)  # None when it came from a pack
    state: Stage = Field(default=Stage.GATHERING, sa_type=checked(Stage, "state"))
    seconds_needed: int = SECONDS_NEEDED
    raised_at: datetime
    expires_at: datetime  # it lapses then, unless it has its seconds
    note: str = ""  # when and where it is discussed

    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        Index("ix_proposal_community_id_state", "community_id", "state"),
        Index("ix_proposal_state_expires_at", "state", "expires_at"),
    )


class Second(InCommunity, table=True):
    """A neighbour who wants a topic talked about (附议)."""

    proposal_id: int = refers("proposal.id", primary_key=True)
    resident_id: int = refers("resident.id", primary_key=True)
    at: datetime


def propose(
    db: Session,
    by: Resident,
    title: Words,
    what: Words,
    *,
    seconds_needed: int = SECONDS_NEEDED,
    lifetime: timedelta = LIFETIME,
) -> Proposal:
    """Raise a topic; whoever raises it is the first to second it."""
    if by.role < Role.RESIDENT:
        raise PermissionError("topics are raised by residents")
    now = moment(db)
    proposal = Proposal(
        title=title,
        what=what,
        by_id=by.id,
        seconds_needed=seconds_needed,
        raised_at=now,
        expires_at=now + lifetime,
    )
    db.add(proposal)
    second(db, proposal, by)
    return proposal


def second(db: Session, proposal: Proposal, by: Resident) -> bool:
    """Say that a topic should be talked about; False when already said. Raises NotNow and PermissionError."""
    if by.role < Role.RESIDENT:
        raise PermissionError("topics are seconded by residents")
    if not takes_seconds(db, proposal):
        raise NotNow("this topic takes no seconds any more")
    if not _enter_second(db, proposal, by):
        return False
    if proposal.state is Stage.GATHERING and seconds_of(db, [proposal])[proposal.id] >= proposal.seconds_needed:
        move_proposal(proposal, Stage.READY, by)
        _tell_ready(db, proposal)
    return True


def takes_seconds(db: Session, proposal: Proposal) -> bool:
    """Until its time is over, whether or not the clock has noticed; later ones than needed are welcome too."""
    return proposal.state is Stage.READY or (proposal.state is Stage.GATHERING and moment(db) < proposal.expires_at)


def _enter_second(db: Session, proposal: Proposal, by: Resident) -> bool:
    db.flush()
    row = {"community_id": ours(db), "proposal_id": proposal.id, "resident_id": by.id, "at": moment(db)}
    insert = insert_once(Second, db.get_bind().dialect.name).values(**row)
    result = db.execute(insert.execution_options(preserve_rowcount=True))
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


def _tell_ready(db: Session, proposal: Proposal) -> None:
    """Tell the workers, who take it from here, and whoever raised it."""
    about = f"proposal:{proposal.id}"
    facts: dict[str, Any] = {"title": proposal.title, "count": proposal.seconds_needed}
    steps = [
        (f"/meetings.open_discussion topic={proposal.id}", "menu.meetings.open_discussion"),
        (f"/meetings.open_vote topic={proposal.id}", "menu.meetings.open_vote"),
    ]
    for worker in on_duty(db):
        push(db, f"{about}:ready:{worker}", worker, "meetings.ready_work", about=about, choices=steps, **facts)
    if proposal.by_id is not None:
        push(db, f"{about}:ready:{proposal.by_id}", proposal.by_id, "meetings.ready", about=about, **facts)


def open_discussion(db: Session, proposal: Proposal, by: Resident, note: str = "") -> None:
    """Convene those who want to talk; `note` says when and where, and everybody who seconded is told."""
    move_proposal(proposal, Stage.DISCUSSING, by)
    proposal.note = note
    _tell_seconders(db, proposal, "discussing", title=proposal.title, note=note)


def lapse_due_proposals(db: Session) -> int:
    """By the clock: topics that found too few seconds in their time; returns how many."""
    due = select(Proposal).where(Proposal.state == Stage.GATHERING, col(Proposal.expires_at) <= moment(db))
    found = db.exec(due.order_by(col(Proposal.id)).with_for_update(skip_locked=True)).all()
    counts = seconds_of(db, found)
    for proposal in found:
        move_proposal(proposal, Stage.LAPSED, None)
        facts = {"title": proposal.title, "count": counts[proposal.id], "needed": proposal.seconds_needed}
        _tell_seconders(db, proposal, "lapsed", **facts)
    return len(found)


def _tell_seconders(db: Session, proposal: Proposal, news: str, **facts: Any) -> None:
    """The proposer is one of them."""
    about = f"proposal:{proposal.id}"
    seconders = select(Second.resident_id).where(Second.proposal_id == proposal.id)
    push_to_those(db, seconders, f"{about}:{news}", f"meetings.{news}", facts, about=about)


def move_proposal(proposal: Proposal, to: Stage, by: Resident | None) -> None:
    """Move along MOVES, None being the clock; raises NotNow or PermissionError."""
    least = MOVES[proposal.state].get(to)
    if least is None:
        raise NotNow(f"{proposal.state.name} does not lead to {to.name}")
    if by is not None and by.role < least:
        raise PermissionError(f"{by.role.name} may not move this topic to {to.name}")
    proposal.state = to


def fetch_proposal(db: Session, proposal_id: int) -> Proposal | None:
    """The topic as it stands now, locked until this transaction ends."""
    found = select(Proposal).where(Proposal.id == proposal_id).with_for_update()
    return db.exec(found.execution_options(populate_existing=True)).first()


def proposals_in(db: Session, stages: Iterable[Stage], limit: int = 30) -> list[Proposal]:
    """Topics in any of these stages, newest first; those past their time are left out."""
    mine = select(Proposal).where(col(Proposal.state).in_(list(stages)))
    alive = (col(Proposal.state) != Stage.GATHERING) | (col(Proposal.expires_at) > moment(db))
    return list(db.exec(mine.where(alive).order_by(col(Proposal.raised_at).desc(), col(Proposal.id)).limit(limit)))


def proposals_due(db: Session) -> list[int]:
    """The communities with topics whose time is over; asked by the clock of the whole alliance."""
    due = select(Proposal.community_id).where(Proposal.state == Stage.GATHERING, col(Proposal.expires_at) <= moment(db))
    return list(db.exec(due.distinct()))


def seconds_of(db: Session, proposals: Iterable[Proposal]) -> dict[int, int]:
    """How many seconded each."""
    ids = [p.id for p in proposals]
    counted = select(Second.proposal_id, func.count()).where(col(Second.proposal_id).in_(ids))
    return dict.fromkeys(ids, 0) | dict(db.exec(counted.group_by(col(Second.proposal_id))).all())


def seconded_by(db: Session, resident: Resident) -> set[int]:
    """The topics a resident seconded."""
    return set(db.exec(select(Second.proposal_id).where(Second.resident_id == resident.id)))


def enter_proposal(
    db: Session, key: str, title: Words, what: Words, *, seconds_needed: int, lifetime: timedelta, renew: bool
) -> None:
    """Put a pack's topic into the store, once; `renew` raises it anew when an earlier one has lapsed."""
    now, known = moment(db), db.exec(select(Proposal).where(Proposal.key == key).with_for_update()).first()
    over = known is not None and (
        known.state is Stage.LAPSED or (known.state is Stage.GATHERING and known.expires_at <= now)
    )
    if known is not None and not (renew and over):
        return
    if known is not None:
        known.key = None
    fresh = Proposal(
        community_id=ours(db),
        key=key,
        title=title,
        what=what,
        seconds_needed=seconds_needed,
        raised_at=now,
        expires_at=now + lifetime,
    )
    add_once(db, Proposal, fresh.model_dump())
