"""What is offered at the end of a turn: what was left unfinished, and which choice may be tapped by which token."""

from dataclasses import replace

from bot.conversation.message import Choice, Reply
from bot.conversation.texts import Texts
from models.dialogue import State


def unfinished(state: State, texts: Texts) -> list[Reply]:
    """Offer once what was left unfinished."""
    if state.service or not state.parked or state.parked["offered"]:
        return []
    state.parked["offered"] = True
    choices = Choice("!resume", texts("talk.go_on")), Choice("!drop", texts("talk.drop"))
    return [Reply(texts("talk.unfinished", what=texts(f"menu.{state.parked['service']}")), choices)]


def offer(state: State, replies: list[Reply]) -> list[Reply]:
    """Give the newest menu its tokens; earlier ones keep only what may be tapped at any time."""
    last = max((n for n, r in enumerate(replies) if r.choices), default=0)
    offered = replies[last].choices if replies else ()
    state.offered = [[c.value, c.label] for c in offered]
    state.turn += bool(offered)
    return [_numbered(r, state.turn) if n == last else _standing(r) for n, r in enumerate(replies)]


def _numbered(reply: Reply, turn: int) -> Reply:
    tokens = (c.value if c.value.startswith("/") else f"{turn}.{n}" for n, c in enumerate(reply.choices))
    return replace(reply, choices=tuple(Choice(t, c.label) for t, c in zip(tokens, reply.choices, strict=True)))


def _standing(reply: Reply) -> Reply:
    return replace(reply, choices=tuple(c for c in reply.choices if c.value.startswith("/")))
