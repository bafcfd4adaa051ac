"""The life of a report: its stages, the moves between them, its deadlines, and who hears when they are missed."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from models.resident import Role


class Status(IntEnum):
    """The stages of a report: 受理 → 派单 → 办理 → 办结 → 回访 → 评价, and the ways round."""

    RECEIVED = 0
    ACCEPTED = 1
    ASSIGNED = 2
    IN_PROGRESS = 3
    AWAITING_REPORTER = 4
    RESOLVED = 5
    CALLED_BACK = 6
    CLOSED = 7
    REOPENED = 8
    WITHDRAWN = 9
    ON_HOLD = 10
    MERGED = 11


class Act(IntEnum):
    """What a line of a history tells."""

    MOVED = 0  # into the status the line names
    ADDED = 1
    URGED = 2  # 催办
    OVERDUE = 3
    SUPERVISED = 4  # 督办
    ESCALATED = 5  # 升级
    CHANGED = 6  # of another category, or elsewhere
    SPLIT = 7
    JOINED = 8  # another report was merged into this one
    NOTED = 9
    SIGNED_OFF = 10  # by a contractor
    CALL_DUE = 11  # 回访
    LINKED = 12  # a contractor was given a link
    PHOTOGRAPHED = 13  # by a contractor


INTERNAL = (Act.NOTED, Act.SIGNED_OFF, Act.CALL_DUE, Act.LINKED, Act.PHOTOGRAPHED)  # never shown to residents

# from: {to: the least role that may}; whoever is below WORKER may move only a report of their own
_AT_WORK = {
    Status.ASSIGNED: Role.WORKER,
    Status.AWAITING_REPORTER: Role.WORKER,
    Status.ON_HOLD: Role.WORKER,
    Status.RESOLVED: Role.WORKER,
    Status.MERGED: Role.WORKER,
    Status.WITHDRAWN: Role.RESIDENT,
}
MOVES: dict[Status, dict[Status, Role]] = {
    Status.RECEIVED: {
        Status.ACCEPTED: Role.WORKER,
        Status.ASSIGNED: Role.MANAGER,
        Status.MERGED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.ACCEPTED: _AT_WORK | {Status.IN_PROGRESS: Role.WORKER},
    Status.ASSIGNED: _AT_WORK | {Status.IN_PROGRESS: Role.WORKER},
    Status.IN_PROGRESS: _AT_WORK,
    Status.AWAITING_REPORTER: {
        Status.IN_PROGRESS: Role.RESIDENT,
        Status.MERGED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.ON_HOLD: {
        Status.ASSIGNED: Role.WORKER,
        Status.IN_PROGRESS: Role.WORKER,
        Status.RESOLVED: Role.WORKER,
        Status.MERGED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.RESOLVED: {Status.CALLED_BACK: Role.WORKER, Status.CLOSED: Role.RESIDENT, Status.REOPENED: Role.RESIDENT},
    Status.CALLED_BACK: {Status.CLOSED: Role.RESIDENT, Status.REOPENED: Role.RESIDENT},
    Status.CLOSED: {Status.REOPENED: Role.RESIDENT},
    Status.REOPENED: {
        Status.ACCEPTED: Role.WORKER,
        Status.ASSIGNED: Role.WORKER,
        Status.IN_PROGRESS: Role.WORKER,
        Status.RESOLVED: Role.WORKER,
        Status.MERGED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.WITHDRAWN: {},
    Status.MERGED: {},
}
OVER = (Status.RESOLVED, Status.CALLED_BACK, Status.CLOSED, Status.WITHDRAWN, Status.MERGED)
OPEN = [s for s in Status if s not in OVER]
STOPPED = (Status.AWAITING_REPORTER, Status.ON_HOLD)  # the clock stands still, for a while
RUNNING = [s for s in OPEN if s not in STOPPED]
NOBODYS = (Status.RECEIVED, Status.REOPENED)  # nobody has said that they do it
WITH_REASON = (Status.ON_HOLD, Status.REOPENED)
REOPEN_WITHIN = timedelta(days=14)
URGE_EVERY = timedelta(hours=4)

# category: working hours until it should be done, seven to a day of the usual office; a first answer comes sooner
HOURS = {
    "water": 7,
    "electricity": 7,
    "gas": 4,
    "elevator": 4,
    "lighting": 14,
    "sewage": 7,
    "road": 21,
    "garbage": 14,
    "parking": 21,
    "noise": 14,
    "greenery": 35,
    "public_facility": 21,
    "security": 8,
    "neighbour_dispute": 35,
    "other": 21,
}
DAY_AND_NIGHT = ("gas", "elevator", "security")  # their hours are the clock's; so are those of any emergency
EMERGENCY_HOURS = 4
WAIT_FOR_REPORTER = timedelta(hours=35)  # working time; after that the work goes on without an answer


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: who else hears of a report that is urged, or late, and what is written down."""

    act: Act
    late: timedelta  # past the deadline, counted as the report's own time is
    urges: int | None  # or after so many
    told: tuple[Role, ...]  # besides the worker in charge
    text_key: str


# each rung once, reached by the clock or by urging; a bureau of Hangzhou's 12345 urges the day after, and names after five
LADDER = (
    Rung(Act.OVERDUE, timedelta(), None, (), "work.overdue"),
    Rung(Act.SUPERVISED, timedelta(hours=7), 2, (Role.MANAGER,), "work.supervised"),
    Rung(Act.ESCALATED, timedelta(hours=35), 4, (Role.MANAGER, Role.ALLIANCE), "work.escalated"),
)


class NotNow(ValueError):
    """The lifecycle has no such move from here."""


class TooLate(NotNow):
    """The time for this move is over."""


class OnlyOnce(NotNow):
    """This has been done before and cannot be done again."""


class NoReason(ValueError):
    """This is not done without saying why."""
