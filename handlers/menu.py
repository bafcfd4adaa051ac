"""What the neighbourhood offers on one screen, how to use the bot, and in which language.

居民：菜单
机器人：红梅社区能为您做这些：……八大场景：托育
居民：怎么用
机器人：直接用平常的话告诉我就行
居民：English
机器人：OK, English from now on.
居民：中文
机器人：好的，以后用中文。
"""

from bot.content.pack import SCENES
from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import exact
from models.resident import Role, set_language

LISTED = ("repair", "places", "canteen", "events", "meetings", "repair.mine", "me", "about", "person")


@service("menu", anywhere=True)
def menu(talk: Talk) -> Reply:
    pack, language = talk.community.pack, talk.texts.language
    offered = {p.scene for p in pack.places}
    comma = "、" if language == "zh" else ", "
    scenes = comma.join(talk.text(f"places.scene_{s}") for s in SCENES[:8] if s in offered)
    brands = comma.join(talk.texts.show(b.name.model_dump()) for b in pack.brands)
    lines = [
        talk.text("menu", name=pack.community.name.model_dump()),
        talk.text("scenes", scenes=scenes),
        talk.text("brands", brands=brands),
    ]
    listed = [*LISTED, *(["work"] if talk.resident.role >= Role.WORKER else [])]
    return Reply("\n".join(lines), talk.say("menu", [(f"/{s}", f"menu.{s}") for s in listed], name="").choices)


@service("help", anywhere=True, hears=lambda text: exact(text, words("help")) is not None)
def show_help(talk: Talk) -> Reply:
    return talk.say("menu.how", [("/menu", "talk.menu"), ("/person", "menu.person")])


@service("language", anywhere=True)
def language(talk: Talk) -> Reply:
    chosen = talk.choose("which", ("zh", "en"))
    set_language(talk.resident, chosen)
    talk.texts = talk.community.texts(chosen)
    return talk.say("done", [("/menu", "talk.menu")])
