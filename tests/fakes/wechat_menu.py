"""The custom menu: three buttons of at most five lines.

Source: developers.weixin.qq.com/doc/subscription/api/custommenu/api_createcustommenu.html; names as FACTS has them,
16 and 40 bytes, the older and stricter figures.
"""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.fakes.wechat_call import VERIFIED, Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_sending import OK
from tests.fakes.wechat_state import Payload

BUTTONS, LINES, KEY_BYTES, URL_BYTES = 3, 5, 128, 1024
SCANNING = ("scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select")


class Level(NamedTuple):
    """The limit of a name in bytes, and the numbers of the refusals."""

    name_bytes: int
    type: int
    name: int
    key: int
    url: int
    domain: int


TOP = Level(16, 40017, 40018, 40019, 40020, 40055)
SUB = Level(40, 40024, 40025, 40026, 40027, 40054)


@method("menu/create", "POST", *VERIFIED)
def create(call: Call) -> Payload:
    buttons = call.json.get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= BUTTONS:
        raise Refusal(40016)
    for button in buttons:
        lines = button.get("sub_button")
        _named(button, TOP)
        if not lines:
            _action(button, TOP)
            continue
        if not isinstance(lines, list) or len(lines) > LINES:
            raise Refusal(40023)
        for line in lines:
            _named(line, SUB)
            _action(line, SUB)
    call.account.menu = buttons
    call.world.bell.ring()
    return OK


def _size(value: Any) -> int:
    return len(value.encode()) if isinstance(value, str) else 0


def _named(button: Payload, level: Level) -> None:
    if not 1 <= _size(button.get("name")) <= level.name_bytes:
        raise Refusal(level.name)


def _action(button: Payload, level: Level) -> None:
    match button.get("type"):
        case "view":
            if not 1 <= _size(button.get("url")) <= URL_BYTES:
                raise Refusal(level.url)
            if urlsplit(button["url"]).scheme not in ("http", "https"):
                raise Refusal(level.domain)
        case kind if kind == "click" or kind in SCANNING:
            if not 1 <= _size(button.get("key")) <= KEY_BYTES:
                raise Refusal(level.key)
        case _:
            raise Refusal(level.type)


@method("menu/get", "GET", *VERIFIED)
def get(call: Call) -> Payload:
    if not call.account.menu:
        raise Refusal(46003)
    return {"menu": {"button": [{"sub_button": []} | button for button in call.account.menu]}}


@method("menu/delete", "GET", *VERIFIED)
def delete(call: Call) -> Payload:
    call.account.menu = []
    call.world.bell.ring()
    return OK
