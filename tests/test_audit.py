"""What was done is written down with whoever did it, in a chain that shows every later hand."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from bot.__main__ import main
from models.announcing import announce, cancel_event
from models.audit import Actor, AuditEntry, AuditHead, act_as, note
from models.audit_check import Chain, check_audit
from models.ballot import Voter
from models.code import issue_code
from models.enquiry import Enquiry
from models.notice import Notice, send_notice, stop_notice
from models.poll import open_poll
from models.reporting import open_ticket
from models.resident import Resident, Role
from models.store import reading, transaction
from models.ticket import Ticket
from tests.conftest import NOON, Chat, Clock, both_stores

pytestmark = both_stores
Neighbour = Callable[..., Chat]
REPORT = ("5幢楼道的灯坏了，三天了", "跳过", "13812345678", "可以")


def entries(chat: Chat, about: str = "") -> list[AuditEntry]:
    """What is written down in the community, in order; of one kind of thing."""
    found = sorted(chat.rows(AuditEntry), key=lambda e: e.seq)
    return [e for e in found if e.about.startswith(about)]


def looked_through(engine: Engine, community_id: int) -> Chain:
    with reading(engine, community_id) as db:
        return check_audit(db, community_id)


def faults(chat: Chat) -> list[tuple[int, str]]:
    chain = looked_through(chat.desk.engine, chat.community.id)
    return [(f.seq, f.what) for f in chain.findings]


@pytest.fixture
def lived(chat: Chat, neighbour: Neighbour) -> Chat:
    """A report, accepted: six entries or so."""
    chat.settle_in().says(*REPORT)
    worker = neighbour("wang", role=Role.WORKER)
    worker.says("/work.accept ticket=1", "/work.start ticket=1")
    return chat


# --- what is written down ---------------------------------------------------------------------------------------------


def test_a_report_and_its_moves_name_who_did_them_and_from_where(lived: Chat, neighbour: Neighbour) -> None:
    with reading(lived.desk.engine, lived.community.id) as db:
        me = lived.me(db).id
        wang = db.exec(select(Resident).where(Resident.role == Role.WORKER)).one().id
    opened, accepted, started = entries(lived, "ticket:")
    assert (opened.act, opened.actor, opened.role, opened.channel) == ("ticket.new", me, "resident", "web")
    assert opened.facts["status"] == [None, "received"]
    assert (accepted.act, accepted.actor, accepted.role) == ("ticket.changed", wang, "worker")
    assert accepted.facts == {"status": ["received", "accepted"], "worker_id": [None, wang]}
    assert started.facts == {"status": ["accepted", "in_progress"]}
    assert {e.at for e in (opened, accepted, started)} == {NOON}


def test_nothing_in_it_tells_of_a_person(lived: Chat) -> None:
    written = " ".join(f"{e.about} {e.act} {e.facts}" for e in entries(lived))
    for told in ("13812345678", "灯坏了", "3-2-502", "5幢"):
        assert told not in written


def test_what_the_clock_does_is_nobodys(lived: Chat, clock: Clock) -> None:
    from scheduler.deadlines import meet_deadlines

    before = len(entries(lived))
    clock.passes(days=30)
    meet_deadlines(lived.desk)
    late = entries(lived)[before:]
    assert late
    assert {(e.actor, e.role, e.channel) for e in late} == {(None, "", "")}


def test_roles_and_questions_are_written_down(chat: Chat, neighbour: Neighbour) -> None:
    chat.settle_in().say("月球上能种白菜吗")
    worker = neighbour("wang")
    with chat.store() as db:
        code = issue_code(db, None, Role.WORKER)
    worker.say(code)
    worker.says("没答上的问题")
    worker.says("/work.answer question=" + str(chat.rows(Enquiry)[0].id), "月球上不行")
    roles = [e.facts["role"] for e in entries(chat, "resident:") if "role" in e.facts]
    assert roles == [["guest", "resident"], ["guest", "resident"], ["resident", "worker"]]
    asked, answered = entries(chat, "enquiry:")
    assert asked.act == "enquiry.new"
    assert answered.facts == {"answered_at": [None, NOON.isoformat()]}
    assert (answered.actor, answered.role) == (entries(chat, "resident:")[-1].actor, "worker")


def test_notices_and_events_and_votes_are_written_down(chat: Chat, neighbour: Neighbour, clock: Clock) -> None:
    chat.settle_in()
    worker = neighbour("wang", role=Role.WORKER)
    with worker.store() as db:
        by = worker.me(db)
        act_as(db, Actor(by.id, "worker", "console"))
        notice = send_notice(db, by, "明天停水")
        event = announce(db, by, {"zh": "包粽子"}, {}, {"zh": "共享厅"}, NOON + timedelta(days=1), 60, 20)
        options = [{"zh": "装"}, {"zh": "不装"}]
        poll = open_poll(db, by, {"zh": "装灯"}, {}, options, Voter.PERSON, True, NOON + timedelta(days=2))
    with worker.store() as db:
        stop_notice(db, db.get_one(Notice, notice.id), by)
        cancel_event(db, event, by, "下雨")
    chat.say(tap=f"/meetings.vote poll={poll.id}")
    chat.say("1")
    assert [e.act for e in entries(chat, f"notice:{notice.id}")] == ["notice.new", "notice.changed"]
    assert [e.act for e in entries(chat, f"event:{event.id}")] == ["event.new", "event.changed"]
    assert entries(chat, f"event:{event.id}")[-1].facts["state"] == ["open", "cancelled"]
    opened, cast = entries(chat, f"poll:{poll.id}")
    assert (opened.act, opened.actor, opened.channel) == ("poll.new", by.id, "console")
    assert (cast.act, cast.facts, cast.channel) == ("ballot.cast", {}, "web")  # that somebody voted, never how


def test_a_draft_that_is_not_sent_leaves_nothing(chat: Chat) -> None:
    chat.settle_in()
    before = len(entries(chat))
    chat.says(*REPORT[:-1])
    chat.say("取消")
    assert len(entries(chat)) == before


def test_what_a_savepoint_takes_back_was_not_done(chat: Chat) -> None:
    chat.settle_in()
    with chat.store() as db:
        me = chat.me(db)
        undone = db.begin_nested()
        open_ticket(db, me, "lighting", "灯坏了")
        db.flush()
        undone.rollback()
        open_ticket(db, me, "water", "漏水")
    (opened,) = entries(chat, "ticket:")
    assert opened.facts["category"] == [None, "water"]


def test_several_changes_of_one_hand_are_one_entry_and_none_where_nothing_changed(chat: Chat) -> None:
    chat.settle_in().says(*REPORT)
    with chat.store() as db:
        act_as(db, Actor(1, "worker", "console", "203.0.113.0"))
        ticket = db.exec(select(Ticket)).one()
        ticket.category = "water"
        db.flush()
        ticket.category, ticket.emergency = "gas", True
        question = Enquiry(text="?", asked_at=NOON)
        db.add(question)
        db.flush()
        question.wants_person = True
        question.wants_person = False
    last = entries(chat)[-2:]
    assert [e.act for e in last] == ["ticket.changed", "enquiry.new"]
    assert last[0].facts == {"category": ["lighting", "gas"], "emergency": [False, True]}
    assert (last[0].channel, last[0].address) == ("console", "203.0.113.0")
    with chat.store() as db:
        ticket = db.exec(select(Ticket)).one()
        ticket.category = "noise"
        ticket.category = "gas"
    assert entries(chat)[-1].seq == last[1].seq


def test_each_community_has_its_own(lived: Chat, neighbour: Neighbour) -> None:
    there = neighbour("zhao", slug="baoshi")
    there.says("1幢楼道的灯坏了，三天了", "跳过", "13812345679", "可以")
    here, other = entries(lived), entries(there)
    assert [e.seq for e in here] == list(range(1, len(here) + 1))
    assert [e.seq for e in other] == list(range(1, len(other) + 1))
    assert {e.community_id for e in other} == {there.community.id}


# --- the chain --------------------------------------------------------------------------------------------------------


def test_a_chain_that_was_left_alone_is_sound(lived: Chat) -> None:
    assert len(entries(lived)) >= 4
    assert faults(lived) == []


@pytest.mark.parametrize(
    ("hand", "found"),
    [
        ("UPDATE audit_entry SET act = 'ticket.new' WHERE seq = 3", [(3, "changed")]),
        ("UPDATE audit_entry SET actor = 7 WHERE seq = 2", [(2, "changed")]),
        ("UPDATE audit_entry SET at = '2020-01-01 00:00:00' WHERE seq = 2", [(2, "changed")]),
        ("UPDATE audit_entry SET digest = 'x' WHERE seq = 2", [(2, "changed"), (3, "changed")]),
        ("DELETE FROM audit_entry WHERE seq = 2", [(2, "missing")]),
        ("DELETE FROM audit_entry WHERE seq = 1", [(1, "missing")]),
        ("DELETE FROM audit_entry WHERE seq = {last}", [("{last}", "missing")]),
        ("UPDATE audit_head SET seq = seq - 1", [("{last}", "beyond the end")]),
        (
            "UPDATE audit_entry SET seq = CASE seq WHEN 2 THEN -1 WHEN 3 THEN 2 ELSE seq END WHERE seq IN (2, 3);"
            "UPDATE audit_entry SET seq = 3 WHERE seq = -1",
            [(2, "changed"), (3, "changed"), (4, "changed")],
        ),
        (
            "INSERT INTO audit_entry SELECT community_id, seq + 1, at, actor, role, channel, address, act, about, facts,"
            " digest FROM audit_entry WHERE seq = {last}",
            [("{last} + 1", "beyond the end"), ("{last} + 1", "changed")],
        ),
    ],
)
def test_every_hand_in_the_store_is_found(lived: Chat, hand: str, found: list[tuple[Any, str]]) -> None:
    last = len(entries(lived))
    with lived.desk.engine.connect() as connection, connection.begin():
        for statement in hand.split(";"):
            connection.execute(text(statement.format(last=last)))
    numbers = {"{last}": last, "{last} + 1": last + 1}
    assert sorted(faults(lived)) == sorted((numbers.get(str(seq), seq), what) for seq, what in found)


def test_history_is_not_changed_by_the_program_itself(lived: Chat) -> None:
    with pytest.raises(PermissionError, match="history"), lived.store() as db:
        db.exec(select(AuditEntry)).first().act = "nothing"


def test_many_hands_at_once_make_one_chain(engine: Engine, chat: Chat) -> None:
    chat.settle_in()
    before, here, failed = len(entries(chat)), chat.community.id, list[BaseException]()

    def write(n: int) -> None:
        try:
            for k in range(10):
                with transaction(engine, here) as db:
                    act_as(db, Actor(n, "worker", "console"))
                    note(db, "export.made", f"list:{k}")
        except BaseException as failure:
            failed.append(failure)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(entries(chat)) == before + 60
    assert faults(chat) == []
    with reading(engine, here) as db:
        assert db.exec(select(AuditHead)).one().seq == before + 60


def test_an_entry_and_what_it_tells_of_stand_or_fall_together(chat: Chat) -> None:
    chat.settle_in()
    before = len(entries(chat))

    def fails_in_the_end() -> None:
        with chat.store() as db:
            open_ticket(db, chat.me(db), "lighting", "灯坏了")
            db.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_in_the_end()
    assert chat.rows(Ticket) == []
    assert len(entries(chat)) == before


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_finds_a_changed_entry(
    lived: Chat, store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LINLIFANG_DATABASE_URL", store_url)
    assert main(["audit", "verify"]) == 0
    told = capsys.readouterr().out
    kept = next(word for word in told.split() if word.startswith("hongmei:") and word.count(":") == 2)
    assert "baoshi: sound" in told
    assert main(["audit", "verify", "--known", kept]) == 0
    slug, number, digest = kept.split(":")
    assert main(["audit", "verify", "--known", f"{slug}:{number}:{digest[:-1]}x"]) == 1
    assert f"entry {number}: not as it was kept" in capsys.readouterr().err
    with lived.desk.engine.connect() as connection, connection.begin():
        connection.execute(text("UPDATE audit_entry SET role = 'manager' WHERE seq = 2"))
    assert main(["audit", "verify"]) == 1
    assert "hongmei: entry 2: changed" in capsys.readouterr().err
