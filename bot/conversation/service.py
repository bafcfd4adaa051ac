"""The register of what the bot can do; handlers enter themselves with @service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.conversation.message import Reply
from models.resident import Role

if TYPE_CHECKING:
    from bot.conversation.talk import Talk

Handler = Callable[["Talk"], Reply]


@dataclass(frozen=True)
class Service:
    """One thing the bot does. Its sentences stand in the section of the texts named before the first dot."""

    name: str
    run: Handler
    needs: Role
    anywhere: bool  # its exact words are understood in the middle of any other talk, as an aside
    hears: Callable[[str], bool] | None  # opened by what a text looks like rather than by words
    last: bool  # its words count only when no other service's do: greetings stand before real wishes
    grants: Role  # what a person is after it
    first: bool  # says its piece before whatever else the message means

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]


SERVICES: dict[str, Service] = {}


def service(
    name: str,
    *,
    needs: Role = Role.GUEST,
    anywhere: bool = False,
    hears: Callable[[str], bool] | None = None,
    last: bool = False,
    grants: Role = Role.GUEST,
    first: bool = False,
) -> Callable[[Handler], Handler]:
    """Enter a handler. The words that open it stand in the texts under [words.service]."""

    def register(run: Handler) -> Handler:
        SERVICES[name] = Service(name, run, needs, anywhere, hears, last, grants, first)
        return run

    return register
