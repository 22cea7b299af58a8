"""The tool that puts detection and fuzzing to an LLM, on the sealed fold that is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tools.catalogue.scores import score_value
from tools.errors import BadInput
from tools.records.result import ScoreValue, Unscored
from tools.scoring.detection import Cases, Marks, balanced_accuracy
from tools.scoring.metrics import StratifiedSample
from tools.scoring.sampling import sealed_sample
from tools.study.experiment_log import Tokens
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

N_EACH = 10
"""Cases of each of the two classes."""

DETECTION = "an LLM says in which excerpts the neuron fires, balanced accuracy"
FUZZING = "an LLM says whether the marked tokens are the firing ones, balanced accuracy"


class Ask(Arguments):
    """A sentence, the sealed fold that is open, and how many cases of each class to ask about."""

    sentence: str
    fold: int
    n: int = Field(default=N_EACH, ge=1, le=100)


class DetectionScores(Outcome):
    """Balanced accuracies, 0.5 for one who knows nothing."""

    detection: ScoreValue | Unscored
    fuzzing: ScoreValue | Unscored


def detection_tools(study: Study) -> list[Tool[Ask, DetectionScores]]:
    """`ask_llm`, bound to one neuron."""
    evidence = study.evidence

    def ask(arguments: Ask, rng: np.random.Generator) -> DetectionScores:
        detector = study.detector
        if detector is None:
            raise BadInput("there is no LLM to ask.")
        neuron = evidence.neuron
        fold = evidence.sealed.open(arguments.fold, study.ledger)
        sample = sealed_sample(fold, study.stratum, neuron, arguments.fold)
        excerpts, theta = sample.activations.excerpts, evidence.theta

        def text(row: int) -> Tokens:
            return tuple(excerpts.tokens[row, : excerpts.lengths[row]].tolist())

        fires = np.asarray(((sample.activations.values > theta) & excerpts.mask).any(axis=1))
        rows = _balanced(np.flatnonzero(fires), np.flatnonzero(~fires), arguments.n, rng)
        detected = detector.detect(arguments.sentence, [text(row) for row in rows])
        marks = Marks.draw(sample, theta, rng)
        # An excerpt is marked rightly or wrongly, never both, so that no question answers another.
        of = rng.permutation(len(marks.rows))
        cases = _balanced(of[::2], of[1::2], arguments.n, rng)
        rightly = np.isin(cases, of[::2])
        marked = []
        for k, right in zip(cases, rightly, strict=True):
            tokens = text(marks.rows[k])
            marked.append((tokens, (marks.firing if right else marks.others)[k, : len(tokens)].tolist()))
        fuzzed = detector.fuzz(arguments.sentence, marked)
        return DetectionScores(
            detection=_accuracy(sample, rows, fires[rows], detected, DETECTION),
            fuzzing=_accuracy(sample, marks.rows[cases], rightly, fuzzed, FUZZING),
        )

    return [
        Tool("ask_llm", "Detection and fuzzing by an LLM on a sealed fold.", Ask, DetectionScores, ask, charged=False)
    ]


def _balanced(yes: NDArray[np.int64], no: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """As many of both, at most `n` each, in random order."""
    n = min(n, len(yes), len(no))
    return rng.permutation(np.concatenate([rng.permutation(yes)[:n], rng.permutation(no)[:n]]))


def _accuracy(
    sample: StratifiedSample,
    rows: NDArray[np.int64],
    truth: NDArray[np.bool_],
    answers: Sequence[bool | Unscored],
    protocol: str,
) -> ScoreValue | Unscored:
    """Over the cases that were answered; the others are counted, and too many of them are no score."""
    answered = np.array([not isinstance(answer, Unscored) for answer in answers], dtype=bool)
    reasons = Counter(answer.reason for answer in answers if isinstance(answer, Unscored))
    if not len(rows):
        return Unscored(reason="there are no excerpts of both classes to ask about")
    if answered.mean() < 0.5:
        return Unscored(
            reason=f"{int((~answered).sum())} of {len(rows)} cases were not answered, most often because: "
            f"{reasons.most_common(1)[0][0]}"
        )
    says = np.array([float(answer is True) for answer in answers])
    cases = Cases(says[answered], truth[answered], sample.units[rows[answered]], sample.counts_of(rows[answered]))
    found = balanced_accuracy(cases, 0.5, sample.weights)
    return score_value(found, sample, "sealed", protocol, int(answered.sum()), n_unscored=int((~answered).sum()))
