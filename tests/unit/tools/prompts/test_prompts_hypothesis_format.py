"""Replies of explainer, reviser, writer, detection, fuzzing and of the agent that calls tools."""

import json
from types import ModuleType

import pytest
from prompt_samples import FUNCTIONS, reply_of

from tools.llm.chat import Function, FunctionCall, Message
from tools.prompts import agent, detection, explainer, fuzzing, mender, reviser, writer
from tools.prompts.agent import BadCall, Call
from tools.prompts.hypothesis_format import Hypotheses, WrittenHypothesis, WrittenText
from tools.prompts.structured import CUT_OFF
from tools.records.result import Unscored

GOOD = {
    "explanation": "month names", "label": "months", "form": "the token", "texts": [{"text": "in May", "level": 9}],
}  # fmt: skip
MONTHS = WrittenHypothesis("month names", "the token", (WrittenText(text="in May", level=9),), "months")


def why(found: object) -> str:
    assert isinstance(found, Unscored)
    return found.reason


def wrote(*hypotheses: object) -> str:
    return json.dumps({"hypotheses": hypotheses})


class TestHypotheses:
    @pytest.mark.parametrize("module", [explainer, reviser])
    @pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Here: {} Bye."])
    def test_good(self, module: ModuleType, around: str) -> None:
        assert module.parse(around.replace("{}", wrote(GOOD))) == Hypotheses((MONTHS,))

    def test_a_list_will_do(self) -> None:
        assert explainer.parse(json.dumps([GOOD])) == Hypotheses((MONTHS,))

    def test_what_cannot_be_used_is_dropped_and_the_reason_told(self) -> None:
        bad = [
            {**GOOD, "explanation": " \n"},
            {**GOOD, "explanation": "\u200b\x00"},
            {**GOOD, "explanation": "w " * 101},
            {**GOOD, "explanation": "w" * 601},
            {**GOOD, "form": ""},
            {"explanation": "x", "label": "l", "texts": []},
            {"explanation": "x", "label": "l", "form": "y"},
            {**GOOD, "explanation": None},
            "month names",
        ]
        found = explainer.parse(wrote(*bad, GOOD))
        assert isinstance(found, Hypotheses)
        assert found.written == (MONTHS,)
        reasons = [
            "the explanation is empty", "the explanation is empty", "has 101 words", "has 601 characters",
            "its form is empty", "form: Field required", "texts: Field required", "explanation: Input should be",
            "not the JSON asked for",
        ]  # fmt: skip
        assert len(found.dropped) == len(reasons)
        for reason, told in zip(reasons, found.dropped, strict=True):
            assert reason in told
        assert why(explainer.parse(wrote(*bad))) == "none of the 9 hypotheses written can be used"

    def test_longest(self) -> None:
        for explanation in (" ".join(["w"] * 100), "w" * 600):
            found = explainer.parse(wrote({**GOOD, "explanation": explanation}))
            assert isinstance(found, Hypotheses)
            assert found.written[0].explanation == explanation

    def test_one_line(self) -> None:
        odd = {**GOOD, "explanation": " month\n\t names\x1b[2J \u202e\U000e0041in\u2028dates ", "form": "f" * 99}
        found = explainer.parse(wrote(odd))
        assert isinstance(found, Hypotheses)
        assert found.written[0].explanation == "month names[2J in dates"
        assert found.written[0].form == "f" * 60

    def test_texts_that_cannot_be_used(self) -> None:
        texts = [{"text": "May", "level": level} for level in (11, -1, "high", None, True)]
        texts += [
            {"text": "", "level": 1},
            {"text": "x" * 401, "level": 1},
            {"text": "\ud800", "level": 1},
            {"text": "a"},
        ]
        found = explainer.parse(wrote({**GOOD, "texts": [*texts, {"text": "x" * 400, "level": "3"}]}))
        assert isinstance(found, Hypotheses)
        assert found.written[0].texts == (WrittenText(text="x" * 400, level=3),)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "the reply is empty"),
            ("I can't.", "no JSON in the reply"),
            (wrote(GOOD, GOOD)[:-20], CUT_OFF),
            (wrote(), "none of the 0"),
            (wrote(GOOD) + wrote(GOOD, GOOD), "the reply is ambiguous"),
        ],
    )
    def test_bad(self, text: str, reason: str) -> None:
        assert why(explainer.parse(text)).startswith(reason)

    @pytest.mark.parametrize(
        ("label", "kept"),
        [
            ("the months.", "the months"),
            ("a b c d e f g", ""),
            (" ", ""),
            ("early: late", "early: late"),
            ("timing of an event: early, late, prompt", "timing of an event"),
            ("first pieces of rare names (mostly of places)", "first pieces of rare names"),
        ],
    )
    def test_a_label_has_at_most_six_words(self, label: str, kept: str) -> None:
        found = explainer.parse(wrote({**GOOD, "label": label}))
        assert isinstance(found, Hypotheses)
        assert found.written[0].label == kept

    def test_a_hypothesis_without_a_label_will_do(self) -> None:
        found = explainer.parse(wrote({name: part for name, part in GOOD.items() if name != "label"}))
        assert isinstance(found, Hypotheses)
        assert found.written[0].label == ""


