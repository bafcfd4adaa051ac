"""The only ways a vote of the 议事坊 changes: opened, voted in, closed, reported on."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from models.audit import note
from models.ballot import (
    Ballot,
    FollowUp,
    Poll,
    PollClosed,
    PollState,
    Voter,
    final_tally,
    voter_for,
)
from models.ids import new_id
from models.lifecycle import NotNow
from models.outbox_bulk import push_to_all, push_to_groups, push_to_those
from models.proposal import Proposal, Stage, Words, move_proposal
from models.resident import Resident, Role
from models.store import add_once, insert_of, moment, ours, table_of

MOST_OPTIONS = 12


def open_poll(
    db: Session,
    by: Resident,
    title: Words,
    what: Words,
    options: list[Words],
    voter: Voter,
    hidden: bool,
    closes_at: datetime,
    proposal: Proposal | None = None,
) -> Poll:
    """Put something to the vote until `closes_at` (UTC) and tell every resident and the linked groups.

    Raises PermissionError, NotNow when the topic is not ready for a vote, PollClosed when the time is past, and
    ValueError unless there are 2 to MOST_OPTIONS different options.
    """
    if by.role < Role.WORKER:
        raise PermissionError("votes are opened by workers")
    if closes_at <= moment(db):
        raise PollClosed("it would be over at once")
    if not 2 <= len(options) <= MOST_OPTIONS or len({tuple(sorted(o.items())) for o in options}) < len(options):
        raise ValueError(f"a vote has 2 to {MOST_OPTIONS} different options")
    if proposal is not None:
        move_proposal(proposal, Stage.VOTING, by)
    poll = Poll(
        proposal_id=proposal.id if proposal else None,
        title=title,
        what=what,
        options=options,
        voter=voter,
        hidden=hidden,
        opened_at=moment(db),
        closes_at=closes_at,
    )
    db.add(poll)
    _tell_everybody(db, poll)
    return poll


def _tell_everybody(db: Session, poll: Poll) -> None:
    facts = {"title": poll.title, "what": poll.what, "until": poll.closes_at, "whose": whose(poll.voter)}
    vote = [(f"/meetings.vote poll={poll.id}", "menu.meetings.vote")]
    about = f"poll:{poll.id}"
    push_to_all(db, f"{about}:open", "meetings.opened", facts, vote, about=about)
    push_to_groups(db, f"{about}:groups", "groups.vote_opened", facts, about=f"{about}:groups")


def whose(voter: Voter) -> dict[str, str]:
    """一人一票, 一户一票."""
    return {"key": f"meetings.whose_{voter.name.lower()}"}


def cast_vote(db: Session, poll: Poll, by: Resident, option: int) -> bool:
    """Cast the one ballot of a person or household, or cast it again; True when it replaced an earlier one.

    `poll` comes from `fetch_poll_to_vote`. Raises PollClosed from `closes_at` on whether or not the clock has
    closed it, NotVerified, PermissionError, and ValueError for an option there is not.
    """
    voter = voter_for(db, poll, by)
    if not 0 <= option < len(poll.options):
        raise ValueError("no such option")
    db.flush()
    row = {
        "id": new_id(),
        "community_id": ours(db),
        "poll_id": poll.id,
        "voter": voter,
        "resident_id": by.id,
        "option": option,
        "cast_at": moment(db),
        "changes": 0,
    }
    note(db, "ballot.cast", f"poll:{poll.id}")
    return bool(db.execute(_upsert(db.get_bind().dialect.name), row).scalar_one())


@cache
def _upsert(dialect: str) -> Any:
    """One statement, so that two members of a household at the same instant on two machines make one ballot."""
    ballots, insert = table_of(Ballot), insert_of(Ballot, dialect)
    new = {c: insert.excluded[c] for c in ("resident_id", "option", "cast_at")}
    again = insert.on_conflict_do_update(
        index_elements=["poll_id", "voter"], set_=new | {"changes": ballots.c.changes + 1}
    )
    return again.returning(ballots.c.changes)


def close_poll(db: Session, poll: Poll, by: Resident | None) -> None:
    """Count, keep the result and tell everybody who took part; None is the clock, which closes nothing early.

    `poll` is locked (`fetch_poll_to_change`). Raises NotNow and PermissionError.
    """
    if by is not None and by.role < Role.WORKER:
        raise PermissionError("votes are closed by workers or by the clock")
    if poll.state is PollState.CLOSED or (by is None and moment(db) < poll.closes_at):
        raise NotNow("it is closed already, or its time has not come")
    poll.state, poll.closed_at = PollState.CLOSED, moment(db)
    counted = final_tally(db, poll)
    poll.result = {"counts": counted.counts, "total": counted.total, "base": counted.base}
    if poll.proposal_id is not None and (proposal := db.get(Proposal, poll.proposal_id, with_for_update=True)):
        move_proposal(proposal, Stage.DECIDED, by)
    facts = {
        "title": poll.title,
        "total": counted.total,
        "base": counted.base,
        "unit": {"key": f"meetings.unit_{poll.voter.name.lower()}"},
        "counts": counted.lines(poll),
    }
    _tell_voters(db, poll, "closed", facts)


def polls_due(db: Session) -> list[int]:
    """The communities with votes whose time is over; asked by the clock of the whole alliance."""
    due = select(Poll.community_id).where(Poll.state == PollState.OPEN, col(Poll.closes_at) <= moment(db))
    return list(db.exec(due.distinct()))


def close_due_polls(db: Session) -> int:
    """By the clock: votes whose time is over; returns how many."""
    due = select(Poll).where(Poll.state == PollState.OPEN, col(Poll.closes_at) <= moment(db))
    found = db.exec(due.order_by(col(Poll.id)).with_for_update()).all()
    for poll in found:
        close_poll(db, poll, None)
    return len(found)


def add_follow_up(db: Session, poll: Poll, by: Resident, text: str) -> FollowUp:
    """Say what came of a vote that is over, to everybody who took part; raises NotNow and PermissionError."""
    if by.role < Role.WORKER:
        raise PermissionError("workers say what came of a vote")
    if poll.state is not PollState.CLOSED:
        raise NotNow("it is not over yet")
    told = FollowUp(poll_id=poll.id, at=moment(db), by_id=by.id, text=text)
    db.add(told)
    _tell_voters(db, poll, f"follow_up:{told.id}", {"title": poll.title, "text": text})
    return told


def _tell_voters(db: Session, poll: Poll, news: str, facts: dict[str, Any]) -> None:
    voters = select(Ballot.resident_id).where(Ballot.poll_id == poll.id)
    about, text_key = f"poll:{poll.id}", f"meetings.{news.partition(':')[0]}"
    result = [(f"/meetings.result poll={poll.id}", "menu.meetings.result")]
    push_to_those(db, voters, f"{about}:{news}", text_key, facts, result, about=about)


def detach_ballots(db: Session, resident: Resident) -> None:
    """Forget who cast a person's ballots; the ballots stay and count."""
    theirs = update(Ballot).where(col(Ballot.resident_id) == resident.id).values(resident_id=None)
    db.execute(theirs.execution_options(synchronize_session=False))


def enter_poll(
    db: Session,
    key: str,
    title: Words,
    what: Words,
    options: list[Words],
    voter: Voter,
    *,
    hidden: bool,
    closes_at: datetime,
    renew: bool,
) -> None:
    """Put a pack's vote into the store, once and telling nobody; `renew` opens it anew when an earlier one is over."""
    now, known = moment(db), db.exec(select(Poll).where(Poll.key == key).with_for_update()).first()
    over = known is not None and (known.state is PollState.CLOSED or known.closes_at <= now)
    if known is not None and not (renew and over):
        return
    if known is not None:
        known.key = None
    fresh = Poll(
        community_id=ours(db),
        key=key,
        title=title,
        what=what,
        options=options,
        voter=voter,
        hidden=hidden,
        opened_at=now,
        closes_at=closes_at,
    )
    add_once(db, Poll, fresh.model_dump())
