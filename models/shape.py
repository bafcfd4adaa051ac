"""Whether a store has the shape this program needs; without Alembic, which takes longer to load than to look."""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

SCRIPTS = Path(__file__).parent / "migrations"


def newest() -> str:
    """The last revision: its file is named by number and title, 0001_the_first_shape.py."""
    return max(path.name.partition("_")[0] for path in SCRIPTS.glob("versions/[0-9]*.py"))


def is_current(engine: Engine) -> bool:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest()
