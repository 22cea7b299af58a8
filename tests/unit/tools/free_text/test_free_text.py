"""The roles that an LLM plays, over a fake one: what is asked, what is asked again, and what a part of a score is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_samples import unhurried

from agent.graph.belief import log_scores
from tools.catalogue.experiments import N_PROBED, balanced_chances, chances
from tools.concepts.concepts import Concepts
from tools.errors import NothingWritten
from tools.free_text.detection_fuzzing import FreeTextDetector
from tools.free_text.excerpts import N_TOP, N_UNEXPLAINED, ShownExcerpts, unexplained, whole_words
from tools.free_text.experiments import N_SHOWN, most_informative
from tools.free_text.explainer import N_REVISED, TEMPERATURE, FreeTextExplainer
from tools.free_text.findings import Known
from tools.free_text.simulator import TEXTS_A_CALL, FreeTextSimulator, Way
from tools.free_text.token_strings import TokenStrings
from tools.free_text.writer import FreeTextWriter
from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, TokenChoice, Usage
from tools.llm.meter import Account, Metered
from tools.prompts.quoting import READABLE_LANGUAGE, Scale, rows_in, unescape
from tools.records.excerpts import Activations, Excerpts, ExploreActivations
from tools.records.result import Unscored
from tools.roles import Revealed, Simulation, TriedRival
from tools.scoring.metrics import StratifiedSample
from tools.scoring.subsampling import LEAST_SHARE, SimulatedSample, part_of, simulated_part, thin_rows
from tools.study.simulations import Simulations
from tools.study.study import Study

STRINGS = [" a", " b", " c", "1", "2", "<d>", "\n", '"']
TEXTS = TokenStrings(STRINGS)
CONCEPTS = Concepts.load()
SCALE = Scale(3.0, 1.0)
USAGE = Usage(10, 5)
Said = str | ChatReply | ChatFailure


@dataclass
class Fake:
    """An LLM that answers as it is told, and remembers."""

    answer: Callable[[ChatRequest], Said]
    asked: list[ChatRequest] = field(default_factory=list)
    bursts: list[int] = field(default_factory=list)
    name: str = "openai:fake"

    def ask(self, requests: Sequence[ChatRequest]) -> list[ChatReply | ChatFailure]:
        self.asked += requests
        self.bursts.append(len(requests))
        said = [self.answer(request) for request in requests]
        return [ChatReply(one, "stop", USAGE) if isinstance(one, str) else one for one in said]


def question(request: ChatRequest) -> str:
    return request.messages[-1].content


def level(token: str) -> int:
    return int(token) + 5 if token.isdigit() else 0


def simulated(request: ChatRequest) -> str:
    """The right reply to each of the simulator's prompts: digits fire."""
    shown = question(request).partition("<data>\n")[2].partition("\n</data>")[0]
    if request.prompt in ("simulator/5", "simulator-rivals/3"):
        excerpts = [
            {
                "number": n,
                "active": [
                    {"row": i, "token": t, "level": level(t)} for i, row in enumerate(rows, 1) for t in row if level(t)
                ],
            }
            for n, rows in enumerate(rows_in("<data>\n" + shown), 1)
        ]
        if request.prompt == "simulator/5":
            return json.dumps({"excerpts": excerpts})
        n = len(explanations_of(request))
        return json.dumps({"explanations": [{"number": i, "excerpts": excerpts} for i in range(1, n + 1)]})
    if request.prompt in ("simulator-last/5", "simulator-last-rivals/3"):
        ends = re.findall(r'^(\d+)\. ".*<<(.*)>>"$', shown, re.MULTILINE)
        levels = {n: level(unescape(end)) for n, end in ends}
        if request.prompt == "simulator-last/5":
            return json.dumps({"levels": levels})
        own = [{"number": i, "levels": levels} for i, _ in enumerate(explanations_of(request), 1)]
        return json.dumps({"explanations": own})
    tokens = [json.loads(line) for line in shown.split("\n")]
    if request.prompt == "simulator-token/3":
        return str(level(tokens[-1]))
    return "\n".join(f"{json.dumps(token)}\t{level(token)}" for token in tokens)


def explanations_of(request: ChatRequest) -> list[str]:
    """Those that a question about several asks about."""
    told = question(request).rpartition("Explanations:\n<data>\n")[2].removesuffix("\n</data>")
    return re.findall(r'^\d+\. "(.*)"$', told, re.MULTILINE)


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    width = max(map(len, rows))
    return np.array([[*row, *[-1] * (width - len(row))] for row in rows], dtype=np.int32)


ROWS = padded([[0, 3, 1], [5, 6, 7, 4], [2], [3, 3], [1, 0]])
LEVELS = np.array([[0, 6, 0, 0], [0, 0, 0, 7], [0, 0, 0, 0], [6, 6, 0, 0], [0, 0, 0, 0]], dtype=np.float32)


