"""In a neighbourhood group the desk speaks only when spoken to, and as to a stranger: nothing of anybody's is shown."""

import asyncio
from dataclasses import replace

from bot.channels.telegram.attachments import look_at
from bot.channels.telegram.call import Call
from bot.channels.telegram.door import Door
from bot.channels.telegram.greeting import service_of
from bot.channels.telegram.inbound import Moved, Said, Sender
from bot.channels.telegram.keyboards import to_private
from bot.channels.telegram.line import Line
from bot.channels.telegram.render import render, text_call
from bot.channels.telegram.teller import Teller
from bot.channels.telegram.wording import escaped
from bot.content.snapshot import Community
from bot.conversation.message import Address, Reply
from bot.conversation.stranger import tell_stranger
from bot.conversation.texts import words as vocabulary
from models.group import LinkedElsewhere, LinkedGroup, find_group, group_left, group_moved, link_group, unlink_group
from models.history import resident_at
from models.resident import Resident, Role
from models.store import transaction

LINKING = ("link", "unlink")


class Groups:
    def __init__(self, line: Line, door: Door, teller: Teller) -> None:
        self._line, self._door, self._teller = line, door, teller

    def meant(self, said: Said) -> bool:
        """Whether a word in a group is for us: said to us, or a command that is ours."""
        ours = said.command in LINKING or bool(said.command and service_of(said.command))
        return said.other != "edited" and (said.addressed or ours)

    async def hear(self, said: Said) -> None:
        if said.command in LINKING:
            await self._link(said.sender, on=said.command == "link")
            return
        group = await asyncio.to_thread(self._find, said.sender.chat)
        community = self._line.desk.communities.by_id(group.community_id) if group else self._only()
        if community is None:
            await self._say(said.sender, None, "telegram.group_unlinked")
            return
        text, language = _spoken(said), said.sender.language
        told = await asyncio.to_thread(tell_stranger, self._line.desk, community.id, text, language) if text else None
        if told:
            return await self._reply(said.sender, community, told)
        words = community.texts(language)
        lead = to_private(self._line.link(community.slug), words)
        self._teller.also(said.sender.chat, text_call(escaped(words("telegram.group_private")), lead))

    async def move(self, moved: Moved) -> None:
        if moved.new_chat:
            await asyncio.to_thread(self._moved, moved.sender.chat, moved.new_chat)
        elif moved.present:
            await self._link(moved.sender, on=True)
        else:
            await asyncio.to_thread(self._left, moved.sender.chat)

    def _only(self) -> Community | None:
        served = self._line.communities()
        return served[0] if len(served) == 1 else None

    async def _link(self, sender: Sender, *, on: bool) -> None:
        community, key = await asyncio.to_thread(self._linked, sender, on)
        await self._say(sender, community, key)

    def _linked(self, sender: Sender, on: bool) -> tuple[Community | None, str]:
        """Only somebody known to work for a community may link a group to it, or unlink it."""
        visit, desk = self._door.look(sender.user), self._line.desk
        caller = self._door.let_in(visit, sender.language)
        if caller is None:
            return None, "telegram.group_workers_only"
        community, slug = caller.community, caller.community.slug
        with transaction(desk.engine, community.id, desk.now()) as db:
            who = db.get(Resident, resident_at(db, "telegram", slug, sender.user) or 0)
            if who is None or who.role < Role.WORKER:
                return None, "telegram.group_workers_only"
            if not on:
                group = find_group(db, "telegram", [slug], sender.chat)
                if group is None:
                    return community, "telegram.group_not_yours"
                unlink_group(db, group, who)
                return community, "telegram.group_let_go"
            try:
                link_group(db, who, "telegram", slug, sender.chat, sender.title)
            except LinkedElsewhere:
                return community, "telegram.group_elsewhere"
        return community, "telegram.group_linked"

    def _find(self, chat: str) -> LinkedGroup | None:
        with transaction(self._line.desk.engine, None) as db:
            return find_group(db, "telegram", self._line.account.serves, chat)

    def _moved(self, chat: str, new_chat: str) -> None:
        with transaction(self._line.desk.engine, None, self._line.desk.now()) as db:
            group_moved(db, "telegram", self._line.account.serves, chat, new_chat)

    def _left(self, chat: str) -> None:
        with transaction(self._line.desk.engine, None, self._line.desk.now()) as db:
            group_left(db, "telegram", self._line.account.serves, chat)

    async def _say(self, sender: Sender, community: Community | None, key: str) -> None:
        known = community or next(iter(self._line.communities()), None)
        if known is None:
            return
        words = known.texts(sender.language)
        name = words.show(known.pack.community.name.model_dump())
        await self._reply(sender, known, Reply(words(key, name=name)))

    async def _reply(self, sender: Sender, community: Community, reply: Reply) -> None:
        self._teller.also(sender.chat, *await asyncio.to_thread(self._calls, sender, community, reply))

    def _calls(self, sender: Sender, community: Community, reply: Reply) -> list[Call]:
        at = Address("telegram", community.slug, sender.chat)
        look = look_at(self._line.desk, self._line.link(community.slug), at, community.id)
        return render(reply, replace(look, language=sender.language))


def _spoken(said: Said) -> str:
    """What was said; a command without more is said as the words that mean the same."""
    service = (service_of(said.command) or "").removeprefix("/") if said.command else ""
    return said.text or next(iter(vocabulary("service").get(service, ())), "")
