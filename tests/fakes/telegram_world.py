"""All that is so at one moment, and the two things that change it: a message is posted, an update is owed."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.fakes.bell import Bell
from tests.fakes.telegram_faults import Faults
from tests.fakes.telegram_files import Files
from tests.fakes.telegram_queue import Queue
from tests.fakes.telegram_rates import Meter
from tests.fakes.telegram_refusal import Refusal, bad, forbidden
from tests.fakes.telegram_state import BotAccount, Payload, Person, Posted, Room

TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{3,64}\Z")
QUERIES_LIVE = 60.0


class World:
    """`clock` is the time of day that dates, retention and queries go by; `ticks` measures rates."""

    def __init__(self) -> None:
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.ticks: Callable[[], float] = time.monotonic
        self.bell = Bell()
        self.files = Files()
        self.faults = Faults()
        self.meter = Meter(lambda: self.ticks())
        self.bots: dict[int, BotAccount] = {}
        self.people: dict[int, Person] = {}
        self.groups: dict[int, Room] = {}
        self.actions: list[tuple[int, int, str]] = []  # bot, chat, what it says it is doing
        self.allow_http = True
        self._private: dict[tuple[int, int], Room] = {}
        self._turn = count(1)

    def now(self) -> float:
        return self.clock().timestamp()

    def stamp(self) -> int:
        """Counts everything that happens, so that later can be told from earlier."""
        return next(self._turn)

    def enter_bot(self, token: str, username: str, **about: Any) -> BotAccount:
        if not TOKEN.match(token):
            raise ValueError("a token is digits, a colon, and at least three letters")
        bot = BotAccount(token, username, Queue(self.now, self.bell), **about)
        self.bots[bot.id] = bot
        return bot

    def bot_of(self, token: str) -> BotAccount | None:
        return next((bot for bot in self.bots.values() if bot.token == token), None)

    def private(self, bot: BotAccount, person: Person) -> Room:
        """Their chat, which begins empty and closed to the bot."""
        key = (bot.id, person.id)
        if key not in self._private:
            room = Room(person.id, "private", person.first_name, {bot.id: "member"}, {person.id: person}, opened=False)
            self._private[key] = room
        return self._private[key]

    def room(self, bot: BotAccount, chat_id: int) -> Room:
        """The chat if this bot has ever seen it."""
        if chat_id in self.groups and bot.id in self.groups[chat_id].bots:
            return self.groups[chat_id]
        if chat_id in self.people:
            return self.private(bot, self.people[chat_id])
        raise bad("chat not found")

    def writable(self, bot: BotAccount, chat_id: int) -> Room:
        """The chat if this bot may write there."""
        room = self.room(bot, chat_id)
        if refusal := self._closed(bot, room):
            raise refusal
        return room

    def _closed(self, bot: BotAccount, room: Room) -> Refusal | None:
        if room.private:
            if room.members[room.id].deactivated:
                return forbidden("user is deactivated")
            if not room.opened:
                return forbidden("bot can't initiate conversation with a user")
            return forbidden("bot was blocked by the user") if room.blocked else None
        if room.moved_to:
            sentence = "Bad Request: group chat was upgraded to a supergroup chat"
            return Refusal(400, sentence, {"migrate_to_chat_id": room.moved_to})
        kind, status = room.kind, room.bots[bot.id]
        if status == "kicked":
            return forbidden(f"bot was kicked from the {kind} chat")
        return forbidden(f"bot is not a member of the {kind} chat") if status == "left" else None

    def post(self, room: Room, content: Payload, sender: Payload, by_bot: BotAccount | None = None) -> Posted:
        """Put a message into the chat; private ids are counted per bot, a group's per group."""
        payload = {"message_id": self._next_id(room), "from": sender, "chat": room.chat(), "date": int(self.now())}
        posted = Posted(room, payload | content, by_bot, touched=self.stamp())
        room.messages.append(posted)
        self.bell.ring()
        return posted

    def _next_id(self, room: Room) -> int:
        if not room.private:
            return len(room.messages) + 1
        bot = self.bots[next(iter(room.bots))]
        bot.last_private_id += 1
        return bot.last_private_id

    def touch(self, posted: Posted) -> None:
        posted.touched = self.stamp()
        self.bell.ring()

    def membership(self, bot: BotAccount, room: Room, by: Payload, old: str, new: str) -> None:
        """my_chat_member: the bot's own standing changed."""
        body = {
            "chat": room.chat(),
            "from": by,
            "date": int(self.now()),
            "old_chat_member": standing(bot.user(), old),
            "new_chat_member": standing(bot.user(), new),
        }
        bot.queue.add("my_chat_member", body, room.id)


RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
)


def standing(user: Payload, status: str) -> Payload:
    """A ChatMember."""
    member: Payload = {"user": user, "status": status}
    if status == "kicked":
        return member | {"until_date": 0}
    if status == "creator":
        return member | {"is_anonymous": False}
    if status == "administrator":
        return member | {"can_be_edited": False, "is_anonymous": False} | dict.fromkeys(RIGHTS, True)
    return member
