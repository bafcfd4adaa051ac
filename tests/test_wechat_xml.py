"""Letters of WeChat: every kind is read as its documentation has it, nothing harms, and no reply can be broken out of."""

import random
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st
from wechatpy import parse_message
from wechatpy.replies import TextReply, deserialize_reply

from bot.channels.wechat.letter import Letter, Notice, Spot, read_letter
from bot.channels.wechat.markup import LARGEST, BadLetter, clean
from bot.channels.wechat.reply import text_reply
from tests.conftest import NOON

TEMPLATES = ("VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc", "9nLIlbOQZC5Y89AZteFEux3WCXRRRG5Wfzkpssu4bLI")
OPENID = "otFpruAK8D-E6EfStSYonYSBZ8_4"
HEAD = {"ToUserName": "gh_123456789abc", "FromUserName": OPENID, "CreateTime": "1610969440"}


def xml(**fields: str) -> bytes:
    """As WeChat writes it: words in CDATA, numbers bare; what begins with < is put in as it is."""
    written = (
        f"<{k}>{v if v.isdigit() or v.startswith('<') else f'<![CDATA[{v}]]>'}</{k}>\n"
        for k, v in (HEAD | fields).items()
    )
    return f"<xml>\n{''.join(written)}</xml>\n".encode()


def said(kind: str, **fields: str) -> bytes:
    return xml(MsgType=kind, MsgId="23254324554354351", **fields)


def event(name: str, **fields: str) -> bytes:
    return xml(MsgType="event", Event=name, **fields)


def listed(*items: dict[str, str]) -> str:
    rows = ("".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in item.items()) for item in items)
    return "".join(f"<List>{row}</List>" for row in rows)


POPUP = [
    {"TemplateId": TEMPLATES[0], "SubscribeStatusString": "accept", "PopupScene": "2"},
    {"TemplateId": TEMPLATES[1], "SubscribeStatusString": "reject", "PopupScene": "2"},
]
SENT = {"TemplateId": TEMPLATES[0], "MsgID": "1700827132819554304", "ErrorCode": "0", "ErrorStatus": "success"}
FIELDS = {"Location_X": "30.276", "Location_Y": "120.146", "Scale": "20", "Label": "文三路 <1> & 号"}
LETTERS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "text": (said("text", Content=" 灯坏了\n 3幢 "), {"content": " 灯坏了\n 3幢 "}),
    "menu link": (said("text", Content="我要报修", bizmsgmenuid="101"), {"content": "我要报修", "menu_id": "101"}),
    "image": (
        said("image", PicUrl="http://mmbiz.qpic.cn/x?a=1&b=2", MediaId="m-1"),
        {"picture_url": "http://mmbiz.qpic.cn/x?a=1&b=2"},
    ),
    "voice": (said("voice", MediaId="m-1", Format="amr"), {"kind": "voice", "recognition": ""}),
    "recognised": (said("voice", MediaId="m-1", Format="amr", Recognition="找人"), {"recognition": "找人"}),
    "video": (said("video", MediaId="m-1", ThumbMediaId="m-2"), {"kind": "video"}),
    "short video": (said("shortvideo", MediaId="m-1", ThumbMediaId="m-2"), {"kind": "shortvideo"}),
    "location": (said("location", **FIELDS), {"spot": Spot(30.276, 120.146, "文三路 <1> & 号")}),
    "link": (
        said("link", Title="公告", Description="停水", Url="https://example.org/?a&b"),
        {"title": "公告", "url": "https://example.org/?a&b"},
    ),
    "unknown": (said("sticker"), {"kind": "sticker"}),
    "follow": (event("subscribe", EventKey=""), {"event": "subscribe", "event_key": "", "scene": ""}),
    "follow by code": (
        event("subscribe", EventKey="qrscene_hongmei", Ticket="T"),
        {"event_key": "qrscene_hongmei", "scene": "hongmei"},
    ),
    "unfollow": (event("unsubscribe", EventKey=""), {"event": "unsubscribe"}),
    "scan": (event("SCAN", EventKey="hongmei", Ticket="T"), {"event": "SCAN", "scene": "hongmei"}),
    "where": (
        event("LOCATION", Latitude="23.137466", Longitude="113.352425", Precision="119.385040"),
        {"event": "LOCATION", "spot": Spot(23.137466, 113.352425)},
    ),
    "menu": (event("CLICK", EventKey="/repairs"), {"event": "CLICK", "event_key": "/repairs", "scene": ""}),
    "view": (event("VIEW", EventKey="https://example.org"), {"event": "VIEW", "event_key": "https://example.org"}),
    "template": (
        event("TEMPLATESENDJOBFINISH", MsgID="200163836", Status="failed:user block"),
        {"event": "TEMPLATESENDJOBFINISH", "msg_id": "200163836"},
    ),
    "popup": (
        event("subscribe_msg_popup_event", SubscribeMsgPopupEvent=listed(*POPUP)),
        {"notices": (Notice(TEMPLATES[0], "accept"), Notice(TEMPLATES[1], "reject"))},
    ),
    "change": (
        event("subscribe_msg_change_event", SubscribeMsgChangeEvent=listed({**POPUP[1]})),
        {"notices": (Notice(TEMPLATES[1], "reject"),)},
    ),
    "sent": (
        event("subscribe_msg_sent_event", SubscribeMsgSentEvent=listed(SENT)),
        {"notices": (Notice(TEMPLATES[0], msg_id=SENT["MsgID"]),)},
    ),
}
every_kind = pytest.mark.parametrize("kind", LETTERS)


