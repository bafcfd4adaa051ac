"""Files the server keeps: every photo in several sizes, each under its own id."""

import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from tests.fakes.telegram_limits import DOWNLOAD
from tests.fakes.telegram_refusal import bad

Payload = dict[str, Any]
EDGES = (90, 320, 800, 1280)
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(eq=False)
class Stored:
    number: int
    data: bytes
    kind: str
    extension: str
    bots: set[int]  # an id is good for the bots that were given it, no others
    about: Payload = field(default_factory=dict)

    @property
    def file_id(self) -> str:
        return f"AgACAgUAAxkBAAI{self.number:08d}-{self.kind}"

    @property
    def path(self) -> str:
        return f"{self.kind}s/file_{self.number}.{self.extension}"

    def payload(self) -> Payload:
        return {
            "file_id": self.file_id,
            "file_unique_id": f"AQAD{self.number:08d}",
            "file_size": len(self.data),
        } | self.about


class Files:
    """Everything ever uploaded, by either side."""

    def __init__(self) -> None:
        self.kept: list[Stored] = []

    def add(self, data: bytes, kind: str, extension: str, bots: set[int], **about: Any) -> Stored:
        stored = Stored(len(self.kept) + 1, data, kind, extension, bots, about)
        self.kept.append(stored)
        return stored

    def add_photo(self, data: bytes, bots: set[int]) -> list[Payload]:
        """Small to large, made anew from the pixels as the real server does; raises for what is no picture."""
        try:
            with Image.open(io.BytesIO(data)) as opened:
                _check_dimensions(*opened.size)
                picture = opened.convert("RGB")
        except UNREADABLE as e:
            raise bad("IMAGE_PROCESS_FAILED") from e
        longest = max(picture.size)
        edges = [e for e in EDGES if e < longest] or [max(1, longest // 2)]
        return [self._size(picture, edge, bots) for edge in [*edges, longest] if edge <= EDGES[-1]]

    def _size(self, picture: Image.Image, edge: int, bots: set[int]) -> Payload:
        scaled, out = picture.copy(), io.BytesIO()
        scaled.thumbnail((edge, edge))
        scaled.save(out, "JPEG", quality=87)
        return self.add(out.getvalue(), "photo", "jpg", bots, width=scaled.width, height=scaled.height).payload()

    def by_id(self, file_id: str, bot: int) -> Stored:
        found = next((f for f in self.kept if f.file_id == file_id and bot in f.bots), None)
        if found is None:
            raise bad("wrong file identifier/HTTP URL specified")
        return found

    def to_download(self, file_id: str, bot: int) -> Payload:
        """What getFile says."""
        if not file_id:
            raise bad("file_id not specified")
        found = next((f for f in self.kept if f.file_id == file_id and bot in f.bots), None)
        if found is None:
            raise bad("wrong file_id or the file is temporarily unavailable")
        if len(found.data) > DOWNLOAD:
            raise bad("file is too big")
        return {k: v for k, v in found.payload().items() if k.startswith("file_")} | {"file_path": found.path}

    def at_path(self, path: str, bot: int) -> bytes | None:
        return next((f.data for f in self.kept if f.path == path and bot in f.bots), None)


def _check_dimensions(width: int, height: int) -> None:
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad("PHOTO_INVALID_DIMENSIONS")
