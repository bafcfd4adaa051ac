"""Service places by scene, by name, or within ten minutes' walk; and what the canteen cooks today.

居民：健身房
机器人：健身，共……处
居民：附近有什么
机器人：请发定位，或者告诉我您在几幢
居民：5幢
机器人：从5幢步行十分钟以内：……米，走……分钟
居民：今天吃什么
机器人：……元
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.content.hours import open_until, opens_next, timetable
from bot.content.pack import DAYS, SCENES, Answer, Pack, Place
from bot.content.walking import TEN_MINUTES, locate, minutes, nearest, walk
from bot.conversation.message import Choice, Message, Reply
from bot.conversation.message import Place as Spot
from bot.conversation.question import Unclear
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import CIVIL
from bot.conversation.whereabouts import Where
from bot.understanding.place import home_in
from bot.understanding.words import plain

CERTAIN = 0.85  # the share of a question an answer must cover when the question names something else


@dataclass(frozen=True)
class Known(Where):
    """A pin, or a building whose place is known."""

    pack: Pack = field(kw_only=True)

    def find(self, said: Message) -> Spot | None:
        spot = super().find(said)
        return spot if spot is not None and locate(self.pack, spot) else None

    def read(self, said: Message) -> Spot:
        spot = super().read(said)
        if locate(self.pack, spot) is None:
            raise Unclear("places.no_where", buildings=", ".join(b.number for b in self.pack.buildings))
        return spot


@service("places")
def places(talk: Talk) -> Reply:
    pack = talk.community.pack
    if reply := brand(talk, talk.heard()):
        return reply
    scene = talk.choose("scene", [s for s in SCENES if any(p.scene == s for p in pack.places)])
    found = [p for p in pack.places if p.scene == scene]
    home = _home(talk)
    lines = [_line(talk, p, walk(*home, p) if home else None) for p in found]
    listed = talk.text("list", scene={"key": f"places.scene_{scene}"}, count=len(found))
    near = Choice("/places.near", talk.text("menu.places.near"))
    return Reply("\n".join([listed, *lines]), (*_choices(talk, found), near))


@service("places.near")
def near(talk: Talk) -> Reply:
    """Within ten minutes' walk of a pin or a building, 75 metres a minute."""
    pack = talk.community.pack
    hits = talk.community.answers.search(talk.heard(), 1) if talk.heard() else []
    if hits and hits[0].score >= CERTAIN:  # the nearest metro station
        return answer(talk, next(a for a in pack.answers if a.key == hits[0].key))
    home = talk.text("building", building=talk.resident.home.partition("-")[0]) if _home(talk) else ""
    spot = talk.ask("near", Known((Choice(home, home),) if home else (), pack=pack))
    ranked = nearest(pack, *(locate(pack, spot) or (pack.community.lat, pack.community.lon)))
    within = [(d, p) for d, p in ranked if d <= TEN_MINUTES]
    number = home_in(spot.text).building or spot.text.partition("-")[0].strip()
    where = talk.text("building", building=number) if spot.lat is None else talk.text("here")
    shown = within[:8] or ranked[:1]
    told = talk.text("near_list" if within else "near_none", where=where)
    return Reply("\n".join([told, *(_line(talk, p, d) for d, p in shown)]), _choices(talk, [p for _, p in shown]))


@service("places.show")
def show(talk: Talk) -> Reply:
    """One place in full, with its pin."""
    known = [p.key for p in talk.community.pack.places]
    key = talk.given.get("place", "")
    return card(talk, key if key in known else talk.row("which", _rows(talk, talk.community.pack.places)))


def card(talk: Talk, key: str) -> Reply:
    """Everything about a place."""
    place = next(p for p in talk.community.pack.places if p.key == key)
    home, name = _home(talk), talk.texts.show(place.name.model_dump())
    away = walk(*home, place) if home else 0
    told = talk.text(
        "places.card",
        name=name,
        what=place.what.model_dump(),
        who=place.who.model_dump(),
        price=place.price.model_dump(),
        hours=timetable(place, talk.texts.language),
        open=_open(talk, place),
        address=place.address.model_dump(),
        phone=talk.text("places.card_phone", phone=place.phone) if place.phone else "",
        step_free=talk.text("places.card_step_free") if place.step_free else "",
        walk=talk.text("places.card_walk", metres=away, minutes=minutes(away)) if home else "",
        demo=f"\n{talk.text('ask.demo')}" if talk.community.pack.community.demo else "",
    )
    return Reply(told, pin=Spot(name, place.lat, place.lon))


