"""Turns are taken together and still fail alone; what is not committed is not acknowledged, what is, is done once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url
from sqlmodel import select

from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from bot.conversation.message import Address, Message, Reply
from bot.conversation.service import SERVICES, service
from bot.conversation.talk import Talk
from bot.conversation.worker import Worker
from models.dialogue import Dialogue, Heard
from models.household import Household
from models.outbox import Push
from models.resident import Account, Resident, Role
from models.store import add_once, connect, transaction
from models.ticket import Ticket
from tests.conftest import Chat, Clock, both_stores, named

pytestmark = both_stores
GENEROUS = 60  # seconds after which something that should have happened has not
REPORT = ("{n}幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")


@pytest.fixture
def replica(store_url: str, clock: Clock) -> Iterator[Desk]:
    """Another process: its own connections, its own snapshot, the same time."""
    engine = connect(store_url)
    yield Desk(engine, Communities(engine), clock)
    engine.dispose()


@pytest.fixture
def gate(store_url: str) -> Iterator[Engine]:
    """Connections to hold others up with, and to look on."""
    engine = connect(store_url)
    yield engine
    engine.dispose()


@contextmanager
def held_up(gate: Engine, lock: str = "EXCLUSIVE") -> Iterator[None]:
    """No turn gets past its beginning; with SHARE, on PostgreSQL, none enters a resident."""
    with gate.connect() as connection, connection.begin():
        if gate.dialect.name == "postgresql":
            connection.exec_driver_sql(f"LOCK TABLE resident IN {lock} MODE")
        yield


async def both_wait(gate: Engine) -> None:
    """Until two turns stand before the lock; SQLite lets only one in at a time anyway."""
    if gate.dialect.name == "sqlite":
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'resident'::regclass")
    async with asyncio.timeout(GENEROUS):
        while True:
            with gate.connect() as connection:
                if connection.execute(waiting).scalar_one() == 2:
                    return
            await asyncio.sleep(0.01)


@contextmanager
def commits(engine: Engine) -> Iterator[list[object]]:
    seen: list[object] = []

    def note(connection: object) -> None:
        seen.append(connection)

    event.listen(engine, "commit", note)
    yield seen
    event.remove(engine, "commit", note)


def message(chat: Chat, words: str = "", *, message_id: str = "", tap: str = "") -> Message:
    chat.count += 1
    return Message(message_id or str(chat.count), chat.address, words, choice=tap)


def said(replies: list[Reply]) -> str:
    return "\n".join(reply.text for reply in replies)


@pytest.fixture
def street(neighbour: Callable[..., Chat]) -> list[Chat]:
    """Twenty residents, each in a building of their own."""
    return [neighbour(f"neighbour {n}", home=f"{n}幢1单元301") for n in range(1, 21)]


def before_the_last_word(street: list[Chat]) -> None:
    """Everybody has told everything but yes."""
    for n, chat in enumerate(street, 1):
        chat.says(*(line.format(n=n) for line in REPORT[:-1]))


# -- together


async def test_sixty_four_messages_are_answered_in_order_in_few_transactions(
    street: list[Chat], desk: Desk, gate: Engine
) -> None:
    here = street[:16]
    async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
        with commits(desk.engine) as seen:
            with held_up(gate):
                lines = [(chat, line.format(n=n)) for line in REPORT for n, chat in enumerate(here, 1)]
                posted = [
                    asyncio.ensure_future(worker.answer(chat.community.id, message(chat, line))) for chat, line in lines
                ]
                await asyncio.sleep(0)
            heard = [said(r) for r in await asyncio.gather(*posted)]
    assert len(seen) <= 2  # what was there when it began, and all the rest
    assert all("照片" in h for h in heard[:16])
    assert all("可以吗" in h for h in heard[32:48])
    assert all("工单" in h for h in heard[48:])
    tickets = here[0].rows(Ticket)
    assert {t.description for t in tickets} == {REPORT[0].format(n=n) for n in range(1, 17)}
    assert sorted(t.number for t in tickets) == list(range(1, 17))
    for chat in here:
        with chat.store() as db:
            mine = db.exec(select(Heard).where(Heard.resident_id == chat.me(db).id).order_by(Heard.at)).all()
        told = [h.said["text"] for h in mine][-4:]
        assert told[1:] == list(REPORT[1:])


async def test_a_talk_goes_on_at_whichever_process_hears_the_next_word(chat: Chat, desk: Desk, replica: Desk) -> None:
    chat.settle_in()
    async with Worker(desk) as one, Worker(replica) as other, asyncio.timeout(GENEROUS):
        for n in range(5):
            for worker, line in zip((one, other, one, other), REPORT, strict=True):
                heard = await worker.answer(chat.community.id, message(chat, line.format(n=f"{n + 1}")))
            assert "工单" in said(heard)
    assert sorted(t.number for t in chat.rows(Ticket)) == [1, 2, 3, 4, 5]


# -- alone


def _raises(talk: Talk) -> Reply:
    talk.resident.name = "half-written"
    raise ZeroDivisionError


def _writes_nonsense(talk: Talk) -> Reply:
    talk.resident.name = "half-written"
    talk.db.add(Household(building=None, room="1"))
    return talk.say("repair.pin")


def _owes_nonsense(talk: Talk) -> Reply:
    talk.resident.name = "half-written"
    add_once(talk.db, Push, {"key": "nonsense", "resident_id": 0})
    return talk.say("repair.pin")


def _breaks_the_transaction(talk: Talk) -> Reply:
    talk.resident.name = "half-written"
    talk.db.connection().execute(text("INSERT INTO resident SELECT * FROM resident"))
    return talk.say("repair.pin")


@pytest.fixture(params=[_raises, _writes_nonsense, _owes_nonsense, _breaks_the_transaction])
def poison(request: pytest.FixtureRequest) -> Iterator[None]:
    service("poison")(request.param)
    yield
    del SERVICES["poison"]


async def test_one_bad_turn_of_twenty_fails_alone(
    street: list[Chat], desk: Desk, gate: Engine, poison: None, caplog: pytest.LogCaptureFixture
) -> None:
    before_the_last_word(street)
    bad, *sound = street
    async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
        with held_up(gate):
            turns = [message(c, "可以") for c in sound]
            turns.insert(9, message(bad, tap="/poison"))
            posted = [asyncio.ensure_future(worker.answer(bad.community.id, turn)) for turn in turns]
            await asyncio.sleep(0)
        heard = [said(r) for r in await asyncio.gather(*posted)]
        again = said(await worker.answer(bad.community.id, turns[9]))
    sorry = heard.pop(9)
    assert "对不起" in sorry
    assert sorry.partition("编号 ")[2][:6] in caplog.text
    assert again == sorry
    assert all("工单" in h for h in heard)
    tickets = bad.rows(Ticket)
    assert sorted(t.number for t in tickets) == list(range(1, 20))
    assert len({t.resident_id for t in tickets}) == 19
    with bad.store() as db:
        assert bad.me(db).name == ""
    assert "工单" in bad.say("可以"), "the talk goes on where it stood"


async def test_a_question_where_none_may_be_asked_does_not_stop_the_desk(chat: Chat, desk: Desk) -> None:
    """A mistake in a service: what it stops with is no ordinary error, and must not end the thread of all turns."""
    chat.settle_in()

    @service("asks", hears=lambda words: words == "问我", first=True)
    def asks(talk: Talk) -> Reply:
        return talk.say(talk.words("repair.description"))

    try:
        async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
            assert "对不起" in said(await worker.answer(chat.community.id, message(chat, "问我")))
            assert said(await worker.answer(chat.community.id, message(chat, "菜单")))
    finally:
        del SERVICES["asks"]


@pytest.mark.parametrize(
    "words", ["\x00", "灯\x00坏了", "\ud83d", "灯" * 30_000, "\u202e\ufeff", "'; DROP TABLE resident; --"]
)
async def test_no_words_are_too_strange_for_the_store(
    chat: Chat, neighbour: Callable[..., Chat], desk: Desk, gate: Engine, words: str
) -> None:
    others = [neighbour(user) for user in ("li", "wang")]
    async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
        with held_up(gate):
            turns = [message(chat, words), *(message(c, "菜单") for c in others)]
            posted = [asyncio.ensure_future(worker.answer(chat.community.id, turn)) for turn in turns]
            await asyncio.sleep(0)
        heard = [said(r) for r in await asyncio.gather(*posted)]
    assert all(heard)
    assert "对不起" not in heard[0]


@pytest.mark.parametrize("choice", ["/home whose=\ud800", "/repair description=灯\x00坏了", "\ud800"])
async def test_no_tap_is_too_strange_for_the_store(chat: Chat, desk: Desk, choice: str) -> None:
    tap = Message("strange", chat.address, choice=choice)
    async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
        assert "对不起" not in said(await worker.answer(chat.community.id, tap))


# -- once


@pytest.mark.parametrize("ids", [("same", "same"), ("one", "other")], ids=["redelivered", "two messages"])
async def test_a_stranger_who_knocks_at_two_doors_at_once_is_one_person(
    desk: Desk, replica: Desk, gate: Engine, chat: Chat, ids: tuple[str, str]
) -> None:
    stranger = Address("web", "hongmei", "nobody yet")
    async with Worker(desk) as one, Worker(replica) as other, asyncio.timeout(GENEROUS):
        with held_up(gate, "SHARE"):
            posted = [
                asyncio.ensure_future(worker.answer(chat.community.id, Message(i, stranger, "你好")))
                for worker, i in zip((one, other), ids, strict=True)
            ]
            await both_wait(gate)
        heard = await asyncio.gather(*posted)
    assert all(heard)
    if ids[0] == ids[1]:
        assert heard[0] == heard[1]
    assert len(chat.rows(Resident)) == len(chat.rows(Account)) == len(chat.rows(Dialogue)) == 1
    assert sorted(h.said["id"] for h in chat.rows(Heard)) == sorted(set(ids))


async def test_many_strangers_at_two_doors_at_once(desk: Desk, replica: Desk, gate: Engine, chat: Chat) -> None:
    """The same forty, the other way round at the other door: nobody waits for somebody who waits for them."""
    people = [Address("web", "hongmei", f"stranger {n}") for n in range(40)]
    async with Worker(desk) as one, Worker(replica) as other, asyncio.timeout(GENEROUS):
        with held_up(gate):
            order = [(one, p) for p in people] + [(other, p) for p in reversed(people)]
            posted = [asyncio.ensure_future(w.answer(chat.community.id, Message("first", p, "你好"))) for w, p in order]
            await asyncio.sleep(0)
        heard = await asyncio.gather(*posted)
    assert heard[:40] == heard[:39:-1]
    assert len(chat.rows(Resident)) == len(chat.rows(Heard)) == 40


async def test_a_message_that_comes_fifty_times_at_once_is_heard_once(
    chat: Chat, neighbour: Callable[..., Chat], desk: Desk, replica: Desk, gate: Engine
) -> None:
    neighbour("wang", role=Role.WORKER)
    chat.settle_in().says(*(line.format(n=5) for line in REPORT[:-1]))
    async with Worker(desk) as one, Worker(replica) as other, asyncio.timeout(GENEROUS):
        with held_up(gate):
            last = message(chat, "可以", message_id="once")
            posted = [
                asyncio.ensure_future(worker.answer(chat.community.id, last))
                for _ in range(25)
                for worker in (one, other)
            ]
            await asyncio.sleep(0)
        heard = await asyncio.gather(*posted)
    assert len(heard) == 50
    assert all(h == heard[0] for h in heard)
    assert "工单" in said(heard[0])
    assert len(chat.rows(Ticket)) == len(chat.rows(Push)) == 1
    assert len([h for h in chat.rows(Heard) if h.said["id"] == "once"]) == 1


async def test_those_who_report_and_those_who_are_told_do_not_wait_in_a_ring(
    street: list[Chat], neighbour: Callable[..., Chat], desk: Desk, replica: Desk
) -> None:
    """Everybody's report is pushed to workers who at the same time report at the other door."""
    workers = [neighbour(f"worker {n}", role=Role.WORKER, home=f"{30 + n}幢1单元301") for n in range(8)]
    residents = street[:8]

    async def reports(worker: Worker, chat: Chat, n: int) -> str:
        heard: list[Reply] = []
        for line in REPORT:
            heard = await worker.answer(chat.community.id, message(chat, line.format(n=n)))
        return said(heard)

    async with Worker(desk) as one, Worker(replica) as other, asyncio.timeout(GENEROUS):
        heard = await asyncio.gather(
            *(reports(one, chat, n) for n, chat in enumerate(residents, 1)),
            *(reports(other, chat, n) for n, chat in enumerate(workers, 30)),
        )
    assert all("工单" in h for h in heard)
    assert sorted(t.number for t in street[0].rows(Ticket)) == list(range(1, 17))
    assert len(street[0].rows(Push)) == 16 * 8