@every_kind
def test_every_kind_is_read_as_documented(kind: str) -> None:
    body, expected = LETTERS[kind]
    letter = read_letter(body)
    assert (letter.to, letter.sender) == ("gh_123456789abc", OPENID)
    assert letter.created_at == datetime(2021, 1, 18, 11, 30, 40, tzinfo=UTC)
    assert {name: getattr(letter, name) for name in expected} == expected


@every_kind
def test_wechatpy_reads_the_same(kind: str) -> None:
    ours, theirs = read_letter(LETTERS[kind][0]), parse_message(LETTERS[kind][0])
    assert (theirs.target, theirs.source, theirs.create_time) == (ours.to, ours.sender, ours.created_at)
    assert ours.kind == "event" or str(theirs.id) == ours.msg_id
    same = ("content", "recognition", "title")
    known = {name: getattr(theirs, name).strip() for name in same if getattr(theirs, name, None)}
    assert known == {name: getattr(ours, name).strip() for name in known}
    if kind == "image":
        assert theirs.image == ours.picture_url
    elif kind in ("link", "view"):
        assert theirs.url == (ours.url or ours.event_key)
    elif kind in ("scan", "follow by code"):
        assert theirs.scene_id == ours.scene
    elif kind == "where":
        assert ours.spot == Spot(theirs.latitude, theirs.longitude)
    elif kind == "location":
        assert ours.spot == Spot(*map(float, theirs.location), theirs.label)


