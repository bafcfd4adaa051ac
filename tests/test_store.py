"""The store: one community at a time, one shape, nothing lost between two writers."""

import threading
from collections.abc import Callable

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Engine, MetaData, Table, inspect, text
from sqlalchemy import Enum as EnumType
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import SQLModel, select

from models.community import Community, next_ticket_number
from models.enquiry import Enquiry
from models.household import Household, find_household
from models.lifecycle import Act
from models.migrate import configuration, migrate
from models.outbox import Push
from models.resident import Resident, Role, on_duty
from models.shape import is_current, newest
from models.store import WrongCommunity, noted, reading, transaction
from models.ticket import Follower, Ticket, TicketEvent
from tests.conftest import NOON, Chat, both_stores

pytestmark = both_stores


def ids(engine: Engine) -> tuple[int, int]:
    with reading(engine, None) as db:
        by_slug = {c.slug: c.id or 0 for c in db.exec(select(Community))}
    return by_slug["hongmei"], by_slug["baoshi"]


def test_a_community_sees_only_its_own_rows(engine: Engine) -> None:
    here, there = ids(engine)
    with transaction(engine, here) as db:
        mine = find_household(db, "3", "2", "502")
    with transaction(engine, there) as db:
        assert db.exec(select(Household)).all() == []
        assert db.get(Household, mine.id) is None
        assert find_household(db, "3", "2", "502").id != mine.id
    with reading(engine, None) as db:
        assert len(db.exec(select(Household)).all()) == 2


def test_a_community_writes_only_its_own_rows(engine: Engine) -> None:
    here, there = ids(engine)
    with pytest.raises(WrongCommunity), transaction(engine, here) as db:
        db.add(Household(building="3", room="502", community_id=there))
    with transaction(engine, here) as db:
        find_household(db, "3", "2", "502")
    with transaction(engine, None) as db:
        theirs = db.exec(select(Household)).one()
        db.info["community_id"] = there
        theirs.room = "601"
        with pytest.raises(WrongCommunity):
            db.flush()
        db.rollback()


def test_a_failing_transaction_leaves_nothing(engine: Engine) -> None:
    here, _ = ids(engine)

    def fail() -> None:
        with transaction(engine, here) as db:
            find_household(db, "3", "2", "502")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with reading(engine, here) as db:
        assert db.exec(select(Household)).all() == []


def test_two_writers_lose_no_update(engine: Engine) -> None:
    here, _ = ids(engine)
    taken: list[int] = []

    def count() -> None:
        for _ in range(25):
            with transaction(engine, here) as db:
                taken.append(next_ticket_number(db))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 101))


def test_a_new_row_has_the_defaults_of_what_was_not_given(engine: Engine) -> None:
    here, _ = ids(engine)
    with transaction(engine, here) as db:
        one, two = Resident(origin="web:hongmei:one", phone="13800000000"), Resident(origin="web:hongmei:two")
        db.add_all([one, two])
    assert one.id != two.id
    with reading(engine, here) as db:
        kept = db.get_one(Resident, one.id).model_dump()
    assert kept == one.model_dump()
    assert (kept["phone"], kept["role"], kept["quiet_from"], kept["erased_at"]) == ("13800000000", 0, 1290, None)
    first, second = (Push(key=k, resident_id=one.id, text_key="talk.menu", due_at=NOON) for k in "12")
    assert first.facts == {}
    assert first.facts is not second.facts


def test_who_begins_to_work_is_on_duty_at_once(engine: Engine) -> None:
    here, _ = ids(engine)
    with transaction(engine, here) as db:
        resident = Resident(origin="web:hongmei:wang")
        db.add(resident)
        db.flush()
        assert resident.id not in on_duty(db)
        resident.role = Role.WORKER
        db.flush()
        assert resident.id in on_duty(db)
        resident.role = Role.GUEST
        db.flush()
        assert resident.id not in on_duty(db)


def test_history_is_never_rewritten(chat: Chat) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    with pytest.raises(PermissionError, match="history"), chat.store() as db:
        db.exec(select(TicketEvent)).one().text = "nothing happened"


def test_down_and_up_again(engine: Engine) -> None:
    migrate(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine)
    assert is_current(engine)


