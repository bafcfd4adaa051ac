"""Content packs: the twelve that come with the program, what is wrong with a broken one, hours and walks."""

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import select

from bot.content.hours import days_of, intervals, open_until, opens_next, timetable
from bot.content.load import BadPack, load_pack, read_pack
from bot.content.pack import DAYS, Opening, Pack, Place
from bot.content.snapshot import Communities, Community
from bot.content.walking import TEN_MINUTES, building, locate, minutes, nearest, walk
from bot.conversation.desk import Desk
from bot.conversation.message import Place as Spot
from bot.conversation.texts import CIVIL
from bot.understanding.answers import Index
from bot.understanding.words import meaning
from models.event import Event
from models.household import Household
from models.poll import Poll
from models.proposal import Proposal
from models.resident import Resident
from models.store import reading
from models.ticket import Ticket
from models.workdays import calendar_of
from tests.conftest import NOON, ROOT, Chat, both_stores

FILES = sorted((ROOT / "communities").glob("*.toml"))
HONGMEI = ROOT / "communities/hongmei.toml"


def named(path: Path) -> str:
    return path.stem


def pack_of(path: Path) -> Pack:
    return Pack.model_validate(tomllib.loads(path.read_text("utf-8")))


def test_an_office_has_hours_of_its_own(engine: Engine) -> None:
    """Of the pack, for the deadlines; hours that overlap, or a route for what there is not, are refused."""
    given = pack_of(HONGMEI).model_dump()
    given["community"]["office"] = "09:00-11:00"
    load_pack(engine, Pack.model_validate(given), NOON)
    with reading(engine, 1) as db:
        assert calendar_of(db).hours == ((540, 660),)
    with reading(engine, 2) as db:
        assert calendar_of(db).hours == ((510, 720), (810, 1020))
    given["community"]["office"] = "09:00-12:00, 11:00-17:00"
    with pytest.raises(ValidationError, match="do not overlap"):
        Pack.model_validate(given)
    given["community"]["office"] = "09:00-11:00"
    given["routes"] = [{"name": {"zh": "飞碟", "en": "Saucers"}, "categories": ["saucers"]}]
    with pytest.raises(ValidationError, match="no such category: saucers"):
        Pack.model_validate(given)


def test_there_are_twelve() -> None:
    slugs = [read_pack(path).community.slug for path in FILES]
    assert len(slugs) == len(set(slugs)) == 12
    assert slugs == [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_an_answer_is_found_by_its_own_phrasings(path: Path) -> None:
    community = Community(1, read_pack(path))
    asked = [(a.key, phrase) for a in community.pack.answers for phrase in (*a.ask.zh, *a.ask.en)]
    lost = [(key, phrase) for key, phrase in asked if community.answers.search(phrase, most=1)[0].key != key]
    assert len(lost) <= len(asked) * 0.05, lost
    reached = {community.answers.search(phrase, most=1)[0].key for _, phrase in asked}
    assert reached == {a.key for a in community.pack.answers}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_place_is_found_by_its_names(path: Path) -> None:
    community = Community(1, read_pack(path))
    index = Index(community.place_names)
    for place in community.pack.places:
        for name in (place.name.zh, place.name.en):
            assert index.search(name, most=1)[0].key == place.key
            assert meaning(f"请问{name}在哪里" if name == place.name.zh else name, community.place_names) == place.key


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_place_can_be_walked_to_and_opens_some_time(path: Path) -> None:
    pack = read_pack(path)
    monday = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)  # 00:00 in Hangzhou
    for place in pack.places:
        opening = opens_next(place, monday - timedelta(seconds=1))
        assert opening is not None
        assert open_until(place, opening) is not None
    for house in pack.buildings:
        assert locate(pack, Spot(f"{house.number}幢")) == (house.lat, house.lon)
        assert nearest(pack, house.lat, house.lon)[0][0] < 5_000


# a broken pack


