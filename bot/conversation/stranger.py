"""What anybody may be told: asked in front of others, answered as to a stranger, and nothing of it is kept."""

from collections.abc import Sequence

from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.dispatch import Turn
from bot.conversation.guard import together
from bot.conversation.meaning import meant
from bot.conversation.message import Address, Message, Reply
from bot.conversation.talk import Waiting
from bot.conversation.texts import Texts, texts
from bot.understanding.danger import dangerous
from models.dialogue import State
from models.resident import Resident
from models.store import changes, reading

ALOUD = (
    "about",
    "ask",
    "beyond",
    "bye",
    "canteen",
    "chat",
    "events",
    "help",
    "meetings",
    "meetings.result",
    "places",
    "thanks",
)


def tell_stranger(desk: Desk, community_id: int, text: str, language: str) -> Reply | None:
    """A whole answer without choices; None for what takes a talk of one's own, or would be written down."""
    community = desk.communities.by_id(community_id)
    if advice := first_advice(text, [community], language):
        return Reply(advice)
    if text.startswith("/") or meant(text, community).service not in (None, *ALOUD):
        return None
    with reading(desk.engine, community_id, desk.now()) as db:
        stranger = Resident(id=0, origin="", community_id=community_id, language=language)
        state, message = State(), Message("", Address("", "", ""), text)
        try:
            replies = Turn(db, community, stranger, state, message, desk.now(), together).answer()
        except (Exception, Waiting):
            return None
        if changes(db) or state.service or state.parked:
            return None
    return Reply("\n\n".join(reply.text for reply in replies), pin=replies[0].pin if replies else None)


def first_advice(text: str, communities: Sequence[Community], language: str) -> str:
    """What to do about the danger in a text, whom of these to call, and that nobody knows yet; "" for no danger."""
    kind = dangerous(text)
    if kind is None:
        return ""
    words = communities[0].texts(language) if len(communities) == 1 else texts(language)
    call = [words("repair.danger_call", phone=phones(communities, words))] if communities else []
    return "\n".join((words(f"repair.danger_{kind}"), *call, words("repair.danger_nobody_told")))


def phones(communities: Sequence[Community], words: Texts) -> str:
    """The number to call; where it may be one of several, with the name of each."""
    told = [(words.show(c.pack.community.name.model_dump()), c.pack.community.phone) for c in communities]
    return told[0][1] if len(told) == 1 else " / ".join(f"{name} {phone}" for name, phone in told)
