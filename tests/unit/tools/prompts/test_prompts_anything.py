"""Whatever an endpoint sends: a typed result or `Unscored`, never an exception, and never a level out of range."""

import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prompt_samples import FUNCTIONS, reply_of, unhurried

from tools.llm.chat import ChatReply, FunctionCall, TokenChoice
from tools.prompts import (
    agent,
    detection,
    explainer,
    fuzzing,
    reviser,
    simulator,
    simulator_last,
    simulator_last_rivals,
    simulator_lines,
    simulator_rivals,
    simulator_token,
    writer,
)
from tools.prompts.hypothesis_format import Hypotheses, WrittenText
from tools.records.result import Unscored

TOKENS = ("a", "\n", " May")
VALID = [
    json.dumps({"excerpts": [{"number": n, "active": [{"row": 1, "token": TOKENS[0], "level": 10}]} for n in (1, 2)]}),
    json.dumps({"active": [{"row": 1, "token": t, "level": 3} for t in TOKENS]}),
    '"a"\t0\n"\\n"\t10\n" May"\t1\n',
    "10",
    "Level: 7",
    '{"levels":{"1":7,"2":10}}',
    '{"hypotheses":[{"explanation":"a b","label":"l","form":"c","texts":[{"text":"d","level":9}]}]}',
    '{"texts":[{"text":"d","level":9},{"text":"e","level":0}]}',
    '{"answers":[{"number":1,"fires":true},{"number":2,"fires":false}]}',
    '{"tool":"read","arguments":{"texts":["a"],"times":2}}',
]
PIECES = [
    *'"{}[],:\\\t\n10-.',
    *("e999", "NaN", "null", "true", "\\ud800", "\ud800", "</data>", "9" * 4400, "[" * 50, "```", "٣"),
    *('"level":', '"number":'),
]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A valid reply after a few deletions, repetitions and replacements, of anything from a character up."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 1, 2, 5, 20, 60])))
        new = draw(st.one_of(st.just(""), st.just(text[start:end] * 2), st.sampled_from(PIECES), st.text(max_size=3)))
        text = text[:start] + new + text[end:]
    return text


replies = st.one_of(st.text(alphabet=st.characters(), max_size=40), damaged(), st.sampled_from(VALID))
finishes = st.sampled_from(["stop", "length", "tool_calls", "?"])
log_probabilities = st.one_of(st.floats(), st.sampled_from([0.0, -0.5, -1.0, -9999.0, -math.inf]))
alternatives = st.tuples(st.sampled_from(["1", "0", "10", " 7", "\t3", "x", "", "11", "\n", "7."]), log_probabilities)


@st.composite
def logged(draw: st.DrawFn) -> ChatReply:
    """A reply cut into tokens anywhere, with any alternatives to each."""
    text = draw(replies)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    tokens = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    choices = []
    for token in tokens:
        others = draw(st.lists(alternatives, max_size=3))
        choices.append(TokenChoice(token, ((token, -0.1), *others) if draw(st.booleans()) else tuple(others)))
    return reply_of(text, draw(finishes), draw(st.sampled_from([choices, choices, None])))


def check_levels(found: object, n: int) -> None:
    if isinstance(found, Unscored):
        assert found.reason.isprintable()
    else:
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.float64
        assert found.shape == (n,)
        assert ((found >= 0) & (found <= 10)).all()


@unhurried
@given(replies, finishes, st.integers(1, 2))
def test_simulator(text: str, finish: str, n: int) -> None:
    found = simulator.parse(reply_of(text, finish), [TOKENS] * n)
    assert len(found) == n
    for one in found:
        check_levels(one, len(TOKENS))


@unhurried
@given(replies, finishes, st.integers(1, 3))
def test_simulator_of_rivals(text: str, finish: str, n: int) -> None:
    found = simulator_rivals.parse(reply_of(text, finish), n, [TOKENS] * 2)
    assert len(found) == n
    for own in found:
        for one in [own] if isinstance(own, Unscored) else own:
            check_levels(one, len(TOKENS))
        assert isinstance(own, Unscored) or len(own) == 2


@unhurried
@given(replies, st.integers(1, 3), st.integers(1, 3))
def test_last_of_rivals(text: str, n: int, n_texts: int) -> None:
    found = simulator_last_rivals.parse(text, n, n_texts)
    assert len(found) == n
    for own in found:
        assert len(own) == n_texts
        for one in own:
            check_levels(one if isinstance(one, Unscored) else np.array([one]), 1)


@unhurried
@given(logged())
def test_simulator_with_log_probabilities(reply: ChatReply) -> None:
    found = simulator_lines.parse(reply, TOKENS)
    check_levels(found if isinstance(found, Unscored) else found.values, len(TOKENS))
    one = simulator_token.parse(reply)
    check_levels(one if isinstance(one, Unscored) else np.array([one.value]), 1)


@unhurried
@given(replies, st.integers(1, 3))
def test_last(text: str, n: int) -> None:
    found = simulator_last.parse(text, n)
    assert len(found) == n
    for one in found:
        check_levels(one if isinstance(one, Unscored) else np.array([one]), 1)


@unhurried
@given(replies)
def test_written(text: str) -> None:
    for module in (explainer, reviser):
        found = module.parse(text)
        assert isinstance(found, (Unscored, Hypotheses))
        if isinstance(found, Hypotheses):
            assert found.written
            for hypothesis in found.written:
                assert 0 < len(hypothesis.explanation) <= 600
                assert hypothesis.explanation.isprintable()
                assert all(isinstance(text, WrittenText) and 0 <= text.level <= 10 for text in hypothesis.texts)
    texts = writer.parse(text)
    assert isinstance(texts, Unscored) or all(0 < len(one.text) <= 400 and 0 <= one.level <= 10 for one in texts)


@unhurried
@given(replies, st.integers(1, 5))
def test_answers(text: str, n: int) -> None:
    for module in (detection, fuzzing):
        found = module.parse(text, n)
        assert len(found) == n
        assert all(isinstance(one, (bool, Unscored)) for one in found)


@unhurried
@given(
    replies,
    st.lists(st.builds(FunctionCall, st.text(), st.sampled_from(["read", "x", ""]), replies), max_size=2),
    finishes,
)
def test_agent(text: str, calls: list[FunctionCall], finish: str) -> None:
    found = agent.parse(reply_of(text, finish, calls=calls), FUNCTIONS)
    if isinstance(found, Unscored):
        assert found.reason.isprintable()
    else:
        assert len(found) == (len(calls) or 1)
        for call in found:
            assert isinstance(call, (agent.Call, agent.BadCall))
            agent.shown_back(call, text, 1, 2)
