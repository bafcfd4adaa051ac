"""Envelopes: other programs open ours and we open theirs; whatever is wrong with one, it stays closed."""

import base64
import json
import os
import random
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xmltodict
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import PrpCrypto, WeChatCrypto

from bot.channels.wechat.envelope import Envelope, NotGenuine, is_fresh, signed
from bot.channels.wechat.markup import LARGEST
from tests.conftest import NOON

TOKEN, APPID, NONCE = "lampion", "wx5823bf96d3bd56c7", "1320562132"
KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NOW = str(int(NOON.timestamp()))
LETTER = "<xml><Content><![CDATA[3幢楼道的灯坏了]]></Content></xml>"
ENVELOPE, THEIRS = Envelope(TOKEN, KEY, APPID), WeChatCrypto(TOKEN, KEY, APPID)
LETTERS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=300)
INSTALL = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "wechat-crypto@0.0.2"]
RUN: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60}
CROSS = """
const [token, key, id, ours, letters] = JSON.parse(require("fs").readFileSync(0));
const crypt = new (require("wechat-crypto"))(token, key, id);
const seal = (letter) => ((sealed) => [sealed, crypt.getSignature("%s", "%s", sealed)])(crypt.encrypt(letter));
console.log(JSON.stringify([ours.map((sealed) => crypt.decrypt(sealed)), letters.map(seal)]));
"""


def query(sealed: str = "", **changes: str) -> dict[str, str]:
    """What stands in the address of a request, signed over what was sealed."""
    asked = {"timestamp": NOW, "nonce": NONCE} | changes
    parts = (TOKEN, asked["timestamp"], asked["nonce"])
    return {"signature": signed(*parts), "msg_signature": signed(*parts, sealed)} | asked


def body(sealed: str) -> bytes:
    return f"<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()


def opened(sealed: str, by: Envelope = ENVELOPE) -> str:
    return by.open(body(sealed), query(sealed), NOON).decode()


def sealed_raw(plain: bytes) -> str:
    """Encrypted as it is, with no padding of its own."""
    key = base64.b64decode(KEY + "=")
    cipher = Cipher(AES(key), CBC(key[:16])).encryptor()
    return base64.b64encode(cipher.update(plain) + cipher.finalize()).decode()


@pytest.fixture
def npm_crypto(tmp_path: Path) -> Path:
    """A folder where node finds the package wechat-crypto; in CI there has to be one."""
    fetched = shutil.which("npm") and subprocess.run(INSTALL, cwd=tmp_path, **RUN)
    if not fetched or fetched.returncode:
        refuse = (
            pytest.fail if os.environ.get("CI") else pytest.skip
        )  # a newcomer need not install node for a second opinion
        refuse("npm is not installed, or cannot fetch wechat-crypto: optional outside CI")
    return tmp_path


@given(LETTERS)
def test_wechatpy_opens_ours_and_we_open_theirs(letter: str) -> None:
    reply = xmltodict.parse(ENVELOPE.seal(letter, NOW, NONCE))["xml"]
    assert THEIRS.decrypt_message(reply, reply["MsgSignature"], reply["TimeStamp"], reply["Nonce"]) == letter
    request = THEIRS.encrypt_message(letter, NONCE, NOW)
    asked = {"timestamp": NOW, "nonce": NONCE, "msg_signature": xmltodict.parse(request)["xml"]["MsgSignature"]}
    assert ENVELOPE.open(request.encode(), asked, NOON).decode() == letter


@pytest.mark.parametrize("size", range(70))
def test_letters_of_every_length_come_through(size: int) -> None:
    assert opened(xmltodict.parse(ENVELOPE.seal("x" * size, NOW, NONCE))["xml"]["Encrypt"]) == "x" * size


