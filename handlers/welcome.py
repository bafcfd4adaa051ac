"""Greet, say what is kept and why, and learn where somebody lives.

居民：你好
机器人：您好，这里是红梅社区的邻里坊。……只为把事情办好
居民：登记住址
机器人：您住几幢几单元几室？
居民：3幢2单元502
机器人：记下了：3幢2单元502室。
居民：谢谢
机器人：不客气
"""

import re

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.place import home_in
from bot.understanding.words import plain
from models.code import BadCode, looks_like_code, redeem_code
from models.household import find_household, parts_of
from models.resident import Role, declare_home

STARTERS = [
    ("/repair", "menu.repair"),
    ("/canteen", "menu.canteen"),
    ("/places", "menu.places"),
    ("/menu", "talk.menu"),
]


@service("hello", idle=True)
def hello(talk: Talk) -> Reply:
    first = talk.resident.role is Role.GUEST
    name = talk.community.pack.community.name.model_dump()
    other = "zh" if talk.texts.language == "en" else "en"
    starters = [*STARTERS, (f"/language which={other}", "language.other")]
    return talk.say("hello", starters, name=name) if first else talk.say("again", STARTERS)


@service("thanks", anywhere=True, idle=True)
def thanks(talk: Talk) -> Reply:
    return talk.say("hello.thanks")


@service("bye", idle=True)
def bye(talk: Talk) -> Reply:
    return talk.say("hello.bye")


@service("chat", idle=True)
def chat(talk: Talk) -> Reply:
    """Feelings, jokes, questions about the bot: somebody listens."""
    return talk.say("chat", [("/person", "ask.to_person"), ("/menu", "talk.menu")])


def tells_home(text: str) -> bool:
    """Whether somebody wants to say where they live, or says it and nothing else: 我住3幢2单元502."""
    told = plain(text)
    if any(said == "move" for _, said in words("home").found(told)):
        return True
    lead = next((w for w in words("home")["lead"] if told.startswith(w)), None)
    rest = re.sub(
        r"building|block|bldg|unit|room|flat|apt|[\d零一二三四五六七八九十a-d幢栋号楼单元室座,，\s-]",
        "",
        told[len(lead or "") :],
    )
    return lead is not None and not rest and bool(home_in(text).building)


@service("home", grants=Role.RESIDENT, hears=tells_home)
def register(talk: Talk) -> Reply:
    home = talk.address_or_code("address", looks_like_code)
    if isinstance(home, str):
        return redeem(talk, home)
    room = home
    if not home.room:
        room = talk.room("room", building=home.building)
        home = home if room.building in ("", home.building) else room  # they said it anew, and whole
    household = find_household(talk.db, home.building, home.unit or room.unit, room.room)
    declare_home(talk.resident, household)
    return talk.say("done", [("/menu", "talk.menu")], home=parts_of(str(household)))


@service("home.code", hears=looks_like_code)
def bind(talk: Talk) -> Reply:
    """A code typed at any time."""
    return redeem(talk, talk.heard())


def redeem(talk: Talk, text: str) -> Reply:
    """Bind the resident to the home or the role a code stands for."""
    try:
        code = redeem_code(talk.db, talk.resident, text)
    except BadCode:
        return talk.say("wrong_code")
    if code.role > Role.RESIDENT:
        role = talk.resident.role.name.lower()
        return talk.say("role", [("/work", "menu.work")], role={"key": f"home.role_{role}"})
    return talk.say("bound", [("/menu", "talk.menu")], home=parts_of(talk.resident.home))
