"""Signed and encrypted letters to and from a server, by wechatpy: somebody else's code, so that it is a check.

Source: developers.weixin.qq.com/doc/service/guide/dev/push/encryption.html
"""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from xml.parsers.expat import ExpatError

from wechatpy.crypto import WeChatCrypto
from wechatpy.enterprise.crypto import WeChatCrypto as CorpCrypto
from wechatpy.enterprise.exceptions import InvalidCorpIdException
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException

from tests.fakes.wechat_state import Account, Corp

Server = Account | Corp


def check_settings(token: str, aes_key: str) -> None:
    """What the settings page takes: a token of 3 to 32 letters or digits, a key of 43 letters that are 32 bytes."""
    if not re.fullmatch(r"[A-Za-z0-9]{3,32}", token):
        raise ValueError("a token is 3 to 32 letters or digits")
    if len(aes_key) != 43 or len(base64.b64decode(aes_key + "=")) != 32:
        raise ValueError("an EncodingAESKey is 43 letters")


class Unreadable(Exception):
    """Why an answer is no valid envelope."""


def signature(token: str, timestamp: str, nonce: str, *more: str) -> str:
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, *more))).encode()).hexdigest()


def seal(server: Server, xml: str, openid: str, timestamp: str, nonce: str) -> tuple[dict[str, str], bytes]:
    """The query and the body of the POST that brings this message, in the account's mode."""
    query = {"timestamp": timestamp, "nonce": nonce}
    if isinstance(server, Account):
        query = {"signature": signature(server.token, timestamp, nonce)} | query | {"openid": openid}
        if server.mode == "plain":
            return query, xml.encode()
    sealed = ET.fromstring(_crypto(server).encrypt_message(xml, nonce, timestamp))
    encrypted, signed = sealed.findtext("Encrypt", ""), sealed.findtext("MsgSignature", "")
    query |= {"msg_signature": signed} | ({"encrypt_type": "aes"} if isinstance(server, Account) else {})
    head = f"<ToUserName><![CDATA[{server.original_id}]]></ToUserName>"
    if isinstance(server, Corp):
        head += f"<AgentID><![CDATA[{server.agentid}]]></AgentID>"
    if server.mode == "both":
        head = xml.removeprefix("<xml>").removesuffix("</xml>")
    return query, f"<xml>{head}<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def challenge(server: Server, echo: str, timestamp: str, nonce: str) -> dict[str, str]:
    """The query of the GET that checks an address: WeCom encrypts what it wants back, a 公众号 does not."""
    query = {"timestamp": timestamp, "nonce": nonce}
    if isinstance(server, Account):
        return query | {"signature": signature(server.token, timestamp, nonce), "echostr": echo}
    sealed = ET.fromstring(_crypto(server).encrypt_message(echo, nonce, timestamp))
    echostr, signed = sealed.findtext("Encrypt", ""), sealed.findtext("MsgSignature", "")
    return query | {"msg_signature": signed, "echostr": echostr}


def unseal(server: Server, body: str) -> str:
    """The XML within an answer. Plain ones are taken only where the account's mode says so."""
    try:
        outer = ET.fromstring(body)
    except (ET.ParseError, ExpatError) as e:
        raise Unreadable(f"not XML: {e}") from e
    if outer.find("Encrypt") is None:
        if server.mode == "safe":
            raise Unreadable("not encrypted, and the account is in safe mode")
        return body
    if server.mode == "plain":
        raise Unreadable("encrypted, and the account is in plain mode")
    parts = {name: outer.findtext(name) or "" for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")}
    if missing := [name for name, value in parts.items() if not value]:
        raise Unreadable(f"the envelope lacks {', '.join(missing)}")
    try:
        letter: str = _crypto(server).decrypt_message(
            {"Encrypt": parts["Encrypt"]}, parts["MsgSignature"], parts["TimeStamp"], parts["Nonce"]
        )
    except InvalidSignatureException as e:
        raise Unreadable("MsgSignature is wrong") from e
    except (InvalidAppIdException, InvalidCorpIdException) as e:
        raise Unreadable("the envelope is for another account") from e
    except Exception as e:  # whatever their code stumbles over, the real server would not take it
        raise Unreadable(f"cannot be decrypted: {e!r}") from e
    return letter


def _crypto(server: Server) -> WeChatCrypto | CorpCrypto:
    make = WeChatCrypto if isinstance(server, Account) else CorpCrypto
    return make(server.token, server.aes_key, server.receiver)
