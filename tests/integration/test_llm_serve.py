"""Whole runs against a server that no one here wrote: what a small model says is noise, and none of it is a score."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from serving import served_mini

from tools.records.result import Result
from traces.events.kinds import HypothesisProposed, Note, ToolCall
from traces.events.store import load_trace

FREE = "words in the middle of a name"


@pytest.mark.parametrize("n_positions", [None, 4096], ids=["too short for a prompt", "long enough"])
def test_a_run_with_a_small_model_that_is_really_served(n_positions: int | None, tmp_path: Path) -> None:
    """Long prompts get a bare 500 from the model as it is; from the widened one comes garbage."""
    # As the default, but for its rounds: a small model takes a minute for what it has to say in each of them.
    (tmp_path / "short.toml").write_text("n_rivals = 1\nmax_rounds = 0\n", encoding="utf-8")
    with served_mini(tmp_path, n_positions=n_positions) as served:
        command = [
            sys.executable, "-m", "agent.cli", "explain", "L5N131", "--model", "mini", "--corpus-tokens", "60000",
            "--budget", "8", "--json", "--explainer", f"openai:{served.model}", "--llm-url", served.base_url,
            "--simulated-excerpts", "3", "--llm-concurrency", "2", "--rival", FREE, "--variant", "short.toml",
            "--simulation", "all-at-once",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr + served.log.read_text(errors="replace")[-2_000:]
    result = Result.model_validate_json(done.stdout)
    told: dict[str, Any] = json.loads(done.stdout)
    assert result.verdict in ("supported", "split", "unresolved", "noise")
    events = load_trace(tmp_path / result.trace).events
    origin = {event.sentence: event.origin for event in events if isinstance(event, HypothesisProposed)}
    assert "rules" in origin.values()
    assert f"openai:{served.model}" not in origin.values()
    for rival in result.rivals:
        if origin[rival.explanation] in ("rules", "reference"):
            assert rival.score.model_dump()["value"] is not None or rival.explanation == "Never fires."
        if rival.explanation == FREE:
            assert rival.status == "dropped"
            assert rival.score.model_dump()["value"] is None
            assert "could not be simulated" in rival.score.model_dump()["reason"]
    assert result.score.model_dump()["value"] is not None
    assert told["written_by"] == "rules"
    assert [event for event in events if isinstance(event, Note) and "wrote no hypothesis" in event.message]
    asked = [llm for event in events if isinstance(event, ToolCall) for llm in event.llm]
    assert {llm.role for llm in asked} >= {"explainer", "simulator"}
    if n_positions is None:
        assert any("HTTP 500" in (llm.error or "") for llm in asked)
    else:
        assert any(llm.reply for llm in asked)
        assert result.cost.tokens > 1000
    for score in (told.get("asked") or {}).values():
        assert score["value"] is None
