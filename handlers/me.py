"""What we keep about me: see it, quiet my nights, take it with me, or have it deleted.

居民：我的
机器人：还没有登记住址……报修 0 件
居民：免打扰
机器人：夜里什么时候不打扰您？
居民：20:00 到 9:00
机器人：记下了
居民：删除我的信息
机器人：真的要删除您的信息吗？
居民：不
机器人：什么都没有删
居民：删除我的信息
机器人：真的要删除您的信息吗？
居民：是的
机器人：已经删除
"""

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import exact
from models.household import parts_of
from models.privacy import counts_of, erase_resident
from models.resident import Role, set_quiet

QUIET = {"usual": (1290, 480), "early": (1200, 540), "late": (1350, 420), "never": (0, 0)}  # minutes after midnight


@service("me", hears=lambda text: exact(text, words("me")) is not None)
def me(talk: Talk) -> Reply:
    resident = talk.resident
    home = talk.text("home_verified" if resident.verified else "home_declared", home=parts_of(resident.home))
    buttons = [
        ("/repair.mine", "menu.repair.mine"),
        ("/events.mine", "menu.events.mine"),
        ("/home", "do_home"),
        ("/me.quiet", "do_quiet"),
        ("/joining", "menu.joining"),
        (f"/language which={'zh' if resident.language == 'en' else 'en'}", "language.other"),
        ("/me.export", "do_export"),
        ("/me.delete", "do_delete"),
    ]
    shown = [b for b in buttons if resident.role > Role.GUEST or b[0] not in ("/repair.mine", "/events.mine")]
    counts = counts_of(talk.db, resident)
    return talk.say("me", shown, home=home if resident.home else {"key": "me.no_home"}, **counts)


@service("me.quiet")
def quiet(talk: Talk) -> Reply:
    set_quiet(talk.resident, *QUIET[talk.choose("quiet", tuple(QUIET), volunteered=False)])
    return talk.say("quiet_done")


@service("me.export")
def export(talk: Talk) -> Reply:
    return Reply(talk.text("export"), file="mine.json")


@service("me.delete")
def delete(talk: Talk) -> Reply:
    if not talk.yes("delete"):
        return talk.say("not_deleted")
    erase_resident(talk.db, talk.resident)
    return talk.say("deleted")
