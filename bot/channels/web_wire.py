"""The web chat's wire: what its page sends, and how replies look to it."""

import json
from typing import Annotated, Any, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.channels.photos import LARGEST, REF
from bot.content.snapshot import Community
from bot.conversation.group import REPLIES
from bot.conversation.message import Reply
from models.dialogue import Heard

LONGEST = 256 * 1024  # bytes of a body in JSON: the longest text, every letter of it escaped
LINES = 200  # of a form, between its parts and in their heads
MessageId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
PhotoRef = Annotated[str, Field(pattern=f"^{REF.pattern}$")]


class Spot(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    text: str = Field("", max_length=200)


class Said(BaseModel):
    """The body of a message."""

    model_config = ConfigDict(extra="forbid")
    id: MessageId
    text: str = Field("", max_length=20_000)
    choice: str = Field("", max_length=200)
    label: str = Field("", max_length=200)
    place: Spot | None = None
    media: tuple[PhotoRef, ...] = Field((), max_length=3)


async def json_in(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; 415, 413 or 400 when it is none."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text=_error("send application/json"), content_type="application/json")
    try:
        body = await request.clone(client_max_size=LONGEST).json()
    except web.HTTPRequestEntityTooLarge as large:
        large.text, large.content_type = _error("the body is too long"), "application/json"
        raise
    except (ValueError, RecursionError, web.RequestPayloadError):
        body = None
    except LookupError:
        raise web.HTTPUnsupportedMediaType(text=_error("send UTF-8"), content_type="application/json") from None
    if not isinstance(body, dict):
        raise _bad("the body must be a JSON object")
    return body


async def said_in(request: web.Request) -> Said:
    """The message of a request; 400 that names the field when it has no sense."""
    try:
        return Said.model_validate(await json_in(request))
    except ValidationError as failure:
        first = failure.errors()[0]
        raise _bad(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


async def photo_in(request: web.Request, words: dict[str, str]) -> bytes:
    """The bytes of the field `photo`; 413 when there are more than LARGEST, 422 when there are none."""
    if not request.content_type.startswith("multipart/"):
        raise _bad("send multipart/form-data")
    try:
        async for part in MultipartReader(request.headers, cast(StreamReader, _FewLines(request.content))):
            if isinstance(part, BodyPartReader) and part.name == "photo":
                return await _read(part, words)
    except (ValueError, RuntimeError, HttpProcessingError, web.RequestPayloadError):
        raise _bad("the form is broken") from None
    raise web.HTTPUnprocessableEntity(text=_error(words["photo_failed"]), content_type="application/json")


class _FewLines:
    """A form of which only so many lines are read: one of a million empty parts would hold up the whole house."""

    def __init__(self, body: StreamReader) -> None:
        self._body, self._left = body, LINES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    async def readline(self, **limits: Any) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many lines")
        return await self._body.readline(**limits)


async def _read(part: BodyPartReader, words: dict[str, str]) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(65_536):
        data += chunk
        if len(data) > LARGEST:
            raise web.HTTPRequestEntityTooLarge(
                LARGEST, len(data), text=_error(words["photo_large"]), content_type="application/json"
            )
    return bytes(data)


def refused(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)


def _bad(why: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=_error(why), content_type="application/json")


def _error(why: str) -> str:
    return json.dumps({"error": why})  # in ASCII: what is quoted may not be writable as UTF-8


def shown(reply: Reply, community: Community) -> dict[str, Any]:
    """A reply as the page gets it."""
    pin = reply.pin
    return {
        "text": reply.text,
        "choices": [{"value": c.value, "label": c.label} for c in reply.choices],
        "want": reply.want,
        "image": f"/media/{community.slug}/{reply.image}" if reply.image else None,
        "pin": {"lat": pin.lat, "lon": pin.lon, "text": pin.text} if pin else None,
        "file": {"name": reply.file.rpartition("/")[2], "url": f"/c/{community.slug}/{reply.file}"}
        if reply.file
        else None,
    }


def heard_lines(heard: Heard, community: Community) -> list[dict[str, Any]]:
    """One exchange as lines of the history: what the resident said, then the replies."""
    at, images = heard.at.isoformat(), [f"/media/{community.slug}/{ref}" for ref in heard.said["media"]]
    mine = {
        "id": heard.said["id"],
        "at": at,
        "from": "resident",
        "text": heard.said["text"],
        "image": images[0] if images else None,
        "images": images,
        "pin": heard.said["place"],
        "choices": [],
    }
    replies = REPLIES.validate_python(heard.replies)
    return [mine, *(shown(r, community) | {"id": "", "at": at, "from": "desk"} for r in replies)]
