"""What falls due by the clock is done once, however many processes look and however late they are."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from sqlmodel import SQLModel, col, select

import scheduler.clock
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from models.announcing import announce
from models.ballot import Poll, PollState, Voter, fetch_poll_to_vote
from models.code import Code, issue_code
from models.dialogue import Dialogue, Heard
from models.handling import accept_ticket, finish_ticket, pause_ticket
from models.lifecycle import Act
from models.mailbox import Letter
from models.migrate import all_tables
from models.outbox import Post, Push, push
from models.poll import cast_vote, open_poll
from models.proposal import Proposal, Stage, propose, second
from models.reporting import open_ticket
from models.resident import Role
from models.signup import SignUp, SignUpState, cancel_signup, sign_up
from models.store import connect, reading, table_of, transaction
from models.ticket import TicketEvent
from models.ticket_time import start_time
from models.wechat_account import enter_account
from models.wechat_late import WechatLate, keep_late
from scheduler.clock import ticking
from scheduler.deadlines import DEADLINES, meet_deadlines
from scheduler.pruning import AT_ONCE, KEPT, LETTERS, REDELIVERED, prune
from tests.conftest import NOON, Chat, Clock, both_stores
from tests.test_outbox import GENEROUS, Wire, outbox_of

pytestmark = both_stores
SLUGS = ("hongmei", "baoshi")
REPORTS = {"reports overdue", "reports waited for", "reports to call back about"}
KNOWN = {"votes closed", "topics lapsed", "waitlist offers lapsed", "talks parked"} | REPORTS
NOT_BY_TIME = {"notices finished"}  # due when the outbox is done with them: tests/test_notices.py
EACH = 3  # matters of each kind in each community


@pytest.fixture
def replica(store_url: str, clock: Clock) -> Iterator[Desk]:
    """Another process: its own connections, its own snapshot, the same time."""
    engine = connect(store_url)
    yield Desk(engine, Communities(engine), clock)
    engine.dispose()


class Quarter:
    """A community with a worker, two neighbours, and three matters of each kind that fall due within two hours."""

    def __init__(self, come: Callable[..., Chat], slug: str) -> None:
        self.worker = come("wang", slug, role=Role.WORKER)
        self.li, self.zhang = come("li", slug), come("zhang", slug)
        self.talkers = [Chat(self.li.desk, f"talker {n}", slug).settle_in() for n in range(EACH)]

    def due_soon(self) -> None:
        for n in range(EACH):
            self._vote(n)
            self._topic(n)
            self._offer(n)
            self._reports(n)
        for talker in self.talkers:
            talker.says("报修", "照明")

    def _reports(self, n: int) -> None:
        """One late in ninety minutes, one resting until then, one to call back about."""
        soon = NOON + timedelta(minutes=90)
        with self.worker.store() as db:
            by = self.worker.me(db)
            late, resting, done = (open_ticket(db, self.li.me(db), "gas", f"第{n}次") for _ in range(3))
            start_time(db, late, spent=timedelta(hours=2.5))
            for ticket in (resting, done):
                accept_ticket(db, by, ticket)
            pause_ticket(db, by, resting, "等配件", soon)
            finish_ticket(db, by, done, "换了阀门")
            done.call_back_at = soon

    def _vote(self, n: int) -> None:
        with self.worker.store() as db:
            options = [{"zh": "行"}, {"zh": "不行"}]
            until = NOON + timedelta(hours=1)
            poll = open_poll(db, self.worker.me(db), {"zh": f"表决{n}"}, {}, options, Voter.PERSON, True, until)
            db.flush()
            found = fetch_poll_to_vote(db, poll.id)
            assert found is not None
            cast_vote(db, found, self.li.me(db), 0)
            cast_vote(db, found, self.zhang.me(db), 1)

    def _topic(self, n: int) -> None:
        with self.worker.store() as db:
            topic = propose(db, self.li.me(db), {"zh": f"议题{n}"}, {}, lifetime=timedelta(hours=1))
            second(db, topic, self.zhang.me(db))

    def _offer(self, n: int) -> None:
        """One seat, given up; the next in the queue is asked, and another stands behind."""
        with self.worker.store() as db:
            place, starts = {"zh": "共享厅"}, NOON + timedelta(days=3)
            held = announce(db, None, {"zh": f"活动{n}"}, {}, place, starts, 60, 1)
            db.flush()
            sign_up(db, held, self.worker.me(db), 1)
            sign_up(db, held, self.li.me(db), 1)
            sign_up(db, held, self.zhang.me(db), 1)
            cancel_signup(db, held, self.worker.me(db))
            db.flush()
            offered = db.exec(
                select(SignUp).where(SignUp.state == SignUpState.OFFERED, SignUp.event_id == held.id)
            ).one()
            offered.offer_expires_at = NOON + timedelta(minutes=30)

    def told(self) -> Counter[str]:
        """How many pushes of each kind are owed here."""
        return Counter(p.text_key for p in self.li.rows(Push))

    def check(self) -> None:
        """Each matter was met once, and whoever had to be told was told once."""
        assert {p.state for p in self._ours(Poll, "表决")} == {PollState.CLOSED}
        assert {p.result["total"] for p in self._ours(Poll, "表决")} == {2}
        assert {p.state for p in self._ours(Proposal, "议题")} == {Stage.LAPSED}
        signups = Counter(s.state for s in self.li.rows(SignUp))
        assert signups == {SignUpState.CANCELLED: EACH, SignUpState.LAPSED: EACH, SignUpState.OFFERED: EACH}
        parked = [d.state for d in self.li.rows(Dialogue) if d.state["parked"]]
        assert len(parked) == EACH
        assert all(s["parked"]["service"] == "repair" and s["service"] is None for s in parked)
        assert all(s["parked"]["answers"] == {"category": "lighting"} for s in parked)
        by_the_clock = [e for e in self.li.rows(TicketEvent) if e.by_id is None]
        assert len(by_the_clock) == len({e.ticket_id for e in by_the_clock}) == 3 * EACH
        assert Counter(e.act for e in by_the_clock) == {Act.OVERDUE: EACH, Act.MOVED: EACH, Act.CALL_DUE: EACH}
        expected = {
            "meetings.closed": 2 * EACH,
            "meetings.lapsed": 2 * EACH,
            "events.lapsed": EACH,
            "events.offer": 2 * EACH,
            "work.overdue": EACH,
            "work.goes_on": EACH,
            "work.call_due": EACH,
        }
        assert {key: self.told()[key] for key in expected} == expected

    def _ours(self, kind: type[Poll] | type[Proposal], title: str) -> list[Poll | Proposal]:
        return [row for row in self.li.rows(kind) if row.title["zh"].startswith(title)]


@pytest.fixture
def quarters(neighbour: Callable[..., Chat]) -> list[Quarter]:
    """Two communities in which three matters of each kind are about to fall due."""
    assert {d.name for d in DEADLINES} - NOT_BY_TIME == KNOWN, "a deadline that is added is added to Quarter too"
    both = [Quarter(neighbour, slug) for slug in SLUGS]
    for quarter in both:
        quarter.due_soon()
    return both


def at_one_instant(*desks: Desk) -> None:
    """Everybody meets deadlines at the same time, several times over."""
    gate = threading.Barrier(len(desks))

    def meet(desk: Desk) -> None:
        for _ in range(3):
            gate.wait(GENEROUS)
            meet_deadlines(desk)

    with ThreadPoolExecutor(len(desks)) as pool:
        list(pool.map(meet, desks))


def test_what_is_not_due_is_left_alone(quarters: list[Quarter], desk: Desk, clock: Clock) -> None:
    before = [q.told() for q in quarters]
    clock.passes(minutes=29)
    meet_deadlines(desk)
    assert [q.told() for q in quarters] == before
    assert not any(d.state["parked"] for q in quarters for d in q.li.rows(Dialogue))


@pytest.mark.parametrize("late", [timedelta(minutes=91), timedelta(hours=2)], ids=["in time", "a jump of two hours"])
def test_everything_due_is_done_once_by_four_at_one_instant(
    quarters: list[Quarter], desk: Desk, replica: Desk, clock: Clock, late: timedelta
) -> None:
    clock.now += late
    at_one_instant(desk, replica, desk, replica)
    for quarter in quarters:
        quarter.check()


def test_a_clock_that_goes_by_in_steps_does_everything_once(
    quarters: list[Quarter], desk: Desk, replica: Desk, clock: Clock
) -> None:
    """Every five minutes, then half an hour of nothing, then every five minutes again."""
    for pause in (*[5] * 12, 30, *[5] * 6):
        clock.passes(minutes=pause)
        at_one_instant(desk, replica)
    for quarter in quarters:
        quarter.check()


def test_who_is_told_by_the_clock_is_told_at_once(quarters: list[Quarter], desk: Desk, clock: Clock) -> None:
    woken: list[object] = []
    desk.wake = woken.append
    clock.passes(hours=2)
    meet_deadlines(desk)
    assert woken
    assert set(woken) == {clock.now}


def test_a_matter_that_fails_holds_up_no_other(
    quarters: list[Quarter], desk: Desk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first vote of one community cannot be closed: its topic stands where no vote leads."""
    ill, sound = quarters
    with ill.worker.store() as db:
        topic = propose(db, ill.li.me(db), {"zh": "坏的"}, {})
        topic.state = Stage.DECIDED
        poll = db.exec(select(Poll).where(Poll.state == PollState.OPEN).order_by(col(Poll.closes_at))).first()
        assert poll is not None
        poll.proposal_id = topic.id
    clock.passes(hours=2)
    meet_deadlines(desk)
    sound.check()
    assert ill.told()["work.overdue"] == EACH
    assert ill.told()["meetings.lapsed"] == 2 * EACH
    assert "votes closed" in caplog.text


