"""What WeChat answers, with HTTP 200 for good and bad news alike: the errcode, and the name of what came of a call.

The numbers are those of 全局返回码 at developers.weixin.qq.com.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.channels import Refused, TryLater, Unreachable
from bot.conversation.texts import CIVIL

BAD_CREDENTIAL, BAD_SECRET = 40001, 40125
STALE = (BAD_CREDENTIAL, 42001, 40014)
BUSY, A_MINUTE, OPERATORS = 10.0, 60.0, 300.0  # seconds until it is tried again
BASICS = "设置与开发 → 基本配置"
REMEDIES = {
    40164: f"WeChat does not let us in from {{ip}}: enter it at {BASICS} → IP白名单",
    89501: f"an administrator of the account has yet to allow calls from here: confirm the message in WeChat ({BASICS})",
    89503: "an administrator of the account has yet to allow calls from here: confirm the message that WeChat sent them",
    89506: "an administrator of the account refused calls from here: ask them; it can be tried again after a day",
    89507: "an administrator of the account refused calls from here: ask them; it can be tried again after an hour",
    48001: "the account has no right to {what}: 设置与开发 → 接口权限, or correct its kind with `wechat add`",
    40013: f"WeChat does not know this AppID: copy it again from {BASICS}",
    BAD_SECRET: f"WeChat does not know this AppSecret: copy it again, or reset it, at {BASICS}; then `wechat add` again",
    40243: f"the AppSecret is frozen: thaw it at {BASICS}",
    40037: "the account has no such template: choose it at 模板消息 or 订阅通知 and correct its id",
    50001: "the account has no right to {what}: 设置与开发 → 接口权限",
    61024: "another platform runs this account: take its authorization away at 设置与开发 → 账号设置",
}
RIGHTS = {  # what a method needs, as the page 接口权限 calls it
    "message/custom/send": "客服消息",
    "menu/create": "自定义菜单",
    "menu/delete": "自定义菜单",
    "media/upload": "素材管理",
    "message/template/send": "模板消息",
    "message/subscribe/bizsend": "订阅通知",
    "qrcode/create": "带参数二维码",
    "sns/oauth2/access_token": "网页授权",
}
SENDER_IP = re.compile(r"invalid ip ([0-9a-fA-F.:]+)")


class NoWindow(Unreachable):
    """Nothing may be sent to this person now: their 48 hours are over, or they unfollowed, or never agreed."""


class QuotaSpent(NoWindow):
    """As many messages as WeChat allows have been sent: the next word of theirs allows more."""


class Stale(Exception):
    """The access token is good no more: another one, then the call again."""


class OperatorNeeded(TryLater):
    """Somebody has to set something right at WeChat; the message says what, in plain words."""

    def __init__(self, why: str) -> None:
        super().__init__(OPERATORS, why)


def trouble(answer: Mapping[str, Any], what: str, now: datetime) -> Exception | None:
    """The failure that an answer tells of, None for none; `what` is the method that was called."""
    code, said = answer.get("errcode", 0), str(answer.get("errmsg", ""))
    why = f"{what}: {code} {said}"
    if code == 0:
        return None
    if code in STALE:
        return Stale(why)
    if code in REMEDIES:
        found = SENDER_IP.search(said)
        ip = found[1] if found else "this machine's address"
        return OperatorNeeded(REMEDIES[code].format(ip=ip, what=RIGHTS.get(what, what)))
    match code:
        case 45015 | 43004 | 43101:
            return NoWindow(why)
        case 45047:
            return QuotaSpent(why)
        case 40003:
            return Unreachable(why)
        case -1:
            return TryLater(BUSY, why)
        case 45011:
            return TryLater(A_MINUTE, why)
        case 45009:
            return TryLater(until_tomorrow(now), f"{why}: as often as WeChat allows in a day")
    return Refused(why)


def until_tomorrow(now: datetime) -> float:
    """Seconds until midnight in China, when the daily quotas begin anew."""
    here = now.astimezone(CIVIL)
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - here).total_seconds()
