"""One whole run on a small model: what must stand in the trace, in which order, and what must not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import agent
from agent.graph.verdict import NOTHING
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from tools.errors import BadInput
from tools.experiments.registry import GENERATORS
from tools.readable import contract
from tools.records.result import Result, ScoreValue, Unscored
from tools.study.study import Study
from traces.events.canonical import canonical
from traces.events.kinds import (
    Decided,
    Event,
    ExperimentsDesigned,
    Finished,
    Gathered,
    HypothesisProposed,
    PredictionsRegistered,
    PredictionsScored,
    ReadingsRevealed,
    SealedOpened,
    Stage,
    ToolCall,
    without_clock,
)
from traces.text.console import QuietDisplay

TARGET, TOKENS, BUDGET, SEED = "L1N3", 30_000, 10, 3
FREE = (
    "gather", "lookup", "predictor", "null", "confirm", "examples", "design_probe_set",
    "read_probe_set", "design_probe_pairs", "read_probe_pairs", "predict_before", "agreement", "meanings",
    "claim_output", "causal_check", "which_tested",
)  # fmt: skip
OWN = "Fires on `e` (4); on `B` (9)."


def settings(world: Any) -> dict[str, Any]:
    return {"model": str(world.model), "corpus": str(world.corpus), "corpus_tokens": TOKENS, "seed": SEED}


class Run:
    """A finished run, with its study opened anew to know what the run was not allowed to tell."""

    def __init__(self, world: Any, runs: Path) -> None:
        self.result: Result = agent.explain(TARGET, **settings(world), budget=BUDGET, rivals=[OWN], runs_dir=runs)
        self.runs = runs
        self.events: list[Event] = agent.load_trace("last", runs_dir=runs).events
        self.study: Study = open_study(RunConfig(target=TARGET, **settings(world)), QuietDisplay())

    @property
    def theta_of_result(self) -> float:
        return float(self.result.model_dump()["theta"])

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def registered(self) -> list[PredictionsRegistered]:
        """Predictions of what is read; those of texts before a change have names of their own."""
        return [e for e in self.of(PredictionsRegistered) if not e.experiment_ids[0].endswith("-before")]

    def calls(self, tool: str) -> list[ToolCall]:
        return [call for call in self.of(ToolCall) if call.tool == tool]


@pytest.fixture(scope="module")
def run(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        return Run(world, tmp_path_factory.mktemp("runs"))


def test_stages_in_order(run: Run) -> None:
    stages = [event.stage for event in run.of(Stage)]
    test = "design predict measure"
    # Rounds, then rounds of a winner that was hardly tested, in which nothing is written.
    rounds = rf"({test} propose judge )+({test} judge )*({test} )?"
    assert re.fullmatch(rf"gather propose {rounds}confirm causal", " ".join(stages))
    assert run.events[0].type == "run_started"
    assert run.events[-1].type == "finished"


def test_predictions_stand_before_readings(run: Run) -> None:
    at = {id(event): i for i, event in enumerate(run.events)}
    for designed, registered, read, revealed in zip(
        run.of(ExperimentsDesigned), run.registered(), run.calls("read_activations"),
        run.of(ReadingsRevealed), strict=True,
    ):  # fmt: skip
        order = [at[id(event)] for event in (designed, registered, read, revealed)]
        assert order == sorted(order)
        assert [e.id for e in designed.experiments] == registered.experiment_ids == revealed.experiment_ids
        competing = set(registered.predictions)
        assert {"base-rate", "token-lookup-30"} < competing
        assert len(competing) >= 5
        for given in registered.predictions.values():
            assert min(given) >= 0.02
            assert max(given) <= 0.98


def test_what_is_said_of_a_text_before_its_change_stands_before_the_reading(run: Run) -> None:
    before = [e for e in run.of(PredictionsRegistered) if e not in run.registered()]
    assert before
    for said in before:
        read = min(e.seq for e in run.of(ReadingsRevealed) if e.round == said.round)
        (designed,) = [e for e in run.of(ExperimentsDesigned) if e.round == said.round]
        assert said.seq < read
        edits = {f"{e.id}-before" for e in designed.experiments if e.expectations.before_the_change is not None}
        assert set(said.experiment_ids) <= edits


def test_what_an_edit_changed(run: Run) -> None:
    """With the change undone the neuron gives what it is said to have given before it."""
    ids = run.study.vocabulary.ids
    n_checked = 0
    for designed in run.of(ExperimentsDesigned):
        for planned in designed.experiments:
            change = planned.expectations.change
            assert change or planned.generator != "minimal_pair"
            if change is None or planned.expectations.before_the_change is None:
                continue
            at, added = change.at, change.added
            assert planned.tokens[at : at + len(added)] == added != change.removed
            before = [*planned.tokens[:at], *change.removed, *planned.tokens[at + len(added) :]]
            (values,) = run.study.read([tuple(ids[token] for token in before)])
            assert values[-1] == pytest.approx(planned.expectations.before_the_change, abs=1e-3)
            n_checked += 1
    assert n_checked > 10


def test_which_parts_of_the_explanation_were_tested(run: Run) -> None:
    """No part is tested more often than anything was registered, and the result says what the tool said."""
    (call,) = run.calls("which_tested")
    told = run.result.to_json()
    assert told["claims"] == call.result["claims"]
    assert told["tool_calls"] == len(run.of(ToolCall))
    registered = told["registered"]["chosen"] + told["registered"]["probe"]
    assert len(call.arguments["tried"]) == len(registered)
    right = sum((p >= 0.5) == fired for p, fired in registered)
    assert sum(one["came_true"] for one in call.arguments["tried"]) == right
    clauses = [claim["clause"] for claim in told["claims"] if claim["token"] is None]
    understood = run.study.readable(told["explanation"])
    assert understood is not None
    assert len(clauses) == len(understood[0].items)
    for claim in told["claims"]:
        assert claim["right"] <= right
        assert claim["wrong"] <= len(registered) - right


def test_every_hypothesis_is_scored_by_what_it_predicted(run: Run) -> None:
    registered: dict[str, int] = {}
    for said in run.registered():
        for name, given in said.predictions.items():
            registered[name] = registered.get(name, 0) + len(given)
    scored = {(e.hypothesis, e.experiments): e.scores for e in run.of(PredictionsScored)}
    assert {name for name, _ in scored} == set(registered)
    for name, n in registered.items():
        assert n == sum(scored[name, which]["n"] for which in ("chosen", "probe") if (name, which) in scored)
        chosen = scored[name, "chosen"]
        assert sum(b["n"] for b in chosen["calibration"]) == chosen["n"]
    (winner,) = [r.model_dump(mode="json") for r in run.result.rivals if r.status == "winner"]
    assert winner["predictions"]["chosen"] == scored[winner["name"], "chosen"]


def test_texts_are_new_and_of_every_kind(run: Run) -> None:
    seen: set[tuple[str, ...]] = set()
    for designed in run.of(ExperimentsDesigned):
        texts = [tuple(e.tokens) for e in designed.experiments]
        assert len(set(texts)) == len(texts) <= 64
        assert not seen & set(texts)
        seen |= set(texts)
        assert {e.generator for e in designed.experiments} <= set(GENERATORS)
        assert all(e.position == len(e.tokens) - 1 for e in designed.experiments)
    kinds = {e.generator for designed in run.of(ExperimentsDesigned) for e in designed.experiments}
    assert {"minimal_pair", "vocabulary_sweep", "sampled"} <= kinds  # retrieval, where the rivals disagree on a text


def test_readings_are_the_neurons(run: Run) -> None:
    """The value revealed for a text is what the model gives on that text alone."""
    study = run.study
    neuron = study.evidence.neuron
    (gathered,) = run.of(Gathered)
    for call, revealed in zip(run.calls("read_activations"), run.of(ReadingsRevealed), strict=True):
        for text, value, fired in list(zip(call.arguments["texts"], revealed.values, revealed.fired, strict=True))[::9]:
            inputs = study.subject.mlp_input(np.array([text], np.int32), np.array([len(text)]), neuron.layer)
            alone = study.subject.neuron_values(inputs, neuron.layer, neuron.index)[0, -1]
            assert value == pytest.approx(float(alone), abs=2e-5)
            assert fired == (value > gathered.theta)


def test_the_sealed_split_is_opened_once_at_the_end(run: Run) -> None:
    (opened,) = run.of(SealedOpened)
    (confirmed,) = run.calls("confirm")
    *_, stop = [event for event in run.of(Decided) if event.action == "stop"]
    assert stop.seq < opened.seq < confirmed.seq
    assert (opened.fold, opened.opening, opened.reused) == (0, 1, False)
    for event in run.events:
        if event.seq < opened.seq and event.type not in ("run_started", "gathered"):
            assert "sealed" not in json.dumps(event.model_dump(mode="json")).replace("sealed_sizes", "")


def test_nothing_about_probe_or_sealed_text_is_told_too_early(run: Run) -> None:
    """No result before confirmation holds a number that is the neuron's value on probe or sealed text."""
    from tools.evidence.neurons.scan import _part_values

    scan, index = run.study.scan, run.study.evidence.neuron.index
    known = {round(float(v), 5) for part in (run.study.evidence.explore, run.study.evidence.development)
             for v in part.values.ravel()}  # fmt: skip
    secret = {
        round(float(v), 5)
        for part in ("probe", "sealed-0", "sealed-1", "sealed-2")
        for v in _part_values(scan, part, index).ravel()
        if v > 0.2
    } - known
    assert len(secret) > 1000

    def numbers(value: Any) -> set[float]:
        if isinstance(value, dict):
            return set().union(*map(numbers, value.values()))
        if isinstance(value, list):
            return set().union(*map(numbers, value))
        return {round(value, 5)} if isinstance(value, float) else set()

    for call in run.of(ToolCall):
        if call.tool not in ("read_activations", "confirm"):
            assert len(numbers(call.result) & secret) <= 2, call.tool  # two may be chance: scores have 6 digits


