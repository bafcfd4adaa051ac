"""What a letter means to the desk: words, a tap, a pin, or something that happened to the account's follower."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from bot.channels.origin import opened
from bot.channels.wechat.letter import Letter
from bot.conversation.message import Place
from bot.understanding.datum import to_wgs84

TAPS = ("CLICK", "SCAN", "subscribe")  # each allows three messages in the minute after it
CHOICE = re.compile(r"\d{1,12}\.\d{1,2}|/[a-z_.]+( [a-z_]+=[^ ]+)*|![a-z:_]+")  # what our own links and menus carry


@dataclass(frozen=True, slots=True)
class Heard:
    """What the resident said, as far as the letter alone tells."""

    text: str = ""
    choice: str = ""
    label: str = ""
    place: Place | None = None
    picture: bool = False  # to be fetched
    cannot: str = ""  # the kind of what we cannot hear
    community_id: int | None = None  # whose line was tapped, where it says so


def understood(letter: Letter, datum: str) -> Heard | None:
    """None for what is no word of the resident's."""
    whose, tapped = opened(unquote(letter.menu_id))  # nobody says whether phones decode what stands in a link
    match letter.kind:
        case "text" if CHOICE.fullmatch(tapped):
            return Heard(choice=tapped, label=unquote(letter.content), community_id=whose)
        case "text":
            return Heard(letter.content)
        case "image":
            return Heard(picture=True)
        case "voice":
            return Heard(letter.recognition.rstrip("。")) if letter.recognition else Heard(cannot="voice")
        case "location":
            return Heard(place=_place(letter, datum))
        case "link":
            return Heard(f"{letter.title} {letter.url}".strip())
        case "event":
            return _happened(letter)
        case "video" | "shortvideo":
            return Heard(cannot="video")
    return Heard(cannot="other")


def _happened(letter: Letter) -> Heard | None:
    if letter.event == "CLICK":
        return Heard(choice=letter.event_key) if CHOICE.fullmatch(letter.event_key) else Heard(letter.event_key)
    if letter.event in ("subscribe", "SCAN"):
        return Heard(choice="/hello")
    return None


def _place(letter: Letter, datum: str) -> Place | None:
    """WeChat's maps show GCJ-02; the desk reckons in WGS-84."""
    if letter.spot is None:
        return None
    spot = letter.spot
    lat, lon = to_wgs84(spot.lat, spot.lon) if datum == "gcj02" else (spot.lat, spot.lon)
    return Place(spot.label, lat, lon)
