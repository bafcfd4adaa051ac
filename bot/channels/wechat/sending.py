"""Sends what was not asked for just now: by the first way that WeChat leaves open for this person.

A message of our own while their words allow one; else a template message or a notice they agreed to, which says
little and leads to the page; else it waits for their next word.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from bot.channels import AtNextWord, Parcel, Refused, TryLater, Uncertain, Unreachable, photos
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.answering import answerable
from bot.channels.wechat.answers import NoWindow, OperatorNeeded
from bot.channels.wechat.api import Api
from bot.channels.wechat.followers import Followers
from bot.channels.wechat.next_word import NextWord
from bot.channels.wechat.notices import Template, first_sentence, read_templates
from bot.channels.wechat.passive import Manner, harmless, spoken
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Reply
from models.history import resident_at
from models.photo import may_see
from models.resident import Resident
from models.store import reading

log = logging.getLogger(__name__)
GRACE = 10.0  # seconds the last pictures have when the house closes
PICTURES = 3  # of one reply: each costs a message that a push may need


class Sending:
    """What one account sends; `page` is where the web chat is, without a slash at the end."""

    def __init__(self, desk: Desk, account: Account, api: Api, followers: Followers, page: str) -> None:
        self.page = page
        self._desk, self._api, self._followers = desk, api, followers
        self._account, self._next = account, NextWord(desk, account)
        self._templates = read_templates(account.called, account.templates)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._showing: set[asyncio.Task[None]] = set()

    async def deliver(self, parcel: Parcel) -> Exception | None:
        """Send a push; None, or what became of it instead. One person's leave in the order they came."""
        turn = self._turns.setdefault(parcel.to.user, asyncio.Lock())
        try:
            async with turn:
                if await self._by_message(parcel) or await self._by_template(parcel):
                    return None
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            return failure
        return AtNextWord("nothing may be sent now")

    async def waiting(self, to: Address, letter: str) -> list[Reply]:
        """What waited for a word of theirs, to be said with the reply to a letter."""
        replies = await self._next.waiting(to, letter)
        community_id = self._desk.communities[to.account].id
        return [await asyncio.to_thread(answerable, self._desk, community_id, to, reply) for reply in replies]

    def settled(self, letter: str) -> None:
        """The reply to a letter was handed to WeChat, or is kept for its reader."""
        self._next.settled(letter)

    async def tell(self, user: str, text: str) -> bool:
        """Send what comes too late to be an answer; False where it may not be, or whether it arrived is uncertain."""
        if not self._account.rights.messages:
            return False
        try:
            return await self._spend(user, lambda: self._api.send_text(user, text))
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            log.info("a late answer was not told: %s: %s", type(failure).__name__, failure)
            return False

    async def keep(self, to: Address, key: str, words: str) -> None:
        """Keep for their next word what comes too late to be an answer."""
        await self._next.keep(to, key, words)

    def show_pictures(self, user: str, replies: Sequence[Reply], manner: Manner) -> None:
        """Show what their text has links to, in the background, where the account may; returns at once."""
        refs = [reply.image for reply in replies if reply.image][:PICTURES]
        if refs and self._account.rights.messages and self._account.rights.media:
            task = asyncio.create_task(self._show(Address("wechat", manner.community.slug, user), refs))
            self._showing.add(task)
            task.add_done_callback(self._showing.discard)

    def serve(self, account: Account) -> None:
        """The same account, serving others from now on."""
        self._account = self._next.account = account

    async def run(self) -> None:
        """Keep knowing who has something waiting."""
        await self._next.run()

    async def look(self) -> None:
        """Learn it now."""
        await self._next.look()

    async def finish(self) -> None:
        """Let what is on its way arrive, for a moment."""
        if self._showing:
            await asyncio.wait(self._showing, timeout=GRACE)
        for task in list(self._showing):
            task.cancel()
        await self._next.finish()

    async def _by_message(self, parcel: Parcel) -> bool:
        """Whether it left as a message of our own; only its first page does, the others wait for 更多."""
        if not self._account.rights.messages:
            return False
        user, manner = parcel.to.user, await asyncio.to_thread(self._manner, parcel)
        if card := _card(parcel.reply, self._link(parcel)):
            return await self._spend(user, lambda: self._api.send_news(user, *card))
        alone = len(self._account.serves) == 1
        door = "" if alone else self._account.appid
        reply = await asyncio.to_thread(answerable, self._desk, parcel.community_id, parcel.to, parcel.reply, door)
        pages = spoken([], manner, [reply])
        if not pages:
            raise Refused("there is nothing in it to show")
        if not await self._spend(user, lambda: self._api.send_text(user, pages[0])):
            return False
        if pages[1:]:
            await self._followers.keep_rest(user, parcel.community_id, parcel.key, pages[1:])
        self.show_pictures(user, [parcel.reply], manner)
        return True

    async def _spend(self, user: str, send: Callable[[], Awaitable[None]]) -> bool:
        """Send out of what their words allow; False where they allow nothing. Given back only what surely stayed."""
        if not await self._followers.take(user):
            return False
        try:
            await send()
        except NoWindow:
            self._followers.spent(user)
            return False
        except (TryLater, Unreachable, Refused):
            await self._followers.give_back(user)
            raise
        except BaseException:
            self._followers.landed(user)
            raise
        self._followers.landed(user)
        return True

    async def _by_template(self, parcel: Parcel) -> bool:
        """Whether it left by one of the account's templates."""
        for template in self._templates:
            if not template.suits(parcel.about):
                continue
            try:
                if await self._fill(template, parcel):
                    return True
            except (NoWindow, OperatorNeeded) as failure:  # the operator has been told; there are other ways
                log.info("a template cannot be used: %s", failure)
        return False

    async def _fill(self, template: Template, parcel: Parcel) -> bool:
        user, community = parcel.to.user, self._desk.communities[parcel.to.account]
        name = community.pack.community.name.zh
        values, rights = template.values(parcel.reply, name, self._desk.now()), self._account.rights
        if template.kind == "template":
            if rights.templates:
                await self._api.send_template(user, template.id, values, self._link(parcel), once=parcel.key)
            return rights.templates
        if not rights.notices:
            return False
        once = template.kind == "once"
        if once and not await self._followers.take_agreed(user, template.id):
            return False
        try:
            await self._api.send_subscription(user, template.id, values, self._link(parcel))
        except (TryLater, Refused):
            if once:
                self._followers.agreed(user, template.id)
            raise
        return True

    def manner(self, community: Community, language: str) -> Manner:
        """How to speak to somebody of a community."""
        room = f"{self.page}{self._account.room(community.slug)}"
        return Manner(community, language, self.page, self._account.rights.msgmenu, room)

    def _manner(self, parcel: Parcel) -> Manner:
        community = self._desk.communities.by_id(parcel.community_id)
        with reading(self._desk.engine, parcel.community_id) as db:
            who = db.get(Resident, parcel.resident_id)
        return self.manner(community, who.language if who else "zh")

    def _link(self, parcel: Parcel) -> str:
        return f"{self.page}{self._account.room(parcel.to.account)}"

    async def _show(self, to: Address, refs: Sequence[str]) -> None:
        for ref in refs:
            try:
                await self._show_one(to, ref)
            except (TryLater, Unreachable, Refused, Uncertain) as failure:
                log.info("a picture was not shown: %s: %s", type(failure).__name__, failure)
            except Exception:
                log.exception("a picture was not shown; the text has a link to it")

    async def _show_one(self, to: Address, ref: str) -> None:
        data = await asyncio.to_thread(self._photo, to, ref)
        if data is not None:
            media_id = await self._api.upload_image(data)
            await self._spend(to.user, lambda: self._api.send_image(to.user, media_id))

    def _photo(self, to: Address, ref: str) -> bytes | None:
        community = self._desk.communities[to.account]
        with reading(self._desk.engine, community.id) as db:
            known = resident_at(db, to.channel, to.account, to.user)
            who = db.get(Resident, known) if known else None
            if who is None or not may_see(db, ref, who):
                return None
        path = photos.path_of(self._desk.media, ref)
        return path.read_bytes() if path.exists() else None


def _card(reply: Reply, url: str) -> tuple[str, str, str] | None:
    """Title, words and address of a card for a place or an event; choices would be lost on it."""
    if reply.choices or not (reply.pin or reply.file):
        return None
    title = first_sentence(reply.text)
    return harmless(title), reply.text.removeprefix(title).strip(), url
