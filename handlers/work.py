"""What a worker does from the chat: take reports on, ask, hand over, finish; answer questions; give out codes.

社工：工作
机器人：没有等您办的工单
社工：发绑定码
机器人：给哪一家？
社工：5幢1单元301
机器人：5幢1单元301室 的绑定码
社工：没答上的问题
机器人：没有等回复的问题
"""

from collections.abc import Callable

from bot.conversation.message import Choice, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import exact
from handlers.my_reports import happened
from models.code import LIFETIME, issue_code
from models.enquiry import MEDIATION, Enquiry, answer_enquiry, fetch_enquiry, open_enquiries
from models.handling import accept_ticket, ask_reporter, assign_ticket, finish_ticket
from models.household import find_household, parts_of
from models.lifecycle import NOBODYS, OPEN, NotNow, Status
from models.moving import may_move, move_ticket
from models.outbox import uncertain_pushes
from models.resident import Role, workers
from models.ticket import Ticket, fetch_ticket, history_of, tickets_to_do

STEPS = {
    "accept": Status.ACCEPTED,
    "start": Status.IN_PROGRESS,
    "ask": Status.AWAITING_REPORTER,
    "finish": Status.RESOLVED,
    "hand": Status.ASSIGNED,
    "called": Status.CALLED_BACK,
}


@service("work", needs=Role.WORKER, hears=lambda text: exact(text, words("work")) is not None)
def overview(talk: Talk) -> Reply:
    todo, asked = tickets_to_do(talk.db, talk.resident), open_enquiries(talk.db, talk.resident)
    lines = [talk.text("todo" if todo else "nothing", count=len(todo)), *(_line(talk, t) for t in todo[:10])]
    if doubtful := uncertain_pushes(talk.db, talk.resident):
        lines.append(talk.text("uncertain", count=len(doubtful)))
    if asked:
        lines.append(talk.text("asked", count=len(asked)))
    tickets = [Choice(f"/work.ticket ticket={t.number}", _line(talk, t)) for t in todo[:5]]
    rooms = [
        ("/work.questions", "do_questions"),
        *([("/work.uncertain", "do_uncertain")] if doubtful else []),
        ("/notice", "do_notice"),
        ("/events.announce", "do_announce"),
        ("/meetings.open_vote", "do_vote"),
        ("/work.code", "do_code"),
    ]
    return Reply("\n".join(lines), (*tickets, *talk.say("nothing", rooms).choices))


@service("work.uncertain", needs=Role.WORKER)
def uncertain(talk: Talk) -> Reply:
    """What may not have arrived: never sent again by itself, so somebody should ask."""
    doubtful = uncertain_pushes(talk.db, talk.resident)
    if not doubtful:
        return talk.say("all_certain")
    lines = [
        talk.text(
            "uncertain_line",
            who=r.name or parts_of(r.home) or "—",
            phone=r.phone or "—",
            text=talk.texts(p.text_key, **p.facts),
        )
        for p, r in doubtful[:10]
    ]
    return Reply("\n".join([talk.text("uncertain", count=len(doubtful)), *lines]))


@service("work.ticket", needs=Role.WORKER)
def ticket(talk: Talk) -> Reply:
    found = _ticket(talk)
    if found is None:
        return talk.say("repair.no_such")
    lines = [
        talk.text("repair.history", at=e.at, status=happened(e), note=e.text)
        for e in history_of(talk.db, talk.resident, found)
    ]
    card = talk.text(
        "ticket",
        number=found.number,
        category={"key": f"repair.category_{found.category}"},
        description=found.description,
        place=found.place,
        contact=found.contact or "—",
        status={"key": f"repair.status_{found.status.name.lower()}"},
        until=talk.text("repair.until", at=found.due_at) if found.status in OPEN else "",
        history="\n".join(lines),
    )
    steps = [step for step, to in STEPS.items() if may_move(talk.db, talk.resident, found, to)]
    choices = tuple(Choice(f"/work.{s} ticket={found.number}", talk.text(f"do_{s}")) for s in steps)
    return Reply(card, choices, image=found.photos[0] if found.photos else None)


@service("work.accept", needs=Role.WORKER)
def accept(talk: Talk) -> Reply:
    return _step(talk, "accept", lambda t: accept_ticket(talk.db, talk.resident, t))


@service("work.start", needs=Role.WORKER)
def start(talk: Talk) -> Reply:
    return _step(talk, "start", lambda t: move_ticket(talk.db, talk.resident, t, Status.IN_PROGRESS))


