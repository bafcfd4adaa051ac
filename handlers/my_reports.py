"""What became of my reports: follow, add to, urge, withdraw, rate, reopen.

居民：我的报修
机器人：这件事要知道您住哪里
居民：3幢2单元502
机器人：您还没有报过什么。
"""

from collections.abc import Callable

from bot.conversation.message import Choice, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from handlers.repairs import discreet, spoken
from models.escalating import urge_ticket
from models.lifecycle import OPEN, Act, NotNow, OnlyOnce, Status, TooLate
from models.moving import check_move, may_move, move_ticket
from models.reporting import add_to_ticket, rate_ticket
from models.resident import Role
from models.ticket import Ticket, TicketEvent, fetch_ticket, history_of, tickets_of


@service("repair.mine", needs=Role.RESIDENT)
def mine(talk: Talk) -> Reply:
    found = tickets_of(talk.db, talk.resident)
    if not found:
        return talk.say("none", [("/repair", "menu.repair")])
    lines = "\n".join(f"· {_label(talk, t)}" for t in found[:10])
    choices = tuple(Choice(f"/repair.show ticket={t.number}", _label(talk, t)) for t in found[:8])
    return Reply(f"{talk.text('mine')}\n{lines}", choices)


@service("repair.show", needs=Role.RESIDENT)
def show(talk: Talk) -> Reply:
    named = "ticket" in talk.given
    ticket = _which(talk)
    if ticket is None:
        return talk.say("no_such") if named else talk.say("none", [("/repair", "menu.repair")])
    mine = ticket.resident_id == talk.resident.id
    description, place = (ticket.description, spoken(talk, ticket.place)) if mine else discreet(talk, ticket)
    happenings = history_of(talk.db, talk.resident, ticket)
    lines = [
        talk.text(
            "history",
            at=e.at,
            status=happened(e),
            note=e.text if mine or e.by_id != ticket.resident_id else "",
        ).rstrip()
        for e in happenings
    ]
    card = talk.text(
        "card",
        number=ticket.number,
        category={"key": f"repair.category_{ticket.category}"},
        description=description,
        place=place,
        status=_status(ticket),
        until=talk.text("until", at=ticket.due_at) if ticket.status in OPEN else "",
        history="\n".join(lines),
    )
    steps = _steps(talk, ticket) if mine else []
    choices = tuple(Choice(f"/repair.{s} ticket={ticket.number}", talk.text(f"do_{s}")) for s in steps)
    photos = [*ticket.photos[:1], *(photo for e in happenings for photo in e.photos)]
    return Reply(card, choices, image=photos[-1] if mine and photos else None)


@service("repair.add", needs=Role.RESIDENT)
def add(talk: Talk) -> Reply:
    def change(ticket: Ticket) -> Reply:
        if ticket.status not in OPEN:
            raise NotNow
        photos = tuple(m for said in talk.said for m in said.media)
        words = talk.said[-1].text if photos else talk.words("add", least=1, enough=0)
        add_to_ticket(talk.db, talk.resident, ticket, words, photos)
        return talk.say("added", [(f"/repair.show ticket={ticket.number}", "do_show")])

    return _change(talk, change)


@service("repair.urge", needs=Role.RESIDENT)
def urge(talk: Talk) -> Reply:
    return _change(talk, lambda t: talk.say("urged" if urge_ticket(talk.db, talk.resident, t) else "urged_before"))


@service("repair.withdraw", needs=Role.RESIDENT)
def withdraw(talk: Talk) -> Reply:
    def change(ticket: Ticket) -> Reply:
        check_move(talk.db, talk.resident, ticket, Status.WITHDRAWN)
        if not talk.yes("withdraw", number=ticket.number):
            return talk.say("kept", number=ticket.number)
        move_ticket(talk.db, talk.resident, ticket, Status.WITHDRAWN)
        return talk.say("withdrawn", number=ticket.number)

    return _change(talk, change)


@service("repair.rate", needs=Role.RESIDENT)
def rate(talk: Talk) -> Reply:
    def change(ticket: Ticket) -> Reply:
        check_move(talk.db, talk.resident, ticket, Status.CLOSED)
        stars = int(talk.choose("stars", ("1", "2", "3", "4", "5"), volunteered=False))
        rate_ticket(talk.db, talk.resident, ticket, stars, talk.optional("remark"))
        again = [(f"/repair.reopen ticket={ticket.number}", "do_reopen")] if stars < 3 else []
        return talk.say("rated", again)

    return _change(talk, change)


@service("repair.reopen", needs=Role.RESIDENT)
def reopen(talk: Talk) -> Reply:
    def change(ticket: Ticket) -> Reply:
        check_move(talk.db, talk.resident, ticket, Status.REOPENED)
        move_ticket(talk.db, talk.resident, ticket, Status.REOPENED, talk.words("reason", enough=0))
        return talk.say("reopened", number=ticket.number, until=ticket.due_at)

    return _change(talk, change)


def _change(talk: Talk, change: Callable[[Ticket], Reply]) -> Reply:
    """Do something to one of my own reports, or say why it cannot be done."""
    named = "ticket" in talk.given
    ticket = _which(talk)
    if ticket is None and not named:
        return talk.say("none", [("/repair", "menu.repair")])
    if ticket is None or ticket.resident_id != talk.resident.id:
        return talk.say("no_such")
    try:
        return change(ticket)
    except OnlyOnce:
        return talk.say("reopened_before", [("/repair", "menu.repair")], number=ticket.number)
    except TooLate:
        return talk.say("too_late", [("/repair", "menu.repair")])
    except NotNow:
        seen = [(f"/repair.show ticket={ticket.number}", "do_show")]
        return talk.say("not_now", seen, number=ticket.number, status=_status(ticket))


def _which(talk: Talk) -> Ticket | None:
    number = talk.which(
        "ticket", lambda: [(str(t.number), _label(talk, t)) for t in tickets_of(talk.db, talk.resident)]
    )
    return fetch_ticket(talk.db, talk.resident, number) if number is not None else None


def _steps(talk: Talk, ticket: Ticket) -> list[str]:
    steps = ["add", "urge"] if ticket.status in OPEN else []
    named = {Status.WITHDRAWN: "withdraw", Status.CLOSED: "rate", Status.REOPENED: "reopen"}
    return steps + [step for to, step in named.items() if may_move(talk.db, talk.resident, ticket, to)]


def happened(event: TicketEvent) -> dict[str, str]:
    """What a line of a history tells: where the report has come to, or what else was done."""
    moved = event.act is Act.MOVED
    return {"key": f"repair.status_{event.status.name.lower()}" if moved else f"repair.act_{event.act.name.lower()}"}


def _label(talk: Talk, ticket: Ticket) -> str:
    category = {"key": f"repair.category_{ticket.category}"}
    return talk.text("which_line", number=ticket.number, category=category, status=_status(ticket))


def _status(ticket: Ticket) -> dict[str, str]:
    return {"key": f"repair.status_{ticket.status.name.lower()}"}
