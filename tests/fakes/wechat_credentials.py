"""Fetching tokens: both kinds of the 公众号, WeCom's, and the code of a page opened within WeChat.

Source: developers.weixin.qq.com/doc/service/api/base/, .../guide/h5/auth.html; developer.work.weixin.qq.com path 91039
"""

from typing import Any

from tests.fakes.wechat_call import EVERYBODY, Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_state import Account, Payload

CODE_LIVES = 300.0
CLEARED_A_MONTH = 10


def _account(call: Call, appid: Any, secret: Any) -> Account:
    if (account := call.world.accounts.get(str(appid))) is None:
        raise Refusal(40013)
    if secret != account.secret:
        raise Refusal(40125)
    call.server = account
    return account


def _granted(token: tuple[str, int]) -> Payload:
    return {"access_token": token[0], "expires_in": token[1]}


@method("stable_token", "POST")
def stable_token(call: Call) -> Payload:
    given = call.json
    if given.get("grant_type") != "client_credential":
        raise Refusal(40002)
    account = _account(call, given.get("appid"), given.get("secret"))
    call.world.admit(account, call.remote)
    return _granted(account.tokens.stable(given.get("force_refresh") is True))


@method("token", "GET")
def token(call: Call) -> Payload:
    if call.query.get("grant_type") != "client_credential":
        raise Refusal(40002)
    account = _account(call, call.query.get("appid"), call.query.get("secret"))
    call.world.admit(account, call.remote)
    return _granted(account.tokens.plain())


@method("gettoken", "GET")
def gettoken(call: Call) -> Payload:
    corp = call.world.corps.get(call.query.get("corpid", ""))
    if corp is None:
        raise Refusal(40013)
    if call.query.get("corpsecret") != corp.secret:
        raise Refusal(40001)
    call.server = corp
    return {"errcode": 0, "errmsg": "ok"} | _granted(corp.tokens.kept())


@method("sns/oauth2/access_token", "GET")
def oauth(call: Call) -> Payload:
    """A code is good once and for five minutes."""
    account = _account(call, call.query.get("appid"), call.query.get("secret"))
    if call.query.get("grant_type") != "authorization_code":
        raise Refusal(40002)
    code = call.query.get("code", "")
    appid, openid, given_at = call.world.codes.get(code, ("", "", 0.0))
    if appid != account.appid:
        raise Refusal(40029)
    if not openid:
        raise Refusal(40163)
    call.world.codes[code] = (appid, "", given_at)
    if call.world.now() - given_at >= CODE_LIVES:
        raise Refusal(40029)
    page = {"access_token": f"page_{code}", "expires_in": 7200, "refresh_token": f"refresh_{code}"}
    return page | {"openid": openid, "scope": "snsapi_base"}


@method("get_api_domain_ip", "GET", *EVERYBODY)
def api_addresses(_: Call) -> Payload:
    return {"ip_list": ["127.0.0.1"]}


@method("getcallbackip", "GET", *EVERYBODY)
def callback_addresses(_: Call) -> Payload:
    return {"ip_list": ["127.0.0.1"]}


@method("clear_quota", "POST", *EVERYBODY)
def clear_quota(call: Call) -> Payload:
    """Ten times a month."""
    account, when = call.account, call.world.clock()
    if call.json.get("appid") != account.appid:
        raise Refusal(40013)
    month = when.year * 12 + when.month
    if account.cleared[month] >= CLEARED_A_MONTH:
        raise Refusal(48006)
    account.cleared[month] += 1
    account.counted.clear()
    return {"errcode": 0, "errmsg": "ok"}
