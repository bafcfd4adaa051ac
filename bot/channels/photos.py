"""Photos at the edge: decoded to be sure they are pictures, stripped of everything but pixels, re-encoded, kept."""

import asyncio
import hashlib
import re
import secrets
from pathlib import Path

LARGEST = 10 * 1024 * 1024  # bytes of one upload
AT_ONCE = asyncio.Semaphore(2)  # a large photo takes 200 MB while it is decoded
PATIENCE = 20  # seconds
UPLOADS, UPLOAD = 16, 60  # photos held in memory at a time, and the seconds one may take to arrive
REF = re.compile(r"[0-9a-f]{64}")


class NotAPhoto(ValueError):
    """Not a JPEG, PNG or WebP that can be decoded."""


async def keep(folder: Path, data: bytes) -> str:
    """Store a photo and return its reference, the hash of its content; raises NotAPhoto."""
    from bot.channels.pixels import strip  # here: Pillow is a tenth of the start, for what is seldom needed at once

    async with AT_ONCE:
        clean = await asyncio.wait_for(asyncio.to_thread(strip, data), PATIENCE)
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