def broken(tmp_path: Path, old: str, new: str, count: int = 1) -> str:
    """What is said of hongmei's pack with one slip in it."""
    source = HONGMEI.read_text("utf-8")
    assert old in source
    path = tmp_path / "slip.toml"
    path.write_text(source.replace(old, new, count), "utf-8")
    with pytest.raises(BadPack) as told:
        read_pack(path)
    lines = str(told.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return "\n".join(line.removeprefix(f"{path}: ") for line in lines)


def first(pattern: str) -> str:
    found = re.search(pattern, HONGMEI.read_text("utf-8"), re.MULTILINE)
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("pattern", "new", "said"),
    [
        (
            r"open = \"[^\"]*\"",
            'open = "8:30-12:00"',
            r"\[places\] number 1, key hours number 1, key open: hours are written",
        ),
        (r"open = \"[^\"]*\"", 'open = "12:00-08:30"', r"key open: 12:00-08:30 ends before it begins"),
        (
            r"days = \"[^\"]*\"",
            'days = "monday"',
            r"\[places\] number 1, key hours number 1, key days: days are written like",
        ),
        (r"^lat = .*$", "lat = 120.1", r"\[community\], key lat: Input should be less than or equal to 31"),
        (r"^slug = .*$", 'slug = "Hong Mei"', r"\[community\], key slug: String should match"),
        (r"^slug = .*$", "", r"\[community\], key slug: Field required"),
        (r"^slug = .*$", 'slug = "hongmei"\nmotto = "x"', r"\[community\], key motto: Extra inputs are not permitted"),
        (r"^seats = .*$", "seats = 0", r"\[events\] number 1, key seats: Input should be greater"),
        (r"^seats = .*$", 'seats = "many"', r"\[events\] number 1, key seats: Input should be a valid integer"),
        (r"^scene = .*$", 'scene = "casino"', r"\[places\] number 1, key scene: Input should be 'nursery'"),
        (r"^in_days = .*$", "in_days = 400", r"\[events\] number 1, key in_days: Input should be less"),
    ],
)
def test_a_slip_is_named_with_its_table_and_key(tmp_path: Path, pattern: str, new: str, said: str) -> None:
    told = broken(tmp_path, first(pattern), new)
    assert re.search(said, told), told


def test_slips_between_tables_are_named(tmp_path: Path) -> None:
    key = pack_of(HONGMEI).answers[1].key
    other = pack_of(HONGMEI).answers[0].key
    assert f"answers: key used twice: {other}" in broken(tmp_path, f'key = "{key}"', f'key = "{other}"')
    place = pack_of(HONGMEI).canteen.place
    assert "places: no such key: nowhere" in broken(tmp_path, f'place = "{place}"', 'place = "nowhere"')
    scene = next(p.scene for p in pack_of(HONGMEI).places if p.scene == "theatre")
    assert "places: no place for scene: theatre" in broken(tmp_path, f'scene = "{scene}"', 'scene = "desk"', 9)


def test_two_slips_are_two_lines(tmp_path: Path) -> None:
    told = broken(tmp_path, first(r"^lat = .*\nlon = .*$"), "lat = 120.1\nlon = 30.2")
    assert [line.partition(":")[0] for line in told.splitlines()] == ["[community], key lat", "[community], key lon"]


def test_what_is_no_toml_at_all_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pack.toml"
    with pytest.raises(BadPack, match=r"pack\.toml.*No such file"):
        read_pack(path)
    path.write_text('[community]\nslug = "a\n')
    with pytest.raises(BadPack, match="line 2"):
        read_pack(path)
    path.write_bytes("name = '红梅'".encode("gbk"))
    with pytest.raises(BadPack, match="utf-8"):
        read_pack(path)
    path.write_text("")
    with pytest.raises(BadPack, match=r"\[community\]: Field required"):
        read_pack(path)
    with pytest.raises(BadPack, match=str(tmp_path)):
        read_pack(tmp_path)


# hours


def at(day: str, clock: str) -> datetime:
    """A moment (UTC) of the week of NOON, in civil time: at("wed", "12:00") is NOON."""
    hour, minute = map(int, clock.split(":"))
    days = DAYS.index(day) - 2
    return NOON + timedelta(days=days, hours=hour - 12, minutes=minute)


def place_open(*hours: tuple[str, str]) -> Place:
    shop = pack_of(HONGMEI).places[0]
    return shop.model_copy(update={"hours": tuple(Opening(days=d, open=o) for d, o in hours)})


OFFICE = place_open(("mon-fri", "08:30-12:00, 13:30-17:00"), ("sat", "09:00-12:00"))
BAR = place_open(("fri", "18:00-24:00"), ("sat", "00:00-02:00, 18:00-24:00"), ("sun", "00:00-02:00"))