# -- when the store is away


@contextmanager
def away(url: str, admin: str | None, *engines: Engine) -> Iterator[None]:
    """The store is not where it was: its file moved, its database renamed and everybody thrown out."""
    address = make_url(url)
    assert address.database
    if admin is None:
        path, aside = Path(address.database), Path(f"{address.database}.aside")
        for engine in engines:
            engine.dispose()
        path.rename(aside)
        path.mkdir()
        yield
        path.rmdir()
        aside.rename(path)
        return
    office = connect(admin)
    name, aside_name = f'"{address.database}"', f'"{address.database}_aside"'
    out = text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name")
    with office.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.execute(out, {"name": address.database})
        c.exec_driver_sql(f"ALTER DATABASE {name} RENAME TO {aside_name}")
        yield
        c.exec_driver_sql(f"ALTER DATABASE {aside_name} RENAME TO {name}")
    office.dispose()


@pytest.fixture
def admin(request: pytest.FixtureRequest, store_url: str) -> str | None:
    """The address of the PostgreSQL server's own database."""
    if store_url.startswith("sqlite"):
        return None
    return named(request.getfixturevalue("postgres"), "postgres")


async def test_while_the_store_is_away_nothing_is_acknowledged(
    street: list[Chat], desk: Desk, store_url: str, admin: str | None
) -> None:
    before_the_last_word(street)
    turns = [message(c, "可以") for c in street]
    here = street[0].community.id
    async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
        with away(store_url, admin, desk.engine):
            failed = await asyncio.gather(*(worker.answer(here, turn) for turn in turns), return_exceptions=True)
        assert all(isinstance(outcome, Exception) for outcome in failed)
        assert street[0].rows(Ticket) == []
        heard = await asyncio.gather(*(worker.answer(here, turn) for turn in turns))
        again = await asyncio.gather(*(worker.answer(here, turn) for turn in turns))
    assert all("工单" in said(replies) for replies in heard)
    assert again == heard
    assert sorted(t.number for t in street[0].rows(Ticket)) == list(range(1, 21))


async def test_a_connection_cut_in_the_middle_of_a_turn_leaves_nothing(
    chat: Chat, desk: Desk, gate: Engine, store_url: str
) -> None:
    """As when the server is restarted: not acknowledged, nothing written, and done once when it comes again."""
    if store_url.startswith("sqlite"):
        return
    chat.settle_in()
    cutting = True

    @service("cut")
    def cut(talk: Talk) -> Reply:
        talk.resident.name = "written"
        talk.db.flush()
        if cutting:
            pid = talk.db.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
            with gate.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        return talk.say("repair.pin")

    turn = message(chat, tap="/cut")
    try:
        async with Worker(desk) as worker, asyncio.timeout(GENEROUS):
            with pytest.raises(Exception, match="terminat"):
                await worker.answer(chat.community.id, turn)
            with chat.store() as db:
                assert chat.me(db).name == ""
            cutting = False
            assert said(await worker.answer(chat.community.id, turn))
    finally:
        del SERVICES["cut"]
    with transaction(desk.engine, chat.community.id) as db:
        assert chat.me(db).name == "written"
