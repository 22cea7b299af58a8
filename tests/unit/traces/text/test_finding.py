"""What is said first of a result, on the screen and on the page: in a person's words, and with nothing made up."""

import pytest
from traces_samples import sample_result, sample_result_v1

from agent.cli.summary import summary
from agent.graph.verdict import LIST_IS_BETTER, Findings
from agent.graph.verdict import verdict as judged
from tools.records.result import Example, Gains, PartialResult, Result, Unscored
from traces.text.finding import Finding, Piece, finding_of, pieces_of

NOT_FOR_A_PERSON = ("tokens nearer", "everywhere", "beyond doubt", "token_lookup", "null", "[", "predicted positive")
LISTED = "A list of 30 words predicts better (r = 0.70)."
NONE = {"value": None, "reason": "constant"}
MEANING = {
    "sentence": "Fires on b.", "share": 0.5, "counterexamples": [],
    "predicted_positive": {"passed": 3, "failed": 0}, "minimal_pair": {"passed": 3, "failed": 0},
}  # fmt: skip
CONSTANT = Unscored(reason="constant")
UNSETTLED = judged(Findings(CONSTANT, Gains(), CONSTANT, {}))[1]
TEST = {"value": -0.1, "low": -0.2, "high": 0.0, "protocol": "p", "split": "sealed", "n_excerpts": 9, "ahead": 0.5}


def example(tokens, values, theta=1.0) -> Example:
    fires = [value > theta for value in values]
    return Example(level="top", document=0, tokens=tokens, values=values, fires=fires)


def found(result) -> Finding:
    return finding_of(PartialResult.read(result))


def told(result, width=100, **how) -> str:
    return summary(Result.model_validate(result, extra="ignore"), "runs", width, **how)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "supported: it predicts text that the search never saw, and the experiments confirm it"),
        ({"verdict": "split", "meanings": [MEANING] * 2}, "supported, with 2 unrelated meanings, each confirmed"),
        (
            {"verdict": "unresolved", "reason": f"not surely above token_lookup_30, since {LIST_IS_BETTER}"},
            "unresolved: it is not surely better than a list of 30 words, since a list of words predicts better",
        ),
        (
            {"verdict": "unresolved", "reason": "not surely above null; too few passed tests: minimal pair"},
            "unresolved: explanations of other neurons may do as well; too few passed tests: one word changed",
        ),
        (
            {"verdict": "unresolved", "reason": "constant; experiments alone (passed 7 of 8 minimal pairs)"},
            "unresolved: constant; experiments alone (passed 7 of 8 one word changed)",
        ),
        ({"verdict": "unresolved", "reason": UNSETTLED}, f"unresolved: {UNSETTLED}"),
        ({"verdict": "noise"}, "noise: it fires, but nothing in the nearby text predicts when"),
        ({"verdict": "dead", "explanation": None}, "dead: it never fires on this text"),
        ({"verdict": "<odd>"}, "<odd>"),
        ({"verdict": None}, "not settled"),
    ],
)  # fmt: skip
def test_the_verdict_is_in_a_persons_words(change, verdict) -> None:
    assert found(sample_result() | change).verdict.startswith(verdict)


def test_the_score_says_of_what_it_is_and_who_read_it() -> None:
    assert found(sample_result()).score == "r = 0.61 on unseen text (0.55 to 0.66), read by lexical"
    assert found(sample_result_v1()).score.endswith("(0.55 to 0.66), read by rules")
    again = found(sample_result() | {"sealed_reused": True}).score
    assert again == "r = 0.61 on unseen text (0.55 to 0.66), which an earlier run had opened, read by lexical"
    assert found(sample_result() | {"score": NONE}).score == "no score on unseen text: constant"


@pytest.mark.parametrize(
    ("listed", "ruled", "better"),
    [
        (0.5, 0.6, ""),
        (0.7, 0.6, LISTED),
        (0.5, 0.8, "A rule that only a machine can read predicts better (r = 0.80)."),
        (
            0.7,
            0.8,
            f"{LISTED[:-1]}, and so does a rule that only a machine can read (r = 0.80).",
        ),
        (None, None, ""),
    ],
)
def test_what_predicts_better_is_named(listed, ruled, better) -> None:
    result = sample_result()
    for part, name, value in ((result["baselines"], "token_lookup_30", listed), (result["predictor"], "score", ruled)):
        part[name] = NONE if value is None else part[name] | {"value": value}
    assert found(result).better == better


def test_nothing_is_better_than_an_explanation_without_a_score() -> None:
    result = sample_result() | {"score": NONE}
    result["baselines"]["token_lookup_30"] |= {"value": 0.07}
    result["predictor"]["score"] |= {"value": 0.04}
    assert found(result).better == (
        "A list of 30 words (r = 0.07) and a rule that only a machine can read (r = 0.04) could be scored here."
    )


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (None, ""),
        ({"promoted": [], "test": NONE, "holds": False}, ""),
        (
            {
                "promoted": [[" the", 2], ["The", 1], [" a", 0.5]],
                "suppressed": [[" x", -1]],
                "test": TEST,
                "holds": True,
            },
            "Where it fires, it makes “the”, “a” more likely, and “x” less likely.",
        ),
        (
            {"promoted": [[" a", 2]], "suppressed": [], "holds": False, "test": TEST},
            "By its output weights, it makes “a” more likely; a test did not confirm that.",
        ),
        (
            {"promoted": [[" a", 2]], "holds": False, "test": NONE},
            "By its output weights, it makes “a” more likely; not tested.",
        ),
    ],
)
def test_what_the_neuron_does_to_the_output_is_said_as_it_was_found(output, said) -> None:
    causal = output and {"ablation_score": NONE, "beside_peers": NONE, "output": output}
    assert found(sample_result() | {"causal": causal}).output == said


