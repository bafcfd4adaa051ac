"""Photos of letters are fetched from where WeChat keeps them and from nowhere else, and not too many at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from sqlmodel import select
from yarl import URL

from bot.channels import photos
from bot.channels.wechat.letter import Letter
from bot.channels.wechat.pictures import NotSeen, Pictures
from bot.conversation.desk import Desk
from bot.conversation.message import Address
from models.photo import Photo
from models.store import reading
from tests.test_photos import shot

SENDER = Address("wechat", "hongmei", "oZhang")


class Keeper:
    """A server that has photos; what it was asked for, and how often at one time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = self.most = 0
        app = web.Application()
        app.router.add_get("/{what:.*}", self.give)
        self.server = TestServer(app)

    async def give(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)  # as long as a photo is on its way
        self.now -= 1
        if to := request.query.get("to"):
            raise web.HTTPFound(to)
        return web.Response(body=shot("red"))


@pytest.fixture
async def keepers() -> AsyncIterator[tuple[Keeper, Keeper]]:
    """The platform's own, and somebody else's."""
    ours, other = Keeper(), Keeper()
    async with ours.server, other.server:
        yield ours, other


@pytest.fixture
def desk(desk: Desk, tmp_path: Path) -> Desk:
    desk.media = tmp_path / "media"
    return desk


@pytest.fixture
async def fetch(desk: Desk, keepers: tuple[Keeper, Keeper]) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    async with ClientSession() as session:
        pictures = Pictures(desk, session, str(keepers[0].server.make_url("")).rstrip("/"))
        community_id = desk.communities["hongmei"].id

        async def fetched(address: str) -> str:
            letter = Letter("gh_1", SENDER.user, datetime.now(UTC), "image", "1", picture_url=address)
            return await pictures.fetch(community_id, SENDER, letter)

        yield fetched


async def test_a_photo_that_the_platform_keeps_is_its_senders(
    desk: Desk, keepers: tuple[Keeper, Keeper], fetch: Callable[[str], Awaitable[str]]
) -> None:
    ref = await fetch(str(keepers[0].server.make_url("/photo")))
    with reading(desk.engine, desk.communities["hongmei"].id) as db:
        assert [photo.ref for photo in db.exec(select(Photo))] == [ref]


async def test_nobody_elses_server_is_asked(
    keepers: tuple[Keeper, Keeper], fetch: Callable[[str], Awaitable[str]]
) -> None:
    ours, other = keepers
    there = other.server.make_url("/secret")
    led = ours.server.make_url("/photo").with_query(to=str(there))
    for address in (
        there,
        led,
        f"//{there.authority}/secret",
        "file:///etc/passwd",
        "http://[::1",
        "ftp://a/",
        "",
        "x",
    ):
        with pytest.raises(NotSeen, match=r"^not_fetched$"):
            await fetch(str(address))
    assert other.asked == []
    assert ours.asked == ["/photo"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("http://mmbiz.qpic.cn/mmbiz_jpg/a/0", True),
        ("https://wework.qpic.cn/wwpic/a", True),
        ("https://thirdwx.qlogo.cn/mmopen/a", True),
        ("https://qpic.cn.evil.example/a", False),
        ("https://evilqpic.cn/a", False),
        ("https://evil.example/mmbiz.qpic.cn", False),
        ("https://mmbiz.qpic.cn@evil.example/a", False),
        ("ftp://mmbiz.qpic.cn/a", False),
    ],
)
async def test_where_the_platforms_keep_photos(desk: Desk, address: str, kept: bool) -> None:
    async with ClientSession() as session:
        assert Pictures(desk, session, "https://api.weixin.qq.com").kept_there(URL(address)) is kept


async def test_many_photos_at_once_are_not_held_all_together(
    keepers: tuple[Keeper, Keeper], fetch: Callable[[str], Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A semaphore that somebody waited at belongs to one loop: this test has its own."""
    monkeypatch.setattr(photos, "FETCHES", asyncio.Semaphore(photos.UPLOADS))
    monkeypatch.setattr(photos, "AT_ONCE", asyncio.Semaphore(2))
    address = str(keepers[0].server.make_url("/photo"))
    refs = await asyncio.gather(*(fetch(address) for _ in range(2 * photos.UPLOADS)))
    assert len(set(refs)) == 1
    assert keepers[0].most == photos.UPLOADS
