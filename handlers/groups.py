"""The residents' groups that are told of notices and votes: a worker sees which they are, and unlinks one.

社工：群
机器人：还没有关联的群……把机器人拉进居民群
"""

from bot.conversation.message import Choice, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.texts import words
from bot.understanding.words import exact
from models.group import fetch_group, linked_groups, unlink_group
from models.resident import Role


@service("groups", needs=Role.WORKER, hears=lambda text: exact(text, words("groups")) is not None)
def groups(talk: Talk) -> Reply:
    found = linked_groups(talk.db)
    if not found:
        return talk.say("none")
    lines = [talk.text("line", title=g.title, at=g.linked_at) for g in found]
    unlink = [Choice(f"/groups.unlink group={g.id}", talk.text("do_unlink", title=g.title)) for g in found]
    return Reply("\n".join([talk.text("groups"), *lines]), tuple(unlink))


@service("groups.unlink", needs=Role.WORKER)
def unlink(talk: Talk) -> Reply:
    number = talk.which("group", lambda: [(str(g.id), g.title) for g in linked_groups(talk.db)])
    group = fetch_group(talk.db, talk.resident, number) if number is not None else None
    if group is None:
        return talk.say("no_such")
    if not talk.yes("really", title=group.title):
        return talk.say("kept")
    unlink_group(talk.db, group, talk.resident)
    return talk.say("unlinked", [("/groups", "menu.groups")], title=group.title)
