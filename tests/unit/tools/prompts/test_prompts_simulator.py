"""Replies of the simulator: whole excerpts, lines with log probabilities computed by hand, one token, last tokens."""

import json
import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest
from prompt_samples import reply_of

from tools.llm.chat import ChatReply, TokenChoice
from tools.prompts import (
    simulator,
    simulator_last,
    simulator_last_rivals,
    simulator_lines,
    simulator_rivals,
    simulator_token,
)
from tools.prompts.alignment import rows_of
from tools.prompts.quoting import MACHINE_LANGUAGE, READABLE_LANGUAGE, how_to_read
from tools.prompts.simulator_lines import Line, lines_in
from tools.prompts.structured import CUT_OFF
from tools.records.result import Unscored

TOKENS = (" in", " May", "\n")


def why(found: object) -> str:
    assert isinstance(found, Unscored)
    return found.reason


def levels(found: object) -> list[float]:
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float64
    return [float(level) for level in found]


def excerpt(number: int, *active: tuple[object, object, object]) -> dict[str, object]:
    return {"number": number, "active": [{"row": i, "token": t, "level": level} for i, t, level in active]}


def whole(*excerpts: object) -> str:
    return json.dumps({"excerpts": excerpts})


class TestWhole:
    good = excerpt(1, (1, " May", 9), (1, "\n", 1))

    @pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Here you go: {} Bye."])
    def test_good(self, around: str) -> None:
        (found,) = simulator.parse(reply_of(around.replace("{}", whole(self.good))), [TOKENS])
        assert levels(found) == [0, 9, 1]

    def test_nothing_active(self) -> None:
        first, second = simulator.parse(reply_of(whole(excerpt(1), excerpt(2, (1, " in", 0)))), [TOKENS, TOKENS])
        assert levels(first) == levels(second) == [0, 0, 0]

    def test_a_single_excerpt_needs_no_number(self) -> None:
        for content in ({"active": self.good["active"]}, self.good, self.good["active"]):
            (found,) = simulator.parse(reply_of(json.dumps(content)), [TOKENS])
            assert levels(found) == [0, 9, 1]

    @pytest.mark.parametrize("token", ["May", '" May"', " may ", " May", "| May"])
    def test_a_token_as_llms_copy_it(self, token: str) -> None:
        (found,) = simulator.parse(reply_of(whole(excerpt(1, (1, token, 9), (1, "|\\n", 1)))), [TOKENS])
        assert levels(found) == [0, 9, 1]

    def test_a_token_that_stands_twice_begins_another_row(self) -> None:
        asked = (*TOKENS, " may", "|", " x")
        assert rows_of(asked) == [TOKENS, (" may", "|", " x")]
        (found,) = simulator.parse(reply_of(whole(excerpt(1, (1, " May", 9), (2, " may", 3), (2, "|", 1)))), [asked])
        assert levels(found) == [0, 9, 0, 3, 1, 0]
        assert [len(row) for row in rows_of([str(n) for n in range(25)])] == [12, 12, 1]

    @pytest.mark.parametrize(
        ("active", "reason"),
        [
            ((1, " June", 9), 'row 1 has no such token: " June" came back for it'),
            ((1, " in May", 9), 'row 1 has no such token: " in May" came back for it'),
            ((0, " in", 9), "row 0 came back, and there are only 1 to 1"),
            ((2, " May", 9), "row 2 came back, and there are only 1 to 1"),
            ((1, " May", 11), 'the level of " May" in row 1 is "11", not a number from 0 to 10'),
            ((1, " May", None), 'the level of " May" in row 1 is "None", not a number from 0 to 10'),
            (("two", " May", 9), "not the JSON asked for: active.0.row: Input should be a valid integer"),
        ],
    )
    def test_row_and_token_must_agree(self, active: tuple[object, object, object], reason: str) -> None:
        other = excerpt(2, (1, "a", 4))
        first, second = simulator.parse(reply_of(whole(excerpt(1, active), other)), [TOKENS, ("a",)])
        assert why(first).startswith(reason)
        assert levels(second) == [4]

    def test_a_place_that_came_twice(self) -> None:
        (found,) = simulator.parse(reply_of(whole(excerpt(1, (1, " May", 9), (1, "may", 9)))), [TOKENS])
        assert why(found) == '"may" of row 1 came back twice'

    def test_all_tokens_without_their_rows_are_no_answer(self) -> None:
        echo = {"number": 1, "tokens": [{"token": token, "level": 0} for token in TOKENS]}
        for reply in (whole(echo), '" in"\t0\n" May"\t9\n"\\n"\t1'):
            (found,) = simulator.parse(reply_of(reply), [TOKENS])
            assert isinstance(found, Unscored)

    def test_a_bad_excerpt_spoils_no_other(self) -> None:
        strange, odd = excerpt(2, (1, "a", 11)), {"number": 3, "active": "none"}
        first, *others = simulator.parse(reply_of(whole(odd, self.good, strange)), [TOKENS, ("a",), ("b",), ("c",)])
        assert levels(first) == [0, 9, 1]
        assert [why(other) for other in others] == [
            'the level of "a" in row 1 is "11", not a number from 0 to 10',
            "not the JSON asked for: active: Input should be a valid list",
            "excerpt 4 did not come back",
        ]

    def test_a_number_that_came_twice(self) -> None:
        asked = [TOKENS, ("a",)]
        first, second = simulator.parse(reply_of(whole(self.good, excerpt(2, (1, "a", 1)), self.good)), asked)
        assert why(first) == "excerpt 1 came back 2 times"
        assert levels(second) == [1]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "the reply is empty"),
            ("I'm sorry, I can't do that.", "no JSON in the reply"),
            (whole(good)[:-30], CUT_OFF),
            (whole(good).replace("9", "NaN"), "NaN is not a finite number"),
            (whole(good) + whole(), "the reply is ambiguous"),
        ],
    )
    def test_bad(self, text: str, reason: str) -> None:
        for asked in ([TOKENS], [TOKENS, TOKENS]):
            found = simulator.parse(reply_of(text, finish="length"), asked)
            assert len(found) == len(asked)
            assert all(why(one).startswith(reason) for one in found)


