"""Planted neurons: plain functions of text, served behind the interface of a subject model.

A planted model has one layer. Its first neurons are functions `list[str] -> list[float]`, named as `module:function`,
which get the token strings of a text without BOS and give one value per token; the rest are real neurons of layer 0 of
the model underneath, since a matched null needs other neurons whose explanations mean something. Tokenizer, embeddings
and generated text are those of the model underneath.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.subject.protocol import FloatArray, Interventions, LastTokenEffect, TokenArray

if TYPE_CHECKING:
    from tools.subject.bridge import BridgeModel
    from tools.subject.lean import LeanModel
    from tools.subject.tokenizer import FolderTokenizer

Function = Callable[[list[str]], Sequence[float]]

N_REAL = 64
"""Real neurons beside the planted ones."""

_SHOWN = 60
_INSTALLED = {"site-packages", "dist-packages"}
_LARGEST = 1e15  # a sum of squares must fit into float32
_NO_OUTPUT = "a planted neuron is a function of text: it has no output weights and cannot be ablated."


@dataclass(frozen=True)
class PlantedFunction:
    """A function by the name under which a config knows it."""

    entry: str
    function: Function

    def values(self, tokens: list[str]) -> FloatArray:
        """Its values on a text, float32 [n].

        Raises:
            BadInput: the function raises, or gives the wrong number of values, something that is no finite number, or
                a number beyond 1e15.
        """
        where = f"the planted neuron {self.entry} on the text {''.join(tokens)[:_SHOWN]!r}"
        try:
            given = self.function(list(tokens))
        except (Exception, SystemExit) as error:
            raise BadInput(f"{where} raises {type(error).__name__}: {error}.") from error
        try:
            with np.errstate(over="ignore"):  # what is too large is said below
                values = np.asarray(given, dtype=np.float64).astype(np.float32)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{where} gives {type(given).__name__} instead of a list of numbers: {error}.") from error
        if values.shape != (len(tokens),):
            shape = f"{len(values)} values" if values.ndim == 1 else f"values of shape {values.shape}"
            raise BadInput(f"{where} gives {shape} for {len(tokens)} tokens: give one number a token.")
        if not np.isfinite(values).all():
            at = int(np.argmin(np.isfinite(values)))
            raise BadInput(f"{where} gives {values[at]} at token {at}: give finite numbers.")
        if values.size and np.abs(values).max() > _LARGEST:
            at = int(np.argmax(np.abs(values)))
            raise BadInput(f"{where} gives {values[at]:g} at token {at}: give numbers up to {_LARGEST:g}.")
        return values


def planted_function(entry: str) -> PlantedFunction:
    """Import `module:name`: an attribute of the module, or a key of its `NEURONS`.

    Modules are looked for where Python looks, and in the current folder.

    Raises:
        BadInput: there is no such module or name, or it cannot be called.
    """
    module, _, name = entry.partition(":")
    if not (module and name):
        raise BadInput(f"cannot read the planted neuron {entry!r}: write it as package.module:function.")
    found = _imported(entry, module)
    function = getattr(found, name, None)
    if function is None:
        neuron = getattr(found, "NEURONS", {}).get(name)
        function = getattr(neuron, "function", None)
    if function is None:
        raise BadInput(f"there is no planted neuron {entry!r}: the module {module} has no {name}.")
    if not callable(function):
        raise BadInput(f"the planted neuron {entry!r} is a {type(function).__name__}: it must be a function.")
    return PlantedFunction(entry, function)


class PlantedModel:
    """Implements `tools.subject.protocol.SubjectModel` and `Interventions`, the latter as far as functions allow.

    Args:
        base: the model underneath.
        entries: names of functions; the i-th is neuron L0N<i>.

    Raises:
        BadInput: a function cannot be imported, or the model underneath is itself planted.
    """

    def __init__(self, base: LeanModel | BridgeModel, entries: Sequence[str]) -> None:
        self.base = base
        self.functions = [planted_function(entry) for entry in entries]
        order = sorted(range(base.d_mlp), key=lambda i: hashlib.sha256(f"0:{i}".encode()).hexdigest())
        self._real = order[:N_REAL]
        self._strings = base.tokenizer.token_strings()

    @property
    def name(self) -> str:
        """The name by which a result calls this model."""
        return f"planted-{self.base.name}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the model underneath, the names, and the source of what decides the values.

        Not seen are changes of files that a function reads, and of packages that were installed.
        """
        digest = hashlib.sha256(self.base.fingerprint.encode())
        for planted in self.functions:
            digest.update(planted.entry.encode() + b"\0")
        modules = {planted.entry.partition(":")[0] for planted in self.functions}
        for path in sorted({path for module in modules for path in _sources(module)}):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    @property
    def n_layers(self) -> int:
        """One."""
        return 1

    @property
    def d_mlp(self) -> int:
        """Planted neurons and the real ones beside them."""
        return len(self.functions) + len(self._real)

    @property
    def d_model(self) -> int:
        """Width of what `mlp_input` gives: one value per neuron."""
        return self.d_mlp

    @property
    def n_ctx(self) -> int:
        """Most tokens of one text that can be read, BOS left out."""
        return self.base.n_ctx

    @property
    def is_gated(self) -> bool:
        """False: what a function of text says below zero is silence."""
        return False

    @property
    def tokenizer(self) -> FolderTokenizer:
        """The tokenizer of the model underneath."""
        return self.base.tokenizer

    def embeddings(self) -> FloatArray:
        """The token embeddings of the model underneath."""
        return self.base.embeddings()

    def null_neurons(self) -> range:
        """The real neurons: another planted one may mean nearly the same."""
        return range(len(self.functions), self.d_mlp)

    def interventions(self) -> Interventions:
        """This model: it generates text, and refuses what needs weights."""
        return self

    def mlp_input(self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int) -> FloatArray:
        """The values of all neurons, float32 [batch, pos, d_mlp], 0 at padded positions.

        Raises:
            BadInput: a function fails (see `PlantedFunction.values`), or as the model underneath says.
        """
        below = self.base.mlp_input(tokens, lengths, 0)
        out = np.zeros((*below.shape[:2], self.d_mlp), dtype=np.float32)
        for row, length in enumerate(lengths):
            text = [self._strings[token] for token in tokens[row, :length]]
            for i, planted in enumerate(self.functions):
                out[row, :length, i] = planted.values(text)
        for i, index in enumerate(self._real, len(self.functions)):
            out[..., i] = self.base.neuron_values(below, 0, index)
        return out

    def neuron_values(self, mlp_input: FloatArray, layer: int, index: int) -> FloatArray:
        """One neuron's values, raw, from what `mlp_input` gave."""
        return np.ascontiguousarray(mlp_input[..., index])

    def generate(
        self, prompts: Sequence[str], n_tokens: int, temperature: float, rng: np.random.Generator
    ) -> list[str]:
        """Text from the model underneath."""
        return self.base.interventions().generate(prompts, n_tokens, temperature, rng)

    def ablate(
        self, tokens: TokenArray, lengths: NDArray[np.int64], layer: int, index: int, replacement: FloatArray
    ) -> FloatArray:
        """Raises BadInput."""
        raise BadInput(_NO_OUTPUT)

    def ablate_last(
        self,
        tokens: TokenArray,
        lengths: NDArray[np.int64],
        layer: int,
        indices: NDArray[np.int64],
        values: FloatArray,
        watched: NDArray[np.int64],
    ) -> LastTokenEffect:
        """Raises BadInput."""
        raise BadInput(_NO_OUTPUT)

    def output_weights(self, layer: int, index: int) -> FloatArray:
        """Raises BadInput."""
        raise BadInput(_NO_OUTPUT)

    def logit_effects(self, layer: int, index: int, k: int) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """Raises BadInput."""
        raise BadInput(_NO_OUTPUT)