def test_the_same_thing_has_the_same_identity_and_no_other_has() -> None:
    identities = {kind: read_letter(body).identity for kind, (body, _) in LETTERS.items()}
    assert identities["text"] == "23254324554354351"
    events = [identities[kind] for kind, (body, _) in LETTERS.items() if b"<Event>" in body]
    assert len(set(events)) == len(events) == 11
    assert all(OPENID not in identity and len(identity) <= 64 for identity in events)
    again = event("CLICK", EventKey="/repairs")
    assert read_letter(again).identity == identities["menu"]
    others = (
        again.replace(b"1610969440", b"1610969441"),
        again.replace(OPENID.encode(), b"somebody-else"),
        again.replace(b"/repairs", b"/places"),
        again.replace(b"CLICK", b"SCAN"),
        *(event("TEMPLATESENDJOBFINISH", MsgID=number, Status="success") for number in ("1", "2")),
        *(event("subscribe_msg_sent_event", E=listed({**SENT, "MsgID": number})) for number in ("1", "2")),
    )
    assert len({read_letter(other).identity for other in others} | set(events)) == len(others) + len(events)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *((LETTERS["text"][0], f) for f in ("ToUserName", "FromUserName", "CreateTime", "MsgType", "MsgId", "Content")),
        *((LETTERS["location"][0], f) for f in ("Location_X", "Location_Y")),
        (LETTERS["link"][0], "Url"),
        (LETTERS["menu"][0], "Event"),
        (LETTERS["where"][0], "Longitude"),
    ],
)
def test_a_missing_field_is_named(body: bytes, field: str) -> None:
    without = re.sub(rf"<{field}>.*?</{field}>".encode(), b"", body, flags=re.DOTALL)
    assert without != body
    with pytest.raises(BadLetter, match=field):
        read_letter(without)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("1610969440", "yesterday"),
        ("1610969440", "１６１０"),
        ("1610969440", "9" * 5000),
        (OPENID, "a:b"),
        (OPENID, "x" * 129),
        ("23254324554354351", "7" * 65),
        ("30.276", "nan"),
        ("30.276", "north"),
        ("30.276", "90.1"),
        ("120.146", "-inf"),
    ],
)
def test_a_field_without_sense_is_refused(right: str, wrong: str) -> None:
    with pytest.raises(BadLetter):
        read_letter(LETTERS["location"][0].replace(right.encode(), wrong.encode()))


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
SHELL = b"<xml><ToUserName>&%s;</ToUserName></xml>"
HARM = {
    "nothing": b"",
    "no XML": b'{"MsgType": "text"}',
    "a document type": b"<!DOCTYPE xml>" + LETTERS["text"][0],
    "an entity bomb": b'<!DOCTYPE xml [<!ENTITY l0 "ha">' + LAUGHS + b"]>" + SHELL % b"l9",
    "a quadratic bomb": b'<!DOCTYPE xml [<!ENTITY a "' + b"x" * 30_000 + b'">]><xml>' + b"&a;" * 10_000 + b"</xml>",
    "a file": b'<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + SHELL % b"f",
    "an address": b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd">' + SHELL % b"amp",
    "a parameter entity": b'<!DOCTYPE xml [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]>' + SHELL % b"amp",
    "an unknown entity": LETTERS["text"][0].replace(b"1610969440", b"&nbsp;"),
    "a reference to a control": LETTERS["text"][0].replace(b"1610969440", b"&#29;"),
    "a megabyte": LETTERS["text"][0].replace(b"3\xe5\xb9\xa2", b"x" * 1_000_000),
    "one byte too many": LETTERS["text"][0].ljust(LARGEST + 1),
    "depth": b"<a>" * 9000 + b"</a>" * 9000,
    "breadth": b"<xml>" + b"<a/>" * 16_000 + b"</xml>",
    "attributes": b"<xml " + b" ".join(b'a%d=""' % n for n in range(7000)) + b"/>",
    "an endless tag": b"<" + b"a" * 65_000,
    "GBK": LETTERS["text"][0].decode().encode("gbk"),
    "GBK, and says so": b'<?xml version="1.0" encoding="gbk"?>' + LETTERS["text"][0].decode().encode("gbk"),
    "UTF-16": LETTERS["text"][0].decode().encode("utf-16"),
    "UTF-7": b'<?xml version="1.0" encoding="utf-7"?>' + LETTERS["text"][0].replace(b"<xml>", b"+ADw-xml>"),
    "half a character": LETTERS["text"][0].replace(b"3\xe5\xb9\xa2", b"\xe5\xb9"),
    "a surrogate": LETTERS["text"][0].replace(b"3\xe5\xb9\xa2", b"\xed\xa0\x80"),
    "two roots": LETTERS["text"][0] * 2,
}


