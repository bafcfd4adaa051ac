"""What we say unasked: pushes, and what did not fit into an answer or came too late to be one."""

import asyncio
import logging
from collections.abc import Sequence

from bot.channels import Parcel, Refused, TryLater, Uncertain, Unreachable
from bot.channels.wechat.passive import Manner, spoken
from bot.channels.wecom.api import Api
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.message import Reply
from models.member_pace import take_room
from models.resident import Resident
from models.store import reading, transaction

log = logging.getLogger(__name__)


class Sending:
    def __init__(self, desk: Desk, app: str, api: Api, page: str) -> None:
        """`app` is the corporation's id; `page` is where the web chat is, without a slash at the end."""
        self._desk, self._app, self._api, self._page = desk, app, api, page

    async def deliver(self, parcel: Parcel) -> Exception | None:
        """A push, all of it; begun again, WeCom leaves out what has arrived."""
        try:
            texts = pages([parcel.reply], await asyncio.to_thread(self._manner, parcel))
            if not texts:
                raise Refused("there is nothing in it to show")
            if wait := await asyncio.to_thread(self._take_room, parcel.to.user, len(texts)):
                raise TryLater(wait, "this member has as many messages as WeCom shows at a time")
            for text in texts:
                await self._api.send_text(parcel.to.user, text, once=True)
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            return failure
        return None

    async def tell(self, member: str, texts: Sequence[str]) -> None:
        """Messages that belong to a conversation: the same words may come again in it, and are to be seen."""
        try:
            for text in texts:
                while wait := await asyncio.to_thread(self._take_room, member, 1):
                    await asyncio.sleep(wait)
                await self._api.send_text(member, text, once=False)
        except (TryLater, Unreachable, Refused, Uncertain) as failure:
            log.warning("part of an answer was not told: %s: %s", type(failure).__name__, failure)

    def manner(self, community: Community, language: str) -> Manner:
        return Manner(community, language, self._page, tappable=False, room=f"{self._page}/c/{community.slug}")

    def _manner(self, parcel: Parcel) -> Manner:
        with reading(self._desk.engine, parcel.community_id) as db:
            who = db.get(Resident, parcel.resident_id)
        return self.manner(self._desk.communities.by_id(parcel.community_id), who.language if who else "zh")

    def _take_room(self, member: str, count: int) -> float:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            return take_room(db, f"wecom:{self._app}", member, count)


def pages(replies: Sequence[Reply], manner: Manner) -> list[str]:
    """The messages, each short enough; none says how to get the next, which follows by itself here."""
    hint = f"\n{manner.texts('wechat.more')}"
    return [text.removesuffix(hint) for text in spoken(replies, manner)]
