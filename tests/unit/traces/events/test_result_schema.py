"""The published schema of result.json, and what of a result can be read that comes from elsewhere."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from traces_samples import sample_result, sample_result_v1

from agent.cli import main
from tools.records.result import RESULT_VERSION, PartialResult, Result
from traces.events.runs import NeuronFolder
from traces.events.schema import result_schema

ROOT = Path(__file__).resolve().parents[4]
PUBLISHED = ROOT / "traces" / "result.schema.json"
OLD = sorted((ROOT / "tests" / "fixtures").glob("trace_v*/events.jsonl"))
LATER = {"new_in_a_later_version": {"n": [1, None]}}


def test_what_is_published_is_what_the_models_say(capsys: pytest.CaptureFixture[str]) -> None:
    published = PUBLISHED.read_text(encoding="utf-8")
    assert json.loads(published) == result_schema(), "run: agent trace schema --result > traces/result.schema.json"
    assert main(["trace", "schema", "--result"]) == 0
    assert capsys.readouterr().out == published


def test_every_field_is_described() -> None:
    schema = result_schema()
    assert schema["schema_version"] == RESULT_VERSION
    for name, cls in {**schema["$defs"], "Result": schema}.items():
        assert cls["description"], name
        assert [field for field, how in cls["properties"].items() if not how.get("description")] == [], name


def test_a_result_validates_and_one_that_lacks_a_field_does_not() -> None:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    told = Result.model_validate(sample_result()).to_json()
    assert list(validator.iter_errors(told)) == []
    assert list(validator.iter_errors(told | LATER))
    for field in schema["required"]:
        assert list(validator.iter_errors({name: value for name, value in told.items() if name != field})), field
    assert list(validator.iter_errors(told | {"tool_calls": "many"}))


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parent.name)
def test_results_of_older_versions_are_read_as_far_as_they_have_fields_of_today(path: Path) -> None:
    old = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["result"]
    result = Result.model_validate(old, extra="ignore")
    told, partial = result.to_json(), PartialResult.read(old)
    assert (partial.explanation, partial.score) == (result.explanation, result.score)
    old["score"].pop("random_only", None)  # of versions before it had a field of its own
    assert {name: told[name] for name in old} == old
    assert all(told[name] in (None, []) for name in told.keys() - old.keys())


def test_what_is_not_known_is_left_out() -> None:
    told = Result.model_validate(sample_result() | {"theta": 0.5, "claims": None}).to_json()
    assert told["theta"] == 0.5
    assert not {"claims", "causal", "llm"} & told.keys()


def later() -> dict[str, Any]:
    """A result with fields that no class of this version names, at several depths."""
    found = sample_result() | LATER
    for part in (found["score"], found["corpus"], found["examples"][0], found["baselines"]["null"]):
        part |= LATER
    return found


def test_what_is_written_has_no_unknown_field() -> None:
    with pytest.raises(ValidationError, match="new_in_a_later_version"):
        Result.model_validate(sample_result() | LATER)
    for name in ("score", "corpus", "baselines"):
        with pytest.raises(ValidationError, match="new_in_a_later_version"):
            Result.model_validate(sample_result() | {name: later()[name]})
    with pytest.raises(ValidationError, match="surprise"):
        PartialResult(surprise=1)


def test_what_is_read_may_have_unknown_fields_and_they_are_dropped(tmp_path: Path) -> None:
    today = Result.model_validate(sample_result())
    folder = NeuronFolder(tmp_path)
    folder.result.write_text(json.dumps(later()), encoding="utf-8")
    assert folder.read_result() == today
    assert PartialResult.read(later()) == PartialResult.read(sample_result())
    assert PartialResult.read(later()).known() == {k: v for k, v in dict(today).items() if v is not None}
    assert json.loads(folder.result.read_text(encoding="utf-8")) == later()


def test_more_is_added_and_checked() -> None:
    result = Result.model_validate(sample_result() | {"theta": 0.5})
    more = result.with_more(PartialResult(tool_calls=7, reason="because"))
    assert (more.tool_calls, more.reason, more.theta, more.verdict) == (7, "because", 0.5, "supported")
    with pytest.raises(ValueError, match="verdict"):
        result.with_more(PartialResult(verdict="odd"))


@pytest.mark.parametrize("odd", [None, 7, "x", [1], {}, {1: 2}, {"a": math.nan}, {"score": 3, "seed": "no", "b": 1}])
def test_of_what_is_no_result_nothing_is_read(odd: Any) -> None:
    found = PartialResult.read(odd)
    assert found.known() == {}


def test_one_field_that_cannot_be_read_costs_nothing_else() -> None:
    plain = sample_result_v1()
    for name in plain:
        found = PartialResult.read(plain | {name: [[object()]]})
        assert getattr(found, name) is None
        assert found.known() == {k: v for k, v in PartialResult.read(plain).known().items() if k != name}
