"""The tool that finds the predictor: the best machine-readable rule of any form, a reference that never competes."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tools.catalogue.scores import PROTOCOL, correlated
from tools.errors import NothingWritten
from tools.records.result import ScoreValue, Unscored
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

_FORMS = 4


class FindPredictor(Arguments):
    """`candidates`: rules that were written and may not compete, tried beside those that are learnt here."""

    candidates: list[str] = Field(default_factory=list)


class FoundPredictor(Outcome):
    """The rule with the best development score, of `n_tried`; None where none could be scored."""

    sentence: str | None
    development: ScoreValue | Unscored
    n_tried: int


def predictor_tools(study: Study) -> list[Tool[FindPredictor, FoundPredictor]]:
    """`predictor`, bound to one neuron."""

    def predictor(arguments: FindPredictor, rng: np.random.Generator) -> FoundPredictor:
        tried = dict.fromkeys([*arguments.candidates, *learnt(rng)])
        sentences = [sentence for sentence in tried if study.simulations.is_exact(sentence)]
        scores = {one: correlated(study, one, study.development, "development", PROTOCOL) for one in sentences}
        known = {one: score for one, score in scores.items() if isinstance(score, ScoreValue)}
        if not known:
            reason = "no rule could be scored on development text" if sentences else "there is no rule to score"
            return FoundPredictor(sentence=None, development=Unscored(reason=reason), n_tried=len(sentences))
        best = max(known, key=lambda one: known[one].value)
        return FoundPredictor(sentence=best, development=known[best], n_tried=len(sentences))

    def learnt(rng: np.random.Generator) -> list[str]:
        size = study.stratum_of(len(study.evidence.explore))
        found: list[str] = []
        for explainer in study.predictors:
            try:
                found += [p.sentence for p in explainer.propose(study.evidence.explore, size, rng, _FORMS)]
            except NothingWritten:  # a predictor is a reference: without it the run goes on
                continue
        return [*found, study.lookup_sentence] if study.predictors and study.lookup_sentence else found

    return [
        Tool(
            "predictor", "The best machine-readable rule of any form, for reference.",
            FindPredictor, FoundPredictor, predictor, charged=False,
        )
    ]  # fmt: skip
