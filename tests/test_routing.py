"""Who a report goes to: rules in their order, the building's grid worker, everybody on duty; and why."""

from collections.abc import Callable

import pytest
from sqlalchemy import event
from sqlmodel import select

from bot.content.load import load_pack
from bot.content.office import TEMPLATES
from models.handling import Spot, accept_ticket, change_ticket
from models.lifecycle import HOURS, Act, Status
from models.privacy import erase_resident
from models.reporting import open_ticket
from models.resident import Resident, Role
from models.routing import (
    GridPost,
    RoutingRule,
    add_rule,
    grid_posts,
    order_rules,
    post_worker,
    remove_rule,
    route,
    rules_of,
)
from models.template import ReplyTemplate, remove_template, save_template, templates_for
from models.ticket import Ticket, TicketEvent
from tests.conftest import NOON, Chat, Clock, both_stores, packs

Neighbour = Callable[..., Chat]


@pytest.fixture
def li(neighbour: Neighbour) -> Chat:
    return neighbour("li")


@pytest.fixture
def wang(neighbour: Neighbour) -> Chat:
    return neighbour("wang", role=Role.WORKER)


@pytest.fixture
def zhao(neighbour: Neighbour) -> Chat:
    return neighbour("zhao", role=Role.WORKER)


@pytest.fixture
def fang(neighbour: Neighbour) -> Chat:
    return neighbour("fang", role=Role.MANAGER)


def rule(fang: Chat, name: str, to: Chat | None = None, **more: object) -> int:
    with fang.store() as db:
        worker = to.me(db).id if to else None
        made = RoutingRule(position=0, name={"zh": name, "en": name}, worker_id=worker, **more)
        return add_rule(db, fang.me(db), made).id


def report(li: Chat, category: str = "lighting", building: str = "5", text: str = "灯坏了", **more: bool) -> Ticket:
    with li.store() as db:
        return open_ticket(db, li.me(db), category, text, building=building, **more)


def sent_to(*chats: Chat) -> list[str]:
    """Who of these was told of a new ticket."""
    return [c.address.user for c in chats if "work.new_ticket" in c.pushed()]


def whose(li: Chat, ticket: Ticket) -> str | None:
    known = {r.id: r.origin.rpartition(":")[2] for r in li.rows(Resident)}
    return known.get(ticket.worker_id)


def why(li: Chat, ticket: Ticket, language: str = "zh") -> str:
    return li.community.texts(language)(ticket.why["key"], **ticket.why["facts"])


@both_stores
def test_the_first_rule_that_fits_decides(li: Chat, wang: Chat, zhao: Chat, fang: Chat) -> None:
    lamps = rule(fang, "灯归王师傅", wang, categories=["lighting"])
    fifth = rule(fang, "5幢归赵师傅", zhao, buildings=["5"])
    ticket = report(li)
    assert (whose(li, ticket), why(li, ticket)) == ("wang", "按规则“灯归王师傅”派的")
    assert why(li, ticket, "en") == "by the rule “灯归王师傅”"
    assert sent_to(wang, zhao, fang) == ["wang"]
    assert "1 号" in wang.say("工作")
    assert "没有等您办的工单" in zhao.say("工作")
    with fang.store() as db:
        order_rules(db, fang.me(db), [fifth, lamps])
    assert whose(li, report(li)) == "zhao"
    with fang.store() as db:
        remove_rule(db, fang.me(db), db.get_one(RoutingRule, fifth))
    assert whose(li, report(li)) == "wang"


@pytest.mark.parametrize(
    ("asked", "said", "fits"),
    [
        ({"words": ["井盖"]}, {"text": "北门的井盖翘起来了"}, True),
        ({"words": ["wifi"]}, {"text": "活动室的 WiFi 断了"}, True),
        ({"words": ["井盖"]}, {"text": "灯坏了"}, False),
        ({"buildings": ["8"]}, {"building": "5"}, False),
        ({"categories": ["water", "lighting"]}, {}, True),
        ({"categories": ["water"], "buildings": ["5"]}, {}, False),
        ({}, {}, True),
    ],
)
def test_a_rule_asks_for_what_it_names(
    li: Chat, wang: Chat, fang: Chat, asked: dict[str, object], said: dict[str, str], fits: bool
) -> None:
    rule(fang, "规则", wang, **asked)
    assert (whose(li, report(li, **said)) == "wang") is fits


