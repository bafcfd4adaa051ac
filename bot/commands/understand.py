"""understand: read messages as JSON lines, write what each means; train the model; review what residents chose."""

import argparse
import json
import os
import sys
from codecs import BOM_UTF8
from importlib import import_module
from pathlib import Path
from typing import Any

from bot.commands.understand_review import describe_review
from bot.understanding.concepts import concepts
from bot.understanding.examples import EXAMPLES, read_examples
from bot.understanding.features import features, normal
from bot.understanding.model import WEIGHTS, model
from bot.understanding.sense import Sense, understand
from bot.understanding.words import clean

WEIGHTIEST = 8  # features that --explain shows
NO_TRAINER = "scikit-learn is missing; it comes with the development set-up: make test, or pip install scikit-learn"


def describe(commands: Any) -> None:
    parser = commands.add_parser("understand", help="say what messages mean, or teach it", description=__doc__)
    parser.add_argument("--explain", action="store_true", help="add the words and features that decided")
    parser.set_defaults(run=run, alone=True)
    actions = parser.add_subparsers(metavar="action")
    teach = actions.add_parser("train", help="train the model on example sentences (some minutes)")
    teach.add_argument("--examples", type=Path, default=EXAMPLES, metavar="FOLDER", help="text files with sentences")
    teach.add_argument("--to", type=Path, default=WEIGHTS, metavar="FILE", help="where the weights are written")
    teach.set_defaults(run=teach_model)
    describe_review(actions)


def run(asked: argparse.Namespace) -> int:
    """Each line {"id", "text"} of standard input answered by one on standard output; a bad one by its number."""
    status = 0
    try:
        for number, line in enumerate(sys.stdin.buffer, 1):
            if not line.strip():
                continue
            try:
                told = _answer(line, asked.explain)
            except ValueError as problem:
                print(f"line {number}: {problem}", file=sys.stderr, flush=True)
                status = 1
            else:
                written = json.dumps(told, ensure_ascii=False, allow_nan=False)
                sys.stdout.buffer.write(written.encode("utf-8", "backslashreplace") + b"\n")
                sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _answer(line: bytes, explain: bool) -> dict[str, Any]:
    """What one line of input is answered; raises ValueError that says what is wrong with it."""
    try:
        given = json.loads(line.removeprefix(BOM_UTF8).decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise ValueError(f"not UTF-8 at byte {problem.start + 1}") from None
    except json.JSONDecodeError as problem:
        raise ValueError(f"not JSON: {problem.msg} at character {problem.pos + 1}") from None
    except RecursionError:
        raise ValueError("not a message: nested too deep") from None
    if not isinstance(given, dict):
        raise ValueError('not a message: wanted {"id": …, "text": …}')
    if missing := [name for name in ("id", "text") if name not in given]:
        raise ValueError(f"without {' and '.join(missing)}")
    if not isinstance(given["id"], str | int) or isinstance(given["id"], bool):
        raise ValueError("id is neither a string nor a whole number")
    if not isinstance(given["text"], str):
        raise ValueError("text is no string")
    text = clean(given["text"])  # as the channels do
    sense = understand(text)
    return {"id": given["id"], **_told(sense), **({"why": _why(text, sense)} if explain else {})}


def _told(sense: Sense) -> dict[str, Any]:
    return {
        "intent": sense.intent,
        "confidence": sense.confidence,
        "alternatives": [{"intent": a.intent, "confidence": a.confidence} for a in sense.alternatives],
        "also": list(sense.also),
        "scene": sense.scene or None,
        "category": sense.category or None,
        "urgency": sense.urgency or None,
        "building": sense.home.building or None,
        "unit": sense.home.unit or None,
        "room": sense.home.room or None,
        "time": sense.time or None,
        "headcount": sense.headcount,
        "phone": sense.phone or None,
        "language": sense.language,
    }


def _why(text: str, sense: Sense) -> dict[str, Any]:
    """The concepts with the words that betray them, and the weight of features for the first intent, heaviest first."""
    told = normal(dict(sense.parts).get(sense.intent, text))
    weights = {feature: model().weigh(feature, "intent", sense.intent) for feature in features(told)}
    heaviest = sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))[:WEIGHTIEST]
    return {"concepts": concepts(told), "features": {feature: round(weight, 2) for feature, weight in heaviest}}


def teach_model(asked: argparse.Namespace) -> int:
    """Train on every file of the folder; needs scikit-learn."""
    try:
        import_module("sklearn")
    except ImportError:
        print(NO_TRAINER, file=sys.stderr)
        return 1
    from bot.understanding.training import train  # here: only this action trains

    try:
        examples = [e for path in sorted(asked.examples.glob("*.txt")) for e in read_examples(path)]
    except (ValueError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    if not examples:
        print(f"no sentences in {asked.examples}", file=sys.stderr)
        return 1
    count = train(examples, asked.to)
    print(f"{len(examples)} sentences, {count} features: {asked.to}")
    return 0
