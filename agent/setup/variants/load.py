"""Variants of the agent: TOML files with the settings that differ from the default."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from agent.setup.config import OTHERS, RunConfig
from tools.errors import BadInput

NOT_A_VARIANTS = frozenset(
    {
        "target", "model", "trust_remote_code", "planted", "corpus", "corpus_tokens", "rivals", "seed", "variant",
        "half", "sealed_fold",
    }
)  # fmt: skip
"""Settings of RunConfig about what is explained, not how: they belong to the suite or to the single run."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names that can be used for a folder."""


@dataclass(frozen=True)
class Variant:
    """Settings that define one way for the agent to decide.

    Attributes:
        name: the stem of its file.
        about: what it is, in a sentence; may be empty.
        settings: of `RunConfig`, by name, where they differ from the default; of nested models as a dict.
    """

    name: str
    about: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def config(self, **fixed: Any) -> RunConfig:
        """The settings of one run. `fixed` comes from the suite and the command line, and overrides the variant.

        Raises:
            BadInput: a setting is out of range.
        """
        return RunConfig.checked(**(self.settings | fixed | {"variant": self.name}))

    def effective(self, **fixed: Any) -> dict[str, Any]:
        """All settings that a variant may set, with their values, as plain JSON values."""
        whole = self.config(target="L0N0", **fixed).model_dump(mode="json")
        return {name: value for name, value in whole.items() if name not in NOT_A_VARIANTS}


def shipped_variants() -> list[str]:
    """Names of the variants that come with the program."""
    return sorted(entry.name[:-5] for entry in files(__package__).iterdir() if entry.name.endswith(".toml"))


def load_variant(name_or_path: str | Path) -> Variant:
    """Read a variant.

    Args:
        name_or_path: the name of a shipped one, or the path of a file that ends in `.toml`.

    Raises:
        BadInput: there is none, or it has a key or a value that cannot be used; the message names file and key.
    """
    given = str(name_or_path)
    if given in shipped_variants():
        source, name, data = f"the variant {given}", given, (files(__package__) / f"{given}.toml").read_bytes()
    else:
        path = Path(given)
        if path.suffix != ".toml" or not path.is_file():
            shipped = shipped_variants()
            raise BadInput(
                f"there is no variant {given!r}: give one of {', '.join(shipped)}, or the path of a .toml file"
                f"{closest(given, shipped)}."
            )
        source, name = given, path.stem
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"cannot read the variant {path}: {error.strerror}.") from error
    if not PLAIN_NAME.fullmatch(name):
        raise BadInput(
            f"the variant {name!r} names a folder: use letters, digits, '.', '_' and '-' in its file's name."
        )
    found = read_toml(source, data)
    about = found.pop("about", "")
    if not isinstance(about, str):
        raise BadInput(f"{source}: about cannot be {about!r}: write a sentence in quotes.")
    _check_keys(source, found)
    _check_values(source, found)
    return Variant(name, about, found)


def read_toml(source: str, data: bytes) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        BadInput: it is not UTF-8 or not TOML; the message begins with `source`.
    """
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise BadInput(f"{source} is not UTF-8 text: {error.reason} at byte {error.start}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{source} is not TOML: {str(error)[:1].lower()}{str(error)[1:]}.") from error


def closest(given: str, allowed: list[str]) -> str:
    """ "Did you mean ...", in parentheses; empty if nothing is close."""
    near = difflib.get_close_matches(given, allowed, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _allowed(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        if prefix or name not in NOT_A_VARIANTS:
            nested = info.annotation
            if isinstance(nested, type) and issubclass(nested, BaseModel):
                yield from _allowed(nested, f"{prefix}{name}.")
            else:
                yield prefix + name


def _given(settings: dict[str, Any], tables: set[str], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        if prefix + name in tables:
            yield from _given(value, tables, f"{prefix}{name}.") if isinstance(value, dict) else ()
        else:
            yield prefix + name


def _check_keys(source: str, settings: dict[str, Any]) -> None:
    allowed = [*_allowed(RunConfig), f"quotas.{OTHERS}"]
    for key in _given(settings, {name.rpartition(".")[0] for name in allowed}):
        if key in NOT_A_VARIANTS:
            raise BadInput(f"{source} cannot set {key}: it belongs to the suite or to the run, not to a variant.")
        if key not in allowed:
            raise BadInput(
                f"{source} has an unknown key {key}{closest(key, allowed)}: a variant may set about, "
                f"{', '.join(sorted(allowed))}."
            )


def _check_values(source: str, settings: dict[str, Any]) -> None:
    try:
        RunConfig.model_validate({"target": "L0N0", **settings}, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        said = said[:1].lower() + said[1:]
        raise BadInput(f"{source}: {key} cannot be {first['input']!r}: {said}.") from error
