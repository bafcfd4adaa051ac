"""The trained model: for each question about a sentence, how likely each answer is. Linear, small, plain Python."""

import gzip
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import exp, sqrt
from operator import add
from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights.json.gz"


@dataclass(frozen=True)
class Asked:
    """One question of the model's: its answers, and where in a row of weights they stand."""

    labels: tuple[str, ...]
    start: int
    bias: tuple[float, ...]
    scale: float  # of one step of a weight


class Model:
    """Weights by feature; each a row of signed bytes, the answers of all questions beside one another."""

    def __init__(self, asked: Mapping[str, Asked], features: Iterable[str], rows: bytes) -> None:
        self.asked, self._rows = dict(asked), memoryview(rows).cast("b")
        self._width = sum(len(a.labels) for a in self.asked.values())
        self._at = {feature: n * self._width for n, feature in enumerate(features)}

    def judge(self, features: Iterable[str]) -> dict[str, dict[str, float]]:
        """For each question the probability of each answer."""
        known = [at for f in features if (at := self._at.get(f)) is not None]
        sums = [0] * self._width
        for at in known:
            sums = list(map(add, sums, self._rows[at : at + self._width]))
        length = sqrt(len(known) or 1)
        return {
            name: _probabilities(a, sums[a.start : a.start + len(a.labels)], length) for name, a in self.asked.items()
        }

    def weigh(self, feature: str, question: str, label: str) -> float:
        """How much a feature speaks for an answer."""
        asked, at = self.asked[question], self._at.get(feature)
        return 0.0 if at is None else self._rows[at + asked.start + asked.labels.index(label)] * asked.scale


def _probabilities(asked: Asked, sums: list[int], length: float) -> dict[str, float]:
    scores = [bias + s * asked.scale / length for bias, s in zip(asked.bias, sums, strict=True)]
    top = max(scores)
    raised = [exp(s - top) for s in scores]
    total = sum(raised)
    return {label: r / total for label, r in zip(asked.labels, raised, strict=True)}


@cache
def model() -> Model:
    """The model as trained; read once."""
    told = json.loads(gzip.decompress(WEIGHTS.read_bytes()))
    asked, start = {}, 0
    for name, a in told["asked"].items():
        asked[name] = Asked(tuple(a["labels"]), start, tuple(a["bias"]), a["scale"])
        start += len(a["labels"])
    return Model(asked, told["features"], b64decode(told["rows"]))
