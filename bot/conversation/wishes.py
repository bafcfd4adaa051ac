"""Which service each wish opens. Data: what a sentence means is told by bot/understanding/sense.py."""

from functools import cache

from bot.conversation.texts import words
from bot.understanding.sense import Sense
from bot.understanding.words import Vocabulary, meaning

# the first of several, unless the words of another under [words.service] are in the text
OPENS: dict[str, tuple[str, ...]] = {
    "report_issue": ("repair",),
    "ask_service": ("ask",),
    "find_place_nearby": ("places.near",),
    "canteen_menu": ("canteen",),
    "ticket_status": (
        "repair.mine",
        "repair.urge",
        "repair.withdraw",
        "repair.reopen",
        "repair.rate",
        "repair.add",
    ),
    "propose_topic": ("meetings.propose", "meetings.second"),
    "vote": ("meetings.vote",),
    "poll_result": ("meetings.result",),
    "list_events": ("events", "events.mine"),
    "signup_event": ("events.join",),
    "cancel_signup": ("events.leave",),
    "book_venue": ("passing_on.venue",),
    "volunteer": ("passing_on.volunteer",),
    "mutual_aid": ("passing_on.neighbours",),
    "mediation": ("passing_on.mediation",),
    "complaint_praise": ("passing_on.praise",),
    "contact_worker": ("person",),
    "switch_language": ("language",),
    "help": ("help",),
    "privacy_delete": ("me", "me.delete", "me.quiet", "me.export", "joining.part"),
    "smalltalk": ("chat", "hello", "thanks", "bye"),
    "out_of_scope": ("beyond",),
}
SCENES = {
    "托育": "nursery",
    "颐养": "elders",
    "健身": "fitness",
    "康复": "rehab",
    "小饭桌": "canteen",
    "小修理": "repair",
    "小剧场": "theatre",
    "小书房": "library",
}


def opened_by(intent: str, text: str) -> str:
    """The service a wish opens, said in these words."""
    first, *others = OPENS[intent]
    return (meaning(text, _others(intent)) if others else None) or first


def opened(sense: Sense, text: str) -> tuple[str, dict[str, str]]:
    """The service that what was understood opens, with the answers it holds already."""
    scene = SCENES.get(sense.scene) or meaning(text, words("places.scene"))
    if sense.intent == "find_place_nearby" and scene:
        return "places", {"scene": scene}
    return opened_by(sense.intent, text), {}


def opened_by_words(text: str) -> str | None:
    """The service whose words are in a text that means no known wish: what workers do, and what few ask for."""
    return meaning(text, _unlearnt())


def meant_by(service: str) -> str:
    """The wish that opens a service; "" for one that no sentence opens."""
    return next((intent for intent, services in OPENS.items() if service in services), "")


@cache
def _unlearnt() -> Vocabulary:
    learnt = {name for services in OPENS.values() for name in services}
    return Vocabulary({name: several for name, several in words("service").items() if name not in learnt})


@cache
def _others(intent: str) -> Vocabulary:
    return Vocabulary({name: words("service")[name] for name in OPENS[intent][1:]})
