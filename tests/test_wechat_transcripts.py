"""The conversations the handlers open with, held over WeChat's wire: sealed letters in, sealed answers out."""

import inspect
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from models.resident import Role
from tests.conftest import NOON, both_stores
from tests.fakes.wechat_phone import Phone
from tests.test_transcripts import MODULES, SPOKEN, squeezed
from tests.wechat_house import House, serving, settings_for, wechat


@pytest.fixture
async def house(store_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """At noon of the day the content was loaded, by WeChat's clock too."""
    async with wechat() as fake, serving(settings_for(store_url, tmp_path, fake), fake) as house:
        begun = datetime.now(UTC)
        house.desk.now = fake.clock = lambda: NOON + (datetime.now(UTC) - begun)
        yield house


async def whole_answer(phone: Phone, line: str) -> str:
    """What answers a line, with all that waits for 更多."""
    told = ""
    while True:
        sent = await (await phone.say(line)).answered()
        assert sent.reply is not None, phone.transcript()
        page, more, _ = sent.reply.text.partition("（还有，回复“更多”接着看）")
        told, line = told + page, "更多"
        if not more:
            return squeezed(told)


@both_stores
@pytest.mark.parametrize("name", MODULES)
async def test_the_conversation_a_module_opens_with_is_held_on_wechat(house: House, name: str) -> None:
    lines = SPOKEN.findall(inspect.getdoc(import_module(name)) or "")
    works = any(who == "社工" for who, _ in lines)
    phone = await (house.resident(role=Role.WORKER) if works else house.neighbour())
    heard = ""
    for who, line in lines:
        if who != "机器人":
            heard = await whole_answer(phone, line.strip())
            continue
        at = 0
        for part in filter(None, map(squeezed, line.split("……"))):
            at = heard.find(part, at) + len(part)
            assert at >= len(part), f"{part!r}\n{phone.transcript()}"
    assert not house.fake.broken