# -- what is kept, and for how long


@pytest.fixture
def attic(chat: Chat, clock: Clock) -> Chat:
    """A resident with something old and something new of each kind."""
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    return chat


def keep(chat: Chat, name: str, days: float) -> None:
    """One row of each kind, as old as that."""
    at = chat.desk.now() - timedelta(days=days)
    with chat.store() as db:
        me = chat.me(db).id
        db.add(Heard(key=name, resident_id=me, at=at))
        db.add(Letter(key=name, resident_id=me, reply={}, at=at))
        db.add(Code(digest=name, expires_at=at))
        for state in Post:
            settled = None if state in (Post.WAITING, Post.SENDING) else at
            row = Push(key=f"{name} {state.name}", resident_id=me, text_key="notice.notice", state=state, due_at=at)
            row.settled_at = settled
            db.add(row)


def names(engine: Engine) -> dict[str, list[str]]:
    with reading(engine, None) as db:
        keys = ((Heard, Heard.key), (Letter, Letter.key), (Code, Code.digest), (Push, Push.key))
        return {kind.__name__: sorted(db.exec(select(key))) for kind, key in keys}


def counts(engine: Engine) -> dict[str, int]:
    all_tables()
    with engine.connect() as connection:
        return {t.name: len(connection.execute(t.select()).all()) for t in SQLModel.metadata.sorted_tables}