def test_lines() -> None:
    text = 'a\t1\n"b c"  2\nchatter 3\n```\n\t4\r\nx \t y\t5\n"q\t6'
    assert [(line.token, line.level) for line in lines_in(text, "stop")] == [
        ("a", "1"), ('"b c"', "2"), ("", "4"), ("x \t y", "5"), ('"q', "6"),
    ]  # fmt: skip
    assert lines_in("ab\t10", "stop") == [Line("ab", "10", 3)]
    assert lines_in("ab\t10", "length") == []


def sure(token: str) -> TokenChoice:
    return TokenChoice(token, ((token, 0.0),))


def among(token: str, probabilities: dict[str, float]) -> TokenChoice:
    return TokenChoice(token, tuple((text, math.log(p) if p else -math.inf) for text, p in probabilities.items()))


def logged(choices: Sequence[TokenChoice], finish: str = "stop") -> ChatReply:
    return reply_of("".join(c.token for c in choices), finish, choices)


class TestLines:
    def ask(self, *level: TokenChoice, finish: str = "stop") -> simulator_lines.Levels | Unscored:
        choices = [sure('" a"'), sure("\t"), sure("0"), sure('\n"'), sure('b"\t'), *level]
        return simulator_lines.parse(logged(choices, finish), (" a", "b"))

    def value(self, *level: TokenChoice) -> float:
        found = self.ask(*level)
        assert isinstance(found, simulator_lines.Levels)
        assert found.expected
        assert found.values[0] == 0
        return float(found.values[1])

    def test_expected_value(self) -> None:
        assert self.value(among("7", {"7": 0.5, "8": 0.3, "unknown": 0.2})) == pytest.approx((3.5 + 2.4) / 0.8)

    def test_alternatives_that_are_one_number(self) -> None:
        level = among("7", {"7": 0.4, " 7": 0.1, "7\n": 0.1, "\t2": 0.2, "10": 0.1, "11": 0.1, "7.5": 0.0})
        assert self.value(level) == pytest.approx((7 * 0.6 + 2 * 0.2 + 10 * 0.1) / 0.9)

    def test_ten_in_one_token(self) -> None:
        assert self.value(among("10", {"10": 0.6, "1": 0.4}), among("\n", {"\n": 1.0})) == pytest.approx(6.4)

    def test_ten_in_two_tokens(self) -> None:
        first = among("1", {"1": 0.8, "0": 0.2})
        # Of the 1's, 0.6 / (0.6 + 0.3) go on to 10: 0.8 * 2/3 of all.
        second = among("0", {"0": 0.6, "\n": 0.3, "2": 0.1})
        assert self.value(first, second) == pytest.approx(0.8 * (2 / 3) * 10 + 0.8 * (1 / 3) * 1)

    def test_one_that_might_have_been_ten(self) -> None:
        assert self.value(among("1", {"1": 1.0}), among("\n", {"\n": 0.75, "0": 0.25})) == pytest.approx(0.75 + 2.5)

    def test_one_that_ends_the_reply(self) -> None:
        assert self.value(among("1", {"1": 0.5, "3": 0.5})) == pytest.approx(2.0)

    def test_one_that_is_ended_in_its_token(self) -> None:
        assert self.value(among("1\n", {"1\n": 1.0}), among("0", {"0": 1.0})) == pytest.approx(1.0)

    def test_level_glued_to_the_token(self) -> None:
        choices = [sure('"a'), among('"\t3', {'"\t3': 0.5, '"\t5': 0.25, "4": 0.25})]
        found = simulator_lines.parse(logged(choices), ("a",))
        assert isinstance(found, simulator_lines.Levels)
        assert found.values.tolist() == pytest.approx([(1.5 + 1.25) / 0.75])

    def test_no_number_is_missing_and_not_0(self) -> None:
        for level in (TokenChoice("7", ()), TokenChoice("7", (("x", 0.0),)), TokenChoice("7", (("7", -math.inf),))):
            assert why(self.ask(level)) == "the level on line 2 is missing: no number is among the alternatives"

    def test_odd_log_probabilities(self) -> None:
        level = TokenChoice("7", (("7", 0.0), ("8", math.nan), ("9", -9999.0), ("7", 1e300)))
        assert self.value(level) == pytest.approx(7)

    @pytest.mark.parametrize("level", ["high", "11", "7.5", "-1"])
    def test_no_whole_level(self, level: str) -> None:
        assert why(self.ask(sure(level))) == f'the level on line 2 is "{level}", not a number from 0 to 10'

    def test_tokens_are_checked(self) -> None:
        choices = [sure("x\t"), sure("0"), sure("\ny\t"), sure("1")]
        assert why(simulator_lines.parse(logged(choices), ("a", "b"))).startswith("only 0 of the 2 tokens")

    def test_extra_lines_may_lack_a_level(self) -> None:
        choices = [sure("<start>\tnone\n"), sure("a\t"), sure("4"), sure("\n```")]
        found = simulator_lines.parse(logged(choices), ("a",))
        assert isinstance(found, simulator_lines.Levels)
        assert found.values.tolist() == [4]

    def test_cut_off(self) -> None:
        assert why(self.ask(sure("1"), finish="length")).startswith(CUT_OFF)
        assert isinstance(self.ask(sure("1"), sure("\n"), finish="length"), simulator_lines.Levels)
        assert why(simulator_lines.parse(reply_of('"a', "length"), ("a",))) == CUT_OFF

    def test_without_log_probabilities(self) -> None:
        for choices in (None, ()):
            found = simulator_lines.parse(reply_of('" a"\t2\n"b"\t10', choices=choices), (" a", "b"))
            assert isinstance(found, simulator_lines.Levels)
            assert not found.expected
            assert found.values.tolist() == [2, 10]

    @pytest.mark.parametrize("text", ["", "I cannot.", "7", '{"a":7}'])
    def test_no_lines(self, text: str) -> None:
        assert why(simulator_lines.parse(reply_of(text), ("a",))).startswith("no lines of levels")


