"""What Telegram keeps for us to fetch: photos, and voices where somebody can write them down."""

import asyncio
import logging
from dataclasses import dataclass

import aiohttp
from telegram.error import BadRequest, TelegramError

from bot.channels import photos
from bot.channels.telegram.line import Line
from bot.conversation.message import Address
from bot.settings import Settings

log = logging.getLogger(__name__)
TRIES, PAUSE = 3, 0.5  # of a fetch, and the seconds between
LARGEST_VOICE = 20 * 1024 * 1024  # bytes: what a bot may fetch, core.telegram.org/bots/api#getfile
PATIENCE = aiohttp.ClientTimeout(total=30)  # seconds for writing a voice down


class NotHeard(Exception):
    """It could not be fetched or understood; the message is the key of what to say."""


@dataclass(frozen=True)
class Hearing:
    line: Line
    settings: Settings

    async def photo(self, community_id: int, sender: Address, language: str, file_id: str) -> str:
        """Fetch, check, strip and keep a photo as its sender's; returns its reference. Raises NotHeard."""
        try:
            return await photos.fetch_photo(
                self.line.desk, community_id, sender, language, lambda: self._fetch(file_id, photos.LARGEST)
            )
        except photos.NotAPhoto:
            raise NotHeard("photo_kind") from None

    async def words(self, file_id: str) -> str:
        """What a voice says, where a transcriber is set up; raises NotHeard."""
        if not self.settings.transcriber_url:
            raise NotHeard("cannot_voice")
        data = await self._fetch(file_id, LARGEST_VOICE)
        form = aiohttp.FormData({"model": "whisper-1", "response_format": "json"})
        form.add_field("file", data, filename="voice.ogg", content_type="audio/ogg")
        key = self.settings.transcriber_key.get_secret_value()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with (
                aiohttp.ClientSession(timeout=PATIENCE) as session,
                session.post(self.settings.transcriber_url, data=form, headers=headers) as answer,
            ):
                answer.raise_for_status()
                told = str((await answer.json())["text"]).strip()
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as failure:
            log.warning("a voice was not written down: %s", type(failure).__name__)
            raise NotHeard("cannot_voice") from None
        if not told:
            raise NotHeard("cannot_voice")
        return told

    async def _fetch(self, file_id: str, largest: int) -> bytes:
        """A file's bytes; tried again where the line is bad. Raises NotHeard."""
        for left in reversed(range(TRIES)):
            try:
                file = await self.line.bot.get_file(file_id)
                if (file.file_size or 0) > largest:
                    raise NotHeard("too_large")
                return bytes(await file.download_as_bytearray())
            except BadRequest as failure:
                log.info("a file was not given: %s", failure)
                raise NotHeard("too_large") from None
            except TelegramError as failure:
                log.info("a file could not be fetched: %s", type(failure).__name__)
                if left:
                    await asyncio.sleep(PAUSE)
        raise NotHeard("not_fetched")
