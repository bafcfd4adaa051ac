"""A worker announces an event, invites everybody, moves it, calls it off, and sees who comes.

社工：发布活动
机器人：什么时候开始
社工：周六下午两点
机器人：在哪里
社工：共享厅
机器人：大约多长时间
社工：90分钟
机器人：最多多少人
社工：12人
机器人：活动叫什么名字
社工：重阳糕一起做
机器人：说说做些什么
社工：师傅教大家做重阳糕，做好带一块回家。
机器人：哪些人可以来
社工：跳过
机器人：重阳糕一起做……11月28日（周六）14:00，90 分钟……12 位……发布吗
社工：可以
机器人：发布好了：重阳糕一起做……
"""

from bot.content.walking import locate
from bot.conversation.message import Choice, Place, Reply
from bot.conversation.question import Number
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.understanding.words import meaning
from handlers.events import facts, which
from models.announcing import announce, cancel_event, invite_all, move_event
from models.event import CalledOff, Event, Over, Past, events_to_run
from models.household import parts_of
from models.resident import Resident, Role
from models.signup import HOLDING, SignUp
from models.turnout import who_comes

SHORTEST, LONGEST = 15, 600  # minutes
LISTED = 60  # names in one message


@service("events.announce", needs=Role.WORKER)
def announce_event(talk: Talk) -> Reply:
    # when, where and how many come first: a title like 下午茶 must not be taken for a time
    starts = talk.date("starts")
    place = talk.place("place")
    length = Number(least=SHORTEST, most=LONGEST, units=("分钟", "minutes", "min"))
    minutes = talk.ask("minutes", length, least=SHORTEST, most=LONGEST)
    seats = talk.number("seats", most=1000)
    title, what = talk.words("title", most=40, enough=0), talk.words("what", enough=0)
    who = talk.optional("who", most=60)
    spot, key, point = _spot(talk, place)
    talk.confirm(
        "confirm",
        title=title,
        what=what,
        who=who or {"key": "events.everybody"},
        at=starts,
        minutes=minutes,
        seats=seats,
        place=spot,
    )
    try:
        event = announce(
            talk.db,
            talk.resident,
            _said(talk, title),
            _said(talk, what),
            spot,
            starts,
            minutes,
            seats,
            who=_said(talk, who) if who else None,
            place_key=key,
            lat=point[0] if point else None,
            lon=point[1] if point else None,
        )
    except Past:
        return talk.say("past", [("/events.announce", "menu.events.announce")])
    return talk.say("announced", _buttons(event, "invite", "show"), **facts(event))


@service("events.invite", needs=Role.WORKER)
def invite(talk: Talk) -> Reply:
    event = _running(talk)
    if event is None:
        return talk.say("nothing_on")
    if not talk.yes("invite", **facts(event)):
        return talk.say("not_invited")
    try:
        return talk.say("invited", _buttons(event, "list"), count=invite_all(talk.db, event, talk.resident))
    except (Over, CalledOff):
        return talk.say("not_now", **facts(event))


@service("events.move", needs=Role.WORKER)
def move(talk: Talk) -> Reply:
    event = _running(talk)
    if event is None:
        return talk.say("nothing_on")
    old = facts(event)
    starts = talk.date("new_starts", **old)
    place = talk.optional("new_place", most=200, **old)
    spot, key, point = _spot(talk, Place(place)) if place else (None, "", None)
    talk.confirm("confirm_move", title=event.title, before=event.starts_at, at=starts, place=spot or event.place)
    lat, lon = point or (None, None)
    try:
        count = move_event(talk.db, event, talk.resident, starts, spot, key, lat, lon)
    except (Past, Over, CalledOff):
        return talk.say("not_now", **old)
    return talk.say("move_done", _buttons(event, "invite", "list"), count=count, **facts(event))


@service("events.cancel", needs=Role.WORKER)
def cancel(talk: Talk) -> Reply:
    event = _running(talk)
    if event is None:
        return talk.say("nothing_on")
    why = talk.words("why", most=200, enough=0, **facts(event))
    if not talk.yes("cancel", why=why, **facts(event)):
        return talk.say("stays_on", **facts(event))
    try:
        return talk.say("cancel_done", count=cancel_event(talk.db, event, talk.resident, why), **facts(event))
    except (Over, CalledOff):
        return talk.say("not_now", **facts(event))


@service("events.list", needs=Role.WORKER)
def who_signed_up(talk: Talk) -> Reply:
    event = _running(talk)
    if event is None:
        return talk.say("nothing_on")
    found = who_comes(talk.db, event, talk.resident)
    sure = sum(s.heads for s, _ in found if s.state in HOLDING)
    total = talk.text("who_list", seats=event.seats, heads=sure, waiting=len(found), **facts(event))
    lines = [_person(talk, s, r) for s, r in found[:LISTED]]
    more = [talk.text("who_more", count=len(found) - LISTED)] if len(found) > LISTED else []
    steps = (("invite", "do_invite"), ("move", "do_move"), ("cancel", "do_cancel"))
    choices = tuple(Choice(f"/events.{s} event={event.id}", talk.text(label)) for s, label in steps)
    return Reply("\n".join([total, *lines, *more]), choices)


def _running(talk: Talk) -> Event | None:
    return which(talk, events_to_run(talk.db, talk.resident))


def _person(talk: Talk, signup: SignUp, resident: Resident) -> str:
    state = {"key": f"events.who_{signup.state.name.lower()}"}
    name = resident.name or talk.text("nameless")
    return talk.text(
        "who_line",
        name=name,
        home=parts_of(resident.home),
        phone=resident.phone or "—",
        heads=signup.heads,
        state=state,
    )


def _spot(talk: Talk, place: Place) -> tuple[dict[str, str], str, tuple[float, float] | None]:
    """A place in words, its key if it is one of ours, and its point if it is known."""
    named = meaning(place.text, talk.community.place_names) if place.text else None
    known = next((p for p in talk.community.pack.places if p.key == named), None)
    if known is not None:
        return known.name.model_dump(), known.key, (known.lat, known.lon)
    return _said(talk, place.text or talk.text("pin")), "", locate(talk.community.pack, place)


def _said(talk: Talk, words: str) -> dict[str, str]:
    """A worker's own words are in the language the worker speaks with us."""
    return {talk.texts.language: words}


def _buttons(event: Event, *steps: str) -> list[tuple[str, str]]:
    return [(f"/events.{s} event={event.id}", f"do_{s}") for s in steps]
