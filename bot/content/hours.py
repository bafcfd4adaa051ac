"""Opening hours as people ask for them: open now, and when next."""

from datetime import datetime, time, timedelta

from bot.content.pack import DAYS, Opening, Place
from bot.conversation.texts import CIVIL, WEEKDAYS


def open_until(place: Place, now: datetime) -> str | None:
    """When the place closes ("18:30") if it is open at `now` (UTC), else None."""
    here = now.astimezone(CIVIL)
    for start, end in intervals(place, here.weekday()):
        if start <= here.strftime("%H:%M") < end:
            return end
    return None


def opens_next(place: Place, now: datetime) -> datetime | None:
    """The next time the place opens within a week."""
    here = now.astimezone(CIVIL)
    for days in range(8):
        day = here + timedelta(days=days)
        for start, _ in intervals(place, day.weekday()):
            opening = datetime.combine(day.date(), time.fromisoformat(start), CIVIL)
            if opening > here:
                return opening
    return None


def intervals(place: Place, weekday: int) -> list[tuple[str, str]]:
    """The opening intervals of a weekday (0 is Monday), earliest first."""
    day = DAYS[weekday]
    found = [part.strip() for o in place.hours if day in days_of(o) for part in o.open.split(",")]
    return sorted((start, end) for start, _, end in (part.partition("-") for part in found))


def days_of(opening: Opening) -> list[str]:
    """mon-fri → mon … fri; sat,sun → sat, sun; fri-mon runs over the week's end."""
    days: list[str] = []
    for part in opening.days.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        days += [DAYS[d % 7] for d in range(start, (end if end >= start else end + 7) + 1)]
    return days


def timetable(place: Place, language: str) -> str:
    """周一至周五 08:30-12:00、13:30-17:00；周六 09:00-12:00."""
    names = WEEKDAYS[language]
    lines = []
    for opening in place.hours:
        parts = []
        for part in opening.days.split(","):
            first, _, last = part.partition("-")
            spans = [names[DAYS.index(d)] for d in (first, last) if d]
            parts.append(("至".join(f"周{s}" for s in spans)) if language == "zh" else "–".join(spans))
        times = [t.strip() for t in opening.open.split(",")]
        if language == "zh":
            lines.append(f"{'、'.join(parts)} {'、'.join(times)}")
        else:
            lines.append(f"{', '.join(parts)} {', '.join(times)}")
    return ("；" if language == "zh" else "; ").join(lines)