@pytest.mark.parametrize(("way", "n_calls"), [("excerpt", 5), ("all-at-once", 5), ("token-by-token", 12)])
def test_each_way_gives_the_same_levels(way: Way, n_calls: int) -> None:
    llm = Fake(simulated)
    simulator = FreeTextSimulator(llm, TEXTS, way)
    found = simulator.simulate("digits", ROWS)
    assert found.unscored == {}
    np.testing.assert_array_equal(found.levels, LEVELS)
    assert found.levels.dtype == np.float32
    assert llm.bursts == [n_calls]
    assert {request.role for request in llm.asked} == {"simulator"}
    assert simulator.name == ("openai:fake" if way == "excerpt" else f"openai:fake ({way})")


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_several_excerpts_in_a_call(n: int) -> None:
    llm = Fake(simulated)
    found = FreeTextSimulator(llm, TEXTS, excerpts_a_call=n).simulate("digits", ROWS)
    np.testing.assert_array_equal(found.levels, LEVELS)
    assert llm.bursts == [-(-len(ROWS) // n)]


def test_rivals_are_asked_about_the_same_excerpts_in_the_same_order() -> None:
    llm = Fake(simulated)
    simulator = FreeTextSimulator(llm, TEXTS, excerpts_a_call=2)
    simulator.simulate("digits", ROWS[[1, 0, 3]])
    simulator.simulate_each([("letters", ROWS), ("words", ROWS[::-1])])
    _, _, *others = [question(request).partition("Explanation:")[0] for request in llm.asked]
    by_text = [others[i : i + 2] for i in range(0, len(others), 2)]
    assert [one == other for one, other in by_text] == [True] * 3
    simulator.simulate("digits", ROWS)
    assert len(llm.asked) == 2 + 6 + 1  # of what was asked before nothing is asked again


def test_rivals_of_the_same_excerpts_are_read_side_by_side() -> None:
    llm = Fake(simulated)
    simulator = FreeTextSimulator(llm, TEXTS, excerpts_a_call=5, sentences_a_call=2)
    first, second, third = simulator.simulate_each([("digits", ROWS), ("all digits", ROWS), ("others", ROWS)])
    assert [request.prompt for request in llm.asked] == ["simulator/5", "simulator-rivals/3"]
    for found in (first, second, third):
        assert found.unscored == {}
        np.testing.assert_array_equal(found.levels, LEVELS)
    assert explanations_of(llm.asked[1]) == ["all digits", "others"]


def test_a_rival_is_read_by_itself_where_side_by_side_nothing_is_said_of_it() -> None:
    def of_the_first_alone(request: ChatRequest) -> str:
        reply = json.loads(simulated(request))
        return json.dumps({"explanations": reply["explanations"][:1]} if "explanations" in reply else reply)

    llm = Fake(of_the_first_alone)
    simulator = FreeTextSimulator(llm, TEXTS, excerpts_a_call=5, sentences_a_call=4)
    for found in simulator.simulate_each([("digits", ROWS), ("all digits", ROWS)]):
        np.testing.assert_array_equal(found.levels, LEVELS)
    assert [request.prompt for request in llm.asked] == ["simulator-rivals/3", "simulator/5"]


def test_an_llm_that_cannot_read_side_by_side_is_asked_to_once() -> None:
    llm = Fake(lambda request: "no idea" if "rivals" in request.prompt else simulated(request))
    simulator = FreeTextSimulator(llm, TEXTS, excerpts_a_call=5, sentences_a_call=4)
    simulator.simulate_each([("digits", ROWS), ("all digits", ROWS)])
    for found in simulator.simulate_each([("other digits", ROWS), ("more digits", ROWS)]):
        np.testing.assert_array_equal(found.levels, LEVELS)
    assert Counter(request.prompt for request in llm.asked) == {"simulator-rivals/3": 1, "simulator/5": 4}


def test_a_limit_that_is_reached_is_no_reason_to_ask_again() -> None:
    llm = Fake(lambda request: ChatFailure("limit reached", "nothing is left"))
    simulator = FreeTextSimulator(llm, TEXTS, excerpts_a_call=5, sentences_a_call=4)
    simulator.simulate_each([("digits", ROWS), ("all digits", ROWS)])
    assert len(llm.asked) == 1


def test_ends_of_texts_by_rivals_side_by_side() -> None:
    llm = Fake(simulated)
    simulator = FreeTextSimulator(llm, TEXTS, sentences_a_call=2)
    both, one = simulator.at_ends_each([("digits", [(0, 3), (1,)]), ("all digits", [(0, 3)])])
    assert (both, one) == ([6.0, 0.0], [6.0])
    assert sorted(request.prompt for request in llm.asked) == ["simulator-last-rivals/3", "simulator-last/5"]
    assert simulator.at_ends("all digits", [(0, 3)]) == [6.0]
    assert len(llm.asked) == 2  # what was asked before is not asked again


def test_a_run_that_is_resumed_asks_nothing_that_it_was_told_before() -> None:
    ends = [(0, 3), (5, 1)]

    def told(simulator: FreeTextSimulator) -> list[Any]:
        found = simulator.simulate_each([("di<g>its", ROWS), ("2. digits", ROWS[:2]), ("alone", ROWS[3:])])
        both = simulator.at_ends_each([("di<g>its", ends), ("2. digits", ends[:1])])
        return [*(one.levels.tolist() for one in found), *(one.unscored for one in found), *both]

    def answer(request: ChatRequest) -> Said:
        if "alone" in question(request):
            return ChatFailure("refusal", "no")
        return simulated(request)

    llm = Metered(Fake(answer), None, Account())
    before = told(FreeTextSimulator(llm, TEXTS, excerpts_a_call=2, sentences_a_call=2))
    again = FreeTextSimulator(Fake(lambda _: pytest.fail("it is asked again")), TEXTS, "excerpt", 2, None, 2)
    again.restore(llm.drain())
    assert told(again) == before
    assert "refusal: no" in str(before)


def test_a_bad_excerpt_spoils_no_other_of_its_call() -> None:
    def second_is_bad(request: ChatRequest) -> str:
        reply = json.loads(simulated(request))
        reply["excerpts"][1]["active"][0]["row"] += 1
        return json.dumps(reply)

    llm = Fake(second_is_bad)
    found = FreeTextSimulator(llm, TEXTS, excerpts_a_call=5).simulate("digits", ROWS)
    assert set(found.unscored) == {1}
    np.testing.assert_array_equal(found.levels[[0, 2, 3, 4]], LEVELS[[0, 2, 3, 4]])
    assert not found.levels[1].any()
    assert llm.bursts == [1]  # a reply that could be read in part is not asked for again


@pytest.mark.parametrize(("n_bad", "again"), [(0, 0), (1, 1), (2, 2), (3, 0), (5, 0)])
def test_unreadable_replies_are_asked_for_again_where_half_could_be_read(n_bad: int, again: int) -> None:
    n_seen = 0

    def some_bad(request: ChatRequest) -> str:
        nonlocal n_seen
        n_seen += 1
        return "no idea" if n_seen <= n_bad else simulated(request)

    llm = Fake(some_bad)
    found = FreeTextSimulator(llm, TEXTS).simulate("digits", ROWS)
    assert llm.bursts == ([5, again] if again else [5])
    assert [request.attempt for request in llm.asked[5:]] == [1] * again
    assert [question(r) for r in llm.asked[5:]] == [question(r) for r in llm.asked[:again]]
    assert len(found.unscored) == (0 if again or not n_bad else n_bad)
    for reason in found.unscored.values():
        assert "no JSON in the reply" in reason


def test_a_reply_that_is_unreadable_twice_is_unscored_and_no_third_is_asked_for() -> None:
    llm = Fake(lambda request: "no idea" if rows_in(question(request))[-1] == [(" c",)] else simulated(request))
    found = FreeTextSimulator(llm, TEXTS).simulate("digits", ROWS)
    assert llm.bursts == [5, 1]
    assert set(found.unscored) == {2}


def test_what_was_not_answered_is_not_asked_again() -> None:
    refused = ChatFailure("refusal", "no")
    llm = Fake(lambda request: refused if rows_in(question(request))[-1] == [(" c",)] else simulated(request))
    found = FreeTextSimulator(llm, TEXTS).simulate("digits", ROWS)
    assert llm.bursts == [5]
    assert found.unscored == {2: "refusal: no"}


def test_one_unreadable_token_makes_an_excerpt_unscored() -> None:
    def one(request: ChatRequest) -> str:
        return "none" if '"2"\n</data>\nExplanation:' in question(request) else simulated(request)

    llm = Fake(one)
    found = FreeTextSimulator(llm, TEXTS, "token-by-token").simulate("digits", ROWS)
    assert set(found.unscored) == {1}
    np.testing.assert_array_equal(found.levels[[0, 2, 3, 4]], LEVELS[[0, 2, 3, 4]])


def test_expected_levels_come_from_log_probabilities() -> None:
    def sure_by_half(request: ChatRequest) -> ChatReply:
        half = float(np.log(0.5))
        return ChatReply("8", "stop", USAGE, (TokenChoice("8", (("8", half), ("4", half))),))

    found = FreeTextSimulator(Fake(sure_by_half), TEXTS, "token-by-token").simulate("s", padded([[0, 1]]))
    np.testing.assert_allclose(found.levels, [[6, 6]], atol=1e-6)


def test_ends_of_texts() -> None:
    llm = Fake(simulated)
    texts = [(i, j, k) for i in range(8) for j in range(8) for k in (3, 1)]
    found = FreeTextSimulator(llm, TEXTS).at_ends("digits", texts * 2)
    assert found == [6.0, 0.0] * 128
    assert llm.bursts == [-(-len(texts) // TEXTS_A_CALL)]  # a text that is asked about twice is sent once
    assert FreeTextSimulator(Fake(simulated), TEXTS).at_ends("digits", []) == []


def test_ends_that_did_not_come_back_are_unscored() -> None:
    def first_only(request: ChatRequest) -> str:
        return '{"levels":{"1":3,"2":11}}'

    first, second, third = FreeTextSimulator(Fake(first_only), TEXTS).at_ends("s", [(0,), (1,), (2,)])
    assert first == 3.0
    assert isinstance(second, Unscored)
    assert isinstance(third, Unscored)


@unhurried
@given(st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 4))
def test_any_tokens_come_back_as_they_were_asked(rows: list[list[int]], n: int) -> None:
    tokens = padded(rows)
    found = FreeTextSimulator(Fake(simulated), TEXTS, excerpts_a_call=n).simulate("s", tokens)
    expected = np.array([[0 if t < 0 else level(STRINGS[t]) for t in row] for row in tokens], dtype=np.float32)
    assert found.unscored == {}
    np.testing.assert_array_equal(found.levels, expected)


def activations(n: int, n_tokens: int = 8, seed: int = 0) -> ExploreActivations:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, len(STRINGS), (n, n_tokens)).astype(np.int32)
    numbers = np.arange(n, dtype=np.int32)
    excerpts = Excerpts(tokens, np.full(n, n_tokens, np.int32), numbers, numbers, numbers)
    values = np.where(np.isin(tokens, [3, 4]), 2.0 + rng.random(tokens.shape), 0.0).astype(np.float32)
    return ExploreActivations(excerpts, values)


WRITTEN = {
    "hypotheses": [
        {"explanation": f"digit {i}", "label": f"digit {i}", "form": "token", "texts": [{"text": "x 1", "level": 9}]}
        for i in range(5)
    ]
}


def test_the_explainer_writes_at_most_what_is_asked_for() -> None:
    llm = Fake(lambda _: json.dumps(WRITTEN))
    explainer = FreeTextExplainer(llm, TEXTS, CONCEPTS, seed=2**40 + 5)
    found = explainer.propose(activations(60), 20, np.random.default_rng(0), 3)
    assert [proposal.sentence for proposal in found] == ["digit 0", "digit 1", "digit 2"]
    assert found[0].texts[0].text == "x 1"
    (request,) = llm.asked
    assert (request.role, request.temperature, request.seed) == ("explainer", TEMPERATURE, 5)
    assert "Hypotheses to write: 3." in question(request)
    again = Fake(lambda _: json.dumps(WRITTEN))
    FreeTextExplainer(again, TEXTS, CONCEPTS, seed=2**40 + 5).propose(activations(60), 20, np.random.default_rng(0), 3)
    assert again.asked == llm.asked


def test_what_was_written_and_cannot_be_used_is_told_once() -> None:
    bad = [{**WRITTEN["hypotheses"][0], "explanation": "many " * 101}, {"form": "token"}]
    explainer = FreeTextExplainer(
        Fake(lambda _: json.dumps({"hypotheses": [*bad, *WRITTEN["hypotheses"]]})), TEXTS, CONCEPTS, 0
    )
    assert len(explainer.propose(activations(60), 20, np.random.default_rng(0), 5)) == 5
    long, incomplete = explainer.drain_left_out()
    assert long.startswith('"many many')
    assert long.endswith("has 101 words")
    assert "explanation: Field required" in incomplete
    assert explainer.drain_left_out() == []
    explainer.propose_one(activations(60), 20, np.random.default_rng(0))  # of another neuron, for the null
    assert explainer.drain_left_out() == []
    explainer.revise(activations(60), 20, np.random.default_rng(0), [], ["digits"])
    assert len(explainer.drain_left_out()) == 2


@pytest.mark.parametrize("said", ["nothing", ChatFailure("timeout", "too late")])
def test_an_explainer_without_an_answer_says_so(said: Said) -> None:
    llm = Fake(lambda _: said)
    explainer = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0)
    with pytest.raises(NothingWritten, match=r"no JSON in the reply|timeout: too late"):
        explainer.propose(activations(60), 20, np.random.default_rng(0), 2)
    assert llm.bursts == ([1, 1] if isinstance(said, str) else [1])
    with pytest.raises(NothingWritten):
        explainer.revise(activations(60), 20, np.random.default_rng(0), [], ["digits"])
    assert explainer.propose_one(activations(60), 20, np.random.default_rng(0)) is None


def test_a_revision_shows_what_refuted_and_not_what_was_never_asked() -> None:
    llm = Fake(lambda _: json.dumps(WRITTEN))
    revealed = [
        Revealed((0, 3), 2.5, True, (("digits", 0.9), ("other", None)), levels=(("digits", 8.0), ("other", None))),
        Revealed((0, 1), 2.5, True, (("digits", 0.03),), levels=(("digits", 0.0),)),
        Revealed((0, 2), 0.5, False, (("digits", 0.5),)),
    ]
    found = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0).revise(
        activations(60), 20, np.random.default_rng(0), revealed, ["digits"]
    )
    assert len(found) == N_REVISED
    shown = question(llm.asked[0])
    assert "no. 1 said 0; fired" in shown
    assert "no. 1 said 8; fired" in shown
    assert "nobody asked; weak" in shown
    assert "?" not in shown
    assert "%;" not in shown
    assert "other" not in shown


