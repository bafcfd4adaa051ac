"""A worker sends a notice: written, aimed, seen before it goes, watched while it goes, paused or stopped if need be.

社工：发通知
机器人：通知写什么？
社工：明天上午9点到11点停水，请提前储水。
机器人：发给谁？
社工：全体居民
机器人：明天上午9点到11点停水，请提前储水。……发给……这样发出去可以吗？
社工：可以
机器人：发出去了……人
社工：通知进度
机器人：正在发……一共 1 人，送到 0 人……等着发：1 人
社工：暂停
机器人：暂停了，还有 1 人没有发
社工：接着发
机器人：接着发，还有 1 人
社工：停发
机器人：停发“明天上午9点到11点停水，请提前储水。”？
社工：是的
机器人：停了，还有 1 人没有发
"""

from collections.abc import Callable
from dataclasses import asdict

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.understanding.place import home_in, numeral
from models.group import linked_groups
from models.notice import (
    SHOWN,
    Notice,
    fetch_notice,
    for_groups,
    latest_notice,
    pause_notice,
    report,
    report_groups,
    resume_notice,
    send_notice,
    stop_notice,
)
from models.outbox_bulk import count_receivers
from models.resident import Role

AUDIENCES = {"everyone": Role.RESIDENT, "building": Role.RESIDENT, "volunteers": Role.VOLUNTEER, "workers": Role.WORKER}
STEPS = {
    "going": ("progress", "pause", "stop"),
    "paused": ("progress", "resume", "stop"),
    "stopped": (),
    "finished": (),
}


@service("notice", needs=Role.WORKER)
def compose(talk: Talk) -> Reply:
    text = talk.words("text", least=4, most=1000, enough=0)
    audience = talk.choose("audience", tuple(AUDIENCES), volunteered=False)
    building = ""
    if audience == "building":
        said = talk.words("building", least=1, enough=0)
        building = home_in(said).building or numeral(said.strip())
    least = AUDIENCES[audience]
    count = count_receivers(talk.db, building=building or None, role=least)
    if not count:
        return talk.say("nobody", [("/notice", "menu.notice")], building=building)
    whom = talk.text("whom_building", building=building) if building else talk.text(f"audience_{audience}")
    groups = len(linked_groups(talk.db)) if for_groups(building, least) else 0
    also = talk.text("in_groups", count=groups) if groups else ""
    talk.confirm("confirm", text=text, whom=whom, count=count, groups=also)
    notice = send_notice(talk.db, talk.resident, text, building=building, least=least)
    return talk.say("sent", _buttons(notice, "going"), count=report(talk.db, notice).total)


@service("notice.progress", needs=Role.WORKER)
def watch(talk: Talk) -> Reply:
    notice = _which(talk)
    if notice is None:
        return talk.say("none")
    people, groups, state = report(talk.db, notice), report_groups(talk.db, notice), _state(talk, notice)
    text = notice.text[:SHOWN]
    if not people.total:
        return talk.say("long_ago", text=text, at=notice.sent_at)
    rest = [talk.text(f"rest_{name}", count=n) for name, n in asdict(people).items() if n and name != "reached"]
    return talk.say(
        "report",
        _buttons(notice, state),
        text=text,
        state=talk.text(f"state_{state}"),
        total=people.total,
        reached=people.reached,
        rest="".join(rest),
        groups=talk.text("groups_reached", total=groups.total, reached=groups.reached) if groups.total else "",
    )


@service("notice.pause", needs=Role.WORKER)
def pause(talk: Talk) -> Reply:
    return _change(talk, "paused", lambda notice: pause_notice(talk.db, notice, talk.resident))


@service("notice.resume", needs=Role.WORKER)
def resume(talk: Talk) -> Reply:
    return _change(talk, "resumed", lambda notice: resume_notice(talk.db, notice, talk.resident))


@service("notice.stop", needs=Role.WORKER)
def stop(talk: Talk) -> Reply:
    def take_back(notice: Notice) -> int | None:
        sure = talk.yes("really", text=notice.text[:SHOWN])
        return stop_notice(talk.db, notice, talk.resident) if sure else None

    return _change(talk, "stopped", take_back)


def _change(talk: Talk, done: str, change: Callable[[Notice], int | None]) -> Reply:
    """What is over cannot be changed; `change` says how many it concerns, None when it was thought better of."""
    notice = _which(talk)
    if notice is None:
        return talk.say("none")
    if not STEPS[_state(talk, notice)]:
        return talk.say("over", [(f"/notice.progress notice={notice.id}", "notice.do_progress")])
    count = change(notice)
    buttons = _buttons(notice, _state(talk, notice))
    return talk.say("goes_on", buttons) if count is None else talk.say(done, buttons, count=count)


def _which(talk: Talk) -> Notice | None:
    """The notice the button named, or the newest."""
    newest = latest_notice(talk.db, talk.resident)
    number = talk.which("notice", lambda: [(str(newest.id), newest.text)] if newest else [])
    return fetch_notice(talk.db, talk.resident, number) if number is not None else None


def _state(talk: Talk, notice: Notice) -> str:
    if notice.stopped_at is not None:
        return "stopped"
    if not report(talk.db, notice).left + report_groups(talk.db, notice).left:
        return "finished"
    return "paused" if notice.paused_at is not None else "going"


def _buttons(notice: Notice, state: str) -> list[tuple[str, str]]:
    return [(f"/notice.{step} notice={notice.id}", f"notice.do_{step}") for step in STEPS[state]]
