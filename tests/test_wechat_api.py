"""One account's calls of WeChat's API: the token all processes share, every errcode by its name, nothing secret told."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import Engine

from bot.channels import Refused, TryLater, Uncertain, Unreachable
from bot.channels.wechat import wire
from bot.channels.wechat.accounts import Account, known_accounts
from bot.channels.wechat.answers import NoWindow, OperatorNeeded, QuotaSpent, Stale, trouble, until_tomorrow
from bot.channels.wechat.api import Api
from bot.channels.wechat.menu import buttons, digest, tell_menu
from bot.channels.wechat.posters import NoSuchMatter, poster, scene_of
from bot.content.snapshot import Communities
from bot.seal import seal, unseal
from bot.settings import Settings
from models.store import reading, transaction
from models.wechat_account import Kind, WechatAccount, add_account, serve, token_or_turn
from tests.conftest import NOON, Clock, both_stores
from tests.fakes.wechat import FakeWechat
from tests.fakes.wechat_phone import Phone

APPID, SECRET = "wx0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN, AES_KEY = "linlifang", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SEND, STABLE = "message/custom/send", "stable_token"


@pytest.fixture
async def fake(clock: Clock) -> AsyncIterator[FakeWechat]:
    async with FakeWechat() as fake:
        fake.clock = clock
        fake.add_account(APPID, SECRET, token=TOKEN, aes_key=AES_KEY)
        yield fake


@pytest.fixture
def settings(fake: FakeWechat, tmp_path: Path) -> Settings:
    return Settings(wechat_api=fake.url, secret_key_file=tmp_path / "secret.key")


@pytest.fixture
def account(engine: Engine, settings: Settings) -> Account:
    key = settings.secret_key_file
    sealed = {"sealed_secret": SECRET, "sealed_token": TOKEN, "sealed_aes_key": AES_KEY}
    with transaction(engine, None) as db:
        kept = {name: seal(SecretStr(value), key) for name, value in sealed.items()}
        serve(db, add_account(db, APPID, name="红梅", kind=Kind.SERVICE, **kept), ["hongmei"])
    return known_accounts(engine, settings)[0]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def api(account: Account, session: aiohttp.ClientSession, engine: Engine, settings: Settings, clock: Clock) -> Api:
    return Api(account, session, engine, settings, clock)


@pytest.fixture
async def zhang(fake: FakeWechat) -> Phone:
    phone = fake.phone("小张")
    await phone.follow(fake.accounts[APPID])
    await phone.say("你好")
    return phone


def row(engine: Engine) -> WechatAccount:
    with reading(engine, None) as db:
        return db.get_one(WechatAccount, APPID)


def fetched(fake: FakeWechat) -> list[bool]:
    """Whether each fetch of a token was forced."""
    return [json.loads(call.body)["force_refresh"] for call in fake.calls if call.path == STABLE]


# the token


@both_stores
async def test_a_token_is_fetched_once_kept_sealed_and_renewed_early(
    fake: FakeWechat, api: Api, engine: Engine, settings: Settings, clock: Clock
) -> None:
    await asyncio.gather(*(api.delete_menu() for _ in range(8)))
    assert fetched(fake) == [False]
    kept = row(engine)
    assert (
        unseal(kept.access_token, settings.secret_key_file).get_secret_value() == fake.calls[-1].query["access_token"]
    )
    assert (kept.token_until, kept.refreshing_until) == (clock() + timedelta(hours=2), None)
    clock.passes(minutes=114)
    await api.delete_menu()
    assert fetched(fake) == [False]
    clock.passes(minutes=1, seconds=1)
    await api.delete_menu()
    assert fetched(fake) == [False, False]
    assert len({call.query["access_token"] for call in fake.calls if call.path == "menu/delete"}) == 2


@both_stores
async def test_replicas_share_the_token(
    fake: FakeWechat, account: Account, session: aiohttp.ClientSession, engine: Engine, settings: Settings, clock: Clock
) -> None:
    replicas = [Api(account, session, engine, settings, clock) for _ in range(3)]
    await asyncio.gather(*(api.delete_menu() for api in replicas for _ in range(3)))
    assert fetched(fake) == [False]
    assert len({call.query["access_token"] for call in fake.calls if call.path == "menu/delete"}) == 1


@both_stores
@pytest.mark.parametrize("errcode", [40001, 42001])
async def test_a_stale_token_is_exchanged_once_by_eight_callers(
    fake: FakeWechat, api: Api, zhang: Phone, errcode: int
) -> None:
    await api.check()
    await api.try_secret()
    assert fetched(fake) == [False, False]
    fake.expire_token(errcode=errcode)
    before = len(fetched(fake))
    await asyncio.gather(*(api.create_menu([MENU]) for _ in range(7)), api.send_text(zhang.openid, "您好"))
    assert fetched(fake)[before:] == [True]
    assert len(fake.refusals) <= 8  # each was told at most once
    assert [shown.text for shown in zhang.screen if shown.how == "custom"] == ["您好"]


@pytest.mark.parametrize("errcode", [40001, 42001, 40014])
async def test_a_call_is_made_once_more_and_no_oftener(fake: FakeWechat, api: Api, errcode: int) -> None:
    fault = fake.fail("menu/delete", errcode, -1)
    with pytest.raises(TryLater, match=str(errcode)):
        await api.delete_menu()
    assert (fault.hits, fetched(fake)) == (2, [False, True])


async def test_who_fetches_and_dies_is_waited_for_and_then_replaced(
    fake: FakeWechat, api: Api, engine: Engine, clock: Clock
) -> None:
    with transaction(engine, None, clock()) as db:
        assert token_or_turn(db, APPID, "", timedelta(seconds=20)) is True
        assert token_or_turn(db, APPID, "", timedelta(seconds=20)) is False
    waiting = asyncio.create_task(api.delete_menu())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    assert fetched(fake) == []
    clock.passes(seconds=20)
    await waiting
    assert fetched(fake) == [False]


async def test_a_failed_fetch_lets_another_try_at_once(fake: FakeWechat, api: Api, engine: Engine) -> None:
    fake.fail(STABLE, "500")
    with pytest.raises(TryLater, match="HTTP 500"):
        await api.delete_menu()
    assert row(engine).refreshing_until is None
    await api.delete_menu()


async def test_a_token_sealed_with_another_key_is_as_good_as_none(
    fake: FakeWechat, api: Api, account: Account, session: aiohttp.ClientSession, engine: Engine, settings: Settings
) -> None:
    await api.delete_menu()
    other = settings.model_copy(update={"secret_key_file": settings.secret_key_file.with_name("other.key")})
    seal(SecretStr("x"), other.secret_key_file)
    await Api(account, session, engine, other).delete_menu()
    assert fetched(fake) == [False, False]
    other.secret_key_file.write_text("no key")
    with pytest.raises(OperatorNeeded, match="holds no key"):
        await Api(account, session, engine, other).delete_menu()


# what is sent


MENU = {"type": "click", "name": "菜单", "key": "/menu"}


def picture(kind: str = "JPEG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(made, kind)
    return made.getvalue()


async def test_each_kind_of_message_arrives(fake: FakeWechat, api: Api, zhang: Phone) -> None:
    await api.send_text(zhang.openid, "楼道的灯，“修好了” \\u4f60 é")
    await api.send_image(zhang.openid, await api.upload_image(picture()))
    await api.send_news(zhang.openid, "健身房", "早上八点开门", "https://linli.example/c/hongmei")
    text, image, news = zhang.screen[-3:]
    assert text.text == "楼道的灯，“修好了” \\u4f60 é"
    assert image.picture == picture()
    assert (news.title, news.url) == ("健身房", "https://linli.example/c/hongmei")
    sent = next(call for call in fake.calls if call.path == SEND)
    assert "楼道的灯".encode() in sent.body
    assert b"\\u697c" not in sent.body


async def test_templates_are_shown_once_and_notices_as_agreed(fake: FakeWechat, api: Api, zhang: Phone) -> None:
    known = fake.accounts[APPID]
    known.add_template("t1", "thing1", "time2")
    known.add_template("n1", "thing1", kind="once")
    values = {"thing1": "楼道灯", "time2": "2026-11-25 12:00"}
    for _ in range(2):
        await api.send_template(zhang.openid, "t1", values, "https://linli.example/", once="ticket:7:done")
    assert [shown.how for shown in zhang.screen].count("template") == 1
    with pytest.raises(NoWindow):
        await api.send_subscription(zhang.openid, "n1", {"thing1": "停水"})
    await zhang.consent("n1")
    await api.send_subscription(zhang.openid, "n1", {"thing1": "停水"}, "https://linli.example/")
    assert zhang.screen[-1].fields == {"thing1": "停水"}
    with pytest.raises(OperatorNeeded, match="no such template"):
        await api.send_template(zhang.openid, "gone", values)


async def test_a_photo_is_uploaded_once_while_wechat_keeps_it(
    fake: FakeWechat, api: Api, clock: Clock, zhang: Phone
) -> None:
    first = await api.upload_image(picture("PNG"))
    assert fake.media[first].data == picture("PNG")
    clock.passes(hours=70)
    assert await api.upload_image(picture("PNG")) == first
    clock.passes(hours=2)
    assert await api.upload_image(picture("PNG")) != first
    with pytest.raises(Refused, match="40007"):
        await api.send_image(zhang.openid, first)
    with pytest.raises(Refused, match="40005"):
        await api.upload_image(b"no photo")


async def test_a_photo_that_wechat_lost_is_uploaded_anew(fake: FakeWechat, api: Api, zhang: Phone) -> None:
    media_id = await api.upload_image(picture())
    fake.media.clear()
    with pytest.raises(Refused):
        await api.send_image(zhang.openid, media_id)
    await api.send_image(zhang.openid, await api.upload_image(picture()))


async def test_who_opened_a_page_is_told_once(fake: FakeWechat, api: Api) -> None:
    fake.codes["c0de"] = (APPID, "o-zhang", fake.now())
    assert await api.oauth_openid("c0de") == "o-zhang"
    with pytest.raises(Refused, match="40163"):
        await api.oauth_openid("c0de")
    assert STABLE not in [call.path for call in fake.calls]


# what comes back


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (45015, NoWindow),
        (43004, NoWindow),
        (45047, QuotaSpent),
        (45009, TryLater),
        (45011, TryLater),
        (-1, TryLater),
        (40164, OperatorNeeded),
        (89503, OperatorNeeded),
        (48001, OperatorNeeded),
        (40013, OperatorNeeded),
        (40125, OperatorNeeded),
        (40003, Unreachable),
        (45002, Refused),
        (40007, Refused),
        (47001, Refused),
        (99999, Refused),
    ],
)
async def test_every_errcode_has_its_name(
    fake: FakeWechat, api: Api, zhang: Phone, errcode: int, kind: type[Exception]
) -> None:
    fake.fail(SEND, errcode)
    with pytest.raises(kind) as told:
        await api.send_text(zhang.openid, "您好")
    assert type(told.value) is kind
    assert SECRET not in str(told.value)
    assert zhang.openid not in str(told.value)
    await api.send_text(zhang.openid, "您好")


async def test_the_quota_of_the_platform_is_named(fake: FakeWechat, api: Api, zhang: Phone, clock: Clock) -> None:
    for _ in range(5):
        await api.send_text(zhang.openid, "您好")
    with pytest.raises(QuotaSpent):
        await api.send_text(zhang.openid, "您好")
    clock.passes(hours=49)
    with pytest.raises(NoWindow) as told:
        await api.send_text(zhang.openid, "您好")
    assert not isinstance(told.value, QuotaSpent)


def test_the_daily_quota_begins_anew_at_midnight_in_china() -> None:
    assert until_tomorrow(NOON) == 12 * 3600
    assert until_tomorrow(datetime(2026, 11, 25, 16, 0, 1, tzinfo=UTC)) == 24 * 3600 - 1
    failure = trouble({"errcode": 45009, "errmsg": "reach max api daily quota limit"}, SEND, NOON)
    assert isinstance(failure, TryLater)
    assert failure.seconds == 12 * 3600
    assert isinstance(trouble({"errcode": 40014}, SEND, NOON), Stale)
    assert trouble({"errcode": 0, "errmsg": "ok"}, SEND, NOON) is None
    assert trouble({"ticket": "x"}, SEND, NOON) is None


@both_stores
async def test_the_operator_is_told_in_words_until_it_is_put_right(
    fake: FakeWechat, api: Api, engine: Engine, clock: Clock
) -> None:
    fake.accounts[APPID].whitelist = {"203.0.113.9"}
    with pytest.raises(OperatorNeeded, match=r"from 127\.0\.0\.1: enter it at 设置与开发 → 基本配置 → IP白名单"):
        await api.delete_menu()
    told = row(engine)
    assert (told.trouble.partition(" from")[0], told.trouble_at) == (f"{STABLE}: WeChat does not let us in", clock())
    fake.accounts[APPID].whitelist = None
    await api.delete_menu()
    assert (row(engine).trouble, row(engine).trouble_at) == ("", None)
    fake.fail(SEND, 48001)
    with pytest.raises(OperatorNeeded, match="no right to 客服消息: "):
        await api.send_text("o", "您好")
    await api.delete_menu()  # another method going well proves nothing
    assert SEND in row(engine).trouble
    with pytest.raises(Unreachable):
        await api.send_text("o", "您好")
    assert SEND in row(engine).trouble


@both_stores
async def test_what_one_process_wrote_down_another_finds_put_right(
    fake: FakeWechat, api: Api, account: Account, session: aiohttp.ClientSession, engine: Engine, settings: Settings
) -> None:
    fake.fail(STABLE, 40164)
    with pytest.raises(OperatorNeeded):
        await api.try_secret()
    assert row(engine).trouble
    other = Api(account, session, engine, settings)
    fake.fail(SEND, 48001)
    with pytest.raises(OperatorNeeded):
        await other.send_text("o", "您好")
    await Api(account, session, engine, settings).try_secret()
    assert SEND in row(engine).trouble
    fake.fail(STABLE, 40164)
    with pytest.raises(OperatorNeeded):
        await api.try_secret()
    await Api(account, session, engine, settings).try_secret()
    assert row(engine).trouble == ""


async def test_a_wrong_secret_is_no_stale_token(fake: FakeWechat, api: Api) -> None:
    fake.fail(STABLE, 40001)
    with pytest.raises(OperatorNeeded, match="does not know this AppSecret"):
        await api.delete_menu()


@pytest.mark.parametrize(("fault", "kind"), [("500", TryLater), ("cut", Uncertain), ("hang", Uncertain)])
async def test_the_wire_says_what_is_known(
    fake: FakeWechat, api: Api, zhang: Phone, fault: Any, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.delete_menu()
    monkeypatch.setattr(wire, "PATIENCE", aiohttp.ClientTimeout(total=0.3))
    for path, failure in ((SEND, kind), ("menu/create", TryLater)):
        fake.fail(path, fault)
        with pytest.raises(failure) as told:
            await (api.send_text(zhang.openid, "您好") if path == SEND else api.create_menu([MENU]))
        assert type(told.value) is failure
        assert "access_token" not in str(told.value)


async def test_nobody_at_home_is_tried_later(
    account: Account, session: aiohttp.ClientSession, engine: Engine, settings: Settings
) -> None:
    nowhere = settings.model_copy(update={"wechat_api": "http://127.0.0.1:1"})
    with pytest.raises(TryLater, match="stable_token: no connection"):
        await Api(account, session, engine, nowhere).send_text("o", "您好")
    assert row(engine).refreshing_until is None


async def test_nothing_secret_stands_in_the_log(
    fake: FakeWechat, api: Api, zhang: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.fail(SEND, 40164)
    with pytest.raises(OperatorNeeded):
        await api.send_text(zhang.openid, "您好")
    token = fake.calls[-1].query["access_token"]
    assert "IP白名单" in caplog.text
    assert not [secret for secret in (token, SECRET, zhang.openid) if secret in caplog.text]


# menu and posters


async def test_the_menu_is_told_when_it_has_changed(fake: FakeWechat, api: Api, engine: Engine) -> None:
    served, room = Communities(engine).all(), "/wechat/wx/enter?to={}".format
    known = await tell_menu(api, served[:1], "https://linli.example", room, "")
    told = fake.accounts[APPID].menu
    assert [button["name"] for button in told] == ["办事", "社区", "我的"]
    assert {"type": "click", "name": "报事报修", "key": "/repair"} in told[0]["sub_button"]
    assert told[2]["sub_button"][-1]["url"] == f"https://linli.example/wechat/wx/enter?to={served[0].slug}"
    calls = len(fake.calls)
    assert await tell_menu(api, served[:1], "https://linli.example", room, known) == known
    assert await tell_menu(api, [], "https://linli.example", room, known) == known
    assert len(fake.calls) == calls
    several = await tell_menu(api, served, "", room, known)
    assert several == digest(buttons(served, "", room)) != known
    assert fake.accounts[APPID].menu[2]["sub_button"][-1] == {"type": "click", "name": "换社区", "key": "换社区"}


async def test_a_poster_carries_its_scene(fake: FakeWechat, api: Api, engine: Engine) -> None:
    hongmei = Communities(engine)["hongmei"]
    place = hongmei.pack.places[0].key
    scenes = [scene_of(hongmei), scene_of(hongmei, "events"), scene_of(hongmei, f"place-{place}")]
    assert scenes == ["hongmei", "hongmei-events", f"hongmei-place-{place}"]
    assert scene_of(hongmei, hongmei.pack.places[1].key) == f"hongmei-place-{hongmei.pack.places[1].key}"
    for scene in scenes:
        drawn = await poster(api, scene)
        assert drawn.startswith(b"\x89PNG")
    assert list(fake.accounts[APPID].scenes.values()) == scenes
    for nothing in ("nowhere", "work", "danger", "me.delete"):
        with pytest.raises(
            NoSuchMatter, match=f"no service or place {nothing}; there are: repair, repair.mine,"
        ) as told:
            scene_of(hongmei, nothing)
        assert not {"thanks", "unsure", "events.decline"} & set(str(told.value).split(", "))
