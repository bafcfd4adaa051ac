"""What a resident means, in one sentence: the wish, its particulars, and whether there is danger now.

    "7幢电梯又卡牢了，里头有个人在喊"  emergency, elevator, building 7, alarm
    "小饭捉今朝有啥吃"                canteen_menu, 小饭桌, 今朝

No text of any kind raises. Labels: intents and categories as in docs/understanding.md.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from bot.understanding.danger import dangerous
from bot.understanding.features import features, normal
from bot.understanding.model import model
from bot.understanding.particulars import headcount, language, phone, time_words
from bot.understanding.place import Home, home_in

SURE, LIKELY = 0.6, 0.25  # from here on: do it; ask which of three. Below: say that it was not understood
ALARM = 0.35  # from this probability of danger on somebody is paged: two false alarms cost less than one missed
SCENE = 0.4
OTHERS = 3
SHORTEST, MOST = 3, 6  # characters of a wish of its own; wishes in a message
URGENT, NORMAL, EMERGENCY = "urgent", "normal", "emergency"
TROUBLES = ("report_issue", EMERGENCY, "ticket_status", "mediation")  # what may have a category
FIRST = (EMERGENCY, "report_issue")
QUESTIONS = ("ask_service", "find_place_nearby", "canteen_menu", "list_events", "poll_result", "help")
CHAT = ("smalltalk", "out_of_scope")
PARTS = re.compile(
    r"[。！？!?;；\n]+|[,，、\s]*(?:另外|顺便|顺带|再问一下|再问问)[,，、\s]*"
    r"|[,，、\s]+(?:还有就是|还有|对了|同时也?|并且|然后再?)[,，、\s]*"
    r"|[,.\s]*\b(?:and also|also|by the way|btw|plus|oh and|another thing|while you're at it)\b[,\s]*|\. +",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Guess:
    intent: str
    confidence: float  # probability, 0 to 1


@dataclass(frozen=True, slots=True)
class Sense:
    """What was understood of a text; what was not said is empty."""

    intent: str
    confidence: float
    alternatives: tuple[Guess, ...] = ()  # the next likely, best first
    also: tuple[str, ...] = ()  # further wishes in the same message
    parts: tuple[tuple[str, str], ...] = ()  # of several wishes each with its words, the first to be served first
    scene: str = ""
    category: str = ""
    urgency: str = ""
    alarm: bool = False  # danger now: somebody must be paged
    danger: str = ""  # the kind of danger a word names, past and imagined ones left out
    home: Home = field(default=Home())
    time: str = ""  # the words that say when
    headcount: int | None = None
    phone: str = ""
    language: str = "zh"


@lru_cache(maxsize=2048)
def understand(text: str) -> Sense:
    """What the text means."""
    whole = _alone(text)
    parts = _wishes(text)
    if not parts or whole.alarm:
        return whole
    first = parts[0][0]
    return replace(
        whole,
        intent=first.intent,
        confidence=first.confidence,
        also=tuple(sense.intent for sense, _ in parts[1:]),
        parts=tuple((sense.intent, part) for sense, part in parts),
        scene=first.scene or whole.scene,
        category=first.category,
        urgency=first.urgency,
        alarm=first.alarm,
    )


def _alone(text: str) -> Sense:
    """A text taken as one wish."""
    judged = model().judge(features(normal(text)))
    ranked = sorted(judged["intent"].items(), key=lambda item: -item[1])
    alarm = (judged["intent"][EMERGENCY] + judged["danger"]["now"]) / 2 >= ALARM  # two opinions err less than one
    first = EMERGENCY if alarm else next(intent for intent, _ in ranked if intent != EMERGENCY)
    rest = tuple(Guess(i, round(p, 3)) for i, p in ranked if i != first)[:OTHERS]
    scene, likely = max(judged["scene"].items(), key=lambda item: item[1])
    return Sense(
        intent=first,
        confidence=round(judged["intent"][first], 3),
        alternatives=rest,
        scene=scene if scene != "none" and likely >= SCENE else "",
        category=_best(judged["category"]) if first in TROUBLES else "",
        urgency=_urgency(first, judged["urgency"]),
        alarm=alarm,
        danger=dangerous(text) or "",
        home=home_in(text),
        time="" if first in CHAT else time_words(text),
        headcount=headcount(text),
        phone=phone(text),
        language=language(text),
    )


def _best(judged: dict[str, float]) -> str:
    return max(judged, key=lambda label: judged[label])


def _urgency(intent: str, judged: dict[str, float]) -> str:
    if intent == EMERGENCY:
        return EMERGENCY
    return _best(judged) if intent == "report_issue" else NORMAL if intent == "mediation" else ""


def _wishes(text: str) -> list[tuple[Sense, str]]:
    """The wishes of a message that has several, each with its words, in the order they are to be served; none if it has one."""
    told = [part.strip() for part in PARTS.split(text) if part and len(part.strip()) >= SHORTEST]
    if not 2 <= len(told) <= MOST:
        return []
    found: dict[str, tuple[Sense, list[str]]] = {}
    last, before = "", list[str]()
    for part in told:
        sense = _alone(part)
        if sense.alarm or (sense.intent not in CHAT and sense.confidence >= SURE):
            last = sense.intent
            found.setdefault(last, (sense, []))[1].extend((*before, part))
            before = []
        elif last:  # it says more of the wish before it, or who lives where
            found[last][1].append(part)
        else:
            before.append(part)
    if len(found) < 2:
        return []
    several = sorted(found.values(), key=lambda item: _rank(item[0].intent))
    return [(sense, "，".join(parts)) for sense, parts in several]


def _rank(intent: str) -> int:
    """The order of serving: danger, what is broken, what is to be done, what is asked."""
    return FIRST.index(intent) if intent in FIRST else len(FIRST) + (intent in QUESTIONS)
