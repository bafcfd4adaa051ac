"""Who stands at a door: what they chose, what they agreed to, and the danger they spoke of."""

from sqlalchemy import Engine, text
from sqlmodel import select

from bot.conversation.desk import Desk
from models.migrate import migrate
from models.store import reading, transaction
from models.visitor import (
    STILL_IN_DANGER,
    Visit,
    Visitor,
    agree,
    choose,
    forget_danger,
    look_at,
    remember_danger,
    step_out,
)
from scheduler.clock import forget
from tests.conftest import Clock, both_stores

ZHANG = ("wechat", "wx1", "zhang")


def look(engine: Engine, clock: Clock, user: str = "zhang") -> Visit:
    with reading(engine, None, clock()) as db:
        return look_at(db, "wechat", "wx1", user)


@both_stores
def test_to_choose_is_not_to_agree_and_an_agreement_is_with_one_community(desk: Desk, clock: Clock) -> None:
    engine, (first, second) = desk.engine, [desk.communities[slug].id for slug in ("hongmei", "baoshi")]
    with transaction(engine, None, clock()) as db:
        choose(db, *ZHANG, first)
    assert look(engine, clock) == Visit(first)
    with transaction(engine, None, clock()) as db:
        agree(db, *ZHANG, first)
        choose(db, *ZHANG, first)
    assert look(engine, clock) == Visit(first, agreed=True)
    with transaction(engine, None, clock()) as db:
        choose(db, *ZHANG, second)
    assert look(engine, clock) == Visit(second)
    with transaction(engine, None, clock()) as db:
        agree(db, *ZHANG, second)
        step_out(db, *ZHANG, "7")
    assert look(engine, clock) == Visit()
    with transaction(engine, None, clock()) as db:
        choose(db, *ZHANG, first)
        step_out(db, *ZHANG, "7")
    assert look(engine, clock) == Visit(first), "the message was brought again"
    with transaction(engine, None, clock()) as db:
        step_out(db, *ZHANG, "8")
    assert look(engine, clock) == Visit()


@both_stores
def test_who_agrees_again_has_agreed_when_they_first_did(desk: Desk, clock: Clock) -> None:
    hongmei, at = desk.communities["hongmei"].id, clock()
    for _ in range(2):
        with transaction(desk.engine, None, clock()) as db:
            agree(db, *ZHANG, hongmei)
        clock.passes(days=1)
    with reading(desk.engine, None) as db:
        assert db.exec(select(Visitor.consented_at)).all() == [at]


@both_stores
def test_a_danger_is_remembered_until_it_is_heard(desk: Desk, clock: Clock) -> None:
    engine, hongmei = desk.engine, desk.communities["hongmei"].id
    with transaction(engine, None, clock()) as db:
        remember_danger(db, *ZHANG, "着火了")
    assert look(engine, clock) == Visit(danger="着火了")
    with transaction(engine, None, clock()) as db:
        choose(db, *ZHANG, hongmei)
    assert look(engine, clock) == Visit(hongmei, danger="着火了")
    with transaction(engine, None, clock()) as db:
        forget_danger(db, *ZHANG)
        forget_danger(db, "wechat", "wx1", "nobody")
    assert look(engine, clock) == Visit(hongmei)


@both_stores
def test_a_danger_is_remembered_for_minutes_only(desk: Desk, clock: Clock) -> None:
    def kept() -> dict[str, str]:
        with reading(desk.engine, None) as db:
            return {visitor.user: visitor.danger for visitor in db.exec(select(Visitor))}

    with transaction(desk.engine, None, clock()) as db:
        remember_danger(db, *ZHANG, "着火了")
    clock.passes(seconds=STILL_IN_DANGER.total_seconds())
    assert look(desk.engine, clock) == Visit()
    with transaction(desk.engine, None, clock()) as db:
        remember_danger(db, "wechat", "wx1", "li", "煤气泄漏")
    forget(desk)
    assert kept() == {"zhang": "", "li": "煤气泄漏"}


@both_stores
def test_only_who_was_asked_for_consent_has_given_it(engine: Engine) -> None:
    """Before 0005 choosing a community on WeChat was written down as consent."""
    migrate(engine, "base")
    migrate(engine, "0004")
    with engine.begin() as store:
        row = "INSERT INTO visitor (channel, door, \"user\", consented_at) VALUES (:channel, '1', '7', '2026-11-20 08:00')"
        store.execute(text(row), [{"channel": channel} for channel in ("telegram", "wechat", "wecom")])
    migrate(engine)
    with reading(engine, None) as db:
        visitors = db.exec(select(Visitor)).all()
    assert {v.channel for v in visitors if v.consented_at is not None} == {"telegram"}
    assert {(v.danger, v.danger_at) for v in visitors} == {("", None)}
