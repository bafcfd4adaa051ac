"""A bot's updates: numbered, kept for a day, handed out until confirmed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.bell import Bell
from tests.fakes.telegram_refusal import OTHER_GET_UPDATES, SET_WEBHOOK, WEBHOOK_IS_ACTIVE, Refusal

Payload = dict[str, Any]
KINDS = {
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "message_reaction",
    "message_reaction_count",
}
ONLY_ON_REQUEST = {"chat_member", "message_reaction", "message_reaction_count"}
KEPT = 24 * 60 * 60
LONGEST_POLL = 50


@dataclass(eq=False)
class Update:
    body: Payload
    kind: str
    lane: int  # the chat: its updates go out one after the other
    made_at: float
    served: bool = False

    @property
    def id(self) -> int:
        return int(self.body["update_id"])


@dataclass(eq=False)
class Webhook:
    """Where updates are pushed to, and how that went."""

    url: str = ""
    secret: str = ""
    max_connections: int = 40
    last_error_date: int = 0
    last_error_message: str = ""


@dataclass(eq=False)
class Queue:
    """What the bot has not confirmed. `lost` fell to old age, `dropped` was thrown away unread on the bot's wish."""

    now: Callable[[], float]
    bell: Bell
    next_id: int = 1000
    pending: dict[int, Update] = field(default_factory=dict)
    lanes: dict[int, dict[int, Update]] = field(default_factory=dict)
    history: dict[int, Update] = field(default_factory=dict)
    lost: list[Payload] = field(default_factory=list)
    dropped: list[Payload] = field(default_factory=list)
    allowed: set[str] = field(default_factory=lambda: KINDS - ONLY_ON_REQUEST)
    webhook: Webhook = field(default_factory=Webhook)
    on_new: Callable[[int], None] = lambda lane: None
    on_webhook: Callable[[], None] = lambda: None
    _poll: asyncio.Future[Refusal] | None = None

    def add(self, kind: str, body: Payload, lane: int) -> int | None:
        """Number it and keep it; None when the bot did not ask for this kind."""
        if kind not in self.allowed:
            return None
        update = Update({"update_id": self.next_id, kind: body}, kind, lane, self.now())
        self.next_id += 1
        self.pending[update.id] = self.history[update.id] = update
        self.lanes.setdefault(lane, {})[update.id] = update
        self.on_new(lane)
        self.bell.ring()
        return update.id

    def age(self) -> None:
        oldest = self.now() - KEPT
        while self.pending and (first := next(iter(self.pending.values()))).made_at < oldest:
            self.lost.append(first.body)
            self.confirm(first.id)

    def drop(self) -> None:
        """drop_pending_updates: the bot wants none of it."""
        self.dropped += [u.body for u in self.pending.values()]
        for update_id in list(self.pending):
            self.confirm(update_id)

    def confirm(self, update_id: int) -> None:
        """It has arrived, or nobody wants it any more."""
        if not (update := self.pending.pop(update_id, None)):
            return
        lane = self.lanes[update.lane]
        del lane[update_id]
        if not lane:
            del self.lanes[update.lane]
        self.bell.ring()

    def allow(self, kinds: list[str] | None) -> None:
        """None leaves it as it is; an empty list is the default again."""
        if kinds is not None:
            self.allowed = (set(kinds) & KINDS) or KINDS - ONLY_ON_REQUEST

    def first_of(self, lane: int) -> Update | None:
        self.age()
        return next(iter(self.lanes.get(lane, {}).values()), None)

    def _confirm_before(self, offset: int) -> None:
        """A negative offset keeps only the last ones; what leaves without having been seen counts as dropped."""
        gone = [u for u in self.pending if u < offset] if offset >= 0 else list(self.pending)[:offset]
        for update_id in gone:
            if not self.pending[update_id].served:
                self.dropped.append(self.pending[update_id].body)
            self.confirm(update_id)

    def terminate(self, why: Refusal) -> None:
        if self._poll and not self._poll.done():
            self._poll.set_result(why)

    async def poll(self, offset: int, limit: int, timeout: float) -> list[Payload]:
        if self.webhook.url:
            raise WEBHOOK_IS_ACTIVE
        self.terminate(OTHER_GET_UPDATES)
        mine = self._poll = asyncio.get_running_loop().create_future()
        self.age()
        self._confirm_before(offset)
        waiting = asyncio.ensure_future(self.bell.until(lambda: self.pending, min(timeout, LONGEST_POLL)))
        try:
            await asyncio.wait({mine, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if mine.done():
            raise mine.result()
        mine.cancel()
        found = list(self.pending.values())[:limit]
        for update in found:
            update.served = True
        return [u.body for u in found]

    def point_to(self, webhook: Webhook) -> None:
        self.webhook = webhook
        if webhook.url:
            self.terminate(SET_WEBHOOK)
        self.on_webhook()
