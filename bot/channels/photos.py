"""Photos at the edge: decoded to be sure they are pictures, stripped of everything but pixels, re-encoded, kept."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.conversation.desk import Desk
from bot.conversation.group import enter
from bot.conversation.message import Address
from models.photo import keep_photo
from models.resident import Resident
from models.store import transaction

LARGEST = 10 * 1024 * 1024  # bytes of one upload
AT_ONCE = asyncio.Semaphore(2)  # a large photo takes 200 MB while it is decoded
PATIENCE = 20  # seconds
UPLOADS, UPLOAD = 16, 60  # photos held in memory at a time, and the seconds one may take to arrive
FETCHES = asyncio.Semaphore(UPLOADS)  # for themselves: whoever uploads slowly holds up no platform's photos
REF = re.compile(r"[0-9a-f]{64}")


class NotAPhoto(ValueError):
    """Not a JPEG, PNG or WebP that can be decoded, or not in time."""


async def fetch_photo(
    desk: Desk, community_id: int, sender: Address, language: str, fetch: Callable[[], Awaitable[bytes]]
) -> str:
    """Fetch a photo from where a platform keeps it when there is room, and enter it; raises what `fetch` raises too."""
    async with FETCHES:
        return await enter_photo(desk, community_id, sender, language, await fetch())


async def enter_photo(desk: Desk, community_id: int, sender: Address, language: str, data: bytes) -> str:
    """Keep a photo as its sender's, who is entered if nobody knows them; returns its reference. Raises NotAPhoto."""
    ref = await keep(desk.media, data)
    await asyncio.to_thread(_enter, desk, community_id, sender, language, ref)
    return ref


def _enter(desk: Desk, community_id: int, sender: Address, language: str, ref: str) -> None:
    resident_id = enter(desk, community_id, sender, language)
    with transaction(desk.engine, community_id, desk.now()) as db:
        if (resident := db.get(Resident, resident_id)) is not None:
            keep_photo(db, resident, ref)


async def keep(folder: Path, data: bytes) -> str:
    """Store a photo and return its reference, the hash of its content; raises NotAPhoto."""
    from bot.channels.pixels import strip  # here: Pillow is a tenth of the start, for what is seldom needed at once

    async with AT_ONCE:
        try:
            clean = await asyncio.wait_for(asyncio.to_thread(strip, data), PATIENCE)
        except TimeoutError:
            raise NotAPhoto from None
    return await asyncio.to_thread(_write, folder, clean)


def _write(folder: Path, data: bytes) -> str:
    ref = hashlib.sha256(data).hexdigest()
    path = path_of(folder, ref)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")  # two may send the same picture at once
        part.write_bytes(data)
        part.replace(path)
    return ref


def path_of(folder: Path, ref: str) -> Path:
    """Where a photo lies; raises ValueError for anything that is not a reference."""
    if not REF.fullmatch(ref):
        raise ValueError("not a photo reference")
    return folder / ref[:2] / f"{ref}.jpg"