def answer(talk: Talk, known: Answer) -> Reply:
    """What is known, with its source, its date and its place."""
    said = talk.texts.show({k: v for k, v in known.answer.model_dump().items() if v})
    source = talk.texts.show({k: v for k, v in known.source.model_dump().items() if v})
    place = next((p for p in talk.community.pack.places if p.key == known.place), None)
    choices: tuple[Choice, ...] = ()
    if place is not None:
        name = place.name.model_dump()
        choices = (Choice(f"/places.show place={place.key}", talk.text("ask.show_place", place=name)),)
    told = talk.text("ask.answer", answer=said, source=source, date=known.date.isoformat())
    only = "" if talk.texts.language == "zh" or known.answer.en else f"{talk.text('ask.only_chinese')}\n"
    return Reply(f"{only}{told}", choices)


def brand(talk: Talk, text: str) -> Reply | None:
    """What something the community is known for is, if the text is its name."""
    pack, c = talk.community.pack, talk.community.pack.community
    named = next((b for b in pack.brands if plain(text) in (plain(b.name.zh), plain(b.name.en))), None)
    if named is None:
        return None
    told = talk.text("places.brand", name=named.name.model_dump(), what=named.what.model_dump())
    source = talk.text("places.source", source=c.source.model_dump(), date=c.date.isoformat())
    at = [p for p in pack.places if p.key == named.key or named.name.zh in p.name.zh]
    answers = [a for a in pack.answers if a.key == named.key and (a.answer.en or talk.texts.language == "zh")]
    asked = tuple(Choice(f"/ask key={a.key}", talk.text("places.more")) for a in answers)
    return Reply(f"{told}\n{source}", (*_choices(talk, at), *asked))


@service("canteen", anywhere=True)
def canteen(talk: Talk) -> Reply:
    """Today's dishes, with what elders pay."""
    pack, here = talk.community.pack, talk.now.astimezone(CIVIL)
    today = [d for d in pack.canteen.dishes if d.day == DAYS[here.weekday()]]
    if not today:
        return talk.say("none")
    lines = []
    for meal in ("lunch", "supper"):
        dishes = [d for d in today if d.meal == meal]
        named = [talk.text("dish", name=d.name.model_dump(), price=f"{d.price:g}") for d in dishes]
        if dishes:
            lines.append(
                f"{talk.text(f'meal_{meal}')}：{'、'.join(named)}"
                if talk.texts.language == "zh"
                else f"{talk.text(f'meal_{meal}')}: {', '.join(named)}"
            )
    place = next(p for p in pack.places if p.key == pack.canteen.place)
    told = talk.text(
        "today",
        place=place.name.model_dump(),
        day=here.date(),
        dishes="\n".join(lines),
        discount=pack.canteen.discount.model_dump(),
        demo=talk.text("ask.demo") if pack.community.demo else "",
    )
    return Reply(told, (Choice(f"/places.show place={place.key}", talk.text("hours")),))


def _home(talk: Talk) -> tuple[float, float] | None:
    home = talk.resident.home.partition("-")[0]
    return locate(talk.community.pack, Spot(home)) if home else None


def _rows(talk: Talk, found: Sequence[Place]) -> list[tuple[str, str]]:
    return [(p.key, talk.texts.show(p.name.model_dump())) for p in found]


def _choices(talk: Talk, found: list[Place]) -> tuple[Choice, ...]:
    return tuple(Choice(f"/places.show place={key}", label) for key, label in _rows(talk, found[:8]))


def _open(talk: Talk, place: Place) -> str:
    if until := open_until(place, talk.now):
        return talk.text("places.open_now", until=until)
    following = opens_next(place, talk.now)
    return talk.text("places.closed_next", next=_soon(talk, following)) if following else talk.text("places.closed")


def _soon(talk: Talk, at: datetime) -> datetime | str:
    """16:30, tomorrow 08:30, or the date as well."""
    here = at.astimezone(CIVIL)
    days = (here.date() - talk.now.astimezone(CIVIL).date()).days
    return (f"{here:%H:%M}", talk.text("places.tomorrow", time=f"{here:%H:%M}"))[days] if days < 2 else at


def _line(talk: Talk, place: Place, away: int | None) -> str:
    facts = {"name": place.name.model_dump(), "open": _open(talk, place)}
    if away is None:
        return talk.text("line", **facts)
    return talk.text("line_walk", metres=away, minutes=minutes(away), **facts)
