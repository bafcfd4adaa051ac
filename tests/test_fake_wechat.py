"""The fake WeChat, held to what the real one does; wechatpy, written by others, calls it, parses it and answers it."""

import ast
import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image
from wechatpy import WeChatClient, create_reply, parse_message
from wechatpy.client.api import WeChatQRCode
from wechatpy.crypto import WeChatCrypto
from wechatpy.enterprise.crypto import WeChatCrypto as CorpCrypto
from wechatpy.exceptions import WeChatClientException, WeChatOAuthException
from wechatpy.oauth import WeChatOAuth
from wechatpy.replies import ArticlesReply, ImageReply
from wechatpy.utils import check_signature

from tests.conftest import ROOT, Clock
from tests.fakes.wechat import FakeWechat
from tests.fakes.wechat_call import METHODS
from tests.fakes.wechat_courier import IN_VAIN, Sent
from tests.fakes.wechat_page import FakeWechatByHand
from tests.fakes.wechat_phone import Phone
from tests.fakes.wechat_refusal import SENTENCES
from tests.fakes.wechat_state import Account, Corp, Kind, Mode
from tests.fakes.wechat_world import APOLOGY
from tests.test_architecture import LONGEST_FUNCTION, LONGEST_MODULE

AES_KEY = base64.b64encode(b"thirty-two bytes for the tests!!").decode().rstrip("=")
APPID, SECRET, TOKEN = "wx0123456789abcdef", "app-secret-of-the-tests", "tokenofthetests"
LAMP = "3幢楼道的灯坏了"
Answers = Callable[[Any], Awaitable[str]]


def picture(kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, kind)
    return file.getvalue()


class Heard(NamedTuple):
    """What came in, as wechatpy reads it."""

    message: Any
    raw: str
    query: dict[str, str]


class House:
    """A server of somebody's, by wechatpy's code: checks, decrypts, answers in words or as `answers` says."""

    def __init__(self, account: Account | None = None, corp: Corp | None = None) -> None:
        self.account, self.corp = account, corp
        self.heard: list[Heard] = []
        self.answers: Answers = self.nothing
        app = web.Application()
        app.router.add_get("/wx", self._echo)
        app.router.add_post("/wx", self._listen)
        self.server = TestServer(app)

    async def nothing(self, _: Any) -> str:
        return "success"

    async def words(self, message: Any) -> str:
        return str(create_reply(f"听到：{getattr(message, 'content', message.type)}", message).render())

    @property
    def url(self) -> str:
        return str(self.server.make_url("/wx"))

    async def _echo(self, request: web.Request) -> web.Response:
        q = request.query
        if self.corp:
            crypto = CorpCrypto(self.corp.token, self.corp.aes_key, self.corp.corpid)
            echo = crypto.check_signature(q["msg_signature"], q["timestamp"], q["nonce"], q["echostr"])
            return web.Response(text=echo)
        check_signature(TOKEN, q["signature"], q["timestamp"], q["nonce"])
        return web.Response(text=q["echostr"])

    async def _listen(self, request: web.Request) -> web.Response:
        body, q = await request.text(), dict(request.query)
        signed, crypto = q.get("msg_signature"), self.crypto
        if self.account:
            check_signature(TOKEN, q["signature"], q["timestamp"], q["nonce"])
        raw = crypto.decrypt_message(body, signed, q["timestamp"], q["nonce"]) if signed else body
        message = parse_message(raw.replace("\x1d", ""))
        self.heard.append(Heard(message, raw, q))
        answer = await self.answers(message)
        if signed and answer.startswith("<xml>"):
            answer = crypto.encrypt_message(answer, q["nonce"], q["timestamp"])
        return web.Response(text=answer)

    @property
    def crypto(self) -> Any:
        if self.corp:
            return CorpCrypto(self.corp.token, self.corp.aes_key, self.corp.corpid)
        return WeChatCrypto(TOKEN, AES_KEY, APPID)


@pytest.fixture
async def fake() -> AsyncIterator[FakeWechat]:
    async with FakeWechat() as fake:
        yield fake


@pytest.fixture
def time_of_day(fake: FakeWechat, clock: Clock) -> Clock:
    fake.clock = clock
    return clock


@pytest.fixture
def account(fake: FakeWechat) -> Account:
    return fake.add_account(APPID, SECRET, token=TOKEN, aes_key=AES_KEY)


@pytest.fixture
async def house(account: Account) -> AsyncIterator[House]:
    house = House(account)
    async with house.server:
        account.server_url = house.url
        yield house


@pytest.fixture
def zhang(fake: FakeWechat, account: Account) -> Phone:
    """Has followed the account long ago."""
    phone = fake.phone("小张")
    phone.meet(account)
    return phone


@pytest.fixture
def client(fake: FakeWechat, account: Account) -> Iterator[WeChatClient]:
    client = WeChatClient(APPID, SECRET, account.tokens.stable(force=False)[0], auto_retry=False)
    client.API_BASE_URL = f"{fake.url}/cgi-bin/"
    yield client
    client._http.close()


async def refused(call: Callable[..., Any], *given: Any) -> int:
    """The errcode wechatpy met."""
    with pytest.raises(WeChatClientException) as met:
        await asyncio.to_thread(call, *given)
    return int(met.value.errcode)


def written(body: Any) -> bytes:
    """As WeChat wants it: without escapes."""
    return json.dumps(body, ensure_ascii=False).encode()


