"""Who may see which page: every line of the route table, for everybody, with things of one's own community and another's."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from bot.console.page import PAGES, Page, page
from bot.conversation.desk import Desk
from models.alarm import Alarm
from models.login import Login, log_in
from models.resident import Resident, Role
from models.store import transaction
from tests.conftest import Clock
from tests.console_house import Clerk, Come, employ, open_house

CALLERS = ("anonymous", "resident", "worker", "manager", "alliance")
ROLES = {"worker": Role.WORKER, "manager": Role.MANAGER, "alliance": Role.ALLIANCE}
TABLE = list(PAGES.values())
PARTS = re.compile(r"{(\w+)}")


@pytest.fixture
async def come(store_url: str, tmp_path: Path, clock: Clock, aiohttp_server: Any, aiohttp_client: Any) -> Come:
    return await open_house(store_url, tmp_path / "media", clock, aiohttp_server, aiohttp_client)


def an_alarm(desk: Desk, who: int) -> int:
    with transaction(desk.engine, None, desk.now()) as db:
        person = db.get_one(Resident, who)
        alarm = Alarm(community_id=person.community_id, resident_id=who, kind="fire", text="着火了", rung_at=desk.now())
        db.add(alarm)
    return alarm.id


def a_login(desk: Desk, who: int) -> int:
    with transaction(desk.engine, None, desk.now()) as db:
        log_in(db, db.get_one(Resident, who), "Firefox", "code")
        db.flush()
        return max(login.id for login in db.exec(select(Login).where(Login.resident_id == who)))


# what stands for each part of an address that varies, made for a person: a page with another part names its maker here
THINGS: dict[str, Callable[[Desk, int], object]] = {"alarm": an_alarm, "login": a_login, "token": lambda *_: "x" * 43}


def of_a_thing(each: Page) -> bool:
    """Whether it is about something that belongs to a community."""
    return bool(set(PARTS.findall(each.path)) - {"token"})


async def called(come: Come, caller: str) -> Clerk:
    """A browser of this kind. A resident is somebody who worked here until just now."""
    clerk = await come() if caller == "anonymous" else await come("王敏", ROLES.get(caller, Role.WORKER))
    if caller == "resident":
        with transaction(clerk.desk.engine, None, clerk.desk.now()) as db:
            db.get_one(Resident, clerk.who).role = Role.RESIDENT
    return clerk


def expected(each: Page, caller: str, slug: str) -> set[int]:
    if each.needs is None:
        return {404} if "{token}" in each.path else {200, 403, 422}
    known = ROLES.get(caller)
    if known is None:
        return {303} if each.method == "GET" and each.path != "/console/stream" else {403}
    if known < each.needs:
        return {403}
    if of_a_thing(each) and slug != "hongmei":
        return {404}
    return {200} if each.method == "GET" else {303, 422}


CASES = [
    pytest.param(each, caller, slug, id=f"{each.method} {each.path} {caller} {slug}")
    for each in TABLE
    for caller in CALLERS
    for slug in (("hongmei", "baoshi") if of_a_thing(each) else ("hongmei",))
]


@pytest.mark.parametrize(("each", "caller", "slug"), CASES)
async def test_the_matrix_of_roles(each: Page, caller: str, slug: str, come: Come) -> None:
    clerk = await called(come, caller)
    theirs = clerk.who if slug == "hongmei" and clerk.who else employ(clerk.desk, "李红", slug=slug)
    path = PARTS.sub(lambda part: str(THINGS[part[1]](clerk.desk, theirs)), each.path)
    await clerk.see("/console/login")  # a page with a form: its token is the browser's
    if each.method == "GET":
        async with clerk.client.get(path, allow_redirects=False) as response:
            assert response.status in expected(each, caller, slug)
        return
    for wrong in ({}, {"form_token": "0" * 64}):
        async with clerk.client.post(path, data=wrong, allow_redirects=False) as response:
            assert response.status == 403, "a form without its token"
    async with clerk.client.post(path, data={"form_token": clerk.form_token}, allow_redirects=False) as response:
        assert response.status in expected(each, caller, slug)


def test_every_part_of_an_address_has_a_thing() -> None:
    assert {part for each in TABLE for part in PARTS.findall(each.path)} <= set(THINGS)


async def test_nothing_is_served_that_does_not_stand_in_the_table(come: Come) -> None:
    clerk = await come("王敏")
    served = [
        (route.method, route.resource.canonical)
        for route in clerk.client.server.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/console") and route.method != "HEAD"
    ]
    assert set(served) - {("*", "/console{rest}")} == set(PAGES)
    assert all(each.needs is None or each.needs >= Role.VOLUNTEER for each in TABLE)


def test_a_page_cannot_be_entered_without_saying_who_may() -> None:
    enter: Any = page
    with pytest.raises(TypeError, match="needs"):
        enter("GET", "/console/secret")


@pytest.mark.parametrize("path", ["/console/nothing", "/console/alarms", "/console/me/logins/x/end"])
async def test_an_unknown_page_is_not_found(path: str, come: Come) -> None:
    clerk = await come("王敏")
    assert "没有找到这一页" in await clerk.see(path)
    assert clerk.status == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "1", "9" * 40, "١"])
async def test_a_thing_that_is_not_there(number: str, come: Come) -> None:
    clerk = await come("王敏")
    await clerk.see("/console/me")
    await clerk.send(f"/console/alarms/{number}/take")
    assert clerk.status == 404
