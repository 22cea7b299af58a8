"""Trying a text: a small real model with planted weights, read by the app and by `agent.setup.activations` alike."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from review_samples import make_run, result_of, run_id_of, serving

from agent.review.try_text import LONGEST_TEXT, LiveReader
from agent.setup.activations import read
from agent.setup.subjects import open_model
from tools.errors import BadInput, NotAvailable
from tools.records.result import PartialResult
from tools.records.simulated_excerpts import SimulatedExcerpts
from tools.subject.planted import PlantedModel
from traces.analysis.story import Story
from traces.text.console import QuietDisplay

TEXT = "import os\nfrom spam import eggs"


@pytest.fixture(scope="module")
def reader() -> LiveReader:
    return LiveReader()


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    subject = open_model("mini", (), QuietDisplay())
    return {
        "config": {"target": "L5N131", "model": "mini", "planted": []},
        "model": {"name": "mini", "fingerprint": subject.fingerprint},
    }


def story(explanation: str | None = "Fires on `␣import`, `import` (10); everywhere (-1).", **changes: Any) -> Story:
    made = Story(Path("none"), "finished", theta=0.5)
    made.result = PartialResult(explanation=explanation, simulator="rules")
    made.shown = SimulatedExcerpts(slope=0.25, intercept=-0.1)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_it_reads_what_agent_read_reads(reader: LiveReader, manifest: dict[str, Any]) -> None:
    tried, known = reader.read(story(), manifest, TEXT), read("L5N131", TEXT, model="mini")
    assert [token.text for token in tried.tokens] == known.tokens
    assert [token.value for token in tried.tokens] == known.values
    assert [token.fired for token in tried.tokens] == [value > 0.5 for value in known.values]
    assert (tried.model, tried.neuron) == ("mini", "L5N131")


def test_it_predicts_by_the_line_of_the_run(reader: LiveReader, manifest: dict[str, Any]) -> None:
    tried = reader.read(story(), manifest, TEXT)
    levels = {token.text: token.level for token in tried.tokens}
    assert levels["import"] == 9
    assert levels[" os"] == 0
    assert {token.text: token.predicted for token in tried.tokens}["import"] == pytest.approx(0.25 * 9 - 0.1)
    assert {token.probability for token in tried.tokens} == {None}
    assert tried.highest == max(*(token.value for token in tried.tokens), 0.25 * 9 - 0.1)
    assert tried.correlation == pytest.approx(
        np.corrcoef([t.value for t in tried.tokens], [t.level or 0 for t in tried.tokens])[0, 1]
    )


def test_a_text_on_which_nothing_fires_is_not_shown_as_strong(reader: LiveReader, manifest: dict[str, Any]) -> None:
    tried = replace(reader.read(story(), manifest, TEXT), theta=1000.0)
    assert tried.highest == 1000.0


def test_what_is_missing_is_said_and_not_made_up(reader: LiveReader, manifest: dict[str, Any]) -> None:
    def notes(of: Story) -> str:
        tried = reader.read(of, manifest, TEXT)
        assert all(token.predicted is None for token in tried.tokens)
        return " ".join(tried.notes)

    assert "which raw value a level stands for" in notes(story(shown=SimulatedExcerpts()))
    assert "no explanation, so nothing is predicted" in notes(story(None))
    assert "no result yet" in notes(story(None, state="running", result=PartialResult()))
    assert "only an LLM can simulate" in notes(story("Words about imports in Python."))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty"),
        ("x" * (LONGEST_TEXT + 1), "the text has 4,001 characters: at most 4,000"),
        ("a \ud800", "half of a character"),
        ("a b " * 900, "tokens"),
    ],
)
def test_a_text_that_cannot_be_read_is_said(reader: LiveReader, manifest: dict[str, Any], text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        reader.read(story(), manifest, text)


def test_another_model_than_the_runs_is_not_read(reader: LiveReader, manifest: dict[str, Any]) -> None:
    other = {**manifest, "model": {"name": "mini", "fingerprint": "another"}}
    with pytest.raises(BadInput, match="the fingerprints differ"):
        reader.read(story(), other, TEXT)
    with pytest.raises(BadInput, match="does not say which model"):
        reader.read(story(), {}, TEXT)


def test_a_model_that_is_not_here_is_not_fetched(reader: LiveReader, manifest: dict[str, Any]) -> None:
    config = {**manifest["config"], "model": "somebody/some-model"}
    with pytest.raises(NotAvailable, match="the model somebody/some-model is not on this machine"):
        reader.read(story(), {**manifest, "config": config}, TEXT)


def test_code_that_a_run_names_is_not_run(reader: LiveReader, manifest: dict[str, Any]) -> None:
    config = {**manifest["config"], "target": "L0N0", "planted": ["antigravity:fly"]}
    with pytest.raises(BadInput, match="this neuron is the function antigravity:fly, which is not part of"):
        reader.read(story(), {**manifest, "config": config}, TEXT)


def test_over_http(tmp_path: Path, reader: LiveReader) -> None:
    make_run(tmp_path, result_of(1))
    with serving(tmp_path, reader) as app:
        place = f"/runs/{run_id_of(1)}/mini.L5N131"
        reply = app.post(f"{place}/try", {"text": "a\r\nb"})
        assert reply.status == 400
        assert "the fingerprints differ" in reply.text
        assert "a\nb</textarea>" in reply.text
        part = app.post(f"{place}/try", {"text": ""}, x_part="1")
        assert (part.status, "<html" in part.text, "the text is empty" in part.text) == (400, False, True)


def test_a_planted_neuron_of_this_program_is_read_too(reader: LiveReader) -> None:
    entry = "evals.planted.lexical:is_capitalised"
    subject = PlantedModel(open_model("mini", (), QuietDisplay()), (entry,))
    about = {
        "config": {"target": "L0N0", "model": "mini", "planted": [entry]},
        "model": {"name": "mini", "fingerprint": subject.fingerprint},
    }
    tried = reader.read(story(), about, TEXT)
    assert tried.neuron == "L0N0"
    assert len(tried.tokens) == len(read("L5N131", TEXT, model="mini").tokens)
