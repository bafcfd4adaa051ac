"""The documents, held to the program: commands, links, paths, settings, phrases, and the worked example of a service."""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import handlers
from bot.__main__ import COMMANDS
from bot.commands.telegram_webhook import HINTS
from bot.content.load import BadPack, read_pack
from bot.content.pack import Pack, Profile
from bot.conversation.meaning import meant
from bot.conversation.service import SERVICES
from bot.conversation.texts import words
from bot.settings import PREFIX, Settings
from tests.conftest import ROOT, Chat
from tests.fakes.telegram_by_hand import TOKEN as BOT_TOKEN
from tests.fakes.wechat_by_hand import AES_KEY, APPID, SECRET, TOKEN

READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
ALL = [*READMES, *DOCS]
HOW_TO = [ROOT / "docs/architecture.md", *sorted((ROOT / "docs").glob("add-*.md"))]
PHRASES = [ROOT / "docs/residents.md", ROOT / "docs/workers-in-chat.md"]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
DEPLOY = sorted(p for p in (ROOT / "deploy").iterdir() if p.is_file())
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLE = ROOT / "docs/add-a-service.md"


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text("utf-8")


def prose(path: Path) -> str:
    return FENCED.sub("", read(path))


def blocks(path: Path, language: str) -> list[str]:
    return [text for kind, text in FENCED.findall(read(path)) if kind == language]


def code_lines(path: Path) -> Iterator[str]:
    """Every line of a shell block and everything between backticks."""
    for block in blocks(path, "sh"):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", prose(path))


def commands(path: Path) -> list[str]:
    return [line for line in code_lines(path) if re.search(r"\bmake\b|python|LINLIFANG_", line)]


def test_both_readmes_say_the_same() -> None:
    english, chinese = READMES
    headings = [re.findall(r"^(#+) ", prose(path), re.MULTILINE) for path in READMES]
    assert headings[0] == headings[1]
    assert commands(english) == commands(chinese)
    named_in = [sorted(re.findall(r"\]\((docs/[^)]+)\)", read(path))) for path in READMES]
    assert named_in[0] == named_in[1]


@pytest.mark.parametrize("path", ALL, ids=named)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^(\w+):", read(ROOT / "Makefile"), re.MULTILINE))
    asked = {t for line in code_lines(path) for t in re.findall(r"\bmake (\w+)", line)}
    assert asked <= targets


@pytest.mark.parametrize("path", ALL, ids=named)
def test_links_and_images_resolve(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"", prose(path))
    ours = [t for pair in targets for t in pair if t and not re.match(r"https?:|#", t)]
    assert not [t for t in ours if not (path.parent / t.partition("#")[0]).exists()]


@pytest.mark.parametrize("path", [*ALL, *DEPLOY], ids=named)
def test_commands_are_understood(path: Path) -> None:
    parser = argparse.ArgumentParser()
    chosen = parser.add_subparsers(required=True)
    for name in COMMANDS:
        import_module(f"bot.commands.{name}").describe(chosen)
    for line in read(path).splitlines():
        for asked in re.findall(r"python -m bot( [a-z][^`#\n]*)", line):
            try:
                parser.parse_args(shlex.split(asked))
            except SystemExit:
                pytest.fail(f"python -m bot{asked}")


@pytest.mark.parametrize("path", [*ALL, *DEPLOY], ids=named)
def test_settings_exist(path: Path) -> None:
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", read(path))) <= known


@pytest.mark.parametrize("path", HOW_TO, ids=named)
def test_paths_exist(path: Path) -> None:
    roots = "bot|handlers|models|scheduler|communities|tests|docs|deploy|bench"
    spoken = re.findall(rf"`((?:{roots})/[^`\s]*)`", prose(path))
    made = {"handlers/visits.py", "models/visit.py"}
    assert spoken
    assert not [p for p in spoken if p not in made and not (ROOT / p).exists()]


def test_the_house_is_as_it_is_listed() -> None:
    listing = FENCED.findall(read(ROOT / "docs/architecture.md"))[0][1]
    parent, listed = "", set[str]()
    for indent, name in re.findall(r"^( *)([\w.]+/?) ", listing, re.MULTILINE):
        parent = parent if indent else name
        assert (ROOT / (parent + name if indent else name)).exists(), name
        listed.add(parent + name if indent else name)
    packages = {f"bot/{p.name}/" for p in (ROOT / "bot").iterdir() if (p / "__init__.py").exists()}
    assert packages - {"bot/commands/"} <= listed


@pytest.mark.parametrize("path", [ROOT / "docs/architecture.md", ROOT / "docs/add-a-channel.md"], ids=named)
def test_quoted_code_is_the_programs(path: Path) -> None:
    sources = [read(p) for package in ("bot", "handlers") for p in (ROOT / package).rglob("*.py")]
    quoted = blocks(path, "python")
    assert quoted
    assert all(any(block in source for source in sources) for block in quoted)


def test_symptoms_of_telegram_are_what_the_program_says() -> None:
    """What somebody in trouble searches the page for is what they were shown: by us, or by Telegram with our hint."""
    table = read(ROOT / "docs/telegram.md").partition("## When something is wrong")[2]
    shown = [
        words for cell in re.findall(r"^\| (.+?) \|", table, re.MULTILINE) for words in re.findall("`(.+?)`", cell)
    ]
    program = "".join(read(path) for path in (ROOT / "bot").rglob("*.py"))
    assert len(shown) > 10
    for symptom in shown:
        ours = all(piece.strip(" ,") in program for piece in symptom.split("…"))
        assert ours or any(re.search(pattern, symptom) for pattern, _ in HINTS), symptom