def test_what_fires_is_marked_without_the_space_before_it_and_neighbours_together() -> None:
    shown = example([" in", " for", "giv", "eness", " of"], [0, 2, 3, 4, 0])
    assert pieces_of(shown, 50, 50) == [Piece(" in ", False), Piece("forgiveness", True), Piece(" of", False)]


def test_a_long_text_is_cut_at_whole_tokens_around_the_peak() -> None:
    shown = example([" word"] * 30 + [" peak"] + [" more"] * 30, [0.0] * 30 + [9.0] + [0.0] * 30)
    before, peak, after = pieces_of(shown, 12, 7)
    assert (before.text, peak, after.text) == ("… word word ", Piece("peak", True), " more…")


def test_nothing_in_a_text_moves_the_cursor() -> None:
    shown = pieces_of(example(["\x1b[2J", "\n", " ok"], [0, 0, 5]), 50, 50)
    assert shown == [Piece("\\x1b[2J⏎ ", False), Piece("ok", True)]


@pytest.mark.parametrize("odd", [7, "x", {"a": 1}, [{"tokens": [1]}], [[]]])
def test_a_result_from_elsewhere_may_hold_anything(odd) -> None:
    names = ("examples", "predictor", "baselines", "causal", "score", "label", "reason", "meanings")
    for name in names:
        assert found(sample_result() | {name: odd}).verdict


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_the_screen_holds_the_finding_alone_and_fits(width) -> None:
    text = "".join(f" w{i}" for i in range(60)).split(" ")[1:]
    long = [f" {word}" for word in text]
    result = sample_result()
    result["examples"] = [
        example(long, [float(i == 40) * 5 for i in range(60)]).model_dump() | {"level": level, "document": n}
        for n, level in enumerate(("top", "middle", "weak"))
    ]
    result |= {"verdict": "unresolved", "reason": "not surely above null; too few passed tests: predicted positive"}
    said = told(result, width)
    assert [line for line in said.split("\n") if len(line) > width] == [said.split("\n")[-1]] * (width < 72)
    assert said.count("<<w40>>") == 3
    assert len(said.split("\n")) <= 24
    assert not [word for word in NOT_FOR_A_PERSON if word in said]
    order = [said.index(one) for one in ("imports", "Fires at 9", "unresolved", "r = 0.61", "<<w40>>", "predicts")]
    assert order == sorted(order)


def test_marks_are_bold_where_a_terminal_has_it() -> None:
    said = told(sample_result(), is_coloured=True)
    assert "\x1b[1;4mimport\x1b[0m" in said
    assert "<<" not in said


def test_the_full_result_is_behind_an_option() -> None:
    short, full = told(sample_result()), told(sample_result(), is_full=True)
    for more in ("token-lookup-full", "sealed score", "budget 3 of 20", "predictor, for reference", "by plateau"):
        assert more in full
        assert more not in short
    assert "--full" in short


def test_results_of_version_1_are_shown_as_far_as_they_go() -> None:
    said = told(sample_result_v1())
    assert said.startswith("mini/L5N131\n  Fires at 9")
    assert "<<" not in said


def test_an_llm_that_failed_throughout_is_said_before_all_else() -> None:
    silent = [{"explainer": "openai:M", "times": 2, "reason": "server error: HTTP 500: oops"}]
    this_time = {"calls_from_store": 0, "paid_usd": 0.0, "noticed": []}
    llm = {"limit_reached": False, "by_role": {}, "this_time": this_time}
    lines = told(sample_result() | {"llm": llm | {"silent": silent}}).split("\n")
    assert " ".join(" ".join(lines[:2]).split()) == (
        "openai:M failed all 2 times that it was asked and wrote no explanation: server error: HTTP 500: oops. What "
        "follows was found without it."
    )
    spent = {"input_tokens": 1, "output_tokens": 1, "estimated": False, "usd": None}
    by_role = {"simulator": {"calls": 7, "failed": 7} | spent}
    said = told(sample_result() | {"llm": llm | {"by_role": by_role}}).strip()
    assert said.startswith("All 7 simulations by an LLM failed")
    for calls, failed in ((7, 6), (0, 0)):
        fine = {"by_role": {"simulator": {"calls": calls, "failed": failed} | spent}}
        assert found(sample_result() | {"llm": llm | fine}).failed == ""
    for odd in ({}, 3):
        assert found(sample_result() | {"llm": odd}).failed == ""


def test_who_wrote_and_read_an_explanation_is_told_in_full_alone() -> None:
    own = sample_result() | {"reader": "openai:M", "reads_its_own": True}
    line = "openai:M wrote this explanation and also simulated it"
    assert line in " ".join(told(own, is_full=True).split())
    assert line not in told(own)
    assert "also simulated it" not in told(sample_result(), is_full=True)


def test_where_the_null_came_from_is_told_in_full() -> None:
    null = {"null_from": {"results": 2, "kept": 1, "asked": 3}, "null_by_twins": 6}
    shown = " ".join(told(sample_result() | null, is_full=True).split())
    assert (
        "null: explanations of other neurons, 2 from other runs' results, 1 from the LLM's replies in other "
        "runs, 3 asked of the LLM; 6 were scored by their lexical twins, and the best was simulated" in shown
    )
    assert "null: explanations of other neurons" not in told(sample_result(), is_full=True)
