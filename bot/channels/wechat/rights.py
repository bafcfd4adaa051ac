"""What each kind of account may do, and what to apply for where it may not."""

from dataclasses import dataclass, fields, replace

from models.wechat_account import Kind


@dataclass(frozen=True, slots=True)
class Rights:
    """The permissions of the page 接口权限 at mp.weixin.qq.com that we have a use for."""

    messages: bool = False  # 客服消息: of our own, within 48 hours
    msgmenu: bool = False  # 菜单消息: lines to tap within a text
    menu: bool = False  # 自定义菜单
    media: bool = False  # 素材管理
    templates: bool = False  # 模板消息
    notices: bool = False  # 订阅通知
    scenes: bool = False  # 带参数二维码
    login: bool = False  # 网页授权: a page opened in WeChat knows its reader


VERIFIED = Rights(messages=True, msgmenu=True, menu=True, media=True)
ALL = Rights(*(True for _ in fields(Rights)))
RIGHTS = {Kind.PASSIVE: Rights(), Kind.SUBSCRIPTION: VERIFIED, Kind.SERVICE: ALL}
WITHOUT = {
    "messages": "客服消息: late answers and notices wait for the resident's next word",
    "msgmenu": "菜单消息: choices are numbers to type",
    "menu": "自定义菜单: there is no menu below the conversation",
    "media": "素材管理: photos are links",
    "templates": "模板消息: nothing reaches a resident who has been silent for 48 hours",
    "notices": "订阅通知: the same, and no long-term subscriptions",
    "scenes": "带参数二维码: a poster leads to the account, not to the matter",
    "login": "网页授权: the web page does not know who opens it",
}


def rights(kind: Kind, *, test: bool = False) -> Rights:
    """What an account may; a test account (测试号) may what a service account may, but for lines to tap."""
    return replace(RIGHTS[kind], msgmenu=False) if test else RIGHTS[kind]


def missing(held: Rights) -> list[str]:
    """The names of the rights it has not."""
    return [right.name for right in fields(Rights) if not getattr(held, right.name)]


def remedy(kind: Kind) -> str:
    """What the operator applies for at mp.weixin.qq.com to get what is missing."""
    match kind:
        case Kind.PASSIVE:
            return "have it verified (设置与开发 → 微信认证); all of it takes a verified service account (服务号)"
        case Kind.SUBSCRIPTION:
            return "these are for verified service accounts (服务号): move the followers to one (账号迁移)"
    return "no test account (测试号) has them; a verified service account of your own does"
