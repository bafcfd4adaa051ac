"""What comes before consent and must not get lost: danger first, then one question, and a way for who says no."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image
from sqlmodel import select

from models.dialogue import Heard
from models.resident import Role
from models.store import reading
from tests.conftest import Chat
from tests.fakes.telegram_phone import Phone
from tests.telegram_house import AGREE, House, answer, group_hears, quietly
from tests.telegram_quick import house_at, residents, said_by, telegram, without_pace

FIRE = "我家着火了"


@pytest.fixture
def serves() -> str:
    return "hongmei"


@pytest.fixture
async def house(store_url: str, tmp_path: Path, serves: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    without_pace(monkeypatch)
    async with telegram() as fake, house_at(fake, store_url, tmp_path, serves) as house:
        yield house


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "JPEG")
    return out.getvalue()


def stranger(house: House) -> Phone:
    phone = house.newcomer()
    phone.meet(house.bot)
    return phone


def heard(house: House) -> list[tuple[str, int]]:
    """The words of each message that reached the desk, and how many photos came with them."""
    with reading(house.desk.engine, None) as db:
        return [(h.said["text"], len(h.said["media"])) for h in db.exec(select(Heard).order_by("at"))]


def phone_of(house: House, slug: str = "hongmei") -> str:
    return house.desk.communities[slug].pack.community.phone


# ---- danger


async def test_who_talked_too_fast_is_heard_with_a_danger(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    monkeypatch.setattr("bot.channels.flood.PACE", 0.02)  # nothing grows back while this test runs
    for _ in range(32):
        await zhang.say("谢谢")
    await zhang.sees("您发得太快了", timeout=20)
    await zhang.say(FIRE)
    await zhang.sees("119", timeout=10)
    assert (FIRE, 0) in heard(house)


async def test_a_danger_is_heard_though_its_photo_is_lost(house: House) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    house.fake.fail("getFile", "500", -1)
    said = await zhang.photo(picture("red"), FIRE)
    await answer(zhang, said, "119")
    await answer(zhang, said, "没有收全")
    assert heard(house) == [(FIRE, 0)]


async def test_words_changed_to_a_danger_are_heard(house: House) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    said = await zhang.say("谢谢")
    await answer(zhang, said, "不客气")
    await zhang.edit(said, FIRE)
    await answer(zhang, said, "119")
    await house.fake.settled()
    assert heard(house) == [("谢谢", 0), (FIRE, 0)]


async def test_a_stranger_in_danger_learns_that_nobody_else_knows(house: House) -> None:
    zhang = stranger(house)
    said = await zhang.say(FIRE)
    told = await answer(zhang, said, "119")
    assert phone_of(house) in told.text
    assert "还不知道" in told.text


@pytest.mark.parametrize("between", ["快来", "/start", "在吗？"])
async def test_a_danger_is_what_is_heard_whatever_is_said_after_it(house: House, between: str) -> None:
    zhang = stranger(house)
    first = await zhang.say("你好")
    await answer(zhang, first, AGREE)
    fire = await zhang.say(FIRE)
    await answer(zhang, fire, AGREE)
    await answer(zhang, await zhang.say(between))
    await zhang.tap(AGREE, wait=True)
    await house.fake.settled()
    assert heard(house) == [(FIRE, 0)]


class TestAlliance:
    @pytest.fixture
    def serves(self) -> str:
        return "hongmei,baoshi"

    async def test_a_danger_names_the_number_of_each(self, house: House) -> None:
        zhang = stranger(house)
        told = await answer(zhang, await zhang.say(FIRE), "119")
        assert all(phone_of(house, slug) in told.text for slug in ("hongmei", "baoshi"))
        assert "还不知道" in told.text

    async def test_a_danger_is_heard_once_they_have_chosen_and_agreed(self, house: House) -> None:
        on_duty = Chat(house.desk, "wang", "baoshi").settle_in(Role.WORKER)
        zhang = stranger(house)
        await zhang.say(FIRE)
        await zhang.sees_button("宝石社区")
        await zhang.tap("宝石社区", wait=True)
        await zhang.sees_button(AGREE)
        assert on_duty.pushed() == []
        await zhang.tap(AGREE, wait=True)
        await zhang.sees("已经通知社区值班人员")
        assert on_duty.pushed() == ["work.alarm"]


# ---- one question


async def test_photos_of_a_stranger_bring_one_question(house: House) -> None:
    zhang = stranger(house)
    await zhang.album([picture(c) for c in ("red", "green", "blue")], "楼道灯坏了")
    await zhang.sees_button(AGREE)
    await house.fake.settled()
    await quietly(0.3)
    assert len(said_by(house.bot, zhang)) == 1


async def test_who_was_just_asked_is_not_asked_at_length_again(house: House) -> None:
    zhang = stranger(house)
    await zhang.start(house.bot)
    await zhang.sees_button(AGREE)
    await answer(zhang, await zhang.say("3幢电梯坏了"), "境外")  # to have merely pressed Start is no word to be heard
    told = await answer(zhang, await zhang.say("在吗"))
    assert "境外" not in told.text
    assert AGREE in told.text
    await zhang.tap(AGREE, wait=True)
    await house.fake.settled()
    assert heard(house) == [("3幢电梯坏了", 0)]


@pytest.mark.parametrize("no", ["不同意", "不", "No."])
async def test_who_does_not_agree_is_let_go_with_a_number_to_call(house: House, no: str) -> None:
    zhang = stranger(house)
    asked = await answer(zhang, await zhang.say("你好"), AGREE)
    told = await answer(zhang, await zhang.say(no), phone_of(house))
    assert phone_of(house) in asked.text
    assert told.labels == []
    assert heard(house) == []


# ---- what is not fetched, and what is kept of what cannot be


async def test_a_changed_photo_is_not_fetched(house: House) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    said = await zhang.photo(picture("red"), "谢谢")
    await answer(zhang, said)
    fetched = [c for c in house.fake.calls if c.method.lower() == "getfile"]
    await zhang.edit(said, "谢谢你")
    await answer(zhang, said, "再发一遍")
    assert [c for c in house.fake.calls if c.method.lower() == "getfile"] == fetched


async def test_photos_keep_their_words_when_the_one_that_has_them_is_lost(house: House) -> None:
    (zhang,) = residents(house.desk, house.fake, [7])
    house.fake.fail("getFile", "500", 3)  # all tries of the first
    await zhang.photo(picture("red"), "楼道灯坏了", media_group_id="12")
    last = await zhang.photo(picture("green"), media_group_id="12")
    await zhang.sees("没有收全")
    await answer(zhang, last)
    await house.fake.settled()
    assert await house.fake.bell.until(lambda: heard(house) == [("楼道灯坏了", 1)], 5)


# ---- nobody waits for somebody else


async def test_a_slow_photo_keeps_nobody_else_waiting(house: House) -> None:
    zhang, li = residents(house.desk, house.fake, [7, 8])
    slow = house.fake.fail("getFile", "slow", seconds=4)
    await zhang.photo(picture("red"), "楼道灯坏了")
    await zhang.say("谢谢")
    for said in ("你好", "菜单", "谢谢"):
        await li.say(said)
        await li.sees(fresh=True, timeout=2)
    assert slow.hits == 1
    assert said_by(house.bot, zhang) == []
    assert await house.fake.bell.until(lambda: len(heard(house)) == 5, 10)
    assert [h for h in heard(house) if h[1]] == [("楼道灯坏了", 1)]
    await house.fake.settled()
    assert len(said_by(house.bot, li)) == 3


async def test_a_group_that_must_wait_keeps_nobody_else_waiting(house: House) -> None:
    zhang, li = residents(house.desk, house.fake, [7, 8])
    group = house.fake.group(-1001, "邻居群", [zhang])
    await group.add_bot(house.bot, by=zhang)
    await group_hears(house, group, "社区工作人员")
    throttled = house.fake.fail("sendMessage", "429", chat=group.id, retry_after=5)
    await zhang.say(f"@{house.bot.username} 食堂几点开门", in_=group)
    assert await house.fake.bell.until(lambda: throttled.hits == 1, 5)
    await zhang.say(f"@{house.bot.username} 社区电话", in_=group)
    await li.say("你好")
    await li.sees(fresh=True, timeout=2)


async def test_a_group_is_answered_no_more_than_it_can_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.flood.A_MINUTE", 3)
    monkeypatch.setattr("bot.channels.flood.PACE", 0.02)
    people = residents(house.desk, house.fake, range(7, 12))
    group = house.fake.group(-1001, "邻居群", people)
    await group.add_bot(house.bot, by=people[0])
    await group_hears(house, group, "社区工作人员")
    for phone in people:
        await phone.say(f"@{house.bot.username} 谢谢", in_=group)
    await people[0].say(f"@{house.bot.username} {FIRE}", in_=group)
    assert await house.fake.bell.until(lambda: any(m.by_bot and "119" in m.text for m in group.screen), 5)
    assert len([m for m in group.screen if m.by_bot]) == 1 + 3 + 1
