"""Customer-service messages: what may be sent while somebody's window is open.

Source: developers.weixin.qq.com/doc/subscription/api/customer/message/api_sendcustommessage.html. Kinds this house
never sends (voice, mini-program pages ...) are refused.
"""

from tests.fakes.wechat_call import VERIFIED, Call, method
from tests.fakes.wechat_refusal import Refusal
from tests.fakes.wechat_reply import TEXT_BYTES
from tests.fakes.wechat_state import Payload, Shown

OK: Payload = {"errcode": 0, "errmsg": "ok"}
TYPING_AFTER = 30.0


@method("message/custom/send", "POST", *VERIFIED)
def send(call: Call) -> Payload:
    follower = call.follower(call.json.get("touser"))
    shown = _content(call)
    try:
        follower.quota.spend(call.world.now())
    except Refusal as refusal:
        call.world.violated(call.account, follower, refusal.errcode)
        raise
    follower.typing = False
    call.world.show(follower, shown)
    return OK


def _content(call: Call) -> Shown:
    match call.json.get("msgtype"):
        case "text":
            return Shown("custom", "text", _words(call.part("text").get("content")))
        case "image":
            media = call.world.medium(str(call.part("image").get("media_id")), call.account.appid)
            if media is None or media.kind != "image":
                raise Refusal(40007)
            return Shown("custom", "image", picture=media.data)
        case "news":
            return _news(call.part("news").get("articles"))
        case "msgmenu":
            return _menu(call.part("msgmenu"))
    raise Refusal(40008)


def _words(content: object) -> str:
    if not isinstance(content, str) or not content.strip():
        raise Refusal(44004)
    if len(content.encode()) > TEXT_BYTES:
        raise Refusal(45002)
    return content


def _news(articles: object) -> Shown:
    if not isinstance(articles, list) or not articles:
        raise Refusal(44003)
    if len(articles) > 1:
        raise Refusal(45008)
    article = articles[0]
    if not article.get("title"):
        raise Refusal(44003)
    url, picture = str(article.get("url") or ""), str(article.get("picurl") or "")
    words = str(article.get("description") or "")
    return Shown("custom", "news", words, url, picture or None, title=str(article["title"]))


def _menu(menu: Payload) -> Shown:
    """Each line has an id and its words; everything together is as long as a text may be."""
    lines = menu.get("list")
    if not isinstance(lines, list) or not lines:
        raise Refusal(40097)
    if not all(isinstance(line, dict) and {"id", "content"} <= set(line) for line in lines):
        raise Refusal(40097)
    head, tail = str(menu.get("head_content") or ""), str(menu.get("tail_content") or "")
    _words("".join([head, *(str(line["content"]) for line in lines), tail]))
    said = {str(line["content"]): str(line["id"]) for line in lines}
    return Shown("custom", "msgmenu", tail, menu=said, title=head)


@method("message/custom/typing", "POST", *VERIFIED)
def typing(call: Call) -> Payload:
    follower = call.follower(call.json.get("touser"))
    command = call.json.get("command")
    if command not in ("Typing", "CancelTyping"):
        raise Refusal(45072)
    if call.world.now() - follower.heard_at > TYPING_AFTER:
        raise Refusal(45080)
    if command == "Typing" and follower.typing:
        raise Refusal(45081)
    follower.typing = command == "Typing"
    call.world.bell.ring()
    return OK
