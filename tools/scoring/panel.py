"""The scores besides correlation, all of them: fitted on development text, measured on another sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.records.result import Unscored
from tools.scoring import detection
from tools.scoring.explained_variance import Line, explained
from tools.scoring.metrics import Estimate, StratifiedSample

Levels = NDArray[np.float32]

_CALIBRATED = "simulation on a line fitted on development text"
_THRESHOLD = "threshold fitted on development text"
PROTOCOLS = {
    "explained_variance": f"1 - E[(s-a)^2]/Var(a), {_CALIBRATED}",
    "rsquared": f"1 - E[(s-a)^2]/E[a^2] (OpenAI's rsquared_score), {_CALIBRATED}",
    "absolute_dev_explained": f"1 - E|a-s|/E|a| (OpenAI's absolute_dev_explained_score), {_CALIBRATED}",
    "detection": f"balanced accuracy over firing and silent excerpts, highest level, {_THRESHOLD}",
    "detection_auc": "area under the curve over firing and silent excerpts, highest level",
    "fuzzing": f"balanced accuracy over firing excerpts marked rightly and wrongly, mean level, {_THRESHOLD}",
    "fuzzing_auc": "area under the curve over firing excerpts marked rightly and wrongly, mean level",
}
"""How each score is measured; chance is 0 for the first three and 0.5 for the others."""


@dataclass(frozen=True)
class Panel:
    """Two samples of one neuron on which sentences are scored.

    Attributes:
        development: lines and thresholds are fitted on it.
        sample: what is measured.
        theta: the raw activation above which the neuron fires.
        seed: of the marks for fuzzing, which are the same for every sentence.
    """

    development: StratifiedSample
    sample: StratifiedSample
    theta: float
    seed: tuple[int, ...]

    @cached_property
    def _marks(self) -> tuple[detection.Marks, detection.Marks]:
        rng = np.random.default_rng(self.seed)
        return detection.Marks.draw(self.development, self.theta, rng), detection.Marks.draw(
            self.sample, self.theta, rng
        )

    def n_excerpts(self, name: str) -> int:
        """On how many excerpts a score is measured; fuzzing has two versions of each of its own."""
        return len(self._marks[1].rows) if name.startswith("fuzzing") else len(self.sample)

    def scores(self, fitted: Levels, levels: Levels) -> dict[str, Estimate | Unscored]:
        """Every score of PROTOCOLS for a sentence that predicts `fitted` on development and `levels` on the sample."""
        if nothing := self.sample.nothing_to_resample():
            return dict.fromkeys(PROTOCOLS, nothing)
        line = Line.fit(self.development, fitted)
        if isinstance(line, Unscored):
            found: dict[str, Estimate | Unscored] = dict.fromkeys(list(PROTOCOLS)[:3], line)
        else:
            found = explained(self.sample, levels, line)
        marks_there, marks_here = self._marks
        tasks = {
            "detection": (
                detection.detection_cases(self.development, self.theta, fitted),
                detection.detection_cases(self.sample, self.theta, levels),
            ),
            "fuzzing": (
                detection.fuzzing_cases(self.development, marks_there, fitted),
                detection.fuzzing_cases(self.sample, marks_here, levels),
            ),
        }
        for name, (there, here) in tasks.items():
            threshold = detection.fit_threshold(there)
            if isinstance(threshold, Unscored):
                found[name] = threshold
            else:
                found[name] = detection.balanced_accuracy(here, threshold, self.sample.weights)
            found[f"{name}_auc"] = detection.area_under_curve(here, self.sample.weights)
        return found
