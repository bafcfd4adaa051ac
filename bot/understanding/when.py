"""Dates and times as people write them: 今晚七点, 周六下午, 11月28日14:00, tomorrow 3pm."""

import re
from datetime import UTC, date, datetime, time, timedelta

from bot.conversation.texts import CIVIL
from bot.understanding.place import numeral

N = r"(\d{1,2}|[零〇一二两三四五六七八九十]{1,3})"
RELATIVE = {
    "前天": -2, "昨天": -1, "昨晚": -1, "今天": 0, "今晚": 0, "今早": 0, "今朝": 0,
    "明天": 1, "明早": 1, "明晚": 1, "明朝": 1, "后天": 2, "大后天": 3,
    "yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1, "day after tomorrow": 2,
}  # fmt: skip
DAYS_ON = re.compile(rf"{N}天(?:之|以)?后|\bin\s+(\d{{1,2}})\s+days?\b", re.IGNORECASE)
WEEKDAY = re.compile(r"(下下|下|这|本)?(?:个)?(?:周|星期|礼拜)([一二三四五六日天末1-7])")
ENGLISH_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ENGLISH_WEEKDAY = re.compile(
    r"\b(next|this)?\s*(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b", re.IGNORECASE
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
ENGLISH_DATE = re.compile(
    rf"(?<![\d:])(?:\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH}|\b{MONTH}\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?)\b",
    re.IGNORECASE,
)
DATE = re.compile(
    rf"(?<![\d:：.-])(?:(20\d\d|\d{{4}}(?=年))[年/.-])?{N}([月/.-]){N}(?!\d|[点时:：-]|号[楼线门])[日号]?"
)
DAY_OF_MONTH = re.compile(rf"(?<![月\d]){N}[号日](?!楼|门|线)")
CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-4])[:：]([0-5]\d)(?:\s*([ap])\.?m\b)?", re.IGNORECASE)
CHINESE_CLOCK = re.compile(rf"{N}[点时](?!间)(半|一刻|三刻|{N}分?)?")
ENGLISH_CLOCK = re.compile(
    r"(?<![\d:])(1[0-2]|0?[1-9])\s*(?:([ap])\.?m\b|o['’]?clock\b)"
    r"|\bat\s+(1[0-2]|0?[1-9])(?=\s*(?:$|[,.;!?]|in the\b|on\b|at night\b|this\b|next\b|to(?:day|night|morrow)\b))",
    re.IGNORECASE,
)
MINUTES = {"半": 30, "一刻": 15, "三刻": 45, None: 0}
# the hour meant by a part of the day when none is said
PARTS = {
    "凌晨": 5, "早上": 8, "早晨": 8, "上午": 9, "明早": 8, "今早": 8, "中午": 12, "下午": 14, "傍晚": 18, "晚上": 19,
    "今晚": 19, "明晚": 19, "昨晚": 19, "夜里": 20, "半夜": 24, "午夜": 24,
    "morning": 9, "noon": 12, "afternoon": 14, "evening": 19, "tonight": 19, "night": 20, "midnight": 24,
}  # fmt: skip
BEFORE_DAWN, NOON, AFTERNOON, NIGHT = 5, 12, 14, 18


def _any(words: dict[str, int]) -> re.Pattern[str]:
    """Any of the words, the longest first; a Latin one only as a whole word."""
    longest = sorted(words, key=len, reverse=True)
    return re.compile("|".join(rf"\b{w}\b" if w.isascii() else w for w in longest), re.IGNORECASE)


RELATIVE_WORD, PART_WORD = _any(RELATIVE), _any(PARTS)


def when_in(text: str, now: datetime) -> datetime | None:
    """The moment (UTC) a sentence names in Asia/Shanghai civil time, seen from `now`; None without a day and an hour.

    A day without an hour takes the hour of its part of the day; an hour without a day is the next such hour.
    Midnight ends the day it is said of: 今晚十二点 is the end of today. None too for a day no calendar has.
    """
    here, clock = now.astimezone(CIVIL), _clock(text)
    try:
        day = _day(text, here.date())
    except ValueError:
        return None
    if clock is None:
        return None
    today = datetime.combine(here.date(), time(), CIVIL)
    if day is None:
        day = here.date() if today + clock > here else here.date() + timedelta(days=1)
    try:
        return (datetime.combine(day, time(), CIVIL) + clock).astimezone(UTC)
    except OverflowError:
        return None


