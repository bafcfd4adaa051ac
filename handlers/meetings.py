"""The council chamber: raise a topic, second one, vote, and see what came of it.

居民：我提议小区北门装一盏路灯
机器人：这件事要知道您住哪里
居民：3幢2单元502
机器人：为什么要办这件事
居民：北门晚上太黑，老人出门看不见台阶
机器人：议题：小区北门装一盏路灯……这样提交可以吗？
居民：提交
机器人：议题提好了……还差 9 位
居民：议事坊
机器人：正在投票……周末要不要开早餐……征集附议……小区北门装一盏路灯（1/10
居民：我要投票
机器人：哪一个投票？
居民：周末要不要开早餐
机器人：早餐只有工作日……每人一票……截止前都可以改
居民：不要只开周六
机器人：请点下面的选项
居民：只开周六
机器人：记下了：“只开周六”。……截止前都可以改
居民：投票结果
机器人：哪一个投票？
居民：周末要不要开早餐
机器人：已有 1 人投票……结果要到截止才公布
"""

from collections.abc import Sequence
from typing import Any

from bot.conversation.message import Choice, Reply
from bot.conversation.paper import Mark, Title
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import plain
from models.ballot import (
    NotVerified,
    Poll,
    PollClosed,
    PollState,
    ballot_of,
    closed_polls,
    fetch_poll,
    fetch_poll_to_vote,
    follow_ups,
    open_polls,
    tally,
    voted_in,
    voter_for,
)
from models.poll import cast_vote, whose
from models.proposal import (
    LIFETIME,
    LIVE,
    SECONDS_NEEDED,
    Proposal,
    Stage,
    fetch_proposal,
    proposals_in,
    propose,
    second,
    seconded_by,
    seconds_of,
    takes_seconds,
)
from models.resident import Role

SHOWN = 3  # votes and topics with a button of their own in the overview


@service("meetings", anywhere=True)
def overview(talk: Talk) -> Reply:
    """What is being voted on, seconded and talked about."""
    polls, topics = open_polls(talk.db), proposals_in(talk.db, LIVE)
    voted, counts = voted_in(talk.db, talk.resident, polls), seconds_of(talk.db, topics)
    gathering = [t for t in topics if t.state is Stage.GATHERING]
    lines = [talk.text("overview_polls")] if polls else []
    lines += [
        talk.text("poll_line_voted" if p.id in voted else "poll_line", title=p.title, until=p.closes_at) for p in polls
    ]
    lines += [talk.text("overview_gathering")] if gathering else []
    lines += [talk.text("topic_line", title=t.title, count=counts[t.id], needed=t.seconds_needed) for t in gathering]
    talked = [t for t in topics if t.state is not Stage.GATHERING]
    lines += [talk.text("overview_talked")] if talked else []
    lines += [talk.text(f"{t.state.name.lower()}_line", title=t.title, note=t.note) for t in talked]
    standing = talk.say("overview_empty", [("/meetings.propose", "menu.meetings.propose"), *_more(talk)])
    choices = [Choice(f"/meetings.vote poll={p.id}", talk.text("do_vote", title=p.title)) for p in polls[:SHOWN]]
    choices += [
        Choice(f"/meetings.second topic={t.id}", talk.text("do_second", title=t.title)) for t in gathering[:SHOWN]
    ]
    return Reply("\n".join(lines) or standing.text, (*choices, *standing.choices))


def _more(talk: Talk) -> list[tuple[str, str]]:
    steps = ["meetings.result"]
    if talk.resident.role >= Role.WORKER:
        steps += ["meetings.open_discussion", "meetings.open_vote", "meetings.close", "meetings.follow_up"]
    return [(f"/{step}", f"menu.{step}") for step in steps]


@service("meetings.propose", needs=Role.RESIDENT)
def raise_topic(talk: Talk) -> Reply:
    title = talk.ask("title", Title(least=4, most=40, enough=0))
    what = talk.words("what", least=4, enough=0)
    talk.confirm("confirm_topic", title=title, what=what, needed=SECONDS_NEEDED, days=LIFETIME.days)
    proposal = propose(talk.db, talk.resident, {talk.texts.language: title}, {talk.texts.language: what})
    left, seen = proposal.seconds_needed - 1, [("/meetings", "menu.meetings")]
    return talk.say("proposed", seen, left=left, until=proposal.expires_at)


