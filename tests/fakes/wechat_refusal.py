"""How the API says no: HTTP 200, a number, and a sentence with the id of the request behind it.

Source: developers.weixin.qq.com, 全局返回码; developer.work.weixin.qq.com/document/path/90313 for WeCom.
"""

import secrets
from typing import Any

SENTENCES = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40004: "invalid media type",
    40005: "invalid file type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40013: "invalid appid",
    40014: "invalid access_token",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40020: "invalid button url size",
    40023: "invalid sub button size",
    40024: "invalid sub button type",
    40025: "invalid sub button name size",
    40026: "invalid sub button key size",
    40027: "invalid sub button url size",
    40029: "invalid code",
    40037: "invalid template_id",
    40052: "invalid action name",
    40053: "invalid action info",
    40054: "invalid sub button url domain",
    40055: "invalid button url domain",
    40056: "invalid agentid",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip {ip} ipv6 ::ffff:{ip}, not in whitelist",
    41001: "access_token missing",
    41005: "media data missing",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    44003: "empty news data",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    45072: "invalid command type",
    45080: "no message interaction within the last 30 seconds",
    45081: "already in typing status",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid!{more}",
    48001: "api unauthorized",
    48006: "forbid to clear quota because of reaching the limit",
    301002: "not allow to operate another agent with this accesstoken",
    60020: "not allow to access from your ip, from ip: {ip}",
    81013: "user & party & tag all invalid",
    89503: "此次调用需要管理员确认，请耐心等候",
}


class Refusal(Exception):
    """Answered as `{"errcode": ..., "errmsg": ...}`; nothing has happened."""

    def __init__(self, errcode: int, **words: str) -> None:
        self.errcode = errcode
        self.sentence = SENTENCES.get(errcode, "unknown error").format(**{"ip": "", "more": ""} | words)
        super().__init__(f"{errcode} {self.sentence}")

    def body(self) -> dict[str, Any]:
        rid = "-".join(secrets.token_hex(4) for _ in range(3))
        return {"errcode": self.errcode, "errmsg": f"{self.sentence} rid: {rid}"}