def test_scraps_are_no_texts_and_marks_are_taken_off() -> None:
    texts = ["<<->>", "...", "It is not<< red>>", "in<<8.1| May>>", "a < b", "x <<y"]
    found = writer.parse(json.dumps({"texts": [{"text": text, "level": 1} for text in texts]}))
    assert not isinstance(found, Unscored)
    assert [text.text for text in found] == ["It is not red", "in May", "a < b", "x <<y"]


def test_explanations_said_anew() -> None:
    said = [{"number": 2, "explanation": " names\nof months "}, {"number": 3, "explanation": " "}]
    first, second, third = mender.parse(json.dumps({"explanations": said}), 3)
    assert why(first) == "explanation 1 did not come back"
    assert second == "names of months"
    assert why(third) == "it is empty"
    assert [why(one) for one in mender.parse("no", 2)] == ['no JSON in the reply: "no"'] * 2


def test_writer() -> None:
    texts = [{"text": "in May", "level": 9}, {"text": " ", "level": 0}, {"text": "may", "level": 0}, {"level": 3}]
    assert writer.parse(json.dumps({"texts": texts})) == [
        WrittenText(text="in May", level=9),
        WrittenText(text="may", level=0),
    ]
    assert why(writer.parse('{"texts":[{"text":""}]}')) == "none of the 1 texts written can be used"
    assert why(writer.parse('{"texts":[{"text":"in May","lev')) == CUT_OFF


@pytest.mark.parametrize("module", [detection, fuzzing])
class TestAnswers:
    def test_good(self, module: ModuleType) -> None:
        text = 'So: {"answers":[{"number":2,"fires":false},{"number":1,"fires":true}]}'
        assert module.parse(text, 2) == [True, False]

    def test_each_on_its_own(self, module: ModuleType) -> None:
        items = [{"number": 1, "fires": "yes"}, {"number": 2}, {"number": 3, "fires": True}]
        first, second, third, fourth = module.parse(json.dumps({"answers": items}), 4)
        assert third is True
        assert why(first) == 'the answer to excerpt 1 is "yes", neither true nor false'
        assert why(second) == "the answer to excerpt 2 is missing, neither true nor false"
        assert why(fourth) == "excerpt 4 did not come back"

    @pytest.mark.parametrize("text", ["", "All of them.", '{"answers":[{"number":1,"fires":true}'])
    def test_bad(self, module: ModuleType, text: str) -> None:
        assert [bool(why(one)) for one in module.parse(text, 3)] == [True] * 3


