"""Where a choice comes from: whoever moves on to another community still has the old one's buttons on the screen."""


def carried(community_id: int, value: str) -> str:
    """What a button brings back: the choice, and whose it is; numbers of reports are a community's own."""
    return f"{community_id}~{value}"


def opened(data: str) -> tuple[int | None, str]:
    """The community and the choice a button carried; None for what names no community."""
    number, between, value = data.partition("~")
    return (int(number), value) if between and number.isdecimal() and len(number) < 10 else (None, data)
