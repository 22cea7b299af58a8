"""A paused run, continued from its page in the review app."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.graph.steering import Absent, Waiting
from traces.events.kinds import PersonActed, SealedOpened

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from review_samples import Client, serving


def asked(app: Client, url: str, wanted: str) -> str:
    """The run's page, once it says something."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        text = app.get(url).text
        if "It is running" not in text:
            assert wanted in text, text
            return text
        time.sleep(0.3)
    raise AssertionError("it never asks")


def test_a_run_is_steered_from_its_page(world: Any, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(Waiting):
        agent.explain(
            "L1N3", model=str(world.model), corpus=str(world.corpus), corpus_tokens=30_000, seed=3, budget=2,
            runs_dir=runs, person=Absent(["confirm"]),
        )  # fmt: skip
    (folder,) = runs.glob("*/neurons/*")
    url = f"/runs/{folder.parts[-3]}/{folder.name}"
    with serving(runs) as app:
        first = app.get(url)
        assert "This run is paused" in first.text
        assert "refresh" not in first.headers
        refused = app.post(f"{url}/steer", {"action": "shout"})
        assert refused.status == 400
        assert "Not done: action" in refused.text

        assert app.post(f"{url}/steer", {}).status == 303
        asked(app, url, "2 of 2 units are used")
        assert not any(isinstance(e, SealedOpened) for e in agent.load_trace("last", runs_dir=runs).events)
        app.post(f"{url}/steer", {"action": "drop", "hypothesis": "H1"})
        asked(app, url, "H1 competes no more")
        app.post(f"{url}/steer", {"action": "go"})
        done = asked(app, url, "What a person did")
        assert "This run is paused" not in done
        late = app.post(f"{url}/steer", {"action": "go"})
        assert late.status == 400
        assert "this run is not paused" in late.text
    events = agent.load_trace("last", runs_dir=runs).events
    assert events[-1].type == "finished"
    assert [event.action for event in events if isinstance(event, PersonActed)] == ["drop", "go"]


@pytest.mark.parametrize(
    "setting", [{"explainer": "openai:m"}, {"planted": ["os:system"]}, {"trust_remote_code": True}]
)
def test_what_is_not_done_from_a_page(setting: dict[str, Any]) -> None:
    from agent.review.addresses import Address
    from agent.review.paused_runs import Steerer
    from agent.review.runs import NeuronRun
    from tools.errors import BadInput

    seen = NeuronRun(Address("r", "mini.L0N0"), "mini", "L0N0", None, {"config": setting}, None, "")
    with pytest.raises(BadInput, match="which a page does not do: `agent resume r`"):
        Steerer(Path()).act(seen, {"action": "go"})
