"""Every handler module opens with a conversation; here it is held, on both stores."""

import inspect
import pkgutil
import re
from importlib import import_module

import pytest

import handlers
from models.resident import Role
from tests.conftest import Chat, both_stores

SPOKEN = re.compile(r"^\s*(居民|机器人|社工)：(.*)$", re.MULTILINE)
MODULES = [m.name for m in pkgutil.iter_modules(handlers.__path__, "handlers.")]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@both_stores
@pytest.mark.parametrize("name", MODULES)
def test_the_conversation_a_module_opens_with_is_held(chat: Chat, name: str) -> None:
    lines = SPOKEN.findall(inspect.getdoc(import_module(name)) or "")
    assert lines, f"{name} opens with no conversation"
    if any(who == "社工" for who, _ in lines):
        chat.settle_in(Role.WORKER)
    heard = ""
    for who, line in lines:
        if who != "机器人":
            heard = squeezed(chat.say(line.strip()))
            continue
        at = 0
        for part in filter(None, map(squeezed, line.split("……"))):
            at = heard.find(part, at) + len(part)
            assert at >= len(part), f"{part!r} is not in {heard!r}"
