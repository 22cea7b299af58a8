"""Suites: small TOML files that say which neurons an evaluation is about."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.setup.variants.load import PLAIN_NAME, closest, read_toml
from evals.planted.claims import Planted
from evals.puzzles import Puzzle, read_puzzles
from evals.records import Difficulty, Kind, NeuronRecord
from evals.trial import check_same
from tools.errors import BadInput
from tools.evidence.texts.hub import looks_like_dataset
from tools.records.neuron import NeuronId, parse_target
from tools.subject.planted import Function, planted_function

LIBRARY = "evals.planted.shipped"

Shape: TypeAlias = tuple[int, int] | tuple[int, int, bool]
"""Layers of a model, neurons of a layer, and whether they have a negative side; they have none unless it is said."""

_TRIED: tuple[list[str], ...] = (
    [],
    ["a"],
    ["The", " cat", " sat", " on", " the", " mat", ".", "\n"],
    ["def", " f", "(", "x", "):", "\n", "   ", " return", ' "', "é", '"', " 12", " ", "\\xe2"],
    [" again"] * 64,
)
"""Texts on which a person's own function is tried out before anything is run."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class PlantedSection(_Section):
    """`[[planted]]`: neurons of the library with a truth to find, dealt evenly over families."""

    families: Annotated[list[str], Field(min_length=1)] | None = None
    noise: Annotated[list[float], Field(min_length=1)] = [0.0]
    neurons: int | None = Field(default=None, ge=1)


class NothingSection(_Section):
    """`[[nothing]]`: draws of the library with nothing to find, dealt evenly over shapes."""

    shapes: Annotated[list[str], Field(min_length=1)] | None = None
    neurons: int | None = Field(default=None, ge=1)


class SampleSection(_Section):
    """`[[sample]]`: firing neurons of the real model with the smallest SHA-256 of "layer:neuron"."""

    neurons: int = Field(ge=1)
    per_layer: bool = False
    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None


class ClaimSection(_Section):
    """A false sentence with the function that it means."""

    sentence: str = Field(min_length=1)
    function: str | None = None


class NeuronSection(_Section):
    """`[[neuron]]`: a function of a person's own, or a real neuron by name."""

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
    """Which neurons, on which model and text.

    Attributes:
        name: the stem of its file.
        about: what it is for; may be empty.
        model: the subject model.
        corpus: a file, folder or dataset; None for the model's own.
        corpus_tokens: read at most so many; None for a default by the size of the model.
        ceiling: whether the ceiling of local context is measured.
        folder: where the suite's file is; its functions are looked for there too.
        sha256: hex, over the bytes of the file and of its puzzle files.
        sections: what the file says.
        puzzles: of all its puzzle files.
        trust_remote_code: whether Python code that the model's folder brings may run; never said by the file.
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
        """Whether neurons of the real model are in it."""
        return bool(self.sections.sample or any(neuron.target for neuron in self.sections.neuron))


@dataclass(frozen=True)
class SuiteClaim:
    """A sentence; `function` (`module:name`) is what it means, None when only the sentence can say."""

    sentence: str
    function: str | None = None


@dataclass(frozen=True)
class SuiteNeuron:
    """One neuron of a suite; can be sent to another process.

    Attributes:
        name: unique in the suite.
        kind: see `evals.records.Kind`.
        target: as a run is told: a real neuron, or L0N<i> with i the place of `planted` among all planted ones of the
            suite; empty for a puzzle.
        planted: the function as `module:name`, see `tools.subject.planted.planted_function`; None when real.
        family, difficulty, noise: of planted neurons.
        truth: what a planted neuron means, in words.
        false: plausible errors; those of the library carry their functions there, see `claim_functions`.
        clean: the noiseless truth as `module:name`; None for the library's, see `claim_functions`.
        readable: False of a planted neuron that no readable sentence can be about.
        is_shipped: of [[planted]] or [[nothing]]: the library knows what it and its false sentences mean.
        puzzle: of a puzzle.
    """

    name: str
    kind: Kind
    target: str
    planted: str | None = None
    family: str = ""
    difficulty: Difficulty | None = None
    noise: float = 0.0
    truth: str | None = None
    false: tuple[SuiteClaim, ...] = ()
    clean: str | None = None
    is_shipped: bool = False
    puzzle: Puzzle | None = None
    readable: bool = True

    def __str__(self) -> str:
        return self.name

    def claim_functions(self) -> tuple[Function | None, list[Function | None]]:
        """The noiseless truth, and what each of `false` means; None where there is no function."""
        if self.is_shipped:
            entry = _library()[self.name]
            return entry.truth.function if entry.truth else None, [claim.function for claim in entry.false]
        return _function(self.clean), [_function(claim.function) for claim in self.false]

    def record(self, **measured: Any) -> NeuronRecord:
        """What is measured of it, with what is known of it."""
        return NeuronRecord(
            name=self.name, kind=self.kind, target=self.target, family=self.family, difficulty=self.difficulty,
            noise=self.noise, cluster=self.name.partition("+noise")[0] if self.is_shipped else self.name,
            truth=self.truth, readable=self.readable, **measured,
        )  # fmt: skip


def shipped_suites() -> list[str]:
    """Names of the suites that come with the program."""
    return sorted(entry.name[:-5] for entry in files("evals.suites").iterdir() if entry.name.endswith(".toml"))


def load_suite(name_or_path: str | Path) -> Suite:
    """Read a suite and its puzzles; nothing is imported, run or downloaded.

    Args:
        name_or_path: the name of a shipped one, or the path of a file that ends in `.toml`.

    Raises:
        BadInput: there is none, or it has a key or a value that cannot be used, or it names nothing.
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


