"""Files a reply may name: an event or all of mine for a calendar, and what is kept about me."""

import asyncio
import json
import re

from aiohttp import web

from bot.calendar import event_ics, signups_ics
from bot.channels.guest import door
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.message import Address
from models.event import fetch_event
from models.history import resident_at
from models.privacy import export_resident
from models.resident import Resident
from models.store import reading
from models.turnout import signups_of

EVENT = re.compile(r"event/(\d{1,19})\.ics")
KINDS = {"ics": "text/calendar", "json": "application/json"}


def file_of(desk: Desk, community: Community, whose: Address, name: str, page: str) -> tuple[str, bytes] | None:
    """The name and content of a file, for whoever is at this address; None where there is none for them.

    An event is for everybody; what is mine is for me. `page` is where events can be read on, empty for nowhere.
    """
    with reading(desk.engine, community.id, desk.now()) as db:
        known = resident_at(db, whose.channel, whose.account, whose.user)
        who = db.get(Resident, known) if known else None
        texts = community.texts(who.language if who else "zh")
        if found := EVENT.fullmatch(name):
            number = int(found[1])
            event = fetch_event(db, number) if number < 2**63 else None
            return (f"event-{number}.ics", event_ics(event, texts, page)) if event else None
        if who is None:
            return None
        if name == "mine.ics":
            return name, signups_ics([event for _, event in signups_of(db, who)], texts, page)
        if name == "mine.json":
            return name, json.dumps(export_resident(db, who), ensure_ascii=False, indent=2).encode()
        return None


class Files:
    """The files of the web chat, whose residents are known by their cookie."""

    def __init__(self, desk: Desk, address: str, secure: bool) -> None:
        self._desk, self._address, self._secure = desk, address, secure

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(r"/c/{slug}/event/{id:\d{1,19}}.ics", self.file),
            web.get("/c/{slug}/mine.ics", self.file),
            web.get("/c/{slug}/mine.json", self.file),
        ]

    async def file(self, request: web.Request) -> web.Response:
        community, guest = door(self._desk, request, self._secure)
        path = f"/c/{community.slug}"
        name, page = request.path.removeprefix(f"{path}/"), f"{self._address}{path}"
        found = await asyncio.to_thread(file_of, self._desk, community, guest.address, name, page)
        if found is None:
            raise web.HTTPNotFound
        called, data = found
        headers = {"Content-Disposition": f'attachment; filename="{called}"', "Cache-Control": "no-store"}
        kind = KINDS[called.rpartition(".")[2]]
        return web.Response(body=data, content_type=kind, charset="utf-8", headers=headers)