@pytest.mark.parametrize(
    ("place", "day", "clock", "until"),
    [
        (OFFICE, "mon", "08:29", None),
        (OFFICE, "mon", "08:30", "12:00"),
        (OFFICE, "mon", "11:59", "12:00"),
        (OFFICE, "mon", "12:00", None),
        (OFFICE, "mon", "13:30", "17:00"),
        (OFFICE, "sat", "14:00", None),
        (OFFICE, "sun", "10:00", None),
        (BAR, "fri", "23:59", "24:00"),
        (BAR, "sat", "00:00", "02:00"),
        (BAR, "sat", "02:00", None),
        (BAR, "sun", "01:30", "02:00"),
        (BAR, "mon", "01:30", None),
    ],
)
def test_open_until(place: Place, day: str, clock: str, until: str | None) -> None:
    assert open_until(place, at(day, clock)) == until


@pytest.mark.parametrize(
    ("place", "day", "clock", "opens"),
    [
        (OFFICE, "mon", "12:00", "mon 13:30"),  # after lunch
        (OFFICE, "mon", "08:30", "mon 13:30"),  # it is open: the next time, not this one
        (OFFICE, "mon", "17:00", "tue 08:30"),
        (OFFICE, "fri", "17:00", "sat 09:00"),
        (OFFICE, "sat", "12:00", "mon 08:30"),  # over the weekend
        (BAR, "sun", "03:00", "fri 18:00"),
        (BAR, "fri", "18:00", "sat 00:00"),
    ],
)
def test_opens_next(place: Place, day: str, clock: str, opens: str) -> None:
    found = opens_next(place, at(day, clock))
    assert found is not None
    assert f"{DAYS[found.astimezone(CIVIL).weekday()]} {found.astimezone(CIVIL):%H:%M}" == opens
    assert timedelta(0) < found - at(day, clock) <= timedelta(days=7)


def test_a_weekly_hour_just_past_is_a_week_away() -> None:
    weekly = place_open(("wed", "12:00-13:00"))
    assert opens_next(weekly, NOON) == NOON + timedelta(days=7)
    assert opens_next(weekly, NOON - timedelta(seconds=1)) == NOON


def test_days_may_run_over_the_end_of_the_week() -> None:
    assert days_of(Opening(days="fri-mon", open="09:00-10:00")) == ["fri", "sat", "sun", "mon"]
    assert days_of(Opening(days="mon-fri", open="09:00-10:00")) == list(DAYS[:5])
    assert days_of(Opening(days="sat,sun", open="09:00-10:00")) == ["sat", "sun"]
    assert days_of(Opening(days="mon-tue,sun", open="09:00-10:00")) == ["mon", "tue", "sun"]


def test_intervals_of_several_rows_are_put_in_order() -> None:
    place = place_open(("mon", "13:30-17:00"), ("mon-sun", "08:30-12:00"))
    assert intervals(place, 0) == [("08:30", "12:00"), ("13:30", "17:00")]
    assert intervals(place, 1) == [("08:30", "12:00")]


def test_timetables_read_as_they_are_hung_on_a_door() -> None:
    assert timetable(OFFICE, "zh") == "周一至周五 08:30-12:00、13:30-17:00；周六 09:00-12:00"
    assert timetable(OFFICE, "en") == "Mon–Fri 08:30-12:00, 13:30-17:00; Sat 09:00-12:00"
    assert timetable(place_open(("sat,sun", "00:00-24:00")), "zh") == "周六、周日 00:00-24:00"


# walks


def test_a_walk_is_longer_than_the_straight_line() -> None:
    shop = place_open(("mon", "09:00-10:00")).model_copy(update={"lat": 30.28, "lon": 120.16})
    assert walk(30.28, 120.16, shop) == 0
    assert walk(30.28 + 0.0045, 120.16, shop) == pytest.approx(500 * 1.3, abs=10)  # 0.0045 degrees are 500 metres
    assert walk(30.28, 120.16 + 0.0045, shop) == pytest.approx(432 * 1.3, abs=10)  # and fewer along a parallel
    assert walk(30.2823, 120.1641, shop) % 10 == 0


@pytest.mark.parametrize(("metres", "taken"), [(0, 1), (10, 1), (75, 1), (76, 2), (750, 10), (751, 11)])
def test_minutes_of_a_walk(metres: int, taken: int) -> None:
    assert minutes(metres) == taken


