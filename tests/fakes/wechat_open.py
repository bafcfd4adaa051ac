"""What is opened without a token: the authorize page, pictures residents sent, QR codes.

Source: developers.weixin.qq.com/doc/service/guide/h5/auth.html, .../qrcode/
"""

import io
import re
import secrets
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from aiohttp import web
from PIL import Image, ImageDraw

from tests.fakes.wechat_state import Account
from tests.fakes.wechat_world import World

STATE = re.compile(r"[a-zA-Z0-9]{0,128}\Z")
WHO = "X-Phone"  # in a phone's request; a browser says it by a cookie
COOKIE = "wechat_phone"
OUTSIDE = "请在微信客户端打开链接"


class Open:
    def __init__(self, world: World) -> None:
        self.world = world

    def furnish(self, app: web.Application) -> None:
        app.router.add_get("/connect/oauth2/authorize", self._authorize)
        app.router.add_get("/mmbiz_pic/{media_id}/0", self._picture)
        app.router.add_get("/cgi-bin/showqrcode", self._qrcode)

    async def _authorize(self, request: web.Request) -> web.Response:
        """Silently back to the page with a code, for whoever holds the phone."""
        given = request.query
        account = self.world.accounts.get(given.get("appid", ""))
        if account is None or given.get("response_type") != "code":
            return _page("参数错误")
        if refused := _refused(account, given.get("scope", ""), given.get("redirect_uri", ""), given.get("state", "")):
            return _page(refused)
        name = unquote(request.headers.get(WHO) or request.cookies.get(COOKIE, ""))
        if not name:
            return _page(OUTSIDE)
        code, openid = secrets.token_urlsafe(24), account.openid(name)
        self.world.codes[code] = (account.appid, openid, self.world.now())
        parts = urlsplit(given["redirect_uri"])
        query = urlencode([*parse_qsl(parts.query), ("code", code), ("state", given.get("state", ""))])
        raise web.HTTPFound(urlunsplit(parts._replace(query=query)))

    async def _picture(self, request: web.Request) -> web.Response:
        media = self.world.media.get(request.match_info["media_id"])
        if media is None or media.kind != "image":
            raise web.HTTPNotFound
        return web.Response(body=media.data, content_type=media.mime)

    async def _qrcode(self, request: web.Request) -> web.Response:
        """A picture with the scene written on it: no camera reads ours."""
        ticket = request.query.get("ticket", "")
        scene = next((a.scenes[ticket] for a in self.world.accounts.values() if ticket in a.scenes), None)
        if scene is None:
            raise web.HTTPNotFound
        image, file = Image.new("RGB", (430, 430), "white"), io.BytesIO()
        ImageDraw.Draw(image).text((20, 200), ascii(scene), fill="black")
        image.save(file, "JPEG")
        return web.Response(body=file.getvalue(), content_type="image/jpeg")


def _refused(account: Account, scope: str, redirect: str, state: str) -> str:
    """The error page's words, "" if all is well."""
    if scope != "snsapi_base" or account.kind != "service":
        return "Scope 参数错误或没有 Scope 权限"
    parts = urlsplit(redirect)
    if parts.scheme not in ("http", "https") or (account.oauth_domain and parts.netloc != account.oauth_domain):
        return "redirect_uri 参数错误"
    return "" if STATE.match(state) else "state 参数错误"


def _page(words: str) -> web.Response:
    return web.Response(text=f"<!doctype html><meta charset=utf-8><p>{words}", content_type="text/html")
