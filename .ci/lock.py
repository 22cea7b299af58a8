"""Write constraints.txt: the versions, as installed and tested here, of all that the project and its extras need.

make lock
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Tested versions of everything that `make demo` and `make test` install. Written by `make lock`.
# torch is held to a series, so that it resolves to a CPU build where only that is offered.
"""
LOOSE = {"torch"}


def needed() -> dict[str, str]:
    """Version by canonical name, over all dependencies of dependencies that apply on this machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    waiting = [
        (Requirement(text), "")
        for text in [
            *project["build-system"]["requires"],
            *project["project"]["dependencies"],
            *(need for extra in extras for need in extra),
        ]
    ]
    found: dict[str, str] = {}
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        here = distribution(name)
        found[name] = here.version.partition("+")[0]
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(text), wanted) for text in here.requires or []]
    return found


def line(name: str, version: str) -> str:
    """One constraint."""
    return f"{name}=={'.'.join(version.split('.')[:2])}.*" if name in LOOSE else f"{name}=={version}"


if __name__ == "__main__":
    lines = [line(name, version) for name, version in sorted(needed().items())]
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} packages", file=sys.stderr)
