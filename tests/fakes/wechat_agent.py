"""What WeCom tells of the app itself.

Source: developer.work.weixin.qq.com/document/path/90227
"""

from tests.fakes.wechat_call import Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_state import Payload


@method("agent/get", "GET", "corp")
def about(call: Call) -> Payload:
    if call.query.get("agentid") != str(call.corp.agentid):
        raise Refusal(301002)
    return {"errcode": 0, "errmsg": "ok", "agentid": call.corp.agentid, "name": "邻里坊", "close": 0}
