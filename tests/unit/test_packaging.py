"""What the set-up promises: every package is installed, every dependency is pinned, and make asks for what it needs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_every_package_is_listed_and_tests_are_not():
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for layer in ("tools", "traces", "agent", "evals")
        for init in (ROOT / layer).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_module_is_in_a_package():
    for layer in ("tools", "traces", "agent", "evals"):
        for module in (ROOT / layer).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


def test_the_console_script():
    from agent.cli import main

    (script,) = entry_points(group="console_scripts", name="agent")
    assert script.load() is main


def test_every_direct_dependency_is_pinned_within_its_range():
    pins = {}
    for line in PINS:
        pin = Requirement(line)
        pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version.removesuffix(".*")
    wanted = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        wanted += extra
    for requirement in map(Requirement, wanted):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_constraints_resolve_anywhere():
    for line in PINS:
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.*]+", line), f"neither paths, addresses nor local versions: {line}"
    assert "torch==2.13.*" in PINS


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile and what it looks at, and nothing installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder, *arguments):
    # as a user runs it, even when this test itself was started by make
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False)


@needs_make
def test_a_python_that_is_too_old_or_missing_is_named(checkout):
    old = checkout / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(checkout, "demo", f"PYTHON={old}")
    assert done.returncode != 0
    assert f"{old} is older than 3.11" in done.stderr
    done = make(checkout, "test", "PYTHON=no-such-python")
    assert "There is no no-such-python" in done.stderr
    assert not (checkout / ".venv").exists()


@needs_make
def test_nothing_is_installed_twice_and_a_changed_project_is_installed_again(checkout):
    bin_folder = checkout / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for tool in ("python", "agent", "ruff", "mypy"):
        (bin_folder / tool).write_text(f'#!/bin/sh\necho "{tool} $*" >> {checkout}/calls\n')
        (bin_folder / tool).chmod(0o755)

    def called(target):
        (checkout / "calls").unlink(missing_ok=True)
        done = make(checkout, target, f"PYTHON={sys.executable}")
        assert done.returncode == 0, done.stderr
        return (checkout / "calls").read_text().splitlines()

    first = called("test")
    assert [call for call in first if "pip" in call and ".[test]" in call]
    assert first[-4:] == ["python -m pytest -n 2 --dist loadfile", "ruff check", "ruff format --check", "mypy "]
    assert called("test") == first[-4:]
    assert called("demo") == ["agent explain L5N131 --budget 20 --model mini"]
    os.utime(checkout / "pyproject.toml")
    os.utime(checkout / ".venv" / "made", (0, 0))
    assert called("test")[0].startswith("python -m pip")


def test_ci_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    told = script.read_text(encoding="utf-8")
    assert "make test" in told
    for extra in PROJECT["project"]["optional-dependencies"]:
        assert extra == "datasets" or extra in told.partition('-e ".[')[2].partition("]")[0].split(","), extra


def test_what_is_not_python_is_installed_too():
    for layer in ("traces", "agent"):
        for path in (ROOT / layer).rglob("*"):
            if path.suffix in (".html", ".css", ".js", ".json", ".toml"):
                package = next(p for p in path.parents if (p / "__init__.py").exists())
                name = ".".join(package.relative_to(ROOT).parts)
                patterns = PROJECT["tool"]["setuptools"]["package-data"].get(name, [])
                inside = path.relative_to(package)
                assert any(path in package.glob(pattern) for pattern in patterns), f"{inside} of {name}"
