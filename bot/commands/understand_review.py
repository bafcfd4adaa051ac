"""What residents chose where they were not understood: shown as example sentences, and taken into a file of them."""

import argparse
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.commands import Slip, carry_out

if TYPE_CHECKING:  # `understand` describes this action too, and does not wait for the store
    from bot.conversation.desk import Desk
    from bot.settings import Settings
    from models.example import Example

UNKNOWN = "# none of what was offered; give it a heading or leave it out"


def describe_review(actions: Any) -> None:
    parser = actions.add_parser("review", help="what residents chose where they were not understood, to learn from")
    parser.add_argument("--accept", type=Path, metavar="FILE", help="append them to FILE and do not show them again")
    parser.add_argument("--drop", action="store_true", help="do not show them again")
    parser.set_defaults(run=carry_out, act=review, alone=False)


def review(asked: argparse.Namespace, settings: "Settings", desk: "Desk") -> int:
    """Print the unreviewed ones of the whole alliance; taken or dropped, they count as reviewed."""
    from models.example import mark_reviewed, unreviewed
    from models.store import reading, transaction

    with reading(desk.engine, None) as db:
        found = unreviewed(db)
        shown, ids = list(lines(found)), [example.id for example in found]
    print("\n".join(shown) if shown else "nothing to review")
    if asked.accept and shown:
        try:
            with asked.accept.open("a", encoding="utf-8") as file:
                file.write("\n".join(shown) + "\n")
        except OSError as failure:
            raise Slip(f"{asked.accept}: {failure.strerror}") from None
    if (asked.accept or asked.drop) and ids:
        with transaction(desk.engine, None, desk.now()) as db:
            mark_reviewed(db, ids)
    return 0


def lines(found: Iterable["Example"]) -> Iterable[str]:
    """As bot/understanding/examples.py reads them: a heading for each intent; what has none is a comment."""
    for intent, several in groupby(sorted(found, key=lambda e: (e.chosen == "", e.chosen, e.id)), lambda e: e.chosen):
        yield f"[{intent}]" if intent else UNKNOWN
        for example in several:
            told = " ".join(example.text.split())
            plainly = intent and not told.startswith(("#", "["))  # nobody writes a heading by what they say
            yield told if plainly else f"# {told}  ({example.guessed} {example.confidence:.2f})"
