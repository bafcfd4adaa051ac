"""Who comes to what: sign-ups as their owners and the workers read them."""

from sqlmodel import Session, col, func, select

from models.event import Event
from models.resident import Resident, Role
from models.signup import STANDING, SignUp, SignUpState
from models.store import moment


def place_in_queue(db: Session, waiting: SignUp) -> int:
    """1 is next."""
    queued = SignUp.event_id == waiting.event_id, SignUp.state == SignUpState.WAITING
    before = select(func.count()).select_from(SignUp).where(*queued, col(SignUp.turn) < waiting.turn)
    return db.exec(before).one() + 1


def signups_of(db: Session, resident: Resident) -> list[tuple[SignUp, Event]]:
    """What a resident comes to, waits for or is offered, until it is over; soonest first."""
    mine = SignUp.resident_id == resident.id, col(SignUp.state).in_(STANDING), col(Event.ends_at) > moment(db)
    found = select(SignUp, Event).join(Event, col(SignUp.event_id) == Event.id).where(*mine)
    return list(db.exec(found.order_by(col(Event.starts_at), col(Event.id))))


def who_comes(db: Session, event: Event, worker: Resident) -> list[tuple[SignUp, Resident]]:
    """Everybody who comes, is offered a seat or waits, in the order of signing up; raises PermissionError."""
    if worker.role < Role.WORKER:
        raise PermissionError("the list is for workers")
    here = SignUp.event_id == event.id, col(SignUp.state).in_(STANDING)
    found = select(SignUp, Resident).join(Resident, col(SignUp.resident_id) == Resident.id).where(*here)
    return list(db.exec(found.order_by(col(SignUp.turn))))
