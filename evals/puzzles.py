"""Puzzles: texts with given activations, a true explanation and false ones, in the format of OpenAI's neuron-explainer.

A file is a JSON object: name -> {"name", "explanation", "sentences", "false_explanations"}; a sentence is a list whose
items are "token" (activation 0) or ["token", activation]. The format is that of `neuron_explainer/puzzles.json` in the
repository openai/automated-interpretability. A reader that cannot rank the true explanation above the false ones cannot
score an agent.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.puzzle_readers import LexicalPuzzleReader, MakeReader, PuzzleReader
from evals.records import CellResult, NeuronRecord, ScoredClaim, ScorerCheck
from tools.errors import BadInput
from tools.records.result import Baselines, Budget, Interval, Measured, ScoreValue, Unscored
from tools.roles import Simulation
from tools.scoring.metrics import correlations_of, estimate, standardised

PROTOCOL = "the true explanation of a puzzle: correlation over all tokens of its sentences"
N_RESAMPLES = 1000

_KEYS = ("name", "explanation", "sentences", "false_explanations")
_IGNORED = "dataclass_name"


@dataclass(frozen=True)
class Puzzle:
    """Texts with a true explanation and false ones.

    Attributes:
        name: unique in its file.
        explanation: the true one.
        sentences: each a tuple of (token, activation); activations are at least 0.
        false_explanations: each plausible and wrong.
    """

    name: str
    explanation: str
    sentences: tuple[tuple[tuple[str, float], ...], ...]
    false_explanations: tuple[str, ...]


def read_puzzles(source: str, data: bytes) -> list[Puzzle]:
    """The puzzles of a file, in its order.

    Raises:
        BadInput: it does not have the format; the message names file, puzzle and place.
    """
    try:
        found = json.loads(data, object_pairs_hook=lambda pairs: _once(source, pairs))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise BadInput(f"{source} contains a {_kind(found)}: puzzles are a JSON object, name -> puzzle.")
    return [_puzzle(source, name, value) for name, value in found.items()]


def puzzle_check(puzzle: Puzzle, reader: PuzzleReader, rng: np.random.Generator) -> ScorerCheck:
    """Simulate every explanation on the puzzle's sentences, and correlate over all their tokens together.

    The reader does not know which explanation is true, and their order does not reveal it. A text that could not be
    simulated under one of them is dropped for all, so that all are scored on the same text. Intervals are 95 %
    bootstrap over sentences, and -1 to 1 where too few of them vary.

    Args:
        puzzle: texts and explanations.
        reader: made for `puzzle_tokens(puzzle)`.
        rng: draws the resamples.
    """
    ids = {string: i for i, string in enumerate(puzzle_tokens(puzzle))}
    shape = len(puzzle.sentences), max(len(sentence) for sentence in puzzle.sentences)
    tokens, values = np.full(shape, -1, dtype=np.int32), np.zeros(shape)
    for row, sentence in enumerate(puzzle.sentences):
        tokens[row, : len(sentence)] = [ids[token] for token, _ in sentence]
        values[row, : len(sentence)] = [value for _, value in sentence]
    given = blind_order(puzzle)
    found = dict(zip(given, reader.read(given, tokens), strict=True))
    simulations = [one for one in found.values() if isinstance(one, Simulation)]
    read = [row for row in range(shape[0]) if not any(row in one.unscored for one in simulations)]
    drawn = rng.multinomial(len(read), np.full(len(read), 1 / len(read)), size=N_RESAMPLES) if read else None

    def scored(explanation: str) -> ScoredClaim:
        one = found[explanation]
        if isinstance(one, Unscored):
            return ScoredClaim(sentence=explanation, score=one)
        if drawn is None:
            reason = next(reason for other in simulations for reason in other.unscored.values())
            return ScoredClaim(sentence=explanation, score=Unscored(reason=f"no text was read in full: {reason}"))
        score = _score(values[read], one.levels[read], tokens[read] >= 0, drawn, shape[0] - len(read))
        return ScoredClaim(sentence=explanation, score=score)

    return ScorerCheck(true=scored(puzzle.explanation), false=[scored(text) for text in puzzle.false_explanations])


def puzzle_tokens(puzzle: Puzzle) -> list[str]:
    """The vocabulary of a puzzle: its distinct token strings."""
    return list(dict.fromkeys(token for sentence in puzzle.sentences for token, _ in sentence))


def blind_order(puzzle: Puzzle) -> list[str]:
    """All distinct explanations of a puzzle, ordered by hash, so that the position says nothing about the truth."""
    every = dict.fromkeys([puzzle.explanation, *puzzle.false_explanations])
    return sorted(every, key=lambda sentence: hashlib.sha256(f"{puzzle.name}: {sentence}".encode()).hexdigest())


def puzzle_record(puzzle: Puzzle) -> NeuronRecord:
    """The record of a puzzle, the same for every variant. The readers' rankings are in the results."""
    return NeuronRecord(name=puzzle.name, kind="puzzle", target="", truth=puzzle.explanation)


