"""Which bots hear of what a person writes: all in private, few in a group."""

from tests.fakes.telegram_markup import cut
from tests.fakes.telegram_state import BotAccount, Posted, Room
from tests.fakes.telegram_world import World

SERVICE = {"new_chat_members", "left_chat_member", "migrate_to_chat_id", "migrate_from_chat_id"}


def tell_bots(world: World, posted: Posted, kind: str = "message") -> list[int]:
    """Owe the update to every bot it concerns; the ids of the updates."""
    room, told = posted.room, []
    for bot_id, status in room.bots.items():
        bot = world.bots[bot_id]
        if room.private or (status in ("member", "administrator") and concerns(bot, posted)):
            told.append(bot.queue.add(kind, posted.seen_by_bot(), room.id))
    return [update_id for update_id in told if update_id is not None]


def concerns(bot: BotAccount, posted: Posted) -> bool:
    """Privacy mode: commands, mentions, answers to its own messages, and what the server says of the group."""
    room = posted.room
    if bot.can_read_all_group_messages or room.bots[bot.id] == "administrator":
        return True
    if posted.payload.keys() & SERVICE:
        return True
    answered = room.find(int(posted.payload.get("reply_to_message_id", 0)))
    if answered and answered.by_bot is bot:
        return True
    return any(_calls(bot, room, entity["type"], cut(posted.text, entity["offset"], entity["length"])) for entity in posted.entities)  # fmt: skip


def _calls(bot: BotAccount, room: Room, kind: str, words: str) -> bool:
    name = f"@{bot.username}".lower()
    if kind == "mention":
        return words.lower() == name
    if kind != "bot_command":
        return False
    _, at, to = words.lower().partition("@")
    return at + to == name if at else _spoke_last(bot, room)


def _spoke_last(bot: BotAccount, room: Room) -> bool:
    """A command to nobody in particular goes to the bot that last said something, or to the only one."""
    if sum(status in ("member", "administrator") for status in room.bots.values()) == 1:
        return True
    return next((m.by_bot is bot for m in reversed(room.messages) if m.by_bot), False)
