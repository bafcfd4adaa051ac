"""Who hears of what happens to a ticket."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, select

from models.lifecycle import NOBODYS, Status
from models.outbox import push
from models.resident import Resident, Role, at_least, on_duty
from models.store import noted, ours, table_of
from models.ticket import Ticket, TicketEvent, followers

TOLD = {Status.ON_HOLD: "repair.paused", Status.MERGED: "repair.merged"}  # others: repair.moved

_residents = table_of(Resident)
_staff = (
    select(_residents.c.id)
    .where(_residents.c.community_id == bindparam("ours"))
    .where(_residents.c.role.in_(bindparam("roles", expanding=True)))
    .order_by(_residents.c.id)
)


def staff(db: Session, roles: Sequence[Role]) -> set[int]:
    """The ids of everybody here of these roles; of all who work here, where there is nobody of them."""
    names = {"ours": ours(db), "roles": roles}
    found = noted(db, f"staff {roles}", lambda: db.connection().execute(_staff, names).scalars().all(), Resident)
    return set(found or on_duty(db))


def in_charge(db: Session, ticket: Ticket) -> set[int]:
    """The worker in charge, or all it may concern while nobody is; everybody hears of an emergency not taken on."""
    if ticket.emergency and ticket.status in NOBODYS:
        return set(on_duty(db))
    return {ticket.worker_id} if ticket.worker_id else staff(db, at_least(ticket.for_role))


def tell_workers(
    db: Session,
    ticket: Ticket,
    event: TicketEvent,
    text_key: str,
    *,
    besides: int = 0,
    note: Any = None,
    whom: Iterable[int] = (),
) -> None:
    """Tell those in charge, and `whom`; `note` stands for an event without words."""
    facts = {"description": ticket.description, "place": ticket.place, "until": ticket.due_at}
    choices = [(f"/work.ticket ticket={ticket.number}", "work.do_open")]
    for worker in (in_charge(db, ticket) | set(whom)) - {besides}:
        _tell(db, ticket, event, worker, text_key, choices, note=event.text or note or "", **facts)


def tell_residents(
    db: Session, ticket: Ticket, event: TicketEvent, besides: int = 0, text_key: str = "", **facts: Any
) -> None:
    """Tell the reporter and those who said "me too", but not the person who did it.

    What the reporter writes is for the workers: neighbours hear that the report goes on, not those words.
    """
    told = TOLD.get(ticket.status, "repair.moved")
    for reader in {ticket.resident_id, *followers(db, ticket)} - {besides}:
        mine = reader == ticket.resident_id
        note = event.text if mine or besides != ticket.resident_id else ""
        choices = _next_steps(ticket, facts) if mine else _show(facts.get("into", ticket.number))
        says = text_key or (told if mine else f"{told}_followed")
        _tell(db, ticket, event, reader, says, choices, note=note, **facts)


def _tell(
    db: Session,
    ticket: Ticket,
    event: TicketEvent,
    to: int,
    text_key: str,
    choices: list[tuple[str, str]],
    **facts: Any,
) -> None:
    push(
        db,
        f"ticket:{event.id}:{to}:{text_key}",
        to,
        text_key,
        about=f"ticket:{ticket.id}",
        urgent=ticket.emergency,
        choices=choices,
        number=ticket.number,
        category={"key": f"repair.category_{ticket.category}"},
        status={"key": f"repair.status_{ticket.status.name.lower()}"},
        **facts,
    )


def _next_steps(ticket: Ticket, facts: dict[str, Any]) -> list[tuple[str, str]]:
    if ticket.status is Status.AWAITING_REPORTER:
        return [(f"/repair.add ticket={ticket.number}", "repair.do_add")]
    if ticket.status in (Status.RESOLVED, Status.CALLED_BACK):
        return [
            (f"/repair.rate ticket={ticket.number}", "repair.do_rate"),
            (f"/repair.reopen ticket={ticket.number}", "repair.do_reopen"),
        ]
    return _show(facts.get("into", ticket.number))


def _show(number: int) -> list[tuple[str, str]]:
    return [(f"/repair.show ticket={number}", "repair.do_show")]
