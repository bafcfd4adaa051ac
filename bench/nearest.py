"""The plain way to sort sentences: the label of the most similar one known, by BM25 over characters and their pairs."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from math import log

K, B = 1.5, 0.75  # as usual: how soon a repeated term is enough, how much a long sentence is worth less


def terms(text: str) -> list[str]:
    """The characters and the pairs of neighbouring ones."""
    told = re.sub(r"\s+", " ", text.casefold())
    return [*told, *(told[i : i + 2] for i in range(len(told) - 1))]


class Nearest:
    def __init__(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        counted = [Counter(terms(text)) for text in texts]
        sizes = [sum(counts.values()) for counts in counted]
        mean = sum(sizes) / len(sizes)
        holding = Counter(term for counts in counted for term in counts)
        rarity = {term: log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for term, n in holding.items()}
        self._labels = labels
        self._scores: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, (counts, size) in enumerate(zip(counted, sizes, strict=True)):
            for term, n in counts.items():
                score = rarity[term] * n * (K + 1) / (n + K * (1 - B + B * size / mean))
                self._scores[term].append((number, score))

    def __call__(self, text: str) -> str:
        """The label of the nearest sentence; of the first one if nothing is alike."""
        sums: dict[int, float] = defaultdict(float)
        for term in set(terms(text)):
            for number, score in self._scores.get(term, ()):
                sums[number] += score
        return self._labels[max(sums, key=lambda number: sums[number], default=0)]
