"""Service places: by kind, by name, near a pin, near a building; open, closed, and opening next."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.content.hours import open_until, opens_next
from bot.content.pack import SCENES
from bot.content.walking import PACE, TEN_MINUTES, minutes, nearest, walk
from models.resident import Role
from tests.conftest import Chat, Clock, packs

Neighbour = Callable[..., Chat]
(HONGMEI,) = packs("hongmei")
CENTRE = (30.2905, 120.1985)


def hangzhou(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of November 2026 by the clocks of Hangzhou; the 25th is a Wednesday."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour - 8, minutes=minute)


def line(heard: str, name: str) -> str:
    (found,) = [row for row in heard.splitlines() if row.startswith(f"· {name}")]
    return found


# --- how far ------------------------------------------------------------------------------------------------------


def test_ten_minutes_are_seven_hundred_and_fifty_metres() -> None:
    assert TEN_MINUTES == 750 == 10 * PACE
    assert [minutes(m) for m in (0, 10, 75, 76, 750)] == [1, 1, 1, 2, 10]


def test_near_a_pin_the_metres_and_minutes_are_stated(chat: Chat) -> None:
    chat.say("附近有什么")
    heard = chat.say(at=CENTRE)
    assert heard.startswith("从您的位置步行十分钟以内：")
    rows = heard.splitlines()[1:]
    assert len(rows) == 8
    expected = nearest(HONGMEI, *CENTRE)[:8]
    for row, (away, place) in zip(rows, expected, strict=True):
        assert row.startswith(f"· {place.name.zh}，{away} 米，走 {minutes(away)} 分钟（")
    assert [away for away, _ in expected] == sorted(away for away, _ in expected)
    assert all(away <= TEN_MINUTES for away, _ in expected)
    assert chat.labels() == [p.name.zh for _, p in expected]


@pytest.mark.parametrize("said", ["5幢", "五幢", "5号楼", "我住5幢3单元", "building 5", "5-2-301"])
def test_near_a_building_however_it_is_said(chat: Chat, said: str) -> None:
    chat.say("附近有什么")
    heard = chat.say(said)
    building = next(b for b in HONGMEI.buildings if b.number == "5")
    gym = next(p for p in HONGMEI.places if p.key == "gym")
    assert f"四楼健身房，{walk(building.lat, building.lon, gym)} 米" in heard


def test_one_sentence_is_enough(chat: Chat) -> None:
    assert chat.say("5幢附近有什么").startswith("从5幢步行十分钟以内：")
    chat.say(tap="/language which=en")
    assert chat.say("anything near building 5").startswith("Within ten minutes' walk of Building 5:")


def test_near_my_own_building_with_one_tap(neighbour: Neighbour) -> None:
    li = neighbour("li", home="5幢1单元301")
    li.say("附近有什么")
    assert li.labels() == ["5幢"]
    assert li.say(tap="5幢").startswith("从5幢步行十分钟以内：")


def test_a_home_whose_place_is_not_known_is_not_offered(chat: Chat) -> None:
    chat.settle_in(home="3幢2单元502")  # the demonstration pack has no building 3
    chat.say("附近有什么")
    assert chat.labels() == []


@pytest.mark.parametrize("said", ["99幢", "北门外面", "我家", "3幢"])
def test_an_unknown_spot_is_asked_for_again(chat: Chat, said: str) -> None:
    chat.say("附近有什么")
    heard = chat.say(said)
    assert "我认识这些楼：1, 2, 5, 8, 11, 15, 18, 21, 23" in heard
    assert "请发定位" in heard
    assert chat.say("5幢").startswith("从5幢步行十分钟以内：")  # the question is still open


def test_with_nothing_in_ten_minutes_the_nearest_is_named(chat: Chat) -> None:
    chat.say("附近有什么")
    heard = chat.say(at=(30.2400, 120.1500))
    assert "没有登记的服务点，最近的是" in heard
    (away, place) = nearest(HONGMEI, 30.2400, 120.1500)[0]
    assert away > TEN_MINUTES
    assert heard.splitlines()[1].startswith(f"· {place.name.zh}，{away} 米")
    assert len(heard.splitlines()) == 2


def test_just_within_and_just_beyond_ten_minutes(chat: Chat) -> None:
    south = min(HONGMEI.places, key=lambda p: p.lat)
    for metres, within in ((740, True), (770, False)):
        at = (south.lat - metres / 1.3 / 111_320, south.lon)
        chat.say("附近有什么")
        assert ("步行十分钟以内：" in chat.say(at=at)) is within


# --- open or closed -------------------------------------------------------------------------------------------------

GYM = [  # mon-fri 07:00-10:30, 11:30-13:30, 17:00-21:30; sat,sun 08:30-20:30
    (hangzhou(25, 6, 59), "现在关门，07:00 开"),
    (hangzhou(25, 7, 0), "营业中，到 10:30"),
    (hangzhou(25, 10, 29), "营业中，到 10:30"),
    (hangzhou(25, 10, 30), "现在关门，11:30 开"),
    (hangzhou(25, 14, 0), "现在关门，17:00 开"),
    (hangzhou(25, 21, 29), "营业中，到 21:30"),
    (hangzhou(25, 21, 30), "现在关门，明天 07:00 开"),
    (hangzhou(27, 22, 0), "现在关门，明天 08:30 开"),
    (hangzhou(29, 21, 0), "现在关门，明天 07:00 开"),
]


@pytest.mark.parametrize(("now", "said"), GYM, ids=lambda v: str(v))
def test_open_closed_or_at_lunch(chat: Chat, clock: Clock, now: datetime, said: str) -> None:
    clock.now = now
    assert said in line(chat.say("健身房"), "四楼健身房")
    assert said in chat.say(tap="四楼健身房")


def test_over_the_weekend_the_day_is_named(chat: Chat, clock: Clock) -> None:
    clock.now = hangzhou(28, 12)  # Saturday noon: day care opens on Monday
    assert "营业中，到 17:00" in line(chat.say("颐养"), "红梅日间照料点")
    clock.now = hangzhou(28, 18)
    assert "现在关门，11月30日（周一）07:30 开" in line(chat.say("颐养"), "红梅日间照料点")


def test_a_day_off_is_skipped(chat: Chat, clock: Clock) -> None:
    clock.now = hangzhou(30, 9)  # the reading room rests on Mondays
    assert "现在关门，明天 09:00 开" in chat.say("小书房")


def test_every_place_of_the_pack_opens_within_a_week() -> None:
    for hour in range(0, 24 * 7, 5):
        now = hangzhou(25, 0) + timedelta(hours=hour)
        for place in HONGMEI.places:
            following = opens_next(place, now)
            assert following is not None
            assert timedelta() < following - now <= timedelta(days=7)
            assert open_until(place, following) is not None


# --- by kind and by name --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES)
def test_every_kind_is_found_by_its_name_in_both_languages(chat: Chat, scene: str) -> None:
    for language in ("zh", "en"):
        chat.say(tap=f"/language which={language}")
        name = chat.community.texts(language)(f"places.scene_{scene}")
        places = [p for p in HONGMEI.places if p.scene == scene]
        chat.say(tap="/places")
        heard = chat.say(name)
        assert heard.startswith(name)
        for place in places:
            assert place.name.model_dump()[language] in heard
        assert len(heard.splitlines()) == 1 + len(places)


def test_a_place_in_full(neighbour: Neighbour) -> None:
    li = neighbour("li", home="5幢1单元301")
    heard = li.say(tap="/places.show place=gym")
    gym = next(p for p in HONGMEI.places if p.key == "gym")
    building = next(b for b in HONGMEI.buildings if b.number == "5")
    away = walk(building.lat, building.lon, gym)
    for part in (gym.name, gym.what, gym.who, gym.price, gym.address):
        assert part.zh in heard
    assert "时间：周一至周五 07:00-10:30、11:30-13:30、17:00-21:30；周六、周日 08:30-20:30（营业中，到 13:30）" in heard
    assert "电话：0571-8888 0017" in heard
    assert "无台阶" in heard
    assert f"从您家步行约 {away} 米，{minutes(away)} 分钟" in heard
    assert "（演示数据）" in heard
    pin = li.replies[0].pin
    assert pin is not None
    assert (pin.text, pin.lat, pin.lon) == (gym.name.zh, gym.lat, gym.lon)


def test_without_a_home_no_walk_is_invented(chat: Chat) -> None:
    assert "从您家" not in chat.say(tap="/places.show place=gym")
    assert "米" not in chat.say("健身房")


@pytest.mark.parametrize("key", ["", "nowhere", "../x", "gym;"])
def test_a_place_that_is_not_there_leads_to_the_list(chat: Chat, key: str) -> None:
    assert "您找哪一处" in chat.say(tap=f"/places.show place={key}")
    assert "更多" in chat.labels()
    chat.say(tap="更多")
    assert chat.say(tap="共享厅").startswith("共享厅\n")


# --- the canteen ------------------------------------------------------------------------------------------------------


def test_todays_dishes_with_prices_and_the_elders_discount(chat: Chat, clock: Clock) -> None:
    heard = chat.say("今天吃什么")
    assert "11月25日（周三）" in heard
    wednesday = {d.name.zh for d in HONGMEI.canteen.dishes if d.day == "wed"}
    for dish in (d for d in HONGMEI.canteen.dishes if d.day == "wed" or d.name.zh not in wednesday):
        assert (f"{dish.name.zh} {dish.price:g}" in heard.replace("\u00a0", " ")) is (dish.day == "wed")
    assert HONGMEI.canteen.discount.zh in heard
    assert "（演示数据）" in heard
    assert "时间：" in chat.say(tap="看看食堂时间")
    clock.now = hangzhou(25, 23, 59)
    assert "糖醋里脊" in chat.say("今天吃什么")
    clock.now = hangzhou(26, 0, 1)
    assert "红烧狮子头" in chat.say("今天吃什么")


def test_today_in_english(chat: Chat) -> None:
    chat.say("Hello")
    heard = chat.say("what's for lunch")
    assert "Sweet and sour pork 14" in heard.replace("\u00a0", " ")
    assert HONGMEI.canteen.discount.en in heard


@pytest.mark.parametrize("role", [Role.GUEST, Role.WORKER])
def test_places_are_for_everybody(chat: Chat, role: Role) -> None:
    if role:
        chat.settle_in(role)
    assert "共 2 处" in chat.say("健身房")
