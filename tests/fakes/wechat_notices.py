"""Template messages and subscription notices: what may be sent unasked, and how little of it is shown.

Source: developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html and
.../notify/notify/api_sendnewsubscribemsg.html
"""

import re
from itertools import count

from tests.fakes.wechat_call import Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_sending import OK
from tests.fakes.wechat_state import Payload, Shown, Template

SHOWN_CHARACTERS = 20
NOT_SHOWN = ("first", "remark")
CLIENT_ID, CLIENT_ID_LIVES = 32, 600.0
LIMITS = {"thing": 20, "character_string": 32, "letter": 32, "number": 32, "symbol": 5, "phrase": 5, "name": 10}
MSG_IDS = count(3_000_000_001)


def _template(call: Call, *kinds: str) -> Template:
    found = call.account.templates.get(str(call.json.get("template_id")))
    if found is None or found.kind not in kinds:
        raise Refusal(40037)
    return found


def _values(call: Call, template: Template) -> dict[str, str]:
    """Every key of the template, with a value."""
    data, values = call.part("data"), {}
    for key in template.keys:
        given = data.get(key)
        value = given.get("value") if isinstance(given, dict) else None
        if value is None or not str(value).strip():
            raise Refusal(47003, more=f" data.{key}.value is empty")
        values[key] = str(value)
    return values


@method("message/template/send", "POST", "service")
def send_template(call: Call) -> Payload:
    """A client_msg_id seen within ten minutes is answered as before and shown once."""
    follower, template = call.follower(call.json.get("touser")), _template(call, "template")
    values, client_id = _values(call, template), str(call.json.get("client_msg_id") or "")
    if len(client_id) > CLIENT_ID:
        raise Refusal(40097)
    if not follower.follows:
        raise Refusal(43004)
    known_at, known = call.account.client_ids.get((follower.openid, client_id), (0.0, 0))
    if client_id and call.world.now() - known_at < CLIENT_ID_LIVES:
        return OK | {"msgid": known}
    msg_id = next(MSG_IDS)
    call.account.client_ids[follower.openid, client_id] = (call.world.now(), msg_id)
    shown = {key: value[:SHOWN_CHARACTERS] for key, value in values.items() if key not in NOT_SHOWN}
    status = "failed:user block" if follower.refuses_templates else "success"
    if not follower.refuses_templates:
        call.world.show(
            follower,
            Shown("template", "template", url=str(call.json.get("url") or ""), fields=shown, title=template.title),
        )
    call.world.bring(call.account, follower, "TEMPLATESENDJOBFINISH", MsgID=msg_id, Status=status)
    return OK | {"msgid": msg_id}


@method("message/subscribe/bizsend", "POST", "service")
def send_notice(call: Call) -> Payload:
    """One consent, one message; a long-term consent lasts until it is taken back."""
    follower, template = call.follower(call.json.get("touser")), _template(call, "once", "long_term")
    values = _values(call, template)
    for key, value in values.items():
        if len(value) > LIMITS.get(re.sub(r"\d+$", "", key), 32):
            raise Refusal(47003, more=f" data.{key}.value is over limit")
    if template.kind == "once":
        if not follower.consents[template.id]:
            raise Refusal(43101)
        follower.consents[template.id] -= 1
    elif template.id not in follower.always:
        raise Refusal(43101)
    page = str(call.json.get("page") or "")
    call.world.show(follower, Shown("notice", "subscribe", url=page, fields=values, title=template.title))
    item = {"TemplateId": template.id, "MsgID": next(MSG_IDS), "ErrorCode": 0, "ErrorStatus": "success"}
    call.world.bring(call.account, follower, "subscribe_msg_sent_event", SubscribeMsgSentEvent={"List": [item]})
    return OK