def test_a_revision_knows_all_that_was_tried() -> None:
    llm = Fake(lambda _: json.dumps(WRITTEN))
    best = [TriedRival(sentence="digits", score=0.3), TriedRival(sentence="years")]
    others = [TriedRival(sentence="Fires on modals.", score=0.12, fate="dropped: refuted")]
    explainer = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0)
    explainer.revise_among(activations(60), np.random.default_rng(0), [], best, others)
    shown = question(llm.asked[0])
    assert '1. "digits": 0.30\n2. "years": no score\n' in shown
    assert '"Fires on modals.": 0.12; dropped: refuted\n' in shown
    assert shown.count(READABLE_LANGUAGE) == 1
    assert "Experiments:" not in shown


def test_a_revision_is_shown_the_strong_firings_that_no_explanation_predicts() -> None:
    llm = Fake(lambda _: json.dumps(WRITTEN))
    own = activations(60)
    values = np.where(own.excerpts.tokens == 3, 3.0, np.where(own.excerpts.tokens == 4, 2.0, 0.0))
    values *= 1 + np.arange(60)[:, None] / 10_000  # no two excerpts alike
    explore = ExploreActivations(own.excerpts, values.astype(np.float32))
    explainer = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0)
    told = [TriedRival(sentence="digits", score=0.3)]
    explainer.revise_among(explore, np.random.default_rng(0), [], told, [], {"digits": own.excerpts.tokens == 3})
    explainer.revise_among(explore, np.random.default_rng(0), [], told, [], {"digits": values > 0})
    explainer.revise_among(explore, np.random.default_rng(0), [], told, [])
    some, none, unknown = map(question, llm.asked)
    left = some.partition("Strong firings not predicted by no. 1 above:")[2].partition("</data>")[0]
    assert left.count("<<6.7|") >= N_UNEXPLAINED
    assert len(left.splitlines()) == 2 + N_UNEXPLAINED
    assert "Strong firings" not in none + unknown