def test_wechat_crypto_of_npm_opens_ours_and_we_open_theirs(npm_crypto: Path) -> None:
    dice = random.Random(4)
    letters = ["楼" * dice.randrange(200) + "x" * dice.randrange(32) for _ in range(200)]
    ours = [xmltodict.parse(ENVELOPE.seal(letter, NOW, NONCE))["xml"]["Encrypt"] for letter in letters]
    given = json.dumps([TOKEN, KEY, APPID, ours, letters])
    node = subprocess.run(["node", "-e", CROSS % (NOW, NONCE)], input=given, cwd=npm_crypto, **RUN, check=True)
    decrypted, theirs = json.loads(node.stdout)
    assert decrypted == [{"message": letter, "id": APPID} for letter in letters]
    for letter, (sealed, signature) in zip(letters, theirs, strict=True):
        assert signature == query(sealed)["msg_signature"]
        assert opened(sealed) == letter


def test_the_address_is_checked_in_plain_for_an_account_and_sealed_for_wecom() -> None:
    assert ENVELOPE.echo(query() | {"echostr": "5837 & <b>"}, NOON) == "5837 & <b>"
    echo = PrpCrypto(base64.b64decode(KEY + "=")).encrypt("5837", APPID).decode()
    asked = query(echo) | {"echostr": echo}
    del asked["signature"]
    assert ENVELOPE.echo(asked, NOON) == "5837"
    for wrong in (asked | {"msg_signature": "0" * 40}, {"echostr": echo}, query() | {"signature": "", "echostr": "1"}):
        with pytest.raises(NotGenuine):
            ENVELOPE.echo(wrong, NOON)


def test_a_letter_without_an_envelope_is_none() -> None:
    ENVELOPE.verify(query(), NOON)
    for plain in (LETTER.encode(), b"", b"{}", b"<xml/>", b"<!DOCTYPE xml><xml/>", b"x" * (LARGEST + 1)):
        with pytest.raises(NotGenuine):
            ENVELOPE.open(plain, query(), NOON)


@pytest.mark.parametrize("wrong", ["0" * 40, "", "签名", "\ud800", None])
def test_a_wrong_signature_is_refused(wrong: str | None) -> None:
    def asked(name: str) -> dict[str, str]:
        return {k: v for k, v in (query() | {name: wrong}).items() if v is not None}

    with pytest.raises(NotGenuine, match=r"^signature"):
        ENVELOPE.verify(asked("signature"), NOON)
    with pytest.raises(NotGenuine, match=r"^msg_signature"):
        ENVELOPE.open(body(""), asked("msg_signature"), NOON)


def test_the_signature_covers_what_is_sealed_and_the_token() -> None:
    sealed = xmltodict.parse(ENVELOPE.seal(LETTER, NOW, NONCE))["xml"]["Encrypt"]
    assert opened(sealed) == LETTER
    other = xmltodict.parse(ENVELOPE.seal(LETTER, NOW, NONCE))["xml"]["Encrypt"]
    assert other != sealed  # the same letter never looks the same
    with pytest.raises(NotGenuine):
        ENVELOPE.open(body(other), query(sealed), NOON)
    with pytest.raises(NotGenuine, match="Token"):
        opened(sealed, Envelope("lantern", KEY, APPID))
    with pytest.raises(NotGenuine, match="AppID"):
        opened(sealed, Envelope(TOKEN, KEY, APPID[:-1]))
    with pytest.raises(NotGenuine, match="EncodingAESKey"):
        opened(sealed, Envelope(TOKEN, KEY[::-1], APPID))
    with pytest.raises(NotGenuine, match="EncodingAESKey"):
        opened(sealed, Envelope(TOKEN, "", APPID))


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        bytes([0] * 32),
        bytes([33] * 64),  # more padding than a block
        bytes([1] * 30 + [2, 3]),  # padding that is not all the same
        bytes([32] * 32),  # nothing but padding
        b"r" * 16 + b"\0\0\0\x04" + b"1234" + b"\x08" * 8,  # nobody it is for
        b"r" * 16 + b"\xff\xff\xff\xff" + APPID.encode() + b"\x1a" * 26,  # a length beyond the end
        b"r" * 16 + b"\0\0\0\xff" + APPID.encode() + b"\x1a" * 26,
        b"r" * 16 + b"\0\0\0\0" + APPID.encode() + b"x" + b"\x19" * 25,  # something after the receiver
        b"r" * 16 + b"\0\0\0\0" + APPID.encode() + b"\x0a" * 10,  # padded to AES's block, not to WeChat's
    ],
)
def test_what_is_sealed_wrongly_stays_closed(plain: bytes) -> None:
    sealed = sealed_raw(plain)
    with pytest.raises(NotGenuine):
        opened(sealed)


