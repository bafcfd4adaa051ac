"""What is answered in the response itself: one text, image or card, in the XML of 被动回复用户消息."""

from datetime import datetime

from bot.channels.wechat.letter import Letter
from bot.channels.wechat.markup import field


def text_reply(letter: Letter, text: str, now: datetime) -> str:
    return _reply(letter, now, "text", field("Content", text))


def image_reply(letter: Letter, media_id: str, now: datetime) -> str:
    return _reply(letter, now, "image", f"<Image>{field('MediaId', media_id)}</Image>")


def card_reply(letter: Letter, title: str, description: str, picture_url: str, url: str, now: datetime) -> str:
    """A news message; of its articles WeChat shows one, so there is one."""
    shown = (("Title", title), ("Description", description), ("PicUrl", picture_url), ("Url", url))
    article = "".join(field(tag, text) for tag, text in shown)
    return _reply(letter, now, "news", f"<ArticleCount>1</ArticleCount><Articles><item>{article}</item></Articles>")


def _reply(letter: Letter, now: datetime, kind: str, content: str) -> str:
    to, sender = field("ToUserName", letter.sender), field("FromUserName", letter.to)
    created = f"<CreateTime>{int(now.timestamp())}</CreateTime>"
    return f"<xml>{to}{sender}{created}{field('MsgType', kind)}{content}</xml>"
