"""Suites: small TOML files that select the neurons of an evaluation."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.setup.variants.load import PLAIN_NAME, closest, read_toml
from evals.puzzles import Puzzle, read_puzzles
from evals.records import Difficulty
from tools.errors import BadInput
from tools.evidence.texts.hub import looks_like_dataset


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PlantedSection(_Section):
    """`[[planted]]`: library neurons with a truth to find, spread evenly over families."""

    families: Annotated[list[str], Field(min_length=1)] | None = None
    noise: Annotated[list[float], Field(min_length=1)] = [0.0]
    neurons: int | None = Field(default=None, ge=1)


class NothingSection(_Section):
    """`[[nothing]]`: library neurons with nothing to find, spread evenly over shapes."""

    shapes: Annotated[list[str], Field(min_length=1)] | None = None
    neurons: int | None = Field(default=None, ge=1)


class SampleSection(_Section):
    """`[[sample]]`: firing neurons of the real model with the smallest SHA-256 of "layer:neuron"."""

    neurons: int = Field(ge=1)
    per_layer: bool = False
    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None


class ClaimSection(_Section):
    """A false explanation and its function."""

    sentence: str = Field(min_length=1)
    function: str | None = None


class NeuronSection(_Section):
    """`[[neuron]]`: a user's own function, or a real neuron by name."""

    planted: str | None = None
    target: str | None = None
    truth: Annotated[str, Field(min_length=1)] | None = None
    false: list[ClaimSection] = []
    clean: str | None = None
    family: str = "own"
    difficulty: Difficulty | None = None
    noise: float = Field(default=0.0, ge=0)
    name: Annotated[str, Field(pattern=f"^{PLAIN_NAME.pattern}$")] | None = None
    nothing: bool = False

    @field_validator("false", mode="before")
    @classmethod
    def _sentences(cls, given: Any) -> Any:
        return [{"sentence": g} if isinstance(g, str) else g for g in given] if isinstance(given, list) else given

    @model_validator(mode="after")
    def _fits(self) -> NeuronSection:
        if (self.planted is None) == (self.target is None):
            raise ValueError("give either planted or target")
        if self.target is not None and self.model_fields_set != {"target"}:
            more = ", ".join(sorted(self.model_fields_set - {"target"}))
            raise ValueError(f"a real neuron is known by its target alone: leave out {more}")
        if self.nothing and (self.truth or self.false or self.clean):
            raise ValueError("a neuron with nothing to find has no truth, no false sentences and no clean function")
        if self.planted is not None and not self.nothing and self.truth is None:
            raise ValueError("a planted neuron needs its truth, or nothing = true")
        if self.noise and self.clean is None and not self.nothing:
            raise ValueError("a planted neuron with noise needs clean, its function without the noise")
        return self


class PuzzlesSection(_Section):
    """`[[puzzles]]`: a file of ground-truth puzzles."""

    file: str = Field(min_length=1)


class _File(_Section):
    about: str = ""
    model: str = Field(default="mini", min_length=1)
    corpus: Annotated[str, Field(min_length=1)] | None = None
    corpus_tokens: int | None = Field(default=None, ge=1)
    ceiling: bool | None = None
    planted: list[PlantedSection] = []
    nothing: list[NothingSection] = []
    sample: list[SampleSection] = []
    neuron: list[NeuronSection] = []
    puzzles: list[PuzzlesSection] = []


@dataclass(frozen=True)
class Suite:
    """A selection of neurons, with model and text.

    Attributes:
        name: the stem of its file.
        about: its purpose; may be empty.
        model: the subject model.
        corpus: a file, folder or dataset; None for the model's own.
        corpus_tokens: read at most this many; None for a default by the size of the model.
        ceiling: whether the ceiling of local context is measured.
        folder: of the suite's file; functions are looked up there too.
        sha256: hex, over the bytes of the file and of its puzzle files.
        sections: of the file.
        puzzles: of all its puzzle files.
        trust_remote_code: whether Python code from the model's folder may run; never set by the file.
    """

    name: str
    about: str
    model: str
    corpus: str | None
    corpus_tokens: int | None
    ceiling: bool
    folder: Path
    sha256: str
    sections: _File
    puzzles: tuple[Puzzle, ...]
    trust_remote_code: bool = False

    @property
    def has_real(self) -> bool:
        """Whether it has neurons of the real model."""
        return bool(self.sections.sample or any(neuron.target for neuron in self.sections.neuron))


