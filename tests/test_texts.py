"""Every sentence exists in both languages, says the same with the same facts, and every key in code has its sentence."""

import ast
import re
import string
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import handlers  # noqa: F401  (they enter themselves in the register)
from bot.conversation.service import SERVICES
from bot.conversation.texts import LANGUAGES, texts, words
from bot.understanding.words import plain
from tests.conftest import ROOT

ZH, EN = texts("zh").sentences, texts("en").sentences
FILES = {language: tomllib.loads((ROOT / f"bot/texts/{language}.toml").read_text("utf-8")) for language in LANGUAGES}
PAGES = tomllib.loads((ROOT / "bot/channels/pages/words.toml").read_text("utf-8"))
SECTIONS = {key.partition(".")[0] for key in ZH}
CODE = [
    p
    for d in ("bot", "handlers", "models", "scheduler")
    for p in sorted((ROOT / d).rglob("*.py"))
    if "versions" not in p.parts
]
SLOTS = {
    "choose",
    "row",
    "yes",
    "words",
    "optional",
    "place",
    "address",
    "room",
    "photos",
    "phone",
    "date",
    "number",
    "confirm",
}
# what a question puts into its own sentence, and the arguments of each that are no facts
BRINGS = {"number": {"least", "most"}}
NO_FACTS = {"volunteered", "least", "most", "enough", "known", "choices", "key"}


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


# the files


def test_both_languages_have_the_same_sentences() -> None:
    assert set(ZH) == set(EN)
    assert all(sentence.strip() for sentence in (*ZH.values(), *EN.values()))


@pytest.mark.parametrize("key", ZH)
def test_both_languages_name_the_same_facts(key: str) -> None:
    assert placeholders(ZH[key]) == placeholders(EN[key])
    assert all(name.isidentifier() for name in placeholders(ZH[key]))


def test_the_pages_words_too() -> None:
    assert set(PAGES) == set(LANGUAGES)
    assert set(PAGES["zh"]) == set(PAGES["en"])
    for key in PAGES["zh"]:
        assert placeholders(PAGES["zh"][key]) == placeholders(PAGES["en"][key]), key


def spoken() -> Iterator[tuple[str, str]]:
    for language in LANGUAGES:
        yield from ((f"{language}:{key}", sentence) for key, sentence in texts(language).sentences.items())
        yield from ((f"{language}:pages.{key}", sentence) for key, sentence in PAGES[language].items())


@pytest.mark.parametrize(("key", "sentence"), list(spoken()))
def test_sentences_are_quietly_spoken(key: str, sentence: str) -> None:
    assert sum(sentence.count(mark) for mark in "!！") <= 1
    pictures = {
        c for c in sentence if unicodedata.category(c) in ("So", "Sk") or "\ufe00" <= c <= "\ufe0f" or c == "\u200d"
    }
    assert pictures <= {"⚠"}
    assert "⚠" not in sentence[1:]
    assert sentence == sentence.strip() or sentence.startswith("\n")
    assert not re.search(r"[，。？：；！]", sentence) or key.startswith("zh:") or "Which language" in sentence


# the words people say


@pytest.mark.parametrize("group", sorted({g for file in FILES.values() for g in file["words"]}))
def test_every_word_can_be_said(group: str) -> None:
    """What is said is compared in its plain form, so a word that has another form would never be heard."""
    for meaning, several in words(group).items():
        assert several, f"{group}.{meaning} has no words"
        lost = [word for word in several if plain(word) not in several and "…" not in word]
        assert not lost, f"{group}.{meaning}"


@pytest.mark.parametrize("group", ["service", "command", "yes_no", "danger_alone"])
def test_no_word_has_two_meanings(group: str) -> None:
    heard: dict[str, str] = {}
    for meaning, several in words(group).items():
        for word in several:
            assert heard.setdefault(word, meaning) == meaning, f"{word} is both {heard[word]} and {meaning}"


def test_words_open_services_that_exist() -> None:
    assert set(words("service")) <= set(SERVICES)


def test_every_service_can_be_opened_somehow() -> None:
    """By words, by what a text looks like, or by a button ("/events.join", or "join" put behind "/events."); else it is dead."""
    code = " ".join(path.read_text("utf-8") for path in CODE)
    mute = [s.name for s in SERVICES.values() if s.name not in words("service") and not s.hears]
    buttons = [(f'"/{name}', f'"{name.rpartition(".")[2]}"') for name in mute]
    assert [name for name, ways in zip(mute, buttons, strict=True) if not any(way in code for way in ways)] == []


