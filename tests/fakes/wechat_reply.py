"""Reading a passive reply as strictly as can be: what is here refused shows the resident an apology of WeChat's.

Source: developers.weixin.qq.com/doc/service/guide/product/message/Passive_user_reply_message.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from tests.fakes.wechat_state import Account, Corp, Shown

TEXT_BYTES = 2048
NUMBERS = {"CreateTime", "ArticleCount"}
SILENT = ("", "success")
Picture = Callable[[str], bytes | None]


class Broken(Exception):
    """Why a reply is not valid."""


@dataclass
class Element:
    name: str
    text: str = ""
    bare: bool = False  # words stood outside CDATA
    children: list["Element"] = field(default_factory=list)

    def one(self, name: str) -> "Element":
        found = [child for child in self.children if child.name == name]
        if len(found) != 1:
            raise Broken(f"{self.name} has {len(found)} {name}")
        return found[0]

    def words(self, name: str) -> str:
        found = self.one(name)
        if found.children or (found.bare and name not in NUMBERS):
            raise Broken(f"{name} is not in CDATA")
        return found.text

    def maybe(self, name: str) -> str:
        return self.words(name) if any(child.name == name for child in self.children) else ""


def parse(xml: str) -> Element:
    """Well-formed, without a DTD."""
    stack = [Element("")]
    within: list[bool] = []
    parser = expat.ParserCreate()

    def start(name: str, _: dict[str, str]) -> None:
        stack[-1].children.append(Element(name))
        stack.append(stack[-1].children[-1])

    def said(words: str) -> None:
        stack[-1].text += words
        stack[-1].bare |= not within and bool(words.strip())

    def doctype(*_: object) -> None:
        raise Broken("a DTD")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = said
    parser.StartCdataSectionHandler = lambda: within.append(True)
    parser.EndCdataSectionHandler = within.pop
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(xml.encode(), True)
    except expat.ExpatError as e:
        raise Broken(f"not XML: {e}") from e
    return stack[0].one("xml")


def read(server: Account | Corp, openid: str, xml: str, picture: Picture) -> Shown:
    """What the person will see; raises Broken."""
    root = parse(xml)
    if root.words("ToUserName") != openid or root.words("FromUserName") != server.original_id:
        raise Broken("ToUserName and FromUserName are not those of the message, swapped")
    if not root.words("CreateTime").isdigit():
        raise Broken("CreateTime is no whole number")
    match kind := root.words("MsgType"):
        case "text":
            return _text(root)
        case "image":
            if (data := picture(root.one("Image").words("MediaId"))) is None:
                raise Broken("no such media_id")
            return Shown("passive", "image", picture=data)
        case "news":
            return _news(root)
    raise Broken(f"MsgType {kind!r} is none this account may answer with")


def _text(root: Element) -> Shown:
    content = root.words("Content")
    if not content.strip():
        raise Broken("an empty text")
    if len(content.encode()) > TEXT_BYTES:
        raise Broken(f"{len(content.encode())} bytes of text, {TEXT_BYTES} are allowed")
    return Shown("passive", "text", content)


def _news(root: Element) -> Shown:
    """One article: more are shown after a menu click only, and never by us."""
    items = root.one("Articles").children
    if root.words("ArticleCount") != "1" or [item.name for item in items] != ["item"]:
        raise Broken("not exactly one article")
    title, url = items[0].words("Title"), items[0].maybe("Url")
    if not title:
        raise Broken("an article without a title")
    return Shown("passive", "news", items[0].maybe("Description"), url, items[0].maybe("PicUrl") or None, title=title)