def test_ten_minutes_are_ten() -> None:
    assert minutes(TEN_MINUTES) == 10
    assert minutes(TEN_MINUTES + 1) == 11


def test_places_come_nearest_first() -> None:
    pack = pack_of(HONGMEI)
    ranked = nearest(pack, pack.places[3].lat, pack.places[3].lon)
    assert ranked[0] == (0, pack.places[3])
    assert len(ranked) == len(pack.places)
    assert [d for d, _ in ranked] == sorted(d for d, _ in ranked)


def test_a_spot_is_located_by_pin_or_by_building() -> None:
    pack = pack_of(HONGMEI)
    house = building(pack, "5")
    assert house is not None
    assert locate(pack, Spot("5幢", 30.1, 120.2)) == (30.1, 120.2)
    assert locate(pack, Spot("", 0.0, 0.0)) == (0.0, 0.0)
    assert locate(pack, Spot("在五幢楼下")) == (house.lat, house.lon)
    assert locate(pack, Spot("5-2-502")) == (house.lat, house.lon)
    assert locate(pack, Spot("999幢")) is None
    assert locate(pack, Spot("大门口")) is None
    assert locate(pack, Spot()) is None


# into the store


@both_stores
def test_loading_twice_loses_nothing(chat: Chat, neighbour: Callable[..., Chat]) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    engine, pack = chat.desk.engine, pack_of(HONGMEI)
    neighbour("li").says("报名活动", "1", "2")
    before = {table: [r.model_dump() for r in chat.rows(table)] for table in (Resident, Household, Ticket, Event)}
    more = {table: len(chat.rows(table)) for table in (Proposal, Poll)}
    load_pack(engine, pack, NOON)
    load_pack(engine, pack, NOON + timedelta(hours=1))
    assert {table: [r.model_dump() for r in chat.rows(table)] for table in before} == before
    assert {table: len(chat.rows(table)) for table in more} == more
    assert any(event["key"] for event in before[Event])
    chat.desk.communities.refresh()
    assert "1 号" in chat.say("我的报修")


def renamed(pack: Pack, name: str) -> Pack:
    words = pack.community.name.model_copy(update={"zh": name})
    return pack.model_copy(update={"community": pack.community.model_copy(update={"name": words})})


@both_stores
def test_a_running_snapshot_notices_a_change(desk: Desk, engine: Engine) -> None:
    before, other = desk.communities["hongmei"], desk.communities["baoshi"]
    desk.communities.refresh()
    assert desk.communities["hongmei"] is before
    load_pack(engine, renamed(pack_of(HONGMEI), "新红梅社区"), NOON)
    assert desk.communities["hongmei"] is before  # until it looks
    desk.communities.refresh()
    assert desk.communities["hongmei"].pack.community.name.zh == "新红梅社区"
    assert desk.communities["hongmei"].id == before.id
    assert desk.communities["baoshi"] is other  # what has not changed keeps its index
    chat = Chat(desk)
    assert "新红梅社区" in chat.say("你好")


def test_a_new_community_is_noticed(desk: Desk, engine: Engine) -> None:
    assert desk.communities.get("wufu") is None
    load_pack(engine, pack_of(ROOT / "communities/wufu.toml"), NOON)
    desk.communities.refresh()
    assert desk.communities["wufu"].slug == "wufu"
    assert desk.communities.by_id(desk.communities["wufu"].id).slug == "wufu"
    assert len(desk.communities.all()) == 3


def test_the_same_pack_again_is_no_change(engine: Engine) -> None:
    communities = Communities(engine)
    before = communities["hongmei"]
    load_pack(engine, pack_of(HONGMEI), NOON + timedelta(days=1))
    communities.refresh()
    assert communities["hongmei"] is before


def test_events_are_dated_from_the_day_of_loading(engine: Engine, desk: Desk) -> None:
    planned = {e.key: e for e in pack_of(HONGMEI).events}
    with reading(engine, desk.communities["hongmei"].id) as db:
        events = {e.key: e for e in db.exec(select(Event)) if e.key}
    assert set(events) == set(planned)
    for key, event in events.items():
        starts = event.starts_at.astimezone(CIVIL)
        assert f"{starts:%H:%M}" == planned[key].at
        assert starts > NOON
        assert (starts.date() - NOON.date()).days in (planned[key].in_days, planned[key].in_days + 1)
