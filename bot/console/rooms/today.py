"""Today (今天): what needs me now, emergencies first."""

from bot.console.page import HOME, page
from bot.console.visit import Answer, Follow, Goto, Missing, Shown, Visit
from models.alarm import take_alarm
from models.lifecycle import RUNNING
from models.resident import Role
from models.today import look_at_today


@page("GET", HOME, needs=Role.WORKER)
def today(visit: Visit) -> Answer:
    return Shown("today/today.html", {"today": look_at_today(visit.db, visit.worker), "running": RUNNING})


@page("GET", "/console/stream", needs=Role.WORKER)
def stream(_: Visit) -> Answer:
    return Follow()


@page("POST", "/console/alarms/{alarm}/take", needs=Role.WORKER)
def take(visit: Visit) -> Answer:
    alarm = take_alarm(visit.db, visit.worker, visit.number("alarm"))
    if alarm is None:
        raise Missing
    mine = alarm.taken_by_id == visit.worker.id
    return Goto(HOME, "today.taken" if mine else "today.taken_by_other")
