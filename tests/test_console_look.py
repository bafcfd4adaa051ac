"""What the console's pages are made of: sentences in two languages, files of our own and one that is not."""

import hashlib
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest

from bot.console.look import moment_of, span_of
from bot.console.page import PAGES, ROOMS
from bot.console.wording import own_sentences, wording
from bot.conversation.texts import LANGUAGES, texts
from tests.conftest import NOON, ROOT

HERE = ROOT / "bot/console"
ZH, EN = own_sentences("zh"), own_sentences("en")
TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
SCRIPTS = sorted(p for p in (HERE / "static").glob("*.js") if not p.name.startswith("htmx"))
PLACEHOLDERS = {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in ZH.items()}


def named(path: Path) -> str:
    return str(path.relative_to(HERE))


# --- sentences --------------------------------------------------------------------------------------------------------


def test_both_languages_say_the_same() -> None:
    assert set(ZH) == set(EN)
    for key in ZH:
        assert {name for _, name, _, _ in Formatter().parse(EN[key]) if name} == PLACEHOLDERS[key], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_stands_in_two_places(language: str) -> None:
    assert not set(own_sentences(language)) & set(texts(language).sentences)


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_sentence_a_page_says_is_there(path: Path) -> None:
    known = wording("zh").sentences
    for key in re.findall(r'\bt\("([a-z_.]+)"[,)]', path.read_text("utf-8")):
        assert key in known, key
    for start in re.findall(r'\bt\("([a-z_.]+)" ~', path.read_text("utf-8")):
        assert any(key.startswith(start) for key in known), start


def test_no_sentence_is_left_over() -> None:
    code = "".join(p.read_text("utf-8") for p in [*TEMPLATES, *HERE.rglob("*.py")])
    made = ("room.", "refused.", "time.")  # put together from the name of a room, a refusal, a unit
    left = [key for key in ZH if not re.search(f"[\"']{key}[\"']", code) and not key.startswith(made)]
    assert left == []
    assert {key.partition(".")[2] for key in ZH if key.startswith("room.")} == {room.key for room in ROOMS}


def test_no_page_holds_a_sentence_of_its_own() -> None:
    for path in TEMPLATES:
        assert not re.search(r"[\u4e00-\u9fff]", path.read_text("utf-8")), named(path)


@pytest.mark.parametrize("sentence", [*ZH.values(), *EN.values()])
def test_sentences_are_quietly_spoken(sentence: str) -> None:
    assert sentence.strip() == sentence
    assert not re.search(r"[!！]", sentence)


@pytest.mark.parametrize(
    ("at", "zh", "en"),
    [
        (NOON, "今天 12:00", "Today 12:00"),
        (NOON - timedelta(hours=13), "昨天 23:00", "Yesterday 23:00"),
        (NOON + timedelta(hours=12), "明天 00:00", "Tomorrow 00:00"),
        (datetime(2026, 12, 2, 12, 0, tzinfo=UTC), "12月2日（周三）20:00", "Wed 2 Dec 20:00"),
    ],
)
def test_times_are_told_as_people_do(at: datetime, zh: str, en: str) -> None:
    assert moment_of(at, NOON, wording("zh")) == zh
    assert moment_of(at, NOON, wording("en")) == en


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(days=2, hours=5), "2 天"),
        (timedelta(hours=3, minutes=59), "3 小时"),
        (-timedelta(minutes=7), "7 分钟"),
        (timedelta(seconds=3), "1 分钟"),
    ],
)
def test_spans_are_told_in_their_largest_unit(span: timedelta, told: str) -> None:
    assert span_of(span, wording("zh")) == told


# --- files ------------------------------------------------------------------------------------------------------------


def test_what_is_not_ours_is_what_it_is_said_to_be() -> None:
    static = HERE / "static"
    vendored = tomllib.loads((static / "vendored.toml").read_text("utf-8"))
    assert {p.name for p in static.glob("*.min.*")} == set(vendored)
    for name, told in vendored.items():
        assert hashlib.sha256((static / name).read_bytes()).hexdigest() == told["sha256"]
        assert (static / told["licence_file"]).read_text("utf-8").startswith("Zero-Clause BSD")
        assert told["licence"] == "0BSD"
        assert re.fullmatch(r"\d+\.\d+\.\d+", told["version"])


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_pages_hold_no_script_and_no_style(path: Path) -> None:
    html = path.read_text("utf-8")
    assert not re.search(r"<script(?! (type=\"module\" )?src=)|<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|js:", html)
    assert not re.search(r"(src|href)=\"(https?:)?//", html)
    assert "| safe" not in html
    assert "|safe" not in html


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_form_that_changes_something_carries_its_token(path: Path) -> None:
    html = path.read_text("utf-8")
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.DOTALL):
        assert "token(form_token)" in form


@pytest.mark.parametrize("path", TEMPLATES, ids=named)
def test_every_form_leads_to_a_page(path: Path) -> None:
    for action in re.findall(r"<form[^>]*action=\"(/[^\"]+)\"", path.read_text("utf-8")):
        pattern = re.sub(r"\\{\\{.*?\\}\\}|{{.*?}}", "[^/]+", action)
        assert any(method == "POST" and re.fullmatch(pattern, path) for method, path in PAGES), action


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_scripts_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 250


def test_every_drawing_is_there() -> None:
    sprite = (ROOT / "bot/channels/pages/static/icons.svg").read_text("utf-8")
    drawn = set(re.findall(r'<symbol id="([a-z-]+)"', sprite))
    used = {name for p in TEMPLATES for name in re.findall(r'icon\("([a-z-]+)"', p.read_text("utf-8"))}
    assert used | {room.icon for room in ROOMS} <= drawn