@service("work.ask", needs=Role.WORKER)
def ask_back(talk: Talk) -> Reply:
    return _step(talk, "ask", lambda t: ask_reporter(talk.db, talk.resident, t, talk.words("question", enough=0)))


@service("work.finish", needs=Role.WORKER)
def finish(talk: Talk) -> Reply:
    return _step(talk, "finish", lambda t: finish_ticket(talk.db, talk.resident, t, talk.words("outcome", enough=0)))


@service("work.called", needs=Role.WORKER)
def called_back(talk: Talk) -> Reply:
    def called(t: Ticket) -> None:
        move_ticket(talk.db, talk.resident, t, Status.CALLED_BACK, talk.optional("called"))

    return _step(talk, "called", called)


@service("work.hand", needs=Role.WORKER)
def hand_over(talk: Talk) -> Reply:
    colleagues = {str(w.id): w for w in workers(talk.db)}

    def hand(t: Ticket) -> None:
        rows = [
            (key, w.name or f"{talk.texts.show(parts_of(w.home)) or talk.text('home.role_worker')} {key[-4:]}")
            for key, w in colleagues.items()
        ]
        colleague = colleagues[talk.row("colleague", rows)]
        reason = "" if t.status in NOBODYS else talk.words("hand_reason", enough=0)
        assign_ticket(talk.db, talk.resident, t, colleague, reason)

    return _step(talk, "hand", hand)


@service("work.questions", needs=Role.WORKER)
def questions(talk: Talk) -> Reply:
    waiting = open_enquiries(talk.db, talk.resident)
    if not waiting:
        return talk.say("no_questions")
    lines = [talk.text("question_line", at=q.asked_at, text=_asked(talk, q, 60)) for q in waiting[:10]]
    choices = tuple(Choice(f"/work.answer question={q.id}", _asked(talk, q, 20)) for q in waiting[:8])
    return Reply("\n".join([talk.text("questions"), *lines]), choices)


@service("work.answer", needs=Role.WORKER)
def answer(talk: Talk) -> Reply:
    waiting = open_enquiries(talk.db, talk.resident)
    number = talk.which("question", lambda: [(str(q.id), _asked(talk, q, 20)) for q in waiting], slot="which_question")
    if number is None:
        return talk.say("no_questions")
    enquiry = fetch_enquiry(talk.db, talk.resident, number)
    if enquiry is None:
        return talk.say("answered_before", [("/work.questions", "do_questions")])
    answer_enquiry(talk.db, enquiry, talk.resident, talk.words("reply", least=1, enough=0, asked=enquiry.text))
    return talk.say("answered")


def _asked(talk: Talk, enquiry: Enquiry, most: int) -> str:
    """A question in a list; a wish with its kind, and of what is told in confidence only that."""
    if not enquiry.kind:
        return enquiry.text[:most]
    kind = talk.text(f"passing_on.kind_{enquiry.kind}")
    return kind if enquiry.kind == MEDIATION else f"{kind} {enquiry.text[:most]}"


@service("work.code", needs=Role.WORKER)
def give_code(talk: Talk) -> Reply:
    """A binding code for a home, to be printed or read out."""
    home = talk.address("whose")
    room = home if home.room else talk.room("whose_room", building=home.building)
    household = find_household(talk.db, home.building, home.unit or room.unit, room.room)
    code = issue_code(talk.db, talk.resident, household=household)
    return talk.say("code", home=parts_of(str(household)), code=code, days=LIFETIME.days)


def _step(talk: Talk, step: str, change: Callable[[Ticket], object]) -> Reply:
    found = _ticket(talk)
    if found is None:
        return talk.say("repair.no_such")
    try:
        if not may_move(talk.db, talk.resident, found, STEPS[step]):  # said before anything is asked
            raise NotNow
        change(found)
    except NotNow:
        status = {"key": f"repair.status_{found.status.name.lower()}"}
        again = [(f"/work.ticket ticket={found.number}", "do_open")]
        return talk.say("repair.not_now", again, number=found.number, status=status)
    again = [(f"/work.ticket ticket={found.number}", "do_open")]
    return talk.say("moved", again, number=found.number, status={"key": f"repair.status_{found.status.name.lower()}"})


def _ticket(talk: Talk) -> Ticket | None:
    number = talk.which(
        "ticket", lambda: [(str(t.number), _line(talk, t)) for t in tickets_to_do(talk.db, talk.resident)]
    )
    return fetch_ticket(talk.db, talk.resident, number) if number is not None else None


def _line(talk: Talk, found: Ticket) -> str:
    facts = {"number": found.number, "category": {"key": f"repair.category_{found.category}"}}
    return talk.text("line_alarm" if found.emergency else "line", place=found.place, **facts)
