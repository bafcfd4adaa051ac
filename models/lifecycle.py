"""The life of a report: its stages and the moves between them."""

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


# from: {to: the least role that may}; whoever is below WORKER may move only a report of their own
MOVES: dict[Status, dict[Status, Role]] = {
    Status.RECEIVED: {Status.ACCEPTED: Role.WORKER, Status.WITHDRAWN: Role.RESIDENT},
    Status.ACCEPTED: {
        Status.ASSIGNED: Role.WORKER,
        Status.IN_PROGRESS: Role.WORKER,
        Status.AWAITING_REPORTER: Role.WORKER,
        Status.RESOLVED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.ASSIGNED: {
        Status.ASSIGNED: Role.WORKER,
        Status.IN_PROGRESS: Role.WORKER,
        Status.AWAITING_REPORTER: Role.WORKER,
        Status.RESOLVED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.IN_PROGRESS: {
        Status.ASSIGNED: Role.WORKER,
        Status.AWAITING_REPORTER: Role.WORKER,
        Status.RESOLVED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.AWAITING_REPORTER: {Status.IN_PROGRESS: Role.RESIDENT, Status.WITHDRAWN: Role.RESIDENT},
    Status.RESOLVED: {Status.CALLED_BACK: Role.WORKER, Status.CLOSED: Role.RESIDENT, Status.REOPENED: Role.RESIDENT},
    Status.CALLED_BACK: {Status.CLOSED: Role.RESIDENT, Status.REOPENED: Role.RESIDENT},
    Status.CLOSED: {Status.REOPENED: Role.RESIDENT},
    Status.REOPENED: {
        Status.ACCEPTED: Role.WORKER,
        Status.ASSIGNED: Role.WORKER,
        Status.IN_PROGRESS: Role.WORKER,
        Status.RESOLVED: Role.WORKER,
        Status.WITHDRAWN: Role.RESIDENT,
    },
    Status.WITHDRAWN: {},
}
OPEN = [s for s in Status if s not in (Status.RESOLVED, Status.CALLED_BACK, Status.CLOSED, Status.WITHDRAWN)]
REOPEN_WITHIN = timedelta(days=14)
URGE_EVERY = timedelta(hours=4)

# category: hours until it should be done (a first answer comes sooner)
HOURS = {
    "water": 24,
    "electricity": 24,
    "gas": 4,
    "elevator": 4,
    "lighting": 48,
    "sewage": 24,
    "road": 72,
    "garbage": 48,
    "parking": 72,
    "noise": 48,
    "greenery": 120,
    "public_facility": 72,
    "security": 8,
    "neighbour_dispute": 120,
    "other": 72,
}


class NotNow(ValueError):
    """The lifecycle has no such move from here."""


class TooLate(NotNow):
    """The time for this move is over."""
