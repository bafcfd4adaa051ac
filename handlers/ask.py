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

from bot.content.pack import Answer, Place
from bot.content.snapshot import Community
from bot.conversation.message import Choice, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.answers import Hit
from bot.understanding.words import exact, meaning, plain
from handlers.places import answer, brand, card
from models.enquiry import ask_for_person, keep_enquiry

SCENES = 3  # as many places of one kind are told in full
SURE = 0.5  # the share of a question its answer must cover to be given straight away
OTHERWISE = 0.7  # the same where the question names something else, too
WHOLE = 0.9  # from here on it names a place, or what there is, and asks for nothing but its particulars
OFFERED = 0.6  # the share from which a place that is not named is told, if no answer is known
ALIKE = 0.95  # from here on it is the known question, whatever else it may look like
CLOSE = 0.18  # below this an answer is not even offered


def certain(community: Community, text: str) -> bool:
    """Whether a text is the name of something here, or a question the community answers in nearly these words."""
    hits = community.answers.search(text, most=1)
    return plain(text) in community.names or bool(hits and hits[0].score >= ALIKE)


@service("ask", knows=certain)
def ask(talk: Talk) -> Reply:
    entries = {a.key: a for a in talk.community.pack.answers}
    if (key := talk.given.pop("key", None)) in entries:
        return answer(talk, entries[key])
    question = talk.words("ask", least=1, enough=1)
    return known(talk, question) or unknown(talk, question)


def known(talk: Talk, question: str) -> Reply | None:
    """What the community's own answers and places say to it; None where none is certain."""
    if reply := brand(talk, question):
        return reply
    found = find(talk.community, question)
    if isinstance(found, Answer):
        return answer(talk, found)
    cards = [card(talk, place.key) for place in found]
    return cards[0] if len(cards) == 1 else Reply("\n\n".join(c.text for c in cards)) if cards else None


def find(community: Community, question: str) -> Answer | list[Place]:
    """The answer, or the places, that a question asks for; no places where nothing is certain."""
    hits, offers = community.answers.search(question), community.offers.search(question, most=1)
    best = hits[0].score if hits else 0.0
    asked = {detail for _, detail in words("ask.detail").found(plain(question))}
    places = _places(community, question, offers, particular=bool(asked))
    if places and ("now" in asked or any(offer.score >= WHOLE and offer.score > best for offer in offers)):
        return places
    entries = {a.key: a for a in community.pack.answers}
    for hit in hits:
        if hit.score >= (SURE if _about(community, entries[hit.key], question) else OTHERWISE):
            return entries[hit.key]
    return places


def _places(community: Community, question: str, offers: list[Hit], particular: bool) -> list[Place]:
    """The place a question names; else those of the kind whose particulars it asks for; else the one that has it."""
    places = {p.key: p for p in community.pack.places}
    if named := meaning(question, community.place_names):
        return [places[named]]
    scene = meaning(question, words("places.scene")) if particular else None
    found = [p for p in places.values() if p.scene == scene][:SCENES]
    return found or [places[offer.key] for offer in offers if offer.score >= OFFERED]


def unknown(talk: Talk, question: str) -> Reply:
    """It is said and kept, and what is near to it is offered."""
    keep_enquiry(talk.db, talk.resident, question)
    near = close_to(talk, question)
    told = talk.text("ask.unknown_near" if near else "ask.unknown")
    choices = [Choice(f"/ask key={key}", label) for key, label in near]
    return Reply(told, (*choices, Choice("/person", talk.text("ask.to_person"))))


def close_to(talk: Talk, question: str, most: int = 3) -> list[tuple[str, str]]:
    """Keys of the answers that may be meant, with their questions."""
    entries = {a.key: a for a in talk.community.pack.answers}
    hits = [h for h in talk.community.answers.search(question) if h.score >= CLOSE and _told(talk, entries[h.key])]
    return [(h.key, phrased(talk, entries[h.key])) for h in hits[:most]]


def _about(community: Community, known: Answer, question: str) -> bool:
    """Whether an answer is about the place, or the kind of place, that a question names."""
    place, scene = meaning(question, community.place_names), meaning(question, words("places.scene"))
    scenes = {p.key: p.scene for p in community.pack.places}
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
    if said and _of_a_place(talk.community, said) and (reply := known(talk, said)):  # not the workers' number
        return reply
    ask_for_person(talk.db, talk.resident, said, otherwise=talk.text("menu.person"))
    return talk.say("ask.person", phone=talk.community.pack.community.phone)


def _of_a_place(community: Community, text: str) -> bool:
    """Whether the particulars of a place are asked for."""
    named = meaning(text, community.place_names) or meaning(text, words("places.scene"))
    return named is not None and any(words("ask.detail").found(plain(text)))


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
