"""A report's card on Telegram: edited as the report goes on, sent anew when somebody has to do something."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from models.lifecycle import Status
from models.moving import move_ticket
from models.reporting import open_ticket
from models.resident import Resident
from models.store import transaction
from models.ticket import Ticket
from tests.conftest import both_stores
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_phone import Phone
from tests.telegram_house import NAME, TOKEN, House, resident_of, serving, settings_for


@pytest.fixture
async def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("models.pace.PRIVATE", (10_000, 1))
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        fake.enforce_rates = False
        async with serving(settings_for(store_url, tmp_path, fake), fake) as house:
            yield house


@pytest.fixture
async def zhang(house: House) -> Phone:
    """Somebody who has reported a broken lamp; a worker is on duty."""
    await house.worker()
    zhang = await house.neighbour()
    with transaction(house.desk.engine, house.community_id, house.desk.now()) as db:
        open_ticket(db, resident_of(db, zhang), "lighting", "楼道灯不亮 <b>急</b>", place="3幢")
    return zhang


def move(house: House, to: Status, text: str = "") -> None:
    with transaction(house.desk.engine, house.community_id, house.desk.now()) as db:
        worker = db.exec(select(Resident).where(Resident.name == "", Resident.home == "")).all()
        ticket = db.exec(select(Ticket)).one()
        by = next(r for r in worker if r.role.name == "WORKER")
        move_ticket(db, by, ticket, to, text)
        earliest = db.info["earliest_push"]
    house.desk.wake(earliest)


def cards(phone: Phone) -> list[str]:
    return [m.text for m in phone.screen if m.by_bot and m.text.startswith("工单")]


@both_stores
async def test_progress_is_written_into_the_card_without_a_sound(house: House, zhang: Phone) -> None:
    move(house, Status.ACCEPTED)
    first = await zhang.sees("已受理")
    move(house, Status.ASSIGNED)
    second = await zhang.sees("已派单")
    assert second is first
    assert second.edited
    assert len(cards(zhang)) == 1
    assert "已受理" in second.text
    assert second.html.startswith("<b>工单")


@both_stores
async def test_what_asks_for_an_answer_comes_as_a_new_message(house: House, zhang: Phone) -> None:
    move(house, Status.ACCEPTED)
    first = await zhang.sees("已受理")
    move(house, Status.AWAITING_REPORTER, "是一楼还是二楼的<灯>？")
    asked = await zhang.sees("是一楼还是二楼的<灯>？")
    assert asked.message_id > first.message_id
    assert "已受理" in asked.text
    assert asked.labels
    await zhang.sees("新的情况在下面")
    assert first.labels == []


async def test_a_card_that_was_deleted_is_sent_anew(house: House, zhang: Phone) -> None:
    move(house, Status.ACCEPTED)
    first = await zhang.sees("已受理")
    first.deleted = True
    move(house, Status.ASSIGNED)
    second = await zhang.sees("已派单")
    assert second is not first
    assert "已受理" in second.text
