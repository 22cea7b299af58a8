"""The predictor's score in a cell: of a result that names one, and of one that does not."""

from typing import Any

import pytest

from evals.worker import predictor_score
from tools.records.result import Result

RESULT: dict[str, Any] = {
    "schema_version": 1, "run_id": "r", "model": "m", "neuron": "L0N0", "verdict": "supported",
    "explanation": "Fires on b.",
    "stop_reason": "budget", "score": {"reason": "none"}, "development_score": {"reason": "none"},
    "baselines": {name: {"reason": "none"} for name in ("token_lookup_30", "token_lookup_full", "null")},
    "budget": {"limit": 1, "used": 1}, "seconds": 1.0, "rivals": [], "explainer": "rules", "simulator": "rules",
    "variant": "v", "seed": 0, "corpus": {"name": "c", "fingerprint": "f"}, "trace": "t",
}  # fmt: skip
SCORE = {"value": 0.5, "low": 0.4, "high": 0.6, "protocol": "p", "split": "sealed", "n_excerpts": 201, "n_unscored": 0}


@pytest.mark.parametrize(
    ("predictor", "score"), [({"sentence": "s", "score": SCORE, "development_score": SCORE}, SCORE), (None, None)]
)
def test_the_score_of_the_predictor(predictor: Any, score: Any) -> None:
    more = {} if predictor is None else {"predictor": predictor}
    assert predictor_score(Result.model_validate(RESULT | more)) == score
