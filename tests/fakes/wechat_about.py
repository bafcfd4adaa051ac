"""Temporary media, QR codes with a scene, and what is known of a follower.

Source: developers.weixin.qq.com/doc/service/api/material/temporary/, .../qrcode/qrcodes/, .../usermanage/userinfo/
"""

import io
import secrets

from aiohttp import web
from PIL import Image

from tests.fakes.wechat_call import VERIFIED, Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_state import Payload

MB = 1024 * 1024
ROOM = {"image": 10 * MB, "voice": 2 * MB, "video": 10 * MB, "thumb": 64 * 1024}
FORMATS = {"JPEG", "PNG", "GIF", "BMP"}
SECONDS_LIVE, LAST_LIMITED, SCENE_LETTERS = 2_592_000, 100_000, 64


@method("media/upload", "POST", *VERIFIED)
def upload(call: Call) -> Payload:
    kind, file = call.query.get("type", ""), call.upload
    if kind not in ROOM:
        raise Refusal(40004)
    if file is None or not file.data:
        raise Refusal(41005)
    if len(file.data) > ROOM[kind]:
        raise Refusal(40009)
    mime = _mime(file.data) if kind in ("image", "thumb") else file.mime
    media_id = call.world.keep(file.data, kind, mime, call.account.appid)
    return {"type": kind, "media_id": media_id, "created_at": int(call.at)}


def _mime(data: bytes) -> str:
    """By what it is, not by what it is called."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            found = image.format or ""
    except (OSError, ValueError) as e:
        raise Refusal(40005) from e
    if found not in FORMATS:
        raise Refusal(40005)
    return f"image/{found.lower()}"


@method("media/get", "GET", *VERIFIED)
def download(call: Call) -> web.Response:
    media = call.world.medium(call.query.get("media_id", ""), call.account.appid)
    if media is None:
        raise Refusal(40007)
    headers = {"Content-Disposition": f'attachment; filename="{secrets.token_hex(8)}.{media.mime.partition("/")[2]}"'}
    return web.Response(body=media.data, content_type=media.mime, headers=headers)


@method("qrcode/create", "POST", "service")
def qrcode(call: Call) -> Payload:
    name, scene = call.json.get("action_name"), call.part("action_info").get("scene")
    if not isinstance(scene, dict):
        raise Refusal(40053)
    match name:
        case "QR_SCENE" | "QR_LIMIT_SCENE":
            most = LAST_LIMITED if name == "QR_LIMIT_SCENE" else 2**32 - 1
            number = scene.get("scene_id")
            if not isinstance(number, int) or not 1 <= number <= most:
                raise Refusal(40053)
            said = str(number)
        case "QR_STR_SCENE" | "QR_LIMIT_STR_SCENE":
            said = scene.get("scene_str", "")
            if not isinstance(said, str) or not 1 <= len(said) <= SCENE_LETTERS:
                raise Refusal(40053)
        case _:
            raise Refusal(40052)
    ticket = "g" + secrets.token_urlsafe(60)
    call.account.scenes[ticket] = said
    answer: Payload = {"ticket": ticket, "url": f"http://weixin.qq.com/q/{secrets.token_urlsafe(12)}"}
    if "LIMIT" in name:
        return answer
    seconds = call.json.get("expire_seconds", 60)
    return answer | {"expire_seconds": min(int(seconds), SECONDS_LIVE)}


@method("user/info", "GET", *VERIFIED)
def user_info(call: Call) -> Payload:
    """Neither name nor face: those have not been given since 2021."""
    follower = call.follower(call.query.get("openid"))
    if not follower.follows:
        return {"subscribe": 0, "openid": follower.openid}
    about = {"subscribe": 1, "openid": follower.openid, "language": "zh_CN", "subscribe_time": int(follower.since)}
    found = {"subscribe_scene": follower.how_found, "qr_scene": 0, "qr_scene_str": follower.scene}
    return about | {"remark": "", "groupid": 0, "tagid_list": []} | found