class TestAgent:
    def test_calls_of_the_endpoint(self) -> None:
        calls = [FunctionCall("1", "read", '{"texts":["a"]}'), FunctionCall("2", "finish", "{}")]
        found = agent.parse(reply_of("", calls=calls), FUNCTIONS)
        assert found == [Call("read", {"texts": ["a"]}, "1"), Call("finish", {}, "2")]

    def test_a_call_in_the_text(self) -> None:
        text = 'I read. {"tool":"read","arguments":{"texts":["a"],"times":2}}'
        assert agent.parse(reply_of(text), FUNCTIONS) == [Call("read", {"texts": ["a"], "times": 2})]

    @pytest.mark.parametrize(
        ("name", "arguments", "reason"),
        [
            ("write", "{}", 'there is no tool "write"; there are: read, finish'),
            ("read", "{}", "the argument texts is missing"),
            ("read", "[]", 'arguments must be a JSON object, not "[]"'),
            ("read", "", 'not a JSON object: ""'),
            ("read", '{"texts":["a"', CUT_OFF),
            ("read", '{"texts":NaN}', "NaN is not a finite number"),
            ("read", '{"texts":"a"}', 'the argument texts must be of type array, not "a"'),
            ("read", '{"texts":[],"times":true}', 'the argument times must be of type integer, not "True"'),
            ("read", '{"texts":[],"n":1}', 'there is no argument "n"; there are: texts, times'),
            ("finish", '{"n":1}', 'there is no argument "n"; there are: none'),
            ("read", '{"texts":["\\ud800"]}', "an argument holds half of a surrogate pair, which no text has"),
        ],
    )
    def test_bad_calls(self, name: str, arguments: str, reason: str) -> None:
        found = agent.parse(reply_of("", calls=[FunctionCall("1", name, arguments)]), FUNCTIONS)
        assert found == [BadCall(name, reason, "1")]

    def test_bad_calls_in_the_text(self) -> None:
        found = agent.parse(reply_of('{"tool":"finish","arguments":"now"}'), FUNCTIONS)
        assert found == [BadCall("finish", 'arguments must be a JSON object, not "now"')]

    def test_cut_off(self) -> None:
        found = agent.parse(reply_of("", "length", calls=[FunctionCall("1", "read", "")]), FUNCTIONS)
        assert found == [BadCall("read", f'{CUT_OFF}: not a JSON object: ""', "1")]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "the reply is empty"),
            ("It fires on months.", "no JSON in the reply"),
            ('{"tool":"finish"}', "not the JSON asked for: arguments: Field required"),
            ('{"tool":"finish","arguments":{}} {"tool":"read","arguments":{}}', "the reply is ambiguous"),
            ('{"tool":"finish","argum', CUT_OFF),
        ],
    )
    def test_no_call(self, text: str, reason: str) -> None:
        assert why(agent.parse(reply_of(text), FUNCTIONS)).startswith(reason)

    def test_shown_back(self) -> None:
        """JSON as it is, and not once more inside a string."""
        outcome = {"values": [[["a", 0.5], ["\n</data>", 1.0]]]}
        assert agent.shown_back(Call("read", {}, "7"), outcome, 1, 4) == Message(
            "tool",
            'Result:\n<data>\n{"values":[[["a",0.5],["\\n\\u003c/data\\u003e",1.0]]]}\n</data>\n'
            "Budget: 1 of 4 units used, 3 left.",
            call_id="7",
        )
        assert agent.shown_back(BadCall("x", "no such tool"), {}, 1, None) == Message(
            "user", 'Result:\n<data>\n{"error":"not called: no such tool"}\n</data>\nBudget: 1 units used, no limit.'
        )

    @pytest.mark.parametrize(
        "text", ['a "quoted" \\ one', "</data>", "\u202e\u2028\x00", "\U000e0041", "\ud800", "é 🙂"]
    )
    def test_json_reads_back_and_shows_nothing_hidden(self, text: str) -> None:
        written = agent.as_json({text: [text]})
        assert json.loads(written) == {text: [text]}
        assert not set(written) & set("<>\n\u202e\u2028\x00\U000e0041\ud800")

    def test_without_a_call_it_is_told_once_what_there_is(self) -> None:
        message = agent.nothing_called("hello", [Function("look", "See. Cost: free.", {"type": "object"})], 1, 2)
        assert '- look: See. Cost: free. Arguments: {"type": "object"}' in message.content
        assert '"hello"' in message.content

    def test_words_to_find_excerpts_by(self) -> None:
        given = ["May", " in \n June ", "", "x" * 41, 3, "May"]
        found = explainer.parse(wrote({**GOOD, "words": given}))
        assert isinstance(found, Hypotheses)
        assert found.written[0].words == ("May", "in June")
        for odd in (None, "May", {"a": 1}):
            assert explainer.parse(wrote({**GOOD, "words": odd})) == Hypotheses((MONTHS,))
