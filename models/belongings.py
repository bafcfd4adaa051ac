"""What one resident had becomes another's, once both turn out to be the same person."""

from typing import Any

from sqlalchemy import Column, Table, delete, or_, update
from sqlmodel import Session, SQLModel, col, select

from models.ballot import Ballot, Poll, PollState
from models.dialogue import Dialogue
from models.event import lock_event
from models.login import Login, LoginKey
from models.outbox import Post, Push
from models.password import Password
from models.proposal import Second
from models.resident import Resident
from models.signup import HOLDING, STANDING, SignUp, cancel_signup, fetch_signup
from models.store import settle, table_of
from models.ticket import Follower, Ticket

ENTRIES = (Login, LoginKey, Password)  # ways into the console: whoever is somebody else now proves it anew


def naming(table: Table) -> list[Column[Any]]:
    """The columns that say whose a row is: a reference to a resident, or the doer in a history."""
    return [c for c in table.c if c.name == "by_id" or any(f.target_fullname == "resident.id" for f in c.foreign_keys)]


def hand_over(db: Session, former: Resident, to: Resident) -> None:
    """Let every row that names `former` name `to`; where both have one of a kind, one is left.

    Both are locked. A table added later is found by itself. What `former` was talking about is dropped.
    """
    settle(db)
    _one_follower(db, former.id, to.id)
    _one_ballot(db, former.id, to.id)
    _one_seat(db, former, to)
    for kind in (Dialogue, *ENTRIES):
        _remove(db, kind, table_of(kind).c.resident_id == former.id)
    db.flush()
    for table in SQLModel.metadata.sorted_tables:
        for column in naming(table) if table is not table_of(Push) else ():
            db.connection().execute(update(table).where(column == former.id).values({column.name: to.id}))
    _owe_once(db, former.id, to.id)  # last: what others did to those rows meanwhile has been owed by now
    db.flush()
    db.expire_all()


def _one_follower(db: Session, former: int, to: int) -> None:
    """A topic is seconded once, a report followed once, and not by whoever reported it."""
    reported = select(Ticket.id).where(col(Ticket.resident_id).in_([former, to]))
    _remove(db, Follower, col(Follower.resident_id).in_([former, to]), col(Follower.ticket_id).in_(reported))
    followed = select(Follower.ticket_id).where(Follower.resident_id == to)
    _remove(db, Follower, col(Follower.resident_id) == former, col(Follower.ticket_id).in_(followed))
    seconded = select(Second.proposal_id).where(Second.resident_id == to)
    _remove(db, Second, col(Second.resident_id) == former, col(Second.proposal_id).in_(seconded))


def _one_ballot(db: Session, former: int, to: int) -> None:
    """Of two in an open vote the earlier stays; what has been counted stays counted."""
    voted = select(Ballot.poll_id).where(Ballot.voter == f"r:{former}")
    polls = select(Poll).where(col(Poll.id).in_(voted)).order_by(col(Poll.id)).with_for_update(read=True)
    for poll in db.exec(polls.execution_options(populate_existing=True)).all():
        theirs = select(Ballot).where(Ballot.poll_id == poll.id, col(Ballot.voter).in_([f"r:{former}", f"r:{to}"]))
        cast = db.exec(theirs.order_by(col(Ballot.cast_at), col(Ballot.id))).all()
        if len(cast) > 1 and poll.state is PollState.CLOSED:
            next(ballot for ballot in cast if ballot.voter == f"r:{former}").voter = f"joined:{former}"
            continue
        for later in cast[1:]:
            db.delete(later)
        db.flush()
        cast[0].voter = f"r:{to}"


def _one_seat(db: Session, former: Resident, to: Resident) -> None:
    """Of two sign-ups for one event the better stays, the seats of the other go to the next in the queue."""
    events = select(SignUp.event_id).where(SignUp.resident_id == former.id).order_by(col(SignUp.event_id))
    for event in [lock_event(db, event_id) for event_id in db.exec(events).all()]:
        pairs = [(signup, whose) for whose in (former, to) if (signup := fetch_signup(db, event, whose))]
        pairs.sort(key=lambda pair: (pair[0].state not in STANDING, pair[0].state not in HOLDING, pair[0].turn))
        for worse, whose in pairs[1:]:
            if worse.state in STANDING:
                cancel_signup(db, event, whose)
            db.delete(worse)


def _owe_once(db: Session, former: int, to: int) -> None:
    """Pushes go by keys and matters that name their receiver, who must not be told the same twice."""
    told = set(db.exec(select(Push.key).where(Push.resident_id == to)))
    theirs = or_(col(Push.resident_id) == former, col(Push.about).startswith(f"alarm:{former}:"))
    owed = select(Push).where(theirs).with_for_update()
    for push in db.exec(owed.execution_options(populate_existing=True)).all():
        push.about = _renamed(push.about, former, to)
        if push.resident_id != former:
            continue
        key, leaving = _renamed(push.key, former, to), push.state is Post.SENDING
        if key in told and not leaving:
            db.delete(push)
            continue
        push.resident_id, push.key = to, push.key if leaving else key


def _renamed(name: str, former: int, to: int) -> str:
    return ":".join(str(to) if part == str(former) else part for part in name.split(":"))


def _remove(db: Session, kind: type[SQLModel], *where: Any) -> None:
    db.connection().execute(delete(table_of(kind)).where(*where))
