"""A Telegram of our own on loopback, strict as the real one: bots by HTTP, residents by phones in the test.

    async with FakeTelegram() as fake:
        account = fake.add_bot("10001:secret", "linlifang_bot")
        bot = telegram.Bot(account.token, base_url=fake.base_url, base_file_url=fake.base_file_url)
        zhang = fake.phone(7, "小张")
        await zhang.start(account)
        await zhang.sees("您好")

By hand: python -m tests.fakes.telegram --help
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.fakes import telegram_transcript
from tests.fakes.telegram_call import Call
from tests.fakes.telegram_faults import Fault, Kind
from tests.fakes.telegram_group import Group
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_queue import Payload, Queue
from tests.fakes.telegram_rates import Departure
from tests.fakes.telegram_refusal import Refusal
from tests.fakes.telegram_state import BotAccount, Person, Posted, Room
from tests.fakes.telegram_webhooks import Courier, Delivery, Pushing
from tests.fakes.telegram_wire import Wire, perform
from tests.fakes.telegram_world import World

HOST = "127.0.0.1"
FOREVER = 10**9


class FakeTelegram(World):
    def __init__(self, port: int = 0, *, allow_http: bool = True) -> None:
        super().__init__()
        self.allow_http, self._port = allow_http, port
        self.phones: dict[int, Phone] = {}
        self._couriers: dict[int, Courier] = {}

    async def __aenter__(self) -> Self:
        self.wire, self.pushing = Wire(self), Pushing(self._webhook_reply)
        app = self.wire.application()
        self.furnish(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wire.closing.set()
        for courier in self._couriers.values():
            courier.stop()
        for bot in self.bots.values():
            bot.queue.terminate(Refusal(502, "Bad Gateway"))
        await self.pushing.session.close()
        await self._runner.cleanup()

    def furnish(self, app: web.Application) -> None:
        """Room for further pages."""

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, HOST, self._port)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def go_away(self) -> None:
        """Nobody answers the door: new connections are refused until come_back()."""
        await self._site.stop()

    async def come_back(self) -> None:
        await self._listen()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/bot"

    @property
    def base_file_url(self) -> str:
        return f"{self.url}/file/bot"

    # --- who there is

    def add_bot(self, token: str, username: str, **about: Any) -> BotAccount:
        """`about`: first_name, can_join_groups, can_read_all_group_messages."""
        bot = self.enter_bot(token, username, **about)
        self._couriers[bot.id] = Courier(bot.id, bot.queue, self.pushing)
        return bot

    def phone(self, user_id: int, first_name: str, language_code: str = "zh-hans", username: str = "") -> Phone:
        person = self.people[user_id] = Person(user_id, first_name, language_code, username)
        phone = self.phones[user_id] = Phone(self, person)
        return phone

    def group(self, group_id: int, title: str, members: Sequence[Phone] = ()) -> Group:
        """Ids that begin with -100 are supergroups; the first member made the group."""
        kind = "supergroup" if str(group_id).startswith("-100") else "group"
        room = Room(group_id, kind, title, members={m.id: m.person for m in members})
        room.administrators |= {m.id for m in members[:1]}
        self.groups[group_id] = room
        return Group(self, room)

    # --- what goes wrong

    def fail(
        self,
        method: str,
        kind: Kind,
        times: int = 1,
        *,
        chat: int | None = None,
        bot: BotAccount | None = None,
        retry_after: int = 1,
        seconds: float = 0.2,
    ) -> Fault:
        """The next `times` calls of the method ("*": any, "download": files) fail in this way; -1: until stopped."""
        left = times if times >= 0 else FOREVER
        bot_id = bot.id if bot else None
        return self.faults.add(Fault(method.lower(), kind, left, chat, bot_id, retry_after, seconds))

    async def redeliver(
        self, update_id: int, times: int = 1, to: str | Sequence[str] | None = None, bot: BotAccount | None = None
    ) -> list[int]:
        """POST an old update again, all at once, the URLs taking turns; the statuses (0: no answer)."""
        owner = bot or self._owner_of(update_id)
        urls = [to] if isinstance(to, str) else list(to or [owner.queue.webhook.url])
        courier, update = self._couriers[owner.id], owner.queue.history[update_id]
        posts = [courier.post(update, urls[n % len(urls)]) for n in range(times)]
        return [status for status, _ in await asyncio.gather(*posts)]

    def _owner_of(self, update_id: int) -> BotAccount:
        owners = [bot for bot in self.bots.values() if update_id in bot.queue.history]
        if len(owners) != 1:
            raise ValueError(f"update {update_id} belongs to {len(owners)} bots: say which")
        return owners[0]

    def balance(self, bot: BotAccount, urls: Sequence[str]) -> None:
        """Replicas behind the webhook's address: attempts take turns among them."""
        self._couriers[bot.id].targets = list(urls)

    async def _webhook_reply(self, bot_id: int, given: Payload) -> None:
        call = Call(self, self.bots[bot_id], str(given["method"]), {k: v for k, v in given.items() if k != "method"})
        self.wire.calls.append(call)
        try:
            await perform(call)
        except Refusal:
            return

    # --- what happened

    async def settled(self, timeout: float = 5.0, bot: BotAccount | None = None) -> None:
        """Every update was delivered and acknowledged: by a 2xx, or by the next getUpdates."""
        queues = [b.queue for b in self.bots.values() if bot in (None, b)]
        if not await self.bell.until(lambda: not any(q.pending for q in queues), timeout):
            left = [u.body for q in queues for u in q.pending.values()]
            raise AssertionError(f"{len(left)} updates were not acknowledged in {timeout} s, the first: {left[0]}")

    def transcript(self, chat: Room | Phone | Group | int) -> str:
        """Readable lines; a resident's id means the chat that is open on that phone."""
        if isinstance(chat, int):
            chat = self.groups[chat] if chat in self.groups else self.phones[chat]
        if isinstance(chat, Phone):
            return telegram_transcript.transcript(chat.room())
        return telegram_transcript.transcript(chat.room if isinstance(chat, Group) else chat)

    def posted(self, bot: BotAccount | None = None) -> list[Posted]:
        """Every message bots have posted and not deleted, chat by chat."""
        rooms = [*self._private.values(), *self.groups.values()]
        return [m for r in rooms for m in r.messages if m.by_bot and not m.deleted and bot in (None, m.by_bot)]

    def most_in(self, seconds: float, chat: int | None = None, bot: BotAccount | None = None) -> int:
        """The most departures within any span of that length."""
        return self.meter.most_in(seconds, chat, bot.id if bot else None)

    @property
    def enforce_rates(self) -> bool:
        return self.meter.enforce

    @enforce_rates.setter
    def enforce_rates(self, enforce: bool) -> None:
        self.meter.enforce = enforce

    @property
    def departures(self) -> list[Departure]:
        return self.meter.departures

    @property
    def refused_for_rate(self) -> list[Departure]:
        return self.meter.refused

    @property
    def sent_during_halt(self) -> list[Departure]:
        return self.meter.during_halt

    @property
    def calls(self) -> list[Call]:
        return self.wire.calls

    @property
    def refusals(self) -> list[tuple[Call, Refusal]]:
        return self.wire.refusals

    @property
    def deliveries(self) -> list[Delivery]:
        return self.pushing.deliveries

    @property
    def retry_pauses(self) -> Sequence[float]:
        return self.pushing.retry_pauses

    @retry_pauses.setter
    def retry_pauses(self, pauses: Sequence[float]) -> None:
        self.pushing.retry_pauses = pauses

    @property
    def dropped(self) -> list[Payload]:
        """Updates thrown away unread because the bot asked for it."""
        return [update for queue in self._queues() for update in queue.dropped]

    @property
    def lost(self) -> list[Payload]:
        """Updates nobody fetched within a day."""
        return [update for queue in self._queues() for update in queue.lost]

    def _queues(self) -> list[Queue]:
        return [bot.queue for bot in self.bots.values()]


if __name__ == "__main__":
    from tests.fakes.telegram_by_hand import main

    main()
