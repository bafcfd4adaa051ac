"""A page on which a person is one resident after another, and its few addresses."""

import base64
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_refusal import Refusal
from tests.fakes.telegram_state import BotAccount, Payload, Posted

PAGE = Path(__file__).with_suffix(".html")
PATIENCE = 25.0
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"


class FakeTelegramByHand(FakeTelegram):
    """The same server with the page at `/`. The demo bot is the first one added."""

    def furnish(self, app: web.Application) -> None:
        app.router.add_get("/", self._page)
        app.router.add_get("/hand/state", self._state)
        app.router.add_get("/hand/photo/{user}/{message}", self._photo)
        app.router.add_post("/hand/act", self._act)

    @property
    def demo(self) -> BotAccount:
        return next(iter(self.bots.values()))

    async def _page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE, headers={"Content-Security-Policy": POLICY})

    def _phone(self, user: str) -> Phone:
        phone = self.phones.get(int(user))
        if phone is None:
            raise web.HTTPNotFound
        return phone

    async def _state(self, request: web.Request) -> web.Response:
        """What this resident sees, as soon as it is other than what the page knows."""
        after, phone = int(request.query.get("after", "-1")), self._phone(request.query["user"])
        await self.bell.until(lambda: self.bell.times > after or self.wire.closing.is_set(), PATIENCE)
        room = phone.room(self.demo)
        return web.json_response(
            {
                "at": self.bell.times,
                "people": [{"id": p.id, "name": p.person.first_name} for p in self.phones.values()],
                "bot": self.demo.first_name,
                "blocked": room.blocked,
                "opened": room.opened,
                "keyboard": [[b["text"] for b in row] for row in room.keyboard],
                "messages": [_bubble(phone, m) for m in phone.shown(room)],
            }
        )

    async def _photo(self, request: web.Request) -> web.Response:
        room = self._phone(request.match_info["user"]).room(self.demo)
        message = room.find(int(request.match_info["message"]))
        if message is None or message.photo is None:
            raise web.HTTPNotFound
        return web.Response(body=message.photo, content_type="image/jpeg")

    async def _act(self, request: web.Request) -> web.Response:
        given = await request.json()
        try:
            return web.json_response(await self._done(self._phone(str(given["user"])), given))
        except (AssertionError, ValueError, Refusal) as e:
            return web.json_response({"text": str(e), "alert": True})

    async def _done(self, phone: Phone, given: Payload) -> dict[str, Any]:
        phone.open(self.demo)
        match given["do"]:
            case "start":
                await phone.start(self.demo, str(given.get("payload", "")))
            case "say":
                await phone.say(str(given["text"]).strip())
            case "photo":
                await phone.photo(base64.b64decode(given["data"]), given.get("caption") or None)
            case "location":
                await phone.location(float(given["latitude"]), float(given["longitude"]))
            case "block":
                await phone.block()
            case "unblock":
                await phone.unblock()
            case "tap":
                return await self._tapped(phone, int(given["message"]), str(given["label"]))
        return {}

    async def _tapped(self, phone: Phone, message_id: int, label: str) -> dict[str, Any]:
        tap = await phone.tap(label, phone.room().find(message_id))
        await self.bell.until(lambda: tap.answered or tap.query is None, 3.0)
        return {"text": tap.text, "alert": tap.alert, "url": tap.url}


def _bubble(phone: Phone, message: Posted) -> Payload:
    payload = message.payload
    return {
        "id": message.message_id,
        "mine": payload["from"]["id"] == phone.id,
        "html": message.html,
        "photo": message.photo is not None,
        "pin": payload.get("venue") or payload.get("location"),
        "file": payload.get("document", {}).get("file_name", ""),
        "edited": message.edited,
        "buttons": [[{"text": b["text"], "link": "url" in b} for b in row] for row in message.buttons],
    }
