"""WeCom's messages to staff.

Source: developer.work.weixin.qq.com/document/path/90236 and 90454 (30 a minute and 1,000 an hour to one member; what
is over is dropped without a word)
"""

import json
from itertools import count

from tests.fakes.wechat_call import Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_state import Follower, Payload, Shown

TEXT_BYTES, TITLE, DESCRIPTION = 2048, 128, 512
A_MINUTE, AN_HOUR, HOUR = 30, 1000, 3600.0
CHECK_SECONDS = 1800
MSG_IDS = count(1)


@method("message/send", "POST", "corp")
def send(call: Call) -> Payload:
    corp, given = call.corp, call.json
    if given.get("agentid") != corp.agentid:
        raise Refusal(40056)
    shown = _content(call)
    named = str(given.get("touser") or "").split("|")
    found = list(corp.members.values()) if named == ["@all"] else [corp.members[u] for u in named if u in corp.members]
    if not found:
        raise Refusal(81013)
    for member in found:
        if not _repeated(call, member):
            _hand_over(call, member, shown)
    unknown = [u for u in named if u not in corp.members and u != "@all"]
    return {"errcode": 0, "errmsg": "ok", "invaliduser": "|".join(unknown), "msgid": f"wx{next(MSG_IDS):012d}"}


def _content(call: Call) -> Shown:
    """Too long a text is cut."""
    match kind := call.json.get("msgtype"):
        case "text":
            content = str(call.part("text").get("content") or "")
            if not content.strip():
                raise Refusal(44004)
            return Shown("app", "text", content.encode()[:TEXT_BYTES].decode(errors="ignore"))
        case "textcard":
            card = call.part(kind)
            title, words, url = (str(card.get(name) or "") for name in ("title", "description", "url"))
            if not (title and words and url):
                raise Refusal(44004)
            return Shown("app", "textcard", words[:DESCRIPTION], url, title=title[:TITLE])
    raise Refusal(40008)


def _repeated(call: Call, member: Follower) -> bool:
    """The same words to the same member, where the caller wants them recognised."""
    if not call.json.get("enable_duplicate_check"):
        return False
    seconds = float(call.json.get("duplicate_check_interval") or CHECK_SECONDS)
    what = json.dumps(call.part(call.json["msgtype"]), sort_keys=True)
    known_at = call.corp.repeats.get((member.openid, what))
    call.corp.repeats[member.openid, what] = call.at
    return known_at is not None and call.at - known_at < seconds


def _hand_over(call: Call, member: Follower, shown: Shown) -> None:
    recent = [at for at in call.corp.recent.get(member.openid, []) if call.at - at < HOUR]
    if len(recent) >= AN_HOUR or sum(call.at - at < 60 for at in recent) >= A_MINUTE:
        call.world.violated(call.corp, member, 0)
        return
    call.corp.recent[member.openid] = [*recent, call.at]
    call.world.show(member, Shown(shown.how, shown.kind, shown.source, shown.url, title=shown.title))
