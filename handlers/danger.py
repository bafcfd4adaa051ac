"""Words of danger: what to do first, at once and in the middle of anything; the workers on duty are paged.

居民：我家着火了
机器人：⚠ 先保安全：马上离开……119……我已经通知社区值班人员
"""

from bot.conversation.message import Reply
from bot.conversation.service import service
from bot.conversation.talk import Talk
from bot.understanding.danger import dangerous
from models.enquiry import alarm_workers


@service("danger", hears=lambda text: dangerous(text) is not None, first=True)
def alarm(talk: Talk) -> Reply:
    text = talk.heard()
    kind = dangerous(text) or "crime"
    told_workers = alarm_workers(talk.db, talk.resident, kind, text)
    known = ("danger_told_home" if talk.resident.home else "danger_told") if told_workers else "danger_call"
    told = talk.text(f"repair.{known}", home=talk.resident.home, phone=talk.community.pack.community.phone)
    return Reply(f"{talk.text(f'repair.danger_{kind}')}\n{told}")