class TestToken:
    @pytest.mark.parametrize("text", ["7", " 7\n", "7.", "Level: 7", "level 7"])
    def test_written(self, text: str) -> None:
        assert simulator_token.parse(reply_of(text)) == simulator_token.Level(7.0, expected=False)

    def test_expected(self) -> None:
        found = simulator_token.parse(logged([sure("Level:"), among(" 7", {" 7": 0.5, " 8": 0.5})]))
        assert found == simulator_token.Level(7.5, expected=True)

    def test_ten_in_two_tokens(self) -> None:
        found = simulator_token.parse(logged([among("1", {"1": 1.0}), among("0", {"0": 0.5, "": 0.5})]))
        assert found == simulator_token.Level(pytest.approx(5.5), expected=True)

    @pytest.mark.parametrize(
        "text", ["7 out of 10", "high", "11", "-1", "NaN", "", "I can't say", "7" * 5000, " " * 99 + "x"]
    )
    def test_bad(self, text: str) -> None:
        assert why(simulator_token.parse(reply_of(text)))
        assert why(simulator_token.parse(logged([sure(text)])))

    def test_missing(self) -> None:
        found = simulator_token.parse(logged([TokenChoice("7", (("x", 0.0),))]))
        assert why(found) == "the level at the last token is missing: no number is among the alternatives"

    def test_cut_off(self) -> None:
        assert why(simulator_token.parse(reply_of("1", "length"))) == f'{CUT_OFF}: "1"'
        assert simulator_token.parse(reply_of("1\n", "length")) == simulator_token.Level(1.0, expected=False)


