"""The web chat opened within WeChat knows who opens it: its browser becomes that follower's (网页授权, snsapi_base).

Source: developers.weixin.qq.com/doc/service/guide/h5/auth.html
"""

import asyncio
import logging
import secrets
import time
from hmac import compare_digest
from urllib.parse import quote, urlencode

from aiohttp import web
from sqlmodel import Session, select

from bot.channels import Refused, TryLater, Unreachable
from bot.channels.flood import Flood
from bot.channels.guest import Guest, guest_of
from bot.channels.wechat.accounts import Account
from bot.channels.wechat.api import Api
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.group import enter
from bot.conversation.message import Address
from bot.conversation.people import STILL_FRESH
from bot.settings import Settings
from models.history import resident_at
from models.joining import NotJoined, recognise
from models.resident import Account as Reached
from models.store import reading, transaction
from models.wechat_follower import WechatFollower

log = logging.getLogger(__name__)
COOKIE = "linlifang_entering"
PATIENCE = 600  # seconds from one page to the other
INSIDE = "MicroMessenger"  # how WeChat's own browser calls itself; the authorize page turns others away


class Login:
    """Two pages nobody sees: one leads to WeChat, which leads to the other, which leads to the web chat."""

    def __init__(self, desk: Desk, account: Account, api: Api, settings: Settings) -> None:
        self.account = account
        self._desk, self._api, self._open, self._page = desk, api, settings.wechat_open, settings.address
        self._secure, self._flood = self._page.startswith("https:"), Flood()

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """To the authorize page and back, for those who can be known by it; straight into the chat for others."""
        community = self._wanted(request)
        if not self._knows(community) or INSIDE not in request.headers.get("User-Agent", ""):
            return _redirect(_chat(community))
        state = secrets.token_hex(16)
        response = _redirect(self._authorize(community, state))
        path, secure = self.account.path, self._secure
        response.set_cookie(COOKIE, state, max_age=PATIENCE, path=path, httponly=True, samesite="Lax", secure=secure)
        return response

    async def entered(self, request: web.Request) -> web.StreamResponse:
        """Back with a code, good once; without a state that is this browser's, nobody is made anybody.

        Each code is a question to WeChat: a browser may ask as often as anybody may write.
        """
        community = self._wanted(request)
        guest = guest_of(request, community.slug, self._secure)
        ours, theirs = request.cookies.get(COOKIE, ""), request.query.get("state", "")
        code = request.query.get("code", "")
        genuine = code and ours and compare_digest(ours.encode(), theirs.encode()) and self._knows(community)
        if genuine and not self._flood.judge(guest.address, time.monotonic()).wait:
            guest = await self._recognised(community, guest, code)
        response = guest.remembered(_redirect(_chat(community)))
        response.del_cookie(COOKIE, path=self.account.path)
        return response

    def _wanted(self, request: web.Request) -> Community:
        """The community asked for, which alone says where it goes on; 404 for one we do not know."""
        community = self._desk.communities.get(request.query.get("to", ""))
        if community is None:
            raise web.HTTPNotFound
        return community

    def _knows(self, community: Community) -> bool:
        return self.account.rights.login and community.slug in self.account.serves

    def _authorize(self, community: Community, state: str) -> str:
        """Its parameters stand in the order in which WeChat expects them."""
        back = f"{self._page}{self.account.path}/entered?{urlencode({'to': community.slug})}"
        asked = {"appid": self.account.appid, "redirect_uri": back, "response_type": "code", "scope": "snsapi_base"}
        query = urlencode(asked | {"state": state})
        return f"{self._open}/connect/oauth2/authorize?{query}#wechat_redirect"

    async def _recognised(self, community: Community, guest: Guest, code: str) -> Guest:
        """The web chat opens in any case: who cannot be known is whom the browser was before."""
        try:
            openid = await self._api.oauth_openid(code)
            return await asyncio.to_thread(self._make_one, community, guest, Address("wechat", community.slug, openid))
        except NotJoined as why:
            log.info("a browser stays its own: %s", why)
        except (TryLater, Unreachable, Refused) as failure:
            log.warning("WeChat does not say who opens the page: %s", failure)
        except Exception:
            log.exception("who opens the page was not written down")
        return guest

    def _make_one(self, community: Community, guest: Guest, follower: Address) -> Guest:
        """The follower in this browser, by a cookie that is new to it unless it is theirs already."""
        for address in (guest.address, follower):
            with reading(self._desk.engine, community.id) as db:
                known = resident_at(db, address.channel, address.account, address.user)
            if known is None:
                enter(self._desk, community.id, address, guest.language)
        now = self._desk.now()
        with transaction(self._desk.engine, community.id, now) as db:
            here, browser = _reached(db, follower), _reached(db, guest.address)
            theirs = guest.recognised and browser.resident_id == here.resident_id
            found = guest if theirs else guest.anew()
            recognise(db, browser, here, found.address.user)
            row = db.get(WechatFollower, (self.account.appid, follower.user))
            if row is not None and row.following:
                # opening the page for a while must not draw the news away from where they are
                here.used_at = now + STILL_FRESH
        return found


def _chat(community: Community) -> str:
    return f"/c/{quote(community.slug)}"


def _redirect(to: str) -> web.Response:
    """As it is written: aiohttp's own would take some of the escapes away."""
    headers = {"Location": to, "Cache-Control": "no-store"}
    return web.Response(status=302, headers=headers)


def _reached(db: Session, at: Address) -> Reached:
    there = (Reached.channel == at.channel, Reached.account == at.account, Reached.user == at.user)
    return db.exec(select(Reached).where(*there)).one()
