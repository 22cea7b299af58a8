"""Causal evidence in words."""

from typing import Any

from tools.records.effects import CausalFindings
from traces.text.causal import causal_details, causal_lines

TIMES = {"value": 0.5, "low": 0.25, "high": 0.75}
SCORE = TIMES | {"protocol": "p", "split": "sealed", "n_excerpts": 9}


def evidence(**output: Any) -> CausalFindings:
    sides = {"promoted": [[" a", 0.5], ["\n", 0.4]], "suppressed": [["c", -1.0]], "claimed": [" a", "\n"]}
    found = {
        "ablation_score": SCORE,
        "to_mean": 2e-4,
        "to_simulation": 1e-4,
        "beside_peers": {"divergence": 3e-3, "peers": {"7": 1e-3, "9": 2e-3}, "times": TIMES, "above": 2},
        "output": sides | {"test": SCORE | {"ahead": 0.95}} | output,
    }
    return CausalFindings.model_validate(found)


def test_a_claim_that_holds_and_one_that_does_not() -> None:
    held = evidence(holds=True, sentence="It pushes the model towards `␣a`, `\\n`.")
    assert list(causal_lines(held)) == [
        "ablation score (the explanation in the neuron's place): 0.500 [0.250, 0.750]",
        "where it fires, ablating it changes the output 0.500 [0.250, 0.750] times as much as the median of 2 neurons "
        "that fire like it",
        "It pushes the model towards `␣a`, `\\n`. Where it fires they gain 0.500 [0.250, 0.750] nats on tokens as "
        "frequent.",
    ]
    failed = evidence(holds=False, sentence=None)
    assert list(causal_lines(failed))[-1] == (
        "that it pushes the model towards `␣a`, `⏎` did not hold: 0.500 [0.250, 0.750] nats beside tokens as frequent"
    )
    assert list(causal_details(held)) == [
        "divergence 1.00e-04 nats a token with the explanation in its place, 2.00e-04 with its mean",
        "set to its mean where it fires: 3.00e-03 nats; other neurons of the layer: 7 1.00e-03, 9 2.00e-03",
        "output weights favour `␣a`, `⏎`",
        "output weights disfavour `c`",
    ]


def test_reasons_are_said_once() -> None:
    why = {"value": None, "reason": "it cannot be ablated."}
    plain = {"ablation_score": why, "beside_peers": why, "output": {"test": why, "holds": False}}
    nothing = CausalFindings.model_validate(plain)
    assert list(causal_lines(nothing)) == ["causal evidence: no score (it cannot be ablated.)"]
    assert list(causal_details(nothing)) == []
    other = CausalFindings.model_validate(plain | {"ablation_score": SCORE})
    assert list(causal_lines(other))[1:] == [
        "beside neurons that fire like it: no score (it cannot be ablated.)",
        "its output effect is unknown: no score (it cannot be ablated.)",
    ]
