"""Keys made before the rows are written: none twice, however fast and in however many threads."""

from concurrent.futures import ThreadPoolExecutor

from models.ids import new_id


def test_no_two_are_alike() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [n for several in threads.map(lambda _: [new_id() for _ in range(20_000)], range(4)) for n in several]
    assert len(set(made)) == len(made)
    assert max(made) < 2**63


def test_they_grow() -> None:
    made = [new_id() for _ in range(1000)]
    assert made == sorted(made)
