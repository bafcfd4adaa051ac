"""Words of danger: what to do first, at once and in the middle of anything; in a danger now the workers are paged.

居民：我家着火了
机器人：⚠ 先保安全：马上离开……119……我已经通知社区值班人员
居民：取消
机器人：已取消
居民：煤气泄漏了该怎么办
机器人：⚠ 先保安全：不要开关任何电灯电器……
"""

from dataclasses import asdict

from bot.conversation.meaning import alarming
from bot.conversation.message import Choice, Reply, sense_of
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.conversation.whereabouts import spot_in
from bot.understanding.concepts import concepts
from bot.understanding.danger import dangerous
from bot.understanding.features import normal
from bot.understanding.place import home_in
from models.alarm import rung_lately
from models.enquiry import alarm_workers
from models.household import parts_of

OTHER = "other"
PLACES = 2  # one matter rings for in a while
KINDS = {  # by what the lexicon finds under danger, where no word tells; the first there is
    "suicide": "despair",
    "medical": "medical",
    "water": "medical",
    "fire": "fire",
    "gas": "gas",
    "electric": "electric",
    "collapse": "collapse",
    "crime": "crime",
    "missing": "missing",
}
TRAPPED, LIFT = "trapped", "thing.elevator"  # nobody locked in elsewhere is told to leave a lift's doors alone


@service("danger", hears=lambda text: dangerous(text) is not None, first=True)
def alarm(talk: Talk) -> Reply:
    text, sense = talk.heard(), sense_of(*talk.said)
    kind = dangerous(text) or _kind(text)
    advice = talk.text(f"repair.danger_{kind}")
    if alarming(sense):
        return Reply(f"{advice}\n{_paged(talk, kind, text)}")
    spot = spot_in(text)
    now = f"/danger.now kind={kind} at={spot}" if spot else f"/danger.now kind={kind}"
    return Reply(advice, (Choice(now, talk.text("danger.now")),))


@service("danger.now")
def now(talk: Talk) -> Reply:
    """Somebody says that what they spoke of is happening."""
    kind, spot = talk.given.get("kind", OTHER), spot_in(talk.given.get("at", ""))
    said = " ".join(filter(None, (talk.text("danger.now"), spot)))
    return Reply(_paged(talk, kind if f"work.kind_{kind}" in talk.texts else OTHER, said))


def _kind(text: str) -> str:
    """What a danger is that no word of danger names."""
    found = concepts(normal(text))
    dangers = [concept.removeprefix("danger.") for concept in found]
    if TRAPPED in dangers and LIFT in found:
        return TRAPPED
    return next((kind for concept, kind in KINDS.items() if concept in dangers), OTHER)


def _paged(talk: Talk, kind: str, text: str) -> str:
    """Page the workers on duty; what the resident is told about it.

    A place they had not heard of rings once more: the first alarm may have sent them to another door.
    """
    home, before = home_in(text), [home_in(told) for told in rung_lately(talk.db, talk.resident, kind)]
    news = bool(home.building and before and home not in before and len(before) < PLACES)
    told_workers = alarm_workers(talk.db, talk.resident, kind, text, asdict(home), again=news)
    phone = talk.community.pack.community.phone
    if not told_workers:
        return talk.text("repair.danger_call", phone=phone)
    if home.building and (news or not before or home in before):
        return talk.text("repair.danger_told_place", place=asdict(home), phone=phone)
    known = "danger_told_home" if talk.resident.home else "danger_told"
    return talk.text(f"repair.{known}", home=parts_of(talk.resident.home), phone=phone)
