"""The built-in web chat: what its page asks for. docs/web-api.md describes it for other pages."""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.channels import Parcel, TryLater, photos
from bot.channels.flood import Flood
from bot.channels.guest import A_YEAR, Guest, door, who_is
from bot.channels.mailroom import REPLY, Mailroom
from bot.channels.page import words_of
from bot.channels.web_wire import heard_lines, json_in, photo_in, refused, said_in, shown
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.group import enter
from bot.conversation.message import Message, Place, Reply
from bot.conversation.worker import Worker
from models.history import heard_from, letters_to
from models.photo import may_see
from models.store import as_json, reading

log = logging.getLogger(__name__)
HEARTBEAT = 15.0  # seconds between signs of life on an idle stream: proxies cut what is silent


@dataclass
class WebChat:
    """The channel "web": one account a community, residents known by a cookie."""

    desk: Desk
    worker: Worker
    mailroom: Mailroom
    secure: bool  # whether cookies are for https only
    name: str = "web"
    wave: int = 500
    repeats_safely: bool = True

    def __post_init__(self) -> None:
        self._flood, self._room = Flood(), asyncio.Semaphore(photos.UPLOADS)

    def routes(self) -> list[web.RouteDef]:
        chat = "/api/chat/{slug}"
        return [
            web.post(f"{chat}/messages", self.hear),
            web.post(f"{chat}/photos", self.take_photo),
            web.post(f"{chat}/language", self.change_language),
            web.get(f"{chat}/history", self.history),
            web.get(f"{chat}/events", self.events),
            web.get("/media/{slug}/{ref}", self.photo),
        ]

    def accounts(self) -> list[str]:
        return [community.slug for community in self.desk.communities.all()]

    async def reserve(self, parcels: Sequence[Parcel]) -> list[datetime | TryLater]:
        """At once: a letter takes nobody's turn."""
        return [self.desk.now()] * len(parcels)

    async def send(self, parcels: Sequence[Parcel]) -> list[Exception | None]:
        await self.mailroom.put(parcels)
        return [None] * len(parcels)

    async def hear(self, request: web.Request) -> web.Response:
        community, guest = self._door(request)
        said = await said_in(request)
        spot = Place(said.place.text, said.place.lat, said.place.lon) if said.place else None
        owned = await asyncio.to_thread(self._owned, community, guest, said.media) if said.media else ()
        message = Message(said.id, guest.address, said.text, said.choice, said.label, owned, spot, guest.language)
        replies = await self._answer(community, guest, message)
        return guest.remembered(web.json_response({"replies": [shown(r, community) for r in replies]}, dumps=as_json))

    async def _answer(self, community: Community, guest: Guest, message: Message) -> list[Reply]:
        verdict = self._flood.judge(guest.address, time.monotonic(), message.text)
        if verdict.refuse:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(verdict.wait) + 1)})
        await self._hold(verdict.wait)
        try:
            replies = await self.worker.answer(community.id, message)
        except Exception as failure:
            log.warning("a turn was not committed: %s", type(failure).__name__)
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"}) from None
        if verdict.tell:
            language = await asyncio.to_thread(self._language, community, guest)
            replies = [Reply(community.texts(language)("talk.slow_down")), *replies]
        return replies

    async def _hold(self, seconds: float) -> None:
        """Keep somebody waiting, but not a house that is closing."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not self.mailroom.open:
                raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"})
            await asyncio.sleep(min(left, 0.25))

    def _language(self, community: Community, guest: Guest) -> str:
        with reading(self.desk.engine, community.id) as db:
            who = who_is(db, guest)
            return who.language if who else guest.language or "zh"

    def _owned(self, community: Community, guest: Guest, refs: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the photos that this guest has uploaded."""
        if not refs:
            return ()
        with reading(self.desk.engine, community.id) as db:
            who = who_is(db, guest)
            return tuple(ref for ref in refs if who is not None and may_see(db, ref, who))

    async def take_photo(self, request: web.Request) -> web.Response:
        community, guest = self._door(request)
        words = words_of(guest.language)
        if (verdict := self._flood.judge(guest.address, time.monotonic())).refuse:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(verdict.wait) + 1)})
        async with self._room:
            try:
                async with asyncio.timeout(photos.UPLOAD):
                    data = await photo_in(request, words)
            except TimeoutError:
                return refused(422, words["photo_failed"])
            try:
                ref = await photos.enter_photo(self.desk, community.id, guest.address, guest.language, data)
            except photos.NotAPhoto:
                return refused(415, words["photo_kind"])
        return guest.remembered(web.json_response({"ref": ref, "url": f"/media/{community.slug}/{ref}"}))

    async def photo(self, request: web.Request) -> web.StreamResponse:
        """A photo, for whoever sent it and for workers of the same community."""
        community, guest = self._door(request)
        ref = request.match_info["ref"]
        owned = await asyncio.to_thread(self._owned, community, guest, (ref,)) if photos.REF.fullmatch(ref) else ()
        path = photos.path_of(self.desk.media, ref) if owned else None
        if path is None or not path.exists():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Cache-Control": "private, max-age=86400", "Content-Type": "image/jpeg"})

    async def change_language(self, request: web.Request) -> web.Response:
        community, guest = self._door(request)
        language = (await json_in(request)).get("language")
        if language not in ("zh", "en"):
            return refused(400, "language is zh or en")
        label = community.texts(language)(f"language.which_{language}")
        message = Message(f"language-{time.time_ns()}", guest.address, "", f"/language which={language}", label)
        await self._answer(community, guest, message)
        response = guest.remembered(web.json_response({}))
        response.set_cookie("language", language, max_age=A_YEAR, samesite="Lax", secure=self.secure)
        return response

    async def history(self, request: web.Request) -> web.Response:
        community, guest = self._door(request)
        return guest.remembered(web.json_response(await asyncio.to_thread(self._history, community, guest)))

    def _history(self, community: Community, guest: Guest) -> dict[str, object]:
        with reading(self.desk.engine, community.id) as db:
            who = who_is(db, guest)
            if who is None:
                return {"items": [], "last": ""}
            letters = letters_to(db, who.id)
            items = [item for heard in heard_from(db, who.id) for item in heard_lines(heard, community)]
            for letter in letters:
                told = shown(REPLY.validate_python(letter.reply), community)
                items.append(told | {"id": str(letter.id), "at": letter.at.isoformat(), "from": "desk"})
        items.sort(key=lambda item: str(item["at"]))
        return {"items": items, "last": str(letters[-1].id) if letters else "0"}

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Pushes as server-sent events, from the last one the page has."""
        community, guest = self._door(request)
        resident = await asyncio.to_thread(enter, self.desk, community.id, guest.address, guest.language)
        after = request.headers.get("Last-Event-ID") or request.query.get("after") or "0"
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        guest.remembered(response)
        await response.prepare(request)
        last = int(after) if after.isdecimal() and len(after) < 19 else 0
        try:
            await self._follow(response, community, guest, resident, last)
        except ConnectionResetError:
            log.debug("a page went away")
        return response

    async def _follow(
        self, response: web.StreamResponse, community: Community, guest: Guest, resident: int, last: int
    ) -> None:
        """Write each letter as it comes, and a sign of life in between, until the page or we leave."""
        await response.write(b": open\n\n")
        with self.mailroom.bell(resident) as bell:
            while self.mailroom.open:
                bell.clear()
                letters = await asyncio.to_thread(self._letters, community, guest, resident, last)
                if letters is None:
                    return
                for letter_id, event in letters:
                    await response.write(event)
                    last = letter_id
                if letters:
                    continue  # there may be more than are read at once
                try:
                    await asyncio.wait_for(bell.wait(), HEARTBEAT)
                except TimeoutError:
                    await response.write(b": here\n\n")

    def _letters(self, community: Community, guest: Guest, resident: int, after: int) -> list[tuple[int, bytes]] | None:
        """None for a page that is somebody else's now (deleted, joined, parted): it comes back as whoever that is."""
        with reading(self.desk.engine, community.id) as db:
            who = who_is(db, guest)
            if who is None or who.id != resident or who.erased_at is not None:
                return None
            found = letters_to(db, resident, after)
        events = []
        for letter in found:
            data = shown(REPLY.validate_python(letter.reply), community) | {"at": letter.at.isoformat()}
            events.append(
                (letter.id or 0, f"id: {letter.id}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode())
            )
        return events

    def _door(self, request: web.Request) -> tuple[Community, Guest]:
        return door(self.desk, request, self.secure)