@pytest.mark.parametrize("harm", HARM)
def test_harm_is_refused_at_once(harm: str) -> None:
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        with pytest.raises(BadLetter) as failure:
            read_letter(HARM[harm])
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.05
    assert len(str(failure.value)) < 100


def test_control_characters_are_left_out() -> None:
    controls = bytes(set(range(32)) - {9, 10, 13}) + b"\xef\xbf\xbe\xef\xbf\xbf"
    letter = read_letter(said("text", Content="灯@坏").replace(b"@", controls))
    assert letter.content == "灯坏"


def test_a_byte_order_mark_and_a_declaration_do_no_harm() -> None:
    for start in (b"\xef\xbb\xbf", b'<?xml version="1.0" encoding="gb2312"?>\n', b"<!-- -->"):
        assert read_letter(start + LETTERS["text"][0]).content == " 灯坏了\n 3幢 "


def test_ten_thousand_mutations_bring_a_letter_or_a_refusal() -> None:
    dice, bodies = random.Random(17), [body for body, _ in LETTERS.values()]
    pieces = [
        b"<",
        b">",
        b"&",
        b"]]>",
        b"<![CDATA[",
        b"<!DOCTYPE x [",
        b"</xml>",
        b"\x00",
        b"\xff",
        b"<List>",
        b"9" * 40,
    ]
    refused = 0
    for _ in range(10_000):
        body = bytearray(dice.choice(bodies))
        for _ in range(dice.randrange(1, 6)):
            start = dice.randrange(len(body))
            end = min(len(body), start + dice.choice((0, 1, 1, 2, 30)))
            body[start:end] = dice.choice(
                (dice.randbytes(end - start), dice.choice(pieces), b"", bytes(body[end:][:40]))
            )
        try:
            assert isinstance(read_letter(bytes(body)), Letter)
        except BadLetter:
            refused += 1
    assert 1000 < refused < 9900  # or the dice are no good


ASKED = read_letter(LETTERS["text"][0])
BREAKING = [
    "]]>",
    "]",
    "]]",
    ">",
    "<",
    "&",
    "&lt;",
    "<![CDATA[",
    "</Content><MsgType>image</MsgType>",
    "\r\n",
    "\x1d",
    "\x00",
    "\ud800",
]
WORDS = st.lists(st.one_of(st.text(max_size=20), st.sampled_from(BREAKING)), max_size=20).map("".join)


def fields(reply: str) -> dict[str, Any]:
    """As expat and xmltodict read it; a field written twice would be a list."""
    read: dict[str, Any] = xmltodict.parse(reply.encode(), strip_whitespace=False)["xml"]
    return read


@given(WORDS)
def test_nothing_breaks_out_of_a_text(text: str) -> None:
    reply = text_reply(ASKED, text, NOON)
    read = fields(reply)
    assert (read["ToUserName"], read["FromUserName"], read["MsgType"]) == (OPENID, "gh_123456789abc", "text")
    assert read["CreateTime"] == str(int(NOON.timestamp()))
    assert set(read) == {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Content"}
    assert (read["Content"] or "") == clean(text)
    theirs = deserialize_reply(reply)
    assert (theirs.type, theirs.content or "") == ("text", clean(text).strip())  # they strip what they read


def test_a_text_is_the_one_wechatpy_writes() -> None:
    theirs = TextReply(content="四楼", message=parse_message(LETTERS["text"][0]), time=int(NOON.timestamp()))
    assert fields(text_reply(ASKED, "四楼", NOON)) == xmltodict.parse(theirs.render())["xml"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("a\x1db\x00", "ab"),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("\ud800\ufffe\uffff", ""),
        ("\t楼👨‍👩‍👧\x85", "\t楼👨‍👩‍👧\x85"),
    ],
)
def test_what_no_xml_can_hold_is_left_out(said: str, written: str) -> None:
    assert clean(said) == written