def test_a_firing_that_is_shown_anyway_is_not_shown_as_unexplained_too() -> None:
    own = activations(12, 60)
    values = np.zeros((12, 60), dtype=np.float32)
    values[:, 50] = np.arange(12, 0, -1)
    explore, nothing = ExploreActivations(own.excerpts, values), np.zeros((12, 60), dtype=bool)
    top = ShownExcerpts.draw(explore, TEXTS, np.random.default_rng(0), 0.5).top[:2]
    assert [max(one.values) for one in unexplained(explore, TEXTS, nothing, 0.5)][:2] == [12, 11]
    assert 12 not in [max(one.values) for one in unexplained(explore, TEXTS, nothing, 0.5, top)]


def experiment(tokens: tuple[int, ...], fired: bool, *levels: float | None, by: str = "written") -> Revealed:
    """One in which `a`, `b` ... predicted these levels, and a tenth of each as the probability."""
    names = "abcdef"[: len(levels)]
    return Revealed(
        tokens, 2.5 if fired else 0.0, fired,
        tuple((name, None if level is None else level / 10) for name, level in zip(names, levels, strict=True)), by,
        levels=tuple(zip(names, levels, strict=True)),
    )  # fmt: skip


class TestShownExperiments:
    """An LLM is shown those outcomes that tell rivals apart, first and few."""

    TEXTS = TokenStrings((*(f" w{i}" for i in range(60)), ".", " a", "b"))
    SCALE = Scale(largest=10.0, theta=1.0)

    def shown(self, *revealed: Revealed, best: tuple[str, ...] = ("a", "b")) -> list[str]:
        found = most_informative(revealed, best, self.SCALE, self.TEXTS)
        assert all(len(one.predicted) == len(best) for one in found)
        return ["".join(one.tokens) for one in found]

    def test_what_tells_rivals_apart_is_first(self) -> None:
        alike, apart = experiment((1, 2, 3, 4), True, 8.0, 8.0), experiment((5, 6, 7, 8), True, 8.0, 0.0)
        assert self.shown(alike, apart) == [" w5 w6 w7 w8", " w1 w2 w3 w4"]

    def test_silent_ones_are_shown_beside_as_many_that_fired(self) -> None:
        """Nobody predicted what fired, so each of those tells more than any that was rightly called silent."""
        fired = [experiment((k, k + 1, k + 2, k + 3), True, 0.0, 0.0) for k in range(0, 40, 2)]
        silent = [experiment((k, k + 1, k + 2, k + 3), False, 3.0, 0.0) for k in range(41, 55, 2)]
        found = most_informative([*fired, *silent], ("a", "b"), self.SCALE, self.TEXTS)
        assert len(found) == N_SHOWN
        assert sum(one.outcome == "silent" for one in found) == N_SHOWN // 2

    def test_an_edited_text_says_so(self) -> None:
        by = {"written": False, "minimal_pair": True}
        many = [experiment((k, k + 1, k + 2, k + 3), True, 8.0, 0.0, by=one) for k, one in zip((0, 9), by, strict=True)]
        found = most_informative(many, ("a", "b"), self.SCALE, self.TEXTS)
        assert [one.is_edited for one in found] == list(by.values())

    def test_the_newest_are_shown_where_they_tell_as_much(self) -> None:
        many = [experiment((k, k + 1, k + 2, k + 3), k % 4 == 0, 8.0, 0.0) for k in range(0, 56, 2)]
        assert " w54 w55 w56 w57" in self.shown(*many)
        assert " w0 w1 w2 w3" not in self.shown(*many)

    def test_an_edited_text_and_one_of_two_words_tell_less(self) -> None:
        edited = experiment((1, 2, 3, 4), True, 8.0, 0.0, by="minimal_pair")
        written = experiment((5, 6, 7, 8), True, 5.0, 0.0)
        short = experiment((9, 10), True, 9.0, 0.0)
        assert self.shown(edited, written, short) == [" w5 w6 w7 w8", " w1 w2 w3 w4"]

    def test_what_differs_in_a_word_is_shown_once(self) -> None:
        first, second = experiment((1, 2, 3, 4, 5), True, 8.0, 0.0), experiment((1, 2, 3, 4, 6), True, 8.0, 0.0)
        assert len(self.shown(first, second)) == 1

    def test_a_long_text_begins_where_a_sentence_does(self) -> None:
        (text,) = self.shown(experiment((*range(20), 60, *range(20, 40)), True, 8.0, 0.0))
        assert text.startswith(" w20")
        assert text.endswith(" w39")

    def test_few_are_shown_and_fewer_of_edited_texts(self) -> None:
        many = [experiment((k, k + 1, k + 2, k + 3), k % 4 == 0, 8.0, 0.0) for k in range(0, 56, 2)]
        edited = [
            experiment((k, k + 1, k + 2, k + 3), k % 4 == 0, 8.0, 0.0, by="minimal_pair") for k in range(0, 56, 2)
        ]
        assert len(self.shown(*many)) == N_SHOWN
        assert len(self.shown(*many, *edited)) == N_SHOWN
        assert len(self.shown(*edited)) == 6

    def test_one_word_is_shown_once_with_each_outcome(self) -> None:
        same = [experiment((k, k + 1, k + 2, 59), k in (0, 9), 8.0, 0.0) for k in (0, 9, 18, 27)]
        assert self.shown(*same) == [" w9 w10 w11 w59", " w27 w28 w29 w59"]

    def test_whoever_predicted_none_of_them_is_named(self) -> None:
        llm = Fake(lambda _: json.dumps(WRITTEN))
        revealed = [experiment((0, 3), True, None, 8.0)]
        FreeTextExplainer(llm, TEXTS, CONCEPTS, 0).revise(
            activations(60), 20, np.random.default_rng(0), revealed, ["a", "b"]
        )
        assert "Experiments:\nNo prediction is known here by no. 1.\n" in question(llm.asked[0])


