"""Run by Alembic: `models.migrate` hands over an open connection."""

from alembic import context
from sqlmodel import SQLModel

from models.migrate import all_tables

all_tables()
context.configure(
    connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
