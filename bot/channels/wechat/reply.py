"""What is answered in the response itself: one text, in the XML of 被动回复用户消息."""

from datetime import datetime

from bot.channels.wechat.letter import Letter
from bot.channels.wechat.markup import field


def text_reply(letter: Letter, text: str, now: datetime) -> str:
    to, sender = field("ToUserName", letter.sender), field("FromUserName", letter.to)
    created = f"<CreateTime>{int(now.timestamp())}</CreateTime>"
    return f"<xml>{to}{sender}{created}{field('MsgType', 'text')}{field('Content', text)}</xml>"