def broken(*explanations: str) -> str:
    return json.dumps(
        {"hypotheses": [{"explanation": e, "label": "l", "form": "f", "texts": []} for e in explanations]}
    )


def test_what_breaks_the_contract_is_asked_for_once_more_and_only_that() -> None:
    long = "the word " * 13 + "not"

    def said(request: ChatRequest) -> str:
        if request.prompt == "mender/4":
            anew = [{"number": 1, "explanation": "not"}, {"number": 2, "explanation": "words related to months"}]
            return json.dumps({"explanations": anew})
        return broken("digits", long, "tokens related to months")

    llm = Fake(said)
    found = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0).propose(activations(60), 20, np.random.default_rng(0), 3)
    # The last one broke it again, and stays as it was: whoever lets hypotheses compete refuses it, and says why.
    assert [one.sentence for one in found] == ["digits", "not", "tokens related to months"]
    assert llm.bursts == [1, 1]
    shown = question(llm.asked[1])
    assert "it has 27 words, and an explanation has at most 25" in shown
    assert '"digits"' not in shown
    assert [one.label for one in found] == ["l"] * 3


def test_what_cannot_be_said_anew_stays_as_it_was() -> None:
    llm = Fake(lambda r: ChatFailure("refusal", "no") if r.prompt == "mender/4" else broken("text related to months"))
    (found,) = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0).propose(activations(60), 20, np.random.default_rng(0), 3)
    assert found.sentence == "text related to months"


