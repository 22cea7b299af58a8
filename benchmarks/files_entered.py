"""How many files a reader enters who follows one thing through a run, and how often a call climbs to a higher package.

python benchmarks/files_entered.py             # the counts
python benchmarks/files_entered.py --list      # also the files and the calls that climb

A short run of `agent.api.explain` on the model mini is followed from call to call. A value enters a file when a
function there gets it as an argument: the target as typed or as a NeuronId, the settings that hold it, and an
explanation as text or as an object that holds it. A tool call enters every file that runs between `Toolbox.call` and
its return. A call climbs when its caller is in a lower package (tools <- traces <- agent) than what it calls; each pair
of files counts once.

The first `CALLS` calls of each function are looked at, so what comes in later is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path.cwd()
sys.path.insert(0, str(ROOT))

PACKAGES = ("tools", "traces", "agent", "evals")  # lowest first
CALLS = 300
RIVAL = "Fires on underscores."


def is_target(value: Any) -> bool:
    """Whether a value is the target, as typed or parsed."""
    return (isinstance(value, str) or type(value).__name__ == "NeuronId") and str(value) in ("mini/L5N131", "L5N131")


def is_hypothesis(value: Any) -> bool:
    """Whether a value is the rival that was given, as text or as an object that holds it."""
    if isinstance(value, (list, tuple)):
        return any(is_hypothesis(item) for item in value[:8])
    text = value if isinstance(value, str) else getattr(value, "sentence", None)
    return isinstance(text, str) and text == RIVAL


def is_settings(value: Any) -> bool:
    """Whether a value is the settings of the run, which hold the target."""
    return type(value).__name__ == "RunConfig"


FOLLOWED: dict[str, Callable[[Any], bool]] = {
    "the target": is_target,
    "the target or settings": lambda value: is_target(value) or is_settings(value),
    "a hypothesis": is_hypothesis,
}


class Walk:
    """What is seen of a run: files entered and pairs of files between which a call climbs, by what is followed."""

    def __init__(self) -> None:
        self.files: dict[str, set[str]] = defaultdict(set)
        self.climbs: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.calls: Counter[str] = Counter()
        self._within: list[str] = []
        self._seen: Counter[CodeType] = Counter()
        self._file_of: dict[str, str | None] = {}

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        """What `sys.settrace` calls for every new frame."""
        code = frame.f_code
        file = self._file(code)
        if file is None:
            return None
        for call in self._within:
            self._enter(call, file, frame)
        if code.co_qualname == "Toolbox.call" and not self._within:
            return self._tool_call(frame)
        self._seen[code] += 1
        if self._seen[code] <= CALLS:
            given = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]]
            self._enter("the run", file, frame)
            for name, is_it in FOLLOWED.items():
                if any(is_it(value) for value in given):
                    self._enter(name, file, frame)
        return None

    def _tool_call(self, frame: FrameType) -> Callable[[FrameType, str, Any], Any]:
        name = f"a call of {frame.f_locals.get('name')}"
        self.calls[name] += 1
        self._within.append(name)
        self.files[name].add(str(self._file(frame.f_code)))

        def until_it_returns(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "return":
                self._within.pop()
            return until_it_returns

        frame.f_trace_lines = False
        return until_it_returns

    def _enter(self, name: str, file: str, frame: FrameType) -> None:
        self.files[name].add(file)
        caller = self._file(frame.f_back.f_code) if frame.f_back is not None else None
        if caller is not None and _height(caller) < _height(file):
            self.climbs[name].add((caller, file))

    def _file(self, code: CodeType) -> str | None:
        """The file of code of ours, from the root; None for code of others."""
        name = code.co_filename
        if name not in self._file_of:
            inside = Path(name).is_relative_to(ROOT) and Path(name).relative_to(ROOT).parts[0] in PACKAGES
            self._file_of[name] = str(Path(name).relative_to(ROOT)) if inside else None
        # The body of a module runs when it is imported, which follows nothing.
        return None if code.co_name == "<module>" else self._file_of[name]


def _height(file: str) -> int:
    return PACKAGES.index(Path(file).parts[0])


def main() -> None:
    """Run, count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the files, and the calls that climb")
    given = parser.parse_args()
    from agent.api import explain

    walk = Walk()
    with tempfile.TemporaryDirectory() as runs:
        sys.settrace(walk)
        explain("mini/L5N131", budget=8, corpus_tokens=40_000, rivals=(RIVAL,), runs_dir=runs)
        sys.settrace(None)
    print(f"{'followed':<32}{'files':>7}{'climbs':>8}")
    for name in sorted(walk.files, key=lambda name: (name in walk.calls, name)):
        print(f"{name:<32}{len(walk.files[name]):>7}{len(walk.climbs[name]):>8}")
        if given.list:
            print("".join(f"    {file}\n" for file in sorted(walk.files[name])), end="")
            print("".join(f"    {low} -> {high}\n" for low, high in sorted(walk.climbs[name])), end="")


if __name__ == "__main__":
    main()
