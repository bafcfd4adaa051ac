"""Where somebody says which community they want to talk to; where there is but one, there is nothing to say.

Whoever chose one that is served no more is asked again: their home is not in the one that is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.channels.wechat.reading import Heard
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.stranger import first_advice
from bot.conversation.texts import Texts, texts, words
from bot.understanding.danger import dangerous
from bot.understanding.words import clean, exact, plain
from models.store import reading, transaction
from models.visitor import Visit, choose, forget_danger, look_at, remember_danger, step_out


@dataclass(frozen=True, slots=True)
class Inside:
    """Where they are, and what is heard there."""

    community: Community
    heard: Heard
    language: str = ""  # "" where nobody has asked which
    alarmed: bool = False  # whether they spoke of danger before they came in
    new: bool = False  # whether they came for a matter and have never been greeted


class Threshold:
    """Of one account or app (`door`) of a channel."""

    def __init__(self, desk: Desk, channel: str, door: str) -> None:
        self._desk, self._channel, self._door = desk, channel, door

    def place(
        self, user: str, letter: str, heard: Heard, served: Sequence[Community], wanted: Community | None = None
    ) -> Inside | str:
        """Let them in, to the community they `wanted` if any, or say what to say to them; `letter` is its identity.

        A danger is heard as soon as they are in, whatever they said since.
        """
        visit = self._look(user)
        if len(served) == 1 and visit.community_id in (None, served[0].id):
            return Inside(served[0], heard)
        here = chosen = wanted or _named(heard.text, served, visit)
        if chosen is not None:
            self._write(choose, user, chosen.id)
            heard = heard if wanted else Heard(choice="/hello")
        elif exact(heard.text, words("door")) == "switch":
            self._write(step_out, user, letter)  # or a number would be taken for an answer to what was asked inside
        else:
            here = next((c for c in served if c.id == visit.community_id), None)
        if here is None:
            if dangerous(heard.text):
                self._write(remember_danger, user, clean(heard.text))
            return self._question(served, visit, heard)
        if visit.danger and not dangerous(heard.text):
            heard = Heard(visit.danger)
        return Inside(here, heard, visit.language, bool(visit.danger))

    def heard_inside(self, user: str) -> None:
        """The danger they spoke of is their community's now: call this once its turn is committed."""
        self._write(forget_danger, user)

    def _question(self, served: Sequence[Community], visit: Visit, heard: Heard) -> str:
        """Danger first, whoever they are."""
        language = visit.language or "zh"
        say, advice = texts(language), first_advice(heard.text, served, language)
        names = [f"{n}. {_name(c, say)}" for n, c in enumerate(served, 1)]
        lines = [self._why(served, visit, heard, say), say("wechat.which_community"), *names]
        question = "\n".join(filter(None, lines)) if served else say(f"{self._channel}.off")
        return "\n\n".join(filter(None, (advice, question)))

    def _why(self, served: Sequence[Community], visit: Visit, heard: Heard, say: Texts) -> str:
        """What is said before the question: why it comes, or a word of welcome."""
        if visit.community_id is not None and visit.community_id not in [c.id for c in served]:
            gone = self._desk.communities.by_id(visit.community_id)
            return say("wechat.gone", name=_name(gone, say), phone=gone.pack.community.phone)
        if heard.choice == "/hello" or exact(heard.text, words("service")) == "hello":
            return say("wechat.welcome")
        unknown = heard.text and not dangerous(heard.text) and exact(heard.text, words("door")) != "switch"
        return say("wechat.no_such_community") if unknown else ""

    def _look(self, user: str) -> Visit:
        with reading(self._desk.engine, None, self._desk.now()) as db:
            return look_at(db, self._channel, self._door, user)

    def _write(self, verb: Callable[..., object], user: str, *what: object) -> None:
        with transaction(self._desk.engine, None, self._desk.now()) as db:
            verb(db, self._channel, self._door, user, *what)


def _named(text: str, served: Sequence[Community], visit: Visit) -> Community | None:
    """The community chosen by its name; as long as none of these has been, also by its number or its short name."""
    told = plain(text)
    outside = visit.community_id not in [c.id for c in served]
    if outside and told.isdecimal() and 0 < int(told[:4]) <= len(served):
        return served[int(told[:4]) - 1]
    names = {c.slug: [plain(name) for name in c.pack.community.name.model_dump().values()] for c in served}
    whole = [c for c in served if told in names[c.slug]]
    short = [c for c in served if outside and told in map(_short, names[c.slug])]
    return whole[0] if whole else short[0] if len(short) == 1 else None


def _short(name: str) -> str:
    return name.removesuffix("社区").removesuffix("community").strip()


def _name(community: Community, say: Texts) -> str:
    return str(say.show(community.pack.community.name.model_dump()))
