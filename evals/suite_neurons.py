"""The neurons that a suite selects: planted ones, the user's own functions, real ones and puzzles."""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from agent.setup.variants.load import closest
from evals.function_check import check_same
from evals.planted.claims import Planted
from evals.puzzles import Puzzle
from evals.records import Difficulty, Kind, NeuronRecord
from evals.suite import Suite
from tools.errors import BadInput
from tools.records.neuron import NeuronId, parse_target
from tools.subject.planted import Function, planted_function

LIBRARY = "evals.planted.shipped"

Shape: TypeAlias = tuple[int, int] | tuple[int, int, bool]
"""Layers of a model, neurons of a layer, and whether they have a negative side (default: no)."""

_TRIED: tuple[list[str], ...] = (
    [],
    ["a"],
    ["The", " cat", " sat", " on", " the", " mat", ".", "\n"],
    ["def", " f", "(", "x", "):", "\n", "   ", " return", ' "', "é", '"', " 12", " ", "\\xe2"],
    [" again"] * 64,
)
"""Texts on which a user's own function is tested before anything runs."""


@dataclass(frozen=True)
class SuiteClaim:
    """An explanation; `function` (`module:name`) is its meaning, or None."""

    sentence: str
    function: str | None = None


@dataclass(frozen=True)
class SuiteNeuron:
    """One neuron of a suite; picklable.

    Attributes:
        name: unique in the suite.
        kind: see `evals.records.Kind`.
        neuron: of its runs: a real neuron, or L0N<i> with i the index of `planted` among all planted ones of the suite;
            None for a puzzle.
        planted: the function as `module:name`, see `tools.subject.planted.planted_function`; None when real.
        family, difficulty, noise: of planted neurons.
        truth: the meaning of a planted neuron, in words.
        false: plausible errors; the library has functions for its own, see `claim_functions`.
        clean: the noiseless truth as `module:name`; None for the library's, see `claim_functions`.
        readable: False for a planted neuron that no readable explanation can describe.
        is_shipped: from [[planted]] or [[nothing]]: the library has its function and those of its false explanations.
        puzzle: of a puzzle.
    """

    name: str
    kind: Kind
    neuron: NeuronId | None
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

    @property
    def target(self) -> str:
        """The neuron as a run's settings name it; empty for a puzzle."""
        return str(self.neuron or "")

    def claim_functions(self) -> tuple[Function | None, list[Function | None]]:
        """The functions of the noiseless truth and of each of `false`; None where there is none."""
        if self.is_shipped:
            entry = _library()[self.name]
            return entry.truth.function if entry.truth else None, [claim.function for claim in entry.false]
        return _function(self.clean), [_function(claim.function) for claim in self.false]

    def record(self, **measured: Any) -> NeuronRecord:
        """Its record, with measured values."""
        return NeuronRecord(
            name=self.name, kind=self.kind, target=self.target, family=self.family, difficulty=self.difficulty,
            noise=self.noise, cluster=self.name.partition("+noise")[0] if self.is_shipped else self.name,
            truth=self.truth, readable=self.readable, **measured,
        )  # fmt: skip


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
        BadInput: a family, neuron, module or function does not exist; a function does not give one finite number per
            token, or is not deterministic; too few neurons fire; a name occurs twice.
    """
    make_importable(suite)
    found = [
        *_planted(suite), *_nothing(suite), *_own(suite), *_named(suite, shape), *_sampled(suite, shape, is_firing),
        *(SuiteNeuron(one.name, "puzzle", None, truth=one.explanation, puzzle=one) for one in suite.puzzles),
    ]  # fmt: skip
    names = [neuron.name for neuron in found]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"the suite {suite.name} has {name} {names.count(name)} times: every name must be unique.")
    planted = [neuron.planted for neuron in found if neuron.planted]
    return [replace(one, neuron=NeuronId(0, planted.index(one.planted))) if one.planted else one for one in found]


def make_importable(suite: Suite) -> None:
    """Make modules beside the suite's file and in the current folder importable, here and in child processes.

    They go to the end of the path, so that they cannot shadow a module of the program.
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
    """Take one of each family in turn, until there are enough."""
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
            name, "nothing" if entry.truth is None else "truth", None, f"{LIBRARY}:{name}", entry.family,
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
            section.name or section.planted.partition(":")[2], "nothing" if section.nothing else "truth", None,
            section.planted, section.family, section.difficulty, section.noise, section.truth, tuple(claims), clean,
        )  # fmt: skip


def _named(suite: Suite, shape: Shape) -> Iterator[SuiteNeuron]:
    for section in suite.sections.neuron:
        if section.target is None:
            continue
        model, neuron = parse_target(section.target)
        if model is not None and model != suite.model:
            raise BadInput(
                f"the model of the suite {suite.name} is {suite.model}, but its target {section.target} names another."
            )
        if neuron.layer >= shape[0] or neuron.index >= shape[1]:
            raise BadInput(
                f"the suite {suite.name} names {neuron}, and {suite.model} has {shape[0]} layers of {shape[1]} neurons."
            )
        yield SuiteNeuron(str(neuron), "real", neuron)


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
            yield SuiteNeuron(str(neuron), "real", neuron)
    if left:
        raise BadInput(
            f"the suite {suite.name} asks for {n} firing neurons, and {suite.model} has {n - left} on this text "
            f"in layers {', '.join(map(str, layers))}: ask for fewer, or give more text."
        )


def check_function(entry: str) -> None:
    """Test a function on a few texts.

    Raises:
        BadInput: it cannot be imported, or on one of the texts it raises, gives the wrong number of values or a value
            that is not a finite number, is not deterministic, or looks ahead.
    """
    planted = planted_function(entry)
    for tokens in _TRIED:
        check_same(planted, tokens, planted.values(tokens))


def _function(entry: str | None) -> Function | None:
    return None if entry is None else planted_function(entry).function


def _library() -> dict[str, Planted]:
    # Look it up by name, as a run does, and only now, since building it takes a while.
    return dict(importlib.import_module(LIBRARY).NEURONS)
