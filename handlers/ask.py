"""Questions about the neighbourhood's services; what is not known is said, kept, and passed to a person.

居民：食堂几点开门
机器人：……地址：
居民：月球上能种白菜吗
机器人：已经记下来请社区工作人员看
居民：找人
机器人：已经告诉社区工作人员
居民：社区有什么特色
机器人：……来源
"""

from bot.content.pack import Answer
from bot.conversation.message import Choice, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import exact, meaning, plain
from handlers.places import CERTAIN, answer, brand, card
from models.enquiry import ask_for_person, keep_enquiry

SCENES = 3  # as many places of one kind are told in full
SURE = 0.5  # the share of a question its answer must cover to be given straight away
CLOSE = 0.18  # below this an answer is not even offered


def about_a_place(text: str) -> bool:
    """Whether it asks for the hours, the price or the number of a place."""
    told = plain(text)
    detail = any(words("ask.detail").found(told))
    near = any(wish == "places.near" for _, wish in words("service").found(told))
    wish = meaning(text, words("service")) in (None, "places")
    return detail and wish and not near and meaning(text, words("places.scene")) is not None


@service("ask", hears=about_a_place)
def ask(talk: Talk) -> Reply:
    entries = {a.key: a for a in talk.community.pack.answers}
    if (key := talk.given.pop("key", None)) in entries:
        return answer(talk, entries[key])
    question = talk.words("ask", least=1, enough=1)
    if reply := brand(talk, question):
        return reply
    hits = talk.community.answers.search(question)
    place = meaning(question, talk.community.place_names)
    told = card(talk, place) if place else _scene(talk, question)
    if told and any(detail == "now" for _, detail in words("ask.detail").found(plain(question))):
        return told
    for hit in hits:
        if hit.score >= (SURE if _about(talk, entries[hit.key], place, question) else CERTAIN):
            return answer(talk, entries[hit.key])
    if told:
        return told
    keep_enquiry(talk.db, talk.resident, question)
    near = [entries[h.key] for h in hits if h.score >= CLOSE and _told(talk, entries[h.key])][:3]
    first = talk.say("unknown_near" if near else "unknown")
    choices = [Choice(f"/ask key={a.key}", phrased(talk, a)) for a in near]
    return Reply(first.text, (*choices, Choice("/person", talk.text("to_person"))))


def _scene(talk: Talk, question: str) -> Reply | None:
    """The particulars asked for, of a kind of place rather than one by name."""
    scene = meaning(question, words("places.scene")) if about_a_place(question) else None
    found = [p for p in talk.community.pack.places if p.scene == scene][:SCENES]
    cards = [card(talk, p.key) for p in found]
    return cards[0] if len(cards) == 1 else Reply("\n\n".join(c.text for c in cards)) if cards else None


def _about(talk: Talk, known: Answer, place: str | None, question: str) -> bool:
    """Whether an answer is about the place, or the kind of place, that a question names."""
    scene = meaning(question, words("places.scene"))
    scenes = {p.key: p.scene for p in talk.community.pack.places}
    return place in (None, known.place) and scene in (None, scenes.get(known.place or ""))


def _told(talk: Talk, known: Answer) -> bool:
    """Whether an answer can be offered in the reader's language."""
    return talk.texts.language != "en" or bool(known.ask.en and known.answer.en)


def phrased(talk: Talk, known: Answer) -> str:
    """The question an answer belongs to, as a button."""
    asked = known.ask.en if talk.texts.language == "en" and known.ask.en else known.ask.zh
    return asked[0]


@service("person", anywhere=True)
def person(talk: Talk) -> Reply:
    if reply := brand(talk, talk.heard()):
        return reply
    said = "" if exact(talk.heard(), words("service")) else talk.heard()
    ask_for_person(talk.db, talk.resident, said, otherwise=talk.text("menu.person"))
    return talk.say("ask.person", phone=talk.community.pack.community.phone)


@service("about", anywhere=True)
def about(talk: Talk) -> Reply:
    """What the community is known for."""
    pack = talk.community.pack
    c = pack.community
    told = talk.text(
        "ask.about",
        profile=c.profile.model_dump(),
        known=c.known_for.model_dump(),
        source=c.source.model_dump(),
        date=c.date.isoformat(),
    )
    brands = [talk.text("ask.brand", name=b.name.model_dump(), what=b.what.model_dump()) for b in pack.brands]
    return Reply("\n".join([told, *brands]), (Choice("/menu", talk.text("talk.menu")),))
