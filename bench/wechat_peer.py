"""The peer: WeRoBot with its default SQLite session, without encryption: python -m bench.wechat_peer <port> <file>.

Run by a Python of its own, which has WeRoBot and waitress and need have nothing else.
"""

import logging
import sys
from importlib import import_module
from typing import Any

DESCRIPTION, PHOTO, PHONE, CONFIRM = "description", "photo", "phone", "confirm"
NEXT = {"": DESCRIPTION, DESCRIPTION: PHOTO, PHOTO: PHONE, PHONE: CONFIRM, CONFIRM: ""}
ASKED = {
    DESCRIPTION: "哪里坏了？说一句就行，比如“3幢楼道的灯坏了”。",
    PHOTO: "记下了。方便的话发张照片；不方便就说“跳过”。",
    PHONE: "留个电话吧，师傅上门前联系您。",
    CONFIRM: "请看一遍：{description}，电话 {phone}。可以提交吗？",
    "": "收到，工单已开。",
}


def robot(file: str) -> Any:
    """The five-message report as its documentation writes a dialogue: steps and answers in the session."""
    storage = import_module("werobot.session.sqlitestorage").SQLiteStorage(file)
    made = import_module("werobot").WeRoBot(token="linlifang", SESSION_STORAGE=storage)

    def report(message: Any, session: dict[str, str]) -> str:
        step = session.get("step", "")
        session[step or "wish"] = message.content
        session["step"] = NEXT[step]
        return ASKED[NEXT[step]].format(**session)

    made.text(report)
    return made


if __name__ == "__main__":
    port, file = sys.argv[1:]
    served = robot(file).wsgi
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # or it writes a line for each that waits
    # in one thread: in several its sessions, which share a connection, lose steps of the dialogue
    import_module("waitress").serve(served, host="127.0.0.1", port=int(port), threads=1)
