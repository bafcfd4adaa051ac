"""What is put to the vote in the 议事坊 and the ballots: their tables, the count, and how they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import JSON, Column, Field, Session, col, func, select

from models.audit import Audited
from models.lifecycle import TooLate
from models.proposal import Words
from models.resident import Resident, Role, at_least
from models.store import AppendOnly, InCommunity, WrongCommunity, checked, moment, ours, own_id, refers


class Voter(IntEnum):
    """Who has one ballot: a person, or a household (户)."""

    PERSON = 0
    HOUSEHOLD = 1


class PollState(IntEnum):
    OPEN = 0
    CLOSED = 1


class PollClosed(TooLate):
    """The vote is over."""


class NotVerified(PermissionError):
    """Only who is bound to a home by a worker's code votes for the household."""


class Poll(InCommunity, Audited, table=True):
    audited: ClassVar = ("voter", "hidden", "closes_at", "closed_at", "state")

    id: int = own_id()
    key: str | None = None  # of the content pack it came from
    proposal_id: int | None = refers("proposal.id", default=None, index=True)
    title: Words = Field(sa_column=Column(JSON, nullable=False))
    what: Words = Field(sa_column=Column(JSON, nullable=False))
    options: list[Words] = Field(sa_column=Column(JSON, nullable=False))
    voter: Voter = Field(default=Voter.PERSON, sa_type=checked(Voter, "voter"))
    hidden: bool = True  # counts stay hidden until the close, from workers too
    opened_at: datetime
    closes_at: datetime
    closed_at: datetime | None = None
    state: PollState = Field(default=PollState.OPEN, sa_type=checked(PollState, "state"))
    result: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))  # a Tally

    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        Index("ix_poll_community_id_state", "community_id", "state"),
        Index("ix_poll_state_closes_at", "state", "closes_at"),
    )


class Ballot(InCommunity, table=True):
    id: int = own_id()
    poll_id: int = refers("poll.id")
    voter: str  # "r:<resident id>" or "h:<household id>"
    resident_id: int | None = refers("resident.id", default=None, index=True)  # who cast it last; None once erased
    option: int  # its place among the poll's options, from 0
    cast_at: datetime
    changes: int = 0  # how often it was cast again

    __table_args__ = (UniqueConstraint("poll_id", "voter"),)


class FollowUp(AppendOnly, InCommunity, table=True):
    """What came of a vote."""

    __tablename__ = "follow_up"

    id: int = own_id()
    poll_id: int = refers("poll.id", index=True)
    at: datetime
    by_id: int | None = refers("resident.id", default=None)
    text: str


@dataclass(frozen=True)
class Tally:
    """Ballots by option, their sum, and how many could have been cast; `counts` is None while they are hidden."""

    counts: list[int] | None
    total: int
    base: int

    def lines(self, poll: Poll) -> Words:
        """The counts with their shares, a line an option, in both languages."""
        if self.counts is None:
            return {"zh": ""}
        shares = [round(100 * n / self.total) if self.total else 0 for n in self.counts]
        rows = list(zip(poll.options, self.counts, shares, strict=True))
        return {
            language: "\n".join(f"· {in_language(words, language)}  {n} ({share}%)" for words, n, share in rows)
            for language in ("zh", "en")
        }


def in_language(words: Words, language: str) -> str:
    return words.get(language) or next(iter(words.values()))


def tally(db: Session, poll: Poll) -> Tally:
    """How a vote stands; counts are recounted from the ballots until the close, and kept as they were then."""
    if poll.result is not None:
        return Tally(**poll.result)
    counts = count_ballots(db, poll)
    return Tally(None if poll.hidden else counts, sum(counts), _entitled(db, poll, sum(counts)))


def final_tally(db: Session, poll: Poll) -> Tally:
    """The result, from the ballots."""
    counts = count_ballots(db, poll)
    return Tally(counts, sum(counts), _entitled(db, poll, sum(counts)))


