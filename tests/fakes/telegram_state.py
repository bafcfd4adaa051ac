"""What a Telegram server remembers: bots, people, chats, messages."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.telegram_markup import as_html
from tests.fakes.telegram_queue import Queue

Payload = dict[str, Any]


@dataclass(eq=False)
class BotAccount:
    """One bot and everything its token may touch."""

    token: str = field(repr=False)  # what a failing test prints may end up in a log
    username: str
    queue: Queue = field(repr=False)
    first_name: str = "邻里坊"
    can_join_groups: bool = True
    can_read_all_group_messages: bool = False
    commands: dict[tuple[str, str], list[Payload]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    short_descriptions: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    menu_buttons: dict[int | None, Payload] = field(default_factory=dict)
    queries: dict[str, "Query"] = field(default_factory=dict)
    last_private_id: int = 0
    logged_out: bool = False

    @property
    def id(self) -> int:
        return int(self.token.split(":")[0])

    def user(self) -> Payload:
        return {"id": self.id, "is_bot": True, "first_name": self.first_name, "username": self.username}


@dataclass(eq=False)
class Person:
    """An account of a resident, as the server knows it."""

    id: int
    first_name: str
    language_code: str = "zh-hans"
    username: str = ""
    deactivated: bool = False

    def user(self) -> Payload:
        user: Payload = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        return user | ({"username": self.username} if self.username else {}) | {"language_code": self.language_code}


@dataclass(eq=False)
class Query:
    """A tap on an inline button, until the bot answers it."""

    id: str
    message: "Posted"
    data: str
    asked_at: float
    answered: bool = False
    text: str = ""
    alert: bool = False


@dataclass(eq=False)
class Room:
    """A chat: one person with one bot, or a group. `bots` are those that may write here."""

    id: int
    kind: str
    title: str
    bots: dict[int, str] = field(default_factory=dict)  # bot id: "member", "administrator", "kicked", "left"
    members: dict[int, Person] = field(default_factory=dict)
    administrators: set[int] = field(default_factory=set)
    messages: list["Posted"] = field(default_factory=list)
    keyboard: list[list[Payload]] = field(default_factory=list)  # the reply keyboard that is open now
    opened: bool = True  # a private chat opens when the person first writes
    blocked: bool = False
    moved_to: int = 0  # a group that has become a supergroup

    @property
    def private(self) -> bool:
        return self.kind == "private"

    def chat(self) -> Payload:
        if self.private:
            person = self.members[self.id]
            name = {"first_name": person.first_name} | ({"username": person.username} if person.username else {})
            return {"id": self.id, "type": "private"} | name
        return {"id": self.id, "type": self.kind, "title": self.title}

    def find(self, message_id: int) -> "Posted | None":
        return next((m for m in self.messages if m.message_id == message_id and not m.deleted), None)


@dataclass(eq=False)
class Posted:
    """A message as the chat sees it now: an edit changes it in place."""

    room: Room
    payload: Payload
    by_bot: BotAccount | None = None
    photo: bytes | None = None  # exactly the bytes the sender uploaded
    document: bytes | None = None
    fixed: bool = False  # carries a reply keyboard, so it can't be edited
    edited: bool = False
    deleted: bool = False
    touched: int = 0

    @property
    def message_id(self) -> int:
        return int(self.payload["message_id"])

    @property
    def text(self) -> str:
        return str(self.payload.get("text", self.payload.get("caption", "")))

    @property
    def entities(self) -> list[Payload]:
        entities: list[Payload] = self.payload.get("entities") or self.payload.get("caption_entities") or []
        return entities

    @property
    def html(self) -> str:
        return as_html(self.text, self.entities)

    @property
    def buttons(self) -> list[list[Payload]]:
        rows: list[list[Payload]] = self.payload.get("reply_markup", {}).get("inline_keyboard", [])
        return rows

    @property
    def labels(self) -> list[str]:
        return [str(button["text"]) for row in self.buttons for button in row]

    def seen_by_bot(self) -> Payload:
        """With the message it replies to, one level deep as the real server does."""
        payload = dict(self.payload)
        if answered := self.room.find(int(payload.get("reply_to_message_id", 0))):
            payload["reply_to_message"] = {k: v for k, v in answered.payload.items() if k != "reply_to_message_id"}
        payload.pop("reply_to_message_id", None)
        return payload
