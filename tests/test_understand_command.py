"""`python -m bot understand` as a program: what goes in, what comes out, and what it does without."""

import gzip
import io
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.understand import WEIGHTIEST, run
from bot.understanding.interpreter import labels

ROOT = Path(__file__).parent.parent
KEYS = [
    *("id", "intent", "confidence", "alternatives", "also", "scene", "category", "urgency", "building", "unit", "room"),
    *("time", "headcount", "phone", "language"),
]
LIFT = "7幢2单元电梯从昨天晚上坏到现在，我电话13812345678"
HEAVY = ("sqlalchemy", "aiohttp", "pydantic", "telegram", "jinja2", "handlers", "sklearn")


def bot(*arguments: str, said: bytes = b"", at: Path = ROOT, **more: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LINLIFANG_")}
    given = environment | {"PYTHONPATH": os.pathsep.join([*more.pop("first", "").split(), str(ROOT)])} | more
    command = [sys.executable, "-m", "bot", "understand", *arguments]
    return subprocess.run(command, input=said, cwd=at, env=given, capture_output=True, timeout=60, check=False)


def lines(*messages: Any) -> bytes:
    return b"".join(json.dumps(m, ensure_ascii=False).encode() + b"\n" for m in messages)


def told(done: "subprocess.CompletedProcess[bytes]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_line_is_answered_by_one() -> None:
    done = bot(said=lines({"id": "a1", "text": LIFT}, {"id": 7, "text": "今天食堂吃什么", "more": 1}))
    assert (done.returncode, done.stderr) == (0, b"")
    lift, canteen = told(done)
    assert [list(lift), list(canteen)] == [KEYS, KEYS]
    assert (lift["id"], lift["intent"], lift["category"], lift["urgency"]) == (
        "a1",
        "report_issue",
        "elevator",
        "urgent",
    )
    assert (lift["building"], lift["unit"], lift["room"], lift["phone"]) == ("7", "2", None, "13812345678")
    assert lift["time"] in LIFT
    assert lift["confidence"] > 0.5
    assert len(lift["alternatives"]) == 3
    assert all(set(a) == {"intent", "confidence"} and a["intent"] in labels()["intent"] for a in lift["alternatives"])
    assert (canteen["id"], canteen["intent"], canteen["scene"]) == (7, "canteen_menu", "小饭桌")
    assert [canteen[k] for k in ("category", "urgency", "building", "unit", "room", "headcount", "phone")] == [None] * 7
    assert (canteen["also"], canteen["language"]) == ([], "zh")


def test_why() -> None:
    [answer] = told(bot("--explain", said=lines({"id": 1, "text": "电梯坏了"})))
    assert list(answer) == [*KEYS, "why"]
    assert answer["why"]["concepts"]["thing.elevator"] == ["电梯"]
    weights = answer["why"]["features"]
    assert weights["@thing"] > 0
    assert 1 < len(weights) <= WEIGHTIEST
    assert list(weights.values()) == sorted(weights.values(), key=abs, reverse=True)


BAD = {
    b"nonsense": b"not JSON: Expecting value at character 1",
    b'{"id": 1, "text": "\xff"}': b"not UTF-8 at byte 20",
    b"[1]": b'not a message: wanted {"id": \xe2\x80\xa6, "text": \xe2\x80\xa6}',
    b"[" * 100_000: b"not a message: nested too deep",
    b"{}": b"without id and text",
    b'{"id": 1}': b"without text",
    b'{"text": "1"}': b"without id",
    b'{"id": null, "text": "1"}': b"id is neither a string nor a whole number",
    b'{"id": true, "text": "1"}': b"id is neither a string nor a whole number",
    b'{"id": 1, "text": ["1"]}': b"text is no string",
}


def test_a_bad_line_is_named_and_the_others_are_answered() -> None:
    good = lines({"id": 1, "text": "电梯坏了"})
    done = bot(said=good + b"\n".join(BAD) + b"\n\n  \n" + good)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [b"line %d: %s" % (n, why) for n, why in enumerate(BAD.values(), 2)]
    assert [answer["id"] for answer in told(done)] == [1, 1]


def test_odd_texts() -> None:
    odd = [
        "",
        " \n",
        "\u202e\u0000",
        "\ud800",
        "😀" * 50,
        "很" * 200_000,
        "a" * 100_000,
        "１２３幢",
        "ｈｅｌｐ",
        "'; DROP TABLE--",
    ]
    said = b"\xef\xbb\xbf" + b"".join(json.dumps({"id": text[:9], "text": text}).encode() + b"\r\n" for text in odd)
    done = bot(said=said)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [answer["id"] for answer in told(done)] == [text[:9] for text in odd]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda t: lines({"id": t, "text": t})))))
