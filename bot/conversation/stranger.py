"""What anybody may be told: asked in front of others, answered as to a stranger, and nothing of it is kept."""

from bot.conversation.desk import Desk
from bot.conversation.dispatch import Turn
from bot.conversation.guard import together
from bot.conversation.meaning import meant
from bot.conversation.message import Address, Message, Reply
from bot.conversation.talk import Waiting
from bot.understanding.danger import dangerous
from models.dialogue import State
from models.resident import Resident
from models.store import changes, reading

ALOUD = ("about", "ask", "bye", "canteen", "events", "help", "meetings", "meetings.result", "places", "thanks")


def tell_stranger(desk: Desk, community_id: int, text: str, language: str) -> Reply | None:
    """A whole answer without choices; None for what takes a talk of one's own, or would be written down."""
    community = desk.communities.by_id(community_id)
    if kind := dangerous(text):
        phone = community.pack.community.phone
        words = community.texts(language)
        return Reply(f"{words(f'repair.danger_{kind}')}\n{words('repair.danger_call', phone=phone, home='')}")
    if text.startswith("/") or meant(text).service not in (None, *ALOUD):
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