def test_reports_of_an_older_store_are_kept_with_all_that_names_them(engine: Engine) -> None:
    """0009 rebuilds their tables on SQLite, which must lose nobody's follower and no line of a history."""
    migrate(engine, "base")
    migrate(engine, "0008")
    old = MetaData()
    old.reflect(engine)
    ticket = {"community_id": 1, "resident_id": 7, "category": "lighting", "description": "灯坏了", "place": ""}
    ticket |= {"building": "5", "photos": [], "contact": "", "emergency": False, "opened_at": NOON, "due_at": NOON}
    rows = {
        "community": [{"id": 1, "slug": "hongmei", "content": {}, "version": 1, "tickets": 2}],
        "resident": [_bare(old.tables["resident"], {"community_id": 1, "id": 7, "origin": "web:hongmei:li"})],
        "ticket": [
            ticket | {"id": 11, "number": 1, "status": "in_progress", "overdue_told_at": NOON, "urged_at": NOON},
            ticket | {"id": 12, "number": 2, "status": "closed"},
        ],
        "ticket_event": [{"community_id": 1, "id": 21, "ticket_id": 11, "at": NOON, "status": "received", "text": "x"}],
        "follower": [{"community_id": 1, "ticket_id": 11, "resident_id": 7, "at": NOON}],
    }
    with engine.begin() as connection:
        for name, several in rows.items():
            for row in several:
                connection.execute(old.tables[name].insert(), row)
    migrate(engine)
    with reading(engine, 1) as db:
        first, second = db.exec(select(Ticket).order_by(Ticket.number)).all()
        assert (first.clock_from, first.climbed, first.climbs_at, first.urges) == (NOON, ["OVERDUE"], NOON, 1)
        assert (second.climbed, second.climbs_at, second.for_role) == ([], None, Role.WORKER)
        assert [(e.act, e.text, e.photos) for e in db.exec(select(TicketEvent))] == [(Act.MOVED, "x", [])]
        assert [f.ticket_id for f in db.exec(select(Follower))] == [first.id]
    with pytest.raises(IntegrityError), engine.begin() as connection:  # references are held to again
        connection.execute(old.tables["follower"].insert(), rows["follower"][0] | {"ticket_id": 99})


def _bare(table: Table, row: dict[str, object]) -> dict[str, object]:
    """A row with something of the right kind in every column that must not be empty."""
    kinds: dict[type, object] = {bool: False, int: 0, str: "zh", dict: {}}
    needed = [c for c in table.c if not c.nullable and c.name not in row]
    return row | {c.name: "guest" if c.name == "role" else kinds[c.type.python_type] for c in needed}


def test_the_newest_shape_is_the_one_its_file_is_named_by(engine: Engine) -> None:
    assert newest() == ScriptDirectory.from_config(configuration()).get_current_head()


def test_the_models_and_the_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection, connection.begin():
        config = configuration()
        config.attributes["connection"] = connection
        command.check(config)


def test_the_store_checks_every_enum(engine: Engine) -> None:
    """Autogenerate does not notice a new member, so the checks in the store are compared with the code here."""
    for table in SQLModel.metadata.sorted_tables:
        checks = " ".join(c["sqltext"] for c in inspect(engine).get_check_constraints(table.name))
        for column in table.columns:
            if isinstance(column.type, EnumType):
                assert all(f"'{value}'" in checks for value in column.type.enums), f"{table.name}.{column.name}"


def test_times_come_back_in_utc(chat: Chat) -> None:
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    assert chat.rows(Ticket)[0].opened_at == NOON


def test_what_a_look_found_is_remembered_until_rows_of_its_kind_are_written(engine: Engine) -> None:
    here, _ = ids(engine)
    looks: list[int] = []

    def look() -> list[int]:
        looks.append(len(looks))
        return looks

    with transaction(engine, here) as db:
        for _ in range(2):
            assert noted(db, "households", look, Household)[-1] == 0
        db.add(Resident(origin="web:hongmei:one"))
        db.flush()
        assert noted(db, "households", look, Household)[-1] == 0
        db.add(Household(building="3", room="502"))
        db.flush()
        assert noted(db, "households", look, Household)[-1] == 1


def test_names_of_rows_are_wide_enough(engine: Engine) -> None:
    for table in SQLModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            wide = isinstance(key.column.type, BigInteger)
            assert isinstance(key.parent.type, BigInteger) == wide, f"{table.name}.{key.parent.name}"


def test_sqlite_is_set_to_lose_nothing(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_what_people_wrote_stands_in_no_trace_of_a_failed_statement(engine: Engine) -> None:
    with pytest.raises(SQLAlchemyError) as failure, engine.connect() as connection:
        connection.execute(text("SELECT :said FROM nowhere"), {"said": "钥匙在隔壁王奶奶那里"})
    assert "王奶奶" not in str(failure.value)


def test_two_communities_never_meet(chat: Chat, neighbour: Callable[..., Chat]) -> None:
    """The same person at two doors is two residents, and a report of one community cannot be named in the other."""
    chat.settle_in().says("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")
    other = neighbour("zhang", slug="baoshi")
    assert "没有找到" in other.say(tap="/repair.show ticket=1")
    assert "没有报过" in other.say("我的报修")
    assert other.rows(Ticket) == []
    assert other.rows(Enquiry) == []
    assert [r.home for r in other.rows(Resident)] == ["5-1-301"]
