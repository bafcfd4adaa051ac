"""Which bot or account serves which communities: each community is served by one of a kind at most."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar


class AlreadyServed(ValueError):
    """Another one serves a community already; the message names both."""


class Server(Protocol):
    serves: list[str]  # slugs


S = TypeVar("S", bound=Server)


def take_on(row: S, all_rows: Sequence[S], slugs: Iterable[str], called: Callable[[S], str]) -> None:
    """Switch communities on for one of them; raises AlreadyServed when another serves one."""
    wanted = set(slugs)
    for other in all_rows:
        if other is not row and (both := wanted & set(other.serves)):
            raise AlreadyServed(f"{', '.join(sorted(both))}: served by {called(other)} already")
    if not wanted <= set(row.serves):
        row.serves = sorted({*row.serves, *wanted})


def give_up(all_rows: Sequence[S], slug: str) -> S | None:
    """Switch a community off; whichever served it."""
    row = next((row for row in all_rows if slug in row.serves), None)
    if row is not None:
        row.serves = [other for other in row.serves if other != slug]
    return row