def test_the_budget(run: Run) -> None:
    used = 0
    for call in run.of(ToolCall):
        assert call.outcome == "ok"
        used += call.units
        assert call.budget_used == used <= BUDGET
        assert call.charged == (call.units > 0)
        assert call.charged == (call.tool not in FREE)
    assert run.result.budget.used == used
    assert run.result.budget.limit == BUDGET


def test_causal_evidence_comes_after_the_score_and_was_claimed_before(run: Run) -> None:
    (confirmed,), (claimed,), (checked,) = (run.calls(tool) for tool in ("confirm", "claim_output", "causal_check"))
    assert confirmed.seq < claimed.seq < checked.seq
    assert checked.arguments["claimed"] == claimed.result["claimed"]
    assert checked.arguments["sentence"] == run.result.explanation
    causal = run.result.to_json()["causal"]
    assert causal["ablation_score"] == checked.result["ablation_score"]
    assert 6 <= causal["ablation_score"]["n_excerpts"] <= 30
    assert 3 <= len(causal["beside_peers"]["peers"]) <= 8
    assert causal["output"]["holds"] == (causal["output"]["sentence"] is not None)


def test_the_result(run: Run) -> None:
    (finished,) = run.of(Finished)
    assert finished.result == run.result.to_json()
    files = list(run.runs.glob("*/neurons/*/result.json"))
    assert len(files) == 1
    written = json.loads(files[0].read_text(), parse_constant=pytest.fail)
    assert without_clock(written) == without_clock(finished.result)
    result = Result.model_validate(written)
    assert isinstance(result.score, ScoreValue)
    assert result.score.low <= result.score.value <= result.score.high
    assert result.score.split == "sealed"
    assert result.score.value > NOTHING
    assert isinstance(result.development_score, ScoreValue)
    assert written["optimism_gap"] == pytest.approx(result.development_score.value - result.score.value, abs=1e-6)
    assert result.run_id in result.trace
    # Matched in tries: a rival that says the same of every scored token was no try, here as in the null.
    scored = [r for r in result.rivals if r.name.startswith("H") and isinstance(r.score, ScoreValue)]
    assert 0 < written["null_tries"] == len(scored)


