"""QR codes for posters: who scans one follows the account and stands before the matter at once."""

import io

from bot.channels.wechat.api import Api
from bot.channels.wechat.menu import FIRST, SECOND, THIRD
from bot.content.snapshot import Community
from bot.conversation.service import SERVICES

LONGEST = 64  # characters of a scene: developers.weixin.qq.com, 生成带参数二维码


FURTHER = ("meetings.propose", "joining", "home", "help")  # beside what the menu has


class NoSuchMatter(ValueError):
    """Nothing that a poster could lead to; the message says what there is."""


def scene_of(community: Community, matter: str = "") -> str:
    """What the code carries: `hongmei`, `hongmei-events` or `hongmei-place-canteen`. Raises NoSuchMatter."""
    offered = [name for name in (*FIRST, *SECOND, *THIRD, *FURTHER) if name in SERVICES]
    offered += [f"place-{place.key}" for place in community.pack.places]
    exact = next((name for name in (matter, f"place-{matter}") if name in offered), "")
    if matter and not exact:
        raise NoSuchMatter(f"no service or place {matter}; there are: {', '.join(offered)}")
    scene = f"{community.slug}-{exact}" if exact else community.slug
    if len(scene) > LONGEST:
        raise NoSuchMatter(f"{scene} is longer than WeChat takes: {LONGEST} characters")
    return scene


async def poster(api: Api, scene: str) -> bytes:
    """The code as a PNG file."""
    made, drawn = io.BytesIO(), await api.create_qr(scene)
    from PIL import Image  # here: it takes a while to load, and posters are seldom

    with Image.open(io.BytesIO(drawn.picture)) as picture:
        picture.save(made, "PNG")
    return made.getvalue()
