"""A chat as lines one can read."""

from tests.fakes.telegram_state import Posted, Room

THINGS = {
    "photo": "照片",
    "document": "文件",
    "venue": "地点",
    "location": "位置",
    "contact": "名片",
    "voice": "语音",
    "sticker": "贴纸",
    "new_chat_members": "有人入群",
    "left_chat_member": "有人离群",
}


def transcript(room: Room) -> str:
    return "\n".join(line(m) for m in room.messages if not m.deleted)


def line(message: Posted) -> str:
    """Who said what; in a group a resident goes by name."""
    payload = message.payload
    who = "机器人" if message.by_bot else "居民" if message.room.private else payload["from"]["first_name"]
    thing = next((f"[{name}]" for kind, name in THINGS.items() if kind in payload), "")
    if "venue" in payload:
        thing = f"[地点 {payload['venue']['title']}]"
    buttons = "".join(f"\n　　［{'｜'.join(b['text'] for b in row)}］" for row in message.buttons)
    return f"{who}：{thing}{message.text}{buttons}"
