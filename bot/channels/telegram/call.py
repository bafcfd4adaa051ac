"""One request to the Bot API, before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WANTED = ("message", "edited_message", "callback_query", "my_chat_member")  # the kinds of update we ask for


@dataclass(frozen=True, slots=True)
class Call:
    """A method of `telegram.Bot` by its name there, and its arguments besides `chat_id`."""

    method: str  # "send_message"
    given: Mapping[str, object] = field(default_factory=dict)
