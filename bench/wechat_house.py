"""A furnished store whose residents are on WeChat too, and our server with an account for them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import select

from bench.ends import free_port, running
from bench.house import RESIDENTS, SLUG, address, furnish
from models.resident import Account
from models.store import connect, transaction

APPID, SECRET = "wx0123456789abcdef", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN, AES_KEY = "linlifang", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
NOBODY = "http://127.0.0.1:9"  # in place of WeChat's API: replies are passive, nothing else is sent
ACCOUNT = f"""[[account]]
appid = "{APPID}"
secret = "{SECRET}"
token = "{TOKEN}"
aes_key = "{AES_KEY}"
kind = "service"
serves = ["{SLUG}"]
"""


def openid(n: int) -> str:
    """The n-th resident's."""
    return f"o{n:027}"


def furnished(folder: Path) -> Path:
    """A store of SQLite to be copied: every resident is reached by their OpenID as well."""
    template, now = folder / "template.db", datetime.now(UTC)
    furnish(f"sqlite:///{template}")
    engine = connect(f"sqlite:///{template}")
    with transaction(engine, None, now) as db:
        for n in range(RESIDENTS):
            page = db.exec(select(Account).where(Account.user == address(n).user)).one()
            whose, where = page.resident_id, page.community_id
            db.add(
                Account(
                    channel="wechat", account=SLUG, user=openid(n), resident_id=whose, community_id=where, used_at=now
                )
            )
    engine.dispose()
    (folder / "wechat.toml").write_text(ACCOUNT, "utf-8")
    (folder / "wechat.toml").chmod(0o600)
    return template


def fresh(template: Path, number: int) -> str:
    """The address of a copy."""
    path = template.with_name(f"store{number}.db")
    shutil.copy(template, path)
    return f"sqlite:///{path}"


@contextmanager
def our_server(url: str, folder: Path) -> Iterator[int]:
    """`python -m bot serve` on a store, with the account; its port."""
    port = free_port()
    settings = {
        "DATABASE_URL": url, "PORT": str(port), "LOG_LEVEL": "ERROR", "WECHAT_API": NOBODY,
        "WECHAT_ACCOUNTS_FILE": str(folder / "wechat.toml"), "SECRET_KEY_FILE": str(folder / "secret.key"),
    }  # fmt: skip
    named = {f"LINLIFANG_{name}": value for name, value in settings.items()}
    with running(["bot", "serve", "--without", "clock"], port, **named):
        yield port


@contextmanager
def peer_server(python: str, folder: Path, number: int) -> Iterator[int]:
    """WeRoBot, run by a Python that has it, with its sessions in a file of its own; its port."""
    port = free_port()
    with running(["bench.wechat_peer", str(port), str(folder / f"sessions{number}.db")], port, python=python):
        yield port
