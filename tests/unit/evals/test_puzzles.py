"""Puzzles: the format, what is said of a file that is not of it, and the discrimination test."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.puzzles import blind_order, puzzle_cell, puzzle_check, puzzle_record, puzzle_tokens, read_puzzles
from evals.scorer import truth_first
from evals.suite import load_suite
from tools.errors import BadInput
from tools.records.result import Cost, ScoreValue, Unscored
from tools.roles import Simulation

PUZZLE = {
    "name": "cats",
    "explanation": "Fires on `␣cat` (8).",
    "sentences": [["The", [" cat", 8], " sat"], ["A", " dog", [" cat", 8]], ["No", " dog", " sat", " down"]],
    "false_explanations": ["Fires on `␣dog` (8).", "Fires on `␣sat` (8)."],
}


def read(content):
    return read_puzzles("p.json", content if isinstance(content, bytes) else json.dumps(content).encode())


def check(puzzle, make):
    return puzzle_check(puzzle, make(puzzle_tokens(puzzle)), np.random.default_rng(0))


def ranking(puzzle):
    return puzzle_cell(puzzle, "suite", "tournament").ranking


class Constant:
    """A reader that reads nothing from a sentence."""

    name, n_requests, cost = "constant", 0, Cost()

    def __init__(self, strings):
        self.strings = strings

    def read(self, sentences, tokens):
        silent = Simulation(np.zeros(tokens.shape, np.float32))
        return [Unscored(reason="no digits") if "dog" in one else silent for one in sentences]


def test_a_puzzle_is_read_as_it_stands() -> None:
    (puzzle,) = read({"cats": PUZZLE})
    assert puzzle.sentences[0] == (("The", 0.0), (" cat", 8.0), (" sat", 0.0))
    assert (puzzle.name, puzzle.false_explanations) == ("cats", tuple(PUZZLE["false_explanations"]))
    unnamed = {key: value for key, value in PUZZLE.items() if key != "name"} | {"dataclass_name": "Puzzle"}
    assert read({"cats": unnamed}) == [puzzle]


def test_a_puzzle_may_say_what_a_person_can_read() -> None:
    readable = PUZZLE | {"explanation": 'Fires on "cat".', "false_explanations": ['Fires on "dog".', "Fires on verbs."]}
    found = ranking(read({"cats": readable})[0])
    assert found.true.score.value == 1.0
    assert truth_first(found) is True


def test_any_reader_may_do_puzzles() -> None:
    (puzzle,) = read({"cats": PUZZLE})
    assert isinstance(puzzle_cell(puzzle, "s", "v", make_reader=Constant).score, Unscored)


class Remembering:
    """A reader that knows a sentence by its words, fails on some texts, and remembers what it was given."""

    name, n_requests, cost = "remembering", 3, Cost(tokens=70)

    def __init__(self, strings, unread=()):
        self.strings, self.unread, self.given = strings, unread, []

    def read(self, sentences, tokens):
        self.given += sentences
        words = [next(word for word in (" cat", " dog", " sat") if word.strip() in one) for one in sentences]
        return [
            Simulation(
                np.isin(tokens, [self.strings.index(word)]).astype(np.float32),
                {row: "refusal: no" for row, of in self.unread if of == word},
            )
            for word in words
        ]


def test_a_reader_is_given_the_sentences_in_an_order_that_does_not_tell() -> None:
    puzzles = load_suite("puzzles").puzzles
    places = [blind_order(puzzle).index(puzzle.explanation) for puzzle in puzzles]
    assert len({place == 0 for place in places}) == 2
    (puzzle,) = read({"cats": PUZZLE})
    (turned,) = read({"cats": PUZZLE | {"explanation": PUZZLE["false_explanations"][0], "false_explanations": [
        PUZZLE["explanation"], PUZZLE["false_explanations"][1]]}})  # fmt: skip
    given = []
    for one in (puzzle, turned):
        reader = Remembering(puzzle_tokens(one))
        puzzle_check(one, reader, np.random.default_rng(0))
        given.append(reader.given)
    assert given[0] == given[1] == blind_order(puzzle)


def test_what_was_not_read_under_one_sentence_counts_under_none() -> None:
    (puzzle,) = read({"cats": PUZZLE})
    cell = puzzle_cell(puzzle, "s", "v", make_reader=lambda strings: Remembering(strings, [(1, " dog")]))
    scores = [claim.score for claim in (cell.ranking.true, *cell.ranking.false)]
    assert [(score.n_excerpts, score.n_unscored) for score in scores] == [(2, 1)] * 3
    assert (cell.reader, cell.requests, cell.cost.tokens) == ("remembering", 3, 70)
    every = [(0, " cat"), (1, " dog"), (2, " sat")]
    nothing = puzzle_cell(puzzle, "s", "v", make_reader=lambda strings: Remembering(strings, every))
    assert nothing.score == Unscored(reason="no text was read in full: refusal: no")
    assert truth_first(nothing.ranking) is None


def test_the_true_explanation_outscores_the_false_ones() -> None:
    (puzzle,) = read({"cats": PUZZLE})
    record = puzzle_record(puzzle)
    assert (record.truth, record.scorer) == (puzzle.explanation, None)
    found = ranking(puzzle)
    assert truth_first(found) is True
    true, dog, sat = (c.score for c in (found.true, *found.false))
    assert true.value == 1.0
    # by hand: 10 tokens, 2 cats, 2 dogs, 2 sats; phi = -sqrt(2/8 * 2/8) = -0.25
    assert dog.value == sat.value == -0.25


def test_correlation_is_over_all_tokens_concatenated() -> None:
    puzzle = PUZZLE | {
        "sentences": [[["a", 3], "b"], [["a", 5], "c", "b", ["b", 1]]],
        "explanation": "Fires on `a` (9).",
    }
    (made,) = read({"cats": puzzle | {"false_explanations": []}})
    score = ranking(made).true.score
    expected = np.corrcoef([3, 0, 5, 0, 0, 1], [9, 0, 9, 0, 0, 0])[0, 1]
    assert score.value == pytest.approx(expected, abs=1e-6)


def test_what_cannot_be_simulated_is_unscored() -> None:
    (puzzle,) = read({"cats": PUZZLE})
    found = check(puzzle, Constant)
    assert found.true.score.reason.startswith("the simulation is constant")
    assert found.false[0].score == Unscored(reason="no digits")
    assert truth_first(found) is None
    assert (found.true.sentence, [one.sentence for one in found.false]) == (
        puzzle.explanation, list(puzzle.false_explanations)
    )  # fmt: skip
    silent = PUZZLE | {"sentences": [["a", "b"]], "explanation": "Fires on `a` (1)."}
    assert ranking(read({"cats": silent})[0]).true.score.reason.startswith("the puzzle is constant")


def test_free_words_are_unscored_by_the_embedded_reader_which_says_why() -> None:
    (puzzle,) = read({"cats": PUZZLE | {"explanation": "cats"}})
    cell = puzzle_cell(puzzle, "suite", "tournament")
    assert isinstance(cell.score, Unscored)
    assert "no sentence that the lexical reader understands" in cell.score.reason
    assert (cell.kind, cell.verdict, cell.error) == ("puzzle", None, None)


def test_a_cell_says_that_it_is_a_puzzle() -> None:
    cell = puzzle_cell(read({"cats": PUZZLE})[0], "suite", "tournament")
    assert isinstance(cell.score, ScoreValue)
    assert (cell.score.split, cell.score.n_excerpts, cell.recovery) == ("puzzle", 3, None)
    assert "puzzle" in cell.score.protocol
    assert isinstance(cell.baselines.null, Unscored)


def test_the_shipped_puzzles() -> None:
    puzzles = load_suite("puzzles").puzzles
    ranked = {puzzle.name: truth_first(ranking(puzzle)) for puzzle in puzzles}
    free = [name for name in ranked if "free words" in name]
    assert len(free) == 2
    assert all(ranked[name] is (None if name in free else True) for name in ranked)
    assert len(puzzles) >= 14
    assert all(len(puzzle.false_explanations) >= 2 for puzzle in puzzles)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "p.json is not JSON: "),
        (b"\xff", "p.json is not JSON: "),
        (b"[" * 100_000, "p.json is not JSON: "),
        ([], "p.json contains a list: puzzles are a JSON object, name -> puzzle."),
        (b'{"a": {}, "a": {}}', "p.json has 'a' twice: every name must be unique."),
        ({"a": 3}, "p.json, puzzle 'a' is a number: a puzzle is an object with name, explanation, "),
        ({" ": PUZZLE}, "p.json has a puzzle without a name."),
        ({"cats": PUZZLE | {"x": 1}}, "p.json, puzzle 'cats' has an unknown key x: allowed are name, explanation, "),
        ({"cats": {"name": "cats"}}, "p.json, puzzle 'cats' lacks the key explanation."),
        ({"dogs": PUZZLE}, "p.json, puzzle 'dogs' has the name 'cats' inside: use one name."),
        ({"cats": PUZZLE | {"explanation": " "}}, "p.json, puzzle 'cats': explanation must be a sentence."),
        ({"cats": PUZZLE | {"false_explanations": "no"}}, "false_explanations must be a list of sentences."),
        ({"cats": PUZZLE | {"false_explanations": [PUZZLE["explanation"]]}}, "is also among the false ones."),
        ({"cats": PUZZLE | {"explanation": "a \ud800"}}, "puzzle 'cats' has a lone surrogate, '\\ud800'"),
        ({"cats": PUZZLE | {"false_explanations": ["\udfff"]}}, "has a lone surrogate, '\\udfff'"),
        ({"\ud83d": PUZZLE | {"name": "\ud83d"}}, "puzzle '\\ud83d' has a lone surrogate"),
        ({"cats": PUZZLE | {"sentences": []}}, "sentences must be a list of at least one sentence."),
        ({"cats": PUZZLE | {"sentences": [["a"], []]}}, "sentence 2 must be a list of at least one token."),
        ({"cats": PUZZLE | {"sentences": [["a", 3]]}}, 'sentence 1, item 2 is 3: write "token" or ["token", activat'),
        ({"cats": PUZZLE | {"sentences": [[""]]}}, "sentence 1, item 1 is an empty token."),
        ({"cats": PUZZLE | {"sentences": [[["a", -1]]]}}, "item 1 has the activation -1: give a number of at least 0."),
        ({"cats": PUZZLE | {"sentences": [[["a", True]]]}}, "item 1 has the activation true: "),
        ({"cats": PUZZLE | {"sentences": [[["a", float("nan")]]]}}, "item 1 has the activation NaN: "),
        ({"cats": PUZZLE | {"sentences": [[["a", "3"]]]}}, 'item 1 has the activation "3": '),
    ],
)
def test_refusals_name_file_puzzle_and_place(content, said) -> None:
    with pytest.raises(BadInput) as error:
        read(content)
    assert said in str(error.value)
    assert str(error.value).startswith("p.json")


sentences = st.lists(
    st.lists(st.tuples(st.sampled_from(["a", " b", "c", "\n"]), st.integers(0, 10)), min_size=1, max_size=6),
    min_size=1, max_size=5,
)  # fmt: skip


@given(sentences)
@pytest.mark.slow
def test_scores_are_correlations_with_intervals_around_nothing_impossible(given) -> None:
    puzzle = PUZZLE | {"sentences": [[list(item) for item in s] for s in given], "explanation": "Fires on `a` (7)."}
    for claim in (ranking(read({"cats": puzzle})[0]).true,):
        if isinstance(claim.score, ScoreValue):
            assert -1 <= claim.score.low <= claim.score.high <= 1
            assert -1 <= claim.score.value <= 1