def test_an_explainer_is_told_much_in_few_tokens() -> None:
    llm = Fake(lambda _: json.dumps(WRITTEN))
    own = activations(400)
    known = Known(own, theta=2.5, notes=("It promotes ' z'.",))
    explainer = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0, known)
    explainer.propose(own, 20, np.random.default_rng(0), 3)
    shown = question(llm.asked[0])
    assert "It promotes" in shown
    threshold = 10 * 2.5 / float(own.values.max())
    stated = float(re.search(r"It fires above level ([0-9.]+[0-9])", shown)[1])
    assert stated == pytest.approx(threshold, abs=0.1)
    assert all(float(level) > stated for level in re.findall(r"<<([0-9.]+)\|", shown))
    assert all(float(level) <= stated for level in re.findall(r"(?<!<)<([0-9.]+)\|", shown))
    assert shown.partition("Weaker")[0].count('"\n"') == N_TOP - 1
    assert shown.count("\nfires:  ") == shown.count("\nsilent: ")
    assert len(shown) < 10_000
    explainer.propose(activations(60, seed=1), 20, np.random.default_rng(0), 3)
    assert "It promotes" not in question(llm.asked[1])  # another neuron's text is not that of which this is known


def test_the_same_word_is_shown_firing_and_silent() -> None:
    own = activations(60)
    values = own.values.copy()
    values[::2] = 0  # a digit fires in every other text
    found = ShownExcerpts.draw(ExploreActivations(own.excerpts, values), TEXTS, np.random.default_rng(0), 1.0)
    assert found.firing
    for firing, silent in zip(found.firing, found.near_misses, strict=True):
        assert firing.tokens[-1] == silent.tokens[-1]
        assert firing.values[-1] > 1.0
        assert silent.values[-1] == 0


def test_the_strongest_firings_are_shown_with_more_before_them_from_the_beginning_of_a_word() -> None:
    """Tokens are the beginning of a word and two later pieces, again and again."""
    own = activations(12, 60)
    tokens = np.tile(np.arange(60, dtype=np.int32) % 3, (12, 1))
    values = np.zeros((12, 60), dtype=np.float32)
    values[:, 50] = np.arange(12, 0, -1)
    explore = ExploreActivations(replace(own.excerpts, tokens=tokens), values)
    found = ShownExcerpts.draw(explore, TokenStrings([" a", "b", "c"]), np.random.default_rng(0), 0.5)
    assert {shown.tokens[0] for shown in found.top} == {" a"}
    lengths = [len(shown.tokens) for shown in found.top]
    assert set(lengths[:6]) == {50 - 21 + 1 + 3}
    assert set(lengths[6:]) == {50 - 39 + 1 + 3}


def test_text_without_spaces_is_cut_where_its_window_begins() -> None:
    own = activations(12, 60)
    values = np.zeros((12, 60), dtype=np.float32)
    values[:, 50] = 1
    explore = ExploreActivations(replace(own.excerpts, tokens=np.zeros((12, 60), dtype=np.int32)), values)
    found = ShownExcerpts.draw(explore, TokenStrings(["字"]), np.random.default_rng(0), 0.5)
    assert len(found.top[0].tokens) == 30 + 1 + 3


def test_pieces_of_words_are_no_same_word() -> None:
    """Of the strings "a" and "b" those that stand beside each other are pieces."""
    strings = ["a", "b", " a", "."]
    tokens = np.array([[3, 2, 3, 2, 3, 2, 3], [3, 2, 1, 3, 3, 0, 1], [3, 3, 3, 3, 3, 0, 3]], dtype=np.int32)
    own = activations(3, 7)
    explore = ExploreActivations(replace(own.excerpts, tokens=tokens), own.values)
    whole = whole_words(explore, TokenStrings(strings))
    assert whole.tolist() == [
        [True] * 7, [True, False, False, True, True, False, False], [True] * 7,
    ]  # fmt: skip


def test_explanations_of_several_neurons_are_asked_for_at_once() -> None:
    n_asked = 0

    def second_fails(_: ChatRequest) -> Said:
        nonlocal n_asked
        n_asked += 1
        said = json.dumps({"explanation": "digit 0", "words": ["0"]})
        return ChatFailure("refusal", "no") if n_asked == 2 else said

    llm = Fake(second_fails)
    neurons = [(activations(60, seed=i), np.random.default_rng(i)) for i in range(3)]
    first, second, third = FreeTextExplainer(llm, TEXTS, CONCEPTS, 0).propose_each(neurons, 20)
    assert llm.bursts == [3]
    assert first is not None
    assert first.sentence == "digit 0"
    assert second is None
    assert third is not None
    assert first.words == ("0",)
    own = Fake(lambda _: json.dumps(WRITTEN))
    FreeTextExplainer(own, TEXTS, CONCEPTS, 0).propose(*neurons[0][:1], 20, np.random.default_rng(0), 1)
    short, whole = (sum(len(m.content) for m in asked.messages) for asked in (llm.asked[0], own.asked[0]))
    assert short < 0.6 * whole


def test_the_writer() -> None:
    texts = {"texts": [{"text": f"t {i}", "level": i} for i in range(8)]}
    llm = Fake(lambda _: json.dumps(texts))
    found = FreeTextWriter(llm, TEXTS, SCALE).write(["digits", "letters"], [], 4, np.random.default_rng(0))
    assert not isinstance(found, Unscored)
    assert [text.text for text in found] == ["t 0", "t 1", "t 2", "t 3"]
    shown = question(llm.asked[0])
    assert shown.index('"digits"') < shown.index('"letters"')
    nothing = FreeTextWriter(Fake(lambda _: "{}"), TEXTS, SCALE)
    assert isinstance(nothing.write(["digits"], [], 4, np.random.default_rng(0)), Unscored)