def test_a_length_beyond_the_end_deceives_not_even_who_has_no_name() -> None:
    nameless = Envelope(TOKEN, KEY, "")  # as the robots of WeCom
    assert opened(sealed_raw(b"r" * 16 + b"\0\0\0\x04" + b"1234" + b"\x08" * 8), nameless) == "1234"
    for plain in (b"r" * 16 + b"\0\0\0\x05" + b"1234" + b"\x08" * 8, b"r" * 19 + b"\x0d" * 13):
        with pytest.raises(NotGenuine):
            opened(sealed_raw(plain), nameless)


@pytest.mark.parametrize("sealed", ["", "x", "签", "AAAA", "=", "A" * 43 + "=", "A" * 65, "\n"])
def test_what_is_no_cipher_stays_closed(sealed: str) -> None:
    with pytest.raises(NotGenuine):
        opened(sealed)


def test_mutated_requests_stay_closed() -> None:
    sealed = xmltodict.parse(ENVELOPE.seal(LETTER, NOW, NONCE))["xml"]["Encrypt"]
    whole, asked, dice = body(sealed), query(sealed), random.Random(17)
    span = whole.index(sealed.encode()), whole.index(sealed.encode()) + len(sealed)
    for _ in range(2000):
        mutated = bytearray(whole)
        mutated[dice.randrange(*span)] ^= dice.randrange(1, 256)
        with pytest.raises(NotGenuine):
            ENVELOPE.open(bytes(mutated), asked, NOON)


@pytest.mark.parametrize(("seconds", "fresh"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_request_is_good_for_five_minutes(seconds: int, fresh: bool) -> None:
    now: datetime = NOON + timedelta(seconds=seconds)
    assert is_fresh(NOW, now) is fresh
    if fresh:
        ENVELOPE.verify(query(), now)
        return
    for check in (ENVELOPE.verify, ENVELOPE.echo):
        with pytest.raises(NotGenuine, match="five minutes"):
            check(query(), now)
    sealed = xmltodict.parse(ENVELOPE.seal(LETTER, NOW, NONCE))["xml"]["Encrypt"]
    with pytest.raises(NotGenuine, match="five minutes"):
        ENVELOPE.open(body(sealed), query(sealed), now)


@pytest.mark.parametrize("timestamp", ["", "now", "1e9", "-1", "１７６４", f" {NOW}", "9" * 400, "\ud800"])
def test_what_is_no_time_is_not_fresh(timestamp: str) -> None:
    assert not is_fresh(timestamp, NOON)
    with pytest.raises(NotGenuine):
        ENVELOPE.verify(query(timestamp=timestamp), NOON)


@pytest.mark.parametrize(
    ("key", "says"), [(KEY[:-1], "this has 42"), (KEY + "=", "this has 44"), ("-" + KEY[1:], "letters and digits")]
)
def test_a_wrong_key_is_told_to_the_operator(key: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as failure:
        Envelope(TOKEN, key, APPID)
    assert key not in str(failure.value)
    with pytest.raises(ValueError, match="Token"):
        Envelope("", KEY, APPID)
    assert KEY not in repr(ENVELOPE)