@pytest.mark.parametrize(("minute", "night"), [(1289, False), (1290, True), (0, True), (479, True), (480, False)])
def test_a_rule_may_hold_over_midnight(
    li: Chat, wang: Chat, fang: Chat, clock: Clock, minute: int, night: bool
) -> None:
    rule(fang, "夜里", wang, from_minute=21 * 60 + 30, until_minute=8 * 60)
    clock.passes(hours=12, minutes=minute)  # from midnight on
    assert (whose(li, report(li)) == "wang") is night


def test_a_role_is_told_and_has_it_on_its_list(li: Chat, wang: Chat, fang: Chat) -> None:
    """As every pack says it of disputes between neighbours."""
    ticket = report(li, "neighbour_dispute")
    assert (ticket.worker_id, ticket.for_role) == (None, Role.MANAGER)
    assert why(li, ticket) == "按规则“邻里纠纷先由负责人看”派的"
    assert sent_to(wang, fang) == ["fang"]
    assert "1 号" in fang.say("工作")
    assert "没有等您办的工单" in wang.say("工作")


def test_where_nobody_has_the_role_everybody_is_told(li: Chat, wang: Chat, zhao: Chat) -> None:
    report(li, "neighbour_dispute")
    assert sent_to(wang, zhao) == ["wang", "zhao"]


@both_stores
def test_else_the_grid_worker_of_the_building_and_else_whoever_is_on_duty(
    li: Chat, wang: Chat, zhao: Chat, fang: Chat
) -> None:
    with fang.store() as db:
        post_worker(db, fang.me(db), "5", wang.me(db))
        post_worker(db, fang.me(db), "5", zhao.me(db))  # another one now
    ticket = report(li)
    assert (whose(li, ticket), why(li, ticket)) == ("zhao", "5幢的网格员")
    ticket = report(li, building="8")
    assert (whose(li, ticket), why(li, ticket)) == (None, "没有哪条规则说给谁，谁在岗谁受理")
    assert sent_to(wang, zhao, fang) == ["wang", "zhao", "fang"]
    with fang.store() as db:
        post_worker(db, fang.me(db), "5", None)
        assert grid_posts(db) == []


def test_danger_rings_with_everybody(li: Chat, wang: Chat, zhao: Chat, fang: Chat) -> None:
    rule(fang, "灯归王师傅", wang, categories=["lighting"])
    ticket = report(li, emergency=True)
    assert whose(li, ticket) == "wang"
    assert sent_to(wang, zhao, fang) == ["wang", "zhao", "fang"]


def test_who_has_left_is_given_nothing(li: Chat, wang: Chat, zhao: Chat, fang: Chat) -> None:
    rule(fang, "灯归王师傅", wang, categories=["lighting"])
    with fang.store() as db:
        post_worker(db, fang.me(db), "5", zhao.me(db))
    with wang.store() as db:
        erase_resident(db, wang.me(db))
    assert whose(li, report(li)) == "zhao"


def test_many_reports_in_one_go_ask_for_the_rules_once(li: Chat, wang: Chat) -> None:
    """A group of turns is one transaction; what seldom changes is not asked for at every turn of it."""
    asked: list[str] = []

    def listen(_: object, __: object, statement: str, *rest: object) -> None:
        asked.extend(t for t in ("routing_rule", "grid_post", "special_day") if f"FROM {t}" in statement)

    event.listen(li.desk.engine, "before_cursor_execute", listen)
    with li.store() as db:
        for n in range(5):
            open_ticket(db, li.me(db), "lighting", f"灯 {n}", building="5")
    event.remove(li.desk.engine, "before_cursor_execute", listen)
    assert sorted(asked) == ["grid_post", "routing_rule", "special_day"]


# --- again, when something changes ----------------------------------------------------------------------------------