def hash_order(n_layers: int, d_mlp: int, is_gated: bool = False) -> list[NeuronId]:
    """All neurons of a model, each side by itself, by SHA-256 of "layer:neuron" and a minus sign for the negative."""
    sides = (False, True) if is_gated else (False,)
    everything = [NeuronId(layer, i, side) for layer in range(n_layers) for i in range(d_mlp) for side in sides]
    key = "{0.layer}:{0.index}{1}"
    return sorted(
        everything,
        key=lambda n: hashlib.sha256(key.format(n, "-" if n.is_negative else "").encode()).hexdigest(),
    )


def expand(
    suite: Suite, shape: Shape = (0, 0), is_firing: Callable[[NeuronId], bool] | None = None
) -> list[SuiteNeuron]:
    """The neurons of a suite, in the order of its sections: planted, nothing, own, real, puzzles.

    Args:
        suite: as loaded.
        shape: (layers, neurons per layer) of the real model; needed when the suite `has_real`.
        is_firing: whether a real neuron has the status "firing"; needed for samples.

    Raises:
        BadInput: a family, a neuron, a module or a function that there is not; a function that does not give one
            finite number per token, or not the same ones twice; too few firing neurons; a name that stands twice.
    """
    make_importable(suite)
    found = [
        *_planted(suite), *_nothing(suite), *_own(suite), *_named(suite, shape), *_sampled(suite, shape, is_firing),
        *(SuiteNeuron(puzzle.name, "puzzle", "", truth=puzzle.explanation, puzzle=puzzle) for puzzle in suite.puzzles),
    ]  # fmt: skip
    names = [neuron.name for neuron in found]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"the suite {suite.name} has {name} {names.count(name)} times: every name must be unique.")
    planted = [neuron.planted for neuron in found if neuron.planted]
    return [
        replace(neuron, target=f"L0N{planted.index(neuron.planted)}") if neuron.planted else neuron for neuron in found
    ]


