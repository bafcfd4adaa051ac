"""Words of danger: what to do first, at once and in the middle of anything; in a danger now the workers are paged.

居民：我家着火了
机器人：⚠ 先保安全：马上离开……119……我已经通知社区值班人员
居民：取消
机器人：已取消
居民：煤气泄漏了该怎么办
机器人：⚠ 先保安全：不要开关任何电灯电器……
"""

from bot.conversation.meaning import alarming
from bot.conversation.message import Choice, Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.understanding.danger import dangerous
from bot.understanding.sense import understand
from models.enquiry import alarm_workers

OTHER = "other"
KINDS = {"gas": "gas", "elevator": "trapped", "electricity": "electric"}  # by what is broken, where no word tells


@service("danger", hears=lambda text: dangerous(text) is not None, first=True)
def alarm(talk: Talk) -> Reply:
    text = talk.heard()
    kind = dangerous(text) or KINDS.get(understand(text).category, OTHER)
    advice = talk.text(f"repair.danger_{kind}")
    if alarming(text):
        return Reply(f"{advice}\n{_paged(talk, kind, text)}")
    return Reply(advice, (Choice(f"/danger.now kind={kind}", talk.text("danger.now")),))


@service("danger.now")
def now(talk: Talk) -> Reply:
    """Somebody says that what they spoke of is happening."""
    kind = talk.given.get("kind", OTHER)
    return Reply(_paged(talk, kind if f"work.kind_{kind}" in talk.texts else OTHER, talk.text("danger.now")))


def _paged(talk: Talk, kind: str, text: str) -> str:
    """Page the workers on duty; what the resident is told about it."""
    told_workers = alarm_workers(talk.db, talk.resident, kind, text)
    known = ("danger_told_home" if talk.resident.home else "danger_told") if told_workers else "danger_call"
    return talk.text(f"repair.{known}", home=talk.resident.home, phone=talk.community.pack.community.phone)
