"""Whole runs in which lexical twins stand for what a scripted LLM writes, until the loop is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_llm import Run, Script, kind_of, planted, scripted_llm

from agent.setup.config import MOST_FINALISTS
from tools.records.hypothesis import NOT_READ
from tools.records.result import Unscored
from traces.events.kinds import Note, Stage

SETTINGS = {"variant": "twins"}
MODULE = '''
def half(tokens):
    """Fires at the end of common words of code after an even number of spaces, which no rule can say."""
    texts = ["".join(tokens[:k + 1]) for k in range(len(tokens))]
    words = ("self", "return", "def", "if", "in", "for", "is", "not", "the", "and", "of", "to")
    return [4.0 if text.endswith(words) and text.count(" ") % 2 == 0 else 0.0 for text in texts]
'''
COMMON = ("self", "return", "def", "if", "in", "for", "is", "not", "the", "and", "of", "to")
TRUTH = "common short words of code after an even number of spaces"
WRONG = "the keyword import"
WORDS = {TRUTH: list(COMMON), WRONG: ["import"]}


def script(**more: Any) -> Script:
    """The LLM that writes both, and reads them rightly."""
    said = [(TRUTH, "context"), (WRONG, "token")]
    return Script(**({"level": truth, "hypotheses": said, "words": WORDS} | more))


def truth(explanation: str, tokens: tuple[str, ...]) -> int:
    """What an LLM says that understands each explanation."""
    text = "".join(tokens)
    if explanation == TRUTH:
        return 9 if text.endswith(COMMON) and text.count(" ") % 2 == 0 else 0
    return 9 if text.endswith(explanation.rpartition(" ")[2]) else 0


@pytest.fixture(scope="module")
def base(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Settings of a run on a planted neuron, and where such a neuron is found."""
    with planted(world, tmp_path_factory, "half", MODULE) as settings:
        yield settings | {"budget": 12, "explainer": "openai:fake"}


@pytest.fixture(scope="module")
def run(base: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    with scripted_llm(script()) as server:
        return Run(server, tmp_path_factory.mktemp("runs"), **base, **SETTINGS)


def test_nothing_is_read_before_the_loop_is_over(run: Run) -> None:
    (over,) = [event.seq for event in run.of(Stage) if event.stage == "confirm"]
    read = [call for call, llm in run.asked() if llm.role == "simulator"]
    assert read
    assert all(call.seq > over for call in read)


def test_what_is_right_wins_by_its_reading_and_not_by_its_twins(run: Run) -> None:
    assert run.result.explanation == TRUTH
    assert run.result.reader == "openai:fake"
    (twin,) = [rival for rival in run.result.rivals if rival.form == "lexical twin"]
    score, own = twin.score, run.rival(TRUTH).score
    assert not isinstance(score, Unscored)
    assert not isinstance(own, Unscored)
    assert own.value > score.value
    assert "explainer-short/3" not in {llm.prompt for _, llm in run.asked()}  # the null is made of rules


def test_tests_of_a_twin_that_says_something_else_are_no_tests_of_the_winner(run: Run) -> None:
    """The twin predicts firing at every such word; the explanation at half of them."""
    notes = [event.message for event in run.of(Note) if "is no test of" in event.message]
    assert any(run.rival(TRUTH).name in note for note in notes)
    assert run.result.registered is not None
    assert run.result.registered.chosen == []


def test_who_is_not_read_cannot_win(base: dict[str, Any], tmp_path: Path) -> None:
    """Of eight rivals four are simulated, once; the others have no score."""
    others_of_self = ("return", "def", "if", "in", "for", "to", "is", "not")
    said = {f"the words self and {word}": ["self", word] for word in others_of_self}

    left = list(said)

    def others(body: dict[str, Any]) -> str | None:
        """Each time two that were not said before, and at first four."""
        if kind_of(body) not in ("explainer", "reviser"):
            return None
        now = [left.pop(0) for _ in range(4 if kind_of(body) == "explainer" else 2)]
        found = [{"explanation": e, "label": e, "form": "token", "words": said[e], "texts": []} for e in now]
        return json.dumps({"hypotheses": found})

    with scripted_llm(script(words=said, override=others)) as server:
        run = Run(server, tmp_path, **base | {"budget": 20}, **SETTINGS)
    unread = [rival for rival in run.result.rivals if rival.score == NOT_READ]
    assert len(unread) == len(said) - MOST_FINALISTS
    assert all(rival.status != "winner" for rival in unread)
    first, *more = run.calls("score_finalists")
    assert not more
    assert "simulator-rivals" in {llm.prompt.partition("/")[0] for llm in first.llm}
