"""What a bot shows of itself before anybody speaks: its commands and descriptions, told to Telegram once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import Bot, BotCommand, BotCommandScopeAllPrivateChats, MenuButtonCommands

from bot.channels.telegram.wording import fitted
from bot.content.snapshot import Community
from bot.conversation.service import SERVICES
from bot.conversation.texts import LANGUAGES, Texts, texts, words
from bot.understanding.words import exact

COMMANDS = {  # a command is lower-case Latin, so these are English for what residents call it
    "menu": "menu",
    "report": "repair",
    "my_reports": "repair.mine",
    "places": "places",
    "near_me": "places.near",
    "canteen": "canteen",
    "events": "events",
    "my_events": "events.mine",
    "council": "meetings",
    "vote": "meetings.vote",
    "person": "person",
    "about": "about",
    "me": "me",
    "language": "language",
    "help": "help",
}
CHANGE = "community"  # is no service: the door hears it
DESCRIPTION, SHORT_DESCRIPTION = 512, 120  # core.telegram.org/bots/api#setmydescription


@dataclass(frozen=True, slots=True)
class Greeting:
    """In one language; "" is for everybody whose language is none of ours."""

    language: str
    commands: tuple[BotCommand, ...]
    description: str
    short: str


def commands(community: Community | None, language: str) -> list[BotCommand]:
    """The command menu; None for a bot that serves several communities, where one can go over to another."""
    say = _texts(community, language)
    names = COMMANDS if community else (*COMMANDS, CHANGE)
    return [BotCommand(name, say(f"telegram.command_{name}")) for name in names]


def service_of(command: str) -> str | None:
    """The choice a command stands for ("/report@our_bot", "/报修" → "/repair"); None for what is no service."""
    name = command.strip().removeprefix("/").partition("@")[0].lower()
    service = COMMANDS.get(name) or exact(name, words("service")) or name
    return f"/{service}" if service in SERVICES and not SERVICES[service].first else None


def greetings(served: Sequence[Community]) -> list[Greeting]:
    """All there is to tell of a bot for one community or several; Chinese for whoever reads neither of our languages."""
    only = served[0] if len(served) == 1 else None
    found = []
    for code in ("", *LANGUAGES):
        language = code or "zh"
        say = _texts(only, language)
        whose = _whose(served, say)
        description = fitted(say("telegram.description", whose=whose), DESCRIPTION)
        short = fitted(say("telegram.short_description", whose=whose), SHORT_DESCRIPTION)
        found.append(Greeting(code, tuple(commands(only, language)), description, short))
    return found


async def greet(bot: Bot, served: Sequence[Community], known: str) -> str:
    """Tell Telegram what has changed since the digest `known`; returns the new one. Raises telegram's own errors."""
    if not served:
        return known
    told = greetings(served)
    digest = _digest(told)
    if digest == known:
        return known
    private = BotCommandScopeAllPrivateChats()  # in a group nothing personal is begun
    for greeting in told:
        await bot.set_my_commands(greeting.commands, scope=private, language_code=greeting.language or None)
        await bot.set_my_description(greeting.description, language_code=greeting.language or None)
        await bot.set_my_short_description(greeting.short, language_code=greeting.language or None)
    await bot.set_chat_menu_button(menu_button=MenuButtonCommands())
    return digest


def _texts(community: Community | None, language: str) -> Texts:
    return community.texts(language) if community else texts(language)


def _whose(served: Sequence[Community], say: Texts) -> str:
    """A short description has no room for more than one name."""
    if len(served) > 1:
        return say("telegram.several", count=len(served))
    return str(say.show(served[0].pack.community.name.model_dump()))


def _digest(told: Sequence[Greeting]) -> str:
    plain = [[g.language, [c.to_dict() for c in g.commands], g.description, g.short] for g in told]
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False).encode()).hexdigest()
