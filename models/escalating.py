"""A report that is urged, or late: who hears of it next, each rung of the ladder once."""

from sqlmodel import Session

from models.lifecycle import LADDER, OPEN, URGE_EVERY, Act, NoReason, NotNow, Rung
from models.resident import Resident, Role
from models.store import moment
from models.ticket import Ticket, write_down
from models.ticket_dues import CALLS, CLIMBS
from models.ticket_news import staff, tell_workers
from models.ticket_time import climb_times, set_next_climb


def urge_ticket(db: Session, by: Resident, ticket: Ticket) -> bool:
    """Ask for speed (催办); False when that was done a short while ago. Raises NotNow once it is over."""
    now = moment(db)
    if ticket.status not in OPEN:
        raise NotNow("nothing to urge")
    if ticket.urged_at is not None and now < ticket.urged_at + URGE_EVERY:
        return False
    ticket.urged_at, ticket.urges = now, ticket.urges + 1
    tell_workers(db, ticket, write_down(db, ticket, by, act=Act.URGED), "work.urged", besides=by.id)
    for rung in LADDER:
        if rung.urges is not None and ticket.urges >= rung.urges and rung.act.name not in ticket.climbed:
            _climb(db, ticket, rung)
    return True


def supervise_ticket(db: Session, by: Resident, ticket: Ticket, text: str) -> None:
    """A manager calls for it to be done (督办), whatever the clock says. Raises PermissionError, NotNow or NoReason."""
    if by.role < Role.MANAGER:
        raise PermissionError("a manager supervises")
    if ticket.status not in OPEN:
        raise NotNow("nothing to supervise")
    if not text.strip():
        raise NoReason("say what is to be done")
    tell_workers(db, ticket, write_down(db, ticket, by, text, Act.SUPERVISED), "work.supervised", besides=by.id)
    _leave_behind(db, ticket, Act.SUPERVISED)


def climb_due(db: Session) -> int:
    """Take every late ticket as far up the ladder as its time says; how many were taken."""
    late = CLIMBS.take(db)
    for ticket in late:
        for at, rung in climb_times(db, ticket):
            if at < moment(db):
                _climb(db, ticket, rung)
        set_next_climb(db, ticket)
    return len(late)


def remind_of_calls(db: Session) -> int:
    """Tell the workers, once, whom to call back today (回访)."""
    waiting = CALLS.take(db)
    for ticket in waiting:
        ticket.call_back_at = None
        tell_workers(db, ticket, write_down(db, ticket, None, act=Act.CALL_DUE), "work.call_due")
    return len(waiting)


def _climb(db: Session, ticket: Ticket, rung: Rung) -> None:
    event = write_down(db, ticket, None, act=rung.act)
    tell_workers(db, ticket, event, rung.text_key, whom=staff(db, rung.told) if rung.told else ())
    _leave_behind(db, ticket, rung.act)


def _leave_behind(db: Session, ticket: Ticket, act: Act) -> None:
    if act.name not in ticket.climbed:
        ticket.climbed = [*ticket.climbed, act.name]
        set_next_climb(db, ticket)
