"""The peer: APScheduler with its SQLAlchemyJobStore on SQLite, as its documentation sets it up."""

import asyncio
import pickle
import time
from datetime import UTC, datetime, timedelta

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import insert

from bench.punctual import AHEAD, AT_ONCE, PENDING, Punctual, Stall, all_gone

ADDED = 300  # by add_job, for its price: all of them would take minutes
came: list[float] = []


def remind() -> None:
    came.append(time.time())


def _lay_in(scheduler: AsyncIOScheduler, store: SQLAlchemyJobStore, number: int, due: datetime, prefix: str) -> None:
    """Rows as add_job writes them, all in one transaction: the peer has no bulk add of its own."""
    pattern = scheduler.add_job(remind, "date", run_date=due, id=prefix)
    state = pattern.__getstate__()
    scheduler.remove_job(prefix)
    rows = [
        {
            "id": f"{prefix}{n}",
            "next_run_time": due.timestamp(),
            "job_state": pickle.dumps(state | {"id": f"{prefix}{n}"}, pickle.HIGHEST_PROTOCOL),
        }
        for n in range(number)
    ]
    with store.engine.begin() as connection:
        connection.execute(insert(store.jobs_t), rows)


async def reminders(url: str, *_: int) -> Punctual:
    store = SQLAlchemyJobStore(url=url + ".jobs")
    defaults = {"misfire_grace_time": None, "coalesce": True}  # or what comes a second late would be dropped
    scheduler = AsyncIOScheduler(jobstores={"default": store}, job_defaults=defaults, timezone=UTC)
    scheduler.start()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    _lay_in(scheduler, store, PENDING, tomorrow, "pending")
    began = time.perf_counter()
    for n in range(ADDED):
        scheduler.add_job(remind, "date", run_date=tomorrow, id=f"added{n}")
    add = (time.perf_counter() - began) / ADDED
    due = time.time() + AHEAD
    _lay_in(scheduler, store, 1, datetime.fromtimestamp(due - AHEAD / 2, UTC), "first")
    _lay_in(scheduler, store, AT_ONCE, datetime.fromtimestamp(due, UTC), "due")
    scheduler.wakeup()
    await asyncio.sleep(AHEAD * 3 / 4)
    stall = Stall()
    await all_gone(came, due + 30)
    longest = stall.stop()
    scheduler.shutdown(wait=False)
    return Punctual(max(came) - due, longest, len(came) - 1, add)
