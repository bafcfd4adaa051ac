"""Photos of residents, which WeChat keeps for us to fetch: checked and stripped like all others, then theirs."""

import logging
import re

import aiohttp
from yarl import URL

from bot.channels import photos
from bot.channels.wechat.letter import Letter
from bot.conversation.desk import Desk
from bot.conversation.message import Address

log = logging.getLogger(__name__)
KEEPERS = re.compile(r"([a-z0-9-]+\.)+(qpic|qlogo)\.cn")  # where WeChat and WeCom keep the photos of letters
PATIENCE = aiohttp.ClientTimeout(total=15)  # seconds; what takes longer than WeChat waits is answered later


class NotSeen(Exception):
    """It could not be fetched, or is no photo; the message is the key of what to say."""


class Pictures:
    def __init__(self, desk: Desk, session: aiohttp.ClientSession, api: str) -> None:
        """`api` is the address of the platform's API, which may keep photos too."""
        self._desk, self._session, self._api = desk, session, URL(api)

    async def fetch(self, community_id: int, sender: Address, letter: Letter) -> str:
        """The reference of the photo in a letter, kept as its sender's; raises NotSeen."""
        try:
            return await photos.fetch_photo(
                self._desk, community_id, sender, "", lambda: self._data(letter.picture_url)
            )
        except photos.NotAPhoto:
            raise NotSeen("photo_kind") from None

    def kept_there(self, address: URL) -> bool:
        """Whoever can write a letter must not have us ask other servers, of our own network perhaps."""
        named = address.scheme in ("http", "https") and KEEPERS.fullmatch(address.host or "") is not None
        return named or address.origin() == self._api.origin()

    async def _data(self, address: str) -> bytes:
        try:
            url = URL(address)
            if not self.kept_there(url):
                raise ValueError("not the platform's")
            async with self._session.get(url, timeout=PATIENCE, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise ValueError("no photo")
                data = await answer.content.read(photos.LARGEST + 1)
                while len(data) <= photos.LARGEST and (more := await answer.content.read(photos.LARGEST)):
                    data += more
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            log.info("a photo could not be fetched: %s", type(failure).__name__)
            raise NotSeen("not_fetched") from None
        if len(data) > photos.LARGEST:
            raise NotSeen("too_large")
        return data
