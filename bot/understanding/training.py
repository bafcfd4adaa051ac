"""Train the model on the example sentences: `python -m bot understand train`. Needs scikit-learn (development set-up).

The same examples and lexicon give the same weights again; `source` says which they were.
"""

import gzip
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from bot.understanding.examples import EXAMPLES, Example
from bot.understanding.features import features, normal
from bot.understanding.model import WEIGHTS

LEAST = 2  # sentences a feature must occur in
FREEDOM = {
    "intent": 40.0,
    "danger": 40.0,
    "category": 40.0,
    "urgency": 20.0,
    "scene": 40.0,
}  # inverse of the regularisation
NONE = "none"
MAKERS = ("lexicon.toml", "concepts.py", "features.py", "sound.py", "training.py", "words.py")
STEPS = 127  # of a weight, each way


def label(example: Example, question: str) -> str | None:
    """The right answer; None where the question does not arise."""
    if question == "intent":
        return example.intent
    if question == "danger":
        return "now" if example.intent == "emergency" else NONE
    if question == "scene":
        return example.scene or (None if example.scene_also else NONE)
    if question == "urgency":
        return example.urgency if example.urgency in ("normal", "urgent") else None
    return example.category or None


def train(examples: Sequence[Example], to: Path = WEIGHTS) -> int:
    """Train and write the weights; the number of features."""
    seen = [features(normal(e.text)) for e in examples]
    counts = Counter(f for found in seen for f in found)
    known = sorted(f for f, n in counts.items() if n >= LEAST)
    asked, columns = {}, []
    for question, freedom in FREEDOM.items():
        taught = [(s, told) for s, e in zip(seen, examples, strict=True) if (told := label(e, question))]
        labels, bias, weights = _fit([s for s, _ in taught], [told for _, told in taught], known, freedom)
        scale = max(abs(w) for row in weights for w in row) / STEPS
        asked[question] = {"labels": labels, "bias": [round(b, 4) for b in bias], "scale": round(scale, 6)}
        columns.append([[round(w / scale) for w in row] for row in weights])
    rows = [[w for column in columns for w in column[n]] for n in range(len(known))]
    used = [n for n, row in enumerate(rows) if any(row)]
    packed = b"".join(bytes(w & 0xFF for w in rows[n]) for n in used)
    packed_up = {
        "source": source(),
        "asked": asked,
        "features": [known[n] for n in used],
        "rows": b64encode(packed).decode(),
    }
    to.write_bytes(gzip.compress(json.dumps(packed_up, ensure_ascii=False, separators=(",", ":")).encode(), mtime=0))
    return len(used)


def source() -> str:
    """A fingerprint of all that the weights come from: sentences, lexicon, and how features are made of them."""
    here = Path(__file__).parent
    files = [*sorted(EXAMPLES.glob("*.txt")), *(here / name for name in MAKERS)]
    return sha256(b"\n".join(path.read_bytes() for path in files)).hexdigest()


def _fit(
    seen: Sequence[Iterable[str]], right: Sequence[str], known: Sequence[str], freedom: float
) -> tuple[list[str], list[float], list[list[float]]]:
    """Labels, bias of each, and for each known feature the weight for each label."""
    from sklearn.feature_extraction import DictVectorizer  # here: only training needs it
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import normalize

    vectorizer = DictVectorizer().fit([dict.fromkeys(known, 1)])
    matrix = normalize(vectorizer.transform([dict.fromkeys(s, 1) for s in seen]))
    fitted = LogisticRegression(C=freedom, max_iter=1000, tol=1e-5).fit(matrix, right)
    weights, bias = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # one row for both, told as two of opposite sign
        weights, bias = [-weights[0] / 2, weights[0] / 2], [-bias[0] / 2, bias[0] / 2]
    rows = [[float(w[n]) for w in weights] for n in range(len(known))]
    return [str(c) for c in fitted.classes_], [float(b) for b in bias], rows
