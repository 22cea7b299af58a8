"""A class that is too wide is narrowed by experiments on members that nobody saw, and the trace says so."""

from pathlib import Path

import numpy as np
import pytest

import agent
from agent.cli import main
from traces.events.kinds import Decided, ExperimentsDesigned, HypothesisProposed
from traces.events.store import load_trace

FUNCTION = """
from tools.concepts.words import words_of

def fires(tokens):
    out = [0.0] * len(tokens)
    for word in words_of(tokens):
        if word.text in ("walk", "run"):
            out[word.last] = 0.6 + word.last * 7 % 5 / 5  # no sentence tells all of it
    return out
"""
VERBS = [
    "walk", "run", "sing", "read", "sleep", "cook", "dance", "swim", "draw", "write", "play", "laugh", "talk", "wait",
    "listen", "travel", "climb", "paint",
]  # fmt: skip
PLACES = ["house", "river", "school", "market", "garden", "station", "church", "bridge", "field", "forest"]
BEFORE, BESIDE = ["want to", "often", "never", "may", "like to"], ["near", "behind", "by", "at"]
PEOPLE = ["boys", "women", "people", "friends", "teachers", "men", "neighbours", "others"]


@pytest.fixture
def corpus() -> Path:
    rng = np.random.default_rng(0)
    folder = Path("texts")
    folder.mkdir()
    for number in range(240):
        told = [
            f"{rng.integers(20, 999)} {rng.choice(PEOPLE)} {rng.choice(BEFORE)} {rng.choice(VERBS)} "
            f"{rng.choice(BESIDE)} the {rng.choice(PLACES)}."
            for _ in range(24)
        ]
        (folder / f"{number:03d}.txt").write_text(" ".join(told))
    return folder


def test_verbs_become_the_few_that_fire(corpus, monkeypatch, capsys):
    Path("two_verbs.py").write_text(FUNCTION)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    agent.explain(
        "L0N0", model="mini", corpus=str(corpus), planted=["two_verbs:fires"], rivals=["Fires on verbs."], budget=9,
        index="none",
    )  # fmt: skip
    (path,) = Path("runs").glob("*/neurons/*/events.jsonl")
    events = load_trace(path).events
    first = next(e for e in events if isinstance(e, ExperimentsDesigned))
    about = [e for e in first.experiments if e.generator == "unseen_member"]
    assert 5 * len(about) >= len(first.experiments)
    assert any(e.expectations.about == "verbs" for e in about)
    narrowed = [e for e in events if isinstance(e, Decided) and e.action == "narrow"]
    told = next(e for e in narrowed if e.reason.startswith('H1\'s "verbs" did not hold for unseen members (0 of '))
    assert "narrowed to" in told.reason
    sentences = {e.hypothesis: e.sentence for e in events if isinstance(e, HypothesisProposed)}
    assert told.hypothesis is not None
    assert {'"run"', '"walk"'} <= set(sentences[told.hypothesis].rstrip(".").split())
    capsys.readouterr()
    assert main(["trace", "show", "last"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "did not hold for unseen members" in shown
    assert "unseen member " in shown
