"""One person on several channels: joined by a code, never by guess, told of it, and parted again."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select

from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from bot.conversation.group import answer
from bot.conversation.message import Address, Message
from bot.conversation.texts import LANGUAGES, texts
from models.ballot import Ballot, Poll, Voter
from models.belongings import naming
from models.code import ALPHABET, looks_like_code
from models.enquiry import Enquiry
from models.event import Event
from models.history import resident_at
from models.household import find_household
from models.joining import Joining, looks_like_joining_code, part
from models.outbox import Push
from models.photo import Photo, keep_photo
from models.poll import close_poll, open_poll
from models.privacy import export_resident
from models.proposal import Proposal, Second, propose, second
from models.resident import Account, Resident, Role, confirm_home
from models.signup import HOLDING, SignUp, SignUpState, sign_up
from models.store import connect, reading
from models.ticket import Follower, Ticket, TicketEvent
from scheduler.claim import claim
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]
JOINED, WRONG = "绑定好了", "这个码不对"
REPORT = ("5幢楼道的灯坏了，晚上全黑", "跳过", "跳过", "可以")


class Phone(Chat):
    """A hand on any channel; whoever is behind its address now is me."""

    def __init__(self, desk: Desk, user: str, channel: str = "telegram", slug: str = "hongmei") -> None:
        super().__init__(desk, user, slug)
        self.address = Address(channel, slug, user)

    def me(self, db: Session) -> Resident:
        a = self.address
        return db.exec(select(Resident).where(Resident.id == resident_at(db, a.channel, a.account, a.user))).one()


@pytest.fixture
def there(desk: Desk) -> Phone:
    """Where a code is asked for: the web page of somebody registered."""
    phone = Phone(desk, "zhang", "web")
    phone.settle_in()
    return phone


@pytest.fixture
def here(desk: Desk) -> Phone:
    """Where it is typed: a Telegram nobody knows yet."""
    return Phone(desk, "77")


@pytest.fixture
def worker(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER, home="8幢1单元101")


def code_of(phone: Chat) -> str:
    found = re.search(r"^1\d\d \d{3} \d{3}$", phone.say("绑定其他渠道"), re.MULTILINE)
    assert found, phone.replies
    return found[0]


def link(here: Chat, there: Chat) -> str:
    here.say(code_of(there))
    return here.say("是")


def who(phone: Chat) -> int:
    with phone.store() as db:
        return phone.me(db).id


def left_naming(phone: Chat, resident_id: int) -> set[str]:
    """The tables where a row still names a resident."""
    with reading(phone.desk.engine, None) as db:
        tables = SQLModel.metadata.sorted_tables
        return {
            table.name
            for table in tables
            for column in naming(table)
            if db.connection().execute(table.select().where(column == resident_id)).first()
        }


def wrong(code: str, by: int = 1) -> str:
    """Another code of the same number."""
    digits = code.replace(" ", "")
    return digits[:5] + f"{(int(digits[5:]) + by) % 10_000:04}"


def open_a_poll(worker: Chat, clock: Clock) -> int:
    with worker.store() as db:
        options = [{"zh": "装"}, {"zh": "不装"}]
        until = clock() + timedelta(days=7)
        return open_poll(db, worker.me(db), {"zh": "车棚"}, {"zh": "摄像头"}, options, Voter.PERSON, False, until).id


# --- joined ---------------------------------------------------------------------------------------------------------


@both_stores
def test_a_code_typed_elsewhere_makes_both_one(here: Phone, there: Phone) -> None:
    there.says(*REPORT)
    here.say("你好")
    told = here.say(code_of(there))
    assert "3幢2单元502室" in told
    assert "网页" in told
    assert "同一个人" in told
    assert who(here) != who(there)  # nothing has happened yet
    assert JOINED in here.say("是")
    assert who(here) == who(there)
    assert "1 号" in here.say("我的报修")
    here.say("电梯坏了")
    here.say("取消")
    assert [r.role for r in there.rows(Resident) if r.erased_at is None] == [Role.RESIDENT]
    assert there.rows(Joining) == []


def test_a_code_is_offered_among_my_things(there: Phone) -> None:
    there.say("我的")
    there.say(tap="绑定其他渠道")
    assert "10 分钟内有效" in there.replies[0].text


def test_who_says_no_stays_who_they_are(here: Phone, there: Phone) -> None:
    code = code_of(there)
    here.say(code)
    before = who(here)
    assert "什么都没变" in here.say("不")
    assert who(here) == before
    here.say(code)
    assert JOINED in here.say("是的")  # thought better of it: the code still stands


@both_stores
def test_it_is_told_at_once_where_the_code_was_asked_for(here: Phone, there: Phone, clock: Clock) -> None:
    """By night too, and even if the new channel has spoken since."""
    clock.passes(hours=14)
    here.say("你好")
    link(here, there)
    clock.passes(minutes=2)
    here.say("菜单")
    lanes = ["web:hongmei", "telegram:hongmei"]
    [parcel] = claim(here.desk.engine, here.desk.communities, clock(), lanes, 100).parcels
    assert parcel.to == there.address
    assert "Telegram刚刚绑定到这里" in parcel.reply.text
    assert [c.label for c in parcel.reply.choices] == ["不是我", "解除绑定"]


@both_stores
def test_everything_comes_along(here: Phone, there: Phone, worker: Chat, neighbour: Neighbour, clock: Clock) -> None:
    here.settle_in(home="5幢1单元301")
    here.says(*REPORT)
    neighbour("li").says("21幢水管漏水，漏了一天", "跳过", "跳过", "可以")
    here.say("/repair.show ticket=1")
    here.says("月球上能种白菜吗", "我家老头子晕倒了", "取消")
    poll = open_a_poll(worker, clock)
    here.say(f"/meetings.vote poll={poll} option=1")
    with here.store() as db:
        me, former = here.me(db), here.me(db).id
        keep_photo(db, me, "p1")
        event = db.exec(select(Event).where(Event.key == "dumplings")).one()
        sign_up(db, event, me, 2)
        db.add(
            Follower(
                ticket_id=db.exec(select(Ticket.id).where(Ticket.number == 2)).one(), resident_id=me.id, at=clock()
            )
        )
        topic = propose(db, me, {"zh": "北门装灯"}, {"zh": "太暗"}).id
    assert JOINED in link(here, there)
    now = who(there)
    assert left_naming(there, former) == {"heard"}  # the last words of the joining itself
    assert {t.resident_id for t in there.rows(Ticket) if t.number == 1} == {now}
    assert now in {e.by_id for e in there.rows(TicketEvent)}
    assert [(b.voter, b.resident_id, b.option) for b in there.rows(Ballot)] == [(f"r:{now}", now, 1)]
    assert [(s.resident_id, s.heads) for s in there.rows(SignUp)] == [(now, 2)]
    assert [f.resident_id for f in there.rows(Follower)] == [now]
    assert [p.resident_id for p in there.rows(Photo)] == [now]
    assert {e.resident_id for e in there.rows(Enquiry)} == {now}
    with reading(there.desk.engine, there.community.id) as db:
        raised = db.get(Proposal, topic)
        assert raised is not None
        assert raised.by_id == now
        assert all(
            str(former) not in f"{p.about}{p.key}"
            for p in db.exec(select(Push))
            if p.resident_id == now and not p.key.startswith("joined:")
        )
        assert not [p for p in db.exec(select(Push)) if f"alarm:{former}" in p.about]
    there.say("/events.leave")
    there.say("是")
    with reading(there.desk.engine, there.community.id) as db:
        waiting = [p for p in db.exec(select(Push)) if p.about.startswith("event:") and p.state.name == "WAITING"]
    assert waiting == []  # her reminders went with the seat


@both_stores
def test_of_two_votes_the_earlier_counts(here: Phone, there: Phone, worker: Chat, clock: Clock) -> None:
    here.settle_in()
    open_id, closed_id = open_a_poll(worker, clock), open_a_poll(worker, clock)
    for poll in (open_id, closed_id):
        here.say(f"/meetings.vote poll={poll} option=0")
        clock.passes(minutes=1)
        there.say(f"/meetings.vote poll={poll} option=1")
    with worker.store() as db:
        poll_ = db.get(Poll, closed_id)
        assert poll_ is not None
        close_poll(db, poll_, None if clock() >= poll_.closes_at else worker.me(db))
    link(here, there)
    now = who(there)
    standing = {(b.poll_id, b.option, b.voter == f"r:{now}") for b in there.rows(Ballot)}
    assert standing == {(open_id, 0, True), (closed_id, 1, True), (closed_id, 0, False)}
    assert "改好了" in here.say(f"/meetings.vote poll={open_id} option=1")
    assert len([b for b in there.rows(Ballot) if b.poll_id == open_id]) == 1


@both_stores
def test_of_two_seats_one_goes_to_the_next(here: Phone, there: Phone, neighbour: Neighbour) -> None:
    here.settle_in()
    hu = neighbour("hu")
    with there.store() as db:
        event = db.exec(select(Event).where(Event.key == "dumplings")).one()
        event.seats = 2
        for somebody in (here.me(db), there.me(db), hu.me(db)):
            sign_up(db, event, somebody, 1)
    assert "events.offer" not in hu.pushed()
    link(here, there)
    with reading(there.desk.engine, there.community.id) as db:
        mine = db.exec(select(SignUp).where(SignUp.resident_id == there.me(db).id)).all()
        assert [s.state for s in mine] == [SignUpState.IN]
        assert sum(s.heads for s in db.exec(select(SignUp)) if s.state in HOLDING) == 2
    assert "events.offer" in hu.pushed()


def test_a_follow_and_a_second_are_one(here: Phone, there: Phone, neighbour: Neighbour) -> None:
    here.settle_in()
    there.says(*REPORT)
    li = neighbour("li")
    with there.store() as db:
        topic = propose(db, li.me(db), {"zh": "北门装灯"}, {"zh": "太暗"})
        for phone in (here, there):
            second(db, topic, phone.me(db))
        ticket = db.exec(select(Ticket)).one()
        db.add(Follower(ticket_id=ticket.id, resident_id=here.me(db).id, at=there.desk.now()))
    link(here, there)
    assert there.rows(Follower) == []  # nobody follows a report of their own
    assert [s.resident_id for s in there.rows(Second)].count(who(there)) == 1


def test_a_notice_owed_to_both_comes_once(here: Phone, there: Phone, worker: Chat) -> None:
    here.settle_in()
    worker.says("发通知", "明天停水，请储水", "全体居民", "可以")
    assert len([p for p in there.rows(Push) if p.text_key == "notice.notice"]) == 3
    link(here, there)
    told = [p.resident_id for p in there.rows(Push) if p.text_key == "notice.notice"]
    assert sorted(told) == sorted([who(there), who(worker)])


def test_the_home_and_the_role_are_those_of_who_asked(here: Phone, there: Phone, worker: Chat) -> None:
    here.settle_in(home="5幢1单元301")
    link(here, there)
    with here.store() as db:
        assert (here.me(db).home, here.me(db).role) == ("3-2-502", Role.RESIDENT)
    hers = Phone(here.desk, "88")
    link(hers, worker)
    assert "没有等您办的工单" in hers.say("工作")


def test_a_home_comes_along_where_there_was_none(here: Phone, desk: Desk) -> None:
    boss = Phone(desk, "boss", "web")
    boss.say("你好")
    with boss.store() as db:
        boss.me(db).role = Role.MANAGER
    here.settle_in(home="5幢1单元301")
    link(here, boss)
    with boss.store() as db:
        assert (boss.me(db).home, boss.me(db).role) == ("5-1-301", Role.MANAGER)


def test_what_was_unfinished_here_is_dropped_with_a_word(here: Phone, there: Phone) -> None:
    there.say("5幢楼道的灯坏了，晚上全黑")
    here.say("电梯坏了")
    here.say(code_of(there))
    there.say("5幢楼道的灯坏了，晚上全黑")
    assert "没说完的事先放下了" in here.say("是")
    assert "楼道的灯" in here.says("跳过", "跳过")  # the talk that stays is the one over there


# --- not joined -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["127 488 501", "127488501", "127488 501", " １２７　４８８　５０１ "])
def test_what_a_code_looks_like(said: str) -> None:
    assert looks_like_joining_code(said)


@pytest.mark.parametrize(
    "said",
    [
        "85123456",
        "851234567",
        "13812345678",
        "1381234567",
        "127-488-501",
        "11/28/2026",
        "12:00-14:00",
        "12748850",
        "3幢",
        "",
    ],
)
def test_what_a_code_does_not_look_like(said: str) -> None:
    assert not looks_like_joining_code(said)


def test_no_code_of_the_one_kind_is_one_of_the_other() -> None:
    assert "1" not in ALPHABET
    assert not looks_like_code("127 488 501")


def test_a_code_lives_ten_minutes(here: Phone, there: Phone, clock: Clock) -> None:
    code = code_of(there)
    clock.passes(minutes=9)
    here.say(code)
    clock.passes(minutes=2)
    assert WRONG in here.say("是")
    assert who(here) != who(there)


def test_a_code_works_once_and_the_newest_alone(here: Phone, there: Phone) -> None:
    old, code = code_of(there), code_of(there)
    assert WRONG in here.say(old)
    here.say(code)
    assert JOINED in here.say("是")
    assert WRONG in Phone(here.desk, "78").say(code)
    assert "另外的渠道" in there.say(code_of(there))


def test_a_code_of_another_community_is_none_here(there: Phone, desk: Desk) -> None:
    stranger = Phone(desk, "77", slug="baoshi")
    assert WRONG in stranger.say(code_of(there))


def test_five_wrong_tries_end_a_code_wherever_they_come_from(there: Phone, desk: Desk) -> None:
    code, owner = code_of(there), Phone(desk, "owner")
    for n in range(5):
        assert WRONG in Phone(desk, f"g{n}").say(wrong(code, n + 1))
    assert WRONG in owner.say(code)
    fresh = code_of(there)
    for n in range(4):
        Phone(desk, f"h{n}").say(wrong(fresh, n + 1))
    assert "码对上了" in owner.say(fresh)


@both_stores
def test_five_wrong_tries_of_one_address_are_enough_for_a_while(here: Phone, there: Phone, clock: Clock) -> None:
    code = code_of(there)
    other = f"1{(int(code.replace(' ', '')[1:5]) + 1) % 10_000:04}"
    for n in range(5):
        assert WRONG in here.say(f"{other}000{n}")
    assert "试得太多了" in here.say(code)
    clock.passes(minutes=11)
    assert "码对上了" in here.say(code_of(there))


def test_a_hundred_strangers_end_nobodys_code(there: Phone, desk: Desk) -> None:
    """As many wrong codes as they may type, all of other numbers: nobody knows that of a code but its holder."""
    code = code_of(there)
    number = int(code.replace(" ", "")[:5])
    for n in range(100):
        stranger = Address("web", "hongmei", f"g{n}")
        others = [f"{10_000 + (number - 10_000 + 5 * n + k + 1) % 10_000}0000" for k in range(5)]
        answer(desk, there.community.id, [Message(str(k), stranger, said) for k, said in enumerate(others)])
    assert sum(j.missed for j in there.rows(Joining)) == 500
    assert "码对上了" in Phone(desk, "owner").say(code)


def test_wrong_tries_of_one_batch_all_count(there: Phone, desk: Desk) -> None:
    code, crowd = code_of(there), [Address("web", "hongmei", f"g{n}") for n in range(60)]
    guesses = [Message("1", who, wrong(code, n + 1)) for n, who in enumerate(crowd)]
    answer(desk, there.community.id, guesses)
    assert [j.tries for j in there.rows(Joining) if j.number] == [5]
    assert WRONG in Phone(desk, "owner").say(code)


def test_a_guest_has_nothing_to_give(here: Phone) -> None:
    assert "还没有登记" in here.say("绑定其他渠道")
    assert here.rows(Joining) == []


def test_nobody_loses_what_only_the_office_gives(here: Phone, there: Phone) -> None:
    here.settle_in(Role.VOLUNTEER)
    assert "请反过来" in here.say(code_of(there))
    with here.store() as db:
        me = here.me(db)
        me.role = Role.RESIDENT
        confirm_home(me, find_household(db, "5", "1", "301"))
    assert "请反过来" in here.say(code_of(there))
    assert JOINED in link(there, here)  # the other way round
    with there.store() as db:
        assert (there.me(db).home, there.me(db).verified) == ("5-1-301", True)


def test_a_role_lost_between_code_and_yes_is_seen(here: Phone, there: Phone) -> None:
    here.say(code_of(there))
    with here.store() as db:
        here.me(db).role = Role.WORKER
    assert "请反过来" in here.say("是")
    assert who(here) != who(there)


def test_one_address_is_joined_at_a_time(here: Phone, there: Phone, neighbour: Neighbour) -> None:
    link(here, there)
    assert "这里已经绑定了别的渠道" in here.say(code_of(neighbour("li")))


def test_a_code_is_never_taken_from_a_button(here: Phone, there: Phone) -> None:
    code = code_of(there).replace(" ", "")
    assert "码对上了" not in here.say(tap=f"/joining.enter code={code} sure=yes")


# --- at once --------------------------------------------------------------------------------------------------------


@both_stores
def test_of_two_who_type_one_code_at_once_one_is_joined(
    there: Phone, engine: Engine, store_url: str, clock: Clock
) -> None:
    other = connect(store_url)
    desks = [there.desk, Desk(other, Communities(other), clock)]
    phones = [Phone(desks[n % 2], f"t{n}") for n in range(6)]
    code, ready = code_of(there), threading.Barrier(6)
    for phone in phones:
        phone.say(code)

    def say_yes(phone: Phone) -> str:
        ready.wait()
        return phone.say("是")

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(say_yes, phones))
    assert sorted((JOINED in each, WRONG in each) for each in told) == [*[(False, True)] * 5, (True, False)]
    assert [who(phone) == who(there) for phone in phones] == [JOINED in each for each in told]
    other.dispose()


@both_stores
def test_of_wrong_tries_at_once_none_is_lost(there: Phone, store_url: str, clock: Clock) -> None:
    other = connect(store_url)
    desks = [there.desk, Desk(other, Communities(other), clock)]
    code, ready = code_of(there), threading.Barrier(4)

    def guess(n: int) -> str:
        ready.wait()
        return Phone(desks[n % 2], f"g{n}").say(wrong(code, n + 1))

    with ThreadPoolExecutor(4) as pool:
        assert all(WRONG in told for told in pool.map(guess, range(4)))
    other.dispose()
    assert [j.tries for j in there.rows(Joining) if j.number] == [4]


@both_stores
def test_two_who_type_each_others_code_at_once_become_one(there: Phone, store_url: str, clock: Clock) -> None:
    other = connect(store_url)
    second_ = Phone(Desk(other, Communities(other), clock), "77")
    second_.settle_in()
    there.says(*REPORT)
    codes, ready = [code_of(second_), code_of(there)], threading.Barrier(2)
    pairs = list(zip([there, second_], codes, strict=True))
    for phone, code in pairs:
        phone.say(code)

    def say_yes(phone: Phone) -> str:
        ready.wait()
        return phone.say("是")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(say_yes, [there, second_]))
    assert who(there) == who(second_)
    assert [t.resident_id for t in there.rows(Ticket)] == [who(there)]
    other.dispose()


@both_stores
def test_a_hundred_votes_on_two_channels_at_once_are_one_ballot(
    here: Phone, there: Phone, worker: Chat, store_url: str, clock: Clock
) -> None:
    poll = open_a_poll(worker, clock)
    link(here, there)
    other = connect(store_url)
    desks = (there.desk, Desk(other, Communities(other), clock))

    def vote(n: int) -> bool:
        address = (here, there)[n % 2].address
        said = Message(f"v{n}", address, f"/meetings.vote poll={poll} option={n // 2 % 2}")
        [outcome] = answer(desks[n // 4 % 2], there.community.id, [said])
        return isinstance(outcome, list)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(vote, range(100)))
    other.dispose()
    [ballot] = there.rows(Ballot)
    assert (ballot.voter, ballot.changes) == (f"r:{who(there)}", 99)


@both_stores
def test_votes_cast_while_two_become_one_end_as_one(
    here: Phone, there: Phone, worker: Chat, store_url: str, clock: Clock
) -> None:
    here.settle_in()
    poll = open_a_poll(worker, clock)
    here.say(f"/meetings.vote poll={poll} option=0")
    here.say(code_of(there))
    other = connect(store_url)
    desks = (there.desk, Desk(other, Communities(other), clock))

    def say(n: int) -> bool:
        text, whose = ("是", here) if n == 5 else (f"/meetings.vote poll={poll} option={n % 2}", there)
        [outcome] = answer(desks[n % 2], there.community.id, [Message(f"v{n}", whose.address, text)])
        return isinstance(outcome, list)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(say, range(12)))
    other.dispose()
    assert who(here) == who(there)
    assert [b.voter for b in there.rows(Ballot)] == [f"r:{who(there)}"]


# --- parted ---------------------------------------------------------------------------------------------------------


@both_stores
def test_not_me_parts_them_at_once(here: Phone, there: Phone) -> None:
    here.settle_in()
    here.says(*REPORT)
    link(here, there)
    with reading(there.desk.engine, there.community.id) as db:
        news = db.exec(select(Push).where(Push.text_key == "joining.joined_there")).one()
    assert "解除好了，Telegram" in there.say(tap=news.choices[0][0])
    assert who(here) != who(there)
    with here.store() as db:
        assert here.me(db).role is Role.GUEST
    assert "joining.parted_here" in here.pushed()
    assert "1 号" in there.say("我的报修")  # what was done there stays
    assert "没有找到这个渠道" in there.say(tap=news.choices[0][0])
    assert JOINED in link(here, there)


def test_the_list_says_which_channel_is_which(here: Phone, there: Phone) -> None:
    link(here, there)
    told = here.say("解除绑定")
    assert "解除哪一个" in told
    assert sorted(here.labels()) == ["Telegram，就是这里", "网页，11月25日（周三）用过"]
    assert "真的要解除网页吗" in here.say(tap="网页，11月25日（周三）用过")
    assert "照旧" in here.say("不")
    here.says("解除绑定", "2")
    assert "解除好了" in here.say("是")
    assert "不能解除" in here.say("解除绑定")


def test_the_last_one_stays(there: Phone) -> None:
    assert "不能解除" in there.say("解除绑定")
    with there.store() as db:
        own = db.exec(select(Account)).one().id
    assert "不能解除" in there.say(tap=f"/joining.part account={own}")


def test_nobody_parts_anothers(here: Phone, there: Phone, neighbour: Neighbour) -> None:
    link(here, there)
    with there.store() as db:
        [first, _] = db.exec(select(Account)).all()
    li = neighbour("li")
    assert "没有找到这个渠道" in li.say(tap=f"/joining.part account={first.id}")
    with pytest.raises(PermissionError), li.store() as db:
        part(db, li.me(db), first)


@both_stores
def test_the_address_i_began_with_does_not_come_back_to_me(here: Phone, there: Phone) -> None:
    """A browser that was parted and then deleted its data is somebody new, though I first spoke from it."""
    link(here, there)
    mine = who(here)
    here.says("解除绑定", tap_of(here, "网页"), "是")
    there.says("你好", "删除我的信息", "是的", "你好")
    assert who(there) != mine
    with here.store() as db:
        assert here.me(db).home == "3-2-502"


def tap_of(phone: Chat, channel: str) -> str:
    with phone.store() as db:
        key = {"网页": "web", "Telegram": "telegram"}[channel]
        account = db.exec(select(Account).where(Account.channel == key)).one()
    return f"/joining.part account={account.id}"


# --- my data --------------------------------------------------------------------------------------------------------


@both_stores
def test_the_export_shows_my_channels_and_what_i_was_before(here: Phone, there: Phone) -> None:
    here.say("月球上能种白菜吗")
    link(here, there)
    with reading(there.desk.engine, there.community.id) as db:
        kept = export_resident(db, there.me(db))
    assert {row["channel"] for row in kept["account"]} == {"web", "telegram"}
    assert "是" in [row["said"]["text"] for row in kept["heard"]]
    assert [row["text"] for row in kept["enquiry"]] == ["月球上能种白菜吗"]


@both_stores
def test_deleted_is_deleted_on_both(here: Phone, there: Phone) -> None:
    here.settle_in(home="5幢1单元301")
    here.says(*REPORT)
    former = who(here)
    link(here, there)
    mine = who(there)
    there.say("绑定其他渠道")
    here.says("删除我的信息", "是的")
    assert there.rows(Account) == []
    assert left_naming(there, former) == set()
    assert left_naming(there, mine) <= {"ticket", "ticket_event", "heard"}  # as for anybody who leaves
    assert not [r for r in there.rows(Resident) if re.search(r"zhang|joined|:77\b|-301|-502", f"{r.origin} {r.home}")]
    assert "只为把事情办好" in here.say("你好")
    assert "只为把事情办好" in there.say("你好")
    assert len({who(here), who(there), mine, former}) == 4


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["web", "terminal", "telegram", "wechat", "wecom"])
def test_every_channel_has_a_plain_name(channel: str) -> None:
    assert all(f"joining.channel_{channel}" in texts(language) for language in LANGUAGES)


@pytest.mark.parametrize("words", ["绑定其他渠道", "换个手机号", "我想在微信上也用", "link my other account"])
def test_the_words_for_it(there: Phone, words: str) -> None:
    assert re.search("10 分钟内有效|good for 10 minutes", there.say(words))
