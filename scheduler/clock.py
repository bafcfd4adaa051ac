"""The clock: APScheduler ticks, from memory; what is due is decided by rows in the store."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.conversation.desk import Desk
from models.pace import prune_paces
from models.store import transaction
from models.visitor import forget_old_dangers
from scheduler.claim import reclaim, reroute
from scheduler.deadlines import meet_deadlines
from scheduler.outbox import Outbox
from scheduler.pruning import prune, prune_photos

log = logging.getLogger(__name__)
TICK = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}


@asynccontextmanager
async def ticking(desk: Desk, outbox: Outbox) -> AsyncIterator[None]:
    """Send what is owed and meet deadlines for as long as the context lasts."""
    clock = AsyncIOScheduler(timezone="UTC", job_defaults=TICK)
    clock.add_job(outbox.tick, "interval", seconds=1)
    clock.add_job(_safely, "interval", seconds=2, args=[meet_deadlines, desk])
    clock.add_job(_safely, "interval", seconds=10, args=[_reclaim, desk])
    clock.add_job(_safely, "interval", minutes=1, args=[forget, desk])
    clock.add_job(_safely, "interval", hours=1, args=[_reroute, desk])
    clock.add_job(_safely, "interval", hours=1, args=[prune, desk])
    clock.add_job(_safely, "interval", hours=1, args=[prune_photos, desk])
    clock.start()
    sending = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        clock.shutdown(wait=False)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _safely(job: Callable[[Desk], object], desk: Desk) -> None:
    """One job that fails must not stop the clock; it is due again at the next tick."""
    try:
        await asyncio.to_thread(job, desk)
    except Exception:
        log.exception("%s failed; it will be tried again", job.__name__)


def _reclaim(desk: Desk) -> None:
    if freed := reclaim(desk.engine, desk.now()):
        log.warning("%d pushes of a sender that died are free again", freed)


def _reroute(desk: Desk) -> None:
    if stuck := reroute(desk.engine, desk.now()):
        log.warning("%d pushes were stuck and look for another lane", stuck)


def forget(desk: Desk) -> None:
    """What is of use for minutes only."""
    with transaction(desk.engine, None, desk.now()) as db:
        prune_paces(db, desk.now())
        forget_old_dangers(db)
