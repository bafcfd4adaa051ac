"""What WeChat brings: one message or event, read from the XML of 接收普通消息 and 接收事件推送."""

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

from bot.channels.wechat.markup import BadLetter, read

NAME = re.compile(r"[A-Za-z0-9_.@-]{1,128}")  # an OpenID, gh_…, a corpid, a MsgId, an event
SECONDS = re.compile(r"[0-9]{1,11}")
NEEDED = {"text": ("Content",), "location": ("Location_X", "Location_Y"), "link": ("Url",)}


@dataclass(frozen=True, slots=True)
class Spot:
    """A point in degrees, of the datum WeChat's maps have."""

    lat: float
    lon: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of one subscription notice: the resident's answer to it, or its delivery (订阅通知的事件推送)."""

    template_id: str
    answer: str = ""  # accept, reject
    msg_id: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What the desk reads of one message or event; fields it does not have are empty."""

    to: str  # our account: gh_…, or a corpid
    sender: str  # an OpenID, or a member's id
    created_at: datetime
    kind: str  # text, image, voice, video, shortvideo, location, link, event, or one we do not know
    msg_id: str = ""
    content: str = ""
    menu_id: str = ""  # bizmsgmenuid: of the clicked line in a message of ours
    picture_url: str = ""
    recognition: str = ""
    spot: Spot | None = None
    title: str = ""
    url: str = ""
    event: str = ""
    event_key: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def scene(self) -> str:
        """Of the QR code that was followed or scanned."""
        return self.event_key.removeprefix("qrscene_") if self.event in ("subscribe", "SCAN") else ""

    @property
    def identity(self) -> str:
        """The same for every delivery of the same thing, 64 characters at most.

        Events have no MsgId: the sender, the second, the event and what it is about stand for it, in a digest because
        a key may be a long address. Two notices may be settled in one second, so theirs is what it is about.
        """
        if self.kind != "event":
            return self.msg_id
        about = self.event_key or self.msg_id or "+".join(n.msg_id or n.template_id for n in self.notices)
        parts = (self.sender, str(int(self.created_at.timestamp())), self.event, about)
        return "event-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def read_letter(xml: bytes) -> Letter:
    """Of the body in plain mode, or of what was in the envelope; raises BadLetter."""
    root = read(xml)
    kind = _name(root, "MsgType")
    for tag in NEEDED.get(kind, ()):
        if root.find(tag) is None:
            raise BadLetter(f"no {tag}")
    is_event = kind == "event"
    return Letter(
        to=_name(root, "ToUserName"),
        sender=_name(root, "FromUserName"),
        created_at=_moment(root),
        kind=kind,
        msg_id=_text(root, "MsgID")[:64] if is_event else _name(root, "MsgId", 64),
        content=root.findtext("Content") or "",
        menu_id=_text(root, "bizmsgmenuid"),
        picture_url=_text(root, "PicUrl"),
        recognition=_text(root, "Recognition"),
        spot=_spot(root),
        title=_text(root, "Title"),
        url=_text(root, "Url"),
        event=_name(root, "Event") if is_event else "",
        event_key=_text(root, "EventKey"),
        notices=tuple(_notice(item) for item in root.iterfind("*/List")) if is_event else (),
    )


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _name(root: Element, tag: str, longest: int = 128) -> str:
    name = _text(root, tag)
    if not NAME.fullmatch(name) or len(name) > longest:
        raise BadLetter(f"{tag} is missing, or no name")
    return name


def _moment(root: Element) -> datetime:
    seconds = _text(root, "CreateTime")
    if not SECONDS.fullmatch(seconds):
        raise BadLetter("CreateTime is missing, or no time")
    return datetime.fromtimestamp(int(seconds), UTC)


def _spot(root: Element) -> Spot | None:
    """Location_X is the latitude; the event LOCATION has names of its own."""
    for lat, lon in (("Location_X", "Location_Y"), ("Latitude", "Longitude")):
        if root.find(lat) is not None:
            return Spot(_degrees(root, lat, 90), _degrees(root, lon, 180), _text(root, "Label"))
    return None


def _degrees(root: Element, tag: str, most: int) -> float:
    try:
        degrees = float(_text(root, tag))
    except ValueError:
        degrees = math.nan
    if not abs(degrees) <= most:
        raise BadLetter(f"{tag} is missing, or no degrees")
    return degrees


def _notice(item: Element) -> Notice:
    return Notice(_text(item, "TemplateId"), _text(item, "SubscribeStatusString"), _text(item, "MsgID"))
