"""What we say in messages of our own, at the pace WeCom allows: pushes, and answers that are none in time."""

import asyncio
from collections.abc import Sequence

from bot.channels import Parcel, Refused, TryLater, Uncertain, Unreachable
from bot.channels.wechat.answering import answerable
from bot.channels.wechat.passive import Manner, spoken
from bot.channels.wecom.api import Api
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.message import Reply
from models.member_pace import take_room
from models.resident import Resident
from models.store import reading, transaction


class Sending:
    def __init__(self, desk: Desk, app: str, api: Api, page: str) -> None:
        """`app` is the corporation's id; `page` is where the web chat is, without a slash at the end."""
        self._desk, self._app, self._api, self._page = desk, app, api, page

    async def deliver(self, parcel: Parcel) -> Exception | None:
        """A push, all of it; begun again, WeCom leaves out what has arrived."""
        try:
            manner = await asyncio.to_thread(self.manner_of, parcel.community_id, parcel.resident_id)
            alone = len(self._desk.communities.all()) == 1
            door = "" if alone else self._app
            reply = await asyncio.to_thread(answerable, self._desk, parcel.community_id, parcel.to, parcel.reply, door)
            texts = pages([], manner, [reply])
            if not texts:
                raise Refused("there is nothing in it to show")
            await self._have_room(parcel.to.user, len(texts))
            for text in texts:
                await self._api.send_text(parcel.to.user, text, once=True)
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            return failure
        return None

    async def say(self, member: str, text: str) -> None:
        """A message that belongs to a conversation: the same words may come again in it, and are to be seen.

        Raises TryLater, Unreachable, Refused or Uncertain.
        """
        await self._have_room(member, 1)
        await self._api.send_text(member, text, once=False)

    def manner(self, community: Community, language: str) -> Manner:
        return Manner(community, language, self._page, tappable=False, room=f"{self._page}/c/{community.slug}")

    def manner_of(self, community_id: int, resident_id: int) -> Manner:
        """How to speak to a resident, in the language they chose."""
        with reading(self._desk.engine, community_id) as db:
            who = db.get(Resident, resident_id)
        return self.manner(self._desk.communities.by_id(community_id), who.language if who else "zh")

    async def _have_room(self, member: str, count: int) -> None:
        if wait := await asyncio.to_thread(self._take_room, member, count):
            raise TryLater(wait, "this member has as many messages as WeCom shows at a time")

    def _take_room(self, member: str, count: int) -> float:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return take_room(db, f"wecom:{self._app}", member, count)


def pages(replies: Sequence[Reply], manner: Manner, pushes: Sequence[Reply] = ()) -> list[str]:
    """The messages, each short enough; none says how to get the next, which follows by itself here."""
    hint = f"\n{manner.texts('wechat.more')}"
    return [text.removesuffix(hint) for text in spoken(replies, manner, pushes)]
