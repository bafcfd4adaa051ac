"""One person on several channels: a code asked for on one, typed on another; and parted again.

居民：登记住址
机器人：您住几幢几单元几室？
居民：3幢2单元502
机器人：记下了：3幢2单元502室。
居民：绑定其他渠道
机器人：10 分钟内有效，只能用一次……谁要这个码都别给
居民：100 000 000
机器人：这个码不对，或者已经用过、过期了
居民：解除绑定
机器人：您现在只用一个渠道：……
"""

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import CIVIL
from models.household import parts_of
from models.joining import (
    LIFETIME,
    NotJoined,
    accounts_of,
    issue_joining_code,
    join,
    looks_like_joining_code,
    part,
    whose_code,
)
from models.resident import Account

INSTEAD = {  # where to go on from what cannot be joined
    "wrong": [],
    "same": [],
    "tries": [("/person", "menu.person")],
    "guest": [("/home", "menu.home")],
    "several": [("/joining", "menu.joining"), ("/joining.part", "menu.joining.part")],
    "higher": [("/joining", "menu.joining"), ("/person", "menu.person")],
}


@service("joining")
def give_code(talk: Talk) -> Reply:
    try:
        code = issue_joining_code(talk.db, talk.resident)
    except NotJoined as refusal:
        return refused(talk, refusal)
    name = talk.community.pack.community.name.model_dump()
    return talk.say("code", code=code, minutes=LIFETIME.seconds // 60, name=name)


@service("joining.enter", anywhere=True, hears=looks_like_joining_code)
def enter(talk: Talk) -> Reply:
    """A code typed at any time; never taken from a button, so that what is typed is what is counted."""
    try:
        holder = whose_code(talk.db, talk.resident, talk.heard())
        channels = [named(talk, account) for account in accounts_of(talk.db, holder)]
        comma = "、" if talk.texts.language == "zh" else ", "
        home = parts_of(holder.home) or {"key": "joining.no_home"}
        if not talk.yes("sure", home=home, channels=comma.join(dict.fromkeys(channels))):
            return talk.say("not_joined")
        dropped = join(talk.db, talk.resident, talk.heard())
    except NotJoined as refusal:
        return refused(talk, refusal)
    return talk.say("joined", [("/menu", "talk.menu")], dropped=talk.text("dropped") if dropped else "")


@service("joining.part")
def leave(talk: Talk) -> Reply:
    """One channel of mine becomes a stranger's again; "not me", said in alarm, is asked no second question."""
    alarmed, mine = "account" in talk.given, accounts_of(talk.db, talk.resident)
    number = talk.which("account", lambda: [(str(a.id), described(talk, a)) for a in mine])
    account = next((a for a in mine if a.id == number), None)
    if account is None:
        return talk.say("no_such")
    channel = named(talk, account)
    if len(mine) == 1:
        return talk.say("only_one", [("/joining", "menu.joining")], channel=channel)
    if not alarmed and not talk.yes("sure_part", channel=channel):
        return talk.say("kept")
    part(talk.db, talk.resident, account)
    return talk.say("parted", channel=channel)


def refused(talk: Talk, refusal: NotJoined) -> Reply:
    return talk.say(f"refused_{refusal.why}", INSTEAD[refusal.why])


def named(talk: Talk, account: Account) -> str:
    return talk.text(f"joining.channel_{account.channel}")


def described(talk: Talk, account: Account) -> str:
    """A channel with the day it was used, since two browsers are called the same."""
    sender = talk.said[-1].sender
    here = (sender.channel, sender.account, sender.user) == (account.channel, account.account, account.user)
    day = (account.used_at or talk.now).astimezone(CIVIL).date()
    return talk.text("row_here" if here else "row", channel=named(talk, account), day=day)