def test_the_best_on_development_text_wins_and_is_within_the_limits(run: Run) -> None:
    statuses = [rival.status for rival in run.result.rivals]
    assert statuses.count("winner") == 1
    winner = run.result.rivals[statuses.index("winner")]
    assert winner.explanation == run.result.explanation
    rivals = [rival for rival in run.result.rivals if rival.name.startswith("H")]
    standing = [r.score.value for r in rivals if r.status != "dropped" and isinstance(r.score, ScoreValue)]
    assert winner in rivals
    assert winner.score.value >= max(standing) - 0.01  # within that, experiments decide
    assert [contract.why_not(rival.explanation) for rival in rivals] == [None] * len(rivals)


def test_baselines_are_shown_and_never_win(run: Run) -> None:
    """They are scored, predict every experiment and are believed or not, like a rival; here the list is the better."""
    statuses = {rival.name: rival.status for rival in run.result.rivals}
    scores = {rival.name: rival.score for rival in run.result.rivals}
    assert statuses["base-rate"] == statuses["token-lookup-30"] == "survived"
    listed = scores["token-lookup-30"]
    assert isinstance(listed, ScoreValue)
    assert listed.value > max(s.value for name, s in scores.items() if name[0] == "H" and isinstance(s, ScoreValue))
    assert run.result.verdict == "unresolved"
    assert "a list of words predicts better" in run.result.reason


