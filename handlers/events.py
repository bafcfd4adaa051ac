"""What is on in the neighbourhood: sign up with the family, wait for a seat, change one's mind.

居民：有什么活动
机器人：接下来两周的活动……量血压，顺便聊聊怎么睡得好……11月27日……还有 40 个名额
居民：我要报名，跟餐厅师傅学包千张包
机器人：这件事要知道您住哪里
居民：3幢2单元502
机器人：跟餐厅师傅学包千张包……还有 6 个名额……一共来几位
居民：两位
机器人：报上了：跟餐厅师傅学包千张包，2 位，11月28日（周六）14:00……到时提醒您：11月27日（周五）14:00、11月28日（周六）12:00
居民：我报的活动
机器人：· 跟餐厅师傅学包千张包……2 位
居民：取消报名
机器人：真的要取消“跟餐厅师傅学包千张包”的报名吗
居民：是
机器人：取消好了
居民：我报的活动
机器人：您现在没有报名
"""

from collections.abc import Sequence
from typing import Any

from bot.conversation.message import Choice, Place, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from models.event import CalledOff, Event, EventState, Over, fetch_event, reminders, upcoming
from models.resident import Role
from models.signup import (
    STANDING,
    NoOffer,
    NoRoom,
    NotSignedUp,
    SignUp,
    SignUpState,
    accept_offer,
    cancel_signup,
    decline_offer,
    fetch_signup,
    free_seats,
    seats_held,
    sign_up,
)
from models.turnout import place_in_queue, signups_of

LARGEST_PARTY = 10


@service("events", anywhere=True)
def events(talk: Talk) -> Reply:
    """What is on in the next two weeks."""
    found = upcoming(talk.db)
    held = seats_held(talk.db, found)
    lines = [talk.text("line", room=_room(talk, e.seats - held.get(e.id, 0)), **facts(e)) for e in found]
    choices = [Choice(f"/events.show event={value}", label) for value, label in rows(talk, found[:8])]
    told = talk.text("list" if found else "nothing_on")
    return Reply("\n".join([told, *lines]), (*choices, Choice("/events.mine", talk.text("menu.events.mine"))))


