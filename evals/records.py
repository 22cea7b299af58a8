"""The records of an evaluation on disk. Any change needs a new EVAL_VERSION.

eval.json          Manifest: what was asked of which agent
neurons.jsonl      NeuronRecord: one line per neuron of the suite, the same for every variant
results.jsonl      CellResult: one line per suite x variant x neuron x seed (x half)
simulations/       what each explanation predicts on development text, for stability
runs/VARIANT/...   the runs with their traces
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.records.predictions import RegisteredPredictions
from tools.records.result import AnytimePoint, Baselines, Budget, Cost, Gains, Measured, Unscored, Verdict

EVAL_VERSION: Literal[4] = 4

READABLE = (1, 2, 3, 4)
"""Readable versions. Cells of version 1 have no predictor; before 3, a puzzle's ranking is in its neuron's record;
before 4, nothing was made of an explanation alone."""

Outcome = Literal["right", "wrong", "tied", "constant"]
"""A reader's choice of the neuron that an explanation means: right or wrong, one of several that fit equally well, or
none, because the explanation predicts the same everywhere."""

Kind = Literal["real", "truth", "nothing", "puzzle"]
"""A neuron of a real model; planted with a truth to find; planted with nothing to find; a puzzle with given texts."""

Difficulty = Literal["easy", "medium", "hard"]


class Record(BaseModel):
    """Base of all records: closed, frozen, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ScoredClaim(Record):
    """An explanation of a neuron and its score."""

    sentence: str
    score: Measured


class ScorerCheck(Record):
    """The scores of the true explanation and the false ones, each simulated by its own function if it has one."""

    true: ScoredClaim
    false: list[ScoredClaim]


class CellError(Record):
    """Why there is no result."""

    kind: str
    message: str


class NeuronRecord(Record):
    """A neuron of a suite, and what is measured once for all variants.

    Attributes:
        name: unique in the suite: `L5N131`, or what a planted neuron is called.
        kind: see `Kind`.
        target: of its runs, such as `L5N131`.
        family: of planted neurons.
        difficulty: of planted neurons.
        noise: spread of the noise beside the typical firing value of a planted neuron.
        readable: False for a planted neuron that no readable explanation can describe.
        cluster: the same for neurons that differ only in noise and so are not independent; by default the name.
        truth: what a planted neuron means, in words.
        status: firing, sparse or dead on this corpus; None for puzzles.
        ceiling: how well local context predicts the neuron, by sealed fold; empty if not measured.
        scorer: for those with a truth.
        error: set when it could not be measured.
    """

    name: str
    kind: Kind
    target: str
    family: str = ""
    difficulty: Difficulty | None = None
    noise: float = 0.0
    readable: bool = True
    cluster: str = ""
    truth: str | None = None
    status: str | None = None
    ceiling: list[Measured] = []
    scorer: ScorerCheck | None = None
    error: CellError | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_its_own(cls, given: dict[str, Any]) -> dict[str, Any]:
        return given if given.get("cluster") else given | {"cluster": given.get("name", "")}


class TriggerAndLineup(Record):
    """What an explanation is worth without its excerpts, by the lexical maker and reader.

    Attributes:
        n_positives, n_near_misses, n_random: texts that were read.
        fire: the share of texts made from the explanation in which the neuron fires.
        silent: the share of near misses in which it stays silent.
        random: the share of passages of random sentences in which it fires.
        chosen: whether the reader picks the neuron out of ten of its layer that fire about as often; chance is 0.1.
    """

    n_positives: int
    fire: float | Unscored
    n_near_misses: int
    silent: float | Unscored
    n_random: int
    random: float | Unscored
    chosen: Outcome | Unscored


class CellResult(Record):
    """One suite x variant x neuron x seed.

    Attributes:
        half: 0 or 1 if only that half of the explore and development text was used; None for all of it.
        trace: the run's events.jsonl, relative to the evaluation's folder; empty if the run never began.
        score: of the explanation on the sealed fold, simulated by the reader.
        predictor: sealed score of the best rule of any form; None if the run has none.
        recovery: agreement of the explanation with the noiseless truth on sealed text; None where there is no truth.
        probe_skill: skill of registered predictions against base rate on the fixed probe set; 0 is base
            rate, 0.971 the most that probabilities of 0.02 to 0.98 can reach.
        optimism_gap: development minus sealed score; None when one of them is missing.
        fold: which sealed fold was opened.
        sealed_reused: an earlier seed opened the same fold.
        applied: what the explanation is worth alone; None where there is none, and where it is that of a baseline.
        ranking: of a puzzle: the reader's scores of the true explanation and the false ones.
        reader: of a puzzle: who read it.
        requests: of a puzzle: made to an LLM.
        calls: tool calls.
        seconds: of the tool calls that the budget pays for.
        error: set when the run failed; then every score is Unscored with that reason.
    """

    schema_version: Literal[1, 2, 3, 4] = EVAL_VERSION
    suite: str
    variant: str
    neuron: str
    kind: Kind
    seed: int
    half: Literal[0, 1] | None = None
    run_id: str = ""
    trace: str = ""
    model: str = ""
    verdict: Verdict | None = None
    reason: str = ""
    explanation: str | None = None
    words: int = 0
    stop_reason: str = ""
    score: Measured
    development_score: Measured
    predictor: Measured | None = None
    baselines: Baselines
    gains: Gains = Gains()
    recovery: Measured | None = None
    probe_skill: Measured | None = None
    optimism_gap: float | None = None
    registered: RegisteredPredictions = RegisteredPredictions()
    anytime: list[AnytimePoint] = []
    fold: int | None = None
    sealed_reused: bool = False
    budget: Budget
    applied: TriggerAndLineup | None = None
    ranking: ScorerCheck | None = None
    reader: str = ""
    requests: int = 0
    calls: int = 0
    seconds: float = 0.0
    cost: Cost = Cost()
    error: CellError | None = None

    @property
    def key(self) -> tuple[str, str, int, int | None]:
        """(variant, neuron, seed, half): unique in an evaluation."""
        return self.variant, self.neuron, self.seed, self.half


class Manifest(Record):
    """The request: everything that must be the same for results to be comparable.

    Attributes:
        suite: its name.
        suite_sha256: SHA-256 (hex) over the suite file.
        variants: settings of each, by name.
        seeds: how many.
        halves: whether every neuron is also explained from each half of the text.
        model, corpus: as the suite says.
        model_fingerprint, corpus_fingerprint: SHA-256 (hex) of their content.
        code: SHA-256 (hex) over the source that decides stored numbers, and the versions of its libraries.
        commit: of the program, where it runs from a git checkout.
    """

    schema_version: Literal[1, 2, 3, 4] = EVAL_VERSION
    suite: str
    suite_sha256: str
    variants: dict[str, dict[str, Any]]
    seeds: int = Field(ge=1)
    halves: bool = False
    model: str
    corpus: str
    model_fingerprint: str
    corpus_fingerprint: str
    code: str
    commit: str | None = None
