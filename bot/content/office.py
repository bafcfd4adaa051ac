"""How an office works, into the store: who reports go to, and the replies it gives; entered once, then the workers' own."""

from sqlmodel import Session

from bot.content.pack import Pack, Route
from bot.conversation.texts import LANGUAGES, texts
from models.lifecycle import Status
from models.resident import Role
from models.routing import RoutingRule, add_rule, rules_of
from models.template import ReplyTemplate, save_template, templates_of
from models.workdays import minute_of

TEMPLATES = (  # the step, the category it is for, the words
    (Status.AWAITING_REPORTER, "", "template.ask_place"),
    (Status.AWAITING_REPORTER, "", "template.ask_photo"),
    (Status.AWAITING_REPORTER, "", "template.ask_time"),
    (Status.ON_HOLD, "", "template.pause_part"),
    (Status.ON_HOLD, "", "template.pause_weather"),
    (Status.RESOLVED, "", "template.done_replaced"),
    (Status.RESOLVED, "garbage", "template.done_cleaned"),
    (Status.RESOLVED, "neighbour_dispute", "template.done_mediated"),
    (Status.CALLED_BACK, "", "template.called_satisfied"),
)


def enter_office(db: Session, pack: Pack) -> None:
    """Enter the pack's routes and our replies where there are none of a kind yet."""
    if not rules_of(db):
        for route in pack.routes:
            add_rule(db, None, _rule(route))
    if not templates_of(db):
        for step, category, key in TEMPLATES:
            said = {language: texts(language)(key) for language in LANGUAGES}
            save_template(db, None, ReplyTemplate(step=step, category=category, text=said))


def _rule(route: Route) -> RoutingRule:
    start, _, end = route.at.partition("-")
    return RoutingRule(
        position=0,
        name=route.name.model_dump(),
        categories=list(route.categories),
        buildings=list(route.buildings),
        words=list(route.words),
        from_minute=minute_of(start),
        until_minute=minute_of(end),
        role=Role[route.role.upper()],
    )
