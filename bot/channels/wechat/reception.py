"""Takes one letter after another to the desk, and has the reply ready while WeChat still waits.

The same letter brought again waits for the same reply. A turn that takes too long is written down before WeChat is
told that there is nothing to show; its replies follow as messages of their own, or with the resident's next word.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.channels.flood import Flood
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.door import Door
from bot.channels.wechat.followers import Followers
from bot.channels.wechat.late import Late
from bot.channels.wechat.letter import Letter
from bot.channels.wechat.passive import Manner, spoken
from bot.channels.wechat.pictures import NotSeen, Pictures
from bot.channels.wechat.reading import TAPS, Heard, understood
from bot.channels.wechat.reply import text_reply
from bot.channels.wechat.sending import Sending
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Message, Reply
from bot.conversation.texts import texts, words
from bot.conversation.worker import Worker
from bot.understanding.danger import dangerous
from bot.understanding.words import exact

log = logging.getLogger(__name__)
PATIENCE = 4.5  # seconds until WeChat has to have an answer; at five it hangs up
KEPT = 30.0  # seconds a reply is at hand for the same letter brought again: WeChat tries three times in fifteen


class Reception:
    def __init__(
        self, desk: Desk, worker: Worker, account: Account, followers: Followers, sending: Sending, pictures: Pictures
    ) -> None:
        self.desk, self.account, self.followers = desk, account, followers
        self._worker, self._sending, self._pictures = worker, sending, pictures
        self._door, self._flood, self._late = Door(desk, account), Flood(), Late(desk, account)
        self._taking: dict[str, asyncio.Task[list[str]]] = {}
        self._following: dict[str, asyncio.Task[None]] = {}  # letters WeChat was told to forget

    def now(self) -> datetime:
        return self.desk.now()

    async def answer(self, letter: Letter, begun: float) -> str:
        """The reply's XML, or "" for nothing to show; `begun` is the loop's time when the letter came."""
        if letter.identity in self._following:
            return ""  # brought again although we took it upon us: its reply is not to be read twice
        task = self._taking.get(letter.identity) or self._begin(letter)
        left = begun + PATIENCE - asyncio.get_running_loop().time()
        try:
            pages = await asyncio.wait_for(asyncio.shield(task), max(0.01, left))
        except TimeoutError:
            await self._late.keep(letter)
            if letter.identity not in self._following:
                self._following[letter.identity] = asyncio.create_task(self._after(letter, task))
            return ""
        return text_reply(letter, pages[0], self.now()) if pages else ""

    async def run(self) -> None:
        """Answer, as late as it is, what a process that died has left behind."""
        await self._late.run(self._answer_late)

    async def _answer_late(self, letter: Letter) -> None:
        task = self._taking.get(letter.identity) or self._begin(letter)
        await self._sending.tell(letter.sender, await asyncio.shield(task))
        self._sending.settled(letter.identity)

    def serve(self, account: Account) -> None:
        """The same account, serving others from now on."""
        self.account, self._door = account, Door(self.desk, account)

    def handed_over(self, letter: Letter) -> None:
        """The reply to a letter is on the wire."""
        self._sending.settled(letter.identity)

    def _begin(self, letter: Letter) -> "asyncio.Task[list[str]]":
        task = asyncio.create_task(self._take(letter))
        self._taking[letter.identity] = task
        forget = asyncio.get_running_loop().call_later
        task.add_done_callback(lambda done: forget(0 if _failed(done) else KEPT, self._forget, letter.identity))
        return task

    def _forget(self, identity: str) -> None:
        self._taking.pop(identity, None)
        self._following.pop(identity, None)

    async def _take(self, letter: Letter) -> list[str]:
        """The pages that answer a letter; what may be sent now is noted on the way."""
        self._noted(letter)
        heard = understood(letter, self.account.datum)
        if heard is None:
            return []
        verdict = self._flood.judge(Address("wechat", "", letter.sender), time.monotonic())
        if verdict.wait and not dangerous(heard.text):
            return [texts("zh")("wechat.slow_down")] if verdict.tell else []
        if exact(heard.text, words("wechat")) == "more" and (rest := await self.followers.more(letter.sender)):
            return rest
        place = await asyncio.to_thread(self._door.place, letter, heard)
        if isinstance(place, list):
            return place
        community, heard, language = place.community, place.heard, place.language
        manner = self._sending.manner(community, language or "zh")
        return await self._heard(letter, heard, manner, language)

    async def _heard(self, letter: Letter, heard: Heard, manner: Manner, language: str) -> list[str]:
        sender, say = Address("wechat", manner.community.slug, letter.sender), manner.texts
        try:
            media = (await self._pictures.fetch(manner.community.id, sender, letter),) if heard.picture else ()
        except NotSeen as reason:
            return [say(f"wechat.{reason}")]
        if heard.cannot:
            known = f"wechat.cannot_{heard.cannot}"
            return [say(known if known in say else "wechat.cannot")]
        message = Message(letter.identity, sender, heard.text, heard.choice, heard.label, media, heard.place, language)
        replies = await self._worker.answer(manner.community.id, message)
        return await self._paged(letter, replies, manner)

    async def _paged(self, letter: Letter, replies: Sequence[Reply], manner: Manner) -> list[str]:
        """The first page answers; the others wait for 更多, and so do pushes that had to wait for a word."""
        user = letter.sender
        waiting = await self._sending.waiting(Address("wechat", manner.community.slug, user), letter.identity)
        if any(reply.choices for reply in replies):  # what may be answered by a number is what was asked
            waiting = [replace(push, choices=()) for push in waiting]
        pages = spoken([*replies, *waiting], manner)
        if len(pages) > 1:
            await self.followers.keep_rest(user, pages[1:])
        self._sending.show_pictures(user, replies, manner)
        return pages

    def _noted(self, letter: Letter) -> None:
        """What WeChat lets us send after this."""
        user, at = letter.sender, letter.created_at
        if letter.event == "unsubscribe":
            self.followers.left(user, at)
        elif letter.event in TAPS or letter.menu_id:
            self.followers.tapped(user, at)
        elif letter.kind != "event":
            self.followers.said(user, at)
        for notice in letter.notices:
            if notice.answer == "accept":
                self.followers.agreed(user, notice.template_id)

    async def _after(self, letter: Letter, taking: "asyncio.Task[list[str]]") -> None:
        """A turn that was late is told once it is done, if WeChat allows it, else with the next word."""
        try:
            await self._sending.tell(letter.sender, await taking)
            self._sending.settled(letter.identity)
            await self._late.done(letter)
        except Exception as failure:  # it is written down, and will be taken again
            log.warning("a late letter was not answered: %s", type(failure).__name__)


def _failed(done: "asyncio.Task[list[str]]") -> bool:
    """Then the letter brought again is to be tried again."""
    return done.cancelled() or done.exception() is not None
