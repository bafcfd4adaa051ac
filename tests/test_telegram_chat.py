"""What residents do on Telegram, from the tap on Start to every kind of thing they can send."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image
from sqlmodel import Session, select

from models.album import Album
from models.dialogue import Heard
from models.photo import Photo
from models.resident import Account, Resident
from models.store import reading
from models.telegram_bot import Visitor
from tests.conftest import both_stores
from tests.fakes.telegram import FakeTelegram
from tests.telegram_house import AGREE, NAME, TOKEN, House, answer, resident_of, serving, settings_for


def picture(colour: str = "teal", kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(out, kind)
    return out.getvalue()


@pytest.fixture
def serves() -> str:
    return "hongmei"


@pytest.fixture
async def house(store_url: str, tmp_path: Path, serves: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Paces are held elsewhere: here people may talk as fast as they like."""
    monkeypatch.setattr("models.pace.PRIVATE", (10_000, 1))
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        fake.enforce_rates = False
        async with serving(settings_for(store_url, tmp_path, fake, serves), fake) as house:
            yield house


def rows(house: House, kind: type[Any]) -> list[Any]:
    with reading(house.desk.engine, None) as db:
        return list(db.exec(select(kind)))


def media(house: House) -> list[tuple[str, ...]]:
    """The photos of each message heard, oldest first."""
    heard = sorted(rows(house, Heard), key=lambda h: h.at)
    return [tuple(h.said["media"]) for h in heard if h.said["media"]]


# ---- the door


@both_stores
async def test_nothing_is_kept_of_who_has_not_agreed(house: House) -> None:
    zhang = house.newcomer()
    await zhang.start(house.bot)
    asked = await zhang.sees_button(AGREE)
    assert "境外" in asked.text
    await zhang.say("3幢电梯坏了")
    await zhang.sees("境外", fresh=True)
    await house.fake.settled()
    assert not rows(house, Visitor)
    assert not rows(house, Heard)
    assert not [a for a in rows(house, Account) if a.channel == "telegram"]


async def test_what_brought_them_is_answered_once_they_agree(house: House) -> None:
    zhang = house.newcomer()
    zhang.meet(house.bot)
    await zhang.say("食堂几点开门")
    await zhang.sees_button(AGREE)
    await zhang.tap(AGREE, wait=True)
    await zhang.sees("红梅邻里餐厅", fresh=True)
    marked = await zhang.sees(f"→ {AGREE}")
    assert AGREE not in marked.labels
    await zhang.say("谢谢")
    await zhang.sees("不客气", fresh=True)


async def test_danger_comes_before_consent(house: House) -> None:
    zhang = house.newcomer()
    zhang.meet(house.bot)
    await zhang.say("我家着火了")
    await zhang.sees("119")
    await zhang.sees_button(AGREE)
    await zhang.tap(AGREE, wait=True)
    await zhang.sees("119", fresh=True)


async def test_whose_telegram_is_english_is_asked_in_english(house: House) -> None:
    smith = await house.neighbour(8, "Smith", "en")
    await smith.sees("Hello")
    assert [h.said["text"] for h in rows(house, Heard)] == [""]
    with reading(house.desk.engine, house.community_id) as db:
        assert resident_of(db, smith).language == "en"


async def test_who_had_everything_deleted_is_a_stranger_again(house: House) -> None:
    zhang = await house.neighbour()
    asked = await answer(zhang, await zhang.say("删除我的信息"), "删")
    await zhang.tap(asked.labels[0], wait=True)
    await answer(zhang, asked)
    await house.fake.settled()
    assert not rows(house, Visitor)
    await zhang.say("你好")
    await zhang.sees_button(AGREE)


# ---- one bot for several communities