def test_no_input_of_any_kind_breaks_it(said: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written = io.BytesIO()
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(said))))
        patch.setattr(sys, "stdout", printed := io.TextIOWrapper(written))
        patch.setattr(sys, "stderr", errors := io.StringIO())
        status = run(Namespace(explain=True))
    printed.detach()
    asked = [line for line in b"\n".join(said).split(b"\n") if line.strip()]
    refused = len(errors.getvalue().splitlines())
    assert len(written.getvalue().split(b"\n")) - 1 + refused == len(asked)
    assert status == (1 if refused else 0)


def test_an_answer_does_not_wait_for_the_next_line() -> None:
    command = [sys.executable, "-m", "bot", "understand"]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE) as program:
        assert program.stdin
        assert program.stdout
        for number in range(3):
            program.stdin.write(lines({"id": number, "text": "电梯坏了"}))
            program.stdin.flush()
            assert json.loads(program.stdout.readline())["id"] == number
        program.stdin.close()
        assert program.wait(timeout=60) == 0


def test_a_reader_that_has_seen_enough() -> None:
    command = [sys.executable, "-m", "bot", "understand"]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=PIPE) as program:
        assert program.stdin
        assert program.stdout
        assert program.stderr
        program.stdin.write(lines({"id": 1, "text": "电梯坏了"}))
        program.stdin.flush()
        program.stdout.readline()
        program.stdout.close()
        program.stdin.write(lines({"id": 2, "text": "电梯坏了"}))
        program.stdin.close()
        assert program.stderr.read() == b""
        assert program.wait(timeout=60) == 0


def test_it_needs_no_store_and_no_settings(tmp_path: Path) -> None:
    done = bot(said=lines({"id": 1, "text": "你好"}), at=tmp_path, LINLIFANG_PORT="eighty", LINLIFANG_NONSENSE="1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_review_needs_them(tmp_path: Path) -> None:
    done = bot("review", at=tmp_path, LINLIFANG_PORT="eighty")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"LINLIFANG_PORT: ")


def test_it_loads_nothing_it_does_not_need() -> None:
    ask = "import sys; from bot.__main__ import main; main(['understand']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", ask], input=lines({"id": 1, "text": LIFT}), cwd=ROOT, capture_output=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.decode().splitlines()[-1].split(" ")}
    assert "opencc" in loaded
    assert loaded.isdisjoint(HEAVY)


SENTENCES = """\
[report_issue category=water urgency=urgent]
水管爆了
水管漏水了
[report_issue category=lighting urgency=normal]
楼道灯坏了
路灯不亮了
[emergency category=security urgency=emergency]
着火了
厨房着火了快来
[canteen_menu scene=小饭桌]
食堂今天吃什么
小饭桌有什么菜
[smalltalk]
你好
你好啊
[ask_service scene=健身]
健身房几点开门
健身房怎么收费
"""


def test_training(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text(SENTENCES, "utf-8")
    weights = [tmp_path / "first.gz", tmp_path / "second.gz"]
    for to in weights:
        done = bot("train", "--examples", str(tmp_path), "--to", str(to))
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode().startswith("12 sentences, ")
        assert done.stdout.decode().endswith(f" features: {to}\n")
    assert weights[0].read_bytes() == weights[1].read_bytes()
    model = json.loads(gzip.decompress(weights[0].read_bytes()))
    assert set(model["asked"]["intent"]["labels"]) == {
        *("report_issue", "emergency", "canteen_menu", "smalltalk", "ask_service"),
    }
    assert len(model["features"]) == int(done.stdout.split()[2])


def test_training_without_what_it_needs(tmp_path: Path) -> None:
    package = tmp_path / "without/sklearn"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('taken away')")
    done = bot("train", "--to", str(tmp_path / "new.gz"), first=str(tmp_path / "without"))
    assert done.returncode == 1
    assert done.stderr.startswith(b"scikit-learn is missing")
    assert not (tmp_path / "new.gz").exists()


@pytest.mark.parametrize(
    ("written", "why"),
    [("[help]\n怎么用\tnonsense\n", "some.txt line 2"), ("", "no sentences in")],
    ids=["bad", "none"],
)
def test_training_on_bad_sentences(tmp_path: Path, written: str, why: str) -> None:
    (tmp_path / "some.txt").write_text(written, "utf-8")
    done = bot("train", "--examples", str(tmp_path), "--to", str(tmp_path / "new.gz"))
    assert done.returncode == 1
    assert why in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "new.gz").exists()
