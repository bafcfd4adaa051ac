"""Files a reply may name: an event or all of mine for a calendar, and what is kept about me."""

import asyncio
import json

from aiohttp import web

from bot.calendar import event_ics, signups_ics
from bot.channels.guest import Guest, door, who_is
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from models.event import fetch_event
from models.privacy import export_resident
from models.store import reading
from models.turnout import signups_of


class Files:
    """An event is for everybody; what is mine is for the browser that is known by its cookie."""

    def __init__(self, desk: Desk, address: str, secure: bool) -> None:
        self._desk, self._address, self._secure = desk, address, secure

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(r"/c/{slug}/event/{id:\d{1,19}}.ics", self.event),
            web.get("/c/{slug}/mine.ics", self.signups),
            web.get("/c/{slug}/mine.json", self.everything),
        ]

    async def event(self, request: web.Request) -> web.Response:
        community, guest = door(self._desk, request, self._secure)
        data = await asyncio.to_thread(self._event, community, guest, int(request.match_info["id"]))
        return _file(data, "text/calendar", f"event-{request.match_info['id']}.ics")

    def _event(self, community: Community, guest: Guest, event_id: int) -> bytes:
        with reading(self._desk.engine, community.id) as db:
            event = fetch_event(db, event_id) if event_id < 2**63 else None
            if event is None:
                raise web.HTTPNotFound
            who = who_is(db, guest)
            return event_ics(event, community.texts(who.language if who else "zh"), self._page(community))

    async def signups(self, request: web.Request) -> web.Response:
        community, guest = door(self._desk, request, self._secure)
        return _file(await asyncio.to_thread(self._signups, community, guest), "text/calendar", "mine.ics")

    def _signups(self, community: Community, guest: Guest) -> bytes:
        with reading(self._desk.engine, community.id, self._desk.now()) as db:
            who = who_is(db, guest)
            if who is None:
                raise web.HTTPNotFound
            events = [event for _, event in signups_of(db, who)]
            return signups_ics(events, community.texts(who.language), self._page(community))

    async def everything(self, request: web.Request) -> web.Response:
        community, guest = door(self._desk, request, self._secure)
        return _file(await asyncio.to_thread(self._everything, community, guest), "application/json", "mine.json")

    def _everything(self, community: Community, guest: Guest) -> bytes:
        with reading(self._desk.engine, community.id) as db:
            who = who_is(db, guest)
            if who is None:
                raise web.HTTPNotFound
            return json.dumps(export_resident(db, who), ensure_ascii=False, indent=2).encode()

    def _page(self, community: Community) -> str:
        return f"{self._address}/c/{community.slug}"


def _file(data: bytes, kind: str, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(body=data, content_type=kind, charset="utf-8", headers=headers)
