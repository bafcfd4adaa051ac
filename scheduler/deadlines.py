"""What falls due by the clock: each matter says in which communities something is due, and what is then done."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import Session

from bot.conversation.desk import Desk
from models.dialogue import park_left_alone, talks_left_alone
from models.escalating import climb_due, remind_of_calls
from models.moving import end_stops
from models.notice import notices_due, see_to_notices
from models.poll import close_due_polls, polls_due
from models.proposal import lapse_due_proposals, proposals_due
from models.signup import lapse_due_offers, offers_due
from models.store import reading, transaction
from models.ticket_dues import CALLS, CLIMBS, STOPS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deadline:
    name: str
    due: Callable[[Session], list[int]]  # asked of the whole alliance: ids of communities
    meet: Callable[[Session], int]  # done inside one community; how many


DEADLINES = (
    Deadline("votes closed", polls_due, close_due_polls),
    Deadline("topics lapsed", proposals_due, lapse_due_proposals),
    Deadline("waitlist offers lapsed", offers_due, lapse_due_offers),
    Deadline("talks parked", talks_left_alone, park_left_alone),
    Deadline("reports overdue", CLIMBS.communities, climb_due),
    Deadline("reports waited for", STOPS.communities, end_stops),
    Deadline("reports to call back about", CALLS.communities, remind_of_calls),
    Deadline("notices finished", notices_due, see_to_notices),
)


def meet_deadlines(desk: Desk) -> None:
    """Do everything that is due now; safe in several processes at once."""
    for deadline in DEADLINES:
        with reading(desk.engine, None, desk.now()) as db:
            communities = deadline.due(db)
        for community_id in communities:
            try:
                _meet(desk, deadline, community_id)
            except Exception:  # one matter that fails must not hold up the others
                log.exception("%s: failed in community %d; tried again at the next tick", deadline.name, community_id)


def _meet(desk: Desk, deadline: Deadline, community_id: int) -> None:
    with transaction(desk.engine, community_id, desk.now()) as db:
        done = deadline.meet(db)
        earliest = db.info.get("earliest_push")
    if earliest is not None:
        desk.wake(earliest)
    if done:
        log.info("%s: %d", deadline.name, done)
