"""A WeChat of our own on loopback, strict as the real one: accounts by HTTP, residents by phones in the test.

    async with FakeWechat() as fake:
        account = fake.add_account("wx0001", "secret", token="token", aes_key=AES_KEY, server_url=ours)
        zhang = fake.phone("小张")
        await zhang.follow(account)
        await zhang.say("3幢楼道的灯坏了")
        await zhang.sees("您好")

`fake.url` stands for https://api.weixin.qq.com, https://qyapi.weixin.qq.com, https://open.weixin.qq.com and
https://mp.weixin.qq.com. By hand: python -m tests.fakes.wechat --help
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.fakes.wechat_call import Call
from tests.fakes.wechat_courier import Answer, Courier, Sent
from tests.fakes.wechat_envelope import Server, check_settings
from tests.fakes.wechat_faults import Fault, Kind
from tests.fakes.wechat_phone import Phone
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_staff import Staff
from tests.fakes.wechat_state import Account, Corp, Follower, Mode
from tests.fakes.wechat_state import Kind as AccountKind
from tests.fakes.wechat_tokens import Tokens
from tests.fakes.wechat_wire import Wire
from tests.fakes.wechat_world import World

HOST = "127.0.0.1"
FOREVER = 10**9


class FakeWechat(World):
    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self._port = port
        self.phones: dict[str, Phone] = {}

    async def __aenter__(self) -> Self:
        self.wire, self.courier = Wire(self), Courier(self)
        app = self.wire.application()
        self.furnish(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await self.come_back()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wire.closing.set()
        for phone in self.phones.values():
            await phone.browser.close()
        await self.courier.close()
        await self._runner.cleanup()

    def furnish(self, app: web.Application) -> None:
        """Room for further pages."""

    async def go_away(self) -> None:
        """Nobody answers the door: new connections are refused until come_back()."""
        await self._site.stop()

    async def come_back(self) -> None:
        self._site = web.TCPSite(self._runner, HOST, self._port)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    # --- who there is

    def add_account(
        self,
        appid: str,
        secret: str,
        *,
        kind: AccountKind = "service",
        token: str,
        aes_key: str,
        mode: Mode = "safe",
        server_url: str = "",
        whitelist: set[str] | None = None,
    ) -> Account:
        """`server_url` may be set later; an account without one is heard by nobody."""
        check_settings(token, aes_key)
        tokens = Tokens(self.now)
        account = Account(appid, secret, tokens, kind, token, aes_key, mode, server_url, whitelist)
        self.accounts[appid] = account
        return account

    def add_corp(
        self, corpid: str, agentid: int, secret: str, token: str = "", aes_key: str = "", server_url: str = ""
    ) -> Corp:
        """Without a token and a key it only sends."""
        if token or aes_key:
            check_settings(token, aes_key)
        self.corps[corpid] = Corp(corpid, agentid, secret, Tokens(self.now), token, aes_key, server_url)
        return self.corps[corpid]

    def phone(self, name: str) -> Phone:
        """The same one for the same name."""
        if name not in self.phones:
            self.phones[name] = Phone(self, self.courier, name)
        return self.phones[name]

    def staff(self, corp: Corp, userid: str) -> Staff:
        return Staff(self, self.courier, corp, userid)

    async def verify(self, server: Server) -> bool:
        """Press 提交 on the settings page: whether the server echoes as it must."""
        return await self.courier.verify(server)

    # --- what goes wrong

    def fail(self, path: str, kind: int | Kind, times: int = 1) -> Fault:
        """The next `times` calls of the path ("*": any) fail: by an errcode, or in one of the ways of Kind; -1: always.

        Paths are written without /cgi-bin/. Of "hang" and "cut" the call is obeyed, and nobody hears so.
        """
        return self.faults.add(Fault(path.removeprefix("/cgi-bin/"), kind, times if times >= 0 else FOREVER))

    def expire_token(self, server: Server | None = None, errcode: int = 42001) -> None:
        """Access tokens are worthless from now on: 42001 by age, 40001 because somebody fetched another."""
        everybody: list[Server] = [*self.accounts.values(), *self.corps.values()]
        for each in [server] if server else everybody:
            each.tokens.end(errcode)

    async def redeliver(self, sent: Sent, times: int = 1, to: str | Sequence[str] = "") -> list[Answer]:
        """POST an old letter again, all at once, the URLs taking turns."""
        urls = [to] if isinstance(to, str) else list(to)
        doors = [url or sent.server.server_url for url in urls]
        posts = [self.courier.post(sent, doors[n % len(doors)], n + 1) for n in range(times)]
        return await asyncio.gather(*posts)

    def bring(self, server: Server, follower: Follower, event: str, **fields: Any) -> None:
        self.courier.carry(server, follower, "event", {"Event": event, **fields}, visible=False)

    # --- what happened

    async def settled(self, timeout: float = 20.0) -> None:
        """Every letter was taken, or given up."""
        if not await self.bell.until(lambda: not self.courier.under_way, timeout):
            raise AssertionError(f"{len(self.courier.under_way)} letters are still on their way after {timeout} s")

    @property
    def calls(self) -> list[Call]:
        return self.wire.calls

    @property
    def refusals(self) -> list[tuple[Call, Refusal]]:
        return self.wire.refusals


if __name__ == "__main__":
    from tests.fakes.wechat_by_hand import main

    main()