def _imported(entry: str, module: str) -> ModuleType:
    with _current_folder_importable():
        try:
            return importlib.import_module(module)
        except (Exception, SystemExit) as error:  # a user's module may raise anything
            raise BadInput(
                f"cannot import the planted neuron {entry!r}: {type(error).__name__}: {error}. It is looked for where "
                "Python finds modules and in the current folder."
            ) from error


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    here = os.getcwd()
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        yield
    finally:
        if added:
            sys.path.remove(here)


def _sources(name: str) -> list[Path]:
    """The files whose change may change what a module's functions say: its package's, and all that they import.

    Standard library and installed packages are left out. Read from the source, since what happens to be imported is not
    the same in every process.
    """
    module = sys.modules[name]
    file, package = getattr(module, "__file__", None), getattr(module, "__package__", None)
    if file is None:
        return []
    found = {name: Path(file)}
    if package:
        found |= {f"{package}.{path.stem}": path for path in Path(file).parent.glob("*.py")}
    waiting = list(found.items())
    with _current_folder_importable():
        while waiting:
            for imported in _imports(*waiting.pop()):
                path = _own_file(imported)
                if path is not None and path not in found.values():
                    found[imported] = path
                    waiting.append((imported, path))
    return sorted(set(found.values()))


def _imports(name: str, path: Path) -> Iterator[str]:
    """What a module may import, packages around it first; `from a import b` may mean the module a.b."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a file of the package that nobody can have imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            named = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for full in named:
            parts = full.split(".")
            yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))


def _own_file(name: str) -> Path | None:
    """Where a module lies, unless it is of the standard library or installed, or there is none."""
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # made by hand, so without a file
        return None
    if spec is None or spec.origin is None or _INSTALLED & set(Path(spec.origin).parts):
        return None
    if not rest:
        return Path(spec.origin) if spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        inside = Path(folder, *rest)
        for path in (inside / "__init__.py", inside.with_name(f"{inside.name}.py")):
            if path.is_file():
                return path
    return None
