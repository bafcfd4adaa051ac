"""Methods about the bot itself and about chats: who it is, its commands, who is where."""

import json
import re
from typing import Any

from tests.fakes import telegram_limits as limits
from tests.fakes.telegram_call import Call, method
from tests.fakes.telegram_refusal import bad
from tests.fakes.telegram_state import Payload, Room
from tests.fakes.telegram_world import standing

WIDE = {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
NARROW = {"chat", "chat_administrators", "chat_member"}
MENU_BUTTONS = {"default", "commands", "web_app"}
GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


@method("getMe")
def get_me(call: Call) -> Any:
    bot = call.bot
    return bot.user() | {
        "can_join_groups": bot.can_join_groups,
        "can_read_all_group_messages": bot.can_read_all_group_messages,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


@method("logOut")
def log_out(call: Call) -> Any:
    call.bot.logged_out = True
    return True


@method("close")
def close(_: Call) -> Any:
    return True


def _language(call: Call) -> str:
    if not re.fullmatch(r"([a-z]{2})?", code := call.text("language_code")):
        raise bad("invalid language code specified")
    return code


def _scope(call: Call) -> tuple[str, str]:
    """Scope and language, under which commands are kept."""
    scope = call.decoded("scope") or {"type": "default"}
    if not isinstance(scope, dict) or scope.get("type") not in WIDE | NARROW:
        raise bad("can't parse BotCommandScope: unsupported type specified")
    if scope["type"] in NARROW:
        call.world.room(call.bot, int(scope.get("chat_id", 0)))
    return json.dumps(scope, sort_keys=True), _language(call)


@method("setMyCommands")
def set_commands(call: Call) -> Any:
    key, commands = _scope(call), limits.commands(call.decoded("commands"))
    call.bot.commands[key] = commands
    return True


@method("getMyCommands")
def get_commands(call: Call) -> Any:
    return call.bot.commands.get(_scope(call), [])


@method("deleteMyCommands")
def delete_commands(call: Call) -> Any:
    call.bot.commands.pop(_scope(call), None)
    return True


def _kept(kept: dict[str, str], call: Call, default: str = "") -> str:
    """A text in the language asked for, or in none."""
    return kept.get(_language(call)) or kept.get("", default)


@method("setMyDescription")
def set_description(call: Call) -> Any:
    text = limits.at_most(call.text("description"), limits.DESCRIPTION, "BOT_DESCRIPTION_TOO_LONG")
    call.bot.descriptions[_language(call)] = text
    return True


@method("getMyDescription")
def get_description(call: Call) -> Any:
    return {"description": _kept(call.bot.descriptions, call)}


@method("setMyShortDescription")
def set_short_description(call: Call) -> Any:
    text = limits.at_most(call.text("short_description"), limits.SHORT_DESCRIPTION, "BOT_SHORT_DESCRIPTION_TOO_LONG")
    call.bot.short_descriptions[_language(call)] = text
    return True


@method("getMyShortDescription")
def get_short_description(call: Call) -> Any:
    return {"short_description": _kept(call.bot.short_descriptions, call)}


@method("setMyName")
def set_name(call: Call) -> Any:
    call.bot.names[_language(call)] = limits.at_most(call.text("name"), limits.NAME, "BOT_TITLE_INVALID")
    return True


@method("getMyName")
def get_name(call: Call) -> Any:
    return {"name": _kept(call.bot.names, call, call.bot.first_name)}


@method("setChatMenuButton")
def set_menu_button(call: Call) -> Any:
    button = call.decoded("menu_button") or {"type": "default"}
    if button.get("type") not in MENU_BUTTONS:
        raise bad("can't parse menu button: unsupported type specified")
    call.bot.menu_buttons[call.room().id if call.text("chat_id") else None] = button
    return True


@method("getChatMenuButton")
def get_menu_button(call: Call) -> Any:
    chat = call.room().id if call.text("chat_id") else None
    default = {"type": "commands"}
    return call.bot.menu_buttons.get(chat, call.bot.menu_buttons.get(None, default))


@method("getChat")
def get_chat(call: Call) -> Any:
    room = call.room()
    if room.private and not room.opened:
        raise bad("chat not found")
    gifts = dict.fromkeys(GIFTS, False)
    return room.chat() | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}


def _members(call: Call, room: Room) -> list[Payload]:
    people = [standing(p.user(), _status(room, p.id)) for p in room.members.values()]
    bots = {i: s for i, s in room.bots.items() if not room.private or i == call.bot.id}
    return people + [standing(call.world.bots[i].user(), s) for i, s in bots.items()]


def _status(room: Room, user: int) -> str:
    if room.private or user not in room.administrators:
        return "member"
    return "creator" if user == next(iter(room.members)) else "administrator"


@method("getChatMember")
def get_member(call: Call) -> Any:
    room, user = call.writable(), call.integer("user_id")
    for member in _members(call, room):
        if member["user"]["id"] == user:
            return member
    if person := call.world.people.get(user):
        return standing(person.user(), "left")
    raise bad("PARTICIPANT_ID_INVALID")


@method("getChatAdministrators")
def get_administrators(call: Call) -> Any:
    room = call.writable()
    if room.private:
        raise bad("there are no administrators in the private chat")
    above = [m for m in _members(call, room) if m["status"] in ("creator", "administrator")]
    return [m for m in above if not m["user"]["is_bot"] or m["user"]["id"] == call.bot.id]


@method("getChatMemberCount")
def get_member_count(call: Call) -> Any:
    return len([m for m in _members(call, call.writable()) if m["status"] not in ("left", "kicked")])


@method("leaveChat")
def leave(call: Call) -> Any:
    room = call.writable()
    if room.private:
        raise bad("chat member status can't be changed in private chats")
    before, room.bots[call.bot.id] = room.bots[call.bot.id], "left"
    call.world.membership(call.bot, room, call.bot.user(), before, "left")
    return True
