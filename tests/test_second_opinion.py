"""What a language model made of a sentence, on its way into the turn: asked where we are in doubt, in order, never late."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from bot.app import DESK, application, interpreter
from bot.conversation.desk import Desk
from bot.conversation.dispatch import LONGEST
from bot.conversation.message import Message
from bot.conversation.second_opinion import SecondOpinion
from bot.conversation.worker import Worker
from bot.settings import Settings
from bot.understanding.interpreter import Interpreter
from bot.understanding.sense import SURE, understand
from models.dialogue import Heard
from models.resident import Role
from models.store import reading
from models.ticket import Ticket
from tests.conftest import Chat, Clock, both_stores
from tests.fakes.language_model import MODEL, FakeLanguageModel

GENEROUS = 60.0  # seconds after which something that should have happened has not
WORDS, MORE = "那个东西又不行了", "上次那个谁来着"  # nobody knows what is meant
UNKNOWN = "没听明白"
CANTEEN, MENU = '{"intent": "canteen_menu"}', "邻里餐厅今天"
LIFT = '{"intent": "report_issue", "category": "elevator"}'


@pytest.fixture
def desk(desk: Desk, clock: Clock) -> Desk:
    """Its clock goes on, so that who was heard first is heard earlier, also in another group of turns."""
    ticks = count()
    return replace(desk, now=lambda: clock() + timedelta(milliseconds=next(ticks)))


@pytest.fixture
async def fake() -> AsyncIterator[FakeLanguageModel]:
    async with FakeLanguageModel() as fake:
        yield fake


@pytest.fixture
async def worker(desk: Desk, fake: FakeLanguageModel) -> AsyncIterator[Worker]:
    """It would wait for the endpoint for as long as a test lasts."""
    async with Worker(desk, Interpreter(fake.url, MODEL, SecretStr(""), patience=GENEROUS)) as worker:
        yield worker


async def say(worker: Worker, chat: Chat, text: str = "", **more: Any) -> str:
    chat.count += 1
    async with asyncio.timeout(GENEROUS):
        message = Message(str(chat.count), chat.address, text, **more)
        chat.replies = await worker.answer(chat.community.id, message)
    return "\n".join(reply.text for reply in chat.replies)


def in_order(desk: Desk, chat: Chat) -> list[str]:
    with reading(desk.engine, chat.community.id) as db:
        mine = select(Heard).where(col(Heard.key).contains(f":{chat.address.user}:")).order_by(col(Heard.at))
        return [heard.said["text"] for heard in db.exec(mine)]


# what it says is done


@both_stores
async def test_a_doubtful_sentence_is_served_as_the_endpoint_says(
    worker: Worker, chat: Chat, fake: FakeLanguageModel
) -> None:
    assert understand(WORDS).confidence < SURE
    fake.says = CANTEEN
    assert MENU in await say(worker, chat, WORDS)
    assert fake.heard == [WORDS]


async def test_over_the_web_chat_nothing_private_leaves(
    store_url: str, tmp_path: Path, fake: FakeLanguageModel, aiohttp_client: Any
) -> None:
    app = application(
        Settings(database_url=store_url, media_dir=tmp_path, interpreter_url=fake.url, interpreter_model=MODEL)
    )
    app[DESK].now = Clock()
    browser = await aiohttp_client(app)
    fake.says = CANTEEN
    said = {"id": "1", "text": "我叫张建国，3幢2单元502，那个东西又不行了，电话13812345678"}
    told = await (await browser.post("/api/chat/hongmei/messages", json=said)).json()
    assert MENU in told["replies"][0]["text"]
    assert fake.heard == ["我叫…,0幢0单元0,那个东西又不行了,电话…"]


async def test_what_nobody_can_see_is_left_out(worker: Worker, chat: Chat, fake: FakeLanguageModel) -> None:
    await say(worker, chat, "那个东西\u200b又不行了 ")
    assert fake.heard == [WORDS]


async def test_off_unless_an_endpoint_is_named(desk: Desk, chat: Chat, fake: FakeLanguageModel) -> None:
    assert interpreter(Settings(interpreter_model=MODEL)) is None
    fake.says = CANTEEN
    async with Worker(desk) as alone:
        assert UNKNOWN in await say(alone, chat, WORDS)
    assert fake.asked == []


async def test_what_it_told_outlasts_the_way_home(worker: Worker, chat: Chat, fake: FakeLanguageModel) -> None:
    """A guest is asked for the address first; the report then knows what it is about without another question."""
    fake.says = LIFT
    assert "几幢" in await say(worker, chat, WORDS)
    assert "在哪里" in await say(worker, chat, "3幢2单元502")
    for words in ("3幢", "跳过", "13812345678", "可以"):
        await say(worker, chat, words)
    assert [t.category for t in chat.rows(Ticket)] == ["elevator"]
    assert fake.heard == [WORDS]


async def test_an_alarm_it_raised_stays_one(
    worker: Worker, chat: Chat, neighbour: Callable[..., Chat], fake: FakeLanguageModel
) -> None:
    wang = neighbour("wang", role=Role.WORKER)
    chat.settle_in()
    fake.says = '{"intent": "emergency"}'
    assert (await say(worker, chat, WORDS)).startswith("⚠")
    assert "work.alarm" in wang.pushed()
    for words in ("3幢2单元", "13812345678", "可以"):
        await say(worker, chat, words)
    assert [t.emergency for t in chat.rows(Ticket)] == [True]


async def test_it_opens_nothing_that_is_not_allowed(worker: Worker, chat: Chat, fake: FakeLanguageModel) -> None:
    fake.says = '{"intent": "vote"}'
    assert "几幢" in await say(worker, chat, WORDS)  # a guest does not vote


# what is not asked about


@pytest.mark.parametrize(
    "text",
    {
        "a name": "菜单",
        "a command": "上一步",
        "a name of the community's": "小饭桌",
        "surely understood": "3幢楼道的灯坏了，三天了",
        "several wishes": "3幢楼道灯坏了，另外问下明天食堂几点开门",
        "words of a service nobody learnt": "目录那个呢",
        "danger": "我家着火了",
        "danger without a word of it": "老头子倒在地上叫不应了",
        "a word of danger": "着火应该打什么电话",
        "too long": WORDS * (LONGEST // len(WORDS) + 1),
        "nothing": "\u200b \n",
    }.items(),
    ids=lambda item: item[0],
)
async def test_what_is_clear_is_not_asked(
    worker: Worker, chat: Chat, fake: FakeLanguageModel, text: tuple[str, str]
) -> None:
    fake.goes_on.clear()
    assert await say(worker, chat, text[1])
    assert fake.asked == []


@both_stores
async def test_an_answer_is_not_asked_about(worker: Worker, chat: Chat, fake: FakeLanguageModel) -> None:
    chat.settle_in()
    await say(worker, chat, "报修")
    await say(worker, chat, "电梯")
    assert "在哪里" in await say(worker, chat, WORDS)
    assert fake.asked == []


@pytest.mark.parametrize("by", ["tap", "number", "label"])
async def test_a_choice_is_not_asked_about(worker: Worker, chat: Chat, fake: FakeLanguageModel, by: str) -> None:
    fake.says = "?"
    await say(worker, chat, MORE)
    *_, (number, none) = enumerate(chat.choices, 1)  # of the likely wishes that were offered
    said = {"tap": {"choice": none.value}, "number": {"text": str(number)}, "label": {"text": none.label}}
    assert "社区" in await say(worker, chat, **said[by])
    assert fake.heard == [MORE]


async def test_after_asking_back_a_new_sentence_is_asked_about(
    worker: Worker, chat: Chat, fake: FakeLanguageModel
) -> None:
    fake.says = "?"
    assert "您是想" in await say(worker, chat, "那件事怎么样了")
    fake.says = CANTEEN
    assert MENU in await say(worker, chat, WORDS)
    assert fake.heard == ["那件事怎么样了", WORDS]


# while it is asked


async def test_who_hears_nothing_from_it_is_answered_in_time_and_in_order(
    desk: Desk, chat: Chat, fake: FakeLanguageModel
) -> None:
    fake.goes_on.clear()
    async with Worker(desk, Interpreter(fake.url, MODEL, SecretStr(""), patience=0.05)) as hasty:
        told = await asyncio.gather(*(say(hasty, chat, text) for text in (WORDS, "菜单", MORE)))
    assert UNKNOWN in told[0]
    assert in_order(desk, chat) == [WORDS, "菜单", MORE]
    assert len(fake.asked) == 2


async def test_nobody_there(desk: Desk, chat: Chat) -> None:
    async with FakeLanguageModel() as gone:
        url = gone.url
    async with Worker(desk, Interpreter(url, MODEL, SecretStr(""))) as alone:
        assert UNKNOWN in await say(alone, chat, WORDS)


async def test_one_waits_for_it_and_overtakes_nobody_others_do_not_wait(
    worker: Worker, desk: Desk, chat: Chat, neighbour: Callable[..., Chat], fake: FakeLanguageModel
) -> None:
    fake.says = CANTEEN
    fake.goes_on.clear()
    told = [asyncio.ensure_future(say(worker, chat, WORDS))]
    await fake.is_asked.wait()
    told += [asyncio.ensure_future(say(worker, chat, text)) for text in ("菜单", "你好")]
    assert await say(worker, neighbour("li"), "菜单")
    assert not any(one.done() for one in told)
    fake.goes_on.set()
    assert MENU in (await asyncio.gather(*told))[0]
    assert in_order(desk, chat) == [WORDS, "菜单", "你好"]


@pytest.mark.parametrize("danger", ["我家着火了", "着火应该打什么电话"])
async def test_danger_waits_for_no_opinion(
    worker: Worker, desk: Desk, chat: Chat, fake: FakeLanguageModel, danger: str
) -> None:
    """What was said before it goes in as we understand it ourselves, at once and before it."""
    fake.goes_on.clear()
    before = [asyncio.ensure_future(say(worker, chat, text)) for text in (WORDS, MORE)]
    await fake.is_asked.wait()
    assert (await say(worker, chat, danger)).startswith("⚠")
    assert UNKNOWN in (await asyncio.gather(*before))[0]
    assert in_order(desk, chat) == [WORDS, MORE, danger]
    assert fake.heard == [WORDS]
    fake.goes_on.set()
    await say(worker, chat, "取消")
    fake.says = CANTEEN
    assert MENU in await say(worker, chat, WORDS)  # and then it is asked again


async def test_who_goes_away_leaves_the_line(desk: Desk, chat: Chat, fake: FakeLanguageModel) -> None:
    opinion = SecondOpinion(desk, Interpreter(fake.url, MODEL, SecretStr(""), patience=GENEROUS))
    fake.says = CANTEEN
    fake.goes_on.clear()

    async def intent(text: str) -> str:
        async with opinion.heard(chat.community.id, Message("1", chat.address, text)) as heard:
            return heard.sense.intent if heard.sense else ""

    first, second = (asyncio.ensure_future(intent(text)) for text in (WORDS, MORE))
    await fake.is_asked.wait()
    first.cancel()
    fake.goes_on.set()
    async with asyncio.timeout(GENEROUS):
        assert await second == "canteen_menu"
    assert first.cancelled()
    del first, second
    gc.collect()  # a cancelled task holds on to where it was
    assert len(opinion.lines) == 0
