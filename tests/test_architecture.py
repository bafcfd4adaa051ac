"""Who may import whom, and how large things may grow. Change this file to change the architecture."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "models": set(),
    "bot": {"models"},
    "handlers": {"bot", "models"},
    "scheduler": {"bot", "models"},
    "bench": {"bot", "handlers", "models", "scheduler"},
}
COMPOSITION_ROOTS = ("bot/app.py", "bot/__main__.py", "bot/commands/")  # these may import everything
NOT_IN_HANDLERS = (
    "sqlalchemy",
    "sqlmodel",
    "telegram",
    "aiohttp",
    "bot.channels",
    "bot.conversation.dispatch",
    "scheduler",
)
LONGEST_MODULE, LONGEST_FUNCTION = 250, 40

MODULES = [p for package in MAY_IMPORT for p in sorted((ROOT / package).rglob("*.py")) if "versions" not in p.parts]
SCRIPTS = sorted((ROOT / "bot/channels/pages/static").glob("*.js"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_arrows_point_one_way(path: Path) -> None:
    if named(path).startswith(COMPOSITION_ROOTS):
        return
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports(path)} & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[package] | {package}


@pytest.mark.parametrize("path", sorted((ROOT / "handlers").glob("*.py")), ids=named)
def test_handlers_know_no_wire_and_no_sql(path: Path) -> None:
    assert not [n for n in imports(path) for banned in NOT_IN_HANDLERS if n == banned or n.startswith(f"{banned}.")]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"line {node.lineno} {node.name}"


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_scripts_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
