"""Convene those who raised a topic, put something to the vote, end it, and say what came of it: the workers' part.

社工：发起投票
机器人：投票的题目是什么？
社工：周六晚上在共享厅放什么电影
机器人：说说情况
社工：放映机借好了，七点开始，谁都可以来
机器人：有哪些选项？
社工：越剧电影
机器人：选项要 2 到 12 个
社工：越剧电影、老战争片、动画片
机器人：什么时候截止？
社工：11月28日18:00
机器人：谁来投？
社工：每人一票
机器人：票数什么时候让大家看到？
社工：截止后公布
机器人：题目：周六晚上在共享厅放什么电影……1. 越剧电影……3. 动画片……11月28日（周六）18:00……这样提交可以吗？
社工：提交
机器人：投票开始了
社工：结束投票
机器人：哪一个投票？
社工：周六晚上在共享厅放什么电影
机器人：还没到截止时间……现在就结束吗？
社工：不
机器人：好的，照旧
"""

from bot.conversation.message import Choice, Reply
from bot.conversation.paper import Deadline, Mark, Options
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from handlers.meetings import numbered, result_card, which
from models.ballot import PollClosed, PollState, Voter, closed_polls, fetch_poll_to_change, open_polls
from models.lifecycle import NotNow
from models.poll import add_follow_up, close_poll, open_poll, whose
from models.proposal import MOVES, Stage, fetch_proposal, open_discussion, proposals_in
from models.resident import Role

BACK = [("/meetings", "menu.meetings")]


@service("meetings.open_discussion", needs=Role.WORKER)
def convene(talk: Talk) -> Reply:
    """A topic with its seconds is talked about: everybody who seconded is told when and where."""
    topic_id = which(talk, "topic", proposals_in(talk.db, [Stage.READY]))
    proposal = fetch_proposal(talk.db, topic_id) if topic_id is not None else None
    if proposal is None or Stage.DISCUSSING not in MOVES[proposal.state]:
        return talk.say("none_ready", BACK)
    note = talk.optional("note", title=proposal.title, what=proposal.what)
    open_discussion(talk.db, proposal, talk.resident, note)
    return talk.say(
        "convened", [(f"/meetings.open_vote topic={proposal.id}", "menu.meetings.open_vote")], title=proposal.title
    )


@service("meetings.open_vote", needs=Role.WORKER)
def put_to_vote(talk: Talk) -> Reply:
    """A question of the worker's own, or a topic that has come so far."""
    topic_id = which(talk, "topic", []) if "topic" in talk.given else None
    proposal = fetch_proposal(talk.db, topic_id) if topic_id is not None else None
    if topic_id is not None and (proposal is None or Stage.VOTING not in MOVES[proposal.state]):
        return talk.say("not_ready", BACK)
    title = proposal.title if proposal else {talk.texts.language: talk.words("question", least=4, most=60, enough=0)}
    what = proposal.what if proposal else {talk.texts.language: talk.words("background", least=4, enough=0)}
    labels = talk.ask("options", Options())
    closes_at = talk.ask("closes", Deadline(now=talk.now))
    voter = Voter[talk.choose("voter", ("person", "household"), volunteered=False).upper()]
    hidden = talk.choose("hidden", ("yes", "no"), volunteered=False) == "yes"
    talk.confirm(
        "confirm_vote",
        title=title,
        what=what,
        options=numbered(labels),
        until=closes_at,
        whose=whose(voter),
        hidden={"key": "meetings.kept_hidden" if hidden else "meetings.kept_open"},
    )
    options = [{"zh": label} for label in labels]
    try:
        poll = open_poll(talk.db, talk.resident, title, what, options, voter, hidden, closes_at, proposal)
    except PollClosed:
        return talk.say("closes_past", [("/meetings.open_vote", "menu.meetings.open_vote")], at=closes_at)
    return talk.say("vote_opened", [(f"/meetings.vote poll={poll.id}", "menu.meetings.vote")], until=closes_at)


@service("meetings.close", needs=Role.WORKER)
def end_vote(talk: Talk) -> Reply:
    """Before its time; the clock ends the others."""
    poll_id = which(talk, "poll", open_polls(talk.db))
    poll = fetch_poll_to_change(talk.db, talk.resident, poll_id) if poll_id is not None else None
    if poll is None or poll.state is PollState.CLOSED:
        return talk.say("none_open", BACK)
    choices = Choice("yes", talk.text("do_close")), Choice("no", talk.text("talk.no"))
    if talk.ask("close", Mark(choices, words("yes_no")), title=poll.title, until=poll.closes_at) != "yes":
        return talk.say("kept", BACK)
    close_poll(talk.db, poll, talk.resident)
    return result_card(talk, poll)


@service("meetings.follow_up", needs=Role.WORKER)
def report(talk: Talk) -> Reply:
    """Tell everybody who voted what was done about it."""
    poll_id = which(talk, "poll", closed_polls(talk.db))
    poll = fetch_poll_to_change(talk.db, talk.resident, poll_id) if poll_id is not None else None
    if poll is None:
        return talk.say("none_voted", BACK)
    text = talk.words("came_of", enough=0, title=poll.title)
    talk.confirm("confirm_follow_up", title=poll.title, text=text)
    try:
        add_follow_up(talk.db, poll, talk.resident, text)
    except NotNow:
        return talk.say("not_over", BACK, title=poll.title)
    return talk.say("followed_up", [(f"/meetings.result poll={poll.id}", "menu.meetings.result")])
