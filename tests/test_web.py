"""The web chat on its wire: a real server on loopback, a furnished store, a browser with cookies."""

import asyncio
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, CookieJar, DummyCookieJar, FormData, web
from aiohttp.test_utils import TestClient, make_mocked_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlmodel import select
from yarl import URL

from bot.app import DESK, application
from bot.channels import photos
from bot.channels import web as web_channel
from bot.channels.guest import COOKIE, Guest, guest_of
from bot.content.load import load_pack
from bot.conversation.desk import Desk
from bot.settings import Settings
from models.mailbox import Letter
from models.outbox import push
from models.resident import Account, Resident, Role
from models.store import connect, reading, transaction
from tests.conftest import NOON, ROOT, Clock, packs

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CHAT = "/api/chat/hongmei"
JSON_BODY = {"Content-Type": "application/json"}


class Browser:
    """One person's browser: its own cookies, any number of pages."""

    def __init__(self, client: TestClient[Any, Any], slug: str = "hongmei") -> None:
        self.client, self.slug, self.count = client, slug, 0
        self.api = f"/api/chat/{slug}"

    async def post(self, body: object, **more: Any) -> ClientResponse:
        """Say it as it is, a second after whatever was said before."""
        self.later()
        return await self.client.post(
            f"{self.api}/messages", data=json.dumps(body), headers=JSON_BODY | more.pop("headers", {}), **more
        )

    def later(self) -> None:
        """A second passes by the server's own clock."""
        self.client.server.app[DESK].now.passes(seconds=1)

    async def say(self, text: str = "", **more: Any) -> list[dict[str, Any]]:
        """The replies; `more` are further fields of the message."""
        self.count += 1
        response = await self.post({"id": f"m-{self.count}", "text": text} | more)
        assert response.status == 200, await response.text()
        replies: list[dict[str, Any]] = (await response.json())["replies"]
        return replies

    async def upload(self, data: bytes, **more: Any) -> ClientResponse:
        form = FormData()
        form.add_field("photo", data, filename="photo.jpg", content_type="image/jpeg")
        return await self.client.post(f"{self.api}/photos", data=form, **more)

    async def history(self) -> dict[str, Any]:
        response = await self.client.get(f"{self.api}/history")
        assert response.status == 200
        found: dict[str, Any] = await response.json()
        return found

    @property
    def token(self) -> str:
        return self.client.session.cookie_jar.filter_cookies(self.client.make_url("/"))[COOKIE].value


Open = Callable[..., Awaitable[Browser]]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
async def server(store_url: str, media: Path, aiohttp_server: Any) -> Any:
    app = application(Settings(database_url=store_url, media_dir=media))
    app[DESK].now = Clock()
    return await aiohttp_server(app)


@pytest.fixture
async def come(server: Any, aiohttp_client: Any) -> Open:
    """Another browser: come(), come("baoshi"), come(forgetful=True)."""

    async def open_browser(slug: str = "hongmei", forgetful: bool = False) -> Browser:
        jar = DummyCookieJar() if forgetful else CookieJar(unsafe=True)
        return Browser(await aiohttp_client(server, cookie_jar=jar), slug)

    return open_browser


@pytest.fixture
async def browser(come: Open) -> Browser:
    return await come()


@pytest.fixture
async def forgetful(come: Open) -> Browser:
    return await come(forgetful=True)


@pytest.fixture
def desk(server: Any) -> Desk:
    found: Desk = server.app[DESK]
    return found


