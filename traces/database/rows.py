"""One result as a row: the columns of the results database and of its exports, by name and type."""

from __future__ import annotations

import dataclasses
from typing import Any

from tools.records.neuron import NeuronId, neuron_of
from tools.records.result import Compared, Gains, Interval, Result, ScoreValue, Unscored
from traces.database.models import Model


@dataclasses.dataclass(frozen=True)
class ResultRow:
    """One run on one neuron. Scores are correlations, `_low` and `_high` their 95 % interval.

    A missing score is None; for the final score `reason` says why. Fields that a run of an older version did not record
    are None too.

    Attributes:
        model: its name, which may not be unique.
        model_fingerprint: identifies the model; None if it is no longer known.
        neuron: such as `L5N131`; `layer` and `idx` are its numbers.
        label: the explanation in a few words; like `reader`, who read it, and the scores of the predictor, None in
            results of version 1.
        score: of the explanation on the sealed fold.
        n_unscored: excerpts that could not be simulated; not counted in `n_excerpts`.
        token_lookup_30: the baseline's score on the same excerpts, as are `token_lookup_full` and `null_score`.
        gain_token_lookup_30: the explanation's score minus the baseline's, paired; so are `gain_null` and
            `gain_previous`.
        openai_score: OpenAI's protocol, 5 top and 5 random excerpts of the sealed fold.
        sealed_opening: counts the openings for this neuron and corpus, from 1.
        previous_run_id: the run before this one, whose explanation was scored again on this run's sealed fold.
        tokens: of LLM calls, in and out.
        usd: what they cost; None if the price is unknown.
        corpus: fingerprint.
    """

    run_id: str
    model: str
    model_fingerprint: str | None
    neuron: str
    layer: int | None
    idx: int | None
    verdict: str
    label: str | None
    explanation: str | None
    reader: str | None
    score: float | None
    low: float | None
    high: float | None
    reason: str | None
    split: str | None
    protocol: str | None
    n_excerpts: int | None
    n_unscored: int | None
    development_score: float | None
    development_low: float | None
    development_high: float | None
    token_lookup_30: float | None
    token_lookup_30_low: float | None
    token_lookup_30_high: float | None
    token_lookup_full: float | None
    token_lookup_full_low: float | None
    token_lookup_full_high: float | None
    predictor_score: float | None
    predictor_low: float | None
    predictor_high: float | None
    null_score: float | None
    null_low: float | None
    null_high: float | None
    gain_token_lookup_30: float | None
    gain_token_lookup_30_low: float | None
    gain_token_lookup_30_high: float | None
    gain_null: float | None
    gain_null_low: float | None
    gain_null_high: float | None
    openai_score: float | None
    openai_low: float | None
    openai_high: float | None
    sealed_fold: int | None
    sealed_opening: int | None
    sealed_reused: bool | None
    previous_run_id: str | None
    previous_explanation: str | None
    previous_score: float | None
    previous_low: float | None
    previous_high: float | None
    gain_previous: float | None
    gain_previous_low: float | None
    gain_previous_high: float | None
    stop_reason: str
    explainer: str | None
    simulator: str | None
    variant: str
    seed: int
    corpus_name: str | None
    corpus: str
    budget_used: int
    seconds: float
    tokens: int | None
    usd: float | None
    trace: str

    @classmethod
    def of(cls, result: Result) -> ResultRow:
        """The row of a result."""
        gains, previous, found = result.gains or Gains(), result.previous, result.neuron_id
        score, sealed = result.score, result.score if isinstance(result.score, ScoreValue) else None
        return cls(
            run_id=result.run_id,
            model=result.model,
            model_fingerprint=result.model_fingerprint,
            neuron=result.neuron,
            layer=found.layer if found else None,
            idx=found.index if found else None,
            verdict=result.verdict,
            label=result.label,
            explanation=result.explanation,
            reader=result.reader,
            reason=score.reason if isinstance(score, Unscored) else None,
            split=sealed.split if sealed else None,
            protocol=sealed.protocol if sealed else None,
            n_excerpts=sealed.n_excerpts if sealed else None,
            n_unscored=sealed.n_unscored if sealed else None,
            **_measured("score", score, bounds=""),
            **_measured("development_score", result.development_score, bounds="development"),
            **_measured("token_lookup_30", result.baselines.token_lookup_30),
            **_measured("token_lookup_full", result.baselines.token_lookup_full),
            **_measured("predictor_score", result.predictor.score if result.predictor else None, bounds="predictor"),
            **_measured("null_score", result.baselines.null, bounds="null"),
            **_measured("gain_token_lookup_30", gains.token_lookup_30),
            **_measured("gain_null", gains.null),
            **_measured("openai_score", result.openai_top_random, bounds="openai"),
            sealed_fold=result.sealed_fold,
            sealed_opening=result.sealed_opening,
            sealed_reused=result.sealed_reused,
            previous_run_id=previous.run_id if previous else None,
            previous_explanation=previous.explanation if previous else None,
            **_measured("previous_score", previous.score if previous else None, bounds="previous"),
            **_measured("gain_previous", gains.previous),
            stop_reason=result.stop_reason,
            explainer=result.explainer,
            simulator=result.simulator,
            variant=result.variant,
            seed=result.seed,
            corpus_name=result.corpus.name,
            corpus=result.corpus.fingerprint,
            budget_used=result.budget.used,
            seconds=result.seconds,
            tokens=result.cost.tokens,
            usd=result.cost.usd,
            trace=result.trace,
        )

    @classmethod
    def read(cls, values: tuple[Any, ...]) -> ResultRow:
        """The row from a query for `COLUMNS`."""
        typed: list[Any] = list(values)
        for at in _BOOLEANS:  # SQLite stores them as numbers
            typed[at] = None if typed[at] is None else bool(typed[at])
        return cls(*typed)

    @property
    def of_model(self) -> Model:
        """The model's name and fingerprint."""
        return self.model, self.model_fingerprint

    @property
    def neuron_id(self) -> NeuronId | None:
        """The neuron; None if its name cannot be parsed."""
        return neuron_of(self.neuron)

    def values(self) -> tuple[Any, ...]:
        """The values in the order of `COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)


COLUMNS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(ResultRow))


def kind_of(column: str) -> type:
    """Which of str, int, float and bool a column holds, besides None."""
    declared = next(field.type for field in dataclasses.fields(ResultRow) if field.name == column)
    return {"str": str, "int": int, "float": float, "bool": bool}[str(declared).split(" | ", maxsplit=1)[0]]


_BOOLEANS = tuple(at for at, name in enumerate(COLUMNS) if kind_of(name) is bool)


def _measured(name: str, score: Compared | None, bounds: str | None = None) -> dict[str, Any]:
    """A score with its bounds as three columns: `name`, and `bounds` (else the name) with `_low` and `_high`."""
    known = score if isinstance(score, Interval) else None
    prefix = name if bounds is None else bounds
    return {
        name: known.value if known else None,
        f"{prefix}_low".lstrip("_"): known.low if known else None,
        f"{prefix}_high".lstrip("_"): known.high if known else None,
    }
