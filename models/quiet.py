"""Quiet hours: when somebody is not to be disturbed with anything ordinary."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

CIVIL = ZoneInfo("Asia/Shanghai")


def quiet_until(start: int, end: int, now: datetime) -> datetime | None:
    """When the quiet hours end that `now` lies in, if any; minutes after midnight, Asia/Shanghai."""
    here = now.astimezone(CIVIL)
    minute = here.hour * 60 + here.minute
    if not (start <= minute < end if start <= end else minute >= start or minute < end):
        return None
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=int(minute >= end), minutes=end)
