"""The shared store: one engine, one way to open a transaction, one community at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import BigInteger, Column, ColumnElement, Engine, Table, create_engine, event, literal
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Field, Session, SQLModel, col

from models.ids import new_id

T = TypeVar("T")
Info = dict[str, Any]

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class InCommunity(SQLModel):
    """A row that belongs to one community and is never seen from another."""

    community_id: int = Field(default=None, foreign_key="community.id")

    if not TYPE_CHECKING:  # there the fields make the signature

        def __init__(self, **given: Any) -> None:
            """As SQLModel does it, which checks no table's values either, in a fifth of its time."""
            constants, factories = _defaults(type(self))
            vars(self).update(
                constants | {name: make() for name, make in factories.items() if name not in given} | given
            )


@cache
def _defaults(kind: type[SQLModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a new row holds unless told otherwise, and what makes it where it is made anew each time."""
    optional = {name: field for name, field in kind.model_fields.items() if not field.is_required()}
    factories = {name: field.default_factory for name, field in optional.items() if field.default_factory}
    return {name: field.default for name, field in optional.items() if name not in factories}, factories


class AppendOnly(SQLModel):
    """A row that is history: never changed, never taken away."""


class WrongCommunity(PermissionError):
    """Somebody tried to write into a community that is not the transaction's own."""


def own_id() -> Any:
    """The primary key of a row that others name before it is flushed."""
    return Field(default_factory=new_id, primary_key=True, sa_type=BigInteger)


def table_of(kind: type[SQLModel]) -> Table:
    """The table behind a model, for statements that are prebuilt and so carry their community themselves."""
    return SQLModel.metadata.tables[str(kind.__tablename__)]


def refers(target: str, **more: Any) -> Any:
    """A column that names a row keyed by `own_id`: "resident.id"."""
    return Field(foreign_key=target, sa_type=BigInteger, **more)


def checked(kind: type[Enum], name: str) -> Any:
    """The column type of an enum: a lower-case string that the database checks too."""
    return EnumType(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=24,
        values_callable=lambda members: [member.name.lower() for member in members],
    )


def as_json(value: Any) -> str:
    """How a JSON column holds a value: pydantic's writer takes a third of the standard one's time."""
    return to_json(value).decode()


DISCREET: dict[str, Any] = {"hide_parameters": True}  # what people wrote stands in no trace of a failed statement
JSON_CODEC: dict[str, Any] = {"json_serializer": as_json, "json_deserializer": from_json}


def connect(url: str) -> Engine:
    """Open the store at an SQLAlchemy address: `sqlite:///…` or `postgresql://…` (psycopg 3)."""
    address = make_url(url)
    if address.get_backend_name() == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
        return create_engine(address, pool_size=8, pool_pre_ping=True, **DISCREET, **JSON_CODEC)
    engine = create_engine(address, pool_size=8, connect_args={"timeout": 30}, **DISCREET, **JSON_CODEC)
    event.listen(engine, "connect", _settle_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _settle_sqlite(raw: Any, _: object) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves: the driver's own loses read-modify-write updates
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {setting}")


def _begin(connection: Any) -> None:
    readonly = connection.get_execution_options().get("readonly", False)
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: Engine, community_id: int | None, now: datetime | None = None) -> Iterator[Session]:
    """The only way to write: commits at the end, rolls back on any exception.

    `None` as community means the whole alliance and is for the scheduler and alliance reports only. `now` (UTC) is what
    the transaction takes for the present. What is left in `db.info["last"]` is done after all else was written.
    """
    with engine.connect() as connection, connection.begin(), _session(connection, community_id, now) as db:
        yield db
        settle(db)
        for work in db.info["last"]:
            work(db)


@contextmanager
def reading(engine: Engine, community_id: int | None, now: datetime | None = None) -> Iterator[Session]:
    """A look at the store that never waits for a writer and is undone at the end."""
    with engine.connect().execution_options(readonly=True) as connection, _session(connection, community_id, now) as db:
        yield db


def _session(connection: Any, community_id: int | None, now: datetime | None) -> Session:
    info: Info = {"community_id": community_id, "now": now, "once": [], "last": [], "written": 0, "notes": {}}
    return Session(connection, expire_on_commit=False, info=info)


def add_once(db: Session, table: type[SQLModel], row: dict[str, Any]) -> None:
    """Write a row, every column given, at the end of the transaction, unless its key is there already."""
    db.info["once"].append((table, row))


def settle(db: Session) -> None:
    """Write what is still only remembered; `transaction` does this by itself."""
    db.flush()
    rows, db.info["once"] = db.info["once"], []
    db.info["written"] += len(rows)
    by_table: dict[type[SQLModel], list[dict[str, Any]]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)
    for table, several in by_table.items():
        db.connection().execute(insert_once(table, db.get_bind().dialect.name), several)


@cache
def insert_once(table: type[SQLModel], dialect: str) -> Any:
    return insert_of(table, dialect).on_conflict_do_nothing()


def insert_of(table: type[SQLModel], dialect: str) -> Any:
    """The database's own insert, which may be told what to do on conflict."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table_of(table))


def noted(db: Session, what: str, look: Callable[[], Sequence[T]], *kinds: type[SQLModel]) -> Sequence[T]:
    """What a look into the store found, remembered until this transaction writes rows of these kinds."""
    if what not in db.info["notes"]:
        db.info["notes"][what] = (look(), kinds)
    found: Sequence[T] = db.info["notes"][what][0]
    return found


def among(column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Membership in a prebuilt statement: what SQLAlchemy makes of a plain list is written anew each time."""
    return column.in_([literal(v, column.type) for v in values])


def changes(db: AnySession) -> int:
    """How much this session has changed, written or not yet: a run that stops must have added nothing."""
    return len(db.new) + len(db.dirty) + len(db.deleted) + len(db.info["once"]) + int(db.info["written"])


def moment(db: Session) -> datetime:
    """The present as this transaction takes it, UTC."""
    given: datetime | None = db.info.get("now")
    return given or datetime.now(UTC)


def ours(db: Session) -> int:
    """The community of this transaction."""
    community_id: int | None = db.info["community_id"]
    if community_id is None:
        raise WrongCommunity("this can only be done inside one community")
    return community_id


_criteria: dict[int, tuple[Any, ...]] = {}


def _only(community_id: int) -> tuple[Any, ...]:
    """Built once a community: making these anew for each statement costs four times the statement."""
    if community_id not in _criteria:
        tables = [t for t in InCommunity.__subclasses__() if hasattr(t, "__table__")]
        criteria = (with_loader_criteria(t, col(t.community_id) == community_id, include_aliases=True) for t in tables)
        _criteria[community_id] = tuple(criteria)
    return _criteria[community_id]


SCOPED = {"scoped": True}  # execution options of a prebuilt statement that names its community itself


@event.listens_for(AnySession, "do_orm_execute")
def _only_our_rows(query: ORMExecuteState) -> None:
    community_id = query.session.info.get("community_id")
    if query.execution_options.get("scoped"):
        return
    if not query.is_select:
        query.session.info["written"] = query.session.info.get("written", 0) + 1
        query.session.info["notes"] = {}
    if community_id is not None and (query.is_select or query.is_update or query.is_delete):
        query.statement = query.statement.options(*_only(community_id))


@event.listens_for(AnySession, "before_flush")
def _only_into_ours(db: AnySession, *_: object) -> None:
    db.info["written"] = db.info.get("written", 0) + len(db.new) + len(db.dirty) + len(db.deleted)
    kinds = {type(row) for row in (*db.new, *db.dirty, *db.deleted)}
    db.info["notes"] = {k: note for k, note in db.info.get("notes", {}).items() if kinds.isdisjoint(note[1])}
    community_id = db.info.get("community_id")
    for row in (*db.new, *db.dirty, *db.deleted):
        if isinstance(row, AppendOnly) and row not in db.new:
            raise PermissionError(f"{type(row).__name__} is history and stays as it is")
        if not isinstance(row, InCommunity) or community_id is None:
            continue
        if row.community_id is None:
            row.community_id = community_id
        elif row.community_id != community_id:
            raise WrongCommunity(f"a {type(row).__name__} belongs to another community")
