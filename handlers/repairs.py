"""Report something broken, follow it, urge it, rate it.

居民：3幢楼道的灯坏了
机器人：这件事要知道您住哪里……您住几幢几单元几室？
居民：3幢2单元502
机器人：记下了：3幢2单元502室。……方便的话发张照片
居民：跳过
机器人：留个电话吧
居民：13800000000
机器人：照明：3幢楼道的灯坏了……这样提交可以吗？
居民：可以
机器人：收到，工单 1 号。
居民：我的报修
机器人：1 号 照明：已提交
"""

import re
from dataclasses import asdict, dataclass
from functools import cache

from bot.content.walking import locate
from bot.conversation.choices import options
from bot.conversation.meaning import alarming
from bot.conversation.message import Choice, Message, Reply, sense_of
from bot.conversation.question import SKIP, Pick, Unclear, Words
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.conversation.whereabouts import spot_in
from bot.understanding.danger import dangerous
from bot.understanding.place import home_in
from bot.understanding.sense import SURE, understand
from bot.understanding.words import exact, plain
from models.lifecycle import HOURS
from models.masking import TELEPHONE
from models.reporting import follow_ticket, open_ticket
from models.resident import Role
from models.ticket import Ticket, fetch_to_follow, followers, similar_tickets

CATEGORIES = tuple(HOURS)
NEW, SAME, REPORT = "new", "same", "report_issue"
DANGERS = {"gas": "gas", "trapped": "elevator", "electric": "electricity", "crime": "security"}
DESPAIR = "despair"


@dataclass(frozen=True)
class Category(Pick):
    """The kind of trouble: a button, its name, or a sentence that is surely about one."""

    def find(self, said: Message) -> str | None:
        sense = sense_of(said)
        sure = bool(said.text) and sense.intent == REPORT and sense.confidence >= SURE
        return (sense.category or None) if sure else None

    def read(self, said: Message) -> str:
        if said.choice in [c.value for c in self.choices]:
            return said.choice
        if told := exact(said.text, self.words) or self.find(said):
            return told
        raise Unclear


@dataclass(frozen=True)
class Details(Words):
    """What is wrong; a mere wish to report something, or a kind of trouble, says nothing about it."""

    def find(self, said: Message) -> str | None:
        if exact(said.text, words("repair.category")):
            return None
        left = plain(said.text)
        for opener in _openers():
            left = left.replace(opener, "")
        return super().find(said) if len("".join(left.split())) >= 4 else None


@cache
def _openers() -> list[str]:
    """The longest first: each may be a part of a longer one."""
    return sorted(words("repair.opener")["opener"], key=len, reverse=True)


@service("repair", needs=Role.RESIDENT)
def report(talk: Talk) -> Reply:
    danger = alarming(sense_of(*talk.said))
    if danger and dangerous(talk.heard()) == DESPAIR:  # there is nothing to repair
        return talk.say("despair", [("/person", "ask.to_person")])
    if danger:
        _assume(talk)
    category = talk.ask("category", Category(*options(talk.texts, "repair.category", CATEGORIES)))
    description = talk.ask("description", Details(enough=5))
    place = talk.place("place", known=talk.resident.home)
    spot, building = locate(talk.community.pack, place), home_in(place.text).building
    where = (spot_in(place.text) if place.text == description else place.text) or talk.text("pin")
    if not danger and (same := _same(talk, category, building, spot)) != NEW:
        return _join(talk, same)
    photos = talk.photos("photo")
    contact = talk.phone("contact", known=talk.resident.phone, optional=True)
    talk.confirm(
        "confirm",
        category={"key": f"repair.category_{category}"},
        description=description,
        place=spoken(talk, where),
        photos=len(photos),
        contact=contact or talk.text("no_contact"),
    )
    ticket = open_ticket(
        talk.db,
        talk.resident,
        category,
        description,
        place=where,
        building=building,
        lat=spot[0] if spot else None,
        lon=spot[1] if spot else None,
        photos=tuple(photos),
        contact=contact,
        emergency=danger or alarming(understand(description)) or dangerous(description) is not None,
    )
    talk.resident.phone = talk.resident.phone or contact or None
    return talk.say(
        "done", [(f"/repair.show ticket={ticket.number}", "do_show")], number=ticket.number, until=ticket.due_at
    )


def _assume(talk: Talk) -> None:
    """Nobody in danger is asked what kind of report it is."""
    category = DANGERS.get(dangerous(talk.heard()) or "") or sense_of(*talk.said).category or "other"
    talk.assume({"category": category, "description": talk.heard(), "photo.0": SKIP})


def spoken(talk: Talk, place: str) -> str:
    """A place as the reader says it: 5幢1单元 is Building 5, Unit 1 in English."""
    home = home_in(place)
    if talk.texts.language == "zh" or re.sub(r"[\d幢单元室号楼栋A-Z]", "", place):
        return place
    shown: str = talk.texts.show(asdict(home))
    return shown or place


def discreet(talk: Talk, ticket: Ticket) -> tuple[str, str]:
    """Description and place as neighbours may read them: no telephone number, and no door to knock at."""
    home = home_in(ticket.place)
    place = f"{home.building}幢" if home.room else ticket.place
    return TELEPHONE.sub("…", ticket.description), spoken(talk, place)


def _same(talk: Talk, category: str, building: str, spot: tuple[float, float] | None) -> str:
    """The number of an open report of the same thing nearby, if the resident says it is the same; else NEW."""
    slot = f"same.{category}.{building}"  # asked anew when category or place is changed
    if f"{slot}.none" in talk.answers:
        return NEW
    found = similar_tickets(talk.db, talk.resident, category, building, *(spot or (None, None)))
    if not found and slot not in talk.answers:
        talk.answers[f"{slot}.none"] = True
        return NEW
    choices = [Choice(str(t.number), talk.text("same_join", number=t.number)) for t in found]
    told = words("repair.same")
    named: dict[str, tuple[str, ...]] = {
        str(t.number): (f"{t.number}号", f"{t.number} 号", f"no. {t.number}", f"no {t.number}") for t in found
    }
    if len(found) == 1:
        named[str(found[0].number)] += told[SAME]
    question = Pick((*choices, Choice(NEW, talk.text("same_new"))), named | {NEW: told[NEW]}, volunteered=False)
    return talk.ask(slot, question, key="same", list="\n".join(_line(talk, t) for t in found))


def _line(talk: Talk, ticket: Ticket) -> str:
    status = {"key": f"repair.status_{ticket.status.name.lower()}"}
    count = 1 + len(followers(talk.db, ticket))
    description, place = discreet(talk, ticket)
    facts = {"number": ticket.number, "description": description[:40], "place": place}
    return talk.text("same_line", status=status, count=count, **facts)


def _join(talk: Talk, number: str) -> Reply:
    ticket = fetch_to_follow(talk.db, int(number))
    if ticket is None:
        return talk.say("no_such")
    if not follow_ticket(talk.db, talk.resident, ticket):
        return talk.say("already", number=number)
    seen = [(f"/repair.show ticket={number}", "do_show")]
    return talk.say("joined", seen, number=number, count=1 + len(followers(talk.db, ticket)))