def puzzle_cell(
    puzzle: Puzzle, suite: str, variant: str, seed: int = 0, make_reader: MakeReader = LexicalPuzzleReader
) -> CellResult:
    """A reader's ranking and score of the true explanation. No agent runs."""
    reader = make_reader(puzzle_tokens(puzzle))
    ranking = puzzle_check(puzzle, reader, np.random.default_rng(0))
    nothing = Unscored(reason="a puzzle has no corpus and no agent runs on it")
    return CellResult(
        suite=suite, variant=variant, neuron=puzzle.name, kind="puzzle", seed=seed, explanation=puzzle.explanation,
        words=len(puzzle.explanation.split()), score=ranking.true.score, development_score=nothing,
        baselines=Baselines(token_lookup_30=nothing, token_lookup_full=nothing, null=nothing),
        budget=Budget(limit=None, used=0), ranking=ranking, reader=reader.name, requests=reader.n_requests,
        cost=reader.cost,
    )  # fmt: skip


def _score(
    values: NDArray[np.float64],
    levels: NDArray[np.float32],
    mask: NDArray[np.bool_],
    drawn: NDArray[np.int64],
    n_unscored: int,
) -> Measured:
    true, simulated = standardised(values[mask]), standardised(levels[mask].astype(np.float64))
    if true is None or simulated is None:
        which = "the puzzle" if true is None else "the simulation"
        return Unscored(reason=f"{which} is constant on the sentences, so there is no correlation")
    a, s = np.zeros(values.shape), np.zeros(values.shape)
    a[mask], s[mask] = true, simulated
    # Per sentence; a resample is a weighted sum of these.
    sums = np.stack([mask.sum(1), a.sum(1), (a * a).sum(1), s.sum(1), (s * s).sum(1), (a * s).sum(1)], axis=1)
    value = float(correlations_of(sums.sum(0)))
    found = estimate(value, correlations_of(drawn @ sums))
    interval = Interval(value=round(value, 6), low=-1, high=1) if isinstance(found, Unscored) else found.interval()
    return ScoreValue(
        value=interval.value, low=interval.low, high=interval.high,
        protocol=PROTOCOL, split="puzzle", n_excerpts=len(values), n_unscored=n_unscored,
    )  # fmt: skip


def _once(source: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BadInput(f"{source} has {key!r} twice: every name must be unique.")
        found[key] = value
    return found


def _puzzle(source: str, name: str, value: Any) -> Puzzle:
    where = f"{source}, puzzle {name!r}"
    if not name.strip():
        raise BadInput(f"{source} has a puzzle without a name.")
    if not isinstance(value, dict):
        raise BadInput(f"{where} is a {_kind(value)}: a puzzle is an object with {', '.join(_KEYS)}.")
    for key in value:
        if key not in (*_KEYS, _IGNORED):
            raise BadInput(f"{where} has an unknown key {key}: allowed are {', '.join(_KEYS)}.")
    for key in _KEYS[1:]:
        if key not in value:
            raise BadInput(f"{where} lacks the key {key}.")
    if value.get("name", name) != name:
        raise BadInput(f"{where} has the name {value['name']!r} inside: use one name.")
    explanation, false = value["explanation"], value["false_explanations"]
    if not isinstance(explanation, str) or not explanation.strip():
        raise BadInput(f"{where}: explanation must be a sentence.")
    if not isinstance(false, list) or not all(isinstance(text, str) and text.strip() for text in false):
        raise BadInput(f"{where}: false_explanations must be a list of sentences.")
    if explanation in false:
        raise BadInput(f"{where}: the true explanation is also among the false ones.")
    for text in (name, explanation, *false):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"{where} has a lone surrogate, {text[error.start]!r}: write whole characters.") from error
    sentences = value["sentences"]
    if not isinstance(sentences, list) or not sentences:
        raise BadInput(f"{where}: sentences must be a list of at least one sentence.")
    read = tuple(_sentence(f"{where}, sentence {number}", given) for number, given in enumerate(sentences, 1))
    return Puzzle(name, explanation, read, tuple(false))


def _sentence(where: str, given: Any) -> tuple[tuple[str, float], ...]:
    if not isinstance(given, list) or not given:
        raise BadInput(f"{where} must be a list of at least one token.")
    return tuple(_token(f"{where}, item {number}", item) for number, item in enumerate(given, 1))


def _token(where: str, item: Any) -> tuple[str, float]:
    match item:
        case str(token):
            value: Any = 0
        case [str(token), value]:
            pass
        case _:
            raise BadInput(f'{where} is {json.dumps(item)[:60]}: write "token" or ["token", activation].')
    if not token:
        raise BadInput(f"{where} is an empty token.")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise BadInput(f"{where} has the activation {json.dumps(value)[:60]}: give a number of at least 0.")
    return token, float(value)


def _kind(value: Any) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "JSON object")
