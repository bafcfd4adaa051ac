"""What reaches a resident with whom no conversation is open: the templates an account has, filled from a reply.

In the account's settings, by any name, each with its fields as the page of the template shows them:

    [account.templates.reports]
    id = "the template's id"
    kind = "template"           # or "long_term", "once" for 订阅通知
    about = ["ticket"]          # the matters it is for; left out: all
    fields = { thing1 = "text", time2 = "time", thing3 = "community", phrase4 = "=有进展" }

`text` is the first sentence, `time` when it is sent.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic import field_validator as checks

from bot.channels.wechat.given import BadAccounts
from bot.conversation.message import Reply
from bot.conversation.texts import CIVIL

SHOWN = 20  # characters of a value: developers.weixin.qq.com, 发送模板消息
LIMITS = {"phrase": 5, "symbol": 5, "name": 10}  # and 发送订阅通知, where a longer value is refused
ORDER = ("template", "long_term", "once")
FIRST_SENTENCE = re.compile(r"[^\n。！？!?]+[。！？!?]?")


Matter = Literal["ticket", "enquiry", "event", "poll", "proposal", "notice", "alarm"]


class Template(BaseModel):
    """One template of the account, and which of our words fills which of its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Literal["template", "long_term", "once"]
    about: tuple[Matter, ...] = ()
    fields: dict[str, Annotated[str, StringConstraints(pattern=r"^(text|community|time|=.+)$")]] = Field(min_length=1)

    @checks("id")
    @classmethod
    def _is_an_id(cls, written: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", written):
            raise ValueError("copy the id that WeChat shows at 模板消息 or 订阅通知")
        return written

    def suits(self, about: str) -> bool:
        return not self.about or about.partition(":")[0] in self.about

    def values(self, reply: Reply, community: str, now: datetime) -> dict[str, str]:
        """Each as short as WeChat shows it."""
        words = {"text": first_sentence(reply.text), "community": community, "time": _time(now)}
        told = {key: words.get(what, what.removeprefix("=")) for key, what in self.fields.items()}
        return {key: short(value, LIMITS.get(key.rstrip("0123456789"), SHOWN)) for key, value in told.items()}


TEMPLATES = TypeAdapter(dict[str, Template])


def read_templates(whose: str, given: Mapping[str, Any]) -> list[Template]:
    """Template messages first, then notices; those for certain matters before those for all. Raises BadAccounts."""
    try:
        found = list(TEMPLATES.validate_python(given).values())
    except ValidationError as failure:
        problem = failure.errors(include_input=False)[0]
        raise BadAccounts(
            f"account {whose}, templates.{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
        ) from None
    return sorted(found, key=lambda t: (ORDER.index(t.kind), not t.about))


def first_sentence(text: str) -> str:
    found = FIRST_SENTENCE.search(text)
    return found[0].strip() if found else text.strip()


def short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _time(now: datetime) -> str:
    """As a field of the kind `time` or `date` takes it, in either language."""
    here = now.astimezone(CIVIL)
    return f"{here.year}年{here.month}月{here.day}日 {here:%H:%M}"
