"""A resident with WeChat in hand: follow, write, tap, scan, open pages, look at the screen."""

from urllib.parse import parse_qs, urlsplit

from tests.fakes.wechat_browser import Browser, Page
from tests.fakes.wechat_courier import Courier, Sent
from tests.fakes.wechat_letters import Value
from tests.fakes.wechat_screen import Screen
from tests.fakes.wechat_state import Account, Follower, Shown
from tests.fakes.wechat_world import World

TAPPED = "weixin://bizmsgmenu"


class Phone(Screen):
    """Everything goes to the account last opened. A call returns at once; `await (await ...).answered()` waits."""

    def __init__(self, world: World, courier: Courier, name: str) -> None:
        super().__init__(world, name)
        self.courier, self.browser = courier, Browser(world, name)
        self._open: Account | None = None

    @property
    def account(self) -> Account:
        if self._open is None and len(self.world.accounts) == 1:
            self._open = next(iter(self.world.accounts.values()))
        if self._open is None:
            raise ValueError("which account? follow(account) or open(account) first")
        return self._open

    @property
    def openid(self) -> str:
        return self.account.openid(self.name)

    @property
    def me(self) -> Follower:
        return self.account.followers.setdefault(self.openid, Follower(self.openid, self.name))

    def open(self, account: Account) -> None:
        """Look at another account from now on."""
        self._open = account

    def meet(self, account: Account | None = None) -> None:
        """Have followed it long ago: no window is open, and it hears nothing of it now."""
        self.open(account or self.account)
        self.me.follows, self.me.since = True, self.world.now()

    # --- to come and to go

    async def follow(self, account: Account | None = None, scene: str = "") -> Sent:
        """Follow it, perhaps by scanning a poster's code."""
        self.meet(account)
        self.me.scene, self.me.how_found = scene, "ADD_SCENE_QR_CODE" if scene else "ADD_SCENE_SEARCH"
        self.me.quota.acted(self.world.now())
        if scene:
            return self._event("subscribe", EventKey=f"qrscene_{scene}", Ticket=self._ticket(scene))
        return self._event("subscribe", EventKey="")

    async def unfollow(self) -> Sent:
        """What one-time notices were agreed to is gone with it."""
        me = self.me
        me.follows = False
        me.quota.close()
        me.consents.clear()
        me.always.clear()
        return self._event("unsubscribe", visible=False, EventKey="")

    async def scan(self, scene: str, account: Account | None = None) -> Sent:
        """Scan a poster: a stranger follows by it."""
        self.open(account or self.account)
        if not self.me.follows:
            return await self.follow(account, scene)
        self.me.quota.acted(self.world.now())
        return self._event("SCAN", EventKey=scene, Ticket=self._ticket(scene))

    def _ticket(self, scene: str) -> str:
        return next((t for t, s in self.account.scenes.items() if s == scene), f"gTICKET_{scene}")

    # --- to say something

    async def say(self, text: str) -> Sent:
        return self._message("text", Shown("mine", "text", text), Content=text)

    async def image(self, data: bytes, mime: str = "image/jpeg") -> Sent:
        media_id = self.world.keep(data, "image", mime, self.account.appid)
        url = f"{self.world.url}/mmbiz_pic/{media_id}/0"
        return self._message("image", Shown("mine", "image", picture=data), PicUrl=url, MediaId=media_id)

    async def voice(self, data: bytes, recognition: str = "", format_: str = "amr") -> Sent:
        """`recognition` is there only where the account has switched it on."""
        media_id = self.world.keep(data, "voice", f"audio/{format_}", self.account.appid)
        heard: dict[str, Value] = {"Recognition": recognition} if recognition else {}
        return self._message("voice", Shown("mine", "voice", recognition), MediaId=media_id, Format=format_, **heard)

    async def video(self, data: bytes, *, short: bool = False) -> Sent:
        media_id = self.world.keep(data, "video", "video/mp4", self.account.appid)
        thumb = self.world.keep(b"\xff\xd8\xff\xd9", "thumb", "image/jpeg", self.account.appid)
        kind = "shortvideo" if short else "video"
        return self._message(kind, Shown("mine", kind), MediaId=media_id, ThumbMediaId=thumb)

    async def location(self, lat: float, lon: float, label: str = "", scale: int = 16) -> Sent:
        """Degrees in GCJ-02."""
        where: dict[str, Value] = {"Location_X": lat, "Location_Y": lon, "Scale": scale, "Label": label}
        return self._message("location", Shown("mine", "location", label or f"{lat}, {lon}"), **where)

    async def link(self, title: str, description: str, url: str) -> Sent:
        shown = Shown("mine", "link", description, url, title=title)
        return self._message("link", shown, Title=title, Description=description, Url=url)

    async def report_location(self, lat: float, lon: float, precision: float = 40.0) -> Sent:
        """What a phone does on opening the conversation, if its owner allows it. Degrees in GCJ-02, metres."""
        return self._event("LOCATION", visible=False, Latitude=lat, Longitude=lon, Precision=precision)

    # --- to tap

    def menu(self) -> dict[str, str]:
        """The custom menu's lines: name, and what it sends or opens."""
        lines = [line for button in self.account.menu for line in button.get("sub_button") or [button]]
        return {line["name"]: line.get("key") or line["url"] for line in lines}

    async def click(self, key: str) -> Sent:
        """A line of the menu, by its name or key; one with a link is reported as VIEW and opens no window."""
        lines = [line for button in self.account.menu for line in button.get("sub_button") or [button]]
        found = next((line for line in lines if key in (line["name"], line.get("key"), line.get("url"))), None)
        if found is None:
            raise AssertionError(f"no {key!r} in the menu {self.menu()}")
        if found["type"] == "view":
            return self._event("VIEW", visible=False, EventKey=found["url"])
        self.me.quota.acted(self.world.now())
        return self._event("CLICK", EventKey=found["key"])

    async def tap_menu(self, words: str) -> Sent:
        """A line of a msgmenu, or a link in a text that says the same; both count as a click on the menu."""
        for shown in reversed(self.screen):
            if words in shown.menu:
                return self._tapped(words, shown.menu[words])
            url = shown.links.get(words, "")
            if url.startswith(TAPPED) and self.account.verified:
                query = parse_qs(urlsplit(url).query)
                return self._tapped(query["msgmenucontent"][0], query["msgmenuid"][0])
        raise AssertionError(f"nothing to tap that says {words!r}:\n{self.transcript()}")

    def _tapped(self, words: str, menu_id: str) -> Sent:
        self.me.quota.acted(self.world.now())
        self._did(Shown("mine", "text", words))
        return self._carry("text", {"Content": words, "bizmsgmenuid": menu_id})

    async def open_h5(self, url: str) -> Page:
        """Open a page within WeChat, through OAuth and all; cookies stay."""
        return await self.browser.open(url)

    async def consent(self, template_id: str, *, accept: bool = True) -> Sent:
        """Answer the window that asks whether a notice may be sent."""
        template = self.account.templates[template_id]
        if accept and template.kind == "long_term":
            self.me.always.add(template_id)
        elif accept:
            self.me.consents[template_id] += 1
        item = {"TemplateId": template_id, "SubscribeStatusString": "accept" if accept else "reject", "PopupScene": 1}
        return self._event("subscribe_msg_popup_event", visible=False, SubscribeMsgPopupEvent={"List": [item]})

    async def refuse_notices(self, template_id: str) -> Sent:
        """Take a consent back on the page of 服务通知."""
        self.me.always.discard(template_id)
        self.me.consents[template_id] = 0
        item = {"TemplateId": template_id, "SubscribeStatusString": "reject"}
        return self._event("subscribe_msg_change_event", visible=False, SubscribeMsgChangeEvent={"List": [item]})

    # --- on its way

    def _message(self, kind: str, shown: Shown, **fields: Value) -> Sent:
        if not self.me.follows:
            raise ValueError("who does not follow can't write: follow() first")
        self._did(shown)
        self.me.quota.wrote(self.world.now())
        return self._carry(kind, fields)

    def _event(self, event: str, *, visible: bool = True, **fields: Value) -> Sent:
        self._did(None)
        return self._carry("event", {"Event": event, **fields}, visible)

    def _did(self, shown: Shown | None) -> None:
        self.acted, self.me.heard_at = self.world.stamp(), self.world.now()
        if shown:
            self.world.show(self.me, shown)

    def _carry(self, kind: str, fields: dict[str, Value], visible: bool = True) -> Sent:
        return self.courier.carry(self.account, self.me, kind, fields, visible)
