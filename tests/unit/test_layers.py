"""Imports point down: tools <- traces <- agent <- evals, and nothing of ours imports tests."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("tools", "traces", "agent", "evals")
MODULES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def imported_packages(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    forbidden = {*LAYERS[LAYERS.index(layer) + 1 :], "tests"}
    assert imported_packages(path.read_text()) & forbidden == set()


def test_an_import_inside_a_function_counts() -> None:
    assert imported_packages("def f():\n    from evals.runner import run\n    import agent.cli") == {"evals", "agent"}


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 20
