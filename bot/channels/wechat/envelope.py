"""The envelope a letter comes in: whether it is WeChat's, from now and for us; the same scheme in WeCom.

Written to 消息加解密说明 (official accounts) and 加解密方案说明 (WeCom).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from bot.channels.wechat.markup import BadLetter, field, read

FRESH = timedelta(seconds=300)
SALT, COUNT = 16, 4  # bytes before the letter: random ones, and its length
BLOCK = 256  # bits padded to: twice AES's own block, as WeChat has it
SECONDS = re.compile(r"[0-9]{1,11}")


class NotGenuine(Exception):
    """It is not from WeChat, not for us, or not from now; the message is for the log and never for the sender."""


class Envelope:
    """One account's: its Token, its EncodingAESKey ("" where a test account has none) and its AppID or CorpID."""

    def __init__(self, token: str, aes_key: str, receiver_id: str) -> None:
        """Raises ValueError that tells the operator what is wrong with the token or the key."""
        if not token:
            raise ValueError("the Token is missing: without one anybody could sign")
        self._token, self._receiver = token, receiver_id.encode()
        self._key = _decoded(aes_key) if aes_key else b""

    def verify(self, query: Mapping[str, str], now: datetime) -> None:
        """Raise NotGenuine unless the request is WeChat's and of the last five minutes.

        This says nothing about its body, which only the envelope protects.
        """
        self._check(query, "signature", now)

    def echo(self, query: Mapping[str, str], now: datetime) -> str:
        """What the check of our address (接入指引, 验证URL有效性) wants to hear; WeCom seals it. Raises NotGenuine."""
        echo = query.get("echostr", "")
        if "signature" in query:
            self.verify(query, now)
            return echo
        self._check(query, "msg_signature", now, echo)
        return self._opened(echo).decode(errors="replace")

    def open(self, body: bytes, query: Mapping[str, str], now: datetime) -> bytes:
        """The XML of the letter in a request; raises NotGenuine, for a letter without an envelope too."""
        try:
            sealed = read(body).findtext("Encrypt") or ""
        except BadLetter as bad:
            raise NotGenuine(f"no envelope: {bad}") from None
        self._check(query, "msg_signature", now, sealed)
        return self._opened(sealed)

    def seal(self, xml: str, timestamp: str, nonce: str) -> str:
        """The reply's XML in an envelope; the time in seconds and the nonce may be those of the request."""
        letter = xml.encode()
        padder = PKCS7(BLOCK).padder()
        plain = secrets.token_bytes(SALT) + len(letter).to_bytes(COUNT, "big") + letter + self._receiver
        cipher = self._cipher().encryptor()
        sealed = base64.b64encode(cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()).decode()
        signature = field("MsgSignature", signed(self._token, timestamp, nonce, sealed))
        return f"<xml>{field('Encrypt', sealed)}{signature}{field('TimeStamp', timestamp)}{field('Nonce', nonce)}</xml>"

    def _check(self, query: Mapping[str, str], name: str, now: datetime, *sealed: str) -> None:
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        expected = signed(self._token, timestamp, nonce, *sealed)
        if not hmac.compare_digest(query.get(name, "").encode(errors="replace"), expected.encode()):
            raise NotGenuine(f"{name} is {'wrong: is the Token right?' if name in query else 'missing'}")
        if not is_fresh(timestamp, now):
            raise NotGenuine("it is older than five minutes, or the clock is wrong")

    def _opened(self, sealed: str) -> bytes:
        try:
            cipher = self._cipher().decryptor()
            unpadder = PKCS7(BLOCK).unpadder()
            padded = cipher.update(base64.b64decode(sealed)) + cipher.finalize()
            plain = unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise NotGenuine("it cannot be opened: is the EncodingAESKey right?") from None
        start = SALT + COUNT
        end = start + int.from_bytes(plain[SALT:start], "big")
        if end > len(plain) or not hmac.compare_digest(plain[end:], self._receiver):
            raise NotGenuine("it is for another receiver: is the AppID or CorpID right?")
        return plain[start:end]

    def _cipher(self) -> Cipher[CBC]:
        return Cipher(AES(self._key), CBC(self._key[:16]))


def signed(token: str, *parts: str) -> str:
    """The signature over what a request says, as WeChat makes it."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode(errors="replace")).hexdigest()


def is_fresh(timestamp: str, now: datetime) -> bool:
    """Whether it is of the last five minutes, or of the next five where clocks differ."""
    return bool(SECONDS.fullmatch(timestamp)) and abs(int(timestamp) - now.timestamp()) <= FRESH.total_seconds()


def _decoded(aes_key: str) -> bytes:
    if len(aes_key) != 43:
        raise ValueError(f"an EncodingAESKey has 43 characters, this has {len(aes_key)}: copy it again")
    if not re.fullmatch(r"[A-Za-z0-9+/]+", aes_key):
        raise ValueError("an EncodingAESKey has letters and digits only: copy it again")
    return base64.b64decode(aes_key + "=")
