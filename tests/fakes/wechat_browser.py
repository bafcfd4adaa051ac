"""The browser within WeChat: cookies, and a way through the authorize page."""

from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from aiohttp import ClientSession, CookieJar

from tests.fakes.wechat_courier import LOOPBACK
from tests.fakes.wechat_open import WHO
from tests.fakes.wechat_world import World

AGENT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile Safari/537.36 MicroMessenger/8.0.50"
TENCENT = "https://open.weixin.qq.com"
AUTHORIZE = "/connect/oauth2/authorize"
HOPS = 10


@dataclass(frozen=True)
class Page:
    url: str
    status: int
    text: str
    hops: tuple[str, ...]  # every address on the way
    cookies: dict[str, str]


class Browser:
    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self._session: ClientSession | None = None

    @property
    def session(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(cookie_jar=CookieJar(unsafe=True), headers={"User-Agent": AGENT})
        return self._session

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def open(self, url: str) -> Page:
        hops: list[str] = []
        while len(hops) < HOPS:
            url = self.world.url + url.removeprefix(TENCENT) if url.startswith(TENCENT) else url
            hops.append(url)
            parts = urlsplit(url)
            if parts.hostname not in LOOPBACK:
                raise ValueError(f"{url} is not on this machine")
            if parts.path == AUTHORIZE and parts.fragment != "wechat_redirect":
                raise AssertionError(f"the authorize page opens with #wechat_redirect only: {url}")
            ours = {WHO: quote(self.name)} if url.startswith(self.world.url) else {}
            async with self.session.get(url, headers=ours, allow_redirects=False) as response:
                if response.status not in (301, 302, 303, 307, 308):
                    cookies = {c.key: c.value for c in self.session.cookie_jar}
                    return Page(url, response.status, await response.text(), tuple(hops), cookies)
                url = urljoin(url, response.headers["Location"])
        raise AssertionError(f"more than {HOPS} redirects: {hops}")
