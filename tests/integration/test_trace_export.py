"""A whole run with a scripted LLM, as others read it: by the published schema, and as a log of Inspect."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from scripted_llm import MODULE, TRUTH, Run, script, scripted_llm

from agent.cli import main
from traces.events.kinds import PredictionsRegistered, Scored, ToolCall
from traces.events.runs import RunFolder
from traces.events.schema import event_schema


@pytest.fixture(scope="module")
def runs(world: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("plants")
    (folder / "export_plants.py").write_text(MODULE, encoding="utf-8")
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, scripted_llm(script()) as server:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        patch.syspath_prepend(folder)
        run = Run(
            server, runs, model=str(world.model), corpus=str(world.corpus), corpus_tokens=30_000, seed=3,
            planted=["export_plants:parity"], budget=12, explainer="openai:fake",
        )  # fmt: skip
    return run, runs


def test_every_line_of_a_run_validates(runs: tuple[Run, Path]) -> None:
    validator = Draft202012Validator(event_schema())
    (neuron,) = RunFolder.find(runs[1], "last").neurons()
    lines = [json.loads(line) for line in neuron.events.read_bytes().splitlines()]
    assert len(lines) == len(runs[0].events)
    assert any(line.get("llm") for line in lines)
    for line in lines:
        validator.validate(line)


@pytest.mark.skipif(
    importlib.util.find_spec("inspect_ai") is None,
    reason="Inspect is not installed: pip install -c constraints.txt -e '.[inspect]'",
)
@pytest.mark.parametrize("name", ["run.eval", "run.json"])
def test_inspect_reads_what_the_trace_says(name: str, runs: tuple[Run, Path], tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log

    run, folder = runs
    assert main(["trace", "export", "last", str(tmp_path / name), "--runs-dir", str(folder)]) == 0
    log = read_eval_log(str(tmp_path / name), resolve_attachments=True)
    (sample,) = log.samples
    assert log.status == "success"
    assert log.eval.model == "openai/fake"
    assert sample.output.completion == TRUTH

    def count(kind: str) -> int:
        return sum(event.event == kind for event in sample.events)

    models = [event for event in sample.events if event.event == "model"]
    assert [(m.role, m.input[0].text, m.output.completion) for m in models] == [
        (llm.role, llm.question, llm.reply) for _, llm in run.asked()
    ]
    assert count("tool") == len(run.of(ToolCall))
    assert sum(e.event == "score" and e.intermediate for e in sample.events) == len(run.of(Scored))
    predictions = [e.data for e in sample.events if e.event == "info" and e.source == "prediction"]
    assert [p["sha256"] for p in predictions] == [e.sha256 for e in run.of(PredictionsRegistered)]
    assert sample.scores["sealed"].value == run.told["score"]["value"]
    told = run.told["llm"]["by_role"]
    assert {role: usage.input_tokens for role, usage in log.stats.role_usage.items()} == {
        role: spent["input_tokens"] for role, spent in told.items()
    }
