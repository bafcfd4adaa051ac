"""Events: seats, the queue for them, what is owed to whom, and how it is said."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from bot.content.calendar import enter_events
from bot.conversation.desk import Desk
from models.announcing import announce, cancel_event, invite_all, move_event
from models.event import CalledOff, Event, Over, Past, event_by_key, fetch_event, upcoming
from models.outbox import Post, Push
from models.resident import Resident, Role
from models.signup import (
    NoOffer,
    NoRoom,
    NotSignedUp,
    SignUp,
    SignUpState,
    accept_offer,
    cancel_signup,
    decline_offer,
    lapse_due_offers,
    offers_due,
    sign_up,
)
from models.store import WrongCommunity, connect, reading, transaction
from models.turnout import place_in_queue, signups_of, who_comes
from tests.conftest import NOON, Chat, Clock, both_stores, packs

IN, WAITING, OFFERED = SignUpState.IN, SignUpState.WAITING, SignUpState.OFFERED
CANCELLED, LAPSED = SignUpState.CANCELLED, SignUpState.LAPSED
SATURDAY = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)  # 14:00 in Hangzhou, three days from NOON


class Hall:
    """One event, and neighbours who are known by name."""

    def __init__(self, desk: Desk, seats: int = 3, starts_at: datetime = SATURDAY) -> None:
        self.desk, self.community = desk, desk.communities["hongmei"]
        with self.store() as db:
            place = {"zh": "共享厅", "en": "Hall"}
            self.id = announce(db, None, {"zh": "包饺子", "en": "Dumplings"}, {}, place, starts_at, 90, seats).id

    def store(self) -> Any:
        return transaction(self.desk.engine, self.community.id, self.desk.now())

    def event(self, db: Session) -> Event:
        event = fetch_event(db, self.id)
        assert event is not None
        return event

    def resident(self, db: Session, name: str, role: Role = Role.RESIDENT) -> Resident:
        found = db.exec(select(Resident).where(Resident.origin == name)).first()
        if found is None:
            found = Resident(origin=name, name=name, role=role)
            db.add(found)
            db.flush()
        return found

    def does(self, verb: Callable[..., Any], name: str, *more: Any) -> Any:
        with self.store() as db:
            return verb(db, self.event(db), self.resident(db, name), *more)

    def runs(self, verb: Callable[..., Any], *more: Any) -> Any:
        with self.store() as db:
            return verb(db, self.event(db), self.resident(db, "worker", Role.WORKER), *more)

    def stands(self) -> dict[str, tuple[SignUpState, int]]:
        with self.store() as db:
            rows = db.exec(select(Resident.origin, SignUp).join(SignUp, col(SignUp.resident_id) == Resident.id))
            return {name: (s.state, s.heads) for name, s in rows}

    def owed(self, name: str, state: Post = Post.WAITING) -> list[Push]:
        with self.store() as db:
            mine = select(Push).where(Push.resident_id == self.resident(db, name).id, Push.state == state)
            return list(db.exec(mine.order_by(Push.due_at, Push.id)))

    def told(self, name: str) -> list[str]:
        return [p.text_key.removeprefix("events.") for p in self.owed(name) if p.text_key != "events.reminder"]

    def reminded(self, name: str) -> list[datetime]:
        return [p.due_at for p in self.owed(name) if p.text_key == "events.reminder"]


@pytest.fixture
def hall(desk: Desk) -> Hall:
    return Hall(desk)


@both_stores
def test_fifty_at_once_on_two_connections_never_oversell(hall: Hall, store_url: str, engine: Engine) -> None:
    names = [f"neighbour {n}" for n in range(50)]
    with hall.store() as db:
        hall.event(db).seats = 20
        for name in names:
            hall.resident(db, name)
    second = connect(store_url)

    def join(n: int) -> SignUpState:
        with transaction((engine, second)[n % 2], hall.community.id, NOON) as db:
            return sign_up(db, hall.event(db), hall.resident(db, names[n]), 1 + n % 3).state

    with ThreadPoolExecutor(12) as pool:
        states = list(pool.map(join, range(50)))
    second.dispose()
    stands = hall.stands()
    assert len(stands) == 50
    taken = sum(heads for state, heads in stands.values() if state is IN)
    assert taken <= 20
    left = 20 - taken
    assert all(heads > left for state, heads in stands.values() if state is WAITING)
    assert {IN, WAITING} == set(states)
    with hall.store() as db:
        assert sorted(s.turn for s in db.exec(select(SignUp))) == list(range(1, 51))


@both_stores
def test_the_queue_is_served_in_order_among_those_who_fit(hall: Hall) -> None:
    hall.does(sign_up, "an", 2)
    hall.does(sign_up, "bo", 1)
    assert hall.does(sign_up, "family", 3).state is WAITING
    assert hall.does(sign_up, "chen", 1).state is WAITING
    last = hall.does(sign_up, "deng", 1)
    with hall.store() as db:
        assert place_in_queue(db, last) == 3
    hall.does(cancel_signup, "an")  # two seats: the family of three is first, but does not fit
    assert hall.stands() == {
        "an": (CANCELLED, 2),
        "bo": (IN, 1),
        "family": (WAITING, 3),
        "chen": (OFFERED, 1),
        "deng": (OFFERED, 1),
    }
    assert hall.told("chen") == ["offer"]
    assert hall.told("family") == []
    assert hall.does(sign_up, "late", 1).state is WAITING  # offered seats are held
    hall.does(decline_offer, "chen")
    assert hall.stands()["late"] == (OFFERED, 1)


@both_stores
def test_accepting_an_offer_takes_the_seat_and_owes_reminders(hall: Hall) -> None:
    hall.does(sign_up, "an", 3)
    hall.does(sign_up, "bo", 2)
    assert hall.reminded("bo") == []
    hall.does(cancel_signup, "an")
    [offer] = hall.owed("bo")
    assert [value for value, _ in offer.choices] == [f"/events.{s} event={hall.id}" for s in ("accept", "decline")]
    assert offer.expires_at == NOON + timedelta(hours=2)
    assert hall.does(accept_offer, "bo").state is IN
    assert hall.reminded("bo") == [SATURDAY - timedelta(days=1), SATURDAY - timedelta(hours=2)]
    with pytest.raises(NoOffer):
        hall.does(accept_offer, "bo")


@both_stores
def test_an_offer_lapses_by_the_clock_and_goes_on(hall: Hall, clock: Clock) -> None:
    for name in ("an", "bo", "chen"):
        hall.does(sign_up, name, 3)
    hall.does(cancel_signup, "an")
    clock.passes(hours=2, seconds=-1)
    with reading(hall.desk.engine, None, clock()) as db:
        assert offers_due(db) == []
    with hall.store() as db:
        assert lapse_due_offers(db) == 0
    clock.passes(seconds=1)
    with pytest.raises(NoOffer):
        hall.does(accept_offer, "bo")
    with reading(hall.desk.engine, None, clock()) as db:
        assert offers_due(db) == [hall.community.id]
    with hall.store() as db:
        assert lapse_due_offers(db) == 1
    assert hall.stands() == {"an": (CANCELLED, 3), "bo": (LAPSED, 3), "chen": (OFFERED, 3)}
    assert "lapsed" in hall.told("bo")
    assert hall.told("chen") == ["offer"]
    with reading(hall.desk.engine, None, clock()) as db:
        assert offers_due(db) == []


def test_an_offer_never_reaches_into_the_last_half_hour(hall: Hall, clock: Clock) -> None:
    hall.does(sign_up, "an", 2)
    hall.does(sign_up, "bo", 1)
    hall.does(sign_up, "chen", 1)
    hall.does(sign_up, "deng", 1)
    clock.now = SATURDAY - timedelta(hours=1)
    hall.does(cancel_signup, "bo")
    [offer] = hall.owed("chen")
    assert offer.expires_at == SATURDAY - timedelta(minutes=30)
    clock.now = SATURDAY - timedelta(minutes=30)
    hall.does(cancel_signup, "an")
    assert hall.stands()["deng"] == (WAITING, 1)


def test_nobody_loses_an_offer_in_their_sleep(hall: Hall, clock: Clock) -> None:
    hall.does(sign_up, "an", 3)
    hall.does(sign_up, "bo", 1)
    clock.now = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)  # 22:00 in Hangzhou
    hall.does(cancel_signup, "an")
    [offer] = hall.owed("bo")
    assert offer.expires_at == datetime(2026, 11, 27, 2, 0, tzinfo=UTC)  # 10:00, two hours after waking
    with hall.store() as db:
        hall.resident(db, "owl").quiet_from = hall.resident(db, "owl").quiet_until = 0
        hall.event(db).seats = 5
    hall.does(sign_up, "an", 4)
    hall.does(sign_up, "owl", 1)
    hall.does(cancel_signup, "an")
    assert hall.owed("owl")[-1].expires_at == clock() + timedelta(hours=2)


@both_stores
def test_moving_tells_everyone_and_voids_old_reminders(hall: Hall) -> None:
    hall.does(sign_up, "an", 2)
    hall.does(sign_up, "bo", 1)
    hall.does(sign_up, "chen", 1)
    later = SATURDAY + timedelta(days=2)
    assert hall.runs(move_event, later, {"zh": "小剧场"}) == 3
    for name in ("an", "bo"):
        assert hall.told(name) == ["moved"]
        assert hall.reminded(name) == [later - timedelta(days=1), later - timedelta(hours=2)]
        assert len(hall.owed(name, Post.CANCELLED)) == 2
    assert hall.told("chen") == ["moved"]
    assert hall.reminded("chen") == []
    with hall.store() as db:
        event = hall.event(db)
        assert (event.version, event.ends_at - event.starts_at) == (2, timedelta(minutes=90))
        assert event.place == {"zh": "小剧场"}
    assert hall.owed("an")[0].facts["before"] == {"utc": SATURDAY.isoformat()}


def test_moving_renews_an_open_offer(hall: Hall, clock: Clock) -> None:
    hall.does(sign_up, "an", 3)
    hall.does(sign_up, "bo", 1)
    hall.does(cancel_signup, "an")
    clock.passes(hours=1)
    hall.runs(move_event, SATURDAY + timedelta(days=1))
    assert hall.told("bo") == ["moved_offer"]
    clock.passes(hours=1, minutes=30)
    assert hall.does(accept_offer, "bo").state is IN


@both_stores
def test_cancelling_tells_everyone_and_owes_nothing_more(hall: Hall, clock: Clock) -> None:
    hall.does(sign_up, "an", 3)
    hall.does(sign_up, "bo", 2)
    assert hall.runs(cancel_event, "下雨") == 2
    assert hall.told("an") == hall.told("bo") == ["cancelled"]
    assert hall.reminded("an") == []
    assert hall.owed("an")[0].facts["why"] == "下雨"
    with pytest.raises(CalledOff):
        hall.does(sign_up, "chen", 1)
    with pytest.raises(CalledOff):
        hall.runs(move_event, SATURDAY + timedelta(days=1))
    hall.does(cancel_signup, "an")
    assert hall.stands()["bo"] == (CANCELLED, 2)  # nobody is offered a seat of what does not take place
    with hall.store() as db:
        assert hall.id not in [e.id for e in upcoming(db)]


@both_stores
def test_reminders_that_are_late_are_not_owed(hall: Hall, clock: Clock) -> None:
    clock.now = SATURDAY - timedelta(hours=3)
    hall.does(sign_up, "an", 1)
    assert hall.reminded("an") == [SATURDAY - timedelta(hours=2)]
    assert hall.owed("an")[0].expires_at == SATURDAY
    clock.now = SATURDAY - timedelta(hours=2)
    hall.does(sign_up, "bo", 1)
    assert hall.reminded("bo") == []


@both_stores
def test_who_comes_back_is_reminded_again(hall: Hall) -> None:
    for _ in range(2):
        hall.does(sign_up, "an", 1)
        assert len(hall.reminded("an")) == 2
        hall.does(cancel_signup, "an")
        assert hall.reminded("an") == []
    with pytest.raises(NotSignedUp):
        hall.does(cancel_signup, "an")


@both_stores
def test_the_number_of_heads_changes_if_it_fits(hall: Hall) -> None:
    hall.does(sign_up, "an", 1)
    hall.does(sign_up, "bo", 1)
    assert hall.does(sign_up, "an", 2).heads == 2
    assert len(hall.reminded("an")) == 2
    with pytest.raises(NoRoom) as full:
        hall.does(sign_up, "bo", 2)
    assert full.value.free == 1
    assert hall.stands()["bo"] == (IN, 1)
    hall.does(sign_up, "chen", 1)
    assert hall.does(sign_up, "chen", 2).state is WAITING
    hall.does(sign_up, "an", 1)  # frees one, too few for two
    assert hall.stands()["chen"] == (WAITING, 2)
    assert hall.does(sign_up, "chen", 1).state is IN
    with pytest.raises(NoRoom):
        hall.does(sign_up, "deng", 4)  # more than the hall holds


def test_fewer_heads_offer_the_seats_to_the_next(hall: Hall) -> None:
    hall.does(sign_up, "an", 3)
    hall.does(sign_up, "bo", 1)
    hall.does(sign_up, "an", 2)
    assert hall.stands() == {"an": (IN, 2), "bo": (OFFERED, 1)}


def test_nobody_comes_in_after_the_start(hall: Hall, clock: Clock) -> None:
    clock.now = SATURDAY - timedelta(seconds=1)
    hall.does(sign_up, "an", 1)
    clock.now = SATURDAY
    with pytest.raises(Over):
        hall.does(sign_up, "bo", 1)
    with pytest.raises(Over):
        hall.runs(cancel_event, "")


@both_stores
def test_another_community_sees_nothing_and_cannot_join(hall: Hall, desk: Desk) -> None:
    hall.does(sign_up, "an", 3)
    with hall.store() as db:
        event = hall.event(db)
    baoshi = desk.communities["baoshi"].id
    with pytest.raises(WrongCommunity), transaction(desk.engine, baoshi, NOON) as db:
        sign_up(db, event, hall.resident(db, "stranger"), 1)
    with transaction(desk.engine, baoshi, NOON) as db:
        stranger = hall.resident(db, "stranger", Role.WORKER)
        assert fetch_event(db, hall.id) is None
        assert hall.id not in [e.id for e in upcoming(db)]
        assert who_comes(db, event, stranger) == []
        with pytest.raises(WrongCommunity):
            cancel_event(db, event, stranger, "")


def test_what_each_role_may_do(hall: Hall) -> None:
    with hall.store() as db:
        guest = hall.resident(db, "guest", Role.GUEST)
        resident, event = hall.resident(db, "an"), hall.event(db)
        with pytest.raises(PermissionError):
            sign_up(db, event, guest, 1)
        with pytest.raises(PermissionError):
            announce(db, resident, {"zh": "a"}, {}, {}, SATURDAY, 60, 5)
        with pytest.raises(PermissionError):
            move_event(db, event, resident, SATURDAY + timedelta(days=1))
        with pytest.raises(PermissionError):
            cancel_event(db, event, resident, "")
        with pytest.raises(PermissionError):
            invite_all(db, event, resident)
        with pytest.raises(PermissionError):
            who_comes(db, event, resident)
        with pytest.raises(Past):
            announce(db, None, {"zh": "a"}, {}, {}, NOON, 60, 5)


@both_stores
def test_a_pack_is_entered_once_and_never_over_a_sign_up(hall: Hall, clock: Clock) -> None:
    [pack] = packs("hongmei")
    with hall.store() as db:
        enter_events(db, pack)
    with hall.store() as db:
        event = event_by_key(db, "dumplings")
        assert event is not None
        assert event.starts_at == SATURDAY
        assert (event.lat, event.place["en"]) == (
            next(p.lat for p in pack.places if p.key == "canteen"),
            "Hongmei neighbourhood canteen",
        )
        sign_up(db, event, hall.resident(db, "an"), 2)
        count, first = len(db.exec(select(Event)).all()), event.id
    clock.passes(days=1)
    with hall.store() as db:
        assert enter_events(db, pack) == 1  # the one of the first evening is over
        assert enter_events(db, pack) == 0
        assert len(db.exec(select(Event)).all()) == count + 1
        event = event_by_key(db, "dumplings")
        assert event is not None
        assert (event.id, event.starts_at) == (first, SATURDAY)
    assert hall.stands() == {"an": (IN, 2)}
    clock.now = SATURDAY + timedelta(days=1)
    with hall.store() as db:
        enter_events(db, pack)
        event = event_by_key(db, "dumplings")
        assert event is not None
        assert event.id != first
        assert event.starts_at == SATURDAY + timedelta(days=4)
        assert event.seats == 6


def test_an_evening_already_past_is_entered_for_tomorrow(hall: Hall, clock: Clock) -> None:
    [pack] = packs("hongmei")
    clock.now = datetime(2026, 11, 29, 15, 0, tzinfo=UTC)  # 23:00 in Hangzhou
    with hall.store() as db:
        enter_events(db, pack)
        event = event_by_key(db, "evening-stretch")
        assert event is not None
        assert event.starts_at == datetime(2026, 11, 30, 11, 30, tzinfo=UTC)


def test_a_new_wording_in_the_pack_reaches_the_event(hall: Hall) -> None:
    [pack] = packs("hongmei")
    planned = pack.events[0]
    reworded = planned.model_copy(update={"title": planned.title.model_copy(update={"zh": "新名字"})})
    with hall.store() as db:
        enter_events(db, pack)
        enter_events(db, pack.model_copy(update={"events": (reworded, *pack.events[1:])}))
        event = event_by_key(db, planned.key)
        assert event is not None
        assert (event.title["zh"], event.version) == ("新名字", 2)


@both_stores
def test_signing_up_by_talking(hall: Hall, chat: Chat) -> None:
    chat.settle_in()
    assert "包饺子" in chat.say("有什么活动")
    assert "还有 3 个名额" in chat.say(tap="包饺子")
    assert chat.replies[0].file == f"event/{hall.id}.ics"
    assert "几位" in chat.say(tap="报名")
    assert "1 到 3" in chat.say("5")
    heard = chat.say("3个人", message_id="join")
    assert "11月27日（周五）14:00、11月28日（周六）12:00" in heard
    assert chat.replies[0].file == f"event/{hall.id}.ics"
    assert chat.say("3个人", message_id="join") == heard  # a redelivery
    assert len(chat.rows(SignUp)) == 1
    assert chat.pushed() == ["events.reminder", "events.reminder"]
    assert "包饺子" in chat.say("我报的活动")
    assert chat.replies[0].file == "mine.ics"


def test_heads_said_unasked_are_heard(hall: Hall, chat: Chat) -> None:
    chat.settle_in()
    chat.say(f"/events.show event={hall.id}")
    chat.say("我要报名包饺子，一共两个人")
    assert [s.heads for s in chat.rows(SignUp)] == [2]


@both_stores
def test_waiting_being_offered_and_accepting_by_talking(hall: Hall, chat: Chat, clock: Clock) -> None:
    chat.settle_in()
    hall.does(sign_up, "an", 3)
    chat.say(f"/events.join event={hall.id}")
    assert "排在第 1 个" in chat.say("1")
    assert "候补第 1 个" in chat.say("我报的活动")
    assert chat.replies[0].file is None
    hall.does(cancel_signup, "an")
    assert "有名额了，请在 11月25日（周三）14:00 前回复" in chat.say("我报的活动")
    assert "报上了" in chat.say(f"/events.accept event={hall.id}")
    assert "已经不在了" in chat.say(f"/events.decline event={hall.id}")
    assert hall.stands()["web:hongmei:zhang"] == (IN, 1)


def test_changing_heads_that_do_not_fit_is_said(hall: Hall, chat: Chat) -> None:
    chat.settle_in()
    hall.does(sign_up, "an", 1)
    chat.says(f"/events.join event={hall.id}", "2")
    assert "已经报了 2 位" in chat.say(f"/events.join event={hall.id}")
    assert "最多 2 位" in chat.say("3")
    assert hall.stands()["web:hongmei:zhang"] == (IN, 2)


def test_late_and_cancelled_events_are_refused_kindly(hall: Hall, chat: Chat, clock: Clock) -> None:
    chat.settle_in()
    for nowhere in ("abc", "1", "9" * 30):
        assert "没有找到" in chat.say(f"/events.join event={nowhere}")
    clock.now = SATURDAY
    assert "已经开始" in chat.say(f"/events.join event={hall.id}")
    other = Hall(hall.desk, starts_at=SATURDAY + timedelta(days=1))
    chat.say(f"/events.join event={other.id}")
    other.runs(cancel_event, "停电")
    assert "已经取消" in chat.say("1")
    assert "已取消" in chat.say(f"/events.show event={other.id}")


def test_leaving_asks_first(hall: Hall, chat: Chat) -> None:
    chat.settle_in()
    chat.says(f"/events.join event={hall.id}", "1")
    assert "真的要取消" in chat.say("取消报名")
    assert "照旧" in chat.say("不")
    chat.say("取消报名")
    assert "取消好了" in chat.say("是")
    assert "没有报" in chat.say("取消报名")


@both_stores
def test_a_worker_announces_invites_moves_and_calls_off(
    desk: Desk, neighbour: Callable[..., Chat], clock: Clock
) -> None:
    resident, worker = neighbour("li"), neighbour("wang", role=Role.WORKER)
    worker.says("发布活动", "周六下午两点", "共享厅", "90", "12人", "下午茶", "带上自己的杯子。", "跳过")
    assert "下午茶" in worker.say("可以")
    [event] = [e for e in worker.rows(Event) if e.title == {"zh": "下午茶"}]
    assert (event.starts_at, event.seats, event.place_key) == (SATURDAY, 12, "hall")
    worker.say(tap="邀请全体居民")
    assert "正在发给 2 位" in worker.say("是")
    assert resident.pushed() == ["events.invitation"]
    resident.says(f"/events.join event={event.id}", "3")
    assert "已占 3 位" in worker.say(f"/events.list event={event.id}")
    worker.says(f"/events.move event={event.id}", "周日上午十点", "跳过")
    assert "通知 1 位" in worker.say("可以")
    worker.says(f"/events.cancel event={event.id}", "老师病了")
    assert "通知 1 位" in worker.say("是")
    with resident.store() as db:
        mine = select(Push.text_key).where(Push.resident_id == resident.me(db).id, Push.state == Post.WAITING)
        assert list(db.exec(mine)) == ["events.cancelled"]


def test_residents_do_not_run_events(hall: Hall, chat: Chat) -> None:
    chat.settle_in()
    for service in ("announce", "move", "cancel", "list", "invite"):
        assert "只有社区工作人员" in chat.say(f"/events.{service} event={hall.id}")


def test_every_push_can_be_worded_in_both_languages(hall: Hall) -> None:
    for name in ("an", "bo"):
        hall.does(sign_up, name, 3)
    hall.does(cancel_signup, "an")
    hall.runs(invite_all)
    hall.runs(move_event, SATURDAY + timedelta(days=1))
    hall.does(decline_offer, "bo")
    hall.does(sign_up, "an", 3)
    hall.runs(move_event, SATURDAY + timedelta(days=2))
    hall.runs(cancel_event, "下雨")
    with hall.store() as db:
        pushes = list(db.exec(select(Push)))
    assert {p.text_key for p in pushes} >= {
        f"events.{k}" for k in ("offer", "invitation", "moved", "moved_offer", "reminder", "cancelled")
    }
    for push in pushes:
        for language in ("zh", "en"):
            texts = hall.community.texts(language)
            assert "{" not in texts(push.text_key, **push.facts)
            assert all(texts(key) for _, key in push.choices)


def test_what_is_over_leaves_the_list_of_ones_own(hall: Hall, clock: Clock) -> None:
    hall.does(sign_up, "an", 1)
    with hall.store() as db:
        assert [e.id for _, e in signups_of(db, hall.resident(db, "an"))] == [hall.id]
    clock.now = SATURDAY + timedelta(minutes=90)
    with hall.store() as db:
        assert signups_of(db, hall.resident(db, "an")) == []


@both_stores
def test_neighbours_who_come_and_go_at_once_never_stand_in_each_others_way(
    desk: Desk, neighbour: Callable[..., Chat]
) -> None:
    """A turn holds its resident; another's offer to the same resident must not wait for it in a circle."""
    hall = Hall(desk, seats=2)
    chats = [neighbour(f"p{n}") for n in range(6)]

    def come_and_go(chat: Chat) -> None:
        for _ in range(5):
            chat.says(f"/events.join event={hall.id}", "1")
            chat.says(f"/events.leave event={hall.id}", "是")

    with ThreadPoolExecutor(len(chats)) as pool:
        assert list(pool.map(come_and_go, chats)) == [None] * len(chats)
