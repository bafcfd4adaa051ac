"""A worker sends a notice: written, aimed, seen before it goes, watched while it goes, stopped if need be.

社工：发通知
机器人：通知写什么？
社工：明天上午9点到11点停水，请提前储水。
机器人：发给谁？
社工：全体居民
机器人：明天上午9点到11点停水，请提前储水。……发给……这样发出去可以吗？
社工：可以
机器人：发出去了……人
"""

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.understanding.place import home_in, numeral
from models.notice import Notice, fetch_notice, how_far, latest_notice, send_notice, stop_notice
from models.outbox import Post
from models.outbox_bulk import count_receivers
from models.resident import Role

AUDIENCES = {"everyone": Role.RESIDENT, "building": Role.RESIDENT, "volunteers": Role.VOLUNTEER, "workers": Role.WORKER}


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
    talk.confirm("confirm", text=text, whom=whom, count=count)
    notice = send_notice(talk.db, talk.resident, text, building=building, least=least)
    return talk.say("sent", _buttons(notice), count=sum(how_far(talk.db, notice).values()))


@service("notice.progress", needs=Role.WORKER)
def watch(talk: Talk) -> Reply:
    notice = _which(talk)
    if notice is None:
        return talk.say("none")
    counts = how_far(talk.db, notice)
    waiting = counts.get(Post.WAITING, 0) + counts.get(Post.SENDING, 0)
    return talk.say(
        "progress",
        _buttons(notice) if waiting else [],
        text=notice.text[:40],
        total=sum(counts.values()),
        sent=counts.get(Post.SENT, 0),
        waiting=waiting,
        unreachable=counts.get(Post.UNREACHABLE, 0),
        uncertain=counts.get(Post.UNCERTAIN, 0),
        cancelled=counts.get(Post.CANCELLED, 0) + counts.get(Post.EXPIRED, 0),
    )


@service("notice.stop", needs=Role.WORKER)
def stop(talk: Talk) -> Reply:
    notice = _which(talk)
    if notice is None:
        return talk.say("none")
    if not talk.yes("really", text=notice.text[:40]):
        return talk.say("goes_on")
    return talk.say("stopped", count=stop_notice(talk.db, notice, talk.resident))


def _which(talk: Talk) -> Notice | None:
    """The notice the button named, or the newest."""
    newest = latest_notice(talk.db, talk.resident)
    number = talk.which("notice", lambda: [(str(newest.id), newest.text)] if newest else [])
    return fetch_notice(talk.db, talk.resident, number) if number is not None else None


def _buttons(notice: Notice) -> list[tuple[str, str]]:
    return [
        (f"/notice.progress notice={notice.id}", "notice.do_progress"),
        (f"/notice.stop notice={notice.id}", "notice.do_stop"),
    ]
