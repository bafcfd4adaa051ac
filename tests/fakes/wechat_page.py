"""A page on which a person is one resident after another, and its few addresses."""

import base64
from pathlib import Path

from aiohttp import web

from tests.fakes.wechat import FakeWechat
from tests.fakes.wechat_phone import TAPPED, Phone
from tests.fakes.wechat_state import LINK, Account, Payload, Shown

PAGE = Path(__file__).with_suffix(".html")
PATIENCE = 25.0
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: http: https:; connect-src 'self'"


class FakeWechatByHand(FakeWechat):
    """The same server with the page at `/`. The account shown is the first one added."""

    def furnish(self, app: web.Application) -> None:
        app.router.add_get("/", self._page)
        app.router.add_get("/hand/state", self._state)
        app.router.add_get("/hand/picture/{user}/{stamp}", self._picture)
        app.router.add_post("/hand/act", self._act)

    @property
    def demo(self) -> Account:
        return next(iter(self.accounts.values()))

    async def _page(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE, headers={"Content-Security-Policy": POLICY})

    def _phone(self, user: str) -> Phone:
        if user not in self.phones:
            raise web.HTTPNotFound
        self.phones[user].open(self.demo)
        return self.phones[user]

    async def _state(self, request: web.Request) -> web.Response:
        """What this resident sees, as soon as it is other than what the page knows."""
        after = int(request.query.get("after", "-1"))
        phone = self._phone(request.query.get("user") or next(iter(self.phones)))
        await self.bell.until(lambda: self.bell.times > after or self.wire.closing.is_set(), PATIENCE)
        return web.json_response(
            {
                "at": self.bell.times,
                "people": list(self.phones),
                "user": phone.name,
                "follows": phone.me.follows,
                "left": phone.me.quota.left(self.now()),
                "broken": [breakage.why for breakage in self.broken[-3:]],
                "notices": [t.id for t in self.demo.templates.values() if t.kind != "template"],
                "menu": [
                    {"name": button["name"], "lines": [line["name"] for line in button.get("sub_button") or []]}
                    for button in self.demo.menu
                ],
                "messages": [_bubble(phone, shown) for shown in phone.conversation],
            }
        )

    async def _picture(self, request: web.Request) -> web.Response:
        stamp = int(request.match_info["stamp"])
        for shown in self._phone(request.match_info["user"]).conversation:
            if shown.stamp == stamp and isinstance(shown.picture, bytes):
                return web.Response(body=shown.picture, content_type="image/jpeg")
        raise web.HTTPNotFound

    async def _act(self, request: web.Request) -> web.Response:
        given = await request.json()
        try:
            return web.json_response(await self._done(self._phone(str(given["user"])), given))
        except (AssertionError, ValueError) as e:
            return web.json_response({"text": str(e)})

    async def _done(self, phone: Phone, given: Payload) -> Payload:
        match given["do"]:
            case "follow":
                await phone.scan(given["scene"]) if given.get("scene") else await phone.follow(self.demo)
            case "unfollow":
                await phone.unfollow()
            case "say":
                await phone.say(str(given["text"]).strip())
            case "photo":
                await phone.image(base64.b64decode(given["data"]))
            case "location":
                await phone.location(float(given["lat"]), float(given["lon"]), str(given.get("label", "")))
            case "tap":
                await phone.tap_menu(str(given["words"]))
            case "consent":
                await phone.consent(str(given["template"]))
            case "click":
                await phone.click(str(given["name"]))
                target = phone.menu()[str(given["name"])]
                return {"url": target} if target.startswith("http") else {}
        return {}


def _bubble(phone: Phone, shown: Shown) -> Payload:
    """The text in pieces: words, and links among them."""
    pieces: list[Payload] = []
    end = 0
    for found in LINK.finditer(shown.source):
        pieces += [{"text": shown.source[end : found.start()]}]
        pieces += [
            {"text": found[3], "tap": True} if found[2].startswith(TAPPED) else {"text": found[3], "url": found[2]}
        ]
        end = found.end()
    pieces.append({"text": shown.source[end:]})
    picture = shown.picture
    return {
        "mine": shown.how == "mine",
        "how": shown.how,
        "title": shown.title,
        "pieces": pieces,
        "fields": [f"{key}：{value}" for key, value in shown.fields.items()],
        "menu": list(shown.menu),
        "url": shown.url,
        "picture": f"/hand/picture/{phone.name}/{shown.stamp}" if isinstance(picture, bytes) else picture,
    }
