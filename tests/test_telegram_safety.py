"""Who knocks at the webhook, who talks too fast, and who taps what was never on a button."""

import io
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from sqlmodel import select

from bot.conversation.message import Address
from bot.conversation.service import SERVICES
from bot.conversation.texts import texts
from models.ballot import Ballot, Poll, Voter
from models.code import Code
from models.dialogue import Heard
from models.event import Event
from models.poll import open_poll
from models.proposal import Proposal
from models.resident import Account, Resident, Role
from models.store import reading
from models.telegram_bot import TelegramBot
from models.ticket import Ticket
from models.visitor import Visitor
from tests.conftest import Chat, both_stores
from tests.fakes.telegram_phone import Phone
from tests.telegram_house import House, answer, bring_by_webhook, quietly
from tests.telegram_quick import PLENTY, house_at, residents, said_by, telegram, without_pace

HEADER = "X-Telegram-Bot-Api-Secret-Token"
Body = bytes | io.BytesIO | AsyncIterator[bytes]
TOO_FAST = texts("zh")("telegram.slow_down")


@pytest.fixture
async def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    without_pace(monkeypatch)
    async with telegram() as fake, house_at(fake, store_url, tmp_path) as house:
        yield house


def rows(house: House, kind: type[Any]) -> list[Any]:
    with reading(house.desk.engine, None) as db:
        return list(db.exec(select(kind)))


# ---- the webhook


@pytest.fixture
def secret(house: House) -> str:
    (bot,) = rows(house, TelegramBot)
    return str(bot.secret)


async def post(house: House, body: Body, secret: str | None, bot: int | None = None) -> int:
    address = f"{house.url}/telegram/{bot or house.bot.id}"
    headers = {} if secret is None else {HEADER: secret}
    async with ClientSession() as session, session.post(address, data=body, headers=headers) as answer:
        return answer.status


@both_stores
async def test_who_does_not_know_the_secret_is_not_even_read(house: House, secret: str) -> None:
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), "密码", "x" * 4000):
        assert await post(house, b"{not json", secret=wrong) == 403
    assert await post(house, b"{not json", secret=None) == 403
    assert await post(house, b"{not json", secret=secret) == 400


async def test_the_secret_of_one_bot_opens_no_other(house: House, secret: str) -> None:
    assert await post(house, b"{}", bot=house.bot.id + 1, secret=secret) in (403, 404)


async def test_what_is_no_update_is_refused(house: House, secret: str) -> None:
    bodies = (b"", b"null", b"[]", b"7", b'"x"', b"{}", b'{"update_id": 1, "message": 5}', b"\xff\xfe", b"[" * 5000)
    chat = b'"chat": {"id": 7, "type": "private"}, "from": {"id": 7, "is_bot": false, "first_name": "x"}'
    odd = (b'"date": 100000000000000000000', b'"date": "now"', b'"date": 1, "text": 7', b'"date": 1, "text": ["x"]')
    messages = tuple(b'{"update_id": 1, "message": {"message_id": 1, %b, %b}}' % (chat, part) for part in odd)
    for body in (*bodies, *messages, b'{"update_id": [1]}', b'{"update_id": "1", "message": null}'):
        assert await post(house, body, secret=secret) == 400, body[:40]
    assert await post(house, b'{"update_id": 1, "something_new": {}}', secret=secret) == 200


async def test_a_body_without_end_is_refused(house: House, secret: str) -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 65_536

    assert await post(house, io.BytesIO(b" " * (1024 * 1024 + 1)), secret=secret) == 413
    assert await post(house, drops(), secret=secret) == 413  # no length is said beforehand
    assert await post(house, io.BytesIO(b" " * (1024 * 1024 + 1)), secret="wrong") == 403


async def test_the_webhook_is_only_posted_to(house: House, secret: str) -> None:
    async with ClientSession() as session:
        for method in ("GET", "PUT", "DELETE"):
            address = f"{house.url}/telegram/{house.bot.id}"
            async with session.request(method, address, headers={HEADER: secret}) as answer:
                assert answer.status == 405


# ---- who talks too fast


@both_stores
async def test_who_floods_is_told_once_and_nobody_else_notices(house: House) -> None:
    fast, *others = residents(house.desk, house.fake, range(7, 13))
    await bring_by_webhook(house)
    for n in range(60):
        await fast.say("谢谢")
        if n % 10 == 0:
            for other in others:
                await other.say("你好")
    await house.fake.settled(10)
    assert await house.fake.bell.until(lambda: all(len(said_by(house.bot, other)) == 6 for other in others), 5)
    heard = [h for h in rows(house, Heard) if h.key.split(":")[2] == str(fast.id)]
    assert await house.fake.bell.until(lambda: len(said_by(house.bot, fast)) > len(heard), 5)
    told = [posted.text for posted in said_by(house.bot, fast)]
    assert told.count(TOO_FAST) == 1
    assert 30 <= told.count("不客气，应该的。") == len(heard) < 40


