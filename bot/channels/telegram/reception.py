"""Takes one update after another: who it is from, whether they may come in, and what the desk answers.

`take` returns once all that an update changes is committed, so that Telegram may be told it has arrived; whatever
keeps it from being committed is raised, and Telegram, or our own loop, brings the update again.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

import telegram

from bot.channels import Refused, TryLater, Uncertain, Unreachable
from bot.channels.flood import Flood, Verdict
from bot.channels.telegram import fetch
from bot.channels.telegram.albums import Albums
from bot.channels.telegram.call import Call
from bot.channels.telegram.door import AGREE, ENTER, Caller, Door, payload, plain_call, wants_another
from bot.channels.telegram.greeting import service_of
from bot.channels.telegram.groups import Groups
from bot.channels.telegram.inbound import Moved, Said, Sender, Tapped, read
from bot.channels.telegram.line import Line
from bot.channels.telegram.taps import answered, marked
from bot.channels.telegram.teller import Teller
from bot.content.snapshot import Community
from bot.conversation.message import Address, Message
from bot.conversation.texts import texts
from bot.conversation.worker import Worker
from bot.understanding.danger import dangerous
from models.code import looks_like_code
from models.resident import lose_touch, regain_touch
from models.store import transaction

log = logging.getLogger(__name__)
GRACE = 5.0  # seconds the last updates have when the house closes


class Reception:
    def __init__(self, line: Line, worker: Worker, teller: Teller, hearing: fetch.Hearing) -> None:
        self.line, self._worker, self.teller, self._hearing = line, worker, teller, hearing
        self.door, self._flood = Door(line), Flood()
        self.albums = Albums(line, self._answer)
        self._groups = Groups(line, self.door, teller)
        self._taking: dict[int, asyncio.Future[None]] = {}

    async def take(self, update: telegram.Update) -> None:
        """Do what an update asks; the same one arriving meanwhile waits for the same end."""
        if (same := self._taking.get(update.update_id)) is not None:
            return await asyncio.shield(same)
        work = asyncio.ensure_future(self._take(update))
        self._taking[update.update_id] = work
        work.add_done_callback(lambda _: self._taking.pop(update.update_id, None))
        return await asyncio.shield(work)

    async def finish(self) -> None:
        """Let what is being taken be taken, for a moment; Telegram brings the rest again."""
        if self._taking:
            await asyncio.wait(self._taking.values(), timeout=GRACE)

    async def _take(self, update: telegram.Update) -> None:
        match read(update, self.line.account.username):
            case Tapped() as tapped:
                await self._tapped(tapped)
            case Moved(sender=sender) as moved if sender.private:
                await asyncio.to_thread(self._touch, moved)
            case Moved() as moved:
                await self._groups.move(moved)
            case Said(sender=sender) as said if sender.private:
                await self._said(said)
            case Said() as said if self._groups.meant(said) and not self._crowded(said):
                await self._groups.hear(said)

    async def _said(self, said: Said) -> None:
        if said.other == "nothing" or self._too_fast(said.sender, said.text):
            return
        visit = await asyncio.to_thread(self.door.look, said.sender.user)
        caller = self.door.let_in(visit, said.sender.language)
        if caller is None or self.door.moves(said, visit):
            wanted = None if caller and wants_another(said) else self.door.wanted(said, visit)
            return self.teller.also(said.sender.chat, *self.door.greet(said, wanted))
        await self._heard(said, caller)

    async def _heard(self, said: Said, caller: Caller, name: str = "") -> None:
        """What somebody let in says goes to the desk; what we cannot hear is answered at once."""
        community, words = caller.community, caller.community.texts(caller.language)
        sender = Address("telegram", community.slug, said.sender.user)
        if not said.album:
            await self.albums.finish(said.sender.user)
        excuse: list[Call] = []
        try:
            text, ref = await self._listened(said, sender, caller)
        except fetch.NotHeard as reason:
            known = f"telegram.{reason}"
            text, ref, excuse = said.text, "", [plain_call(words(known if known in words else "telegram.cannot"))]
            if not dangerous(text) and not (text and said.album and not said.other):
                return self.teller.also(said.sender.chat, *excuse)
        if said.album and not said.other:
            await self.albums.add(community.id, sender, said.album, said.update_id, ref, text)
            return self.teller.also(said.sender.chat, *excuse)
        choice, text = _asked(said, text, self.line.communities())
        name = f"{self.line.account.id}:{name or said.update_id}"
        media = (ref,) if ref else ()
        message = Message(name, sender, text, choice, "", media, said.place, caller.language, owed=True)
        await self._answer(community.id, message)
        self.teller.also(said.sender.chat, *excuse)

    async def _listened(self, said: Said, sender: Address, caller: Caller) -> tuple[str, str]:
        """The words and the reference of the photo; raises NotHeard, and fetches nothing of what we cannot hear."""
        if said.other:
            raise fetch.NotHeard(f"cannot_{said.other}")
        text = said.text or (await self._hearing.words(said.voice) if said.voice else "")
        if not said.photo:
            return text, ""
        return text, await self._hearing.photo(caller.community.id, sender, caller.language, said.photo)

    async def _answer(self, community_id: int, message: Message) -> bool:
        """Whether it was an answer to what is asked, or opened something: not a tap on an old menu, nor a repeat."""
        replies = await self._worker.answer(community_id, message)
        self.teller.tell(community_id, message, replies)
        return bool(replies) and not any(reply.stale for reply in replies)

    async def _tapped(self, tapped: Tapped) -> None:
        if not tapped.sender.private:
            return await self._release(tapped)  # no button of ours in a group carries anything
        if tapped.value.startswith((ENTER, AGREE)):
            return await self._at_the_door(tapped)
        visit = await asyncio.to_thread(self.door.look, tapped.sender.user)
        caller = self.door.let_in(visit, tapped.sender.language)
        if caller is None:
            said = tapped.original or Said(tapped.update_id, tapped.sender, 0)
            return await self._done(tapped, *self.door.greet(said, self.door.wanted(said, visit)))
        if tapped.community_id not in (None, caller.community.id):
            return await self._done(tapped, *self.door.elsewhere(tapped, caller), heard=False)
        sender = Address("telegram", caller.community.slug, tapped.sender.user)
        name = f"{self.line.account.id}:{tapped.update_id}"
        message = Message(name, sender, "", tapped.value, tapped.label, (), None, caller.language, owed=True)
        if self._too_fast(tapped.sender):
            return await self._release(tapped)  # its buttons stay: it is to be tapped again
        heard = await self._answer(caller.community.id, message)
        await self._done(tapped, heard=heard)

    async def _at_the_door(self, tapped: Tapped) -> None:
        verb, _, slug = tapped.value.partition(":")
        community = next((c for c in self.line.communities() if c.slug == slug), None)
        if community is None:
            return await self._done(tapped)
        original, language = tapped.original, tapped.sender.language
        if f"{verb}:" == ENTER:
            reply_to = original.message_id if original else None
            return await self._done(tapped, self.door.ask_consent(community, language, reply_to))
        await asyncio.to_thread(self.door.agreed, tapped.sender.user, community)
        greeting = Said(tapped.update_id, tapped.sender, 0, command="start")
        first = greeting if original is None or wants_another(original) else original
        asked = tapped.message.message_id if tapped.message else tapped.update_id
        await self._heard(first, Caller(community, language), f"agreed:{asked}")  # agreed twice is heard once
        await self._done(tapped)

    async def _done(self, tapped: Tapped, *calls: Call, heard: bool = True) -> None:
        """A tap is always answered; what it was made on is marked once the reply is out."""
        self.teller.also(tapped.sender.chat, *calls, *marked(tapped, heard=heard))
        await self._release(tapped)

    async def _release(self, tapped: Tapped) -> None:
        try:
            await self.line.send("", answered(tapped))
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            log.info("a tap was not answered: %s: %s", type(failure).__name__, failure)

    def _touch(self, moved: Moved) -> None:
        """Blocked or unblocked: told beforehand, it spares the pushes that would bounce."""
        desk, touch = self.line.desk, regain_touch if moved.present else lose_touch
        with transaction(desk.engine, None, desk.now()) as db:
            for slug in self.line.account.serves:
                touch(db, "telegram", slug, moved.sender.user)

    def _too_fast(self, sender: Sender, text: str = "") -> bool:
        """Whether somebody sends more than the desk can follow; it is said once, and what is too much is not heard."""
        verdict = self._judged(sender.user, text)
        if verdict.wait and verdict.tell:
            self.teller.also(sender.chat, plain_call(texts(sender.language)("telegram.slow_down")))
        return verdict.wait > 0

    def _crowded(self, said: Said) -> bool:
        """Whether somebody, or a whole group, asks more than others should have to read; nothing is said to that."""
        by_whom = self._judged(said.sender.user, said.text)
        return by_whom.wait > 0 or self._judged(said.sender.chat, said.text).wait > 0

    def _judged(self, who: str, text: str) -> Verdict:
        return self._flood.judge(Address("telegram", "", who), time.monotonic(), text)


def _asked(said: Said, text: str, served: Sequence[Community]) -> tuple[str, str]:
    """What a command or a deep link opens, and the words that go with it."""
    if said.command == "start":
        _, rest = payload(said, served)
        if looks_like_code(rest):
            return "", rest
        return service_of(rest) or "/hello", ""
    if said.command:
        return (service_of(said.command) or "", text or ("" if service_of(said.command) else said.command))
    return "", text
