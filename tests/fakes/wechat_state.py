"""What the servers of WeChat remember: accounts, corporations, who follows whom, and what stands on each screen."""

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.wechat_quota import Quota
from tests.fakes.wechat_tokens import Tokens

Payload = dict[str, Any]
Kind = Literal["service", "subscription", "unverified"]
Mode = Literal["safe", "plain", "both"]
LINK = re.compile(r"""<a\s+href=(["'])(.*?)\1[^>]*>(.*?)</a>""", re.S)


@dataclass(eq=False)
class Shown:
    """One thing in a conversation, as the person sees it; `how` it came says what it cost."""

    how: Literal["mine", "passive", "custom", "template", "notice", "app", "system"]
    kind: str  # the msgtype
    source: str = field(default="", repr=False)  # the text as it was sent
    url: str = ""
    picture: bytes | str | None = field(default=None, repr=False)  # the image, or the address of a news picture
    menu: dict[str, str] = field(default_factory=dict)  # a msgmenu's lines: what a tap says, and its id
    fields: dict[str, str] = field(default_factory=dict)  # of a template, as shown
    title: str = ""
    stamp: int = 0

    @property
    def text(self) -> str:
        """The words without the links' markup; other markup WeChat shows as it is."""
        return LINK.sub(lambda m: m[3], self.source)

    @property
    def links(self) -> dict[str, str]:
        """What a linked word opens."""
        return {m[3]: m[2] for m in LINK.finditer(self.source)}

    @property
    def words(self) -> str:
        """Everything there is to read."""
        return "\n".join(part for part in (self.title, *self.menu, self.text, *self.fields.values()) if part)


@dataclass(eq=False)
class Follower:
    """One person before one account."""

    openid: str
    name: str
    follows: bool = False
    since: float = 0.0
    scene: str = ""
    how_found: str = "ADD_SCENE_OTHERS"
    quota: Quota = field(default_factory=Quota)
    seen: list[Shown] = field(default_factory=list)
    heard_at: float = 0.0  # when the account last heard from them
    typing: bool = False
    consents: Counter[str] = field(default_factory=Counter)  # template id: messages agreed to
    always: set[str] = field(default_factory=set)  # long-term templates agreed to
    refuses_templates: bool = False


@dataclass(frozen=True)
class Template:
    """`long_term` and `once` are for bizsend, `template` for template/send."""

    id: str
    title: str
    keys: tuple[str, ...]
    kind: Literal["template", "once", "long_term"] = "template"


@dataclass(eq=False)
class Account:
    """A 公众号 and what its owner has set on mp.weixin.qq.com."""

    appid: str
    secret: str = field(repr=False)
    tokens: Tokens = field(repr=False)
    kind: Kind = "service"
    token: str = field(default="", repr=False)
    aes_key: str = field(default="", repr=False)
    mode: Mode = "safe"
    server_url: str = ""
    whitelist: set[str] | None = None
    replicas: list[str] = field(default_factory=list)  # behind server_url: attempts take turns among them
    oauth_domain: str = ""  # host and port; "" takes any
    needs_confirmation: bool = False  # an administrator has yet to allow the caller's address: 89503
    templates: dict[str, Template] = field(default_factory=dict, repr=False)
    menu: list[Payload] = field(default_factory=list, repr=False)
    followers: dict[str, Follower] = field(default_factory=dict, repr=False)
    daily_limits: dict[str, int] = field(default_factory=lambda: {"message/template/send": 100_000})
    counted: Counter[tuple[str, int]] = field(default_factory=Counter, repr=False)
    cleared: Counter[int] = field(default_factory=Counter, repr=False)
    client_ids: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict, repr=False)
    scenes: dict[str, str] = field(default_factory=dict, repr=False)  # ticket: scene

    @property
    def receiver(self) -> str:
        """Whom an envelope is for."""
        return self.appid

    @property
    def original_id(self) -> str:
        return "gh_" + hashlib.sha1(self.appid.encode()).hexdigest()[:12]

    @property
    def verified(self) -> bool:
        return self.kind != "unverified"

    def openid(self, name: str) -> str:
        """28 characters, another one with each account."""
        return "o" + base64.urlsafe_b64encode(hashlib.sha256(f"{self.appid}/{name}".encode()).digest()).decode()[:27]

    def add_template(
        self, template_id: str, *keys: str, kind: Literal["template", "once", "long_term"] = "template", title: str = ""
    ) -> Template:
        """Added to the account on mp.weixin.qq.com; at most 25."""
        if len(self.templates) >= 25:
            raise ValueError("no account has more than 25 templates")
        self.templates[template_id] = Template(template_id, title or template_id, keys, kind)
        return self.templates[template_id]


@dataclass(eq=False)
class Corp:
    """A WeCom corporation with one self-built app."""

    corpid: str
    agentid: int
    secret: str = field(repr=False)
    tokens: Tokens = field(repr=False)
    token: str = field(default="", repr=False)
    aes_key: str = field(default="", repr=False)
    server_url: str = ""
    whitelist: set[str] | None = None
    replicas: list[str] = field(default_factory=list)
    mode: Mode = "safe"
    members: dict[str, Follower] = field(default_factory=dict, repr=False)
    recent: dict[str, list[float]] = field(default_factory=dict, repr=False)  # when each member was written to
    repeats: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)

    @property
    def receiver(self) -> str:
        return self.corpid

    @property
    def original_id(self) -> str:
        return self.corpid
