"""Which community a member of the corporation talks to; where there is but one there is no door to stand at."""

from bot.channels.wechat.door import SWITCH, Inside
from bot.channels.wechat.reading import Heard
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.texts import texts
from bot.understanding.danger import dangerous
from bot.understanding.words import plain
from models.history import resident_at
from models.store import reading, transaction
from models.visitor import Visit, agree, look_at, step_out

CHANNEL = "wecom"


class Door:
    def __init__(self, desk: Desk, corpid: str) -> None:
        self._desk, self._corpid = desk, corpid

    def place(self, member: str, heard: Heard) -> Inside | str:
        """Let them in, or say what to say at the door."""
        communities = self._desk.communities.all()
        if not communities:
            return texts("zh")("wecom.off")
        if len(communities) == 1:
            return Inside(communities[0], heard, "")
        visit = self._look(member)
        if chosen := _named(heard.text, communities, visit):
            self._enter(member, chosen)
            return Inside(chosen, Heard(choice="/hello"), visit.language)
        here = next((c for c in communities if c.id == visit.community_id), None)
        if here is not None and heard.text.strip().lower() in SWITCH:
            self._step_out(member)  # or a number would be taken for an answer to what was asked inside
            here = None
        return Inside(here, heard, visit.language) if here else _question(communities, visit.language, heard.text)

    def is_known(self, member: str) -> bool:
        """Whether they have talked to us before."""
        with reading(self._desk.engine, None) as db:
            return any(resident_at(db, CHANNEL, c.slug, member) for c in self._desk.communities.all())

    def _look(self, member: str) -> Visit:
        with reading(self._desk.engine, None) as db:
            return look_at(db, CHANNEL, self._corpid, member)

    def _enter(self, member: str, community: Community) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            agree(db, CHANNEL, self._corpid, member, community.id)

    def _step_out(self, member: str) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            step_out(db, CHANNEL, self._corpid, member)


def _named(text: str, communities: list[Community], visit: Visit) -> Community | None:
    """The community chosen by its name, or by its number as long as none has been."""
    told = plain(text)
    if visit.community_id is None and told.isdecimal() and 0 < int(told[:4]) <= len(communities):
        return communities[int(told[:4]) - 1]
    names = ((c, c.pack.community.name) for c in communities)
    return next((c for c, name in names if told in (plain(name.zh), plain(name.en))), None)


def _question(communities: list[Community], language: str, text: str) -> str:
    """Danger first, whoever they are."""
    say, kind = texts(language or "zh"), dangerous(text)
    danger = [say(f"repair.danger_{kind}"), ""] if kind else []
    lines = [f"{n}. {say.show(c.pack.community.name.model_dump())}" for n, c in enumerate(communities, 1)]
    return "\n".join([*danger, say("wechat.which_community"), *lines])
