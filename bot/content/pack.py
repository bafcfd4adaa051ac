"""The shape of a content pack: one TOML file that says everything a community offers.

Words are pairs `{ zh = "…", en = "…" }`; coordinates are WGS-84 degrees; clock times are Asia/Shanghai;
prices are yuan. Dates of demonstration events are counted from the day the pack is loaded.
"""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.community import OFFICE
from models.lifecycle import HOURS
from models.workdays import intervals

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SCENES = ("nursery", "elders", "fitness", "rehab", "canteen", "repair", "theatre", "library", "desk", "hall")
Scene = Literal["nursery", "elders", "fitness", "rehab", "canteen", "repair", "theatre", "library", "desk", "hall"]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Latitude = Annotated[float, Field(ge=29.0, le=31.0)]  # greater Hangzhou: a swapped or foreign pair is a slip
Longitude = Annotated[float, Field(ge=118.3, le=121.0)]
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d|24:00"


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Words(Row):
    """The same thing said in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Said(Row):
    """Something said in Chinese and perhaps in English."""

    zh: str = Field(min_length=1)
    en: str | None = None


class Phrasings(Row):
    """Ways of asking."""

    zh: tuple[str, ...] = Field(min_length=1)
    en: tuple[str, ...] = ()


def _days(text: str) -> str:
    day = "|".join(DAYS)
    if not re.fullmatch(rf"(?:{day})(?:-(?:{day}))?(?:,(?:{day})(?:-(?:{day}))?)*", text):
        raise ValueError("days are written like mon-fri or sat,sun")
    return text


def _intervals(text: str) -> str:
    for part in text.split(","):
        match = re.fullmatch(rf"\s*({CLOCK})-({CLOCK})\s*", part)
        if match is None:
            raise ValueError("hours are written like 08:30-12:00, 13:30-17:00")
        if match[1] >= match[2]:
            raise ValueError(f"{part.strip()} ends before it begins")
    return text


class Opening(Row):
    """When a place is open on some days: `days = "mon-fri"`, `open = "08:30-12:00, 13:30-17:00"`."""

    days: Annotated[str, AfterValidator(_days)]
    open: Annotated[str, AfterValidator(_intervals)]


def _office(text: str) -> str:
    intervals(_intervals(text))
    return text


class Profile(Row):
    slug: Key
    name: Words
    district: Words
    lat: Latitude
    lon: Longitude
    phone: str
    profile: Words
    known_for: Words
    source: Words  # where profile and known_for come from
    date: date
    office: Annotated[str, AfterValidator(_office)] = OFFICE  # of every working day: deadlines run in these hours
    alliance: bool = True  # one of the ten of the 幸福杭州社区联盟
    demo: bool = True  # places, hours, prices, dishes, answers and events are invented for demonstration


class Brand(Row):
    """What the community is known for, as a service a resident can use."""

    key: Key
    name: Words
    what: Words


class Building(Row):
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}[A-Z]?$")]  # without 幢 or 号楼
    lat: Latitude
    lon: Longitude
    units: int = Field(ge=1, le=12)


class Place(Row):
    """A service place of one of the eight scenes, a counter (`desk`) or the shared hall (`hall`)."""

    key: Key
    scene: Scene
    name: Words
    what: Words
    who: Words
    price: Words
    address: Words
    lat: Latitude
    lon: Longitude
    phone: str = ""
    step_free: bool = False
    hours: tuple[Opening, ...] = Field(min_length=1)
    also: tuple[str, ...] = ()  # other words residents use for it


class Answer(Row):
    """What to say to a question; `source` and `date` are said with it."""

    key: Key
    ask: Phrasings
    answer: Said
    source: Said
    date: date
    place: Key | None = None


class Dish(Row):
    day: Day
    meal: Literal["lunch", "supper"]
    name: Words
    price: float = Field(gt=0, le=200)


class Canteen(Row):
    place: Key
    discount: Words  # who pays less, from which age, and what they have to bring
    dishes: tuple[Dish, ...] = Field(min_length=14)


class Event(Row):
    key: Key
    title: Words
    what: Words
    place: Key
    in_days: int = Field(ge=0, le=60)
    at: Annotated[str, StringConstraints(pattern=rf"^({CLOCK})$")]
    minutes: int = Field(ge=15, le=600)
    seats: int = Field(ge=1, le=1000)
    who: Words
    remind: tuple[int, ...] = (1440, 120)  # minutes before


class Topic(Row):
    """An open topic for the 议事坊, waiting to be seconded."""

    key: Key
    title: Words
    what: Words
    seconds_needed: int = Field(ge=1, le=500)
    days: int = Field(ge=1, le=90)


class Vote(Row):
    """A vote in progress."""

    key: Key
    title: Words
    what: Words
    options: tuple[Words, ...] = Field(min_length=2, max_length=12)
    days: int = Field(ge=1, le=60)
    voter: Literal["person", "household"] = "person"
    hidden: bool = True  # counts stay hidden until the close


class Route(Row):
    """Who reports of a kind go to; what is left out is not asked for. Workers are named in the console."""

    name: Words  # shown as the reason
    categories: tuple[str, ...] = ()
    buildings: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    at: Annotated[str, StringConstraints(pattern=rf"^({CLOCK})-({CLOCK})$")] = "00:00-24:00"  # may go over midnight
    role: Literal["worker", "manager"] = "worker"

    @model_validator(mode="after")
    def _known(self) -> "Route":
        if strange := sorted(set(self.categories) - set(HOURS)):
            raise ValueError(f"no such category: {', '.join(strange)}")
        return self


DISPUTES = Route(
    name=Words(zh="邻里纠纷先由负责人看", en="Disputes between neighbours go to the manager first"),
    categories=("neighbour_dispute",),
    role="manager",
)


class Pack(Row):
    """Everything a community offers."""

    community: Profile
    brands: tuple[Brand, ...] = Field(min_length=1)
    buildings: tuple[Building, ...] = Field(min_length=1)
    places: tuple[Place, ...] = Field(min_length=8)
    canteen: Canteen
    answers: tuple[Answer, ...] = Field(min_length=30)
    events: tuple[Event, ...] = Field(min_length=5)
    topics: tuple[Topic, ...] = Field(min_length=1)
    votes: tuple[Vote, ...] = Field(min_length=1)
    routes: tuple[Route, ...] = (DISPUTES,)  # tried in this order
    wording: dict[str, dict[str, str]] = {}  # sentences said differently here: "hello.hello" = "…"

    @model_validator(mode="after")
    def _complete(self) -> "Pack":
        for name in ("brands", "places", "answers", "events", "topics", "votes"):
            keys = [row.key for row in getattr(self, name)]
            if twice := sorted({k for k in keys if keys.count(k) > 1}):
                raise ValueError(f"{name}: key used twice: {', '.join(twice)}")
        places = {p.key for p in self.places}
        named = {a.place for a in self.answers if a.place} | {e.place for e in self.events} | {self.canteen.place}
        if lost := sorted(named - places):
            raise ValueError(f"places: no such key: {', '.join(lost)}")
        if missing := sorted(set(SCENES[:8]) - {p.scene for p in self.places}):
            raise ValueError(f"places: no place for scene: {', '.join(missing)}")
        english = sum(1 for a in self.answers if a.answer.en and a.ask.en)
        if english < 10:
            raise ValueError(f"answers: at least 10 need English, {english} have it")
        return self