@both_stores
def test_another_category_or_place_may_be_somebody_elses(li: Chat, wang: Chat, zhao: Chat, fang: Chat) -> None:
    rule(fang, "水归王师傅", wang, categories=["water"])
    with fang.store() as db:
        post_worker(db, fang.me(db), "8", zhao.me(db))
    number = report(li).number
    for change, name in (({"category": "water"}, "wang"), ({"category": "road", "spot": Spot("8幢", "8")}, "zhao")):
        with fang.store() as db:
            ticket = db.exec(select(Ticket).where(Ticket.number == number)).one()
            change_ticket(db, fang.me(db), ticket, **change)
        assert whose(li, ticket) == name
    assert wang.pushed() == ["work.new_ticket"] * 2  # as one on duty, then as the one in charge
    assert zhao.pushed() == ["work.new_ticket"] * 2


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.RECEIVED], ids=lambda s: s.name)
def test_it_is_never_taken_from_who_has_accepted(li: Chat, wang: Chat, zhao: Chat, fang: Chat, status: Status) -> None:
    rule(fang, "水归赵师傅", zhao, categories=["water"])
    ticket = report(li)
    with wang.store() as db:
        ticket = db.get_one(Ticket, ticket.id)
        accept_ticket(db, wang.me(db), ticket)
        reason, ticket.category, ticket.status = ticket.why, "water", status
        assert not route(db, ticket)
        assert (ticket.worker_id, ticket.why) == (wang.me(db).id, reason)


def test_a_change_is_told_to_nobody_new_where_it_stays(li: Chat, wang: Chat) -> None:
    ticket = report(li)
    with wang.store() as db:
        change_ticket(db, wang.me(db), db.get_one(Ticket, ticket.id), category="road")
    assert wang.pushed() == ["work.new_ticket"]
    assert [e.act for e in li.rows(TicketEvent)] == [Act.MOVED, Act.CHANGED]


# --- who may say so, and where it begins ----------------------------------------------------------------------------


def test_a_manager_makes_the_rules(li: Chat, wang: Chat) -> None:
    with wang.store() as db:
        before, me = len(rules_of(db)), wang.me(db)
        made = RoutingRule(position=0, name={"zh": "全归我"}, worker_id=me.id)
        for attempt in (
            lambda: add_rule(db, me, made),
            lambda: remove_rule(db, me, rules_of(db)[0]),
            lambda: order_rules(db, me, []),
            lambda: post_worker(db, me, "5", me),
        ):
            with pytest.raises(PermissionError):
                attempt()
    assert len(li.rows(RoutingRule)) == before
    assert li.rows(GridPost) == []


def test_only_a_worker_has_a_building(li: Chat, fang: Chat) -> None:
    with pytest.raises(PermissionError), fang.store() as db:
        post_worker(db, fang.me(db), "5", li.me(db))


@both_stores
def test_a_pack_says_it_once_and_the_workers_keep_it(li: Chat, fang: Chat) -> None:
    mine = rule(fang, "水归我", fang, categories=["water"])
    load_pack(li.desk.engine, packs("hongmei")[0], NOON)
    with fang.store() as db:
        assert [r.name["zh"] for r in rules_of(db)] == ["邻里纠纷先由负责人看", "水归我"]
        assert rules_of(db)[1].id == mine


@pytest.mark.parametrize("slug", ["hongmei", "baoshi"])
def test_routes_name_categories_there_are(slug: str) -> None:
    (pack,) = packs(slug)
    assert {c for r in pack.routes for c in r.categories} <= set(HOURS)


# --- replies given again and again ----------------------------------------------------------------------------------


@both_stores
def test_templates_suit_the_step_and_the_category(li: Chat, wang: Chat, fang: Chat) -> None:
    ticket = report(li, "garbage")
    with fang.store() as db:
        me = fang.me(db)
        extra = ReplyTemplate(step=Status.RESOLVED, text={"zh": "办好了", "en": "Done"})
        save_template(db, me, extra)
        found = [t.text["zh"] for t in templates_for(db, wang.me(db), ticket, Status.RESOLVED)]
        assert found == ["已经清理干净。", "坏的零件换好了，已经能用。", "办好了"]
        remove_template(db, me, extra)
        assert len(templates_for(db, me, ticket, Status.RESOLVED)) == 2
        assert {t.text["en"] for t in templates_for(db, me, ticket, Status.ON_HOLD)} == {
            "the part has been ordered and is not here yet",
            "it cannot be done in this weather",
        }
        with pytest.raises(PermissionError):
            save_template(db, wang.me(db), ReplyTemplate(step=Status.RESOLVED, text={"zh": "x", "en": "x"}))
        with pytest.raises(PermissionError):
            templates_for(db, li.me(db), ticket, Status.RESOLVED)


def test_templates_are_for_steps_with_words_and_for_categories_there_are() -> None:
    assert {step for step, _, _ in TEMPLATES} <= {
        Status.AWAITING_REPORTER,
        Status.ON_HOLD,
        Status.RESOLVED,
        Status.CALLED_BACK,
    }
    assert {category for _, category, _ in TEMPLATES} <= {"", *HOURS}
