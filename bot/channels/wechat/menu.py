"""The menu below the conversation: three buttons of five lines, told to WeChat when it has changed.

The limits are those of developers.weixin.qq.com, 创建自定义菜单: names of 16 and 40 bytes, keys of 128.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic_core import to_json

from bot.channels.wechat.api import Api
from bot.content.snapshot import Community
from bot.conversation.service import SERVICES
from bot.conversation.texts import Texts, texts

NAME, LINE_NAME, LINES = 16, 40, 5  # bytes, bytes, of each button
FIRST = ("repair", "repair.mine", "canteen", "places.near", "person")
SECOND = ("events", "events.mine", "meetings", "meetings.vote", "about")
THIRD = ("me", "places", "menu")
Button = dict[str, Any]


def buttons(served: Sequence[Community], page: str, room: Callable[[str], str]) -> list[Button]:
    """In Chinese, as there is one menu for all; `page` is our public address, "" for none, `room` a web chat's path."""
    one = served[0] if len(served) == 1 else None
    say = one.texts("zh") if one else texts("zh")
    own = list(_clicks(THIRD, say))
    if page:
        own.append({"type": "view", "name": say("wechat.menu_page"), "url": page + (room(one.slug) if one else "/")})
    if one is None:
        own.append(_click(say("wechat.menu_change"), say("wechat.menu_change")))
    columns = (("matters", _clicks(FIRST, say)), ("together", _clicks(SECOND, say)), ("mine", own))
    return [{"name": say(f"wechat.menu_{name}"), "sub_button": list(lines)[:LINES]} for name, lines in columns]


def digest(told: Sequence[Button]) -> str:
    return hashlib.sha256(to_json(list(told))).hexdigest()


async def tell_menu(api: Api, served: Sequence[Community], page: str, room: Callable[[str], str], known: str) -> str:
    """Tell WeChat what has changed since the digest `known`; returns the new one. Raises the failures of Api."""
    if not served:
        return known
    told = buttons(served, page, room)
    if (new := digest(told)) != known:
        await api.create_menu(told)
    return new


def _clicks(services: Iterable[str], say: Texts) -> Iterable[Button]:
    """A tap says what a standing choice says."""
    named = {"menu": "talk.menu"}
    return (_click(say(named.get(s, f"menu.{s}")), f"/{s}") for s in services if s in SERVICES)


def _click(name: str, key: str) -> Button:
    return {"type": "click", "name": name, "key": key}