def test_only_what_is_old_and_done_with_is_thrown_away(attic: Chat, desk: Desk, engine: Engine) -> None:
    for name, days in (("new", 1), ("29 days", 29.9), ("31 days", 30.1), ("89 days", 89.9), ("91 days", 90.1)):
        keep(attic, name, days)
    before, rows = names(engine), counts(engine)
    gone = prune(desk)
    after = names(engine)
    lost = {kind: sorted(set(before[kind]) - set(after[kind])) for kind in before}
    settled = [p.name for p in Post if p not in (Post.WAITING, Post.SENDING)]
    assert lost == {
        "Heard": ["31 days", "89 days", "91 days"],
        "Code": ["31 days", "89 days", "91 days"],
        "Letter": ["91 days"],
        "Push": sorted(f"91 days {state}" for state in settled),
    }
    assert gone == sum(len(keys) for keys in lost.values())
    fewer = {"heard": 3, "code": 3, "letter": 1, "push": len(settled)}
    assert counts(engine) == {table: n - fewer.get(table, 0) for table, n in rows.items()}
    assert prune(desk) == 0


def test_a_talk_left_unfinished_is_forgotten_after_a_month(attic: Chat, desk: Desk, clock: Clock) -> None:
    attic.settle_in().says("报修", "照明")
    old = attic.say("报修") and attic.choices
    clock.passes(days=29)
    prune(desk)
    assert attic.rows(Dialogue)
    clock.passes(days=2)
    assert prune(desk) > 0
    assert attic.rows(Dialogue) == []
    assert "还没说完" not in attic.say("谢谢")
    assert not old or "之前的菜单" in attic.say(tap=old[0].value)


