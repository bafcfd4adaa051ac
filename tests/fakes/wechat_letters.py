"""What a person does, as the XML the platform brings: every type and event of the 接收普通消息 and 接收事件推送 pages."""

from collections.abc import Mapping, Sequence

Value = str | int | float | Mapping[str, "Value"] | Sequence[Mapping[str, "Value"]]


def letter(receiver: str, sender: str, at: int, kind: str, fields: Mapping[str, Value]) -> str:
    """User text goes in as it is, control characters and all: the platform does not clean it."""
    head: dict[str, Value] = {"ToUserName": receiver, "FromUserName": sender, "CreateTime": at, "MsgType": kind}
    return f"<xml>{_elements(head | dict(fields))}</xml>"


def _elements(fields: Mapping[str, Value]) -> str:
    return "\n".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: Value) -> str:
    if isinstance(value, str):
        return f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
    if isinstance(value, int | float):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{_elements(value)}</{name}>"
    return "".join(f"<{name}>{_elements(item)}</{name}>" for item in value)
