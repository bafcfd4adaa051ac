"""The choices of a push where there are no buttons: words that answer it."""

from dataclasses import replace

from bot.conversation.desk import Desk
from bot.conversation.message import Address, Reply
from bot.conversation.pushed import offer
from models.store import transaction
from models.visitor import look_at


def answerable(desk: Desk, community_id: int, to: Address, push: Reply, door: str = "") -> Reply:
    """The push with words that will be understood; `door` is where its reader may have chosen another community.

    Whoever has is shown no choices: their words would be heard there.
    """
    if not push.choices:
        return push
    with transaction(desk.engine, community_id, desk.now()) as db:
        if door and look_at(db, to.channel, door, to.user).community_id != community_id:
            return replace(push, choices=())
        return replace(push, choices=offer(db, to, push.choices))