def test_the_predictor_is_found_once_and_scored_beside_the_explanation(run: Run) -> None:
    (found,), (confirmed,) = run.calls("predictor"), run.calls("confirm")
    assert found.seq < run.calls("read_activations")[0].seq
    sentence = found.result["sentence"]
    assert contract.why_not(sentence) is not None
    assert confirmed.arguments["predictor"] == sentence
    assert confirmed.result["predictor"]["n_excerpts"] == confirmed.result["score"]["n_excerpts"]
    assert sentence not in {event.sentence for event in run.of(HypothesisProposed) if event.origin != "reference"}
    told = run.result.predictor
    assert told is not None
    assert told.sentence == sentence
    assert told.score.model_dump(mode="json") == confirmed.result["predictor"]
    assert told.development_score.model_dump(mode="json") == found.result["development"]


def test_the_result_says_what_a_person_needs(run: Run) -> None:
    assert (run.result.schema_version, run.result.reader) == (2, "lexical")
    assert run.result.label
    explore = run.study.evidence.explore
    assert 3 <= len(run.result.examples) <= 5
    for example in run.result.examples:
        rows = np.flatnonzero(explore.excerpts.documents == example.document)
        assert "".join(example.tokens) in "\x00".join(
            "".join(run.study.vocabulary.strings[token] for token in row[row >= 0])
            for row in explore.excerpts.tokens[rows]
        )
        assert example.fires == [value > run.theta_of_result for value in example.values]
        assert any(example.fires)


def test_a_users_own_rival_competes(run: Run) -> None:
    (own,) = [event for event in run.of(HypothesisProposed) if event.origin == "user"]
    assert (own.sentence, own.form, own.round) == (OWN, "own words", 0)
    assert own.hypothesis in run.of(PredictionsRegistered)[0].predictions
    (rival,) = [r for r in run.result.rivals if r.explanation == OWN]
    assert isinstance(rival.score, ScoreValue)


def test_every_event_is_canonical(run: Run) -> None:
    for event in run.events:
        plain = event.model_dump(mode="json")
        assert canonical(plain) == plain


def test_the_same_seed_gives_the_same_events_and_a_second_run_a_fresh_fold(run: Run, world: Any) -> None:
    again = agent.explain(TARGET, **settings(world), budget=BUDGET, rivals=[OWN], runs_dir=run.runs)
    events = agent.load_trace("last", runs_dir=run.runs).events
    (opened,) = [event for event in events if isinstance(event, SealedOpened)]
    assert (opened.fold, opened.opening, opened.reused) == (1, 2, False)
    until = opened.seq
    assert [without_clock(e) for e in events[1:until]] == [without_clock(e) for e in run.events[1:until]]
    assert again.explanation == run.result.explanation


def explained(world: Any, target: str, **more: Any) -> tuple[Result, list[Event]]:
    result = agent.explain(target, **(settings(world) | more), runs_dir="runs")
    return result, agent.load_trace("last", runs_dir="runs").events


def test_a_dead_neuron_has_a_verdict_and_no_score(world: Any) -> None:
    result, events = explained(world, "L0N7")
    assert (result.verdict, result.stop_reason, result.explanation) == ("dead", "dead", None)
    assert isinstance(result.score, Unscored)
    assert "dead" in result.score.reason
    assert result.budget.used == 0
    assert not [event for event in events if isinstance(event, SealedOpened)]


def test_a_sparse_neuron_ends_in_order(world: Any) -> None:
    result, events = explained(world, "L1N48", budget=6)
    (gathered,) = [event for event in events if isinstance(event, Gathered)]
    assert gathered.status == "sparse"
    assert result.verdict in ("unresolved", "noise")


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_a_budget_too_small_for_a_round(world: Any, budget: int) -> None:
    result, _ = explained(world, TARGET, budget=budget)
    assert result.stop_reason == "budget"
    assert result.budget.used <= budget
    assert result.verdict == "unresolved"
    assert isinstance(result.score, ScoreValue) == (budget > 1)  # with one unit, nothing is written


def test_time_that_is_up_before_anything_can_be_done(world: Any) -> None:
    result, events = explained(world, TARGET, max_seconds=1e-9)
    assert result.stop_reason == "budget"
    assert result.budget.used == 0
    assert {call.tool for call in events if isinstance(call, ToolCall)} == {
        "gather", "lookup", "null", "confirm", "examples", "claim_output", "causal_check"
    }  # fmt: skip


@pytest.mark.parametrize("rival", ["verbs", "Fires on `no such token` (3).", "Fires on `e` (3)\udcff."])
def test_a_rival_that_cannot_be_read_stops_the_run_before_it_begins(world: Any, rival: str) -> None:
    with pytest.raises(
        BadInput,
        match=r"lexical reader understands|not one token|rule language",
    ):
        explained(world, TARGET, rivals=[rival])
    assert not Path("runs").exists()
