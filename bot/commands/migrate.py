"""migrate: bring the store to the shape this program needs, or back to nothing."""

import argparse
import sys
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from bot.commands import bring_up_to_date, make_room, no_answer
from bot.settings import Settings
from models.store import connect


def describe(commands: Any) -> None:
    parser = commands.add_parser("migrate", help="bring the store up to date", description=__doc__)
    parser.add_argument("--to", default="head", metavar="REVISION", help='a revision; "base" drops every table')
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    engine = connect(settings.database_url)
    try:
        make_room(engine)
        bring_up_to_date(engine, asked.to)
    except LookupError as failure:
        print(f"the store stays as it is: {failure}", file=sys.stderr)
        return 1
    except (SQLAlchemyError, OSError) as failure:
        print(no_answer(engine, failure), file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    print(f"the store is at {asked.to}")
    return 0
