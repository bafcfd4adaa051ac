"""Sentences of residents with what they mean: what the model is trained on, and what it is tested with.

A heading in brackets gives an intent and the labels that all its sentences share. Then one sentence a line; what holds
for it alone stands behind a tab, as key=value with blanks between: category urgency scene also category_also scene_also
place (building-unit-room, empty parts kept) time (_ for a blank) tags lang. Several values are parted by commas.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parent / "examples"
SEVERAL = ("also", "category_also", "scene_also", "tags")


@dataclass(frozen=True)
class Example:
    """One sentence and its labels; those that do not apply are empty."""

    text: str
    intent: str
    also: tuple[str, ...] = ()
    category: str = ""
    category_also: tuple[str, ...] = ()
    urgency: str = ""
    scene: str = ""
    scene_also: tuple[str, ...] = ()
    place: str = ""
    time: str = ""
    lang: str = "zh"
    tags: tuple[str, ...] = ()


def read_examples(path: Path) -> list[Example]:
    """The examples of one file; raises ValueError for a line that is not as above."""
    found: list[Example] = []
    shared: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if line.startswith("[") and line.rstrip().endswith("]") and "\t" not in line:
                intent, _, rest = line.strip()[1:-1].partition(" ")
                shared = {"intent": intent, **_labels(rest)}
                continue
            text, _, own = line.partition("\t")
            found.append(_example(text.strip(), {**shared, **_labels(own)}))
        except (TypeError, ValueError) as problem:
            raise ValueError(f"{path.name} line {number}: {problem}") from None
    return found


def _labels(told: str) -> dict[str, str]:
    return dict(label.split("=", 1) for label in told.split())


def _example(text: str, labels: dict[str, str]) -> Example:
    told: dict[str, Any] = {k: tuple(v.split(",")) if k in SEVERAL else v for k, v in labels.items() if v}
    return Example(text, **told)
