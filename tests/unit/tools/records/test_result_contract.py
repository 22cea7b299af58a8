"""What a result must be: version 2 holds its explanation to the contract, and version 1 is read as it is."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError
from traces_samples import sample_result

from tools.records.result import Result, StopReason

LONG = "Fires on " + ", ".join(f"`w{i}`" for i in range(30)) + " (5)."
OLD = Path(__file__).parents[3] / "fixtures" / "trace_v3" / "events.jsonl"


def test_a_result_says_what_a_person_needs() -> None:
    result = Result.model_validate(sample_result())
    assert (result.schema_version, result.label, result.reader) == (2, "imports", "lexical")
    assert [example.level for example in result.examples] == ["top", "middle", "weak"]
    assert result.predictor is not None
    assert result.to_json() | sample_result() == result.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"explanation": LONG}, "is no explanation: it has 33 words, and an explanation has at most 25"),
        ({"explanation": LONG[:60]}, "is no explanation: it quotes"),
        ({"label": None}, "a label has 1 to 6 words"),
        ({"label": "one two three four five six seven"}, "'one two three four five six seven' has 7"),
        ({"reader": None}, "who read it"),
        ({"examples": [sample_result()["examples"][0]] * 6}, "at most 5"),
        ({"examples": [sample_result()["examples"][0] | {"fires": [True]}]}, "as many values and marks as tokens"),
        ({"schema_version": 3}, "schema_version"),
    ],
)
def test_what_breaks_the_contract_is_refused_by_name(change, message) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        Result.model_validate(sample_result() | change)


def test_no_explanation_needs_no_label() -> None:
    nothing = {"explanation": None, "label": None, "reader": None, "examples": [], "predictor": None}
    assert Result.model_validate(sample_result() | nothing).explanation is None


def test_results_of_version_1_are_read_as_they_are() -> None:
    *_, last = OLD.read_text(encoding="utf-8").splitlines()
    old = json.loads(last)["result"]
    result = Result.model_validate(old)
    assert (result.schema_version, result.explanation) == (1, old["explanation"])
    assert (result.label, result.reader, result.predictor, result.examples) == (None, None, None, [])
    long = {**sample_result(), "schema_version": 1, "explanation": LONG}
    assert Result.model_validate(long).explanation == LONG


def test_a_loop_ends_for_one_of_the_reasons_that_exist() -> None:
    for reason in get_args(StopReason):
        assert Result.model_validate(sample_result() | {"stop_reason": reason}).to_json()["stop_reason"] == reason
    with pytest.raises(ValidationError, match="stop_reason"):
        Result.model_validate(sample_result() | {"stop_reason": "error"})
