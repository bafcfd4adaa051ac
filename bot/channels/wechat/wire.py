"""One request to a server of WeChat's and what it answered; whether it arrived is said as surely as can be known."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, ConnectionTimeoutError, FormData
from pydantic_core import to_json

from bot.channels import TryLater, Uncertain

PATIENCE = ClientTimeout(total=10, connect=5)  # seconds
OUTSIDE = "sns/"  # all other methods stand below /cgi-bin/
JSON = {"Content-Type": "application/json; charset=utf-8"}


class Wire:
    """To the server at this address, without a slash at the end."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self._session, self._base = session, base

    async def exchange(
        self,
        method: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | bytes | None = None,
        *,
        heard: bool = False,
    ) -> dict[str, Any] | bytes:
        """What is answered, an object or a file; bytes in the body are a photo to upload.

        Raises TryLater, or Uncertain for what somebody may have `heard`. Neither tells the query: a token is in it.
        """
        verb = "GET" if body is None else "POST"
        try:
            async with self._session.request(
                verb, self._address(method), params=query, timeout=PATIENCE, allow_redirects=False, **_payload(body)
            ) as answer:
                status, data = answer.status, await answer.read()
        except (ClientConnectorError, ConnectionTimeoutError) as failure:
            raise TryLater(why=f"{method}: no connection ({type(failure).__name__})") from None
        except (ClientError, TimeoutError) as failure:
            raise _unsure(heard, f"{method}: no answer ({type(failure).__name__})") from None
        if status != 200:
            raise TryLater(why=f"{method}: HTTP {status}")
        return _read(method, data, heard) if data[:1] == b"{" else data

    def _address(self, method: str) -> str:
        return f"{self._base}/{method}" if method.startswith(OUTSIDE) else f"{self._base}/cgi-bin/{method}"


def _payload(body: Mapping[str, Any] | bytes | None) -> dict[str, Any]:
    """JSON leaves as it reads: WeChat shows escapes to people as they are written."""
    if body is None:
        return {}
    if not isinstance(body, bytes):
        return {"data": to_json(body), "headers": JSON}
    kind = "png" if body.startswith(b"\x89PNG") else "jpeg"
    form = FormData()
    form.add_field("media", body, filename=f"photo.{kind}", content_type=f"image/{kind}")
    return {"data": form}


def _read(method: str, data: bytes, heard: bool) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(data, strict=False)  # names of people come with control characters
    except ValueError:
        raise _unsure(heard, f"{method}: the answer cannot be read") from None
    return found


def _unsure(heard: bool, why: str) -> Exception:
    return Uncertain(why) if heard else TryLater(why=why)
