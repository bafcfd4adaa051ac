"""A group chat and who belongs to it."""

from typing import Protocol

from tests.fakes.telegram_hearing import tell_bots
from tests.fakes.telegram_state import BotAccount, Person, Posted, Room
from tests.fakes.telegram_world import World


class Member(Protocol):
    """A phone, as far as a group is concerned."""

    @property
    def id(self) -> int: ...
    @property
    def person(self) -> Person: ...


class Group:
    """The first member made it; `administrators` may be changed by the test."""

    def __init__(self, world: World, room: Room) -> None:
        self.world, self.room = world, room

    @property
    def id(self) -> int:
        return self.room.id

    @property
    def administrators(self) -> set[int]:
        return self.room.administrators

    @property
    def screen(self) -> list[Posted]:
        return [m for m in self.room.messages if not m.deleted]

    async def add_bot(self, bot: BotAccount | None = None, *, by: Member, administrator: bool = False) -> None:
        bot = self._the(bot)
        if not bot.can_join_groups:
            raise ValueError("this bot can't be added to groups")
        before = self.room.bots.get(bot.id, "left")
        self.room.bots[bot.id] = "administrator" if administrator else "member"
        self.world.membership(bot, self.room, by.person.user(), before, self.room.bots[bot.id])
        self._note({"new_chat_members": [bot.user()]}, by)

    async def remove_bot(self, bot: BotAccount | None = None, *, by: Member) -> None:
        bot = self._the(bot)
        before, self.room.bots[bot.id] = self.room.bots[bot.id], "kicked"
        self.world.membership(bot, self.room, by.person.user(), before, "kicked")
        self._note({"left_chat_member": bot.user()}, by)

    async def add(self, member: Member) -> None:
        self.room.members[member.id] = member.person
        self._note({"new_chat_members": [member.person.user()]}, member)

    async def remove(self, member: Member) -> None:
        self._note({"left_chat_member": member.person.user()}, member)
        del self.room.members[member.id]
        self.room.administrators.discard(member.id)

    async def upgrade(self, new_id: int, *, by: Member) -> "Group":
        """Telegram turns a group that grows into a supergroup, under another id; the old one answers with it."""
        old = self.room
        new = Room(new_id, "supergroup", old.title, dict(old.bots), dict(old.members), set(old.administrators))
        self.world.groups[new_id], group = new, Group(self.world, new)
        self._note({"migrate_to_chat_id": new_id}, by)
        group._note({"migrate_from_chat_id": old.id}, by)
        old.moved_to = new_id
        return group

    def _note(self, content: dict[str, object], by: Member) -> None:
        tell_bots(self.world, self.world.post(self.room, content, by.person.user()))

    def _the(self, bot: BotAccount | None) -> BotAccount:
        if bot is None and len(self.world.bots) != 1:
            raise ValueError("which bot?")
        return bot or next(iter(self.world.bots.values()))


Place = BotAccount | Group | None  # a chat, seen from a phone