def picture(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()


def resident_of(desk: Desk, browser: Browser) -> Resident:
    """Who the store takes this browser for, known by the digest of its cookie."""
    user = hashlib.sha256(f"linlifang guest {browser.token}".encode()).hexdigest()[:32]
    with reading(desk.engine, desk.communities[browser.slug].id) as db:
        account = db.exec(select(Account).where(Account.channel == "web", Account.user == user)).one()
        return db.get_one(Resident, account.resident_id)


def owe(desk: Desk, resident: Resident, key: str, text: str = "明天停水") -> None:
    """A push that is due now, at any hour of the night."""
    with transaction(desk.engine, resident.community_id, desk.now()) as db:
        push(db, key, resident.id, "notice.notice", urgent=True, text=text)
    desk.wake(desk.now())


class Stream:
    """An open page's event stream, read event by event."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def block(self) -> str:
        async with asyncio.timeout(10):
            lines = []
            while (line := (await self.response.content.readline()).decode().rstrip("\n")) or not lines:
                lines.append(line)
            return "\n".join(lines)

    async def event(self) -> dict[str, Any]:
        """The next event, passing over comments."""
        while True:
            fields = dict(line.split(": ", 1) for line in (await self.block()).splitlines() if not line.startswith(":"))
            if fields:
                told: dict[str, Any] = json.loads(fields["data"]) | {"id": fields["id"]}
                return told


@asynccontextmanager
async def listening(browser: Browser, after: str = "", last_id: str = "") -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    query = {"after": after} if after else {}
    async with browser.client.get(f"{browser.api}/events", params=query, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        stream = Stream(response)
        assert await stream.block() == ": open"
        yield stream


async def test_the_line_of_who_had_everything_deleted_ends(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_channel, "HEARTBEAT", 0.1)
    await browser.say("登记住址 3幢2单元502")
    async with asyncio.timeout(10), listening(browser) as stream:
        await browser.say(choice="/me.delete delete=yes")
        await browser.say("登记住址 3幢2单元502")
        assert b"data:" not in await stream.response.content.read()


# messages


async def test_a_message_brings_replies_in_the_documented_shape(browser: Browser) -> None:
    replies = await browser.say("你好")
    assert set(replies[0]) == {"text", "choices", "want", "image", "pin", "file"}
    assert "红梅" in replies[0]["text"]
    assert all(set(choice) == {"value", "label"} for choice in replies[0]["choices"])
    assert replies[0]["image"] is replies[0]["pin"] is replies[0]["file"] is replies[0]["want"] is None


async def test_a_pin_and_a_file_come_as_documented(browser: Browser) -> None:
    place = (await browser.say("健身房"))[0]["choices"][0]
    shown = (await browser.say(choice=place["value"], label=place["label"]))[0]
    assert set(shown["pin"]) == {"lat", "lon", "text"}
    assert 29 < shown["pin"]["lat"] < 31
    exported = (await browser.say("导出我的信息"))[0]["file"]
    assert exported == {"name": "mine.json", "url": "/c/hongmei/mine.json"}


async def test_a_report_by_text_tap_pin_and_photo(browser: Browser) -> None:
    await browser.say("登记住址")
    await browser.say("3幢2单元502")
    ref = (await (await browser.upload(picture())).json())["ref"]
    asked = (await browser.say("路灯坏了，已经三天了"))[-1]
    assert asked["want"] == "place", asked
    asked = (await browser.say(place={"lat": 30.2921, "lon": 120.1962, "text": ""}))[-1]
    assert asked["want"] == "photo"
    asked = (await browser.say(media=[ref]))[-1]
    skip = next(c for c in asked["choices"] if c["label"] == "跳过")
    asked = (await browser.say(choice=skip["value"], label=skip["label"]))[-1]
    assert asked["want"] == "phone"
    draft = (await browser.say("13812345678"))[-1]
    assert "照片：1 张" in draft["text"]
    assert "工单 1 号" in (await browser.say("1"))[-1]["text"]


async def test_the_same_id_again_gives_the_same_replies(browser: Browser, desk: Desk) -> None:
    said = {"id": "one", "text": "你好"}
    first = await (await browser.post(said)).json()
    again = await (await browser.post(said)).json()
    assert again == first
    assert await (await browser.post(said | {"text": "再见"})).json() == first
    other = await (await browser.post({"id": "two", "text": "菜单"})).json()
    assert other != first
    assert [i["id"] for i in (await browser.history())["items"] if i["from"] == "resident"] == ["one", "two"]


async def test_another_browser_with_the_same_id_is_not_given_them(browser: Browser, come: Open) -> None:
    said = {"id": "one", "text": "我的"}
    await browser.say("登记住址")
    await browser.say("3幢2单元502")
    mine = await (await browser.post(said)).json()
    theirs = await (await (await come()).post(said)).json()
    assert "3幢2单元502室" in mine["replies"][0]["text"]
    assert "3幢2单元502室" not in json.dumps(theirs, ensure_ascii=False)


async def test_two_at_once_with_one_id_are_answered_alike(browser: Browser) -> None:
    await browser.say("你好")
    both = await asyncio.gather(*(browser.post({"id": "same", "text": "菜单"}) for _ in range(5)))
    told = [await response.json() for response in both]
    assert all(t == told[0] for t in told)
    assert [i["id"] for i in (await browser.history())["items"] if i["from"] == "resident"] == ["m-1", "same"]


async def test_a_resident_here_is_a_stranger_next_door(come: Open, browser: Browser) -> None:
    await browser.say("登记住址")
    await browser.say("3幢2单元502")
    next_door = Browser(browser.client, "baoshi")
    assert "还没有登记" in (await next_door.say("我的"))[0]["text"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "id"),
        ({"id": ""}, "id"),
        ({"id": None}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"id": "line\nbreak"}, "id"),
        ({"id": "nul\x00"}, "id"),
        ({"id": "a", "text": 5}, "text"),
        ({"id": "a", "text": ["你好"]}, "text"),
        ({"id": "a", "text": "x" * 20_001}, "text"),
        ({"id": "a", "text": "\ud800"}, "text"),
        ({"id": "a", "choice": {}}, "choice"),
        ({"id": "a", "label": "x" * 201}, "label"),
        ({"id": "a", "place": "3幢"}, "place"),
        ({"id": "a", "place": {"lat": 30}}, "place.lon"),
        ({"id": "a", "place": {"lat": 91, "lon": 120}}, "place.lat"),
        ({"id": "a", "place": {"lat": "north", "lon": 120}}, "place.lat"),
        ({"id": "a", "place": {"lat": 30, "lon": 120, "floor": 3}}, "place.floor"),
        ({"id": "a", "media": "x"}, "media"),
        ({"id": "a", "media": ["../../etc/passwd"]}, "media.0"),
        ({"id": "a", "media": ["a" * 64, "\x00"]}, "media.1"),
        ({"id": "a", "media": ["a" * 64] * 4}, "media"),
        ({"id": "a", "sender": "somebody else"}, "sender"),
        ({"id": "a", "\ud800": 1}, "string"),
        ([], "object"),
        ("你好", "object"),
        (None, "object"),
        (5, "object"),
    ],
)
async def test_a_senseless_message_is_refused_with_the_field_named(browser: Browser, body: object, names: str) -> None:
    response = await browser.post(body)
    assert response.status == 400
    assert names in (await response.json())["error"]
    assert (await browser.history())["items"] == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"id": "a"',
        b"[" * 100000,
        b'{"id": "a", "place": {"lat": NaN, "lon": 1}}',
        b'{"id": "a", "place": {"lat": 1e999, "lon": 1}}',
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
)
async def test_what_is_no_sensible_json_is_refused(browser: Browser, raw: bytes) -> None:
    response = await browser.client.post(f"{CHAT}/messages", data=raw, headers={"Content-Type": "application/json"})
    assert response.status == 400
    assert (await response.json())["error"]


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=80)
LIST = st.lists(LEAF, max_size=4)
JSON = LEAF | LIST | st.dictionaries(st.text(max_size=8), LEAF | LIST, max_size=4)
FIELDS = ("id", "text", "choice", "label", "place", "media", "extra")
NEARLY = st.fixed_dictionaries(
    {"id": st.one_of(JSON, st.text("abc.-_:09", min_size=1, max_size=70))},
    optional={
        "text": st.one_of(JSON, st.text(st.characters(codec=None), max_size=60)),
        "choice": st.one_of(JSON, st.sampled_from(["/menu", "/repair", "1.0", "!back", "/ask key=x", "99999999999.1"])),
        "label": JSON,
        "place": st.one_of(JSON, st.fixed_dictionaries({"lat": st.floats(), "lon": st.floats()})),
        "media": st.one_of(JSON, st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=4)),
        "extra": JSON,
    },
)


@given(body=st.one_of(NEARLY, JSON))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_json_whatever_makes_the_server_fail(forgetful: Browser, body: object) -> None:
    """Without cookies each example is another guest, so that none is slowed down."""
    response = await forgetful.post(body)
    told = await response.json()
    assert response.status in (200, 400)
    assert told["replies"] if response.status == 200 else isinstance(told["error"], str)
    assert response.status == 400 or not any("编号" in reply["text"] for reply in told["replies"])


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_text_whatever_is_too_much_for_postgresql(forgetful: Browser, text: str) -> None:
    response = await forgetful.post(
        {"id": "1", "text": text, "label": text, "place": {"lat": 1, "lon": 1, "text": text}}
    )
    assert response.status == 200
    assert not any("编号" in reply["text"] for reply in (await response.json())["replies"])


# the door


@pytest.mark.parametrize("slug", ["nowhere", "HONGMEI", "hongmei%00", "..%2f", "%F0%9F%8F%A0"])
async def test_an_unknown_community_is_not_found(browser: Browser, slug: str) -> None:
    client, here = browser.client, URL(f"/api/chat/{slug}/messages", encoded=True)
    assert (await client.post(here, json={"id": "a", "text": "你好"})).status == 404
    for path in (f"/c/{slug}", f"/api/chat/{slug}/history", f"/api/chat/{slug}/events", f"/media/{slug}/{'a' * 64}"):
        assert (await client.get(URL(path, encoded=True))).status == 404


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", "", "http://", "http://{host}.evil.example"],
)
async def test_another_sites_page_may_not_post(browser: Browser, origin: str) -> None:
    host = f"{browser.client.host}:{browser.client.port}"
    headers = {"Origin": origin.replace("{host}", host)}
    assert (await browser.post({"id": "a", "text": "你好"}, headers=headers)).status == 403
    assert (await browser.upload(picture(), headers=headers)).status == 403
    assert (await browser.client.post(f"{CHAT}/language", json={"language": "en"}, headers=headers)).status == 403
    own = {"Origin": f"http://{host}"}
    assert (await browser.post({"id": "a", "text": "你好"}, headers=own)).status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
async def test_only_json_is_a_message(browser: Browser, kind: str) -> None:
    headers = {"Content-Type": kind}
    response = await browser.client.post(f"{CHAT}/messages", data=b'{"id":"a","text":"hi"}', headers=headers)
    assert response.status == 415
    assert "application/json" in (await response.json())["error"]


async def test_a_charset_nobody_knows_is_refused(browser: Browser) -> None:
    headers = {"Content-Type": "application/json; charset=klingon"}
    response = await browser.client.post(f"{CHAT}/messages", data=b'{"id":"a","text":"hi"}', headers=headers)
    assert response.status == 415


async def test_an_oversize_body_is_refused(browser: Browser) -> None:
    body = json.dumps({"id": "a", "text": "x" * 300_000})
    response = await browser.client.post(f"{CHAT}/messages", data=body, headers={"Content-Type": "application/json"})
    assert response.status == 413
    assert (await response.json())["error"]


async def test_an_oversize_body_of_no_stated_length_is_refused(browser: Browser) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b" " * 64 * 1024

    headers = {"Content-Type": "application/json"}
    response = await browser.client.post(f"{CHAT}/messages", data=endless(), headers=headers)
    assert response.status == 413
    assert (await response.json())["error"]


async def test_a_body_that_cannot_be_unpacked_is_refused(browser: Browser) -> None:
    headers = JSON_BODY | {"Content-Encoding": "gzip"}
    response = await browser.client.post(f"{CHAT}/messages", data=b'{"id": "a"}', headers=headers)
    assert response.status == 400


async def test_a_calendar_of_an_impossible_number_is_not_there(browser: Browser) -> None:
    assert (await browser.client.get(f"/c/hongmei/event/{10**19 - 1}.ics")).status == 404


async def test_only_so_many_photos_are_in_memory_at_once(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    here, most = 0, 0

    async def slow(*_: object) -> bytes:
        nonlocal here, most
        here, most = here + 1, max(most, here + 1)
        await asyncio.sleep(0.05)
        here -= 1
        raise TimeoutError

    monkeypatch.setattr(web_channel, "photo_in", slow)
    api = f"{CHAT}/photos"
    answers = await asyncio.gather(*(browser.client.post(api, cookies={COOKIE: f"{n:032}"}) for n in range(60)))
    assert {answer.status for answer in answers} == {422}
    assert most == photos.UPLOADS


async def test_a_photo_that_never_arrives_is_given_up(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "UPLOAD", 0.1)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        await asyncio.sleep(30)

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with asyncio.timeout(10):
        assert (await browser.client.post(f"{CHAT}/photos", data=stuck(), headers=headers)).status == 422


async def test_the_longest_message_is_taken(browser: Browser) -> None:
    escaped = '{"id": "a", "text": "' + "\\ud83d\\ude00" * 20_000 + '"}'
    response = await browser.client.post(f"{CHAT}/messages", data=escaped, headers={"Content-Type": "application/json"})
    assert response.status == 200
    assert "太长" in (await response.json())["replies"][0]["text"]


# who a browser is


async def test_the_cookie_is_for_the_server_alone(browser: Browser) -> None:
    response = await browser.post({"id": "a", "text": "你好"})
    cookie = response.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["secure"]
    assert len(cookie.value) == 32


@pytest.mark.parametrize(("secure", "name"), [(True, f"__Host-{COOKIE}-hongmei"), (False, f"{COOKIE}-hongmei")])
def test_who_is_recognised_in_a_community_has_a_cookie_of_their_own_there(secure: bool, name: str) -> None:
    def comes(slug: str, **cookies: str) -> Guest:
        said = "; ".join(f"{key}={value}" for key, value in cookies.items())
        return guest_of(make_mocked_request("GET", "/", headers={"Cookie": said}), slug, secure)

    planted = "A" * 32
    guest = comes("hongmei", **{COOKIE: planted}).anew()
    [cookie] = guest.remembered(web.Response()).cookies.values()
    assert (cookie.key, cookie["path"], cookie["domain"], bool(cookie["secure"])) == (name, "/", "", secure)
    both = {COOKIE: planted, name: cookie.value}
    assert (comes("hongmei", **both).address, comes("hongmei", **both).recognised) == (guest.address, True)
    assert (comes("baoshi", **both).token, comes("baoshi", **both).recognised) == (planted, False)
    assert comes("hongmei", **{COOKIE: planted}).address != guest.address


@pytest.mark.parametrize(("address", "secure"), [("https://linli.example", True), ("http://linli.example", False)])
async def test_cookies_are_secure_where_residents_come_by_https(
    store_url: str, media: Path, aiohttp_client: Any, address: str, secure: bool
) -> None:
    client = await aiohttp_client(application(Settings(database_url=store_url, media_dir=media, public_url=address)))
    host = {"Host": "linli.example", "Origin": address}
    for asked in (
        client.post(f"{CHAT}/messages", json={"id": "a", "text": "你好"}, headers=host),
        client.get(f"{CHAT}/history", headers=host),
        client.get(f"{CHAT}/events", headers=host),
    ):
        client.session.cookie_jar.clear()
        response = await asked
        assert bool(response.cookies[COOKIE]["secure"]) is secure
        response.close()
    changed = await client.post(f"{CHAT}/language", json={"language": "en"}, headers=host)
    assert bool(changed.cookies["language"]["secure"]) is secure


async def test_the_store_holds_only_the_cookies_digest(browser: Browser, desk: Desk, store_url: str) -> None:
    await browser.say("登记住址")
    await browser.say("3幢2单元502")
    engine = connect(store_url)
    with engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        dump = "\n".join(raw.iterdump())
    engine.dispose()
    assert "3-2-502" in dump
    assert browser.token not in dump


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 33, "../../../../etc/passwd aaaaaaaaaa", "'; DROP TABLE resident; --aaaaaa"]
)
async def test_a_made_up_cookie_makes_a_new_guest(come: Open, token: str) -> None:
    browser = await come(forgetful=True)
    response = await browser.post({"id": "a", "text": "你好"}, headers={"Cookie": f'{COOKIE}="{token}"'})
    assert response.status == 200
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", response.cookies[COOKIE].value)
    assert response.cookies[COOKIE].value != token


# pushes


async def test_a_push_arrives_at_both_pages_of_a_resident_and_at_no_strangers(
    browser: Browser, come: Open, desk: Desk
) -> None:
    await browser.say("你好")
    me = resident_of(desk, browser)
    other = await come()
    await other.say("你好")
    stranger = resident_of(desk, other)
    async with listening(browser) as one, listening(browser) as two, listening(other) as theirs:
        owe(desk, me, "water", "明天停水")
        for page in (one, two):
            told = await page.event()
            assert told["text"] == "【社区通知】明天停水"
            assert {"text", "choices", "want", "image", "pin", "file", "at", "id"} == set(told)
        owe(desk, stranger, "power", "明天停电")
        assert (await theirs.event())["text"] == "【社区通知】明天停电"  # and nothing before it


async def test_what_was_missed_is_replayed_after_the_last_event(browser: Browser, desk: Desk) -> None:
    await browser.say("你好")
    me = resident_of(desk, browser)
    async with listening(browser) as page:
        for n in (1, 2, 3):
            owe(desk, me, f"n{n}", f"第{n}条")
        told = [await page.event() for _ in range(3)]
    assert [t["text"] for t in told] == ["【社区通知】第1条", "【社区通知】第2条", "【社区通知】第3条"]
    async with listening(browser, last_id=told[0]["id"]) as page:
        assert [(await page.event())["id"] for _ in range(2)] == [told[1]["id"], told[2]["id"]]
    async with listening(browser, after=told[1]["id"]) as page:
        assert (await page.event())["id"] == told[2]["id"]
    async with listening(browser, after=told[0]["id"], last_id=told[1]["id"]) as page:
        assert (await page.event())["id"] == told[2]["id"]  # the header is the browser's own, and newer
    assert (await browser.history())["last"] == told[2]["id"]


async def test_more_than_are_read_at_once_come_without_a_pause(browser: Browser, desk: Desk) -> None:
    await browser.say("你好")
    me = resident_of(desk, browser)
    with transaction(desk.engine, me.community_id, desk.now()) as db:
        for n in range(250):
            reply = {"text": str(n), "choices": [], "want": None, "image": None, "pin": None, "file": None}
            db.add(Letter(key=f"k{n}", resident_id=me.id, reply=reply, at=desk.now()))
    async with asyncio.timeout(web_channel.HEARTBEAT / 2), listening(browser) as page:
        assert [(await page.event())["text"] for _ in range(250)] == [str(n) for n in range(250)]


@pytest.mark.parametrize("after", ["-1", "abc", "²", "9" * 40, "1; DROP TABLE letter"])
async def test_a_senseless_last_event_starts_from_the_beginning(browser: Browser, desk: Desk, after: str) -> None:
    await browser.say("你好")
    owe(desk, resident_of(desk, browser), "water")
    async with listening(browser, after=after) as page:
        assert (await page.event())["text"] == "【社区通知】明天停水"


async def test_an_idle_stream_shows_signs_of_life(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_channel, "HEARTBEAT", 0.02)
    async with listening(browser) as page:
        assert [await page.block() for _ in range(3)] == [": here"] * 3


async def test_a_letter_put_in_by_another_process_is_noticed(browser: Browser, desk: Desk, store_url: str) -> None:
    """Another process has the same store and no bell of ours; the page must not have to wait for its heartbeat."""
    await browser.say("你好")
    me = resident_of(desk, browser)
    reply = {"text": "来自别处", "choices": [], "want": None, "image": None, "pin": None, "file": None}
    engine = connect(store_url)
    async with listening(browser) as page:
        with transaction(engine, me.community_id, desk.now()) as db:
            db.add(Letter(key="far", resident_id=me.id, reply=reply, at=desk.now()))
        assert (await page.event())["text"] == "来自别处"
    engine.dispose()


# history


async def test_history_holds_both_sides_in_order(browser: Browser, desk: Desk) -> None:
    clock: Any = desk.now
    assert await browser.history() == {"items": [], "last": ""}
    await browser.say("你好")
    clock.passes(seconds=1)
    async with listening(browser) as page:
        owe(desk, resident_of(desk, browser), "water")
        told = await page.event()
    clock.passes(seconds=1)
    refs = [(await (await browser.upload(picture(c))).json())["ref"] for c in ("red", "green", "blue")]
    await browser.say(media=refs)
    clock.passes(seconds=1)
    await browser.say(place={"lat": 30.1, "lon": 120.2, "text": "大门口"})
    clock.passes(seconds=1)
    await browser.say(choice="/menu", label="菜单")
    found = await browser.history()
    items = found["items"]
    assert [i["from"] for i in items[:4]] == ["resident", "desk", "desk", "resident"]
    assert items[0]["text"] == "你好"
    assert items[2]["text"] == "【社区通知】明天停水"
    mine = [i for i in items if i["from"] == "resident"]
    assert [i["id"] for i in mine] == ["m-1", "m-2", "m-3", "m-4"]
    assert mine[1]["images"] == [f"/media/hongmei/{ref}" for ref in refs]
    assert mine[1]["image"] == mine[1]["images"][0]
    assert mine[2]["pin"] == {"lat": 30.1, "lon": 120.2, "text": "大门口"}
    assert mine[3]["text"] == "菜单"  # what the button said
    assert found["last"] == told["id"]
    assert [i["at"] for i in items] == sorted(i["at"] for i in items)
    assert all(datetime.fromisoformat(i["at"]).tzinfo for i in items)
    for address in mine[1]["images"]:
        assert (await browser.client.get(address)).status == 200


async def test_history_is_nobody_elses(browser: Browser, come: Open) -> None:
    await browser.say("我家漏水了")
    other = await come()
    assert (await other.history())["items"] == []
    await other.say("你好")
    assert "漏水" not in json.dumps(await other.history(), ensure_ascii=False)


# language


async def test_the_language_is_changed_and_remembered(browser: Browser) -> None:
    await browser.say("你好")
    browser.later()
    response = await browser.client.post(f"{CHAT}/language", json={"language": "en"})
    assert response.status == 200
    assert response.cookies["language"].value == "en"
    assert "How" in (page := await (await browser.client.get("/c/hongmei")).text())
    assert 'lang="en"' in page
    assert (await browser.say("再见"))[0]["text"].isascii()
    mine = [i["text"] for i in (await browser.history())["items"] if i["from"] == "resident"]
    assert mine == ["你好", "English", "再见"]


@pytest.mark.parametrize(
    "body", [{}, {"language": "fr"}, {"language": None}, {"language": ["en"]}, {"language": {}}, [], 5]
)
async def test_no_other_language_is_spoken(browser: Browser, body: object) -> None:
    response = await browser.client.post(f"{CHAT}/language", json=body)
    assert response.status == 400
    assert (await response.json())["error"]


# media


async def test_a_photo_is_for_its_sender_and_the_workers(browser: Browser, come: Open, desk: Desk) -> None:
    sent = await (await browser.upload(picture())).json()
    assert sent["url"] == f"/media/hongmei/{sent['ref']}"
    mine = await browser.client.get(sent["url"])
    assert mine.status == 200
    assert mine.content_type == "image/jpeg"
    assert "private" in mine.headers["Cache-Control"]
    assert mine.headers["X-Content-Type-Options"] == "nosniff"

    other, worker, elsewhere = await come(), await come(), await come("baoshi")
    assert (await other.client.get(sent["url"])).status == 404
    await other.say("你好")
    assert (await other.client.get(sent["url"])).status == 404
    for who in (worker, elsewhere):
        await who.say("你好")
        with transaction(desk.engine, desk.communities[who.slug].id) as db:
            db.get_one(Resident, resident_of(desk, who).id).role = Role.WORKER
    assert (await worker.client.get(sent["url"])).status == 200
    assert (await elsewhere.client.get(sent["url"])).status == 404
    assert (await elsewhere.client.get(f"/media/baoshi/{sent['ref']}")).status == 404


async def test_a_strangers_photo_cannot_be_sent_as_ones_own(browser: Browser, come: Open) -> None:
    ref = (await (await browser.upload(picture())).json())["ref"]
    other = await come()
    await other.say(media=[ref])
    assert (await other.history())["items"][0]["images"] == []
    assert (await other.client.get(f"/media/hongmei/{ref}")).status == 404


@pytest.mark.parametrize(
    "ref",
    [
        "..%2f..%2fstore.db",
        "../store.db",
        "..",
        "%2e%2e/%2e%2e/store.db",
        "A" * 64,
        "a" * 63,
        "a" * 65,
        "%00",
        "a" * 64 + ".jpg",
    ],
)
async def test_no_trick_leads_out_of_the_media_folder(browser: Browser, ref: str) -> None:
    await browser.upload(picture())
    response = await browser.client.get(URL(f"/media/hongmei/{ref}", encoded=True))
    assert response.status == 404
    assert b"SQLite" not in await response.read()


async def test_a_lost_file_is_not_found(browser: Browser, media: Path) -> None:
    sent = await (await browser.upload(picture())).json()
    for path in media.rglob("*.jpg"):
        path.unlink()
    assert (await browser.client.get(sent["url"])).status == 404


# pages


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/c/hongmei",
        "/c/nowhere",
        "/nothing",
        "/static/base.css",
        "/static/chat.js",
        "/static/none.js",
        "/health",
        f"{CHAT}/history",
        "/media/hongmei/x",
        "/c/hongmei/mine.json",
    ],
)
async def test_every_answer_carries_the_safe_headers(browser: Browser, path: str) -> None:
    response = await browser.client.get(path)
    assert response.headers["Content-Security-Policy"] == POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Permissions-Policy"] == "geolocation=(self), camera=(self)"


ADDRESS = re.compile(r"""(?:href|src|action|srcset|poster|data)\s*=\s*["']([^"']*)["']""")


@pytest.mark.parametrize("path", ["/", "/c/hongmei", "/c/baoshi?lang=en"])
async def test_pages_name_nothing_outside(browser: Browser, path: str) -> None:
    page = await (await browser.client.get(path)).text()
    addresses = ADDRESS.findall(page)
    assert len(addresses) > 5
    assert not [a for a in addresses if not re.match(r"/(?!/)|\?|tel:", a)]
    assert not re.search(r"https?:|<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("path", sorted((ROOT / "bot/channels/pages/static").iterdir()), ids=lambda p: p.name)
def test_static_files_name_nothing_outside(path: Path) -> None:
    allowed = {"http://www.w3.org/2000/svg", "https://uri.amap.com/marker"}  # a name, and a link that is clicked
    outside = re.findall(r"(?:https?:|wss?:)?//[\w.-]+\.[a-z]{2,}[^\s\"'`?)]*", path.read_text("utf-8"))
    assert set(outside) <= allowed


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ("", "", "zh"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=zh", "en", "zh"),
        ("?lang=fr", "fr", "zh"),
        ("?lang=%3Cscript%3E", "", "zh"),
    ],
)
async def test_pages_come_in_both_languages(come: Open, query: str, header: str, language: str) -> None:
    browser = await come(forgetful=True)
    headers = {"Accept-Language": header} if header else {}
    for path in ("/", "/c/hongmei"):
        page = await (await browser.client.get(path + query, headers=headers)).text()
        assert ('<html lang="zh-CN">' in page) == (language == "zh")
        assert ('<html lang="en">' in page) == (language == "en")
        assert ("红梅社区" in page) == (language == "zh")


async def test_the_chosen_language_is_kept(browser: Browser) -> None:
    await browser.client.get("/?lang=en")
    assert (
        '<html lang="en">' in await (await browser.client.get("/c/hongmei", headers={"Accept-Language": "zh"})).text()
    )


async def test_what_a_community_says_is_never_markup(browser: Browser, desk: Desk) -> None:
    nasty = "<script>alert(1)</script>'\"&<img src=x onerror=alert(1)>{{ 7*7 }}"
    pack = packs("hongmei")[0]
    words = pack.community.name.model_copy(update={"zh": nasty, "en": nasty})
    brand = pack.brands[0].model_copy(update={"name": words, "what": words})
    profile = pack.community.model_copy(update={"name": words, "district": words, "profile": words, "phone": nasty})
    load_pack(desk.engine, pack.model_copy(update={"community": profile, "brands": (brand,)}), NOON)
    desk.communities.refresh()
    for path in ("/", "/c/hongmei", "/c/hongmei?lang=en"):
        page = await (await browser.client.get(path)).text()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "7*7" in page
        assert not re.search(r"""=(["'])[^"'<>]*<script""", page)


async def test_pages_are_not_kept_and_static_files_are_asked_for(browser: Browser) -> None:
    assert (await browser.client.get("/c/hongmei")).headers["Cache-Control"] == "no-store"
    assert (await browser.client.get("/static/chat.js")).headers["Cache-Control"] == "no-cache"


async def test_health(browser: Browser) -> None:
    assert await (await browser.client.get("/health")).json() == {"status": "ok", "communities": 2}


async def test_a_process_may_serve_no_chat(store_url: str, media: Path, aiohttp_client: Any) -> None:
    client = await aiohttp_client(application(Settings(database_url=store_url, media_dir=media), chat=False))
    assert (await client.get("/health")).status == 200
    assert (await client.get("/c/hongmei")).status == 404


async def test_a_store_that_is_away_asks_to_come_again(browser: Browser, desk: Desk, caplog: Any) -> None:
    from sqlalchemy import text

    await browser.say("你好")
    with desk.engine.connect() as connection, connection.begin():
        connection.execute(text("ALTER TABLE heard RENAME TO away"))
    response = await browser.post({"id": "x", "text": "菜单"})
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0
    with desk.engine.connect() as connection, connection.begin():
        connection.execute(text("ALTER TABLE away RENAME TO heard"))
    assert (await browser.post({"id": "x", "text": "菜单"})).status == 200


# docs/web-api.md


DOC = (ROOT / "docs/web-api.md").read_text("utf-8")
CURL = re.compile(r"curl [^\n]*(?:\\\n[^\n]*)*")


def test_every_route_of_the_chat_is_documented(server: Any) -> None:
    routes = {(r.method, r.resource.canonical) for r in server.app.router.routes() if r.resource and r.method != "HEAD"}
    ours = {(m, p) for m, p in routes if p.startswith(("/api/chat/", "/media/", "/c/{slug}/"))}
    told = set(re.findall(r"^#+ `(GET|POST) (/[^` ?]*)", DOC, re.MULTILINE))
    named = {(method, re.sub(r"<(\w+)>", r"{\1}", path)) for method, path in told}
    assert named == ours


@pytest.mark.skipif(  # the documentation's own lines are run, and a bare machine may lack what they name; CI installs it
    shutil.which("curl") is None and not os.environ.get("CI"),
    reason="curl is not installed, an optional program outside CI",
)
async def test_the_examples_of_the_documentation_work(server: Any, tmp_path: Path) -> None:
    """Each curl line is run by curl itself, in order, with one cookie file."""
    (tmp_path / "photo.jpg").write_bytes(picture())
    examples, ref = CURL.findall(DOC), ""
    assert len(examples) >= 5
    for example in examples:
        line = example.replace("http://127.0.0.1:8080", str(server.make_url("")).rstrip("/")).replace("$REF", ref)
        endless = "--no-buffer" in example
        run = await asyncio.create_subprocess_shell(
            f"{line} --silent --show-error --fail --max-time {1 if endless else 30}", cwd=tmp_path, stdout=-1, stderr=-1
        )
        out, err = await run.communicate()
        assert run.returncode == (28 if endless else 0), f"{line}\n{err.decode()}"
        assert out
        if "/photos" in example:
            ref = json.loads(out)["ref"]
    assert ref
