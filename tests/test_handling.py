"""What workers do to a report: its time, who has it, what was said to whom, and what is for their eyes alone."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from models.counter import enter_caller, residents_with_phone
from models.escalating import climb_due, remind_of_calls, supervise_ticket, urge_ticket
from models.handling import (
    Spot,
    accept_ticket,
    add_note,
    ask_reporter,
    assign_ticket,
    call_back,
    change_ticket,
    finish_ticket,
    merge_ticket,
    pause_ticket,
    resume_ticket,
    split_ticket,
)
from models.lifecycle import INTERNAL, LADDER, RUNNING, Act, NoReason, NotNow, OnlyOnce, Status
from models.moving import end_stops, move_ticket
from models.outbox import Post, Push
from models.photo import keep_photo, may_see
from models.privacy import erase_resident
from models.quiet import CIVIL
from models.reporting import add_to_ticket, follow_ticket, open_ticket, rate_ticket
from models.resident import Resident, Role
from models.store import reading
from models.ticket import COUNTER, Follower, Ticket, TicketEvent, history_of
from models.ticket_time import expected_late
from scheduler.claim import claim
from tests.conftest import Chat, Clock, both_stores

Neighbour = Callable[..., Chat]


class Office:
    """A resident with a report (lighting, said on Wednesday at noon), two workers and a manager."""

    def __init__(self, neighbour: Neighbour) -> None:
        self.li, self.chen = neighbour("li"), neighbour("chen")
        self.wang, self.zhao = neighbour("wang", role=Role.WORKER), neighbour("zhao", role=Role.WORKER)
        self.fang = neighbour("fang", role=Role.MANAGER)
        self.open("lighting")

    def open(self, category: str, by: Chat | None = None, **more: bool) -> int:
        with self.li.store() as db:
            return open_ticket(db, (by or self.li).me(db), category, "楼道的灯坏了", building="5", **more).number

    def do(self, verb: Callable[..., object], who: Chat, *rest: object, number: int = 1, **named: object) -> None:
        """Let somebody do it to a ticket, in a transaction of its own; a Chat among the arguments is that resident."""
        with who.store() as db:
            given = [a.me(db) if isinstance(a, Chat) else a for a in rest]
            verb(db, who.me(db), self._row(db, number), *given, **named)

    def tick(self, verb: Callable[..., int]) -> int:
        with self.li.store() as db:
            return verb(db)

    def ticket(self, number: int = 1) -> Ticket:
        with reading(self.li.desk.engine, self.li.community.id) as db:
            return self._row(db, number)

    def due(self, number: int = 1) -> str:
        return f"{self.ticket(number).due_at.astimezone(CIVIL):%m-%d %H:%M}"

    def acts(self, reader: Chat, number: int = 1) -> list[Act]:
        with reading(reader.desk.engine, reader.community.id) as db:
            return [e.act for e in history_of(db, reader.me(db), self._row(db, number))]

    def told(self, chat: Chat) -> list[str]:
        with reading(chat.desk.engine, chat.community.id) as db:
            me = chat.me(db)
            mine = db.exec(select(Push).where(Push.resident_id == me.id).order_by(Push.id))
            return [chat.community.texts(me.language)(p.text_key, **p.facts) for p in mine]

    @staticmethod
    def _row(db: Session, number: int) -> Ticket:
        return db.exec(select(Ticket).where(Ticket.number == number)).one()


@pytest.fixture
def office(neighbour: Neighbour) -> Office:
    return Office(neighbour)


def civil(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=CIVIL)


# --- its time -------------------------------------------------------------------------------------------------------


def test_each_category_has_its_time(office: Office) -> None:
    assert office.due() == "11-27 12:00"
    assert office.due(office.open("water")) == "11-26 12:00"
    assert office.due(office.open("greenery")) == "12-02 12:00"
    assert office.due(office.open("gas")) == "11-25 16:00"  # lunch or not
    assert office.due(office.open("lighting", emergency=True)) == "11-25 16:00"


@both_stores
def test_what_waits_for_the_reporter_has_its_time_stand_still(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    clock.passes(hours=3)  # 15:00, an hour and a half of fourteen hours is used
    office.do(ask_reporter, office.wang, "哪一层？")
    clock.passes(days=2)  # Friday 15:00: past the old deadline
    assert office.tick(climb_due) == 0
    office.do(add_to_ticket, office.li, "三楼")
    assert office.ticket().status is Status.IN_PROGRESS
    assert office.due() == "12-01 12:00"  # 2 hours on Friday, 7 on Monday, 3.5 on Tuesday
    assert office.acts(office.li)[-1] is Act.MOVED


@both_stores
def test_a_pause_has_a_reason_and_an_end(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    with pytest.raises(NoReason):
        office.do(pause_ticket, office.wang, " ", clock() + timedelta(days=5))
    with pytest.raises(ValueError, match="future"):
        office.do(pause_ticket, office.wang, "等配件", clock())
    office.do(pause_ticket, office.wang, "等配件", civil("11-30 13:30"))
    assert "先放一放：等配件。11月30日（周一）13:30 接着办" in office.told(office.li)[-1]
    clock.now = civil("11-30 13:29")
    assert office.tick(end_stops) == office.tick(climb_due) == 0
    clock.passes(minutes=2)
    assert office.tick(end_stops) == 1
    assert office.tick(end_stops) == 0
    assert office.ticket().status is Status.IN_PROGRESS
    assert office.due() == "12-02 13:31"  # all of its two days are left
    assert "请接着办" in office.told(office.wang)[-1]
    assert office.told(office.li)[-1].endswith("办理中。")


def test_a_pause_may_end_before_its_time(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    office.do(pause_ticket, office.wang, "等配件", clock() + timedelta(days=30))
    clock.passes(days=1)
    office.do(resume_ticket, office.wang)
    assert office.ticket().stopped_until is None
    clock.passes(days=40)
    assert office.tick(end_stops) == 0


def test_an_answer_that_never_comes_is_not_waited_for_for_ever(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    office.do(ask_reporter, office.wang, "哪一层？")
    clock.now = civil("12-02 11:59")  # five working days
    assert office.tick(end_stops) == 0
    clock.passes(minutes=2)
    assert office.tick(end_stops) == 1
    assert office.ticket().status is Status.IN_PROGRESS


def test_what_was_late_before_it_rested_stays_late(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    clock.passes(days=2, hours=3)  # Friday 15:00, three hours late less lunch
    assert office.tick(climb_due) == 1
    office.do(pause_ticket, office.wang, "等配件", civil("12-04 09:00"))
    clock.now = civil("12-04 09:01")
    assert office.tick(end_stops) == 1
    assert office.due() == "11-27 12:00"
    assert office.tick(climb_due) == 0  # a week of rest is no week of delay
    clock.passes(days=3, hours=7)  # Monday 16:01
    assert office.tick(climb_due) == 1
    assert office.acts(office.li)[-1] is Act.SUPERVISED


def test_time_stands_still_in_every_status_that_waits(office: Office, clock: Clock) -> None:
    """Through many stops and goes the time used is the time it ran."""
    office.do(accept_ticket, office.wang)
    for _ in range(5):
        clock.now = civil("11-26 09:00") if clock() < civil("11-26 09:00") else clock() + timedelta(minutes=30)
        office.do(pause_ticket, office.wang, "等", clock() + timedelta(hours=1))
        clock.passes(minutes=30)
        office.do(resume_ticket, office.wang)
    # 3.5 h on Wednesday, half an hour on Thursday morning, then between each two rests, but not at lunch
    assert office.ticket().spent == int((3.5 + 0.5 + 3 * 0.5) * 3600)


def test_it_is_seen_coming_that_one_will_be_late(office: Office, clock: Clock) -> None:
    slow = [office.open("water") for _ in range(5)]
    office.open("water")
    with office.li.store() as db:
        assert expected_late(db, db.exec(select(Ticket)).all()) == set()
    clock.now = civil("11-27 11:00")  # the five water reports took longer than their day
    for number in slow:
        office.do(accept_ticket, office.wang, number=number)
        office.do(finish_ticket, office.wang, "换了", number=number)
    late = office.open("water")
    with office.li.store() as db:
        found = {t.number for t in db.exec(select(Ticket)) if t.id in expected_late(db, [t])}
    assert found == {1, late}  # and the lamp, which nobody has touched with an hour to go


# --- who has it -----------------------------------------------------------------------------------------------------


def test_whoever_accepts_has_it(office: Office) -> None:
    with office.li.store() as db:
        office._row(db, 1).worker_id = office.zhao.me(db).id
    office.do(accept_ticket, office.wang)
    with office.li.store() as db:
        assert office.ticket().worker_id == office.wang.me(db).id
    with pytest.raises(NotNow):
        office.do(accept_ticket, office.zhao)


def test_it_changes_hands_with_a_reason_for_colleagues_alone(office: Office) -> None:
    office.do(accept_ticket, office.wang)
    with pytest.raises(NoReason):
        office.do(assign_ticket, office.wang, office.zhao)
    with pytest.raises(PermissionError):
        office.do(assign_ticket, office.wang, office.li, "交给他")
    office.do(assign_ticket, office.wang, office.zhao, "我明天休息")
    assert "我明天休息" in office.told(office.zhao)[-1]
    assert not [told for told in office.told(office.li) if "休息" in told]
    assert office.acts(office.li) == [Act.MOVED] * 3
    assert office.acts(office.zhao) == [Act.MOVED] * 3 + [Act.NOTED]


def test_a_manager_gives_it_out_before_anybody_accepts(office: Office) -> None:
    with pytest.raises(PermissionError):
        office.do(assign_ticket, office.wang, office.zhao)
    office.do(assign_ticket, office.fang, office.zhao)
    assert office.ticket().status is Status.ASSIGNED
    assert "转给您了" in office.told(office.zhao)[-1]


VERBS: list[tuple[Callable[..., object], tuple[object, ...]]] = [
    (accept_ticket, ()),
    (ask_reporter, ("哪一层？",)),
    (pause_ticket, ("等配件", datetime(2027, 1, 1, tzinfo=CIVIL))),
    (finish_ticket, ("好了",)),
    (add_note, ("记一笔",)),
    (change_ticket, ()),
    (split_ticket, ("water", "漏水")),
    (supervise_ticket, ("快一点",)),
]


@pytest.mark.parametrize(("verb", "rest"), VERBS, ids=lambda v: getattr(v, "__name__", ""))
def test_no_resident_does_a_workers_work(office: Office, verb: Callable[..., object], rest: tuple[object, ...]) -> None:
    if verb is not accept_ticket:
        office.do(accept_ticket, office.wang)
    before = office.acts(office.wang), office.ticket().status
    for who in (office.li, office.chen):
        with pytest.raises(PermissionError):
            office.do(verb, who, *rest)
    assert (office.acts(office.wang), office.ticket().status) == before


@pytest.mark.parametrize("status", [Status.CLOSED, Status.WITHDRAWN, Status.MERGED], ids=lambda s: s.name)
def test_what_is_over_is_left_alone(office: Office, status: Status) -> None:
    with office.li.store() as db:
        office._row(db, 1).status = status
    for verb, rest in VERBS:
        if verb is not add_note:  # something may be noted down for ever
            with pytest.raises(NotNow):
                office.do(verb, office.fang, *rest)
    with pytest.raises(NotNow):
        office.do(urge_ticket, office.li)


# --- what is said to whom -------------------------------------------------------------------------------------------


@both_stores
def test_a_note_is_for_workers_eyes(office: Office) -> None:
    office.do(add_note, office.wang, "报修人很着急，先打电话")
    assert office.acts(office.li) == [Act.MOVED]
    assert office.acts(office.zhao) == [Act.MOVED, Act.NOTED]
    assert "先打电话" not in office.li.say(tap="/repair.show ticket=1")
    assert "先打电话" in office.zhao.say(tap="/work.ticket ticket=1")
    assert office.told(office.li) == []


@both_stores
def test_what_was_noted_about_somebody_goes_with_them(office: Office) -> None:
    office.do(accept_ticket, office.wang)
    office.do(add_note, office.wang, "李家老人听力不好，敲门要重")
    office.do(ask_reporter, office.wang, "哪一层？")
    with office.li.store() as db:
        erase_resident(db, office.li.me(db))
    texts = [e.text for e in office.wang.rows(TicketEvent)]
    assert "李家" not in "".join(texts)
    assert "哪一层？" in texts  # what everybody could read stays


def test_what_residents_read_names_every_act(office: Office) -> None:
    """Each act that is not the workers' own has its words in the card."""
    with office.li.store() as db:
        for act in Act:
            db.add(TicketEvent(ticket_id=office._row(db, 1).id, at=office.li.desk.now(), status=0, act=act))
    texts = office.li.community.texts("zh")
    card, theirs = office.li.say(tap="/repair.show ticket=1"), office.wang.say(tap="/work.ticket ticket=1")
    for act in set(Act) - {Act.MOVED}:
        named = texts(f"repair.act_{act.name.lower()}")
        assert named in theirs
        assert (named in card) is (act not in INTERNAL)