@service("meetings.second", needs=Role.RESIDENT)
def second_topic(talk: Talk) -> Reply:
    gathering = proposals_in(talk.db, [Stage.GATHERING])
    topic_id = which(talk, "topic", gathering)
    if topic_id is None:
        return talk.say("none_gathering", [("/meetings.propose", "menu.meetings.propose")])
    proposal = fetch_proposal(talk.db, topic_id)
    if proposal is None or not takes_seconds(talk.db, proposal):
        return talk.say("not_gathering", [("/meetings", "menu.meetings")])
    count = seconds_of(talk.db, [proposal])[proposal.id]
    facts: dict[str, Any] = {"title": proposal.title, "count": count, "needed": proposal.seconds_needed}
    if proposal.id in seconded_by(talk.db, talk.resident):
        return talk.say("seconded_before", **facts)
    choices = Choice("yes", talk.text("do_second_yes")), Choice("no", talk.text("do_second_no"))
    mark = Mark(choices, words("yes_no"))
    if talk.ask("second", mark, what=proposal.what, until=proposal.expires_at, **facts) != "yes":
        return talk.say("not_seconded", [("/meetings", "menu.meetings")])
    second(talk.db, proposal, talk.resident)
    return talk.say(
        "seconded" if proposal.state is Stage.GATHERING else "seconded_ready", **facts | {"count": count + 1}
    )


@service("meetings.vote", needs=Role.RESIDENT)
def vote(talk: Talk) -> Reply:
    poll_id = which(talk, "poll", open_polls(talk.db))
    if poll_id is None:
        return talk.say("none_open", [("/meetings", "menu.meetings")])
    poll = fetch_poll_to_vote(talk.db, poll_id)
    if poll is None:
        return talk.say("no_such", [("/meetings", "menu.meetings")])
    try:
        voter_for(talk.db, poll, talk.resident)
        option = int(_marked(talk, poll))
        again = cast_vote(talk.db, poll, talk.resident, option)
    except PollClosed:
        return talk.say("vote_over", [(f"/meetings.result poll={poll.id}", "menu.meetings.result")], title=poll.title)
    except NotVerified:
        return talk.say("not_verified", [("/person", "menu.person")], title=poll.title)
    steps = [(f"/meetings.vote poll={poll.id}", "do_change"), ("/meetings", "menu.meetings")]
    told = f"{'revoted' if again else 'voted'}_{poll.voter.name.lower()}"
    return talk.say(told, steps, option=poll.options[option], until=poll.closes_at)


def _marked(talk: Talk, poll: Poll) -> str:
    """What is marked on the paper, which says what the vote is about and what its rules are."""
    labels = [talk.texts.show(option) for option in poll.options]
    choices = tuple(Choice(str(n), label) for n, label in enumerate(labels))
    told = {str(n): tuple(plain(word) for word in option.values()) for n, option in enumerate(poll.options)}
    earlier = ballot_of(talk.db, poll, talk.resident)
    return talk.ask(
        "option",
        Mark(choices, told),
        key="paper",
        title=poll.title,
        what=poll.what,
        options=numbered(labels),
        whose=whose(poll.voter),
        hidden={"key": "meetings.kept_hidden" if poll.hidden else "meetings.kept_open"},
        until=poll.closes_at,
        earlier=talk.text("paper_earlier", option=poll.options[earlier.option]) if earlier else "",
    )


def numbered(labels: Sequence[str]) -> str:
    return "\n".join(f"{n}. {label}" for n, label in enumerate(labels, 1))


@service("meetings.result")
def result(talk: Talk) -> Reply:
    poll_id = which(talk, "poll", [*closed_polls(talk.db), *open_polls(talk.db)])
    if poll_id is None:
        return talk.say("none_voted", [("/meetings", "menu.meetings")])
    poll = fetch_poll(talk.db, poll_id)
    return result_card(talk, poll) if poll else talk.say("no_such", [("/meetings", "menu.meetings")])


def result_card(talk: Talk, poll: Poll) -> Reply:
    """How a vote ended and what came of it, or how it stands if that may be known."""
    counted = tally(talk.db, poll)
    facts: dict[str, Any] = {
        "title": poll.title,
        "total": counted.total,
        "base": counted.base,
        "unit": {"key": f"meetings.unit_{poll.voter.name.lower()}"},
        "counts": counted.lines(poll),
        "until": poll.closes_at,
    }
    if poll.state is PollState.OPEN:
        steps = [(f"/meetings.vote poll={poll.id}", "menu.meetings.vote")]
        return talk.say("standing_hidden" if counted.counts is None else "standing", steps, **facts)
    told = [talk.text("follow_up_line", at=f.at, text=f.text) for f in follow_ups(talk.db, poll)]
    card = talk.say("result", [("/meetings", "menu.meetings")], **facts)
    return Reply("\n".join([card.text, *(told or [talk.text("next")])]), card.choices)


def which(talk: Talk, slot: str, rows: Sequence[Poll] | Sequence[Proposal]) -> int | None:
    """The vote or topic the button named, the only one there is, or the one chosen; None when there is none."""
    return talk.which(slot, lambda: [(str(row.id), talk.texts.show(row.title)) for row in rows], slot)
