"""Bring a store to the newest shape, or back."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

import models
from models.shape import SCRIPTS


def all_tables() -> None:
    """Import every module here, so that the metadata is whole."""
    for module in iter_modules(models.__path__):
        if module.name not in ("migrations", "migrate"):
            import_module(f"models.{module.name}")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Upgrade, or downgrade when `revision` is "base"; all of it or nothing. Raises LookupError for no such revision."""
    with engine.connect() as connection, _loosely(connection), connection.begin():
        config = configuration()
        config.attributes["connection"] = connection
        step = command.downgrade if revision == "base" else command.upgrade
        try:
            step(config, revision)
        except CommandError as failure:
            raise LookupError(str(failure)) from None
        _check_references(connection)


@contextmanager
def _loosely(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by dropping it, which what refers to it must not prevent; sqlite.org/lang_altertable.html.

    It cannot be said within a transaction, so it is said to the driver itself.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (lost := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise LookupError(f"{len(lost)} rows name one that is not there, the first in {lost[0][0]}")


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
