"""What holds a handler to its word that it has written nothing while it still asks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlmodel import Session

from bot.conversation.talk import Waiting
from models.store import changes

Guard = Callable[[Session], AbstractContextManager[None]]


class Wrote(Exception):
    """A handler stopped at a question after it had changed something."""


@contextmanager
def together(db: Session) -> Iterator[None]:
    """Run among others in one transaction: a stop that has written cannot be undone alone."""
    before = changes(db)
    try:
        yield
    except Waiting:
        if changes(db) != before:
            raise Wrote from None
        raise


@contextmanager
def alone(db: Session) -> Iterator[None]:
    """Run in a savepoint of one's own: a stop or an error takes back whatever was written."""
    owed = len(db.info["once"])
    try:
        with db.begin_nested():
            yield
    except BaseException:
        del db.info["once"][owed:]
        db.info["notes"] = {}
        raise
