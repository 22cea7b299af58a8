"""Imports point down: tools <- traces <- agent <- evals, and inside of some packages from room to room.

Nothing of ours imports tests.
"""

import argparse
import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from agent.cli import make_parser
from tools import errors
from tools.errors import AgentError
from traces.storage import ELSEWHERE

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("tools", "traces", "agent", "evals")
ROOMS = {  # lowest first; those that share a line do not import each other
    "traces": (("storage",), ("events",), ("database",), ("analysis",), ("text",), ("html", "export")),
    "tools.evidence": (("progress",), ("texts",), ("splits",), ("neurons",)),
    "agent": (("setup",), ("graph",), ("run",), ("api", "batch", "mcp", "review"), ("cli",)),
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for layer in LAYERS
    for path in sorted((ROOT / layer).rglob("*.py"))
}


def imported(source: str) -> set[str]:
    """Everything that a source imports, also inside functions: modules, and names that may be modules."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """What each module imports."""
    return {module: imported(path.read_text()) for module, path in MODULES.items()}


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_down(layer: str, imports: dict[str, set[str]]) -> None:
    forbidden = {*LAYERS[LAYERS.index(layer) + 1 :], "tests"}
    wrong = {module for module in MODULES if packages({module}) == {layer} and packages(imports[module]) & forbidden}
    assert wrong == set()


@pytest.mark.parametrize("layer", ROOMS)
def test_rooms_import_only_rooms_below(layer: str, imports: dict[str, set[str]]) -> None:
    floor = {room: n for n, rooms in enumerate(ROOMS[layer]) for room in rooms}
    wrong = set()
    for module in MODULES:
        if not module.startswith(f"{layer}."):
            continue
        room = module.removeprefix(f"{layer}.").partition(".")[0]
        assert room in floor, f"{module} is in no room that ROOMS names"
        for name in imports[module]:
            other = name.removeprefix(f"{layer}.").partition(".")[0] if name.startswith(f"{layer}.") else room
            if other != room and floor.get(other, len(floor)) >= floor[room]:
                wrong.add(f"{module} imports {name}")
    assert wrong == set()


def test_no_two_files_import_each_other(imports: dict[str, set[str]]) -> None:
    graph = {module: {name for name in imports[module] if name in MODULES and name != module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_two_rooms_of_tools_import_each_other(imports: dict[str, set[str]]) -> None:
    def room(module: str) -> str:
        return module.split(".")[1]

    arrows = {
        (room(module), room(name))
        for module in MODULES
        if module.startswith("tools.")
        for name in imports[module]
        if name in MODULES and name.startswith("tools.") and room(name) != room(module)
    }
    # A result holds its explanation to the contract of sentences, and sentences are learnt on weighted samples.
    known = {("readable", "records"), ("readable", "scoring")}
    assert {(a, b) for a, b in arrows if (b, a) in arrows and a < b} == known


UNIT = ROOT / "tests" / "unit"
OF_THE_WHOLE = {"test_layers.py", "test_packaging.py", "test_readme.py"}
"""Tests of no room: they look at the repository."""


def test_each_test_lies_in_the_folder_of_a_room_that_it_imports() -> None:
    for path in sorted(UNIT.rglob("test_*.py")):
        folder = path.parent.relative_to(UNIT)
        if folder == Path():
            assert path.name in OF_THE_WHOLE
            continue
        assert list((ROOT / folder).glob("*.py")), f"{path.relative_to(ROOT)}: there is no room {folder}"
        room = ".".join(folder.parts)
        names = imported(path.read_text(encoding="utf-8"))
        assert any(f"{name}.".startswith(f"{room}.") for name in names), f"{path.relative_to(ROOT)} imports no {room}"


def test_an_import_inside_a_function_counts() -> None:
    assert packages(imported("def f():\n    from evals.runner import run\n    import agent.cli")) == {"evals", "agent"}


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 20


def strings(source: str) -> list[ast.Constant]:
    return [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """The options of a command and of all below it."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    found = {option for action in parser._actions for option in action.option_strings}
    return found.union(*(options_of(made) for action in below for made in action.choices.values()))


COMMANDS_OF_THEIR_OWN = (
    "tools.training.",
    "tools.concepts.compile",
    "tools.concepts.vectors",
    "tools.mini.training_hashes",
)


@pytest.mark.parametrize("layer", ["tools", "traces"])
def test_lower_rooms_do_not_speak_of_the_command_line(layer: str) -> None:
    """They name settings, which `agent.setup.option_names.with_options` turns into options."""
    options = {option for option in options_of(make_parser()) if option.startswith("--")}
    assert {"--runs-dir", "--corpus-tokens", "--explainer"} <= options
    named = {
        f"{module}: {option}"
        for module, path in MODULES.items()
        if module.startswith(f"{layer}.") and not module.startswith((*COMMANDS_OF_THEIR_OWN, "traces.text."))
        for text in strings(path.read_text())
        for option in options.intersection(re.findall(r"(?<![\w-])--[a-z-]+", text.value))
    }
    not_ours = {"tools.subject.smollm2: --quiet"}  # pip's
    of_a_docstring = {"tools.records.result: --json", "traces.events.schema: --result"}
    assert named - not_ours <= of_a_docstring


def test_an_error_lists_the_settings_that_its_message_names() -> None:
    names = {option[2:].replace("-", "_") for option in options_of(make_parser()) if option.startswith("--")}
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AgentError)}
    unlisted, n_listed = [], 0
    for module, path in MODULES.items():
        if module.startswith(("tools.", "traces.")):
            for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Name) and call.func.id in kinds:
                    message = "".join(map(ast.unparse, call.args)).replace("ELSEWHERE", ELSEWHERE)
                    named = names.intersection(one.replace(".", "_") for one in re.findall("`([a-z_.]+)[`=]", message))
                    listed = [keyword.value for keyword in call.keywords if keyword.arg == "settings"]
                    n_listed += len(listed)
                    unlisted += [
                        f"{module}: {name}"
                        for name in named
                        if name not in "".join(map(ast.unparse, listed)).replace(".", "_")
                    ]
    assert n_listed > 20
    assert unlisted == []
