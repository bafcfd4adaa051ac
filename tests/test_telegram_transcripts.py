"""The conversations the handlers open with, held over the wire: updates in, Bot API calls out."""

import inspect
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import NOON, both_stores
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.fakes.telegram_state import Posted
from tests.fakes.telegram_transcript import transcript
from tests.telegram_house import NAME, TOKEN, House, answer, serving, settings_for
from tests.test_transcripts import MODULES, SPOKEN, squeezed


@pytest.fixture
async def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """At noon of the day the content was loaded; paces are held elsewhere."""
    monkeypatch.setattr("models.pace.PRIVATE", (10_000, 1))
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        fake.enforce_rates = False
        async with serving(settings_for(store_url, tmp_path, fake), fake, clock=False) as house:
            begun = datetime.now(UTC)
            house.desk.now = lambda: NOON + (datetime.now(UTC) - begun)
            yield house


async def settled_worker(house: House) -> Phone:
    wang = await house.neighbour()
    await answer(wang, await wang.say("登记住址"), "几幢")
    await answer(wang, await wang.say("3幢2单元502"), "3幢2单元502室")
    house.promote(wang)
    return wang


def held(phone: Phone, said: Posted, line: str) -> bool:
    """Whether what the bot has said since then has the parts of a line, in order."""
    heard = squeezed("".join(m.text for m in phone.screen if m.by_bot and m.message_id > said.message_id))
    at = 0
    for part in filter(None, map(squeezed, line.split("……"))):
        found = heard.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


@both_stores
@pytest.mark.parametrize("name", MODULES)
async def test_the_conversation_a_module_opens_with_is_held_on_telegram(house: House, name: str) -> None:
    lines = SPOKEN.findall(inspect.getdoc(import_module(name)) or "")
    works = any(who == "社工" for who, _ in lines)
    phone = await (settled_worker(house) if works else house.neighbour())
    said = phone.screen[-1]
    for who, line in lines:
        if who != "机器人":
            said = await phone.say(line.strip())
        elif not await phone.world.bell.until(lambda line=line, said=said: held(phone, said, line), 5.0):
            raise AssertionError(f"{line!r}\n{transcript(phone.room())}")
