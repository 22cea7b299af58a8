"""JSON found in replies of all kinds, the schema asked for, and tokens lined up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_samples import unhurried
from pydantic import BaseModel

from tools.prompts.alignment import aligned, level_of
from tools.prompts.numbered import by_number
from tools.prompts.quoting import escaped, quoted
from tools.prompts.structured import CUT_OFF, brief, decoded, parsed, schema_of, validated
from tools.records.result import Unscored


class Point(BaseModel):
    """Two numbers."""

    x: int
    y: float = 0.5


class Points(BaseModel):
    points: list[Point]


WHOLE = '{"points":[{"x":1,"y":2}]}'


def why(found: object) -> str:
    assert isinstance(found, Unscored)
    return found.reason


class TestParsed:
    @pytest.mark.parametrize(
        "text",
        [
            WHOLE,
            f"```json\n{WHOLE}\n```",
            f"Here you go: {WHOLE}\nAnything else?",
            f'I\'d say "it" [see 1] fires. {WHOLE} {{so',
            f"A smile :{{ and then {WHOLE}",
            f"{WHOLE}\n{WHOLE}",  # said twice, and the same
            '[{"x":1,"y":2}]',
            '{"points":[{"x":1,"y":2}],"remark":"} ]"}',
            'x [1] y {"points":[{"x":1,"y":2}]}',
        ],
    )
    def test_found(self, text: str) -> None:
        assert parsed(text, Points) == Points(points=[Point(x=1, y=2)])

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "the reply is empty"),
            (" \n", "the reply is empty"),
            ("I cannot help with that.", 'no JSON in the reply: "I cannot help with that."'),
            ('{"points":[{"x":1,"y":2}]', CUT_OFF),
            ('{"points":[{"x":1,"y":2},{"x"', CUT_OFF),
            ('{"points":[{"x":1,"y":"a', CUT_OFF),
            ('{"points":[{"x":1,"y":NaN}]}', "NaN is not a finite number"),
            ('{"points":[{"x":1,"y":-Infinity}]}', "-Infinity is not a finite number"),
            ('{"points":[{"x":1,"y":1e999}]}', '"1e999" is not a finite number'),
            ('{"points":[{"x":' + "9" * 5000 + "}]}", "a number of 5000 digits"),
            ('{"points":[{"x":1,"x":2}]}', 'the key "x" stands twice in one object'),
            ('{"points":[{"x":"many"}]}', "not the JSON asked for: points.0.x: "),
            ('{"other":1}', "not the JSON asked for: points: Field required"),
            ("{x}", 'not JSON: "{x}"'),
            ("[" * 100_000, "JSON is nested more than 32 levels deep"),
            ('{"a":' * 100_000, "JSON is nested more than 32 levels deep"),
            ("x" * 1_000_001, "the reply is too long: 1000001 characters"),
            (WHOLE + '{"points":[]}', "the reply is ambiguous: it holds 2 different answers"),
        ],
    )
    def test_not_found(self, text: str, reason: str) -> None:
        assert why(parsed(text, Points)).startswith(reason)

    @pytest.mark.parametrize("piece", ["[}", "{]", '"[', '["', "[{}", "[]", '{"', "\\", '"\\'])
    def test_nonsense_at_length_takes_no_time(self, piece: str) -> None:
        assert why(parsed(piece * 10_000, Points))

    def test_a_reason_can_be_printed_and_is_short(self) -> None:
        reason = why(parsed("\ud800\x1b</data>\n" * 100, Points))
        assert reason.isprintable()
        assert len(reason) < 120
        assert brief("a" * 80) == f'"{"a" * 80}"'
        assert brief("a" * 81) == f'"{"a" * 77}..."'

    def test_decoded(self) -> None:
        assert decoded(' {"a":[1]} ') == {"a": [1]}
        assert why(decoded("")) == 'not a JSON object: ""'
        assert why(decoded('{"a":1} {"b":2}')).startswith("not a JSON object")
        assert why(decoded('{"a":1')) == CUT_OFF
        assert why(decoded('{"a":NaN}')) == "NaN is not a finite number"
        assert why(decoded("{a}")) == 'not JSON: "{a}"'
        assert why(decoded("7")).startswith("not a JSON object")


def test_schema_is_closed_and_flat() -> None:
    assert schema_of(Points) == {
        "type": "object",
        "properties": {
            "points": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"x": {"type": "integer"}, "y": {"type": "number"}},
                    "required": ["x", "y"],
                    "additionalProperties": False,
                    "description": "Two numbers.",
                },
            }
        },
        "required": ["points"],
        "additionalProperties": False,
    }


def test_validated() -> None:
    assert validated({"x": 1}, Point) == Point(x=1)
    assert why(validated(None, Point)).startswith("not the JSON asked for: Input should be")


class TestLevels:
    @pytest.mark.parametrize(
        ("raw", "level"),
        [(0, 0.0), (10, 10.0), (3.5, 3.5), ("7", 7.0), (" 10 ", 10.0), ("2.5", 2.5), ("0", 0.0)],
    )
    def test_taken(self, raw: object, level: float) -> None:
        assert level_of(raw) == level

    @pytest.mark.parametrize(
        "raw",
        [
            11,
            -3,
            "high",
            "",
            None,
            True,
            False,
            [],
            {},
            float("nan"),
            float("inf"),
            10.01,
            "11",
            "-1",
            "1e1",
            "٣",
            10**400,
        ],
    )
    def test_refused(self, raw: object) -> None:
        assert level_of(raw) is None


class TestAligned:
    def test_same_number_by_position(self) -> None:
        given = [("the", 1), ("MAY", "2"), ("\\n", 3), ("</b>", 4), ("?", 5)]
        found = aligned(("The", " May", "\n", "</b>", "\ufffd"), given)
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.float64
        assert found.tolist() == [1, 2, 3, 4, 5]

    def test_same_number_but_other_tokens(self) -> None:
        found = aligned(("a", "b", "c", "d"), [("a", 0), ("b", 0), ("x", 0), ("d", 0)])
        assert why(found) == "only 3 of the 4 tokens that came back are those asked for"

    def test_extra_tokens_are_dropped(self) -> None:
        given = [("<start>", "none"), (" a", 1), ("b", 2), ("```", -3)]
        assert np.array_equal(aligned(("a", "b"), given), [1, 2])

    def test_a_repeated_token_with_one_level_is_clear(self) -> None:
        assert np.array_equal(aligned(("a", "b"), [("a", 1), ("a", 1), ("b", 2)]), [1, 2])

    def test_a_repeated_token_with_two_levels_is_not(self) -> None:
        found = aligned(("a", "b"), [("a", 1), ("a", 3), ("b", 2)])
        assert why(found) == "2 tokens were asked for, 3 came back, and they cannot be lined up in one way only"

    def test_a_level_in_the_middle_of_the_ways(self) -> None:
        given = [("a", 1), ("a", 9), ("a", 1), ("b", 2)]
        assert "in one way only" in why(aligned(("a", "b"), given))

    def test_too_few(self) -> None:
        found = aligned(["x"] * 64, [("x", 0)] * 61)
        assert why(found) == "64 tokens were asked for, 61 came back, and they cannot be lined up"

    @pytest.mark.parametrize("level", [11, -3, "high", None, True])
    def test_a_level_out_of_range_is_not_cut(self, level: object) -> None:
        reason = why(aligned(("a", "b"), [("a", 1), ("b", level)]))
        assert reason == f'the level of token 2 is "{level}", not a number from 0 to 10'

    def test_nothing_asked(self) -> None:
        assert np.array_equal(aligned((), []), [])

    @unhurried
    @given(
        st.lists(st.tuples(st.text(alphabet="ab< \n", max_size=2), st.integers(0, 10)), min_size=1, max_size=6),
        st.data(),
    )
    def test_as_copied(self, pairs: list[tuple[str, int]], data: st.DataObject) -> None:
        writings = st.sampled_from([str, escaped, quoted, str.upper])
        given = [(data.draw(writings)(token), level) for token, level in pairs]
        assert np.array_equal(aligned([token for token, _ in pairs], given), [level for _, level in pairs])

    @unhurried
    @given(
        st.lists(st.sampled_from("ab"), max_size=4),
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=7),
    )
    def test_all_ways_agree(self, expected: list[str], given: list[tuple[str, int]]) -> None:
        from itertools import combinations

        if len(expected) == len(given):
            return
        ways = {
            tuple(given[i][1] for i in rows)
            for rows in combinations(range(len(given)), len(expected))
            if [given[i][0] for i in rows] == expected
        }
        found = aligned(expected, given)
        if len(ways) == 1:
            assert np.array_equal(found, next(iter(ways)))
        else:
            assert isinstance(found, Unscored)


class TestByNumber:
    def test_each_to_its_question(self) -> None:
        items = [{"number": 3, "a": 1}, {"number": "1"}, {"number": 4}, {"number": 4}, "x", {"number": True}, {}]
        first, second, third, fourth = by_number(items, 4, "text")
        assert (first, third) == ({"number": "1"}, {"number": 3, "a": 1})
        assert why(second) == "text 2 did not come back"
        assert why(fourth) == "text 4 came back 2 times"

    @pytest.mark.parametrize("number", [0, 3, -1])
    def test_numbers_that_were_not_asked_for(self, number: int) -> None:
        found = by_number([{"number": 1}, {"number": number}], 2, "text")
        assert [why(answer) for answer in found] == [f"text {number} came back, and only 1 to 2 were asked for"] * 2

    def test_another_number_than_the_only_one_that_was_asked_for(self) -> None:
        (found,) = by_number([{"number": 1}, {"number": 2}], 1, "text")
        assert why(found) == "text 2 came back, and only 1 was asked for"
