"""Which community a follower of an account talks to; an account that serves one has no door to stand at."""

from dataclasses import dataclass, replace

from bot.channels.wechat.accounts import Account
from bot.channels.wechat.letter import Letter
from bot.channels.wechat.reading import Heard
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.texts import texts
from bot.understanding.danger import dangerous
from bot.understanding.words import plain
from models.store import reading, transaction
from models.visitor import Visit, agree, look_at, step_out

SWITCH = ("换社区", "切换社区", "change community")


@dataclass(frozen=True, slots=True)
class Inside:
    """Where they are, and what they said there."""

    community: Community
    heard: Heard
    language: str


class Door:
    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk, self._account = desk, account

    def place(self, letter: Letter, heard: Heard) -> Inside | list[str]:
        """Let them in, or say what to say at the door."""
        served = [c for slug in self._account.serves if (c := self._desk.communities.get(slug))]
        wanted, opens = scene(letter.scene, served)
        said = replace(heard, choice=opens) if opens else heard
        if not served:
            return [texts("zh")("wechat.off")]
        if len(served) == 1:
            return Inside(served[0], said, "")
        visit = self._look(letter.sender)
        chosen = wanted or self._named(heard.text, served, visit)
        if chosen is not None:
            self._enter(letter.sender, chosen)
            return Inside(chosen, said if wanted else Heard(choice="/hello"), visit.language)
        here = next((c for c in served if c.id == visit.community_id), None)
        if here is not None and heard.text.strip().lower() in SWITCH:
            self._step_out(letter.sender)  # or a number would be taken for an answer to what was asked inside
            here = None
        if here is None:
            return [self._question(served, visit.language or "zh", heard.text)]
        return Inside(here, said, visit.language)

    def _named(self, text: str, served: list[Community], visit: Visit) -> Community | None:
        """The community chosen by its name, or by its number as long as none has been."""
        told = plain(text)
        if visit.community_id is None and told.isdecimal() and 0 < int(told[:4]) <= len(served):
            return served[int(told[:4]) - 1]
        names = ((c, c.pack.community.name) for c in served)
        return next((c for c, name in names if told in (plain(name.zh), plain(name.en))), None)

    def _question(self, served: list[Community], language: str, text: str) -> str:
        """Danger first, whoever they are."""
        say, kind = texts(language), dangerous(text)
        danger = [say(f"repair.danger_{kind}"), ""] if kind else []
        lines = [f"{n}. {say.show(c.pack.community.name.model_dump())}" for n, c in enumerate(served, 1)]
        return "\n".join([*danger, say("wechat.which_community"), *lines])

    def _look(self, user: str) -> Visit:
        with reading(self._desk.engine, None) as db:
            return look_at(db, "wechat", self._account.appid, user)

    def _enter(self, user: str, community: Community) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            agree(db, "wechat", self._account.appid, user, community.id)

    def _step_out(self, user: str) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            step_out(db, "wechat", self._account.appid, user)


def scene(code: str, served: list[Community]) -> tuple[Community | None, str]:
    """What a poster's code stands for: a community, and perhaps the service it opens (hongmei-events)."""
    named = [c for c in served if f"{code}-".startswith(f"{c.slug}-")]
    community = max(named, key=lambda c: len(c.slug), default=None)
    if community is None:
        return None, ""
    rest = code[len(community.slug) + 1 :]
    name, _, key = rest.partition("-")
    if name == "place" and key:
        return community, f"/places.show place={key}"
    return community, f"/{name}" if name else ""
