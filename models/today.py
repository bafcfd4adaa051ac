"""What needs those who work here now. Every look is bounded, however much lies in the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, union_all
from sqlalchemy import select as core_select
from sqlmodel import Session, col, func, select

from models.alarm import Alarm, ringing
from models.ballot import Ballot, Poll, PollState
from models.enquiry import Enquiry
from models.event import Event, EventState
from models.lifecycle import OPEN, RUNNING, STOPPED, Status
from models.notice import Notice, Report, report
from models.quiet import CIVIL
from models.resident import Resident, Role
from models.signup import HOLDING, SignUp
from models.store import moment, ours, table_of
from models.ticket import Ticket

MOST = 100  # as far as is counted: more than 99 is a great many
FIRST = 5  # shown of each
UNSEEN = (Status.RECEIVED, Status.REOPENED)  # nobody has said yet that they see to it
T = TypeVar("T")


@dataclass(frozen=True)
class Pile(Generic[T]):
    """The first of something, and how many there are; MOST stands for more than can be told."""

    first: Sequence[T]
    count: int

    @property
    def many(self) -> bool:
        return self.count >= MOST


@dataclass(frozen=True)
class Today:
    """A worker's day at one glance; nothing is in two piles of reports."""

    alarms: Sequence[tuple[Alarm, Resident]]
    emergencies: Pile[Ticket]
    overdue: Pile[Ticket]
    new: Pile[Ticket]
    mine: Pile[Ticket]
    events: Sequence[tuple[Event, int]]  # with the seats taken
    polls: Sequence[tuple[Poll, int]]  # with the ballots cast
    notices: Sequence[tuple[Notice, Report]]
    questions: Pile[Enquiry]

    @property
    def urgent(self) -> int:
        return len(self.alarms) + self.emergencies.count

    @property
    def quiet(self) -> bool:
        """Whether nothing at all waits."""
        piles = (self.emergencies, self.overdue, self.new, self.mine, self.questions)
        return not (self.alarms or self.events or self.polls or self.notices or any(p.count for p in piles))


def look_at_today(db: Session, worker: Resident) -> Today:
    """Raises PermissionError."""
    if worker.role < Role.WORKER:
        raise PermissionError("what is to be done is for those who work here")
    late, plain, theirs = _tickets.c.due_at < moment(db), _tickets.c.emergency.is_(False), _tickets.c.worker_id
    stands_still = _tickets.c.status.in_(STOPPED)
    rest = [status for status in OPEN if status is not Status.RECEIVED]
    return Today(
        alarms=ringing(db, worker),
        emergencies=_pile(db, OPEN, _tickets.c.emergency.is_(True)),
        overdue=_pile(db, RUNNING, plain, late),
        new=_pile(db, [Status.RECEIVED], plain, ~late),
        mine=_pile(db, rest, plain, ~late | stands_still, theirs == worker.id),
        events=_events(db),
        polls=_polls(db),
        notices=_notices(db),
        questions=_questions(db),
    )


def pressing(db: Session, worker: Resident) -> int:
    """How many emergencies nobody has seen to yet: what rings at the desks."""
    return len(ringing(db, worker)) + _pile(db, UNSEEN, _tickets.c.emergency.is_(True), first=0).count


_tickets = table_of(Ticket)


def _pile(db: Session, statuses: Iterable[Status], *where: ColumnElement[bool], first: int = FIRST) -> Pile[Ticket]:
    """Tickets by when they are due: of each status the first by its index, then the first of these."""
    few = union_all(*(_of(db, status, where).subquery().select() for status in statuses))
    found = sorted(db.connection().execute(few), key=lambda row: (row.due_at, row.id))[:MOST]
    ids = [row.id for row in found[:first]]
    rows = {t.id: t for t in db.exec(select(Ticket).where(col(Ticket.id).in_(ids)))} if ids else {}
    return Pile([rows[i] for i in ids if i in rows], len(found))


def _of(db: Session, status: Status, where: tuple[ColumnElement[bool], ...]) -> Select[Any]:
    here = _tickets.c.community_id == ours(db), _tickets.c.status == status, *where
    return core_select(_tickets.c.id, _tickets.c.due_at).where(*here).order_by(_tickets.c.due_at).limit(MOST)


def _events(db: Session) -> list[tuple[Event, int]]:
    """What is on today and not over, soonest first."""
    start, end = _day(moment(db))
    today = (col(Event.starts_at) >= start, col(Event.starts_at) < end, col(Event.ends_at) > moment(db))
    found = db.exec(
        select(Event).where(Event.state == EventState.OPEN, *today).order_by(col(Event.starts_at)).limit(FIRST)
    )
    return [(event, _taken(db, event)) for event in found.all()]


def _taken(db: Session, event: Event) -> int:
    held = SignUp.event_id == event.id, col(SignUp.state).in_(HOLDING)
    return db.exec(select(func.coalesce(func.sum(SignUp.heads), 0)).where(*held)).one()


def _day(now: datetime) -> tuple[datetime, datetime]:
    """The civil day, as two instants."""
    start = now.astimezone(CIVIL).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def _polls(db: Session) -> list[tuple[Poll, int]]:
    running = select(Poll).where(Poll.state == PollState.OPEN).order_by(col(Poll.closes_at)).limit(FIRST)
    return [(poll, _cast(db, poll)) for poll in db.exec(running).all()]


def _cast(db: Session, poll: Poll) -> int:
    return db.exec(select(func.count()).select_from(Ballot).where(Ballot.poll_id == poll.id)).one()


def _notices(db: Session) -> list[tuple[Notice, Report]]:
    """What is still on its way, newest first."""
    flying = select(Notice).where(col(Notice.finished_at).is_(None)).order_by(col(Notice.sent_at).desc()).limit(FIRST)
    return [(notice, report(db, notice)) for notice in db.exec(flying).all()]


def _questions(db: Session) -> Pile[Enquiry]:
    """Unanswered ones, those who want a person first, then oldest first."""
    waiting = select(Enquiry).where(col(Enquiry.answered_at).is_(None))
    few = waiting.order_by(col(Enquiry.wants_person).desc(), col(Enquiry.asked_at)).limit(MOST)
    found = db.exec(few).all()
    return Pile(found[:FIRST], len(found))