def test_it_is_finished_with_words_and_how_it_looks_now(office: Office) -> None:
    office.do(accept_ticket, office.wang)
    with pytest.raises(NoReason):
        office.do(finish_ticket, office.wang, "")
    with office.li.store() as db:
        keep_photo(db, office.wang.me(db), "sha-after")
        keep_photo(db, office.wang.me(db), "sha-other")
    office.do(finish_ticket, office.wang, "换了灯泡", ["sha-after"])
    assert office.li.say(tap="/repair.show ticket=1")
    assert office.li.replies[0].image == "sha-after"
    with office.li.store() as db:
        assert may_see(db, "sha-after", office.li.me(db))
        assert not may_see(db, "sha-other", office.li.me(db))
        assert not may_see(db, "sha-after", office.chen.me(db))


@both_stores
def test_whoever_reported_is_called_back_the_next_working_day(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    clock.now = civil("11-27 16:00")  # a Friday
    office.do(finish_ticket, office.wang, "换了灯泡")
    clock.now = civil("11-30 08:30")
    assert office.tick(remind_of_calls) == 0
    clock.passes(seconds=1)
    assert office.tick(remind_of_calls) == 1
    assert office.tick(remind_of_calls) == 0
    assert office.told(office.wang)[-1].startswith("今天请回访工单 1 号")
    office.do(call_back, office.wang, satisfied=True, text="满意")
    assert office.ticket().status is Status.CALLED_BACK


def test_nobody_is_called_back_who_has_rated(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    office.do(finish_ticket, office.wang, "换了灯泡")
    office.do(rate_ticket, office.li, 5)
    clock.passes(days=7)
    assert office.tick(remind_of_calls) == 0


def test_dissatisfied_on_the_telephone_it_is_done_again_once(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    clock.passes(days=9)
    office.do(finish_ticket, office.wang, "换了灯泡")
    with pytest.raises(NoReason):
        office.do(call_back, office.wang, satisfied=False)
    office.do(call_back, office.wang, satisfied=False, text="又不亮了")
    assert office.ticket().status is Status.REOPENED
    assert office.due() == "12-08 12:00"  # all its time again, from Friday noon
    office.do(finish_ticket, office.wang, "换了线")
    with pytest.raises(OnlyOnce):
        office.do(call_back, office.wang, satisfied=False, text="还是不亮")
    with pytest.raises(OnlyOnce):
        office.do(move_ticket, office.li, Status.REOPENED, "还是不亮")
    office.do(move_ticket, office.fang, Status.REOPENED, "还是不亮")  # a manager may


# --- two matters in one, one in two ---------------------------------------------------------------------------------


@both_stores
def test_a_part_becomes_a_ticket_of_its_own(office: Office, clock: Clock) -> None:
    office.do(follow_ticket, office.chen)
    office.do(accept_ticket, office.wang)
    clock.passes(hours=3)
    office.do(split_ticket, office.wang, "garbage", "楼道里堆了旧家具")
    child, parent = office.ticket(2), office.ticket(1)
    assert (child.parent_id, child.resident_id, child.building) == (parent.id, parent.resident_id, "5")
    assert (child.opened_at, child.due_at) == (parent.opened_at, parent.due_at)  # what time was used counts
    assert child.status is Status.RECEIVED
    assert "另立了 2 号（垃圾·堆物）" in office.told(office.li)[-1]
    assert "另立了 2 号" in office.told(office.chen)[-1]
    assert office.told(office.zhao)[-1].startswith("新工单 2 号")
    assert "另立" not in office.told(office.wang)[-1]
    assert office.acts(office.li) == [Act.MOVED, Act.MOVED, Act.SPLIT]


@both_stores
def test_duplicates_become_one_and_each_is_told_once(office: Office) -> None:
    second = office.open("lighting", office.chen)
    office.do(follow_ticket, office.li, number=second)  # who reported the one follows the other
    hu = Chat(office.li.desk, "hu").settle_in()
    office.do(follow_ticket, hu, number=second)
    with office.li.store() as db:
        merge_ticket(db, office.wang.me(db), office._row(db, second), office._row(db, 1))
    assert office.ticket(second).status is Status.MERGED
    assert office.ticket(second).merged_into_id == office.ticket(1).id
    for chat in (office.li, office.chen, hu):
        assert [told for told in office.told(chat) if "并到 1 号" in told] == office.told(chat)[-1:]
    with office.li.store() as db:
        theirs = {f.resident_id for f in db.exec(select(Follower)) if f.ticket_id == office._row(db, 1).id}
        assert theirs == {office.chen.me(db).id, hu.me(db).id}
    assert "1 号 照明" in office.chen.say("我的报修")
    assert office.told(office.zhao)[-1].startswith("工单 2 号并到 1 号里了")
    office.do(accept_ticket, office.wang)
    assert "1 号（照明）：已受理" in office.told(hu)[-1]


def test_danger_is_not_lost_by_merging(office: Office) -> None:
    second = office.open("lighting", office.chen, emergency=True)
    with office.li.store() as db:
        merge_ticket(db, office.wang.me(db), office._row(db, second), office._row(db, 1))
    assert office.ticket(1).emergency
    assert office.due() == "11-25 16:00"


def test_nothing_is_merged_into_itself_or_into_what_is_over(office: Office) -> None:
    second = office.open("lighting", office.chen)
    with office.li.store() as db:
        office._row(db, 1).status = Status.CLOSED
    for into in (second, 1):
        with pytest.raises(NotNow), office.li.store() as db:
            merge_ticket(db, office.wang.me(db), office._row(db, second), office._row(db, into))
    assert office.ticket(second).status is Status.RECEIVED


def test_another_category_is_another_time(office: Office, clock: Clock) -> None:
    clock.passes(hours=3)
    office.do(change_ticket, office.wang, category="greenery")
    assert office.due() == "12-02 12:00"  # counted from the beginning
    office.do(change_ticket, office.wang, category="gas")
    assert office.due() == "11-25 19:00"  # four hours from now, day and night
    office.do(follow_ticket, office.chen)
    office.do(change_ticket, office.wang, spot=Spot("8幢3单元401", "8"))
    assert "401" not in office.chen.say(tap="/repair.show ticket=1")
    assert office.due() == "11-25 19:00"
    assert office.ticket().building == "8"
    assert office.acts(office.li)[-1] is Act.CHANGED


# --- urged, late: the ladder ----------------------------------------------------------------------------------------


@both_stores
def test_the_ladder_is_climbed_by_the_clock_each_rung_once(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    wu = Chat(office.li.desk, "wu").settle_in(Role.ALLIANCE)
    seen: list[tuple[str, Act]] = []
    while clock() < civil("12-20 00:00"):
        clock.passes(minutes=30)
        before = len(office.acts(office.wang))
        office.tick(climb_due)
        seen += [(f"{clock().astimezone(CIVIL):%m-%d %H:%M}", act) for act in office.acts(office.wang)[before:]]
    assert seen == [
        ("11-27 12:30", Act.OVERDUE),  # due on Friday noon
        ("11-30 12:30", Act.SUPERVISED),  # a working day later
        ("12-04 12:30", Act.ESCALATED),  # and five
    ]
    assert [key for key in office.fang.pushed() if key in {r.text_key for r in LADDER}] == [
        "work.supervised",
        "work.escalated",
    ]
    assert wu.pushed() == ["work.escalated"]
    assert office.zhao.pushed() == ["work.new_ticket"]  # a colleague is not bothered
    assert office.wang.pushed()[-3:] == ["work.overdue", "work.supervised", "work.escalated"]


def test_the_ladder_is_climbed_by_urging_too(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    acts = []
    for _ in range(5):
        office.do(urge_ticket, office.li)
        office.do(urge_ticket, office.li)  # too soon to count
        acts.append([act for act in office.acts(office.li) if act in (Act.SUPERVISED, Act.ESCALATED)])
        clock.passes(hours=4)
    second, fourth = [Act.SUPERVISED], [Act.SUPERVISED, Act.ESCALATED]
    assert acts == [[], second, second, fourth, fourth]
    assert office.ticket().urges == 5
    clock.passes(days=30)
    assert office.tick(climb_due) == 1  # late by now, which is all that is left to say
    assert office.acts(office.li)[-1] is Act.OVERDUE
    assert office.tick(climb_due) == 0


def test_a_manager_supervises_and_the_clock_does_not_repeat_it(office: Office, clock: Clock) -> None:
    office.do(accept_ticket, office.wang)
    office.do(supervise_ticket, office.fang, "今天之内")
    assert office.told(office.wang)[-1].endswith("今天之内")
    clock.now = civil("12-01 09:00")
    office.tick(climb_due)
    assert office.acts(office.wang).count(Act.SUPERVISED) == 1


def test_who_slept_for_a_month_climbs_all_of_it_at_once(office: Office, clock: Clock) -> None:
    clock.passes(days=30)
    assert office.tick(climb_due) == 1
    assert office.acts(office.li)[1:] == [Act.OVERDUE, Act.SUPERVISED, Act.ESCALATED]
    assert office.tick(climb_due) == 0


@pytest.mark.parametrize("status", [s for s in Status if s not in RUNNING], ids=lambda s: s.name)
def test_what_does_not_run_is_never_late(office: Office, clock: Clock, status: Status) -> None:
    with office.li.store() as db:
        office._row(db, 1).status = status
    clock.passes(days=30)
    assert office.tick(climb_due) == 0


# --- at the counter -------------------------------------------------------------------------------------------------


@both_stores
def test_a_worker_enters_a_report_for_somebody_known(office: Office) -> None:
    with office.wang.store() as db:
        office.chen.me(db).phone = "13900001111"
    with office.wang.store() as db:
        me = office.wang.me(db)
        (found,) = residents_with_phone(db, me, "139 0000 1111")
        number = open_ticket(db, me, "water", "水管漏了", place="5幢", reporter=found, contact="13900001111").number
    ticket = office.ticket(number)
    with office.wang.store() as db:
        assert (ticket.resident_id, ticket.channel) == (office.chen.me(db).id, COUNTER)
        (line,) = history_of(db, office.wang.me(db), ticket)
        assert line.by_id == office.wang.me(db).id
    assert office.told(office.chen) == [
        "社区替您登记了工单 2 号（用水），11月26日（周四）12:00 前办好，每一步都会告诉您。"
    ]
    assert "2 号" in office.chen.say("我的报修")
    assert office.told(office.zhao)[-1].startswith("新工单 2 号")
    assert len(office.told(office.wang)) == 1  # who typed it in knows


def test_a_caller_nobody_knows_is_entered_once_a_number(office: Office, clock: Clock) -> None:
    with office.wang.store() as db:
        me = office.wang.me(db)
        caller = enter_caller(db, me, "周师傅", "139-0000-2222")
        assert enter_caller(db, me, "", "13900002222").id == caller.id
        assert caller.name == "周师傅"
        assert enter_caller(db, me).id != enter_caller(db, me).id  # no number, no name: somebody new each time
        open_ticket(db, me, "water", "水管漏了", reporter=caller)
        assert residents_with_phone(db, me, "13900002222") == [caller]
    claim(office.li.desk.engine, office.li.desk.communities, clock(), ["web:hongmei"], 500)
    with office.wang.store() as db:
        (push,) = db.exec(select(Push).where(Push.resident_id == caller.id)).all()
        assert push.state is Post.UNREACHABLE  # so the workers know whom to telephone
        assert db.get_one(Resident, caller.id).role is Role.GUEST


def test_nobody_else_reports_for_others_or_looks_up_numbers(office: Office) -> None:
    with office.li.store() as db:
        li, chen = office.li.me(db), office.chen.me(db)
        with pytest.raises(PermissionError):
            open_ticket(db, li, "water", "水管漏了", reporter=chen)
        with pytest.raises(PermissionError):
            residents_with_phone(db, li, "13900001111")
        with pytest.raises(PermissionError):
            enter_caller(db, li, "周师傅")
    assert len(office.li.rows(Ticket)) == 1
