"""What WeChat brings is taken once and answered in time; what is not WeChat's is not even read."""

import asyncio
import random
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import update

from bot.channels.wechat import pictures, reception
from models.dialogue import Heard
from models.resident import Resident, Role
from models.store import transaction
from models.ticket import Ticket
from models.wechat_late import WechatLate
from tests.conftest import both_stores
from tests.fakes.wechat_courier import Sent
from tests.fakes.wechat_envelope import seal
from tests.fakes.wechat_phone import Phone
from tests.test_wechat_chat import comes_true, picture
from tests.wechat_house import House, reply_to, says, serving, settings_for, wechat, wechat_house

DICE = random.Random(310_016)
QUICK = 0.5  # seconds that stand for WeChat's five


@pytest.fixture
async def house(store_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with wechat_house(store_url, tmp_path) as [house]:
        yield house


@asynccontextmanager
async def slow_pictures() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Where a photo lies, and what lets it be fetched."""
    free = asyncio.Event()

    async def give(_: web.Request) -> web.Response:
        await free.wait()
        return web.Response(body=picture(), content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/photo", give)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.MonkeyPatch.context() as here:
            here.setattr(pictures, "KEEPERS", re.compile(r"127\.0\.0\.1"))
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/photo", free
    finally:
        free.set()
        await runner.cleanup()


def photo_at(house: House, phone: Phone, url: str) -> Sent:
    phone.me.quota.wrote(house.fake.now())
    return house.fake.courier.carry(house.account, phone.me, "image", {"PicUrl": url, "MediaId": "m"})


# ---- T2


@both_stores
@pytest.mark.parametrize("processes", [1, 2])
async def test_a_letter_brought_three_times_is_one_ticket_and_one_reply(
    store_url: str, tmp_path: Path, processes: int
) -> None:
    async with wechat_house(store_url, tmp_path, processes=processes) as [house, *_]:
        zhang = await house.resident()
        await says(zhang, "3幢楼道的灯坏了", "跳过", "跳过")
        house.fake.patience = QUICK
        with transaction(house.desk.engine, house.community_id) as db:  # nobody else gets at the resident meanwhile
            db.connection().execute(update(Resident).values(quiet_from=22))
            sent = await zhang.say("可以")
            await comes_true(lambda: len(sent.attempts) == 2)
        await sent.answered()
        assert sent.outcome == "shown", sent.attempts
        assert len(sent.attempts) == 3
        house.fake.patience = 5.0
        again = await house.fake.redeliver(sent, 4, to=house.account.replicas)
        assert sent.reply is not None
        assert all(sent.reply.source in answer.xml for answer in again)
        assert len(house.rows(Ticket)) == 1
        assert len([h for h in house.rows(Heard) if h.said["id"] == sent.identity]) == 1
        assert not house.fake.broken


# ---- T12


@both_stores
async def test_a_turn_that_is_late_is_told_once_by_a_message(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    zhang = await house.resident()
    monkeypatch.setattr(reception, "PATIENCE", QUICK)
    async with slow_pictures() as (url, free):
        sent = await photo_at(house, zhang, url).answered()
        assert (sent.outcome, len(sent.attempts)) == ("silent", 1)
        again = await house.fake.redeliver(sent, 2, to=house.account.replicas)
        assert [(a.status, a.body) for a in again] == [(200, "success")] * 2
        assert len(house.late()) == 1
        free.set()
        assert (await zhang.sees(how="custom")).text
    await comes_true(lambda: not house.late())
    await house.fake.redeliver(sent, to=house.account.replicas)
    await says(zhang, "谢谢")
    assert len([s for s in zhang.screen if s.how == "custom"]) == 1
    assert not house.fake.broken
    assert not house.fake.quota_violations


@both_stores
async def test_a_process_that_dies_after_success_loses_nothing(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wechat() as fake, slow_pictures() as (url, free):
        settings = settings_for(store_url, tmp_path, fake)
        async with serving(settings, fake) as house:
            zhang = await house.resident()
            with monkeypatch.context() as soon:
                soon.setattr(reception, "PATIENCE", QUICK)
                assert (await photo_at(house, zhang, url).answered()).outcome == "silent"
        assert not [s for s in zhang.screen if s.how == "custom"]
        free.set()
        async with serving(settings, fake) as house:
            with transaction(house.desk.engine, None) as db:
                db.connection().execute(update(WechatLate).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
            assert (await zhang.sees(how="custom", timeout=10)).text
            await comes_true(lambda: not house.late())
        assert len([s for s in zhang.screen if s.how == "custom"]) == 1
        assert not fake.broken


# ---- T16


async def knock(house: House, query: dict[str, str], body: bytes) -> int:
    address = f"{house.url}/wechat/{house.account.appid}"
    async with ClientSession() as session, session.post(address, params=query, data=body) as answer:
        return answer.status


def letter(house: House, words: str = "谢谢", number: int = 7) -> str:
    at, sender = int(datetime.now(UTC).timestamp()), house.account.openid("小张")
    return (
        f"<xml><ToUserName>{house.account.original_id}</ToUserName><FromUserName>{sender}</FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType>text</MsgType><Content>{words}</Content><MsgId>{number}</MsgId></xml>"
    )


def sealed(house: House, xml: str, age: float = 0, nonce: str = "") -> tuple[dict[str, str], bytes]:
    at = str(int(datetime.now(UTC).timestamp() - age))
    return seal(house.account, xml, house.account.openid("小张"), at, nonce or secrets.token_hex(5))


@both_stores
async def test_only_what_wechat_has_sealed_just_now_is_read(house: House) -> None:
    query, body = sealed(house, letter(house))
    signed = query["msg_signature"]
    for wrong in ("", signed[:-1], signed[::-1], signed.upper(), "签名"):
        assert await knock(house, query | {"msg_signature": wrong}, body) == 403
    for changed in ({"nonce": "1"}, {"timestamp": str(int(query["timestamp"]) - 1)}):
        assert await knock(house, query | changed, body) == 403
    assert await knock(house, {}, body) == 403
    assert await knock(house, query, body.replace(b"<Encrypt>", b"<Encrypted>")) == 403
    assert not house.rows(Heard)
    assert await knock(house, query, body) == 200
    assert len(house.rows(Heard)) == 1


async def test_a_letter_in_plain_is_refused_in_safe_mode(house: House) -> None:
    query, _ = sealed(house, letter(house))
    plain = {k: v for k, v in query.items() if k not in ("msg_signature", "encrypt_type")}
    assert await knock(house, plain, letter(house).encode()) == 403
    assert await knock(house, query, letter(house).encode()) == 403
    assert not house.rows(Heard)


async def test_what_is_old_is_refused_and_so_is_a_replay(house: House) -> None:
    assert await knock(house, *sealed(house, letter(house), age=302)) == 403
    assert await knock(house, *sealed(house, letter(house), age=-302)) == 403
    fresh = sealed(house, letter(house))
    assert await knock(house, *fresh) == 200
    now = house.desk.now
    house.desk.now = lambda: now() + timedelta(seconds=301)
    assert await knock(house, *fresh) == 403


async def test_a_nonce_is_for_one_letter(house: House) -> None:
    said = letter(house)
    query, body = sealed(house, said, nonce="n")
    assert await knock(house, query, body) == 200
    assert await knock(house, query, body) == 200  # WeChat's own way to bring it again
    zhang = house.account.openid("小张")
    assert await knock(house, *seal(house.account, letter(house, "菜单", 8), zhang, query["timestamp"], "n")) == 403
    assert len(house.rows(Heard)) == 1


async def test_a_nonce_of_an_hour_ago_is_any_letters(house: House) -> None:
    assert await knock(house, *sealed(house, letter(house), nonce="n")) == 200
    now = house.desk.now
    house.desk.now = lambda: now() + timedelta(hours=1)
    assert await knock(house, *sealed(house, letter(house, "菜单", 8), age=-3600, nonce="n")) == 200


async def test_the_address_is_shown_to_be_ours_to_wechat_alone(house: House) -> None:
    assert await house.fake.verify(house.account)
    address = f"{house.url}/wechat/{house.account.appid}"
    async with ClientSession() as session:
        for query in ({}, {"signature": "x", "timestamp": "1", "nonce": "1", "echostr": "me"}):
            async with session.get(address, params=query) as answer:
                assert answer.status == 403
                assert "me" not in await answer.text()


async def test_a_body_without_end_is_refused(house: House) -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 8192

    address = f"{house.url}/wechat/{house.account.appid}"
    async with ClientSession() as session:
        for body in (b" " * (64 * 1024 + 1), drops()):
            async with session.post(address, data=body) as answer:
                assert answer.status == 413


# ---- T17 and T18


def mutated(data: bytes) -> bytes:
    """One to four changes: a byte, a piece away, a piece twice, something strange put in."""
    found = bytearray(data)
    for _ in range(DICE.randint(1, 4)):
        at = DICE.randrange(len(found) + 1)
        match DICE.randrange(4):
            case 0 if at < len(found):
                found[at] = DICE.randrange(256)
            case 1:
                del found[at : at + DICE.randint(1, 30)]
            case 2:
                found[at:at] = found[at : at + DICE.randint(1, 30)]
            case _:
                found[at:at] = DICE.choice(STRANGE)
    return bytes(found)


STRANGE = [
    b"<",
    b"]]>",
    b"<![CDATA[",
    b"\x00",
    b"\x1d",
    b"\xff\xfe",
    b"&#0;",
    b"&a;",
    b"<!DOCTYPE a [<!ENTITY a 'b'>]>",
    b"-1",
]


async def test_ten_thousand_bodies_gone_wrong_bring_no_trouble(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """T17: half of them broken outside the seal, half within it, where only the letter itself is wrong."""
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", 100_000)
    statuses = dict[int, int]()
    address = f"{house.url}/wechat/{house.account.appid}"
    xml = letter(house).encode()

    async def throw(session: ClientSession, count: int) -> None:
        for n in range(count):
            if n % 2:
                query, body = sealed(house, mutated(xml).decode("utf-8", "replace"))
            else:
                query, body = sealed(house, xml.decode())
                body = mutated(body)
            async with session.post(address, params=query, data=body) as answer:
                statuses[answer.status] = statuses.get(answer.status, 0) + 1

    async with ClientSession() as session:
        await asyncio.gather(*(throw(session, 625) for _ in range(16)))
    assert sum(statuses.values()) == 10_000
    assert set(statuses) <= {200, 400, 403, 413}, statuses
    zhang = await house.neighbour("别人")
    assert "不客气" in await says(zhang, "谢谢")


@both_stores
async def test_no_words_break_out_of_an_answer(house: House) -> None:
    """T18: what a resident writes comes back to them as it is, or with what could be a link made harmless."""
    zhang = await house.resident(role=Role.WORKER)
    strange = (
        "]]>",
        "]]]]>><![CDATA[",
        "</Content><MsgType>x",
        "&amp;&#60;a",
        '<a href="http://x.example">点我</a>',
        "a\x08b\x1dc",
        "👵🏻'\"",
    )
    for words in strange:
        await says(zhang, "发通知", f"停水通知{words}完")
        draft = await says(zhang, "全体居民")
        shown = "".join(c for c in words.replace("<", "＜") if c >= " ")
        assert f"停水通知{shown}完" in draft, words
        assert not [link for link in zhang.last.links.values() if "x.example" in link]
        await reply_to(await zhang.say("取消"))
    assert not house.fake.broken