def count_ballots(db: Session, poll: Poll) -> list[int]:
    by_option = select(Ballot.option, func.count()).where(Ballot.poll_id == poll.id).group_by(col(Ballot.option))
    counted = dict(db.exec(by_option).all())
    return [counted.get(n, 0) for n in range(len(poll.options))]


def _entitled(db: Session, poll: Poll, cast: int) -> int:
    """How many may vote at this moment; never fewer than have, since people move away and are erased."""
    if poll.voter is Voter.HOUSEHOLD:
        bound = col(Resident.verified), col(Resident.erased_at).is_(None)
        able = select(func.count(func.distinct(Resident.household_id))).where(*bound)
    else:
        people = col(Resident.role).in_(at_least(Role.RESIDENT)), col(Resident.erased_at).is_(None)
        able = select(func.count(col(Resident.id))).where(*people)
    return max(cast, db.exec(able).one())


def voter_for(db: Session, poll: Poll, by: Resident) -> str:
    """Whose ballot a resident's is; raises PollClosed, NotVerified, PermissionError or WrongCommunity."""
    if poll.community_id != ours(db):
        raise WrongCommunity("a vote is its community's own")
    if poll.state is PollState.CLOSED or moment(db) >= poll.closes_at:
        raise PollClosed
    if by.role < Role.RESIDENT:
        raise PermissionError("residents vote")
    return _voter(poll, by)


def _voter(poll: Poll, by: Resident) -> str:
    if poll.voter is Voter.PERSON:
        return f"r:{by.id}"
    if not by.verified or by.household_id is None:
        raise NotVerified
    return f"h:{by.household_id}"


def fetch_poll(db: Session, poll_id: int) -> Poll | None:
    """A vote, to be looked at."""
    return db.exec(select(Poll).where(Poll.id == poll_id)).first()


def fetch_poll_to_vote(db: Session, poll_id: int) -> Poll | None:
    """A vote that cannot be closed before this transaction ends; others may vote meanwhile."""
    found = select(Poll).where(Poll.id == poll_id).with_for_update(read=True)
    return db.exec(found.execution_options(populate_existing=True)).first()


def fetch_poll_to_change(db: Session, by: Resident, poll_id: int) -> Poll | None:
    """A vote for a worker to close or to report on, locked until this transaction ends."""
    if by.role < Role.WORKER:
        raise PermissionError("votes are run by workers")
    found = select(Poll).where(Poll.id == poll_id).with_for_update()
    return db.exec(found.execution_options(populate_existing=True)).first()


def open_polls(db: Session) -> list[Poll]:
    """Votes in progress, the soonest to close first."""
    running = select(Poll).where(Poll.state == PollState.OPEN, col(Poll.closes_at) > moment(db))
    return list(db.exec(running.order_by(col(Poll.closes_at), col(Poll.id)).limit(30)))


def closed_polls(db: Session, limit: int = 20) -> list[Poll]:
    """Votes that are over, newest first."""
    over = select(Poll).where(Poll.state == PollState.CLOSED)
    return list(db.exec(over.order_by(col(Poll.closed_at).desc(), col(Poll.id)).limit(limit)))


def ballot_of(db: Session, poll: Poll, by: Resident) -> Ballot | None:
    """The ballot a resident, or their household, has cast."""
    mine = select(Ballot).where(Ballot.poll_id == poll.id, Ballot.voter == _voter(poll, by))
    return db.exec(mine.execution_options(populate_existing=True)).first()


def voted_in(db: Session, by: Resident, polls: Sequence[Poll]) -> set[int]:
    """The votes among these in which a resident, or their household, has a ballot."""
    voters = [f"r:{by.id}", *([f"h:{by.household_id}"] if by.verified else [])]
    mine = select(Ballot.poll_id).where(col(Ballot.voter).in_(voters), col(Ballot.poll_id).in_([p.id for p in polls]))
    return set(db.exec(mine))


def follow_ups(db: Session, poll: Poll) -> list[FollowUp]:
    """What came of it, oldest first."""
    told = select(FollowUp).where(FollowUp.poll_id == poll.id)
    return list(db.exec(told.order_by(col(FollowUp.at), col(FollowUp.id))))