async def test_a_tap_that_came_too_fast_can_be_made_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    await bring_by_webhook(house)
    await zhang.say("3幢楼道的灯坏了")
    asked = await zhang.sees_button("跳过")
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", -1)  # from now on everything is too much
    await zhang.tap("跳过", asked, wait=True)
    await zhang.sees(TOO_FAST)
    await house.fake.settled()
    await quietly(0.3)
    assert asked.labels == ["跳过"]
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", PLENTY)
    monkeypatch.setattr("bot.channels.flood.PACE", PLENTY)
    await zhang.tap("跳过", asked, wait=True)
    await answer(zhang, asked, "电话")


async def test_an_old_button_tapped_twenty_times_does_nothing_more(house: House) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    await bring_by_webhook(house)
    for line in ("3幢楼道的灯坏了", "跳过", "13812345678"):
        await answer(zhang, await zhang.say(line))
    draft = await zhang.sees_button("提交")
    data = next(b["callback_data"] for row in draft.buttons for b in row if b["text"] == "提交")
    for _ in range(20):
        await zhang.press(data, draft)
    await house.fake.settled()
    assert len(rows(house, Ticket)) == 1


# ---- what was never on a button


def theirs(house: House) -> Phone:
    """A neighbour with a report; and a worker's vote in another community."""
    (li,) = residents(house.desk, house.fake, [8])
    chat = Chat(house.desk, "8")
    chat.address = Address("telegram", "hongmei", "8")
    chat.says("7幢楼道漏水", "跳过", "13899998888", "可以")
    afar = Chat(house.desk, "wang", "baoshi").settle_in(Role.WORKER)
    with afar.store() as db:
        until = house.desk.now() + timedelta(days=7)
        options = [{"zh": "赞成"}, {"zh": "反对"}]
        open_poll(db, afar.me(db), {"zh": "远处的投票"}, {"zh": "远处"}, options, Voter.PERSON, False, until)
    return li


def standing(house: House) -> list[Any]:
    """All that a stranger could want to change."""
    kept = [
        [t.model_dump() for t in rows(house, Ticket)],
        [(b.poll_id, b.voter, b.option, b.changes) for b in rows(house, Ballot)],
        [(r.id, r.role, r.home, r.phone) for r in rows(house, Resident)],
        [(v.user, v.community_id) for v in rows(house, Visitor)],
        [(a.account, a.user, a.resident_id) for a in rows(house, Account)],
        [(c.id, c.used_at) for c in rows(house, Code)],
    ]
    return [sorted(each, key=repr) for each in kept]


TICKETS = [name for name in SERVICES if name.startswith(("repair.", "work"))]
KINDS = {"poll": Poll, "topic": Proposal, "event": Event}
OTHERS = [
    *((name, what) for name in SERVICES if name.startswith("meetings.") for what in ("poll", "topic")),
    *((name, "event") for name in SERVICES if name.startswith("events.")),
]
PRIVATE = ("漏水", "13899998888", "138****8888", "8-1-101", "8幢", "远处", "宝石")


@both_stores
async def test_forged_buttons_and_links_open_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", PLENTY)
    theirs(house)
    (zhang,) = residents(house.desk, house.fake, [7])
    await bring_by_webhook(house)
    shown = await answer(zhang, await zhang.say("你好"))
    (ticket,) = rows(house, Ticket)
    away = house.desk.communities["baoshi"].id
    afar = {k: next(r.id for r in rows(house, kind) if r.community_id == away) for k, kind in KINDS.items()}
    forged = [
        *(f"/{name} ticket={n}" for name in TICKETS for n in (ticket.number, ticket.id)),
        *(f"/{name} {what}={afar[what]}" for name, what in OTHERS),
        *(f"/repair.show ticket={n}" for n in (0, -1, 10**30, "x", "1 or 1=1", "")),
        *("door:baoshi", "agree:baoshi", "door:", "agree:", "agree:../hongmei", "agree:' or 1=1"),
        *("0.0", "1.0", "9999999999.0", "-1.-1", "1e9.0", ".", "!resume", "!drop", "!change:home", "!change:role"),
        *("/", "/ ", "/work", "/work.code", "/no.such.service", "/home grants=worker", "/repair.show ticket"),
        *(secrets.token_bytes(64).decode("latin-1") for _ in range(20)),
        *("\x00" * 64, "令" * 21),
    ]
    before, mark = standing(house), shown.message_id
    for data in forged:
        await zhang.press(data, shown)
    for link in ("baoshi", "baoshi-events", "hongmei-ABCD2345", "hongmei-repair_show", "nowhere", "x" * 64, "-", "8"):
        await zhang.start(house.bot, link)
    await house.fake.settled(20)
    await zhang.say("谢谢")
    await zhang.sees("不客气", timeout=20)
    assert standing(house) == before
    told = [posted.text for posted in said_by(house.bot, zhang) if posted.message_id > mark]
    assert not [text for text in told for private in PRIVATE if private in text]