class TestAlliance:
    @pytest.fixture
    def serves(self) -> str:
        return "hongmei,baoshi"

    async def test_they_choose_a_community_and_agree(self, house: House) -> None:
        zhang = house.newcomer()
        await zhang.start(house.bot)
        choice = await zhang.sees("哪个社区")
        assert len(choice.labels) == 2
        await zhang.tap("宝石社区", wait=True)
        await zhang.sees("宝石社区的邻里坊")
        await zhang.tap(AGREE, wait=True)
        await zhang.sees("您好，这里是宝石社区", fresh=True)
        assert [v.community_id for v in rows(house, Visitor)] == [house.desk.communities["baoshi"].id]

    async def test_a_deep_link_names_the_community_and_the_service(self, house: House) -> None:
        zhang = house.newcomer()
        await zhang.follow(f"https://t.me/{NAME}?start=baoshi-events")
        await zhang.sees("宝石社区的邻里坊")
        await zhang.tap(AGREE, wait=True)
        await zhang.sees("活动", fresh=True)

    async def test_another_community_is_asked_for_anew_and_the_first_is_kept(self, house: House) -> None:
        zhang = house.newcomer()
        await zhang.start(house.bot, "hongmei")
        await zhang.sees_button(AGREE)
        await zhang.tap(AGREE, wait=True)
        await zhang.sees("您好，这里是红梅", fresh=True)
        choice = await answer(zhang, await zhang.say("换社区"), "哪个社区")
        await zhang.tap("宝石社区", choice, wait=True)
        asked = await answer(zhang, choice, AGREE)
        await zhang.tap(AGREE, asked, wait=True)
        await answer(zhang, asked, "您好，这里是")
        here = [a.community_id for a in rows(house, Account) if a.channel == "telegram"]
        assert sorted(here) == sorted(house.desk.communities[s].id for s in ("hongmei", "baoshi"))

    async def test_an_old_button_of_another_community_changes_nothing_here(self, house: House) -> None:
        zhang = house.newcomer()
        await zhang.start(house.bot, "hongmei")
        await zhang.tap(AGREE, await zhang.sees_button(AGREE), wait=True)
        old = await zhang.sees_button("报事报修")
        asked = await answer(zhang, await zhang.start(house.bot, "baoshi"), AGREE)
        await zhang.tap(AGREE, asked, wait=True)
        await answer(zhang, asked, "您好，这里是")
        await zhang.tap("报事报修", old, wait=True)
        told = await zhang.sees("那是红梅社区的消息", fresh=True)
        assert told.labels == ["红梅社区"]
        heard = [h.said["text"] for h in rows(house, Heard)]
        assert "报事报修" not in heard
        await zhang.tap("红梅社区", told, wait=True)
        await answer(zhang, told, AGREE)

    async def test_a_link_to_nowhere_asks_which(self, house: House) -> None:
        zhang = house.newcomer()
        for payload in ("nowhere", "hongmei_", "-events", "baoshi2-x"):
            await zhang.start(house.bot, payload)
            await zhang.sees("哪个社区", fresh=True)


# ---- everything they can send


@both_stores
async def test_a_report_with_a_photo_from_first_word_to_card(house: House) -> None:
    zhang = await house.neighbour()
    await answer(zhang, await zhang.say("登记住址"), "几幢")
    await answer(zhang, await zhang.say("3幢2单元502"), "3幢2单元502室")
    await answer(zhang, await zhang.say("3幢2单元楼道的灯坏了三天，天黑看不见"), "照片")
    await answer(zhang, await zhang.photo(picture()), "跳过")
    await answer(zhang, await zhang.say("跳过"), "电话")
    draft = await answer(zhang, await zhang.say("跳过"), "提交")
    await zhang.tap("提交", draft, wait=True)
    await answer(zhang, draft, "收到")
    assert len(media(house)) == 1
    with reading(house.desk.engine, house.community_id) as db:
        whose = resident_of(db, zhang).id
    assert [p.resident_id for p in rows(house, Photo)] == [whose]


async def test_a_menu_shows_what_was_chosen_and_cannot_mislead(house: House) -> None:
    zhang = await house.neighbour()
    await zhang.say("登记住址")
    await zhang.sees("几幢", fresh=True)
    await zhang.say("3幢2单元502")
    await zhang.sees("3幢2单元502室", fresh=True)
    await zhang.say("报修")
    asked = await zhang.sees(fresh=True)
    label = asked.labels[1]
    await zhang.tap(label, wait=True)
    marked = await zhang.sees(f"→ {label}")
    assert marked is asked
    assert label not in marked.labels
    old = asked.message_id
    later = await zhang.sees(fresh=True)
    assert later.message_id > old


async def test_commands_and_their_chinese_words_do_the_same(house: House) -> None:
    zhang = await house.neighbour()
    for said in ("/menu", "菜单", f"/menu@{NAME}"):
        await zhang.say(said)
        await zhang.sees("红梅社区能为您做这些", fresh=True)
    await zhang.say("/report")
    await zhang.sees("住", fresh=True)
    await zhang.say("/无此命令")
    await zhang.sees(fresh=True)
    await zhang.say("/menu@some_other_bot")
    await zhang.say("谢谢")
    await zhang.sees("不客气", fresh=True)


@both_stores
async def test_photos_sent_together_are_one_message(house: House) -> None:
    zhang = await house.neighbour()
    *_, last = await zhang.album([picture("red"), picture("green"), picture("blue")], "楼道灯坏了")
    await answer(zhang, last)
    await house.fake.settled()
    assert [len(several) for several in media(house)] == [3]
    assert [album.due_at for album in rows(house, Album)] == [None]


