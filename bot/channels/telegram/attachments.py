"""Where the pictures and files of a reply come from: the store, asked anew whether this person may see them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from bot.channels import photos
from bot.channels.files import file_of
from bot.channels.telegram.keyboards import stands_in
from bot.channels.telegram.render import Look
from bot.content.snapshot import Community
from bot.conversation.desk import Desk
from bot.conversation.group import REPLIES
from bot.conversation.message import Address
from models.dialogue import Heard
from models.history import resident_at
from models.photo import may_see
from models.resident import Resident
from models.store import reading

if TYPE_CHECKING:
    from bot.channels.telegram.line import Line


@dataclass(frozen=True, slots=True)
class Attachments:
    """What may be attached for one person; `page` is where an event can be read on."""

    desk: Desk
    community: Community
    to: Address
    page: str

    def photo(self, ref: str) -> bytes | None:
        with reading(self.desk.engine, self.community.id) as db:
            who = _resident(db, self.to)
            if who is None or not may_see(db, ref, who):
                return None
        path = photos.path_of(self.desk.media, ref)
        return path.read_bytes() if path.exists() else None

    def file(self, name: str) -> tuple[str, bytes] | None:
        return file_of(self.desk, self.community, self.to, name, self.page)


def look_for(line: "Line", key: str, community_id: int) -> Look:
    """For whom the replies to what was heard under a key are; asks the store."""
    channel, account, user, _ = key.split(":", 3)
    return look_at(line.desk, line.link(account), Address(channel, account, user), community_id, key)


def look_at(desk: Desk, link: str, to: Address, community_id: int, key: str = "") -> Look:
    """For whom something is; with the `key` of what was heard it is a reply, which takes an old keyboard away."""
    community = desk.communities.by_id(community_id)
    with reading(desk.engine, community_id) as db:
        who = _resident(db, to)
        keyboard = bool(key) and who is not None and _left_open(db, who, key)
    attached = Attachments(desk, community, to, link)
    private = not to.user.startswith("-")  # groups have negative numbers
    return Look(community, who.language if who else "zh", private, link, attached.photo, attached.file, keyboard)


def _left_open(db: Session, who: Resident, key: str) -> bool:
    """Whether what we said before, to the same chat, brought a keyboard."""
    chat = key.rpartition(":")[0]
    latest = select(Heard).where(Heard.resident_id == who.id).order_by(col(Heard.at).desc()).limit(2)
    before = [h for h in db.exec(latest) if h.key != key and h.key.startswith(f"{chat}:")]
    return bool(before) and any(stands_in(reply.want) for reply in REPLIES.validate_python(before[0].replies))


def _resident(db: Session, at: Address) -> Resident | None:
    resident_id = resident_at(db, at.channel, at.account, at.user)
    return db.get(Resident, resident_id) if resident_id else None
