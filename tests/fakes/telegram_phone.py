"""A resident with Telegram in hand: write, tap, send pictures, block the bot, look at the screen."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.telegram_files import Stored
from tests.fakes.telegram_group import Group, Place
from tests.fakes.telegram_hearing import tell_bots
from tests.fakes.telegram_limits import CAPTION, START_PAYLOAD, TEXT
from tests.fakes.telegram_markup import detected
from tests.fakes.telegram_screen import Screen, Tap
from tests.fakes.telegram_sending import without_empty
from tests.fakes.telegram_state import BotAccount, Payload, Person, Posted, Query, Room
from tests.fakes.telegram_transcript import transcript
from tests.fakes.telegram_world import World


class Phone(Screen):
    """Everything goes to the chat last opened, or to the one given as `in_`."""

    def __init__(self, world: World, person: Person) -> None:
        super().__init__(world)
        self.person = person
        self._open: Room | None = None

    @property
    def id(self) -> int:
        return self.person.id

    def room(self, in_: Place = None) -> Room:
        if isinstance(in_, Group):
            return in_.room
        if in_ is not None:
            return self.world.private(in_, self.person)
        if self._open is None and len(self.world.bots) == 1:
            self._open = self.world.private(next(iter(self.world.bots.values())), self.person)
        if self._open is None:
            raise ValueError("which chat? start(bot) first, or say in_=")
        return self._open

    def open(self, in_: Place) -> None:
        """Look at another chat from now on."""
        self._open = self.room(in_)

    def meet(self, bot: BotAccount) -> None:
        """Have started the bot long ago: it may write, and hears nothing of it now."""
        self.open(bot)
        self.room().opened = True

    async def start(self, bot: BotAccount | None = None, payload: str = "") -> Posted:
        """Press Start (or Restart), perhaps by a deep link."""
        if payload and not START_PAYLOAD.match(payload):
            raise ValueError(f"no client passes this on: {payload!r}")
        self.open(bot)
        if self.room().blocked:
            await self.unblock()
        return await self.say(f"/start {payload}".rstrip())

    async def follow(self, url: str) -> Posted:
        """Open a link of the kind https://t.me/bot?start=payload."""
        parts = urlsplit(url)
        name, payload = parts.path.strip("/").lower(), parse_qs(parts.query).get("start", [""])[0]
        bot = next(b for b in self.world.bots.values() if b.username.lower() == name)
        return await self.start(bot, payload)

    async def say(self, text: str, in_: Place = None, **more: Any) -> Posted:
        """What is longer than a message goes as several, as the apps do it; the last one is returned."""
        parts = [text[at : at + TEXT] for at in range(0, len(text), TEXT)]
        posted = [self._send(without_empty(text=p, entities=detected(p)) | more, in_) for p in parts]
        return posted[-1]

    async def reply(self, message: Posted, text: str) -> Posted:
        content = {"text": text, "reply_to_message_id": message.message_id}
        return self._send(content | without_empty(entities=detected(text)), room=message.room)

    async def edit(self, message: Posted | int, text: str, in_: Place = None) -> Posted:
        posted = message if isinstance(message, Posted) else self.room(in_).find(message)
        if posted is None or posted.payload["from"]["id"] != self.id:
            raise ValueError("one's own messages can be edited, no others")
        words = {"text": text, "entities": detected(text)} if "text" in posted.payload else _caption(text)
        posted.payload = posted.payload | words | {"edit_date": int(self.world.now())}
        posted.edited = True
        self.world.touch(posted)
        tell_bots(self.world, posted, "edited_message")
        return posted

    async def photo(self, data: bytes, caption: str | None = None, in_: Place = None, **more: Any) -> Posted:
        sizes = self.world.files.add_photo(data, set(self.room(in_).bots))
        return self._send({"photo": sizes} | _caption(caption) | more, in_, photo=data)

    async def album(self, pictures: list[bytes], caption: str | None = None, in_: Place = None) -> list[Posted]:
        """Separate messages that share a media_group_id; the caption is on the first."""
        group = f"{self.id}{self.world.stamp():010d}"
        captions = [caption, *[None] * len(pictures)]
        return [await self.photo(p, c, in_, media_group_id=group) for p, c in zip(pictures, captions, strict=False)]

    async def document(
        self, data: bytes, name: str, mime: str, caption: str | None = None, in_: Place = None
    ) -> Posted:
        stored = self._keep(data, "document", name.rpartition(".")[2] or "bin", in_, file_name=name, mime_type=mime)
        posted = self._send({"document": stored.payload()} | _caption(caption), in_)
        posted.document = data
        return posted

    async def voice(self, data: bytes, seconds: int = 3, in_: Place = None) -> Posted:
        stored = self._keep(data, "voice", "oga", in_, duration=seconds, mime_type="audio/ogg")
        return self._send({"voice": stored.payload()}, in_)

    async def sticker(self, emoji: str = "👍", in_: Place = None) -> Posted:
        shape = {"width": 512, "height": 512, "is_animated": False, "is_video": False, "type": "regular"}
        stored = self._keep(b"RIFF\x00\x00\x00\x00WEBP", "sticker", "webp", in_, emoji=emoji, **shape)
        return self._send({"sticker": stored.payload()}, in_)

    async def location(self, latitude: float, longitude: float, in_: Place = None) -> Posted:
        return self._send({"location": {"latitude": latitude, "longitude": longitude}}, in_)

    async def venue(self, latitude: float, longitude: float, title: str, address: str, in_: Place = None) -> Posted:
        location = {"latitude": latitude, "longitude": longitude}
        venue = {"location": location, "title": title, "address": address}
        return self._send({"venue": venue, "location": location}, in_)

    async def contact(self, phone_number: str, user_id: int | None = None, in_: Place = None) -> Posted:
        """One's own card, or somebody else's."""
        owner = self.world.people.get(user_id or self.id, self.person)
        card = {"phone_number": phone_number, "first_name": owner.first_name, "user_id": user_id or self.id}
        return self._send({"contact": card}, in_)

    async def tap(
        self, label: str, message: Posted | None = None, *, wait: bool = False, timeout: float = 5.0, in_: Place = None
    ) -> Tap:
        """Tap the newest button of that label: inline ones first, then the keyboard below the input."""
        room = message.room if message else self.room(in_)
        for shown in [message] if message else reversed(self.shown(room)):
            for button in (b for row in shown.buttons for b in row if b["text"] == label):
                if "callback_data" not in button:
                    return Tap(url=button.get("url", ""))
                return await self.press(str(button["callback_data"]), shown, wait=wait, timeout=timeout)
        if not message and label in [b["text"] for row in room.keyboard for b in row]:
            return Tap(posted=self._send({"text": label}, room=room))
        raise AssertionError(f"no button {label!r} in\n{transcript(room)}")

    async def press(self, data: str, message: Posted, *, wait: bool = False, timeout: float = 5.0) -> Tap:
        """Send callback data by hand, be it on no button: what a tampered app can do."""
        room = message.room
        if message.by_bot is None or message.deleted:
            raise ValueError("there is no such message of a bot")
        bot = message.by_bot
        query = Query(f"{self.id}{self.world.stamp():09d}", message, data, self.world.now())
        bot.queries[query.id] = query
        self.acted = self.world.stamp()
        body = {"id": query.id, "from": self.person.user(), "message": message.seen_by_bot(), "data": data}
        bot.queue.add("callback_query", body | {"chat_instance": str(room.id * 7919)}, room.id)
        if wait and not await self.world.bell.until(lambda: query.answered, timeout):
            raise AssertionError(f"the tap on {data!r} was not answered in {timeout} s")
        return Tap(query=query)

    async def block(self, bot: BotAccount | None = None) -> None:
        self._stand(bot, blocked=True)

    async def unblock(self, bot: BotAccount | None = None) -> None:
        self._stand(bot, blocked=False)

    async def deactivate(self) -> None:
        """The account is closed for ever."""
        self.person.deactivated = True

    def _stand(self, in_: Place, blocked: bool) -> None:
        room = self.room(in_)
        if not room.private:
            raise ValueError("a bot is blocked in private")
        if room.blocked == blocked:
            return
        room.blocked = blocked
        before, after = ("member", "kicked") if blocked else ("kicked", "member")
        self.world.membership(self.world.bots[next(iter(room.bots))], room, self.person.user(), before, after)
        self.world.bell.ring()

    def _keep(self, data: bytes, kind: str, extension: str, in_: Place, **about: Any) -> Stored:
        return self.world.files.add(data, kind, extension, set(self.room(in_).bots), **about)

    def _send(
        self, content: Payload, in_: Place = None, photo: bytes | None = None, room: Room | None = None
    ) -> Posted:
        room = room or self.room(in_)
        if room.blocked or self.person.deactivated:
            raise ValueError("who has blocked the bot can't write to it: unblock() or start() first")
        if self.id not in room.members:
            raise ValueError("not a member of this group")
        room.opened, self.acted = True, self.world.stamp()
        posted = self.world.post(room, content, self.person.user())
        posted.photo = photo
        tell_bots(self.world, posted)
        return posted


def _caption(text: str | None) -> Payload:
    return without_empty(caption=(text or "")[:CAPTION], caption_entities=detected(text or ""))