async def test_a_picture_sent_as_a_file_is_a_photo_without_its_secrets(house: House) -> None:
    zhang = await house.neighbour()
    data = picture(kind="PNG")
    await zhang.document(data, "灯.png", "image/png")
    await zhang.sees(fresh=True)
    await house.fake.settled()
    (ref,) = media(house)[0]
    kept = next(house.desk.media.glob(f"??/{ref}.jpg")).read_bytes()
    assert kept[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("data", "name", "mime", "words"),
    [
        (b"not a picture", "a.jpg", "image/jpeg", "打不开"),
        (b"%PDF-1.4", "a.pdf", "application/pdf", "打不开"),
        (b"\xff\xd8\xff" + b"0" * (11 << 20), "big.jpg", "image/jpeg", "太大"),
        (b"\xff\xd8\xff" + b"0" * (21 << 20), "huge.jpg", "image/jpeg", "太大"),
    ],
    ids=["no picture", "a paper", "11 MB", "21 MB"],
)
async def test_files_we_cannot_take_are_refused_kindly(
    house: House, data: bytes, name: str, mime: str, words: str
) -> None:
    zhang = await house.neighbour()
    await zhang.document(data, name, mime)
    await zhang.sees(words, fresh=True)
    await house.fake.settled()
    assert not media(house)


async def test_a_pin_and_a_venue_say_where(house: House) -> None:
    zhang = await house.neighbour()
    await zhang.location(30.2795, 120.1325)
    await zhang.sees("米", fresh=True)
    await zhang.venue(30.2795, 120.1325, "红梅邻里中心", "红梅路1号")
    await zhang.sees("米", fresh=True)
    places = [h.said["place"] for h in sorted(rows(house, Heard), key=lambda h: h.at) if h.said["place"]]
    assert [p["text"] for p in places] == ["", "红梅邻里中心 红梅路1号"]
    assert {(p["lat"], p["lon"]) for p in places} == {(30.2795, 120.1325)}


async def test_only_ones_own_number_is_taken(house: House) -> None:
    zhang, li = await house.neighbour(), await house.neighbour(9, "小李")
    await zhang.contact("+8613800000009", user_id=li.id)
    await zhang.sees("只收您本人的号码", fresh=True)
    await zhang.contact("+8613800000007")
    await zhang.sees(fresh=True)
    await house.fake.settled()
    assert "13800000007" in [h.said["text"] for h in rows(house, Heard)]
    assert "13800000009" not in str([h.said for h in rows(house, Heard)])


async def test_what_cannot_be_heard_is_answered_kindly(house: House) -> None:
    zhang = await house.neighbour()
    await zhang.voice(b"OggS")
    await zhang.sees("语音我还听不懂", fresh=True)
    await zhang.sticker()
    await zhang.sees("表情", fresh=True)
    said = await zhang.say("谢谢")
    await zhang.sees("不客气", fresh=True)
    await zhang.edit(said, "谢谢你")
    await zhang.sees("再发一遍", fresh=True)


async def test_a_voice_is_written_down_where_somebody_can(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.pace.PRIVATE", (10_000, 1))
    asked: list[tuple[str | None, bytes]] = []

    async def write_down(request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        asked.append((request.headers.get("Authorization"), file.file.read()))
        return web.json_response({"text": "谢谢"})

    app = web.Application()
    app.router.add_post("/v1/audio/transcriptions", write_down)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with FakeTelegram() as fake:
        fake.add_bot(TOKEN, NAME)
        settings = settings_for(store_url, tmp_path, fake).model_dump() | {
            "transcriber_url": f"http://127.0.0.1:{port}/v1/audio/transcriptions",
            "transcriber_key": "key",
        }
        async with serving(type(settings_for(store_url, tmp_path, fake)).model_validate(settings), fake) as house:
            zhang = await house.neighbour()
            await zhang.voice(b"OggS the voice")
            await zhang.sees("不客气", fresh=True)
    await runner.cleanup()
    assert asked == [("Bearer key", b"OggS the voice")]


# ---- who can be reached


@both_stores
async def test_who_blocks_the_bot_is_not_written_to_until_they_come_back(house: House) -> None:
    zhang = await house.neighbour()

    def lost(db: Session) -> bool:
        at = select(Account).where(Account.channel == "telegram", Account.user == str(zhang.id))
        return db.exec(at).one().unreachable_at is not None

    await zhang.block()
    await house.fake.settled()
    with reading(house.desk.engine, None) as db:
        assert lost(db)
    await zhang.unblock()
    await house.fake.settled()
    with reading(house.desk.engine, None) as db:
        assert not lost(db)


async def test_nobody_is_made_a_resident_twice(house: House) -> None:
    zhang = await house.neighbour()
    for said in ("谢谢", "菜单", "谢谢"):
        await zhang.say(said)
    await zhang.sees("不客气", fresh=True)
    await house.fake.settled()
    mine = [r for r in rows(house, Resident) if r.origin.startswith("telegram:")]
    assert len(mine) == 1


async def test_agreed_twice_is_heard_once(house: House) -> None:
    zhang = house.newcomer()
    zhang.meet(house.bot)
    await zhang.say("食堂几点开门")
    asked = await zhang.sees_button(AGREE)
    data = str(asked.buttons[0][0]["callback_data"])
    for _ in range(3):
        await zhang.press(data, asked, wait=True)
    await answer(zhang, asked, "红梅邻里餐厅")
    await house.fake.settled()
    assert len(rows(house, Heard)) == 1
