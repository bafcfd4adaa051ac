"""My own page (我): what I am called, and where I am logged in."""

import re

from bot.console.page import page
from bot.console.visit import Answer, Goto, Missing, Shown, Visit
from models.audit import note
from models.login import log_out, log_out_everywhere, logins_of
from models.resident import Role

ME = "/console/me"
NUMBER = re.compile(r"1[3-9]\d{9}|0\d{9,11}")  # mainland, without blanks


@page("GET", ME, needs=Role.WORKER)
def me(visit: Visit) -> Answer:
    return _shown(visit, visit.worker.name, visit.worker.phone or "")


@page("POST", ME, needs=Role.WORKER)
def change_me(visit: Visit) -> Answer:
    """A name colleagues see when they hand over, and the number codes are asked for with."""
    name, phone = visit.field("name", 40), re.sub(r"[\s-]", "", visit.field("phone", 40))
    if not name:
        return _shown(visit, name, phone, "account.name_empty")
    if phone and not NUMBER.fullmatch(phone):
        return _shown(visit, name, phone, "account.phone_wrong")
    visit.worker.name, visit.worker.phone = name, phone or None
    note(visit.db, "resident.renamed", f"resident:{visit.worker.id}")
    return Goto(ME, "account.changed")


@page("POST", "/console/me/logins/{login}/end", needs=Role.WORKER)
def end_one(visit: Visit) -> Answer:
    if not log_out(visit.db, visit.worker, visit.number("login")):
        raise Missing
    return Goto(ME, "account.ended")


@page("POST", "/console/me/logins/end", needs=Role.WORKER)
def end_all(visit: Visit) -> Answer:
    log_out_everywhere(visit.db, visit.worker)
    return Goto("/console/login", "account.ended_all", token="")


def _shown(visit: Visit, name: str, phone: str, problem: str = "") -> Shown:
    facts = {"name": name, "phone": phone, "problem": problem, "logins": logins_of(visit.db, visit.worker)}
    return Shown("me/me.html", facts, 422 if problem else 200)