def test_symptoms_of_wechat_are_what_the_program_says() -> None:
    table = read(ROOT / "docs/wechat.md").partition("## When something is wrong")[2]
    first = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    shown = [words for cell in first for words in re.findall("`([^`/]+)`", cell)]
    program = "".join(read(path) for path in (ROOT / "bot").rglob("*.py"))
    assert len(shown) > 8
    assert not [symptom for symptom in shown if symptom not in program]


def test_the_stand_ins_are_tried_with_what_they_print() -> None:
    for page, given in (("wechat", (APPID, SECRET, TOKEN, AES_KEY)), ("telegram", (BOT_TOKEN,))):
        tried = "".join(blocks(ROOT / f"docs/{page}.md", "sh"))
        assert f"python -m tests.fakes.{page}" in tried
        assert [name for name in given if name not in tried] == []


@pytest.mark.parametrize("path", DECISIONS, ids=named)
def test_a_decision_has_its_four_parts(path: Path) -> None:
    number, *headings = re.findall(r"^##? (\d{4}|\w+)", read(path), re.MULTILINE)
    assert path.name.startswith(f"{number}-")
    assert headings == ["Status", "Context", "Decision", "Consequences"]


def test_phrases_open_what_they_are_said_to_open() -> None:
    """Chinese and English of a row mean the same service, and every service that has words of its own is there."""
    assert handlers
    shown = set()
    for path in PHRASES:
        rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", read(path), re.MULTILINE)
        for what, chinese, english in (r for r in rows if r[2] != "In English"):
            opened = {meant(chinese).service or "ask", meant(english).service or "ask"}
            assert len(opened) == 1, (what, chinese, english, opened)
            shown |= opened
    by_words = {name for name in words("service") if name in SERVICES}
    assert by_words - shown <= {"thanks", "bye"}


def test_several_things_said_at_once_are_not_asked_again(chat: Chat) -> None:
    sentence = re.search("“([^”]*13800000000)”", read(ROOT / "docs/residents.md"))
    assert sentence is not None
    chat.settle_in()
    draft = chat.says(sentence[1], "跳过")
    assert all(part in draft for part in ("照明", "3幢2单元", "13800000000", "提交"))


def test_the_shape_of_a_pack_is_the_one_described() -> None:
    path = ROOT / "docs/add-a-community.md"
    profile = tomllib.loads(blocks(path, "toml")[0])["community"]
    required = {name for name, field in Profile.model_fields.items() if field.is_required()}
    assert required <= set(profile) <= set(Profile.model_fields)
    rows = re.findall(r"^\| `\[+(\w+)\]+` \| (.+) \|", prose(path), re.MULTILINE)
    assert {name for name, _ in rows} == set(Pack.model_fields) - {"community"}


def test_a_broken_pack_is_told_as_shown(tmp_path: Path) -> None:
    path, slips = ROOT / "docs/add-a-community.md", tmp_path / "mine.toml"
    good = read(ROOT / "communities/hongmei.toml")
    slipped = good.replace("lat = 30.2905\n", 'lat = 120.1985\nadress = ""\n', 1).replace(
        '"08:00-11:30, ', '"8-11, ', 1
    )
    told = []
    for text in (slipped, good.replace('place = "canteen"', 'place = "canteeen"', 1)):
        slips.write_text(text, "utf-8")
        with pytest.raises(BadPack) as refusal:
            read_pack(slips)
        told += str(refusal.value).replace(str(slips), "communities/mine.toml").splitlines()
    shown = next(text for kind, text in FENCED.findall(read(path)) if not kind).splitlines()
    assert sorted(told) == sorted(shown)


def test_the_worked_example_holds_its_conversation(tmp_path: Path) -> None:
    """Everything add-a-service.md tells to write is written into a copy of the program, and tried there."""
    here = tmp_path / "linlifang"
    for package in ("bot", "handlers", "models", "communities", "tests"):
        shutil.copytree(ROOT / package, here / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", here)
    (here / "var").mkdir()
    (here / "scheduler").mkdir()
    shutil.copytree(ROOT / "scheduler", here / "scheduler", dirs_exist_ok=True)
    run(here, "-m", "bot", "migrate")
    for block in (*blocks(EXAMPLE, "python"), *blocks(EXAMPLE, "toml")):
        target, _, content = block.removeprefix("# ").partition("\n")
        if target.startswith("run this once"):
            run(here, "-c", content)
        elif target.endswith(".toml"):
            (here / target).write_text(merged(read(here / target), content), "utf-8")
        else:
            (here / target).write_text(content, "utf-8")
    run(here, "-m", "ruff", "check", "handlers/visits.py", "models/visit.py")
    run(here, "-m", "ruff", "format", "--check", "handlers/visits.py", "models/visit.py")
    chosen = "(visit and sqlite) or (agree and not postgresql)"
    told = run(here, "-m", "pytest", "-q", "tests/test_transcripts.py", "tests/test_store.py", "-k", chosen)
    assert "2 passed" in told


def run(folder: Path, *arguments: str) -> str:
    """What Python printed; the test fails when it ends with anything but 0."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def merged(texts: str, more: str) -> str:
    """Lines added to the sections that exist; sections that do not, at the end."""
    for table, lines in re.findall(r"^(\[\S+\])\n(.*?)(?=^\[|\Z)", more, re.MULTILINE | re.DOTALL):
        heading = f"\n{table}\n"
        texts = texts.replace(heading, heading + lines, 1) if heading in texts else f"{texts}{heading}{lines}"
    return texts