def _day(text: str, today: date) -> date | None:
    """The day named, if any; raises ValueError for one that is not in the calendar."""
    if (match := DATE.search(text)) and (day := _written(match, today)):
        return day
    if match := ENGLISH_DATE.search(text):
        month = MONTHS.index((match[2] or match[3])[:3].lower()) + 1
        return _calendar(None, month, int(match[1] or match[4]), today)
    if match := WEEKDAY.search(text):
        named = "一二三四五六日".find(match[2].replace("天", "日").replace("末", "六"))
        weekday = named if named >= 0 else int(match[2]) - 1
        return _weekday(weekday, today, {"下": 1, "下下": 2, "这": 0, "本": 0}.get(match[1] or ""))
    if match := DAYS_ON.search(text):
        return today + timedelta(days=int(numeral(match[1] or match[2])))
    if match := RELATIVE_WORD.search(text):
        return today + timedelta(days=RELATIVE[match[0].lower()])
    if match := ENGLISH_WEEKDAY.search(text):
        weekday = ENGLISH_DAYS.index(match[2][:3].lower())
        return _weekday(weekday, today, 1 if (match[1] or "").lower() == "next" else None)
    if match := DAY_OF_MONTH.search(text):
        return _day_of_month(int(numeral(match[1])), today)
    return None


def _written(match: re.Match[str], today: date) -> date | None:
    """A date in figures; 3-40 and 1.50 may mean anything, so only what cannot be but a date has to be one."""
    year, month, between, day = match.groups()
    try:
        return _calendar(int(year) if year else None, int(numeral(month)), int(numeral(day)), today)
    except ValueError:
        if year or between in "月/":
            raise
        return None


def _weekday(weekday: int, today: date, weeks: int | None) -> date:
    monday = today - timedelta(days=today.weekday())
    if weeks is not None:
        return monday + timedelta(weeks=weeks, days=weekday)
    return today + timedelta(days=(weekday - today.weekday()) % 7)


def _calendar(year: int | None, month: int, day: int, today: date) -> date:
    """A day of the calendar; without a year, the next that is not long past. Raises ValueError if there is none."""
    named = date(year or today.year, month, day)
    return named if year or named >= today - timedelta(days=30) else named.replace(year=today.year + 1)


def _day_of_month(day: int, today: date) -> date | None:
    """The next day of that number."""
    if not 1 <= day <= 31:
        return None
    return next(d for n in range(62) if (d := today + timedelta(days=n)).day == day)


def _clock(text: str) -> timedelta | None:
    """The time after the midnight the day begins with; 24 hours and more lie in the night that ends it."""
    found = PART_WORD.search(text)
    part = PARTS[found[0].lower()] if found else None
    hour, minute, half = _hour(text)
    if hour is None:
        return timedelta(hours=part) if part is not None else None
    if hour > 24 or minute > 59:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return timedelta(hours=_meant(hour, part, said=half is not None), minutes=minute)


def _meant(hour: int, part: int | None, said: bool) -> int:
    """The hour of the day, 0 to 28, that a clock hour means in a part of the day; `said`: am or pm was given."""
    if part is None or hour > 12:
        return hour
    if part >= NIGHT:
        return hour + 24 if hour < BEFORE_DAWN else hour + (0 if said else 12)
    if part == BEFORE_DAWN:
        return hour % 12
    if said or part < NOON or (part == NOON and hour > 3) or hour == 12:
        return hour
    return hour + 12


def _hour(text: str) -> tuple[int | None, int, str | None]:
    if match := CLOCK.search(text):
        return int(match[1]), int(match[2]), match[3] and match[3].lower()
    if match := ENGLISH_CLOCK.search(text):
        return int(match[1] or match[3]), 0, match[2] and match[2].lower()
    if match := CHINESE_CLOCK.search(text):
        minute = MINUTES[match[2]] if match[2] in MINUTES else int(numeral(match[3]))
        return int(numeral(match[1])), minute, None
    return None, 0, None
