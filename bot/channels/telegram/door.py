"""The door of a bot: which community somebody wants, and their consent before a word of theirs is kept.

Nothing is stored of who has not agreed. The message that brought them is answered once they do: the question we
ask replies to it, so that Telegram itself brings it back with the tap.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters

from bot.channels.telegram.call import Call
from bot.channels.telegram.doorstep import Doorstep
from bot.channels.telegram.inbound import Said, Tapped
from bot.channels.telegram.line import Line
from bot.channels.telegram.render import text_call
from bot.channels.telegram.wording import escaped
from bot.content.snapshot import Community
from bot.conversation.stranger import first_advice, phones
from bot.conversation.texts import Texts, texts
from bot.conversation.texts import words as vocabulary
from bot.understanding.words import exact
from models.store import reading, transaction
from models.visitor import Visit, agree, look_at

ENTER, AGREE = "door:", "agree:"  # what the door's own buttons carry before the slug


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody let in."""

    community: Community
    language: str


class Door:
    def __init__(self, line: Line) -> None:
        self._line, self._step = line, Doorstep()

    def look(self, user: str) -> Visit:
        with reading(self._line.desk.engine, None) as db:
            return look_at(db, "telegram", str(self._line.account.id), user)

    def agreed(self, user: str, community: Community) -> None:
        desk = self._line.desk
        with transaction(desk.engine, None, desk.now()) as db:
            agree(db, "telegram", str(self._line.account.id), user, community.id)
        self._step.forget(user)

    def let_in(self, visit: Visit, language: str) -> Caller | None:
        """The community somebody agreed to talk to here, as long as it is still on this bot."""
        served = {c.id: c for c in self._line.communities()}
        community = served.get(visit.community_id or 0) if visit.agreed else None
        return Caller(community, visit.language or language) if community else None

    def wanted(self, said: Said, visit: Visit) -> Community | None:
        """The community they ask for by a link, came for before, or could only mean."""
        served = self._line.communities()
        slug, _ = payload(said, served)
        known = [c for c in served if c.slug == slug or (not slug and c.id == visit.community_id)]
        return known[0] if known else served[0] if len(served) == 1 else None

    def moves(self, said: Said, visit: Visit) -> bool:
        """Whether somebody let in wants another community."""
        served = self._line.communities()
        slug, _ = payload(said, served)
        elsewhere = any(c.slug == slug and c.id != visit.community_id for c in served)
        return len(served) > 1 and (wants_another(said) or elsewhere)

    def greet(self, said: Said, community: Community | None) -> list[Call]:
        """What to say to somebody who is not let in yet; danger first, whoever they are."""
        words, served = texts(said.sender.language), self._line.communities()
        maybe, now, first = [community] if community else served, time.monotonic(), []
        if advice := first_advice(said.text, maybe, said.sender.language):
            self._step.alarm(said, now)
            first = [plain_call(advice)]
        if not served:
            return [*first, plain_call(words("telegram.off", page=self._line.page))]
        if self._step.same_album(said):
            return first
        if exact(said.text, vocabulary("door")) == "declined":
            return [plain_call(words("telegram.declined", phone=phones(maybe, words)))]
        if not wants_another(said) and self._step.again(said, now):
            return [*first, plain_call(words("telegram.asked_already"))]
        reply_to = self._step.came_for(said, now)
        language = said.sender.language
        prompt = self.ask_consent(community, language, reply_to) if community else self._choice(words, served, reply_to)
        return [*first, prompt]

    def _choice(self, words: Texts, served: list[Community], reply_to: int) -> Call:
        names = [(words.show(c.pack.community.name.model_dump()), f"{ENTER}{c.slug}") for c in served]
        rows = [
            [InlineKeyboardButton(name, callback_data=value) for name, value in names[n : n + 2]]
            for n in range(0, len(names), 2)
        ]
        return _prompt(words("telegram.which_community"), rows, reply_to)

    def elsewhere(self, tapped: Tapped, caller: Caller) -> list[Call]:
        """A button of another community changes nothing here: its number of a report is somebody else's."""
        theirs = next((c for c in self._line.communities() if c.id == tapped.community_id), None)
        words = caller.community.texts(caller.language)
        if theirs is None:
            return [plain_call(words("talk.stale"))]
        name = words.show(theirs.pack.community.name.model_dump())
        rows = [[InlineKeyboardButton(name, callback_data=f"{ENTER}{theirs.slug}")]]
        return [_prompt(words("telegram.elsewhere", name=name), rows, None)]

    def ask_consent(self, community: Community, language: str, reply_to: int | None = None) -> Call:
        words = community.texts(language)
        name = words.show(community.pack.community.name.model_dump())
        rows = [[InlineKeyboardButton(words("telegram.agree"), callback_data=f"{AGREE}{community.slug}")]]
        if self._line.page.startswith("https:"):
            page = f"{self._line.page}/c/{community.slug}"
            rows.append([InlineKeyboardButton(words("telegram.rather_the_page"), url=page)])
        return _prompt(words("telegram.consent", name=name, phone=community.pack.community.phone), rows, reply_to)


def wants_another(said: Said) -> bool:
    """Whether they ask for the choice of communities."""
    return said.command == "community" or exact(said.text, vocabulary("door")) == "switch"


def payload(said: Said, served: Sequence[Community]) -> tuple[str, str]:
    """The slug and the rest of a deep link, t.me/<bot>?start=<slug> or <slug>-<command or code>; else nothing."""
    if said.command != "start":
        return "", ""
    named = [c.slug for c in served if f"{said.text}-".startswith(f"{c.slug}-")]
    slug = max(named, key=len, default="")
    return slug, said.text[len(slug) + 1 :] if slug else ""


def plain_call(text: str) -> Call:
    """A sentence of the door's own."""
    return text_call(escaped(text))


def _prompt(text: str, rows: list[list[InlineKeyboardButton]], reply_to: int | None) -> Call:
    call = text_call(escaped(text), InlineKeyboardMarkup(rows))
    if not reply_to:
        return call
    return Call(
        call.method, {**call.given, "reply_parameters": ReplyParameters(reply_to, allow_sending_without_reply=True)}
    )
