"""The turns that wait are taken together: one transaction, set-wise look-ups, the handlers one after another.

Where a run has written and then stopped, or anything fails, the group is rolled back and taken again one by
one, each alone in its transaction, so that only the bad turn fails.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta

from pydantic import TypeAdapter
from sqlalchemy.exc import InterfaceError, OperationalError

from bot.conversation.desk import Desk
from bot.conversation.dispatch import Turn
from bot.conversation.guard import Guard, alone, together
from bot.conversation.message import Address, Message, Reply
from bot.conversation.people import people
from bot.conversation.talk import Waiting
from bot.understanding.words import clean
from models.audit import Actor, act_as
from models.dialogue import State, already_answered, load_dialogues, remember, save_dialogues
from models.store import settle, transaction
from models.telling import LEASE

log = logging.getLogger(__name__)
REPLIES = TypeAdapter(list[Reply])
STILL_FRESH = timedelta(hours=1)  # how often an account's last use is written down
TRIES = 3
Outcome = list[Reply] | Exception


def answer(desk: Desk, community_id: int, messages: list[Message]) -> list[Outcome]:
    """Answer messages of one community, all committed when this returns; a failure concerns its message alone.

    What was heard before is answered the same, or with nothing where the channel tells by itself.
    """
    messages = [_sound(m) for m in messages]
    try:
        return list(_taken(desk, community_id, messages, together))
    except (Exception, Waiting) as failure:  # a service that asks where it may not must not end the thread
        if len(messages) > 1:
            log.info("%d turns are taken one by one: %s", len(messages), type(failure).__name__)
    return [_alone(desk, community_id, message) for message in messages]


def _sound(message: Message) -> Message:
    """Without what no store can hold and no screen can show."""
    place = replace(message.place, text=clean(message.place.text)) if message.place else None
    text, choice, label = (clean(said) for said in (message.text, message.choice, message.label))
    return replace(message, text=text, choice=choice, label=label, place=place)


def _alone(desk: Desk, community_id: int, message: Message, tries: int = TRIES) -> Outcome:
    try:
        return _taken(desk, community_id, [message], alone)[0]
    except (OperationalError, InterfaceError) as failure:
        if isinstance(failure, OperationalError) and tries > 1:  # two turns stood in each other's way
            return _alone(desk, community_id, message, tries - 1)
        return failure  # the store is away: not answered, to be sent again
    except (Exception, Waiting):
        return _apologise(desk, community_id, message)


def _apologise(desk: Desk, community_id: int, message: Message) -> Outcome:
    """Say sorry with a number that leads to the trace; the message counts as answered, or it would fail for ever."""
    reference = secrets.token_hex(3).upper()
    log.exception("reference %s: a handler failed", reference)

    def sorry(turn: Turn) -> list[Reply]:
        return [Reply(turn.texts("talk.failed", reference=reference, phone=turn.community.pack.community.phone))]

    try:
        return _taken(desk, community_id, [message], alone, sorry)[0]
    except Exception as failure:
        log.exception("reference %s: the apology failed too", reference)
        return failure


def _taken(
    desk: Desk,
    community_id: int,
    messages: list[Message],
    guard: Guard,
    respond: Callable[[Turn], list[Reply]] = Turn.answer,
) -> list[list[Reply]]:
    now = desk.now()
    with transaction(desk.engine, community_id, now) as db:
        residents = people(db, messages, now)
        keys = [_key(m) for m in messages]
        known = {k: REPLIES.validate_python(r) for k, r in already_answered(db, keys).items()}
        states = load_dialogues(db, sorted({r.id for r in residents.values()}))
        community, changed = desk.communities.by_id(community_id), dict[int, State]()
        outcomes: list[list[Reply]] = []
        for n, (key, message) in enumerate(zip(keys, messages, strict=True)):
            if key in known:
                outcomes.append([] if message.owed else known[key])
                continue
            resident = residents[message.sender]
            if resident.erased_at is not None:  # who speaks after leaving is somebody new
                residents |= people(db, [message], now)
                resident = residents[message.sender]
                states = load_dialogues(db, [resident.id]) | states
            act_as(db, Actor(resident.id, resident.role.name.lower(), message.sender.channel))
            turn = Turn(db, community, resident, states[resident.id], message, now, guard)
            known[key] = respond(turn)
            outcomes.append(known[key])
            changed[resident.id] = turn.state
            at = now + timedelta(microseconds=n)  # keeps the order of what was committed together
            owed_at = now + LEASE if message.owed else None
            remember(db, key, resident.id, _said(message), REPLIES.dump_python(known[key], mode="json"), at, owed_at)
        save_dialogues(db, changed)
        settle(db)
        earliest = db.info.get("earliest_push")
    if earliest is not None:
        desk.wake(earliest)
    return outcomes


def enter(desk: Desk, community_id: int, address: Address, language: str) -> int:
    """The id of the resident at an address, entered as a guest who speaks `language` if nobody knows them yet."""
    now = desk.now()
    with transaction(desk.engine, community_id, now) as db:
        return people(db, [Message("", address, language=language)], now)[address].id


def _key(message: Message) -> str:
    """A message's identity; the sender is part of it, so that nobody is given another's reply."""
    s = message.sender
    return f"{s.channel}:{s.account}:{s.user}:{message.id}"


def _said(message: Message) -> dict[str, object]:
    text = (message.text or message.label)[:4000]
    return {
        "id": message.id,
        "text": text.encode("utf-8", "replace").decode(),  # half an emoji is no text the store can keep
        "media": list(message.media),
        "place": asdict(message.place) if message.place else None,
    }
