"""The ways into the console: a code in one's own chat, a link, a password; how long it lasts, and how it ends."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import DummyCookieJar
from sqlmodel import select

from bot.app import application
from bot.console.browser import part_of
from bot.settings import Settings
from models.audit import AuditEntry
from models.login import IDLE, LONGEST, Login, LoginKey, issue_login_link
from models.outbox import Push
from models.password import LEAST, MEMORY, ROUNDS, fits, seal, set_password
from models.privacy import erase_resident
from models.resident import Resident, Role
from models.store import reading, transaction
from tests.conftest import Chat, Clock, both_stores
from tests.console_house import Clerk, Come, employ, number_of, open_house

pytestmark = both_stores
SECRET = "correct horse battery"
WRONG = "登录码不对"


@pytest.fixture
async def come(store_url: str, tmp_path: Path, clock: Clock, aiohttp_server: Any, aiohttp_client: Any) -> Come:
    return await open_house(store_url, tmp_path / "media", clock, aiohttp_server, aiohttp_client)


@pytest.fixture
async def clerk(come: Come) -> Clerk:
    """A browser at the door, and 王敏 who works here."""
    clerk = await come()
    clerk.who = employ(clerk.desk, "王敏", phone="13800001111")
    return clerk


def rows(clerk: Clerk, table: type[Any]) -> list[Any]:
    with reading(clerk.desk.engine, None) as db:
        return list(db.exec(select(table)))


def clock_of(clerk: Clerk) -> Clock:
    now = clerk.desk.now
    assert isinstance(now, Clock)
    return now


async def asks(clerk: Clerk, who: str = "王敏") -> str:
    await clerk.see("/console/login")
    return await clerk.send("/console/login", who=who)


async def types(clerk: Clerk, code: str, who: str = "王敏") -> str:
    return await clerk.send("/console/login/code", who=who, code=code)


async def is_in(clerk: Clerk) -> bool:
    await clerk.see("/console")
    return clerk.path == "/console"


# --- a code -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["王敏", " 王敏 ", "13800001111", "138 0000 1111"])
async def test_a_code_comes_into_ones_own_chat(clerk: Clerk, who: str) -> None:
    assert "六位登录码已经发到那边的聊天里" in await asks(clerk, who)
    code = number_of(clerk.desk, clerk.who)
    assert re.fullmatch(r"\d{6}", code)
    await types(clerk, f"{code[:3]} {code[3:]}", who)
    assert (clerk.path, clerk.status) == ("/console", 200)
    assert "王敏，您好" in clerk.page
    (push,) = [p for p in rows(clerk, Push) if p.text_key == "console.code"]
    assert push.urgent
    assert push.expires_at == clerk.desk.now() + timedelta(minutes=5)


async def test_a_code_is_good_once_and_for_five_minutes(clerk: Clerk, come: Come) -> None:
    await asks(clerk)
    code = number_of(clerk.desk, clerk.who)
    clock_of(clerk).passes(minutes=5)
    assert WRONG in await types(clerk, code)
    await asks(clerk)
    code = number_of(clerk.desk, clerk.who)
    before = clerk.cookie
    await types(clerk, code)
    assert await is_in(clerk)
    await clerk.send("/console/logout")
    clerk.client.session.cookie_jar.update_cookies({"linlifang-console": before}, clerk.client.make_url("/"))
    await clerk.see("/console/login")
    assert WRONG in await types(clerk, code)


async def test_a_code_is_no_use_in_another_browser_or_for_somebody_else(clerk: Clerk, come: Come) -> None:
    employ(clerk.desk, "李红")
    other = await come()
    await asks(clerk)
    await asks(other, "nobody")
    code = number_of(clerk.desk, clerk.who)
    assert WRONG in await types(other, code)
    assert WRONG in await types(clerk, code, "李红")  # or another name would have five tries of its own
    await types(clerk, code)
    assert clerk.path == "/console"


async def test_the_store_holds_no_code_and_no_token(clerk: Clerk) -> None:
    await asks(clerk)
    code = number_of(clerk.desk, clerk.who)
    (key,) = rows(clerk, LoginKey)
    assert code not in key.digest
    await types(clerk, code)
    (login,) = rows(clerk, Login)
    assert clerk.cookie not in login.digest
    assert rows(clerk, LoginKey) == []


@pytest.mark.parametrize("stranger", ["没有这个人", "13900009999", "x"])
async def test_who_is_unknown_is_told_the_same(clerk: Clerk, come: Come, stranger: str) -> None:
    known = (await asks(clerk)).replace("王敏", stranger)
    other = await come()
    assert await asks(other, stranger) == known
    tokens = clerk.form_token, other.form_token
    assert clerk.page.replace("王敏", stranger).replace(tokens[0], "") == other.page.replace(tokens[1], "")
    for n in range(6):
        answers = await types(clerk, f"{n:06}"), await types(other, f"{n:06}", stranger)
        assert answers[0].replace("王敏", stranger) == answers[1]
        assert clerk.status == other.status == (403 if n < 5 else 429)


async def test_residents_and_the_nameless_are_nobody_here(clerk: Clerk) -> None:
    neighbour = employ(clerk.desk, "张三", Role.RESIDENT)
    nameless = employ(clerk.desk, "")
    await asks(clerk, "张三")
    assert "请写上姓名" in await asks(clerk, "  ")
    assert clerk.status == 422
    await types(clerk, "000000", "")
    assert {p.resident_id for p in rows(clerk, Push)} & {neighbour, nameless} == set()


async def test_namesakes_each_get_their_own(clerk: Clerk) -> None:
    there = employ(clerk.desk, "王敏", slug="baoshi")
    await asks(clerk)
    await types(clerk, number_of(clerk.desk, there))
    assert "宝石社区" in clerk.page


# --- how often --------------------------------------------------------------------------------------------------------


async def test_after_five_wrong_codes_the_right_one_is_not_looked_at_for_a_quarter_of_an_hour(clerk: Clerk) -> None:
    await asks(clerk)
    code = number_of(clerk.desk, clerk.who)
    for n in range(5):
        assert WRONG in await types(clerk, f"{(int(code) + n + 1) % 10**6:06}")
    assert "试的次数太多了" in await types(clerk, code)
    assert clerk.status == 429
    clock_of(clerk).passes(minutes=14)
    await types(clerk, code)
    assert clerk.status == 429
    clock_of(clerk).passes(minutes=1)
    await asks(clerk)
    await types(clerk, number_of(clerk.desk, clerk.who))
    assert await is_in(clerk)


async def test_many_tries_at_once_are_no_more_than_many(clerk: Clerk) -> None:
    await asks(clerk)
    code = int(number_of(clerk.desk, clerk.who))
    statuses = []

    async def guess(n: int) -> None:
        data = {"form_token": clerk.form_token, "who": "王敏", "code": f"{(code + n) % 10**6:06}"}
        async with clerk.client.post("/console/login/code", data=data) as response:
            statuses.append(response.status)

    await asyncio.gather(*(guess(n) for n in range(1, 25)))
    assert sorted(statuses) == [403] * 5 + [429] * 19


async def test_one_address_has_twenty_tries(clerk: Clerk) -> None:
    await asks(clerk)
    statuses = []
    for n in range(21):
        await types(clerk, "000000", f"somebody {n}")
        statuses.append(clerk.status)
    assert statuses == [403] * 20 + [429]


async def test_codes_are_not_sent_without_end(clerk: Clerk) -> None:
    for _ in range(5):
        await asks(clerk)
        assert clerk.status == 200
    await asks(clerk)
    assert clerk.status == 429
    assert len([p for p in rows(clerk, Push) if p.text_key == "console.code"]) == 5


async def test_whoever_gets_in_starts_anew(clerk: Clerk) -> None:
    await asks(clerk)
    for _ in range(4):
        await types(clerk, "x")
    await types(clerk, number_of(clerk.desk, clerk.who))
    assert await is_in(clerk)
    await clerk.send("/console/logout")
    await asks(clerk)
    for _ in range(5):
        await types(clerk, "x")
        assert clerk.status == 403


# --- a link -----------------------------------------------------------------------------------------------------------


async def test_a_link_from_the_chat_opens_the_console_once(clerk: Clerk, come: Come) -> None:
    chat = Chat(clerk.desk, "wang").settle_in(Role.WORKER)
    path = re.search(r"/console/enter/\S+", chat.say("工作台"))
    assert path
    await clerk.see(path[0])
    assert await clerk.see(path[0])  # a messenger that looked at it first has not used it up
    await clerk.send(path[0])
    assert (clerk.path, clerk.status) == ("/console", 200)
    other = await come()
    assert "不能用了" in await other.see(path[0])
    assert other.status == 404


async def test_a_link_grows_old_and_is_for_who_works_here(clerk: Clerk) -> None:
    chat = Chat(clerk.desk, "wang").settle_in()
    assert "工作人员" in chat.say("工作台")
    with transaction(clerk.desk.engine, None, clerk.desk.now()) as db:
        token = issue_login_link(db, db.get_one(Resident, clerk.who))
    await clerk.see(f"/console/enter/{token}")
    clock_of(clerk).passes(minutes=15)
    assert "不能用了" in await clerk.send(f"/console/enter/{token}")


# --- a password -------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_by_argon2id_at_a_price(engine: object) -> None:
    secret = seal(SECRET)
    assert secret.startswith(f"$argon2id$v=19$m={MEMORY},t={ROUNDS},")
    assert (MEMORY >= 64 * 1024, ROUNDS >= 3) == (True, True)  # a tenth of a second where this was written
    assert SECRET not in secret
    assert fits(SECRET, secret)
    assert not fits(f"{SECRET} ", secret)
    assert not fits(SECRET, None)


async def test_a_password_lets_in(clerk: Clerk) -> None:
    with transaction(clerk.desk.engine, None, clerk.desk.now()) as db:
        set_password(db, db.get_one(Resident, clerk.who), SECRET)
    await clerk.see("/console/login/password")
    for who, password in (("王敏", "x" * LEAST), ("没有这个人", SECRET), ("王敏", "")):
        told = await clerk.send("/console/login/password", who=who, password=password)
        assert "姓名、手机号或密码不对" in told
        assert clerk.status == 403
    await clerk.send("/console/login/password", who="13800001111", password=SECRET)
    assert (clerk.path, clerk.status) == ("/console", 200)


# --- how long ---------------------------------------------------------------------------------------------------------


async def test_a_login_is_another_token_and_the_one_before_is_worth_nothing(clerk: Clerk, come: Come) -> None:
    await asks(clerk)
    before = clerk.cookie
    await types(clerk, number_of(clerk.desk, clerk.who))
    assert clerk.cookie != before
    thief = await come()
    thief.client.session.cookie_jar.update_cookies({"linlifang-console": before}, thief.client.make_url("/"))
    assert not await is_in(thief)


async def test_a_login_left_alone_ends_after_eight_hours(come: Come) -> None:
    clerk = await come("王敏")
    clock_of(clerk).passes(hours=7, minutes=59)
    clerk.headers = {"X-By-Itself": "1", "HX-Request": "true"}
    await clerk.see("/console")  # the page keeps itself up to date: nobody is there for that
    assert clerk.status == 200
    clerk.headers = {}
    clock_of(clerk).passes(minutes=1)
    assert not await is_in(clerk)


async def test_a_login_that_is_used_ends_after_a_week(come: Come) -> None:
    clerk = await come("王敏")
    for _ in range(int(LONGEST / timedelta(hours=7)) - 1):
        clock_of(clerk).passes(hours=7)
        assert await is_in(clerk)
    clock_of(clerk).passes(hours=7)
    assert clerk.desk.now() - rows(clerk, Login)[0].used_at < IDLE
    assert not await is_in(clerk)


async def test_logging_out_ends_it_on_the_server(come: Come) -> None:
    clerk, thief = await come("王敏"), await come()
    stolen = clerk.cookie
    await clerk.see("/console/me")
    assert "已经退出" in await clerk.send("/console/logout")
    thief.client.session.cookie_jar.update_cookies({"linlifang-console": stolen}, thief.client.make_url("/"))
    assert not await is_in(thief)
    assert rows(clerk, Login) == []


async def test_every_login_of_mine_can_be_ended(come: Come) -> None:
    here, there, other = await come("王敏"), await come(), await come("李红")
    await there.enter(here.who)
    assert (await here.see("/console/me")).count("上次使用") == 2
    await here.send("/console/me/logins/end")
    assert [await is_in(each) for each in (here, there, other)] == [False, False, True]


async def test_one_login_of_mine_can_be_ended(come: Come) -> None:
    here, there = await come("王敏"), await come()
    await there.enter(here.who)
    await here.see("/console/me")
    (path,) = re.findall(r"/console/me/logins/\d+/end", here.page)
    assert "已经退出那一处" in await here.send(path)
    assert [await is_in(each) for each in (here, there)] == [True, False]


async def test_who_works_here_no_more_is_out_at_once(come: Come) -> None:
    lowered, erased = await come("王敏"), await come("李红")
    with transaction(lowered.desk.engine, None, lowered.desk.now()) as db:
        db.get_one(Resident, lowered.who).role = Role.RESIDENT
    with transaction(lowered.desk.engine, lowered.desk.communities["hongmei"].id, lowered.desk.now()) as db:
        erase_resident(db, db.get_one(Resident, erased.who))
    assert [await is_in(each) for each in (lowered, erased)] == [False, False]
    assert [login.resident_id for login in rows(lowered, Login)] == [lowered.who]


async def test_a_page_open_since_then_is_led_to_the_login(come: Come) -> None:
    clerk = await come("王敏")
    clock_of(clerk).passes(hours=8)
    response = await clerk.client.get("/console", headers={"HX-Request": "true"}, allow_redirects=False)
    assert (response.status, response.headers["HX-Redirect"]) == (401, "/console/login")


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/console/me", "/console/me"),
        ("//evil.example/console", "/console"),
        ("https://evil.example", "/console"),
        ("/console\\evil", "/console"),
        ("/consoles", "/console"),
        ("/console/me\r\nX: y", "/console"),
    ],
)
async def test_after_the_login_one_is_where_one_wanted_to_be(clerk: Clerk, wanted: str, reached: str) -> None:
    await clerk.see("/console/login", params={"next": wanted})
    await clerk.send("/console/login", who="王敏", next=wanted)
    await clerk.send("/console/login/code", who="王敏", code=number_of(clerk.desk, clerk.who), next=wanted)
    assert clerk.path == reached


# --- what is written down, and the cookie -----------------------------------------------------------------------------


async def test_logins_are_written_down_with_a_part_of_the_address(come: Come) -> None:
    clerk = await come("王敏")
    await clerk.see("/console/me")
    await clerk.send("/console/me", name="王小敏", phone="")
    await clerk.send("/console/logout")
    mine = [e for e in rows(clerk, AuditEntry) if e.actor == clerk.who]
    assert [e.act for e in mine] == ["login.started", "resident.renamed", "login.ended"]
    assert mine[0].facts == {"how": "link"}
    assert {(e.channel, e.role, e.address) for e in mine} == {("console", "worker", "127.0.0.0")}


def test_an_address_is_kept_in_part(engine: object) -> None:
    assert part_of("203.0.113.77") == "203.0.113.0"
    assert part_of("2001:db8:1:2::3") == "2001:db8:1::"
    assert part_of("unix:") == ""


async def test_a_proxy_of_ours_is_believed_as_to_who_is_behind_it(clerk: Clerk) -> None:
    await asks(clerk)
    for n in range(21):
        clerk.headers = {"X-Forwarded-For": f"10.0.0.{n}, 198.51.100.{n}"}  # what others wrote before it is not
        await types(clerk, "000000", f"somebody {n}")
        assert clerk.status == 403


@pytest.mark.parametrize(
    ("url", "name"), [("https://linli.example.cn", "__Host-linlifang-console"), ("", "linlifang-console")]
)
async def test_the_cookie_is_out_of_reach(
    url: str, name: str, store_url: str, tmp_path: Path, aiohttp_server: Any, aiohttp_client: Any
) -> None:
    app = application(Settings(database_url=store_url, media_dir=tmp_path, public_url=url), clock=False)
    client = await aiohttp_client(await aiohttp_server(app), cookie_jar=DummyCookieJar())
    response = await client.get("/console/login")
    cookie = response.cookies[name]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert bool(cookie["secure"]) == url.startswith("https:")
    assert len(cookie.value) == 43  # 256 bits
