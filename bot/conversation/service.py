"""The register of what the bot can do; handlers enter themselves with @service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.conversation.message import Reply
from models.resident import Role

if TYPE_CHECKING:
    from bot.content.snapshot import Community
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
    idle: bool  # small talk: nothing that is being talked about is interrupted for it
    grants: Role  # what a person is after it
    knows: Callable[["Community", str], bool] | None  # opened by what the community's own words cover
    first: bool  # says its piece before whatever else the message means
    fleeting: bool  # about the last message alone: never laid aside for later

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
    idle: bool = False,
    grants: Role = Role.GUEST,
    knows: Callable[["Community", str], bool] | None = None,
    first: bool = False,
    fleeting: bool = False,
) -> Callable[[Handler], Handler]:
    """Enter a handler. The words that are its name stand under [words.service]; bot/conversation/wishes.py has the rest."""

    def register(run: Handler) -> Handler:
        SERVICES[name] = Service(name, run, needs, anywhere, hears, idle, grants, knows, first, fleeting)
        return run

    return register
