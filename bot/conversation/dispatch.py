"""From one message to its replies: what is meant, which handler runs, what is offered next."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlmodel import Session

from bot.content.snapshot import Community
from bot.conversation.guard import Guard
from bot.conversation.meaning import DANGER, FALLBACK, Meant, alarming, control, meant, named, overheard, tapped, unsaid
from bot.conversation.menus import offer, unfinished
from bot.conversation.message import Choice, Message, Reply, sense_of
from bot.conversation.service import SERVICES, Service
from bot.conversation.talk import Talk, Waiting
from bot.conversation.texts import Texts
from models.dialogue import State
from models.resident import Resident

PATIENCE = timedelta(minutes=30)  # a talk left alone this long is parked
LONGEST = 4000  # characters of one message
REMEMBERED = 30  # of a talk's messages, besides the first: each run looks through them all
DETOUR = "home"  # what makes a guest a resident
INTERRUPTS = 0.9  # from this probability on, what does not answer the open question is a wish of its own
AFTER_ALARM = "repair"  # what a danger is reported with
SAID = TypeAdapter(list[Message])


@dataclass
class Turn:
    """One message's worth of work."""

    db: Session
    community: Community
    resident: Resident
    state: State
    message: Message
    now: datetime
    guard: Guard
    warned: bool = False  # they were just told what to do in danger

    @property
    def texts(self) -> Texts:
        return self.community.texts(self.resident.language)

    def answer(self) -> list[Reply]:
        """Everything we say to this message; the state is left as the next message will find it."""
        if self.state.service and self.state.expires_at and self.state.expires_at < self.now:
            self.state.park()
        if len(self.message.text) > LONGEST:
            replies = [Reply(self.texts("talk.too_long", most=LONGEST)), *self._repeat()]
        else:
            replies = [*self._interjected(), *self._respond()]
        gone = self.resident.erased_at is not None  # deleted, or joined with another of theirs
        return offer(self.state, replies if gone else [*replies, *unfinished(self.state, self.texts)])

    def _interjected(self) -> list[Reply]:
        """What must be said before anything else, whatever is being talked about."""
        first = [s for s in SERVICES.values() if s.first and s.hears and s.hears(self.message.text)]
        replies = [self._run(s, self._talk(s, [self.message], aside=True)) for s in first]
        if replies and not self.state.service and alarming(sense_of(self.message)):
            self.state.service = AFTER_ALARM
        self.warned = bool(replies)
        return replies

    def _respond(self) -> list[Reply]:
        tap = tapped(self.message, self.state)
        if tap.stale:
            return [Reply(self.texts("talk.stale"), stale=True), *self._repeat()]
        self.message = replace(self.message, text=tap.text, choice=tap.value)
        if tap.opens:
            return self._open(Meant(tap.opens, tap.given))
        if command := control(self.message):
            return self._control(command)
        if self.state.service is None:
            return self._serve(meant(self.message.text, self.community, self.message.sense))
        wish = named(self.message.text)
        if wish and wish.service and SERVICES[wish.service].anywhere:
            return self._aside(wish.service) or self._open(wish)
        said, replies = self.message, self._continue([self.message])
        return [*self._told(DANGER, said), *replies] if not self.warned and overheard(said, self.state) else replies

    def _serve(self, wish: Meant) -> list[Reply]:
        """Open what was wished for; nothing is asked of somebody who was just told what to do in danger."""
        if wish.service is None:
            return [] if self.warned else self._open(Meant(unsaid(self.message)))
        if SERVICES[wish.service].first:
            told = [] if self.warned else self._told(wish.service, self.message)
            self.state.service, self.warned = AFTER_ALARM, True
            return [*told, *self._continue([self.message])]
        return self._serve_all(wish) if wish.later else self._open(wish)

    def _serve_all(self, wish: Meant) -> list[Reply]:
        """Of several wishes tell at once what can be told; of the others open the first, the rest comes after it."""
        replies, left = list[Reply](), list[tuple[str, str]]()
        for name, text in ((wish.service or FALLBACK, wish.told), *wish.later):
            told = self._told(name, replace(self.message, text=text, sense=None))
            replies += told
            left += [] if told else [(name, text)]
        if not left:
            return [*replies, *self._repeat()]
        (name, text), *later = left
        self.message = replace(self.message, text=text, sense=None)
        return [*replies, *self._open(Meant(name, later=tuple(later)))]

    def _next(self) -> list[Reply]:
        """Go on with what else was wished for in the same message."""
        if self.state.service or not self.state.later:
            return []
        (name, text), *self.state.later = self.state.later
        self.message = replace(self.message, text=text, sense=None, choice="", media=(), place=None)
        return [Reply(self.texts("talk.also", text=text)), *self._open(Meant(name))]

    def _control(self, command: str) -> list[Reply]:
        verb, _, slot = command.partition(":")
        if verb == "resume" and self.state.parked:
            return self._take_up()
        if verb == "drop":
            self.state.parked = {}
            return [Reply(self.texts("talk.dropped"))]
        if verb == "cancel":
            key = "talk.cancelled" if self.state.service else "talk.nothing_to_cancel"
            self.state.end()
            return [Reply(self.texts(key), (Choice("/menu", self.texts("talk.menu")),)), *self._next()]
        if self.state.service is None:
            return [Reply(self.texts("talk.nothing_open"), (Choice("/menu", self.texts("talk.menu")),))]
        if verb == "back":
            return self._back()
        return self._continue([], take_back=slot) if slot in self.state.answers else self._which_change()

    def _back(self) -> list[Reply]:
        slots = [s for s in self.state.answers if not s.endswith(".page")]
        if not slots:
            return [Reply(self.texts("talk.at_the_start")), *self._repeat()]
        return self._continue([], take_back=slots[-1])

    def _which_change(self) -> list[Reply]:
        talk = self._talk(SERVICES[self.state.service or ""], [])
        named = [s for s in self.state.answers if f"{talk.section}.{s.partition('.')[0]}_name" in self.texts]
        if not named:
            return self._back()
        choices = tuple(Choice(f"!change:{s}", talk.name_of(s)) for s in named)
        return [Reply(self.texts("talk.which_change"), choices)]

    def _open(self, wish: Meant) -> list[Reply]:
        """Begin a service; what is being talked about is laid aside, and a guest becomes a resident first."""
        service = SERVICES[wish.service or FALLBACK]
        if self.state.service == service.name and not wish.given:
            return self._continue([self.message])
        self._lay_aside()
        by_name = wish.exact and not wish.telling
        if by_name and self.state.parked.get("service") == service.name and not self.state.parked["wanted"]:
            return [Reply(self.texts("talk.resumed")), *self._take_up()]
        self.state.service, self.state.given = service.name, dict(wish.given)
        self.state.later = [*map(list, wish.later), *self.state.later]
        if self.resident.role < service.needs:
            return self._detour(service)
        return self._continue([self.message])

    def _lay_aside(self) -> None:
        if self.state.service and SERVICES[self.state.service].fleeting:
            self.state.end()
        self.state.park()

    def _detour(self, service: Service) -> list[Reply]:
        home = SERVICES[DETOUR]
        if home.grants < service.needs or self.resident.role >= home.grants:
            self.state.end()
            return [Reply(self.texts("talk.forbidden"))]
        self.state.said = self.state.said or SAID.dump_python([self.message], mode="json")
        self.state.park(wanted=True)
        self.state.service = DETOUR
        return [
            Reply(self.texts("talk.detour")),
            *self._continue([replace(self.message, text="", choice="", media=())]),
        ]

    def _continue(self, news: list[Message], take_back: str = "") -> list[Reply]:
        """Run the open service from the top; its reply, or its next question."""
        service = SERVICES[self.state.service or ""]
        talk = self._talk(service, news)
        if take_back:
            talk.take_back(take_back)
        try:
            reply = self._run(service, talk)
        except Waiting as waiting:
            if waiting.unclear and (wish := self._interrupts(service)) and wish.service:
                return (not wish.later and self._aside(wish.service)) or self._serve(wish)
            self.state.asked, self.state.answers, self.state.given = waiting.slot, talk.answers, talk.given
            self.state.said = SAID.dump_python([*talk.said[:1], *talk.said[1:][-REMEMBERED:]], mode="json")
            self.state.expires_at = None if service.fleeting else self.now + PATIENCE
            return [waiting.reply]
        self.state.end()
        if talk.onward:
            name, self.message, given = talk.onward
            wish = Meant(name, given) if name else meant(self.message.text, self.community, self.message.sense)
            return self._serve(wish)
        wanted = self._wanted()
        return [replace(reply, choices=()) if wanted else reply, *(wanted or self._next())]

    def _interrupts(self, service: Service) -> Meant | None:
        """What was said instead of an answer, if it is surely a wish for something else."""
        wish = meant(self.message.text, sense=self.message.sense)
        if wish.service in (None, service.name) or wish.confidence < INTERRUPTS:
            return None
        return None if SERVICES[wish.service or ""].idle and not wish.exact else wish

    def _wanted(self) -> list[Reply]:
        """Go on with what the detour was made for, unless it did not make a resident."""
        parked = self.state.parked
        if not parked.get("wanted") or self.resident.role < SERVICES[parked["service"]].needs:
            return []
        return self._take_up()

    def _take_up(self) -> list[Reply]:
        """Go on with what was laid aside."""
        self.state.resume()
        service = SERVICES[self.state.service or FALLBACK]
        return self._detour(service) if self.resident.role < service.needs else self._continue([])

    def _aside(self, name: str) -> list[Reply]:
        """A question of the resident's own is answered if it needs none of ours, and the open one repeated."""
        told = [] if self.warned and SERVICES[name].first else self._told(name, self.message)
        return [*told, *self._repeat()] if told or self.warned else []

    def _told(self, name: str, message: Message) -> list[Reply]:
        """What a service says to a message if it needs no answer of the resident's; else nothing."""
        service = SERVICES[name]
        if self.resident.role < service.needs:
            return []
        try:
            return [self._run(service, self._talk(service, [message], aside=True))]
        except Waiting:
            return []

    def _repeat(self) -> list[Reply]:
        return self._continue([]) if self.state.service else []

    def _talk(self, service: Service, news: list[Message], aside: bool = False) -> Talk:
        talk = Talk(service.section, self.resident, self.db, self.texts, self.community, self.now)
        if self.state.service == service.name and not aside:
            talk.answers, talk.given = dict(self.state.answers), dict(self.state.given)
            talk.said, talk.asked = SAID.validate_python(self.state.said), self.state.asked
        talk.said += news
        talk.fresh = bool(news)
        return talk

    def _run(self, service: Service, talk: Talk) -> Reply:
        with self.guard(self.db):
            return service.run(talk)