def make_importable(suite: Suite) -> None:
    """Let modules beside the suite's file and in the current folder be imported, here and in processes started here.

    At the end of the path: they must not take the place of a module that the program needs.
    """
    for folder in (str(suite.folder.resolve()), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.append(folder)


def _planted(suite: Suite) -> Iterator[SuiteNeuron]:
    for section in suite.sections.planted:
        entries = {name: entry for name, entry in _library().items() if entry.truth is not None}
        levels = sorted({entry.noise for entry in entries.values()})
        for level in section.noise:
            if level not in levels:
                raise BadInput(
                    f"the suite {suite.name} asks for noise {level}: there is {', '.join(map(str, levels))}."
                )
        kept = {name: entry for name, entry in entries.items() if entry.noise in section.noise}
        yield from _dealt(suite, "family", kept, section.families, section.neurons)


def _nothing(suite: Suite) -> Iterator[SuiteNeuron]:
    for section in suite.sections.nothing:
        entries = {name: entry for name, entry in _library().items() if entry.truth is None}
        yield from _dealt(suite, "shape", entries, section.shapes, section.neurons)


def _dealt(
    suite: Suite, what: str, entries: dict[str, Planted], families: list[str] | None, most: int | None
) -> Iterator[SuiteNeuron]:
    """One of each family in turn, until there are enough."""
    by_family: dict[str, list[str]] = {}
    for name, entry in entries.items():
        by_family.setdefault(entry.family.removeprefix("noise-"), []).append(name)
    for family in families or ():
        if family not in by_family:
            raise BadInput(
                f"the suite {suite.name} asks for the {what} {family!r}{closest(family, list(by_family))}: there is "
                f"{', '.join(by_family)}."
            )
    piles = [by_family[family] for family in dict.fromkeys(families or by_family)]
    turns = [pile[turn] for turn in range(max(map(len, piles), default=0)) for pile in piles if turn < len(pile)]
    for name in turns[:most]:
        entry = entries[name]
        yield SuiteNeuron(
            name, "nothing" if entry.truth is None else "truth", "", f"{LIBRARY}:{name}", entry.family,
            entry.difficulty, entry.noise, entry.truth.sentence if entry.truth else None,
            tuple(SuiteClaim(claim.sentence) for claim in entry.false), is_shipped=True, readable=entry.readable,
        )  # fmt: skip


def _own(suite: Suite) -> Iterator[SuiteNeuron]:
    for section in suite.sections.neuron:
        if section.planted is None:
            continue
        claims = [SuiteClaim(claim.sentence, claim.function) for claim in section.false]
        clean = None if section.nothing else section.clean or section.planted
        for entry in dict.fromkeys([section.planted, clean, *(claim.function for claim in claims)]):
            if entry is not None:
                check_function(entry)
        yield SuiteNeuron(
            section.name or section.planted.partition(":")[2], "nothing" if section.nothing else "truth", "",
            section.planted, section.family, section.difficulty, section.noise, section.truth, tuple(claims), clean,
        )  # fmt: skip


def _named(suite: Suite, shape: Shape) -> Iterator[SuiteNeuron]:
    for section in suite.sections.neuron:
        if section.target is None:
            continue
        model, neuron = parse_target(section.target)
        if model is not None and model != suite.model:
            raise BadInput(f"the suite {suite.name} is about {suite.model}, and its target {section.target} is not.")
        if neuron.layer >= shape[0] or neuron.index >= shape[1]:
            raise BadInput(
                f"the suite {suite.name} names {neuron}, and {suite.model} has {shape[0]} layers of {shape[1]} neurons."
            )
        yield SuiteNeuron(str(neuron), "real", str(neuron))


def _sampled(suite: Suite, shape: Shape, is_firing: Callable[[NeuronId], bool] | None) -> Iterator[SuiteNeuron]:
    for section in suite.sections.sample:
        assert is_firing is not None, "a sample needs to know which neurons fire"
        layers = section.layers if section.layers is not None else list(range(shape[0]))
        if max(layers) >= shape[0]:
            raise BadInput(
                f"the suite {suite.name} samples layer {max(layers)}: those of {suite.model} are 0-{shape[0] - 1}."
            )
        if section.per_layer and section.neurons % len(layers):
            raise BadInput(
                f"the suite {suite.name} cannot deal {section.neurons} neurons evenly to {len(layers)} layers."
            )
        groups = [[layer] for layer in layers] if section.per_layer else [layers]
        for group in groups:
            yield from _first_firing(suite, shape, group, section.neurons // len(groups), is_firing)


def _first_firing(
    suite: Suite, shape: Shape, layers: Sequence[int], n: int, is_firing: Callable[[NeuronId], bool]
) -> Iterator[SuiteNeuron]:
    left = n
    for neuron in hash_order(*shape):
        if left and neuron.layer in layers and is_firing(neuron):
            left -= 1
            yield SuiteNeuron(str(neuron), "real", str(neuron))
    if left:
        raise BadInput(
            f"the suite {suite.name} asks for {n} firing neurons, and {suite.model} has {n - left} on this text "
            f"in layers {', '.join(map(str, layers))}: ask for fewer, or give more text."
        )


def check_function(entry: str) -> None:
    """Try a function out on a few texts.

    Raises:
        BadInput: it cannot be imported, or on one of the texts it raises, gives the wrong number of values, gives
            something that is no finite number, or does not give the same again, or looks ahead.
    """
    planted = planted_function(entry)
    for tokens in _TRIED:
        check_same(planted, tokens, planted.values(tokens))


def _function(entry: str | None) -> Function | None:
    return None if entry is None else planted_function(entry).function


def _library() -> dict[str, Planted]:
    # Found by name, as a run finds it; and only then, since it takes a while to build.
    return dict(importlib.import_module(LIBRARY).NEURONS)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}.") from error


def _corpus(spec: str | None, folder: Path) -> str | None:
    """A path counts from the suite's folder; a dataset is a dataset unless such a file is there."""
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
    """`neuron`, `2` as "[[neuron]] number 3", and what is within it after a dot."""
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
