"""What the workers do themselves: said warmly, kept with its kind, and answered by them.

居民：我想当志愿者
机器人：……记下来了
居民：想请人调解
机器人：您说给我听就行……只给办调解的人看……
居民：楼上半夜跳绳，说了也不听
机器人：记下来了……
社工：没答上的问题
机器人：……调解……
"""

from dataclasses import dataclass, replace
from functools import partial

from bot.conversation.message import Message, Reply
from bot.conversation.question import Words
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import exact
from handlers.ask import known
from models.enquiry import MEDIATION, keep_enquiry

PRAISE = "praise"
KINDS = ("venue", "volunteer", "neighbours", MEDIATION, PRAISE)
ABOUT = {MEDIATION: "调解"}  # what a community says of it, whatever the quarrel is about


@dataclass(frozen=True)
class Wish(Words):
    """What somebody would like; the name of the service says nothing about it."""

    def find(self, said: Message) -> str | None:
        return None if exact(said.text, words("service")) else super().find(said)


def pass_on(kind: str, talk: Talk) -> Reply:
    wish = talk.ask("what", Wish(enough=2), key=f"what_{kind}")
    keep_enquiry(talk.db, talk.resident, wish, kind)
    told = talk.say(kind, phone=talk.community.pack.community.phone)
    about = known(talk, ABOUT.get(kind) or wish) if kind != PRAISE else None
    return replace(about, text=f"{told.text}\n\n{about.text}") if about else told


for _kind in KINDS:
    service(f"passing_on.{_kind}")(partial(pass_on, _kind))