@service("events.show")
def show(talk: Talk) -> Reply:
    """One event in full, with its pin and its page of a calendar."""
    event = which(talk, upcoming(talk.db))
    if event is None:
        return _none(talk)
    mine, left = fetch_signup(talk.db, event, talk.resident), free_seats(talk.db, event)
    demo = talk.community.pack.community.demo and event.key is not None
    told = talk.text(
        "card",
        what=event.what,
        who=event.who or {"key": "events.everybody"},
        minutes=int((event.ends_at - event.starts_at).total_seconds() // 60),
        room=_room(talk, left) if event.state is EventState.OPEN else talk.text("off"),
        demo=f"\n{talk.text('ask.demo')}" if demo else "",
        **facts(event),
    )
    steps = _steps(talk, event, mine)
    choices = tuple(Choice(f"/events.{s} event={event.id}", talk.text(f"do_{s}")) for s in steps)
    return Reply(told, choices, pin=_pin(talk, event), file=f"event/{event.id}.ics")


@service("events.join", needs=Role.RESIDENT)
def join(talk: Talk) -> Reply:
    event = which(talk, upcoming(talk.db))
    if event is None:
        return _none(talk)
    if event.state is EventState.CANCELLED or event.starts_at <= talk.now:
        return _closed(talk, event)
    mine = fetch_signup(talk.db, event, talk.resident)
    room = _room(talk, free_seats(talk.db, event))
    if mine is not None and mine.state in STANDING:
        room = talk.text("signed_up", heads=mine.heads)
    most = min(event.seats, LARGEST_PARTY)
    heads = talk.number("heads", most=most, room=room, **facts(event))
    try:
        return _joined(talk, event, sign_up(talk.db, event, talk.resident, heads))
    except NoRoom as full:
        return talk.say("no_room", [("/events.mine", "menu.events.mine")], free=full.free, heads=heads)
    except (Over, CalledOff):
        return _closed(talk, event)


@service("events.leave", needs=Role.RESIDENT)
def leave(talk: Talk) -> Reply:
    event = which(talk, [e for _, e in signups_of(talk.db, talk.resident) if e.state is EventState.OPEN])
    if event is None:
        return talk.say("not_signed_up", [("/events", "menu.events")])
    mine = fetch_signup(talk.db, event, talk.resident)
    if mine is None or mine.state not in STANDING:
        return talk.say("not_signed_up", [("/events", "menu.events")])
    if not talk.yes("leave", **facts(event)):
        return talk.say("stays", **facts(event))
    try:
        cancel_signup(talk.db, event, talk.resident)
    except NotSignedUp:
        return talk.say("not_signed_up", [("/events", "menu.events")])
    return talk.say("left", [(f"/events.join event={event.id}", "do_join"), ("/events", "menu.events")], **facts(event))


@service("events.accept", needs=Role.RESIDENT)
def accept(talk: Talk) -> Reply:
    """Take the seats that came free."""
    event = which(talk, _offered(talk))
    try:
        if event is None:
            raise NoOffer
        return _joined(talk, event, accept_offer(talk.db, event, talk.resident))
    except (NoOffer, Over, CalledOff):
        return talk.say("no_offer", [("/events", "menu.events"), ("/events.mine", "menu.events.mine")])


@service("events.decline", needs=Role.RESIDENT)
def decline(talk: Talk) -> Reply:
    """Leave the seats that came free to the next."""
    event = which(talk, _offered(talk))
    try:
        if event is None:
            raise NoOffer
        decline_offer(talk.db, event, talk.resident)
    except NoOffer:
        return talk.say("no_offer", [("/events", "menu.events"), ("/events.mine", "menu.events.mine")])
    return talk.say("declined", [("/events", "menu.events")], **facts(event))


@service("events.mine", needs=Role.RESIDENT)
def mine(talk: Talk) -> Reply:
    found = signups_of(talk.db, talk.resident)
    if not found:
        return talk.say("none_mine", [("/events", "menu.events")])
    lines = [talk.text("mine_line", heads=s.heads, state=_state(talk, s, e), **facts(e)) for s, e in found]
    choices = [Choice(f"/events.show event={v}", label) for v, label in rows(talk, [e for _, e in found[:8]])]
    comes = any(s.state is SignUpState.IN for s, _ in found)
    return Reply("\n".join([talk.text("mine"), *lines]), tuple(choices), file="mine.ics" if comes else None)


def facts(event: Event) -> dict[str, Any]:
    """What nearly every sentence about an event names."""
    return {"title": event.title, "at": event.starts_at, "place": event.place}


def rows(talk: Talk, found: Sequence[Event]) -> list[tuple[str, str]]:
    """Ids and titles; where two share a title the time is added."""
    titles = [talk.texts.show(e.title) for e in found]
    named = list(zip(found, titles, strict=True))
    return [(str(e.id), t if titles.count(t) == 1 else f"{t} {talk.texts.show(e.starts_at)}") for e, t in named]


def which(talk: Talk, found: Sequence[Event]) -> Event | None:
    """The event the button named, the only one, or the one chosen from the list."""
    number = talk.which("event", lambda: rows(talk, found))
    return fetch_event(talk.db, number) if number is not None else None


def _offered(talk: Talk) -> list[Event]:
    return [e for s, e in signups_of(talk.db, talk.resident) if s.state is SignUpState.OFFERED]


def _joined(talk: Talk, event: Event, signup: SignUp) -> Reply:
    steps = [(f"/events.leave event={event.id}", "do_leave"), ("/events.mine", "menu.events.mine")]
    if signup.state is SignUpState.WAITING:
        place = place_in_queue(talk.db, signup)
        return talk.say("waiting", steps, heads=signup.heads, number=place, **facts(event))
    comma = "、" if talk.texts.language == "zh" else ", "
    when = comma.join(talk.texts.show(at) for at in reminders(event, talk.now))
    told = talk.text("joined", heads=signup.heads, **facts(event))
    told += talk.text("reminders" if when else "no_reminders", when=when)
    return Reply(told, talk.say("joined", steps, heads=0, **facts(event)).choices, file=f"event/{event.id}.ics")


def _none(talk: Talk) -> Reply:
    if "event" in talk.given or "which" in talk.answers:
        return talk.say("no_such", [("/events", "menu.events")])
    return talk.say("nothing_on")


def _closed(talk: Talk, event: Event) -> Reply:
    key = "called_off" if event.state is EventState.CANCELLED else "over"
    return talk.say(key, [("/events", "menu.events")], **facts(event))


def _room(talk: Talk, left: int) -> str:
    return talk.text("room" if left > 0 else "full", left=left)


def _state(talk: Talk, signup: SignUp, event: Event) -> str:
    """Where a sign-up stands, in words."""
    if event.state is EventState.CANCELLED:
        return talk.text("off")
    if signup.state is SignUpState.WAITING:
        return talk.text("state_waiting", number=place_in_queue(talk.db, signup))
    return talk.text(f"state_{signup.state.name.lower()}", until=signup.offer_expires_at)


def _steps(talk: Talk, event: Event, mine: SignUp | None) -> list[str]:
    """What may be done about an event, as services."""
    running = ["list", "move", "cancel"] if talk.resident.role >= Role.WORKER else []
    if event.state is EventState.CANCELLED or event.starts_at <= talk.now:
        return running[:1]
    if mine is None or mine.state not in STANDING:
        return ["join", *running]
    return [*(["accept", "decline"] if mine.state is SignUpState.OFFERED else ["leave"]), *running]


def _pin(talk: Talk, event: Event) -> Place | None:
    if event.lat is None:
        return None
    return Place(talk.texts.show(event.place), event.lat, event.lon)
