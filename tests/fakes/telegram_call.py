"""One call of a method: who calls, with what, however it was encoded; and the table of methods."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.telegram_refusal import bad
from tests.fakes.telegram_state import BotAccount, Payload, Room
from tests.fakes.telegram_world import World


@dataclass(frozen=True)
class Upload:
    """A file part of a multipart body."""

    filename: str
    mime: str
    data: bytes


@dataclass(eq=False)
class Call:
    world: World
    bot: BotAccount
    method: str
    params: Payload = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.params.get(name)
        return "" if value is None else value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        try:
            return int(self.params.get(name) or default)
        except (TypeError, ValueError) as e:
            raise bad(f'invalid parameter "{name}" specified') from e

    def real(self, name: str) -> float:
        if name not in self.params:
            raise bad(f'parameter "{name}" is required')
        try:
            return float(self.params[name])
        except (TypeError, ValueError) as e:
            raise bad(f'invalid parameter "{name}" specified') from e

    def flag(self, name: str) -> bool:
        return str(self.params.get(name, "")).lower() in ("true", "1", "yes")

    def decoded(self, name: str) -> Any:
        """A parameter that is an object or a list, whichever way it came."""
        value = self.params.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as e:
            raise bad(f"can't parse {name.replace('_', ' ')} JSON object") from e

    def list_of_strings(self, name: str) -> list[str] | None:
        value = self.decoded(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise bad(f"can't parse {name}")
        return value

    def chat_id(self) -> int | None:
        """None when the call names no chat we could know."""
        try:
            return int(self.params["chat_id"])
        except (KeyError, TypeError, ValueError):
            return None

    def _named_chat(self) -> int:
        if not self.text("chat_id"):
            raise bad("chat_id is empty")
        if (found := self.chat_id()) is None:
            raise bad("chat not found")
        return found

    def room(self) -> Room:
        return self.world.room(self.bot, self._named_chat())

    def writable(self) -> Room:
        return self.world.writable(self.bot, self._named_chat())

    def upload(self, name: str, value: Any = None) -> Upload | str:
        """The file meant by a parameter: uploaded here, attached, or the id of one the server has."""
        given = value if value is not None else self.params.get(name)
        if isinstance(given, str) and given.startswith("attach://"):
            given = self.uploads.get(given.removeprefix("attach://"))
        found = given or self.uploads.get(name)
        if not found:
            raise bad(f"there is no {name} in the request")
        if isinstance(found, str) and found.startswith(("http://", "https://")):
            raise bad("failed to get HTTP URL content")  # nothing leaves this machine
        return found if isinstance(found, Upload) else str(found)


Method = Callable[[Call], Any]
METHODS: dict[str, tuple[str, Method]] = {}


def method(name: str) -> Callable[[Method], Method]:
    """Enter it in the table; the real server does not mind upper or lower case."""

    def enter(do: Method) -> Method:
        METHODS[name.lower()] = (name, do)
        return do

    return enter