async def ask(
    fake: FakeWechat, path: str, body: Any = None, *, verb: str = "", data: bytes | None = None, **query: str
) -> dict[str, Any]:
    """A call by hand; always 200."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            verb or ("GET" if body is None and data is None else "POST"),
            f"{fake.url}/{path if path.startswith('sns') else f'cgi-bin/{path}'}",
            params=query,
            data=data if body is None else written(body),
        ) as response,
    ):
        assert response.status == 200
        answer: dict[str, Any] = await response.json()
        return answer


async def told(fake: FakeWechat, account: Account | Corp, path: str, body: Any = None, **more: Any) -> int:
    """The errcode of a call with a good token; 0 where there is none."""
    token = account.tokens.kept()[0] if isinstance(account, Corp) else account.tokens.stable(force=False)[0]
    return int((await ask(fake, path, body, access_token=token, **more)).get("errcode", 0))


def text(phone: Phone, content: str = "您好") -> dict[str, Any]:
    return {"touser": phone.openid, "msgtype": "text", "text": {"content": content}}


async def stable(fake: FakeWechat, **more: Any) -> dict[str, Any]:
    given = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET} | more
    return await ask(fake, "stable_token", given)


# --- tokens


async def test_a_stable_token_stays_the_same_until_five_minutes_before_its_end(
    fake: FakeWechat, account: Account, time_of_day: Clock
) -> None:
    first = await stable(fake)
    assert first["expires_in"] == 7200
    assert (await stable(fake))["access_token"] == first["access_token"]
    time_of_day.passes(seconds=7000)
    second = await stable(fake)
    assert second["access_token"] != first["access_token"]
    assert (await ask(fake, "getcallbackip", access_token=first["access_token"]))["ip_list"]
    time_of_day.passes(seconds=201)
    assert (await ask(fake, "getcallbackip", access_token=first["access_token"]))["errcode"] == 42001
    assert (await ask(fake, "getcallbackip", access_token=second["access_token"]))["ip_list"]


async def test_forcing_kills_the_old_token_and_is_rationed(
    fake: FakeWechat, account: Account, time_of_day: Clock
) -> None:
    old = (await stable(fake))["access_token"]
    new = (await stable(fake, force_refresh=True))["access_token"]
    assert (await ask(fake, "getcallbackip", access_token=old))["errcode"] == 40001
    assert (await ask(fake, "getcallbackip", access_token=new))["ip_list"]
    time_of_day.passes(seconds=29)
    assert (await stable(fake, force_refresh=True))["errcode"] == 45011
    for _ in range(19):
        time_of_day.passes(seconds=30)
        assert "access_token" in await stable(fake, force_refresh=True)
    time_of_day.passes(seconds=30)
    assert (await stable(fake, force_refresh=True))["errcode"] == 45009
    time_of_day.passes(days=1)
    assert "access_token" in await stable(fake, force_refresh=True)


async def test_the_older_kind_replaces_the_one_before_within_five_minutes(
    fake: FakeWechat, time_of_day: Clock, client: WeChatClient
) -> None:
    where = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
    fetched = [await asyncio.to_thread(client._fetch_access_token, f"{fake.url}/cgi-bin/token", where) for _ in "12"]
    first, second = (each["access_token"] for each in fetched)
    assert first != second
    time_of_day.passes(seconds=299)
    assert "ip_list" in await ask(fake, "getcallbackip", access_token=first)
    time_of_day.passes(seconds=1)
    assert (await ask(fake, "getcallbackip", access_token=first))["errcode"] == 40001
    assert await asyncio.to_thread(client.misc.get_wechat_ips) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("given", "errcode"),
    [
        ({"grant_type": "password"}, 40002),
        ({"appid": "wxnobody"}, 40013),
        ({"secret": "guessed"}, 40125),
    ],
)
async def test_credentials_have_to_be_right(
    fake: FakeWechat, account: Account, given: dict[str, str], errcode: int
) -> None:
    assert (await stable(fake, **given))["errcode"] == errcode
    fields: dict[str, Any] = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET} | given
    assert (await ask(fake, "token", **fields))["errcode"] == errcode


async def test_bad_tokens_and_bad_calls_are_told_apart(fake: FakeWechat, account: Account) -> None:
    good = (await stable(fake))["access_token"]
    assert (await ask(fake, "user/info"))["errcode"] == 41001
    assert (await ask(fake, "user/info", access_token="!"))["errcode"] == 40014
    assert (await ask(fake, "user/info", access_token="a" * 64))["errcode"] == 40001
    assert (await ask(fake, "message/custom/send", access_token=good))["errcode"] == 43002
    assert (await ask(fake, "user/info", {}, access_token=good))["errcode"] == 43001
    assert (await ask(fake, "message/custom/send", data=b" ", access_token=good))["errcode"] == 44002
    assert (await ask(fake, "message/custom/send", data=b"{", access_token=good))["errcode"] == 47001
    assert (await ask(fake, "message/custom/send", data=b"[]", access_token=good))["errcode"] == 47001
    assert (await ask(fake, "message/custom/sent", {}, access_token=good))["errcode"] == 40066
    answer = await ask(fake, "user/info")
    assert answer["errmsg"].startswith("access_token missing rid: ")
    fake.expire_token(account, 40001)
    assert (await ask(fake, "getcallbackip", access_token=good))["errcode"] == 40001
    fake.expire_token()
    assert (await ask(fake, "getcallbackip", access_token=good))["errcode"] == 42001


async def test_only_addresses_on_the_whitelist_get_tokens(fake: FakeWechat, account: Account) -> None:
    fake.whitelist = {"10.0.0.1"}
    answer = await stable(fake)
    assert answer["errcode"] == 40164
    assert "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist" in answer["errmsg"]
    account.whitelist = {"127.0.0.1"}
    assert "access_token" in await stable(fake)
    account.needs_confirmation = True
    assert (await stable(fake))["errcode"] == 89503


RIGHTS: list[tuple[str, Any, set[str]]] = [
    ("message/custom/send", {}, {"service", "subscription"}),
    ("message/custom/typing", {}, {"service", "subscription"}),
    ("message/template/send", {}, {"service"}),
    ("message/subscribe/bizsend", {}, {"service"}),
    ("menu/create", {}, {"service", "subscription"}),
    ("menu/get", None, {"service", "subscription"}),
    ("menu/delete", None, {"service", "subscription"}),
    ("qrcode/create", {"action_info": {}}, {"service"}),
    ("media/upload", {}, {"service", "subscription"}),
    ("media/get", None, {"service", "subscription"}),
    ("user/info", None, {"service", "subscription"}),
    ("get_api_domain_ip", None, {"service", "subscription", "unverified"}),
    ("getcallbackip", None, {"service", "subscription", "unverified"}),
    ("clear_quota", {}, {"service", "subscription", "unverified"}),
]


@pytest.mark.parametrize("kind", ["service", "subscription", "unverified"])
async def test_an_account_may_call_what_its_kind_may(fake: FakeWechat, account: Account, kind: Kind) -> None:
    account.kind = kind
    for path, body, kinds in RIGHTS:
        assert (await told(fake, account, path, body) == 48001) is (kind not in kinds), path
    assert {path for path, *_ in RIGHTS} == {path for path, m in METHODS.items() if m.kinds and m.kinds != ("corp",)}


# --- customer-service messages


async def test_wechatpy_sends_text_picture_and_article(fake: FakeWechat, zhang: Phone, client: WeChatClient) -> None:
    await zhang.say("你好")
    await asyncio.to_thread(client.message.send_text, zhang.openid, "灯<b>坏</b>了")
    assert (await zhang.sees("灯<b>坏</b>了", how="custom")).kind == "text"
    media = await asyncio.to_thread(client.media.upload, "image", ("a.jpg", io.BytesIO(picture())))
    await asyncio.to_thread(client.message.send_image, zhang.openid, media["media_id"])
    assert zhang.last.picture == picture()
    article = {
        "title": "食堂",
        "description": "今天的菜",
        "url": "https://example.org/a",
        "picurl": "https://example.org/p",
    }
    await asyncio.to_thread(client.message.send_articles, zhang.openid, [article])
    shown = await zhang.sees("今天的菜")
    assert (shown.title, shown.url, shown.picture) == ("食堂", "https://example.org/a", "https://example.org/p")
    assert await refused(client.message.send_articles, zhang.openid, [article, article]) == 45008
    assert await refused(client.message.send_mini_program_page, zhang.openid, {}) == 40008
    assert [s.how for s in zhang.conversation] == ["mine", "custom", "custom", "custom"]


@pytest.mark.parametrize(
    ("content", "errcode"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "灯" * 682 + "aa"}}, 0),
        ({"msgtype": "text", "text": {"content": "灯" * 682 + "aaa"}}, 45002),
        ({"msgtype": "text", "text": "灯"}, 47001),
        ({"msgtype": "image", "image": {"media_id": "none"}}, 40007),
        ({"msgtype": "news", "news": {"articles": []}}, 44003),
        ({"msgtype": "msgmenu", "msgmenu": {"list": []}}, 40097),
        ({"msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1"}]}}, 40097),
        ({"msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "灯" * 683}]}}, 45002),
        ({"msgtype": "voice", "voice": {"media_id": "1"}}, 40008),
        ({"touser": "nobody", "msgtype": "text", "text": {"content": "灯"}}, 40003),
    ],
)
async def test_a_message_has_to_be_right(
    fake: FakeWechat, account: Account, zhang: Phone, content: dict[str, Any], errcode: int
) -> None:
    await zhang.say("你好")
    assert await told(fake, account, "message/custom/send", {"touser": zhang.openid} | content) == errcode


async def test_five_messages_in_two_days_after_one_of_theirs(
    fake: FakeWechat, account: Account, zhang: Phone, time_of_day: Clock
) -> None:
    assert await told(fake, account, "message/custom/send", text(zhang)) == 45015
    await zhang.say("你好")
    assert [await told(fake, account, "message/custom/send", text(zhang)) for _ in range(6)] == [0] * 5 + [45047]
    assert [v.errcode for v in fake.quota_violations] == [45015, 45047]
    assert fake.quota_violations[1].openid == zhang.openid
    await zhang.say("在吗")
    time_of_day.passes(hours=47, minutes=59)
    assert await told(fake, account, "message/custom/send", text(zhang)) == 0
    time_of_day.passes(minutes=1)
    assert await told(fake, account, "message/custom/send", text(zhang)) == 45015


@pytest.mark.parametrize("act", ["follow", "scan", "click", "msgmenu"])
async def test_three_messages_in_a_minute_after_a_follow_a_scan_or_a_tap(
    fake: FakeWechat, account: Account, zhang: Phone, time_of_day: Clock, act: str
) -> None:
    account.menu = [{"type": "click", "name": "报修", "key": "/repairs"}]
    await zhang.say("你好")
    menu = {"touser": zhang.openid, "msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "是"}]}}
    assert await told(fake, account, "message/custom/send", menu) == 0
    time_of_day.passes(hours=48)
    await {
        "follow": lambda: zhang.follow(),
        "scan": lambda: zhang.scan("gate"),
        "click": lambda: zhang.click("报修"),
        "msgmenu": lambda: zhang.tap_menu("是"),
    }[act]()
    assert [await told(fake, account, "message/custom/send", text(zhang)) for _ in range(4)] == [0, 0, 0, 45047]
    time_of_day.passes(minutes=1)
    assert await told(fake, account, "message/custom/send", text(zhang)) == 45015


async def test_open_windows_are_used_up_together_and_unfollowing_closes_them(
    fake: FakeWechat, account: Account, zhang: Phone
) -> None:
    await zhang.say("你好")
    await zhang.scan("gate")
    assert [await told(fake, account, "message/custom/send", text(zhang)) for _ in range(6)] == [0] * 5 + [45047]
    await zhang.say("你好")
    await zhang.unfollow()
    assert await told(fake, account, "message/custom/send", text(zhang)) == 45015
    with pytest.raises(ValueError, match="does not follow"):
        await zhang.say("你好")


async def test_escapes_are_shown_as_they_are_written(fake: FakeWechat, account: Account, zhang: Phone) -> None:
    await zhang.say("你好")
    token = account.tokens.stable(force=False)[0]
    for written, read in [(r"\u706f 灯", r"\u706f 灯"), (r"a\\u706f", r"a\u706f"), (r"\n\"", '\n"')]:
        body = f'{{"touser":"{zhang.openid}","msgtype":"text","text":{{"content":"{written}"}}}}'.encode()
        assert (await ask(fake, "message/custom/send", data=body, access_token=token))["errcode"] == 0
        assert zhang.last.text == read


async def test_typing_is_seen_until_something_comes(
    fake: FakeWechat, account: Account, zhang: Phone, time_of_day: Clock
) -> None:
    def typing(command: str = "Typing") -> Awaitable[int]:
        return told(fake, account, "message/custom/typing", {"touser": zhang.openid, "command": command})

    assert await typing() == 45080
    await zhang.say("你好")
    assert await typing("Dancing") == 45072
    assert await typing() == 0
    assert zhang.me.typing
    assert await typing() == 45081
    assert await told(fake, account, "message/custom/send", text(zhang)) == 0
    assert not zhang.me.typing
    assert await typing() == 0
    assert await typing("CancelTyping") == 0
    time_of_day.passes(seconds=31)
    assert await typing() == 45080


# --- templates and notices


async def test_wechatpy_sends_a_template_of_which_twenty_letters_are_shown(
    fake: FakeWechat, account: Account, house: House, zhang: Phone, client: WeChatClient
) -> None:
    account.add_template("T1", "thing1", "time2", title="报修进度")
    data = {"thing1": {"value": "灯" * 21}, "time2": {"value": "12:00"}}
    answer = await asyncio.to_thread(client.message.send_template, zhang.openid, "T1", data, "https://example.org")
    shown = await zhang.sees("报修进度", how="template")
    assert shown.fields == {"thing1": "灯" * 20, "time2": "12:00"}
    assert shown.url == "https://example.org"
    await fake.settled()
    event = house.heard[0].message
    assert (event.event, event.status, event.id) == ("templatesendjobfinish", "success", answer["msgid"])
    zhang.me.refuses_templates = True
    await asyncio.to_thread(client.message.send_template, zhang.openid, "T1", data)
    await fake.settled()
    assert house.heard[1].message.status == "failed:user block"
    assert len(zhang.screen) == 1


async def test_a_template_has_to_be_right_and_its_reader_a_follower(
    fake: FakeWechat, account: Account, zhang: Phone, time_of_day: Clock
) -> None:
    account.add_template("T1", "thing1")
    account.add_template("N1", "thing1", kind="once")
    data = {"thing1": {"value": "灯"}}
    stranger = fake.phone("路人")
    stranger.open(account)

    def send(**more: Any) -> Awaitable[int]:
        given = {"touser": zhang.openid, "template_id": "T1", "data": data, "url": ""} | more
        return told(fake, account, "message/template/send", given)

    assert await send(template_id="T2") == 40037
    assert await send(template_id="N1") == 40037
    assert await send(touser="nobody") == 40003
    assert await send(touser=stranger.me.openid) == 43004
    assert await send(data={}) == 47003
    assert await send(client_msg_id="a" * 33) == 40097
    assert [await send(client_msg_id="ticket-7"), await send(client_msg_id="ticket-7")] == [0, 0]
    assert len(zhang.screen) == 1
    time_of_day.passes(minutes=10)
    assert await send(client_msg_id="ticket-7") == 0
    assert len(zhang.screen) == 2


async def test_quotas_of_a_day_can_be_cleared_ten_times_a_month(
    fake: FakeWechat, account: Account, zhang: Phone, time_of_day: Clock
) -> None:
    account.add_template("T1")
    account.daily_limits["message/template/send"] = 2
    given = {"touser": zhang.openid, "template_id": "T1", "data": {}}
    assert [await told(fake, account, "message/template/send", given) for _ in range(3)] == [0, 0, 45009]
    assert await told(fake, account, "clear_quota", {"appid": "wxother"}) == 40013
    cleared = [await told(fake, account, "clear_quota", {"appid": APPID}) for _ in range(11)]
    assert cleared == [0] * 10 + [48006]
    assert [await told(fake, account, "message/template/send", given) for _ in range(3)] == [0, 0, 45009]
    time_of_day.passes(days=1)
    assert await told(fake, account, "message/template/send", given) == 0


async def test_one_consent_is_one_notice_and_a_long_term_one_lasts(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    account.add_template("N1", "thing1", kind="once")
    account.add_template("L1", "phrase1", kind="long_term")

    def send(template_id: str, **data: str) -> Awaitable[int]:
        given = {"touser": zhang.openid, "template_id": template_id, "data": {k: {"value": v} for k, v in data.items()}}
        return told(fake, account, "message/subscribe/bizsend", given | {"page": "https://example.org"})

    assert await send("N1", thing1="灯") == 43101
    await zhang.consent("N1", accept=False)
    assert await send("N1", thing1="灯") == 43101
    await zhang.consent("N1")
    assert await send("N1", thing1="灯" * 21) == 47003
    assert [await send("N1", thing1="灯"), await send("N1", thing1="灯")] == [0, 43101]
    assert (await zhang.sees("灯", how="notice")).url == "https://example.org"
    await zhang.consent("L1")
    assert [await send("L1", phrase1="已修好") for _ in range(3)] == [0, 0, 0]
    assert await send("L1", phrase1="已经修好了") == 0
    assert await send("L1", phrase1="已经修好了吗") == 47003
    await zhang.refuse_notices("L1")
    assert await send("L1", phrase1="已修好") == 43101
    await fake.settled()
    events = [h.message._data["Event"] for h in house.heard]
    assert sorted(set(events)) == [
        "subscribe_msg_change_event",
        "subscribe_msg_popup_event",
        "subscribe_msg_sent_event",
    ]
    popup = next(h.message._data for h in house.heard if h.message._data["Event"] == "subscribe_msg_popup_event")
    assert popup["SubscribeMsgPopupEvent"]["List"]["TemplateId"] in ("N1", "L1")


def test_the_settings_page_takes_no_other_token_and_key(fake: FakeWechat) -> None:
    for token, key in [("no-dashes", AES_KEY), ("ab", AES_KEY), (TOKEN, AES_KEY[:-1]), (TOKEN, "")]:
        with pytest.raises(ValueError, match=r"letters"):
            fake.add_account("wx2", SECRET, token=token, aes_key=key)


def test_an_account_has_at_most_25_templates(account: Account) -> None:
    for number in range(25):
        account.add_template(f"T{number}")
    with pytest.raises(ValueError, match="25"):
        account.add_template("T25")


# --- menu, codes, media, people


async def test_wechatpy_makes_reads_and_takes_away_the_menu(
    fake: FakeWechat, account: Account, house: House, zhang: Phone, client: WeChatClient
) -> None:
    lines = [
        {"type": "click", "name": "我要报修", "key": "/repairs"},
        {"type": "view", "name": "网页", "url": "https://example.org/"},
    ]
    menu = {"button": [{"type": "click", "name": "菜单", "key": "/menu"}, {"name": "服务", "sub_button": lines}]}
    await asyncio.to_thread(client.menu.create, menu)
    assert (await asyncio.to_thread(client.menu.get))["menu"]["button"][1]["sub_button"] == lines
    assert zhang.menu() == {"菜单": "/menu", "我要报修": "/repairs", "网页": "https://example.org/"}
    await zhang.click("/repairs")
    await zhang.click("网页")
    await fake.settled()
    found = {h.message.event: h.message for h in house.heard}
    assert found["click"].key == "/repairs"
    assert found["view"].url == "https://example.org/"
    with pytest.raises(AssertionError, match="in the menu"):
        await zhang.click("没有")
    await asyncio.to_thread(client.menu.delete)
    assert await told(fake, account, "menu/get") == 46003


def button(**more: Any) -> dict[str, Any]:
    return {"type": "click", "name": "报修", "key": "k"} | more


@pytest.mark.parametrize(
    ("menu", "errcode"),
    [
        ([], 40016),
        ([button()] * 4, 40016),
        ([button(name="灯" * 5 + "a")], 0),
        ([button(name="灯" * 5 + "ab")], 40018),
        ([button(type="dance")], 40017),
        ([button(key="k" * 128)], 0),
        ([button(key="k" * 129)], 40019),
        ([button(type="view", url="")], 40020),
        ([button(type="view", url="ftp://example.org")], 40055),
        ([{"name": "服务", "sub_button": [button()] * 5}], 0),
        ([{"name": "服务", "sub_button": [button()] * 6}], 40023),
        ([{"name": "服务", "sub_button": [button(name="灯" * 14)]}], 40025),
        ([{"name": "服务", "sub_button": [button(type="dance")]}], 40024),
        ([{"name": "服务", "sub_button": [button(key="")]}], 40026),
        ([{"name": "服务", "sub_button": [button(type="view", url="h" * 1025)]}], 40027),
        ([{"name": "服务", "sub_button": [button(type="view", url="mailto:a")]}], 40054),
    ],
)
async def test_a_menu_has_its_limits(
    fake: FakeWechat, account: Account, menu: list[dict[str, Any]], errcode: int
) -> None:
    assert await told(fake, account, "menu/create", {"button": menu}) == errcode


async def test_a_scene_comes_back_when_its_code_is_scanned(
    fake: FakeWechat, account: Account, house: House, client: WeChatClient
) -> None:
    given = {
        "action_name": "QR_STR_SCENE",
        "expire_seconds": 9_999_999,
        "action_info": {"scene": {"scene_str": "gate"}},
    }
    made = await asyncio.to_thread(client.qrcode.create, given)
    assert made["expire_seconds"] == 2_592_000
    url = WeChatQRCode.get_url(made["ticket"]).replace("https://mp.weixin.qq.com", fake.url)
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert Image.open(io.BytesIO(await response.read())).format == "JPEG"
    zhang = fake.phone("小张")
    await zhang.scan("gate", account)
    await fake.settled()
    await zhang.scan("gate")
    await fake.settled()
    first, second = (h.message for h in house.heard)
    assert (first.event, first.scene_id, first.ticket) == ("subscribe_scan", "gate", made["ticket"])
    assert "qrscene_gate" in house.heard[0].raw
    assert (second.event, second.scene_id, second.ticket) == ("scan", "gate", made["ticket"])
    about = await asyncio.to_thread(client.user.get, zhang.openid)
    assert (about["subscribe"], about["qr_scene_str"]) == (1, "gate")
    await zhang.unfollow()
    await fake.settled()
    assert house.heard[2].message.event == "unsubscribe"
    assert await asyncio.to_thread(client.user.get, zhang.openid) == {"subscribe": 0, "openid": zhang.openid}
    assert await refused(client.user.get, "nobody") == 40003


@pytest.mark.parametrize(
    ("name", "scene", "errcode"),
    [
        ("QR_SCENE", {"scene_id": 7}, 0),
        ("QR_SCENE", {"scene_id": 0}, 40053),
        ("QR_LIMIT_SCENE", {"scene_id": 100_001}, 40053),
        ("QR_LIMIT_STR_SCENE", {"scene_str": "a" * 64}, 0),
        ("QR_LIMIT_STR_SCENE", {"scene_str": "a" * 65}, 40053),
        ("QR_STR_SCENE", {"scene_str": ""}, 40053),
        ("QR_STR_SCENE", None, 40053),
        ("QR_DANCE", {"scene_str": "a"}, 40052),
    ],
)
async def test_a_code_has_its_limits(
    fake: FakeWechat, account: Account, name: str, scene: dict[str, Any] | None, errcode: int
) -> None:
    given = {"action_name": name, "action_info": {"scene": scene}}
    assert await told(fake, account, "qrcode/create", given) == errcode


async def test_media_lives_three_days_and_belongs_to_one_account(
    fake: FakeWechat, account: Account, time_of_day: Clock, client: WeChatClient
) -> None:
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        media = await asyncio.to_thread(client.media.upload, "image", ("a", io.BytesIO(picture(kind))))
        got = await asyncio.to_thread(client.media.download, media["media_id"])
        assert got.content == picture(kind)
        assert got.headers["Content-Type"] == f"image/{kind.lower()}"
    other = fake.add_account("wxother", "s", token=TOKEN, aes_key=AES_KEY)
    assert await told(fake, other, "media/get", media_id=media["media_id"]) == 40007
    assert await refused(client.media.upload, "image", ("a.jpg", io.BytesIO(picture("WEBP")))) == 40005
    assert await refused(client.media.upload, "image", ("a.jpg", io.BytesIO(b"no picture"))) == 40005
    assert await refused(client.media.upload, "image", ("a.jpg", io.BytesIO(b"x" * (10 * 1024 * 1024 + 1)))) == 40009
    assert await refused(client.media.upload, "song", ("a.jpg", io.BytesIO(picture()))) == 40004
    assert await told(fake, account, "media/upload", {}, type="image") == 41005
    time_of_day.passes(hours=72)
    fresh = account.tokens.stable(force=False)[0]
    assert (await ask(fake, "media/get", access_token=fresh, media_id=media["media_id"]))["errcode"] == 40007


# --- letters


@pytest.mark.parametrize("mode", ["safe", "plain", "both"])
async def test_a_conversation_in_each_mode(
    fake: FakeWechat, account: Account, house: House, zhang: Phone, mode: Mode
) -> None:
    account.mode, house.answers = mode, house.words
    sent = await (await zhang.say(LAMP)).answered()
    assert (sent.outcome, zhang.last.text, zhang.last.how) == ("shown", f"听到：{LAMP}", "passive")
    heard = house.heard[0]
    assert (heard.message.content, heard.message.source, heard.message.target) == (
        LAMP,
        zhang.openid,
        account.original_id,
    )
    assert str(heard.message.id) == sent.identity
    assert ("msg_signature" in heard.query) is (mode != "plain")
    assert heard.query.get("encrypt_type") == (None if mode == "plain" else "aes")
    assert heard.query["openid"] == zhang.openid
    assert len(zhang.openid) == 28
    assert [d.attempt for d in fake.deliveries] == [1]
    assert not fake.broken


async def test_everything_a_resident_can_send_is_read_by_wechatpy(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    async def after(sent: Sent) -> Any:
        await sent.answered()
        return house.heard[-1].message

    shot = await after(await zhang.image(picture()))
    async with aiohttp.ClientSession() as session, session.get(shot.image) as response:
        assert await response.read() == picture()
    token = account.tokens.stable(force=False)[0]
    async with aiohttp.ClientSession() as session:
        where = {"access_token": token, "media_id": shot.media_id}
        async with session.get(f"{fake.url}/cgi-bin/media/get", params=where) as response:
            assert await response.read() == picture()
    spoken = await after(await zhang.voice(b"#!AMR", "灯坏了"))
    assert (spoken.type, spoken.format, spoken.recognition) == ("voice", "amr", "灯坏了")
    assert (await after(await zhang.voice(b"#!AMR"))).recognition is None
    place = await after(await zhang.location(30.2741, 120.1551, "北门"))
    assert (place.location, place.label, place.scale) == (("30.2741", "120.1551"), "北门", "16")
    link = await after(await zhang.link("标题", "说明", "https://example.org"))
    assert (link.title, link.description, link.url) == ("标题", "说明", "https://example.org")
    assert (await after(await zhang.video(b"mp4"))).thumb_media_id
    assert (await after(await zhang.video(b"mp4", short=True))).type == "shortvideo"
    told_ = await after(await zhang.report_location(30.2741, 120.1551))
    assert (told_.event, told_.latitude, told_.longitude, told_.precision) == ("location", 30.2741, 120.1551, 40.0)
    rude = await after(await zhang.say("a]]></Content><MsgType>x"))
    assert rude.content == "a]]></Content><MsgType>x"
    assert "\x1d" in (await zhang.say("a\x1db")).xml
    await fake.settled()


async def test_lines_of_a_msgmenu_and_links_that_stand_for_them(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    async def linked(message: Any) -> str:
        words = '选一个：<a href="weixin://bizmsgmenu?msgmenucontent=1&msgmenuid=t1.1">是</a>，<a href="https://example.org">网页</a>'
        return str(create_reply(words, message).render())

    house.answers = linked
    await (await zhang.say("你好")).answered()
    assert zhang.last.text == "选一个：是，网页"
    assert zhang.last.links["网页"] == "https://example.org"
    await (await zhang.tap_menu("是")).answered()
    assert (house.heard[1].message.content, house.heard[1].message._data["bizmsgmenuid"]) == ("1", "t1.1")
    lines = [{"id": "t2.1", "content": "满意"}, {"id": "t2.2", "content": "不满意"}]
    menu = {"head_content": "修得怎么样？", "list": lines, "tail_content": "谢谢"}
    given = {"touser": zhang.openid, "msgtype": "msgmenu", "msgmenu": menu}
    assert await told(fake, account, "message/custom/send", given) == 0
    assert (await zhang.sees("不满意")).menu == {"满意": "t2.1", "不满意": "t2.2"}
    house.answers = house.nothing
    await (await zhang.tap_menu("不满意")).answered()
    assert house.heard[2].message._data["bizmsgmenuid"] == "t2.2"
    account.kind = "unverified"
    with pytest.raises(AssertionError, match="nothing to tap"):
        await zhang.tap_menu("是")


async def test_pictures_and_an_article_in_a_passive_reply(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    media_id = fake.keep(picture(), "image", "image/jpeg", APPID)

    async def image(message: Any) -> str:
        return str(ImageReply(message=message, media_id=media_id, time=1).render())

    async def article(message: Any) -> str:
        given = {
            "title": "食堂",
            "description": "今天的菜",
            "image": "https://example.org/p",
            "url": "https://example.org/",
        }
        return str(ArticlesReply(message=message, articles=[given], time=1).render())

    house.answers = image
    await (await zhang.say("图")).answered()
    assert zhang.last.picture == picture()
    house.answers = article
    await (await zhang.say("菜")).answered()
    assert (zhang.last.title, zhang.last.text, zhang.last.url) == ("食堂", "今天的菜", "https://example.org/")
    assert str(zhang.last.picture) == "https://example.org/p"
    assert not fake.broken


def reply(openid: str, sender: str, kind: str = "text", more: str = "<Content><![CDATA[好]]></Content>") -> str:
    head = f"<ToUserName><![CDATA[{openid}]]></ToUserName><FromUserName><![CDATA[{sender}]]></FromUserName>"
    return f"<xml>{head}<CreateTime>1</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{more}</xml>"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda me, gh: '{"errcode": 0}', "not XML"),
        (lambda me, gh: "ok", "not XML"),
        (lambda me, gh: reply(me, gh).replace("</xml>", ""), "not XML"),
        (lambda me, gh: reply(gh, me), "swapped"),
        (lambda me, gh: reply(me, gh, more="<Content>好</Content>"), "CDATA"),
        (lambda me, gh: reply(me, gh, more=""), "0 Content"),
        (lambda me, gh: reply(me, gh, more="<Content><![CDATA[ ]]></Content>"), "empty"),
        (lambda me, gh: reply(me, gh, more=f"<Content><![CDATA[{'灯' * 683}]]></Content>"), "2049 bytes"),
        (
            lambda me, gh: reply(me, gh, more="<Content><![CDATA[好]]></Content><MsgType><![CDATA[image]]></MsgType>"),
            "2 MsgType",
        ),
        (lambda me, gh: reply(me, gh, "dance"), "dance"),
        (lambda me, gh: reply(me, gh, "image", "<Image><MediaId><![CDATA[x]]></MediaId></Image>"), "media_id"),
        (lambda me, gh: reply(me, gh, "news", "<ArticleCount>2</ArticleCount><Articles></Articles>"), "one article"),
        (lambda me, gh: reply(me, gh).replace(">1<", ">1.5<"), "CreateTime"),
        (lambda me, gh: "<!DOCTYPE x []>" + reply(me, gh), "DTD"),
        (lambda me, gh: reply(me, gh, more="<Content><![CDATA[\x1d]]></Content>"), "not XML"),
    ],
)
async def test_whatever_is_no_reply_shows_the_resident_an_apology(
    fake: FakeWechat, account: Account, house: House, zhang: Phone, make: Callable[[str, str], str], why: str
) -> None:
    async def wrong(_: Any) -> str:
        return make(zhang.openid, account.original_id)

    account.mode, house.answers = "plain", wrong
    sent = await (await zhang.say(LAMP)).answered()
    assert (sent.outcome, zhang.last.text, zhang.last.how) == ("broken", APOLOGY, "system")
    assert why in fake.broken[0].why
    assert fake.broken[0].identity == sent.identity
    assert len(fake.deliveries) == 1


@pytest.mark.parametrize(
    ("token", "key", "appid", "why"),
    [
        (TOKEN, AES_KEY, "wxother", "another account"),
        ("othertoken", AES_KEY, APPID, "MsgSignature"),
        (TOKEN, base64.b64encode(b"k" * 32).decode().rstrip("="), APPID, ""),
    ],
)
async def test_an_envelope_has_to_be_genuine(
    fake: FakeWechat, account: Account, house: House, zhang: Phone, token: str, key: str, appid: str, why: str
) -> None:
    async def sealed(_: Any) -> str:
        letter = reply(zhang.openid, account.original_id)
        return " " + str(WeChatCrypto(token, key, appid).encrypt_message(letter, "nonce", "1"))

    house.answers = sealed
    assert (await (await zhang.say(LAMP)).answered()).outcome == "broken"
    assert why in fake.broken[0].why


async def test_a_plain_answer_is_refused_in_safe_mode_and_a_sealed_one_in_plain_mode(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    async def plain(_: Any) -> str:
        return " " + reply(zhang.openid, account.original_id)

    async def sealed(_: Any) -> str:
        letter = reply(zhang.openid, account.original_id)
        return str(WeChatCrypto(TOKEN, AES_KEY, APPID).encrypt_message(letter, "nonce", "1"))

    house.answers = plain
    await (await zhang.say("1")).answered()
    account.mode, house.answers = "plain", sealed
    await (await zhang.say("2")).answered()
    assert ["safe mode" in fake.broken[0].why, "plain mode" in fake.broken[1].why] == [True, True]
    account.mode, house.answers = "both", plain
    assert (await (await zhang.say("3")).answered()).outcome == "shown"


async def test_a_slow_server_is_asked_three_times_and_the_second_answer_counts(
    fake: FakeWechat, house: House, zhang: Phone
) -> None:
    async def second(message: Any) -> str:
        if len(house.heard) == 1:
            await asyncio.sleep(60)
        return await house.words(message)

    fake.patience, house.answers = 0.5, second
    sent = await (await zhang.say(LAMP)).answered()
    assert (sent.outcome, zhang.last.text) == ("shown", f"听到：{LAMP}")
    assert [(d.attempt, d.status, d.why) for d in fake.deliveries] == [(1, 0, "timeout"), (2, 200, "")]
    one, two = fake.deliveries
    assert one.seconds >= fake.patience
    assert two.began - one.began >= fake.patience
    first, again = house.heard
    assert (first.raw, first.message.id) == (again.raw, again.message.id)
    assert first.query["nonce"] != again.query["nonce"]


async def test_after_three_attempts_in_vain_the_resident_reads_an_apology(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    async def never(_: Any) -> str:
        await asyncio.sleep(60)
        return ""

    async def crash(_: Any) -> str:
        raise web.HTTPServiceUnavailable

    fake.patience, fake.repeats_nonces, house.answers = 0.1, True, never
    await (await zhang.say("1")).answered()
    assert len({h.query["nonce"] for h in house.heard}) == 1
    house.answers, fake.repeats_nonces, fake.patience = crash, False, 5.0
    await (await zhang.say("2")).answered()
    await house.server.close()
    await (await zhang.say("3")).answered()
    assert [d.attempt for d in fake.deliveries] == [1, 2, 3] * 3
    assert [d.why or d.status for d in fake.deliveries] == ["timeout"] * 3 + [503] * 3 + ["refused"] * 3
    assert [b.why for b in fake.broken] == [IN_VAIN] * 3
    assert [s.text for s in zhang.screen] == [APOLOGY] * 3


async def test_attempts_take_turns_among_replicas_and_old_letters_can_be_brought_again(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    twin = House(account)
    house.answers = twin.answers = house.words
    async with twin.server:
        account.replicas = [house.url, twin.url]
        sent = await (await zhang.say("1")).answered()
        await (await zhang.say("2")).answered()
        assert [h.message.content for h in house.heard + twin.heard] == ["1", "2"]
        answers = await fake.redeliver(sent, 10, to=account.replicas)
        assert [a.status for a in answers] == [200] * 10
        assert all("听到：1" in a.xml for a in answers)
        assert [len(house.heard), len(twin.heard)] == [6, 6]
    assert len(zhang.screen) == 2


async def test_an_event_has_no_msgid_and_silence_shows_nothing(
    fake: FakeWechat, account: Account, house: House
) -> None:
    zhang = fake.phone("小张")
    sent = await (await zhang.follow(account)).answered()
    assert (sent.outcome, zhang.screen) == ("silent", [])
    assert "MsgId" not in house.heard[0].raw
    assert house.heard[0].message.event == "subscribe"
    account.server_url = ""
    assert (await zhang.say("有人吗")).outcome == "unheard"
    with pytest.raises(AssertionError, match="did not appear"):
        await zhang.sees("有", timeout=0.01)


async def test_an_address_is_checked_before_it_is_set(fake: FakeWechat, account: Account, house: House) -> None:
    assert await fake.verify(account)
    account.token = "anothertoken"
    assert not await fake.verify(account)


async def test_nothing_leaves_this_machine(fake: FakeWechat, account: Account, zhang: Phone) -> None:
    sent = await zhang.say("你好")
    with pytest.raises(ValueError, match="not on this machine"):
        await fake.redeliver(sent, to="https://example.org/wx")
    account.server_url = "https://example.org/wx"
    with pytest.raises(ValueError, match="not on this machine"):
        await zhang.say("你好")
    with pytest.raises(ValueError, match="not on this machine"):
        await zhang.open_h5("https://example.org/")


async def test_options_can_be_read_off_the_screen(
    fake: FakeWechat, account: Account, house: House, zhang: Phone
) -> None:
    async def menu(message: Any) -> str:
        return str(create_reply("请选择：\n1 报修\n2. 议事\n10、找人\n电话 12345", message).render())

    house.answers = menu
    await (await zhang.say("你好")).answered()
    assert zhang.numbered() == {1: "报修", 2: "议事", 10: "找人"}
    assert zhang.transcript().splitlines()[0] == "› 你好"


# --- pages within WeChat


class Site:
    """A page of somebody's that logs residents in by wechatpy's OAuth."""

    def __init__(self, fake: FakeWechat) -> None:
        self.fake, self.state, self.codes = fake, "a1B2", list[str]()
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/back", self._back)
        self.server = TestServer(app)

    def oauth(self) -> WeChatOAuth:
        made = WeChatOAuth(APPID, SECRET, str(self.server.make_url("/back?to=1")), state=self.state)
        made.API_BASE_URL = f"{self.fake.url}/"
        return made

    async def _page(self, request: web.Request) -> web.Response:
        if who := request.cookies.get("who"):
            return web.Response(text=f"您好 {who}")
        raise web.HTTPFound(self.oauth().authorize_url)

    async def _back(self, request: web.Request) -> web.Response:
        assert request.query["state"] == self.state
        assert request.query["to"] == "1"
        self.codes.append(request.query["code"])
        found = await asyncio.to_thread(self.oauth().fetch_access_token, request.query["code"])
        answer = web.HTTPFound("/")
        answer.set_cookie("who", found["openid"], httponly=True)
        raise answer


@pytest.fixture
async def site(fake: FakeWechat) -> AsyncIterator[Site]:
    site = Site(fake)
    async with site.server:
        yield site


async def test_a_page_opened_in_wechat_knows_who_it_is(fake: FakeWechat, zhang: Phone, site: Site) -> None:
    url = str(site.server.make_url("/"))
    page = await zhang.open_h5(url)
    assert (page.text, page.cookies) == (f"您好 {zhang.openid}", {"who": zhang.openid})
    assert len(page.hops) == 4
    assert (await zhang.open_h5(url)).hops == (url,)
    li = fake.phone("小李")
    assert (await li.open_h5(url)).text == f"您好 {li.account.openid('小李')}"


async def test_a_code_is_good_once_and_five_minutes(
    fake: FakeWechat, account: Account, zhang: Phone, site: Site, time_of_day: Clock
) -> None:
    async def trade(code: str) -> int:
        with pytest.raises(WeChatOAuthException) as met:
            await asyncio.to_thread(site.oauth().fetch_access_token, code)
        return int(met.value.errcode)

    await zhang.open_h5(str(site.server.make_url("/")))
    assert await trade(site.codes[0]) == 40163
    assert await trade("guessed") == 40029
    fake.codes["late"] = (APPID, zhang.openid, fake.now())
    fake.codes["other"] = ("wxother", zhang.openid, fake.now())
    time_of_day.passes(minutes=5)
    assert await trade("late") == 40029
    assert await trade("other") == 40029


async def test_the_authorize_page_is_particular(fake: FakeWechat, account: Account, zhang: Phone, site: Site) -> None:
    async def opened(change: Callable[[str], str]) -> str:
        return (await zhang.open_h5(change(site.oauth().authorize_url))).text

    assert "Scope" in await opened(lambda url: url.replace("snsapi_base", "snsapi_all"))
    assert "state" in await opened(lambda url: url.replace("a1B2", "a-b"))
    assert "state" in await opened(lambda url: url.replace("a1B2", "a" * 129))
    assert "参数错误" in await opened(lambda url: url.replace(APPID, "wxother"))
    with pytest.raises(AssertionError, match="wechat_redirect"):
        await opened(lambda url: url.removesuffix("#wechat_redirect"))
    account.oauth_domain = "linlifang.example"
    assert "redirect_uri" in await opened(str)
    account.oauth_domain, account.kind = "", "subscription"
    assert "Scope" in await opened(str)
    async with aiohttp.ClientSession() as session:
        account.kind = "service"
        url = site.oauth().authorize_url.replace("https://open.weixin.qq.com", fake.url)
        async with session.get(url) as response:
            assert "请在微信客户端打开链接" in await response.text()


# --- WeCom


@pytest.fixture
def corp(fake: FakeWechat) -> Corp:
    return fake.add_corp("ww0001", 1000002, "corp-secret", TOKEN, AES_KEY)


async def test_staff_get_cards_and_answer(fake: FakeWechat, corp: Corp) -> None:
    wang = fake.staff(corp, "wang")
    fetched = await ask(fake, "gettoken", corpid="ww0001", corpsecret="corp-secret")
    assert fetched["errcode"] == 0
    again = await ask(fake, "gettoken", corpid="ww0001", corpsecret="corp-secret")
    assert again["access_token"] == fetched["access_token"]
    card = {"title": "新报修", "description": "灯坏了", "url": "https://example.org"}
    given = {"touser": "wang|nobody", "agentid": 1000002, "msgtype": "textcard", "textcard": card}
    answer = await ask(fake, "message/send", given, access_token=fetched["access_token"])
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    assert (await wang.sees("灯坏了", how="app")).url == "https://example.org"
    house = House(corp=corp)
    house.answers = house.nothing
    async with house.server:
        corp.server_url = house.url
        assert await fake.verify(corp)
        await (await wang.say("收到")).answered()
        assert house.heard[0].message.content == "收到"
        assert house.heard[0].message._data["AgentID"] == "1000002"


async def test_what_wecom_refuses_and_what_it_drops(fake: FakeWechat, corp: Corp, time_of_day: Clock) -> None:
    wang = fake.staff(corp, "wang")

    def send(**more: Any) -> Awaitable[int]:
        given = {"touser": "wang", "agentid": 1000002, "msgtype": "text", "text": {"content": "灯" * 700}} | more
        return told(fake, corp, "message/send", given)

    assert await send(agentid=7) == 40056
    assert await send(touser="nobody") == 81013
    assert await send(text={"content": ""}) == 44004
    assert await send(msgtype="news") == 40008
    assert (await ask(fake, "gettoken", corpid="ww0001", corpsecret="guessed"))["errcode"] == 40001
    assert (await ask(fake, "gettoken", corpid="ww0002", corpsecret="guessed"))["errcode"] == 40013
    assert await told(fake, corp, "message/custom/send", {}) == 48001
    assert [await send() for _ in range(31)] == [0] * 31
    assert len(wang.screen) == 30
    assert len(wang.last.text.encode()) <= 2048
    assert [(v.account, v.openid, v.errcode) for v in fake.quota_violations] == [("ww0001", "wang", 0)]
    time_of_day.passes(minutes=1)
    again = {"enable_duplicate_check": 1, "duplicate_check_interval": 600, "touser": "@all"}
    assert [await send(**again), await send(**again)] == [0, 0]
    assert len(wang.screen) == 31
    fake.whitelist = set()
    assert await send() == 60020
    fake.expire_token(corp)
    assert (await ask(fake, "message/send", {}, access_token=corp.tokens.issued[0].value))["errcode"] == 42001


# --- what goes wrong on purpose


async def test_arranged_failures(fake: FakeWechat, account: Account, zhang: Phone) -> None:
    await zhang.say("你好")
    fault = fake.fail("/cgi-bin/message/custom/send", 45009, times=2)
    assert [await told(fake, account, "message/custom/send", text(zhang)) for _ in range(3)] == [45009, 45009, 0]
    assert fault.hits == 2
    assert [(c.path, r.errcode) for c, r in fake.refusals] == [("message/custom/send", 45009)] * 2
    token, shown = account.tokens.stable(force=False)[0], len(zhang.screen)
    url = f"{fake.url}/cgi-bin/message/custom/send?access_token={token}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(0.2)) as session:
        fake.fail("message/custom/send", "500")
        async with session.post(url, data=written(text(zhang))) as response:
            assert response.status == 500
        fake.fail("message/custom/send", "refuse")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(url, data=written(text(zhang)))
        assert len(zhang.screen) == shown
        fake.fail("message/custom/send", "cut")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(url, data=written(text(zhang)))
        fake.fail("*", "hang", times=-1).path = "message/custom/send"
        with pytest.raises(TimeoutError):
            await session.post(url, data=written(text(zhang)))
    assert len(zhang.screen) == shown + 2
    with pytest.raises(ValueError, match="no such fault"):
        fake.fail("*", cast(Any, "dance"))


async def test_nobody_answers_while_it_is_away(fake: FakeWechat, account: Account) -> None:
    await fake.go_away()
    with pytest.raises(aiohttp.ClientConnectorError):
        await stable(fake)
    await fake.come_back()
    assert "access_token" in await stable(fake)


async def test_what_is_printed_holds_no_secret(fake: FakeWechat, account: Account, corp: Corp) -> None:
    token = (await stable(fake))["access_token"]
    await ask(fake, "getcallbackip", access_token=token)
    printed = repr([account, corp, fake.calls, *fake.calls])
    assert not [secret for secret in (SECRET, token, AES_KEY, "corp-secret", TOKEN) if secret in printed]


# --- by hand


async def test_a_person_plays_on_the_page() -> None:
    async with FakeWechatByHand() as fake, aiohttp.ClientSession(base_url=fake.url) as session:
        account = fake.add_account(APPID, SECRET, token=TOKEN, aes_key=AES_KEY)
        account.menu = [{"type": "click", "name": "菜单", "key": "/menu"}]
        fake.phone("居民甲")

        async def act(**what: Any) -> dict[str, Any]:
            async with session.post("/hand/act", json={"user": "居民甲"} | what) as response:
                answer: dict[str, Any] = await response.json()
                return answer

        async with session.get("/") as response:
            assert "仿微信" in await response.text()
        assert "does not follow" in (await act(do="say", text="你好"))["text"]
        assert await act(do="follow") == {}
        assert await act(do="say", text="你好") == {}
        await act(do="click", name="菜单")
        await act(do="photo", data=base64.b64encode(picture()).decode())
        async with session.get("/hand/state", params={"user": "居民甲"}) as response:
            state = await response.json()
        assert (state["follows"], state["left"], state["menu"]) == (True, 5, [{"name": "菜单", "lines": []}])
        assert [m["pieces"][0]["text"] for m in state["messages"]] == ["你好", ""]
        async with session.get(state["messages"][1]["picture"]) as response:
            assert await response.read() == picture()


# --- the shape of it


MODULES = sorted((ROOT / "tests/fakes").glob("wechat*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    assert len(source.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"line {node.lineno} {node.name}"


def test_every_number_refused_with_has_its_sentence() -> None:
    used = {
        node.args[0].value
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal"
        if isinstance(node.args[0], ast.Constant)
    }
    assert used <= set(SENTENCES)
    assert len(used) > 30