def test_detection_asks_five_a_call() -> None:
    def yes(request: ChatRequest) -> str:
        n = len(re.findall(r"^\d+\. ", question(request), re.MULTILINE))
        return json.dumps({"answers": [{"number": i, "fires": i % 2 == 1} for i in range(1, n + 1)]})

    llm = Fake(yes)
    detector = FreeTextDetector(llm, TEXTS)
    once = [True, False] * 2 + [True]
    assert detector.detect("digits", [(0, 3)] * 12) == once + once + [True, False]
    assert llm.bursts == [3]
    assert {request.role for request in llm.asked} == {"detector"}
    assert detector.fuzz("digits", [((0, 3), [False, True])] * 2) == [True, False]
    assert "<<1>>" in question(llm.asked[-1])
    assert llm.asked[-1].role == "fuzzer"
    assert all(
        isinstance(one, Unscored) for one in FreeTextDetector(Fake(lambda _: "?"), TEXTS).detect("d", [(0,)] * 7)
    )


def sample(n_each: int = 20) -> StratifiedSample:
    known = activations(3 * n_each)
    strata = [name for name in ("top", "quantile", "random") for _ in range(n_each)]
    return StratifiedSample.draw(Activations(known.excerpts, known.values), strata, np.random.default_rng(1))


@unhurried
@given(st.integers(1, 70), st.integers(2, 15))
def test_thin_rows_keep_strata_and_are_the_same_for_everybody(n: int, n_each: int) -> None:
    whole = sample(n_each)
    rows = thin_rows(whole, n)
    np.testing.assert_array_equal(rows, thin_rows(whole, n))
    assert (np.diff(rows) > 0).all()
    counts = Counter(whole.strata[row] for row in rows)
    expected = n_each if n >= len(whole) else min(n_each, -(-n // 3))
    assert counts == dict.fromkeys(("top", "quantile", "random"), expected)


@unhurried
@given(st.sets(st.integers(0, 29), min_size=0, max_size=30))
def test_a_part_is_what_was_simulated(failed: set[int]) -> None:
    whole = sample(10)
    rows = thin_rows(whole, 30)
    levels = np.arange(30 * 8, dtype=np.float32).reshape(30, 8)
    found = simulated_part(whole, rows, Simulation(levels, dict.fromkeys(failed, "why")))
    lost = Counter(whole.strata[rows[i]] for i in failed)
    if any(10 - n < LEAST_SHARE * 10 for n in lost.values()):
        assert isinstance(found, Unscored)
        assert f"{len(failed)} of 30 excerpts could not be simulated, most often because: why" in found.reason
        return
    assert isinstance(found, SimulatedSample)
    assert len(found.sample) + found.n_unscored == 30
    assert set(found.rows.tolist()) == set(range(30)) - failed
    np.testing.assert_array_equal(found.levels, levels[found.rows])
    np.testing.assert_array_equal(found.sample.activations.values, whole.activations.values[found.rows])
    assert list(found.sample.strata) == [whole.strata[row] for row in found.rows]


def test_a_part_depends_on_its_rows_alone() -> None:
    whole = sample()
    rows = np.array([0, 5, 21, 30, 44, 59])
    one, other = part_of(whole, rows), part_of(whole, rows)
    np.testing.assert_array_equal(one.weights, other.weights)
    assert part_of(whole, np.arange(len(whole))) is whole


class Rule:
    """Simulates one exact sentence."""

    name = "rules"

    def simulate(self, sentence: str, tokens: np.ndarray[Any, np.dtype[np.int32]]) -> Any:
        if sentence != "exact":
            return Unscored(reason="not of the rule language")
        return np.where(np.isin(tokens, [3, 4]), 9, 0).astype(np.float32)


class Reader:
    """Simulates any sentence but for some rows of what it is asked."""

    name = "openai:fake"

    def __init__(self, failing: dict[str, set[int]]) -> None:
        self.failing = failing
        self.n_asked = 0

    def simulate(self, sentence: str, tokens: np.ndarray[Any, np.dtype[np.int32]]) -> Simulation:
        self.n_asked += len(tokens)
        levels = np.where(np.isin(tokens, [3]), 9, 0).astype(np.float32)
        return Simulation(levels, dict.fromkeys(self.failing.get(sentence, set()), "unreadable"))

    def at_ends(self, sentence: str, texts: Sequence[tuple[int, ...]]) -> list[float | Unscored]:
        return [Unscored(reason="unreadable") if i in self.failing.get(sentence, set()) else 9.0 if t[-1] == 3 else 0.0
                for i, t in enumerate(texts)]  # fmt: skip


def study(reader: Reader, n_read: int = 30) -> Study:
    """A study of which only what scoring needs is there."""
    probe = SimpleNamespace(tokens=padded([[0, 3]]))
    evidence: Any = SimpleNamespace(probe=probe, theta=1.0)
    made = Study.__new__(Study)
    vars(made).update(
        simulations=Simulations(None, evidence, None, Rule(), reader, n_read),  # type: ignore[arg-type]
        seed=0, evidence=evidence, development=sample(),
    )  # fmt: skip
    return made


def test_on_and_both_on_of_partly_simulated_sentences() -> None:
    reader = Reader({"one": {0, 3}, "other": {3, 7, 29}, "hopeless": set(range(16))})
    one_study = study(reader)
    table, whole = one_study.simulations, one_study.development
    one = table.on("one", whole)
    assert isinstance(one, SimulatedSample)
    assert (len(one.rows), one.n_unscored) == (28, 2)
    exact = table.on("exact", whole)
    assert isinstance(exact, SimulatedSample)
    assert (len(exact.rows), exact.n_unscored) == (len(whole), 0)
    both = table.both_on("one", "other", whole)
    assert isinstance(both, tuple)
    first, second = both
    asked = thin_rows(whole, 30)
    expected = sorted(set(asked.tolist()) - set(asked[[0, 3, 7, 29]].tolist()))
    assert first.rows.tolist() == second.rows.tolist() == expected
    assert first.sample is second.sample
    np.testing.assert_array_equal(first.levels, np.where(whole.activations.excerpts.tokens[expected] == 3, 9, 0))
    assert (first.n_unscored, second.n_unscored) == (2, 3)
    mixed = table.both_on("exact", "one", whole)
    assert isinstance(mixed, tuple)
    assert mixed[0].rows.tolist() == one.rows.tolist()
    np.testing.assert_array_equal(mixed[0].levels, exact.levels[one.rows])
    for pair in (("hopeless", "one"), ("one", "hopeless"), ("exact", "hopeless")):
        found = table.both_on(*pair, whole)
        assert isinstance(found, Unscored)
        assert "16 of 30 excerpts could not be simulated" in found.reason


def test_who_is_exact_is_never_asked() -> None:
    reader = Reader({})
    one_study = study(reader)
    table, development = one_study.simulations, one_study.development
    assert table.is_exact("exact")
    assert not table.is_exact("in free words")
    table.on("exact", development)
    assert table.at_ends("exact", [(0, 3), (0, 0)]) == [9.0, 0.0]
    assert reader.n_asked == 0
    assert table.simulator_of("exact") == "rules"
    assert table.simulator_of("in free words") == table.simulator_of(None) == "openai:fake"


def test_chances_of_what_has_no_level() -> None:
    table = [0.1] * 5 + [0.9] * 6
    abstained: Counter[str] = Counter()
    found = chances(table, [0.0, Unscored(reason="why"), 10.0, Unscored(reason="why"), 4.5], abstained)
    assert found == [0.1, None, 0.9, None, 0.5]
    assert abstained == {"why": 2}
    reader = Reader({"s": {1}, "hopeless": set(range(30))})
    said: Counter[str] = Counter()
    on, off, other = balanced_chances(study(reader), "s", [(0, 3), (0, 3), (0, 0)], said)
    assert on is not None
    assert other is not None
    assert on > 0.5 > other
    assert off is None
    assert said == {"unreadable": 1}
    assert balanced_chances(study(reader), "hopeless", [(0, 3), (1,)], said) == [None, None]


def test_who_costs_something_is_asked_of_the_first_probe_texts_alone() -> None:
    texts = [(0, 3)] * (N_PROBED + 5)
    found = balanced_chances(study(Reader({})), "s", texts, Counter())
    assert [p is not None for p in found] == [True] * N_PROBED + [False] * 5
    assert None not in balanced_chances(study(Reader({})), "exact", texts, Counter())


def test_a_rival_that_abstains_gets_the_average() -> None:
    said = {"right": [0.9, 0.1, 0.9], "wrong": [0.1, 0.9, 0.1], "silent": [None, None, None]}
    fired, carriers = [True, False, True], ["a", "b", "c"]
    scores = log_scores(said, fired, carriers)
    assert scores["right"] == pytest.approx(3 * np.log(0.9), abs=1e-5)
    assert scores["silent"] == pytest.approx((scores["right"] + scores["wrong"]) / 2, abs=1e-5)
    without = log_scores({name: said[name] for name in ("right", "wrong")}, fired, carriers)
    assert {name: scores[name] for name in without} == without
    assert log_scores({"a": [None], "b": [None]}, [True], ["x"]) == {"a": 0.0, "b": 0.0}


@given(st.lists(st.tuples(st.floats(0.02, 0.98), st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_to_say_nothing_of_a_text_is_neither_right_nor_wrong(texts: list[tuple[float, bool, bool]]) -> None:
    """Of a text on which only one rival spoke, both earn the same; of others, each what it would earn alone."""
    carriers = [str(i) for i in range(len(texts))]
    fired = [fires for _, fires, _ in texts]
    one = [p for p, _, _ in texts]
    other = [0.5 if spoke else None for _, _, spoke in texts]
    scores = log_scores({"one": one, "other": other}, fired, carriers)
    earned = [np.log(p if fires else 1 - p) for p, fires, _ in texts]
    expected = sum(np.log(0.5) if spoke else own for own, (_, _, spoke) in zip(earned, texts, strict=True))
    assert scores["one"] == pytest.approx(sum(earned), abs=1e-5)
    assert scores["other"] == pytest.approx(expected, abs=1e-5)


def test_texts_that_an_index_sought_out_are_shown_as_top_and_as_nothing_else() -> None:
    n_drawn, n_sought = 60, 40  # as many as an index in bfloat16 may bring, more than are drawn from for the top
    n = n_drawn + n_sought
    sought = np.arange(n) >= n_drawn
    tokens = np.where(sought[:, None], 0, 1) * np.ones((n, 8), np.int32)
    values = (np.where(sought[:, None], 9, 1) + np.arange(n)[:, None] / 1000) * np.ones((n, 8), np.float32)
    numbers = np.arange(n, dtype=np.int32)
    excerpts = Excerpts(tokens.astype(np.int32), np.full(n, 8), numbers, numbers, numbers)
    found = ShownExcerpts.draw(
        ExploreActivations(excerpts, values.astype(np.float32), sought), TEXTS, np.random.default_rng(0)
    )
    assert {token for shown in found.top[:3] for token in shown.tokens} == {" a"}
    assert {token for shown in (*found.quantile, *found.random) for token in shown.tokens} == {" b"}
