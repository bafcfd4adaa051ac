"""Who hears of what happens to a ticket."""

from typing import Any

from sqlmodel import Session

from models.lifecycle import Status
from models.outbox import push
from models.resident import on_duty
from models.ticket import Ticket, TicketEvent, followers


def tell_workers(
    db: Session, ticket: Ticket, event: TicketEvent, text_key: str, besides: int = 0, note: Any = None
) -> None:
    """Tell the worker in charge, or all of them while nobody is; `note` stands for an event without words."""
    facts = {"description": ticket.description, "place": ticket.place, "until": ticket.due_at}
    choices = [(f"/work.ticket ticket={ticket.number}", "work.do_open")]
    charged = {ticket.worker_id} if ticket.worker_id else set(on_duty(db))
    for worker in charged - {besides}:
        _tell(db, ticket, event, worker, text_key, choices, note=event.text or note or "", **facts)


def tell_residents(db: Session, ticket: Ticket, event: TicketEvent, besides: int) -> None:
    """Tell the reporter and those who said "me too", but not the person who did it.

    What the reporter writes is for the workers: neighbours hear that the report goes on, not those words.
    """
    for reader in {ticket.resident_id, *followers(db, ticket)} - {besides}:
        mine = reader == ticket.resident_id
        note = event.text if mine or besides != ticket.resident_id else ""
        choices = _next_steps(ticket) if mine else [(f"/repair.show ticket={ticket.number}", "repair.do_show")]
        _tell(db, ticket, event, reader, "repair.moved", choices, note=note)


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


def _next_steps(ticket: Ticket) -> list[tuple[str, str]]:
    if ticket.status is Status.AWAITING_REPORTER:
        return [(f"/repair.add ticket={ticket.number}", "repair.do_add")]
    if ticket.status in (Status.RESOLVED, Status.CALLED_BACK):
        return [
            (f"/repair.rate ticket={ticket.number}", "repair.do_rate"),
            (f"/repair.reopen ticket={ticket.number}", "repair.do_reopen"),
        ]
    return [(f"/repair.show ticket={ticket.number}", "repair.do_show")]
