"""The store's shape, one step after another: Alembic revisions."""