def shipped_suites() -> list[str]:
    """Names of the suites that come with the program."""
    return sorted(entry.name[:-5] for entry in files("evals.suites").iterdir() if entry.name.endswith(".toml"))


def load_suite(name_or_path: str | Path) -> Suite:
    """Read a suite and its puzzles; nothing is imported, run or downloaded.

    Args:
        name_or_path: the name of a shipped one, or the path of a file that ends in `.toml`.

    Raises:
        BadInput: there is none, or a key or value cannot be used, or it names no neurons.
    """
    given = str(name_or_path)
    path = Path(str(files("evals.suites") / f"{given}.toml")) if given in shipped_suites() else Path(given)
    if path.suffix != ".toml" or not path.is_file():
        shipped = shipped_suites()
        raise BadInput(
            f"there is no suite {given!r}{closest(given, shipped)}: give one of {', '.join(shipped)}, or the path of a "
            ".toml file."
        )
    data = _bytes(path)
    found = _checked(given, read_toml(given, data))
    if not PLAIN_NAME.fullmatch(path.stem):
        raise BadInput(f"the suite {path.name} names a folder: use letters, digits, '.', '_' and '-' in its name.")
    digest = hashlib.sha256(data)
    puzzles: list[Puzzle] = []
    for section in found.puzzles:
        content = _bytes(path.parent / section.file)
        digest.update(content)
        puzzles += read_puzzles(section.file, content)
    suite = Suite(
        path.stem, found.about, found.model, _corpus(found.corpus, path.parent), found.corpus_tokens,
        False, path.parent, digest.hexdigest(), found, tuple(puzzles),
    )  # fmt: skip
    if not (found.planted or found.nothing or found.sample or found.neuron or puzzles):
        raise BadInput(
            f"{given} names no neurons: give it [[planted]], [[nothing]], [[sample]], [[neuron]] or [[puzzles]]."
        )
    return replace(suite, ceiling=suite.has_real if found.ceiling is None else found.ceiling)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}.") from error


def _corpus(spec: str | None, folder: Path) -> str | None:
    """Paths are relative to the suite's folder; `hf:` names a dataset unless such a file exists."""
    if spec is None:
        return None
    path = folder / Path(os.path.expanduser(spec))
    return spec if looks_like_dataset(spec) and not path.exists() else str(path)


def _checked(source: str, data: dict[str, Any]) -> _File:
    try:
        return _File.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        *place, key = [str(part) for part in first["loc"]]
        where = f"{source}, {_place(place)}" if place else source
        if first["type"] == "extra_forbidden":
            allowed = _keys(place)
            raise BadInput(
                f"{where} has an unknown key {key}{closest(key, allowed)}: allowed are {', '.join(allowed)}."
            ) from error
        said = first["msg"].removeprefix("Value error, ")
        said = said[:1].lower() + said[1:]
        if first["type"] == "value_error":
            raise BadInput(f"{source}, {_place([*place, key])}: {said}.") from error
        if first["type"] == "missing":
            raise BadInput(f"{where} lacks the key {key}.") from error
        raise BadInput(f"{where}: {key} cannot be {first['input']!r}: {said}.") from error


def _place(parts: list[str]) -> str:
    """`neuron`, `2` as "[[neuron]] number 3", followed by a dot and the rest."""
    if len(parts) < 2:
        return ".".join(parts)
    return ", ".join([f"[[{parts[0]}]] number {int(parts[1]) + 1}", *parts[2:]])


def _keys(place: list[str]) -> list[str]:
    sections: dict[str, type[_Section]] = {
        "planted": PlantedSection, "nothing": NothingSection, "sample": SampleSection, "neuron": NeuronSection,
        "puzzles": PuzzlesSection,
    }  # fmt: skip
    if len(place) > 2:
        return list(ClaimSection.model_fields)
    return list((sections[place[0]] if place else _File).model_fields)