def test_the_menu_names_services_that_exist() -> None:
    named = {key.removeprefix("menu.") for key in ZH if key.startswith("menu.")} - {"menu", "how"}
    own = {slot.key.removeprefix("menu.") for slot in USES if slot.key.startswith("menu.")}
    assert named - own <= set(SERVICES)


# the keys in code


@dataclass(frozen=True)
class Use:
    """One place in code that needs a sentence: any of `keys`, given `facts`; None when they are not known here."""

    where: str
    keys: tuple[str, ...]
    facts: frozenset[str] | None

    @property
    def key(self) -> str:
        return next((key for key in self.keys if key in ZH), self.keys[0])

    def __str__(self) -> str:
        return f"{self.where} {self.key}"


class Reader(ast.NodeVisitor):
    """Collects every literal key of one module."""

    def __init__(self, path: Path) -> None:
        self.path, self.tree = path, ast.parse(path.read_text("utf-8"))
        self.uses: list[Use] = []
        self.module_sections = sorted(set(map(_section, filter(None, map(_service, ast.walk(self.tree))))))
        self.sections: list[str] = []
        self.literals = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.visit(self.tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        own = _service(node)
        before, self.sections = self.sections, [_section(own)] if own else self.sections or self.module_sections
        self.generic_visit(node)
        self.sections = before

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        on_talk = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in ("talk", "self")
        if name in ("say", "text") and node.args and self.sections:
            self.sentence(node, node.args[0], {"choices"})
            for pair in (p for argument in node.args[1:] for p in ast.walk(argument) if isinstance(p, ast.Tuple)):
                self.button(pair)
        elif name == "push" and len(node.args) >= 4:
            self.sentence(node, node.args[3], {"about", "due", "expires", "urgent", "choices"})
        elif on_talk and name in SLOTS and node.args and self.sections and self.path.parts[-2] == "handlers":
            self.slot(name, node)
        elif on_talk and name == "ask" and node.args and self.path.parts[-2] == "handlers":
            named = next((k.value for k in node.keywords if k.arg == "key"), node.args[0])
            self.sentence(node, named, NO_FACTS)
        self.generic_visit(node)

    def sentence(self, call: ast.Call, key: ast.expr, others: set[str]) -> None:
        starred = any(k.arg is None for k in call.keywords)
        facts = None if starred else frozenset(k.arg for k in call.keywords if k.arg) - others
        for literal in _constants(key):
            self.use(call, literal, facts)

    def slot(self, kind: str, call: ast.Call) -> None:
        starred = any(k.arg is None for k in call.keywords)
        given = {k.arg for k in call.keywords if k.arg} - NO_FACTS | BRINGS.get(kind, set())
        for slot in _constants(call.args[0]):
            self.use(call, slot, None if starred else frozenset(given))
            if kind == "photos":
                self.use(call, f"{slot}_more", frozenset())
            for value in self.values(call) if kind == "choose" else ():
                self.use(call, f"{slot}_{value}", frozenset())

    def values(self, call: ast.Call) -> list[str]:
        """The values of a choice, where they are literal or a literal of the module."""
        given = call.args[1] if len(call.args) > 1 else None
        if isinstance(given, ast.Call) and getattr(given.func, "id", "") in ("tuple", "list", "sorted"):
            given = given.args[0]
        if isinstance(given, ast.Name):
            given = self.literals.get(given.id)
        try:
            return [str(value) for value in ast.literal_eval(given)] if given is not None else []
        except ValueError:
            return []

    def button(self, pair: ast.Tuple) -> None:
        if len(pair.elts) == 2 and isinstance(pair.elts[1], ast.Constant | ast.IfExp):
            for literal in _constants(pair.elts[1]):
                self.use(pair, literal, frozenset())

    def use(self, node: ast.AST, key: str, facts: frozenset[str] | None) -> None:
        keys = (key,) if "." in key else tuple(f"{section}.{key}" for section in self.sections)
        line = getattr(node, "lineno", 0)
        self.uses.append(Use(f"{self.path.relative_to(ROOT)}:{line}", keys, facts))


def _section(name: str) -> str:
    return name.partition(".")[0]


def _service(node: Any) -> str:
    """The name a function is entered under with @service, if it is."""
    for decorator in getattr(node, "decorator_list", ()):
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "service":
            return str(decorator.args[0].value)
    return ""


def _constants(key: ast.expr) -> list[str]:
    """The literal strings a key may be; none when it is put together at run time."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return [key.value]
    if isinstance(key, ast.IfExp):
        return _constants(key.body) + _constants(key.orelse)
    return []


READERS = [Reader(path) for path in CODE]
USES = [use for reader in READERS for use in reader.uses]


def test_the_reader_reads() -> None:
    """If the code came to be written otherwise, the tests below would say nothing."""
    assert len(USES) > 300
    found = {use.key for use in USES}
    for key in (
        "repair.description",
        "repair.photo_more",
        "places.scene",
        "repair.done",
        "me.quiet_never",
    ):
        assert key in found, key


@pytest.mark.parametrize("use", USES, ids=str)
def test_every_key_in_code_has_its_sentence_and_its_facts(use: Use) -> None:
    found = [key for key in use.keys if key in ZH]
    assert found, use.keys
    if use.facts is not None:
        missing = {key: placeholders(ZH[key]) - use.facts for key in found}
        assert any(not names for names in missing.values()), missing


def literals() -> Iterator[tuple[str, str]]:
    """Every string in code that looks like a key, wherever it stands, f-strings as patterns."""
    shape = re.compile(rf"(?:{'|'.join(map(re.escape, SECTIONS))})\.(?!html$)[a-z_0-9.]+")
    for path in CODE:
        inside: set[int] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                inside |= {id(part) for part in node.values}
                parts = [re.escape(p.value) if isinstance(p, ast.Constant) else r"\w[\w.]*" for p in node.values]
                first = node.values[0] if node.values else None
                if isinstance(first, ast.Constant) and re.match(
                    rf"(?:{'|'.join(SECTIONS)})\.[a-z_.]*$", str(first.value)
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", "".join(parts)
            elif isinstance(node, ast.Constant) and id(node) not in inside and shape.fullmatch(str(node.value)):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", re.escape(node.value)


GROUPS = {group for file in FILES.values() for group in file["words"]}


@pytest.mark.parametrize(("where", "pattern"), list(literals()))
def test_every_string_that_looks_like_a_key_is_one(where: str, pattern: str) -> None:
    known = (*ZH, *SERVICES, *GROUPS)
    assert any(re.fullmatch(pattern, name) for name in known), f"{where}: {pattern}"


@pytest.mark.parametrize("name", sorted({s.name for s in SERVICES.values()}))
def test_what_can_be_left_unfinished_has_a_name_in_the_menu(name: str) -> None:
    """A service that asks may be parked, and is then offered again by its name."""
    if asks(name):
        assert f"menu.{name}" in ZH


def asks(name: str) -> bool:
    for reader in READERS:
        for node in ast.walk(reader.tree):
            if _service(node) == name:
                calls = [c for c in ast.walk(node) if isinstance(c, ast.Call) and isinstance(c.func, ast.Attribute)]
                return any(c.func.attr in SLOTS | {"ask"} for c in calls if getattr(c.func.value, "id", "") == "talk")
    return False


@pytest.mark.parametrize("use", [u for r in READERS for u in r.uses if u.where.startswith("handlers/")], ids=str)
def test_what_can_be_changed_is_asked_for(use: Use) -> None:
    """A `<slot>_name` stands for a slot, which has a sentence of its own."""
    if use.key.endswith("_name") and use.key in ZH:
        assert use.key.removesuffix("_name") in ZH


def test_facts_are_shown_in_the_readers_language() -> None:
    from tests.conftest import NOON

    zh, en = texts("zh"), texts("en")
    assert zh.show(NOON) == "11月25日（周三）12:00"
    assert en.show(NOON) == "Wed 25 Nov 12:00"
    assert zh.show({"utc": NOON.isoformat()}) == zh.show(NOON)
    assert zh.show({"zh": "健身房", "en": "Gym"}) == "健身房"
    assert en.show({"zh": "健身房"}) == "健身房"
    assert en.show({"key": "talk.menu"}) == EN["talk.menu"]
    assert zh.show(3) == 3
    assert "{" not in zh("talk.no_number", least=1, most=3)
