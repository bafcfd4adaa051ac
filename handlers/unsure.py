"""What is not surely understood: the likely wishes are offered; what is chosen is kept, to learn from.

居民：我们家也一样
机器人：……没听明白
居民：菜单
机器人：能为您做这些
"""

from dataclasses import dataclass

from bot.conversation.message import Choice, Message, Reply, sense_of
from bot.conversation.question import Pick, Unclear
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.conversation.wishes import meant_by, opened_by
from bot.understanding.sense import CHAT, EMERGENCY, LIKELY, Sense
from bot.understanding.words import exact
from handlers.ask import close_to, known, unknown
from models.enquiry import keep_enquiry
from models.example import keep_example

MOST = 3  # likely wishes offered
FAINT = 0.05  # what is less probable is not offered
QUESTION, SMALL_TALK = "ask_service", "smalltalk"
ANSWER, NONE, OTHERWISE = "ask:", "none", "otherwise"


@dataclass(frozen=True)
class Likely(Pick):
    """One of the likely wishes, a service by its name; anything else that says something is a new message."""

    def read(self, said: Message) -> str:
        if said.choice in [c.value for c in self.choices]:
            return said.choice
        told = exact(said.text, words("yes_no"))
        if told == "yes" or said.text.isdigit():  # to which of them?
            raise Unclear
        return NONE if told else exact(said.text, words("service")) or OTHERWISE


@service("unsure", fleeting=True)
def unsure(talk: Talk) -> Reply:
    text, sense = talk.heard(), sense_of(*talk.said)
    if reply := known(talk, text):
        return reply
    if sense.intent == QUESTION and sense.confidence >= LIKELY:
        return unknown(talk, text)
    wishes = _wishes(talk, sense, text)
    if not wishes and sense.intent == SMALL_TALK and sense.confidence >= LIKELY:
        return talk.go_on(opened_by(SMALL_TALK, text), talk.said[0])
    if not wishes:
        keep_enquiry(talk.db, talk.resident, text)
        return talk.say("unknown", [("/person", "ask.to_person"), ("/menu", "talk.menu")])
    chosen = talk.ask("which", Likely((*wishes, Choice(NONE, talk.text("none")))))
    if chosen == OTHERWISE:
        return talk.go_on("", talk.said[-1])
    meant = meant_by(chosen.partition(":")[0])
    if meant or chosen == NONE:
        keep_example(talk.db, talk.resident, text, sense.intent, sense.confidence, meant)
    if chosen == NONE:
        keep_enquiry(talk.db, talk.resident, text)
        return talk.say("passed_on", [("/person", "ask.to_person"), ("/menu", "talk.menu")])
    if chosen.startswith(ANSWER):
        return talk.go_on("ask", talk.said[0], {"key": chosen.removeprefix(ANSWER)})
    return talk.go_on(chosen, talk.said[0])


def _wishes(talk: Talk, sense: Sense, text: str) -> list[Choice]:
    """The likely services, and in the place of a question the known ones that are close; none if nothing is likely."""
    guesses = [(sense.intent, sense.confidence), *((g.intent, g.confidence) for g in sense.alternatives)]
    if max((c for intent, c in guesses if intent not in CHAT), default=0.0) < LIKELY:
        return []
    found: dict[str, str] = {}
    for intent, confidence in guesses:
        if confidence < FAINT or intent in CHAT or intent == EMERGENCY:
            continue
        if intent == QUESTION and (close := close_to(talk, text, 1)):
            found |= {f"{ANSWER}{key}": label for key, label in close}
        else:
            name = opened_by(intent, text)
            found[name] = talk.text(f"menu.{name}")
    return [Choice(value, label) for value, label in list(found.items())[:MOST]]
