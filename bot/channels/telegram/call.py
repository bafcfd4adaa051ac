"""One request to the Bot API, before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """A method of `telegram.Bot` by its name there, and its arguments besides `chat_id`."""

    method: str  # "send_message"
    given: Mapping[str, object] = field(default_factory=dict)
