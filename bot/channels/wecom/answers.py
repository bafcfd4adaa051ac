"""What WeCom answers, with HTTP 200 for good and bad news alike: the name of what came of a call.

The numbers are those of 全局错误码, developer.work.weixin.qq.com/document/path/90313.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.channels import Refused, TryLater, Unreachable
from bot.channels.wechat.answers import A_MINUTE, BUSY, OperatorNeeded, Stale

APP = "work.weixin.qq.com → 应用管理 → the app"
BAD_SECRET = f"WeCom does not know this Secret: copy it again from {APP}"
REMEDIES = {
    60020: f"WeCom does not let us in from {{ip}}: enter it at {APP} → 企业可信IP",
    40001: BAD_SECRET,
    42009: BAD_SECRET,
    40013: "WeCom does not know this 企业ID: copy it again from work.weixin.qq.com → 我的企业",
    40056: f"WeCom does not know LINLIFANG_WECOM_AGENT: copy the AgentId from {APP}",
    301002: f"the Secret is another app's than LINLIFANG_WECOM_AGENT: copy both from {APP}",
    60011: f"the app may not write to this member: {APP} → 可见范围",
    48002: f"the app has no right to {{what}}: {APP}",
}
FROM_IP = re.compile(r"from ip: ([0-9a-fA-F.:]*[0-9a-fA-F])")


def trouble(answer: Mapping[str, Any], what: str) -> Exception | None:
    """The failure that an answer tells of, None for none; `what` is the method that was called."""
    code, said = answer.get("errcode", 0), str(answer.get("errmsg", ""))
    why = f"{what}: {code} {said}"
    if code == 0:
        return None
    if code in REMEDIES:
        found = FROM_IP.search(said)
        return OperatorNeeded(REMEDIES[code].format(ip=found[1] if found else "this machine's address", what=what))
    match code:
        case 40014 | 42001:
            return Stale(why)
        case 81013 | 82001 | 60111:
            return Unreachable(why)
        case -1:
            return TryLater(BUSY, why)
        case 45009 | 45033:
            return TryLater(A_MINUTE, why)
    return Refused(why)
