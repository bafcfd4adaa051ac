"""Photos of residents, which WeChat keeps for us to fetch: checked and stripped like all others, then theirs."""

import asyncio
import logging

import aiohttp

from bot.channels import photos
from bot.channels.wechat.letter import Letter
from bot.conversation.desk import Desk
from bot.conversation.group import enter
from bot.conversation.message import Address
from models.photo import keep_photo
from models.resident import Resident
from models.store import transaction

log = logging.getLogger(__name__)
PATIENCE = aiohttp.ClientTimeout(total=15)  # seconds; what takes longer than WeChat waits is answered later


class NotSeen(Exception):
    """It could not be fetched, or is no photo; the message is the key of what to say."""


class Pictures:
    def __init__(self, desk: Desk, session: aiohttp.ClientSession) -> None:
        self._desk, self._session = desk, session

    async def fetch(self, community_id: int, sender: Address, letter: Letter) -> str:
        """The reference of the photo in a letter, kept as its sender's; raises NotSeen."""
        data = await self._data(letter.picture_url)
        try:
            ref = await photos.keep(self._desk.media, data)
        except (photos.NotAPhoto, TimeoutError):
            raise NotSeen("photo_kind") from None
        await asyncio.to_thread(self._enter, community_id, sender, ref)
        return ref

    async def _data(self, address: str) -> bytes:
        try:
            async with self._session.get(address, timeout=PATIENCE) as answer:
                answer.raise_for_status()
                data = await answer.content.read(photos.LARGEST + 1)
                while len(data) <= photos.LARGEST and (more := await answer.content.read(photos.LARGEST)):
                    data += more
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            log.info("a photo could not be fetched: %s", type(failure).__name__)
            raise NotSeen("not_fetched") from None
        if len(data) > photos.LARGEST:
            raise NotSeen("too_large")
        return data

    def _enter(self, community_id: int, sender: Address, ref: str) -> None:
        resident_id = enter(self._desk, community_id, sender, "")
        with transaction(self._desk.engine, community_id, self._desk.now()) as db:
            if (resident := db.get(Resident, resident_id)) is not None:
                keep_photo(db, resident, ref)
