"""A neighbourhood group: the desk speaks when spoken to, tells what concerns everybody, and shows nobody's data."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from models.dialogue import Heard
from models.group import LinkedGroup
from models.resident import Role
from models.store import reading
from tests.conftest import both_stores
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_group import Group
from tests.telegram_house import NAME, TOKEN, House, answer, group_hears, resident_of, serving, settings_for

WINDOW = "红梅2幢邻居群"


@pytest.fixture
async def house(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("models.pace.PRIVATE", (10_000, 1))
    monkeypatch.setattr("models.pace.GROUP", (10_000, 1))
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        fake.enforce_rates = False
        async with serving(settings_for(store_url, tmp_path, fake), fake) as house:
            yield house


def linked(house: House) -> list[LinkedGroup]:
    with reading(house.desk.engine, None) as db:
        return list(db.exec(select(LinkedGroup).where(LinkedGroup.left_at == None)))  # noqa: E711


async def linked_group(house: House) -> Group:
    wang = await house.worker()
    group = house.fake.group(-1001, WINDOW, [wang])
    await group.add_bot(house.bot, by=wang)
    await group_hears(house, group, "已经连上红梅社区")
    return group


@both_stores
async def test_a_worker_links_a_group_by_letting_the_bot_in(house: House) -> None:
    group = await linked_group(house)
    assert [(g.chat, g.title) for g in linked(house)] == [(str(group.id), WINDOW)]


async def test_nobody_else_links_a_group(house: House) -> None:
    zhang = await house.neighbour()
    group = house.fake.group(-1002, "别的群", [zhang])
    await group.add_bot(house.bot, by=zhang)
    await group_hears(house, group, "社区工作人员")
    await zhang.say("/link", in_=group)
    await group_hears(house, group, "社区工作人员", count=2)
    assert linked(house) == []


async def test_the_bot_is_silent_unless_spoken_to(house: House) -> None:
    group = await linked_group(house)
    zhang = house.newcomer()
    await group.add(zhang)
    before = len(group.screen)
    await zhang.say("食堂几点开门", in_=group)
    await zhang.say("@someone_else 食堂几点开门", in_=group)
    await zhang.say(f"@{NAME} 食堂几点开门", in_=group)
    told = await group_hears(house, group, "红梅邻里餐厅")
    assert [m.by_bot for m in group.screen[before:]].count(None) == 3
    assert told.room.id == group.id
    with reading(house.desk.engine, house.community_id) as db:
        assert not [h for h in db.exec(select(Heard)) if "食堂" in h.said["text"]]  # asked in public, kept by nobody


async def test_what_is_somebodys_own_goes_on_in_private(house: House) -> None:
    group = await linked_group(house)
    zhang = await house.neighbour()
    await answer(zhang, await zhang.say("登记住址"), "几幢")
    await answer(zhang, await zhang.say("3幢2单元502"), "3幢2单元502室")
    await group.add(zhang)
    for count, said in enumerate(
        ("我的报修", "我的", "报修 3幢灯坏了", "导出我的信息", "删除我的信息", "/me.export"), 1
    ):
        await zhang.say(f"@{NAME} {said}", in_=group)
        told = await group_hears(house, group, "私聊", count=count)
        assert "502" not in told.text
    with reading(house.desk.engine, house.community_id) as db:
        assert resident_of(db, zhang).erased_at is None


async def test_danger_in_a_group_is_answered_at_once(house: House) -> None:
    group = await linked_group(house)
    zhang = house.newcomer()
    await group.add(zhang)
    await zhang.say(f"@{NAME} 楼下着火了", in_=group)
    await group_hears(house, group, "119")


@both_stores
async def test_a_notice_for_everybody_is_told_in_the_group_too(house: House) -> None:
    group = await linked_group(house)
    zhang = await house.neighbour()
    house.promote(zhang, Role.RESIDENT)
    house.keep_awake()
    wang = house.fake.phones[90]
    await answer(wang, await wang.say("发通知"), "写什么")
    await answer(wang, await wang.say("明天上午9点到11点停水，请提前储水。"), "发给谁")
    draft = await answer(wang, await wang.say("全体居民"), "停水")
    await wang.say("可以")
    await answer(wang, draft, "发出去了")
    await group_hears(house, group, "明天上午9点到11点停水")
    await zhang.sees("明天上午9点到11点停水")


async def test_put_out_of_a_group_the_bot_is_silent_there(house: House) -> None:
    group = await linked_group(house)
    wang = house.fake.phones[90]
    await group.remove_bot(house.bot, by=wang)
    await house.fake.settled()
    assert linked(house) == []


async def test_a_group_with_a_new_number_stays_linked(house: House) -> None:
    group = await linked_group(house)
    wang = house.fake.phones[90]
    await group.upgrade(-100200300, by=wang)
    await house.fake.settled()
    assert [g.chat for g in linked(house)] == ["-100200300"]


async def test_a_worker_lets_a_group_go(house: House) -> None:
    group = await linked_group(house)
    await house.fake.phones[90].say("/unlink", in_=group)
    await group_hears(house, group, "不再连着")
    assert linked(house) == []


async def test_other_rights_make_the_bot_neither_speak_nor_link(house: House) -> None:
    group = await linked_group(house)
    wang = house.fake.phones[90]
    await wang.say("/unlink", in_=group)
    await group_hears(house, group, "不再连着")
    told = len(group.screen)
    for old, new in (("member", "administrator"), ("administrator", "member")):
        house.fake.membership(house.bot, group.room, wang.person.user(), old, new)
    await house.fake.settled()
    await wang.say("/unlink", in_=group)
    await group_hears(house, group, "没有什么可断开的")
    assert len(group.screen) == told + 2
    assert linked(house) == []


async def test_commands_in_a_group_are_answered_like_their_words(house: House) -> None:
    group = await linked_group(house)
    zhang = house.newcomer()
    await group.add(zhang)
    told = len([m for m in group.screen if m.by_bot])
    await zhang.say("/ban 小李", in_=group)
    await zhang.say(f"/canteen@{NAME}", in_=group)
    await group_hears(house, group, "红梅邻里餐厅")
    await zhang.say(f"/report@{NAME}", in_=group)
    lead = await group_hears(house, group, "私聊", count=2)  # the first is what it said when it was linked
    assert [b.get("url") for row in lead.buttons for b in row] == [f"https://t.me/{NAME}?start=hongmei"]
    assert len([m for m in group.screen if m.by_bot]) == told + 2
