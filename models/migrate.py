"""Bring a store to the newest shape, or back."""

from importlib import import_module
from pkgutil import iter_modules

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine

import models
from models.shape import SCRIPTS


def all_tables() -> None:
    """Import every module here, so that the metadata is whole."""
    for module in iter_modules(models.__path__):
        if module.name not in ("migrations", "migrate"):
            import_module(f"models.{module.name}")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Upgrade, or downgrade when `revision` is "base"; all of it or nothing. Raises LookupError for no such revision."""
    with engine.connect() as connection, connection.begin():
        config = configuration()
        config.attributes["connection"] = connection
        step = command.downgrade if revision == "base" else command.upgrade
        try:
            step(config, revision)
        except CommandError as failure:
            raise LookupError(str(failure)) from None


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