class TestLast:
    def test_good(self) -> None:
        assert simulator_last.parse('{"levels":[[2,"0"],[1,7.5]]}', 2) == [7.5, 0.0]

    def test_levels_by_number_will_do(self) -> None:
        assert simulator_last.parse('{"levels":{"2":"0","1":7.5}}', 2) == [7.5, 0.0]

    def test_each_on_its_own(self) -> None:
        found = simulator_last.parse(json.dumps({"levels": [[1, 11], [2, None], [3, 3]]}), 4)
        assert found[2] == 3.0
        assert [why(found[i]) for i in (0, 1, 3)] == [
            'the level of text 1 is "11", not a number from 0 to 10',
            'the level of text 2 is "None", not a number from 0 to 10',
            "text 4 did not come back",
        ]

    def test_a_number_that_nobody_asked_for_puts_all_in_doubt(self) -> None:
        found = simulator_last.parse('{"levels":[[0,1],[1,2]]}', 2)
        assert [why(one) for one in found] == ["text 0 came back, and only 1 to 2 were asked for"] * 2

    def test_the_schema_is_no_longer_for_many_texts(self) -> None:
        few, many = (json.dumps(simulator_last.request("x", [("a",)] * n).schema) for n in (2, 48))
        assert len(many) - len(few) == 1  # the bound has another digit
        few, many = (json.dumps(simulator_last_rivals.request("xy", [("a",)] * n).schema) for n in (2, 48))
        assert len(many) - len(few) == 1

    @pytest.mark.parametrize(
        "text", ["", "Sorry.", '{"levels":[[1,7', '{"levels":7}', '{"levels":[7,8]}', '{"levels":{"1":7,"1":8}}']
    )
    def test_bad(self, text: str) -> None:
        found = simulator_last.parse(text, 2)
        assert len(found) == 2
        assert all(why(one) for one in found)


class TestRivals:
    """Several explanations in one question: each reading goes to its own explanation, or to none."""

    EXCERPTS: ClassVar = [("a", " b"), ("c",)]

    @staticmethod
    def reading(number: object, *active: list[dict[str, object]]) -> dict[str, object]:
        excerpts = [{"number": i, "active": own} for i, own in enumerate(active, 1)]
        return {"number": number, "excerpts": excerpts}

    def parse(self, *readings: dict[str, object]) -> list[object]:
        reply = reply_of(json.dumps({"explanations": readings}))
        return [
            one.reason if isinstance(one, Unscored) else [getattr(x, "reason", None) or x.tolist() for x in one]
            for one in simulator_rivals.parse(reply, 2, self.EXCERPTS)
        ]

    def test_in_any_order(self) -> None:
        b, c = [{"row": 1, "token": " b", "level": 7}], [{"row": 1, "token": "c", "level": 2}]
        assert self.parse(self.reading(2, b, []), self.reading("1", [], c)) == [
            [[0.0, 0.0], [2.0]],
            [[0.0, 7.0], [0.0]],
        ]

    def test_one_that_is_missing_or_comes_twice_is_unscored_alone(self) -> None:
        assert self.parse(self.reading(2, [], [])) == ["explanation 1 did not come back", [[0.0, 0.0], [0.0]]]
        twice = self.reading(1, [], [])
        found = self.parse(twice, twice, self.reading(2, [], []))
        assert found[0] == "explanation 1 came back 2 times"

    def test_numbers_from_0_answer_other_questions_than_they_seem_to(self) -> None:
        found = self.parse(self.reading(0, [], []), self.reading(1, [], []))
        assert found == ["explanation 0 came back, and only 1 to 2 were asked for"] * 2

    def test_an_excerpt_left_out_is_no_silence(self) -> None:
        found = self.parse(self.reading(1, []), self.reading(2, [], []))
        assert found[0] == [[0.0, 0.0], "excerpt 2 did not come back"]

    def test_a_token_of_another_row_spoils_its_excerpt_alone(self) -> None:
        found = self.parse(self.reading(1, [{"row": 1, "token": "c", "level": 3}], []), self.reading(2, [], []))
        assert "no such token" in str(found[0])
        assert found[1] == [[0.0, 0.0], [0.0]]

    def test_ends_of_texts(self) -> None:
        told = {"explanations": [{"number": 2, "levels": [[1, 0], [2, 8]]}, {"number": 1, "levels": [[2, 3]]}]}
        first, second = simulator_last_rivals.parse(json.dumps(told), 2, 2)
        assert second == [0.0, 8.0]
        assert isinstance(first[0], Unscored)
        assert first[1] == 3.0


def test_a_backquote_that_a_readable_rule_quotes_is_no_other_language() -> None:
    assert how_to_read(['Fires strongly on "but" and on "and" right after "``".']) == f"{READABLE_LANGUAGE}\n"
    assert how_to_read(["Fires on `so` (4)."]) == f"{MACHINE_LANGUAGE}\n"
