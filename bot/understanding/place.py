"""Buildings, units and rooms as residents write them: 三幢2单元302, 10-2-601, building 7 room 302."""

import re
from dataclasses import dataclass
from functools import lru_cache

DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
NUMBER = r"(\d{1,4}|[零〇一二两三四五六七八九十百]{1,5})"
LETTERED = r"(\d{1,4}[a-z]?|(?<![a-z\d])[a-z]|[零〇一二两三四五六七八九十百]{1,5})"  # 20A幢, B座
BUILDING = re.compile(
    rf"(?:{LETTERED}\s*(?:幢|栋|号楼|座)|"
    r"\b(?:building|bldg|block)\.?\s*(?:no\.?\s*)?#?\s*(\d{1,3}(?:[a-z]\b)?|[a-z]\b))",
    re.IGNORECASE,
)
UNIT = re.compile(rf"(?:{NUMBER}\s*单元|\b(?:unit|entrance)\s*#?\s*(\d{{1,2}}))", re.IGNORECASE)
ROOM = re.compile(
    rf"(?:{NUMBER}\s*(?:室|房)|单元\s*{NUMBER}(?![\d一二三四五六七八九十]*楼)|\b(?:room|apt|flat)\.?\s*#?\s*(\d{{2,4}}))",
    re.IGNORECASE,
)
DASHED = re.compile(r"(?<![\d-])(\d{1,3}[a-z]?)-(\d{1,2})-(\d{3,4})(?![\d-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Home:
    """Where in the neighbourhood: strings without unit words, empty where not said."""

    building: str = ""
    unit: str = ""
    room: str = ""


@lru_cache(maxsize=1024)  # each run of a handler looks through all that was said
def home_in(text: str) -> Home:
    """The building, unit and room a sentence names."""
    if dashed := DASHED.search(text):
        return Home(*(numeral(part.upper()) for part in dashed.groups()))
    return Home(*(_first(pattern, text) for pattern in (BUILDING, UNIT, ROOM)))


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    found = next((g for g in match.groups() if g), "") if match else ""
    return found.upper() if found.isascii() and not found.isdigit() else numeral(found)


def numeral(text: str) -> str:
    """三 → 3, 十二 → 12, 三零二 → 302; digits lose leading zeros, anything else stays."""
    if text.isdecimal():
        return str(int(text))
    if not text or any(c not in DIGITS and c not in "十百" for c in text):
        return text
    if "十" not in text and "百" not in text:
        return "".join(str(DIGITS[c]) for c in text)
    hundreds, _, rest = text.rpartition("百")
    tens, has_tens, ones = rest.rpartition("十")
    total = (DIGITS.get(hundreds, 1) if "百" in text else 0) * 100
    if has_tens:
        total += DIGITS.get(tens.strip("零"), 1) * 10
    return str(total + DIGITS.get(ones.strip("零"), 0))