def test_a_talk_nobody_takes_up_again_is_forgotten(
    attic: Chat, neighbour: Callable[..., Chat], desk: Desk, clock: Clock
) -> None:
    li = neighbour("li")
    for talker in (attic, li):
        talker.says("报修", "照明")
    clock.passes(days=20)
    li.say("菜单")
    clock.passes(days=11)
    prune(desk)
    with li.store() as db:
        assert [d.resident_id for d in li.rows(Dialogue)] == [li.me(db).id]
    assert attic.say("报修"), "and begins anew"


def test_a_great_heap_goes_a_little_at_a_time(attic: Chat, desk: Desk, engine: Engine) -> None:
    at = NOON - KEPT - timedelta(days=1)
    with attic.store() as db:
        me = attic.me(db)
        old = {"community_id": me.community_id, "resident_id": me.id, "said": {}, "replies": [], "at": at}
        db.connection().execute(table_of(Heard).insert(), [old | {"key": str(n)} for n in range(2 * AT_ONCE + 1)])
    commits: list[object] = []

    def note(connection: object) -> None:
        commits.append(connection)

    event.listen(engine, "commit", note)
    assert prune(desk) == 2 * AT_ONCE + 1
    event.remove(engine, "commit", note)
    assert len(commits) >= 3


def test_nobody_is_asked_for_a_code_that_still_works(attic: Chat, desk: Desk, clock: Clock) -> None:
    with attic.store() as db:
        issue_code(db, None, Role.WORKER)
    prune(desk)
    assert len(attic.rows(Code)) == 1
    clock.now += KEPT + LETTERS
    prune(desk)
    assert attic.rows(Code) == []


def test_a_late_letter_nobody_takes_up_is_thrown_away(attic: Chat, desk: Desk, clock: Clock) -> None:
    """Its account has been switched off: one that is run takes up its letters within seconds."""
    with transaction(desk.engine, None) as db:
        enter_account(db, "wx1111111111111111")
        keep_late(db, "wx1111111111111111", "1", {}, clock())
    clock.now += REDELIVERED
    prune(desk)
    assert [row.identity for row in attic.rows(WechatLate)] == ["1"]
    clock.passes(seconds=1)
    assert prune(desk) == 1
    assert attic.rows(WechatLate) == []


# -- the real clock


async def test_a_job_that_fails_does_not_stop_the_clock(
    attic: Chat,
    desk: Desk,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While the store is away every look fails; when it is back, what fell due meanwhile is done."""
    sound, met, failed = desk.engine, asyncio.Event(), asyncio.Event()
    loop, looks = asyncio.get_running_loop(), 0
    away = connect("sqlite:////nowhere/at/all.db")

    def watched(d: Desk) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            desk.engine = sound
            loop.call_soon_threadsafe(failed.set)
        meet_deadlines(d)
        loop.call_soon_threadsafe(met.set)

    attic.says("报修", "照明")
    clock.passes(hours=1)
    monkeypatch.setattr(scheduler.clock, "meet_deadlines", watched)
    wire = Wire()
    outbox = outbox_of(desk, wire)
    with transaction(sound, attic.community.id, clock.now) as db:
        push(db, "owed", attic.me(db).id, "notice.notice", text="owed")
    desk.engine = away
    async with ticking(desk, outbox), asyncio.timeout(GENEROUS):
        await failed.wait()
        await met.wait()
        while not wire.arrived:
            await asyncio.sleep(0.01)
    assert wire.keys == ["owed"]
    assert "watched failed; it will be tried again" in caplog.text
    assert "a round of the outbox failed" in caplog.text
    assert [d.state["parked"]["service"] for d in attic.rows(Dialogue)] == ["repair"]
    away.dispose()


async def test_a_clock_that_is_stopped_does_nothing_more(attic: Chat, desk: Desk) -> None:
    wire = Wire()
    outbox = outbox_of(desk, wire)
    async with ticking(desk, outbox):
        pass
    with attic.store() as db:
        push(db, "too late", attic.me(db).id, "notice.notice", text="")
    outbox.wake(NOON)
    for _ in range(100):
        await asyncio.sleep(0)
    assert wire.arrived == []
