"""The way from the chat to the workers' console: a link that works once.

社工：工作台
机器人：点开这个链接就进工作台……/console/enter/
"""

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from models.login import LINK, issue_login_link
from models.resident import Role


@service("console", needs=Role.WORKER, anywhere=True)
def link(talk: Talk) -> Reply:
    address = f"{talk.community.address}/console/enter/{issue_login_link(talk.db, talk.resident)}"
    return talk.say("link", address=address, minutes=int(LINK.total_seconds()) // 60)
