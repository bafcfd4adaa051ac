"""The door of an account: which communities it serves, and what a scanned code stands for."""

from dataclasses import replace

from bot.channels.wechat.accounts import Account
from bot.channels.wechat.letter import Letter
from bot.channels.wechat.reading import Heard
from bot.channels.wechat.threshold import Inside, Threshold
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from models.history import resident_at
from models.store import reading

CHANNEL = "wechat"


class Door:
    def __init__(self, desk: Desk, account: Account) -> None:
        self._desk, self._serves = desk, account.serves
        self.threshold = Threshold(desk, CHANNEL, account.appid)

    def place(self, letter: Letter, heard: Heard) -> Inside | str:
        """Let them in, or say what to say at the door."""
        served = [c for slug in self._serves if (c := self._desk.communities.get(slug))]
        wanted, opens = scene(letter.scene, served)
        said = replace(heard, choice=opens) if opens else heard
        place = self.threshold.place(letter.sender, letter.identity, said, served, wanted)
        if isinstance(place, Inside) and place.heard.community_id not in (None, place.community.id):
            return _elsewhere(place, served)
        if isinstance(place, Inside) and opens and place.heard == said:
            return replace(place, new=not self._is_known(letter.sender, place.community))
        return place

    def _is_known(self, sender: str, community: Community) -> bool:
        with reading(self._desk.engine, community.id) as db:
            return resident_at(db, CHANNEL, community.slug, sender) is not None


def _elsewhere(place: Inside, served: list[Community]) -> str:
    """A line of another community changes nothing here: its number of a report is somebody else's."""
    say = place.community.texts(place.language or "zh")
    theirs = next((c for c in served if c.id == place.heard.community_id), None)
    if theirs is None:
        return say("talk.stale")
    return say("wechat.elsewhere", name=say.show(theirs.pack.community.name.model_dump()))


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
