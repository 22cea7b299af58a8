"""Ten thousand bad replies: none raises, and none that cannot be used gives a number."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prompt_samples import FUNCTIONS

from tools.llm.chat import ChatFailure, ChatReply, ChatRequest, Message, TokenChoice, Usage
from tools.llm.wire import packed, read_reply, unpacked
from tools.prompts import (
    agent,
    detection,
    explainer,
    fuzzing,
    lineup,
    maker,
    reviser,
    simulator,
    simulator_last,
    simulator_lines,
    simulator_token,
    writer,
)
from tools.prompts.hypothesis_format import Hypotheses
from tools.records.result import Unscored

N = 10_000
TOKENS = ("It", " is", "\n", ' "not"', " 7")
REQUEST = ChatRequest("simulator", "t/1", (Message("user", "say"),), 50)

VALID = [
    json.dumps({"excerpts": [{"number": n, "active": [{"row": 1, "token": TOKENS[0], "level": 10}]} for n in (1, 2)]}),
    json.dumps({"active": [{"row": 1, "token": t, "level": 3} for t in TOKENS]}),
    "\n".join(f"{json.dumps(t)}\t{i}" for i, t in enumerate(TOKENS)),
    "10",
    "Level: 7",
    '{"levels":{"1":7,"2":10}}',
    '{"hypotheses":[{"explanation":"a b","label":"l","form":"c","texts":[{"text":"d","level":9}]}]}',
    '{"texts":[{"text":"d","level":9},{"text":"e","level":0}]}',
    '{"texts":[{"text":"a d","words":["d"]},{"text":"e","words":[]}]}',
    '{"neuron":"C"}',
    '{"answers":[{"number":1,"fires":true},{"number":2,"fires":false}]}',
    '{"tool":"read","arguments":{"texts":["a"],"times":2}}',
]
NUMBERS = ["-1", "11", "10.5", "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "9" * 400, "0x7", "1e1", "null",
           "true", '"seven"', "[7]", '{"v":7}', "٣", "10 to 12", "-0", "1_0", "5/10"]  # fmt: skip
JUNK = ["<html><body>502 Bad Gateway</body></html>", "```json\n", "```", "\ud800", "\x00", "\u202e", "💥" * 3,
        "</data>", "[" * 60, "{" * 40, '"', "\\", "\\ud800", "<think>", "</think>", "Sure! Here you go:", "\ufeff",
        ","]  # fmt: skip
OTHERS: list[Any] = [None, True, 7, -1, 1e308, "x", "", [], {}, [None], [[]], {"a": {"b": [1]}}, 2**70, "\ud7ff", 0.5]


def mutated(text: str, rng: random.Random) -> str:
    """A reply after one to four accidents."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice([1, 1, 2, 5, 20, 80]))
        match rng.randrange(7):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:end] + text[start:]
            case 2:
                text = text[:start]
            case 3:
                digits = [i for i, c in enumerate(text) if c.isdigit()]
                if digits:
                    at = rng.choice(digits)
                    text = text[:at] + rng.choice(NUMBERS) + text[at + 1 :]
            case 4:
                text = text[:start] + rng.choice(JUNK) + text[start:]
            case 5:
                text = text * 2
            case 6:
                other = rng.choice(VALID)
                text = text[:start] + other[rng.randint(0, len(other)) :]
    return text


def logprobs_of(text: str, rng: random.Random) -> Any:
    """Log probabilities in the shape that is right, or in another one."""
    cut = [text[i : i + 3] for i in range(0, len(text), 3)] or [""]

    def value() -> Any:
        return rng.choice([-0.1, -9999.0, 0, 3.0, "-1", "x", None, True, 1e308, []])

    def entry(token: str) -> Any:
        several = [{"token": t, "logprob": value()} for t in ("1", "0", "")]
        return rng.choice(
            [
                {"token": token, "logprob": -0.1, "top_logprobs": several},
                {"token": token, "top_logprobs": rng.choice(OTHERS)},
                {"token": rng.choice(OTHERS), "top_logprobs": []},
                {"token": token, "top_logprobs": [rng.choice(OTHERS)]},
                rng.choice(OTHERS),
            ]
        )

    well = {"content": [{"token": t, "top_logprobs": [{"token": t, "logprob": -0.1}]} for t in cut]}
    return rng.choice([well, {"content": [entry(t) for t in cut]}, {"content": rng.choice(OTHERS)}, rng.choice(OTHERS)])


def envelope(text: str, rng: random.Random) -> bytes:
    """A response with that text, in which anything but the text may be wrong too."""
    call = {"id": rng.choice(["c", *OTHERS]), "function": {"name": rng.choice(["read", *OTHERS]), "arguments": text}}
    if rng.random() < 0.3:
        call = rng.choice([call, {"function": rng.choice(OTHERS)}, rng.choice(OTHERS)])
    message: Any = {"role": "assistant", "content": text}
    if rng.random() < 0.2:
        message["tool_calls"] = rng.choice([[call], call, [call, call], rng.choice(OTHERS)])
        message["content"] = rng.choice([text, None, "", *OTHERS])
    if rng.random() < 0.1:
        message["refusal"] = rng.choice(["no", *OTHERS])
    choice: Any = {"index": 0, "message": message, "finish_reason": rng.choice(["stop", "length", *OTHERS])}
    if rng.random() < 0.4:
        choice["logprobs"] = logprobs_of(text, rng)
    body: Any = {"id": "1", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
    if rng.random() < 0.25:
        places = [(body, "choices"), (choice, "message"), (message, "content"), (body, "usage"), (body, "error")]
        where, name = rng.choice([*places, (body["usage"], "prompt_tokens"), (choice, "finish_reason")])
        where[name] = rng.choice(OTHERS)
    data = json.dumps(body if rng.random() > 0.02 else rng.choice([body["choices"], *OTHERS])).encode("utf-8")
    if rng.random() < 0.08:
        at = rng.randrange(len(data) + 1)
        data = rng.choice([data[:at], data[:at] + bytes([rng.randrange(256)]) + data[at:], data * 2, b"\xff\xfe" + data,
                           rng.choice(JUNK).encode("utf-8", "replace"), b"[" * 3000])  # fmt: skip
    return data


def is_level(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value) and 0 <= value <= 10


def are_levels(values: Any, n: int) -> bool:
    return (
        isinstance(values, np.ndarray) and values.shape == (n,) and values.dtype == np.float64
        and bool(np.isfinite(values).all()) and bool(((values >= 0) & (values <= 10)).all())
    )  # fmt: skip


def each(found: list[Any], n: int, good: Callable[[Any], bool]) -> bool:
    """Whether there is one answer for each of `n`, in order; true where one of them can be used."""
    assert len(found) == n
    assert all(isinstance(one, Unscored) or good(one) for one in found), found
    return any(not isinstance(one, Unscored) for one in found)


def whole(found: Any, good: Callable[[Any], bool]) -> bool:
    assert isinstance(found, Unscored) or good(found), found
    return not isinstance(found, Unscored)


def texts_are_usable(texts: Any) -> bool:
    return all(t.text.strip() and 0 <= t.level <= 10 and t.text.encode() for t in texts)


def made_texts_are_usable(texts: Any) -> bool:
    return all(t.text.strip() and t.text.encode() and all(word in t.text for word in t.words) for t in texts)


def hypotheses_are_usable(found: Any) -> bool:
    return (
        isinstance(found, Hypotheses) and len(found.written) > 0 and all(found.dropped)
        and all(h.explanation == " ".join(h.explanation.split()) and h.explanation.encode() and h.form.encode()
                and texts_are_usable(h.texts) for h in found.written)
    )  # fmt: skip


def calls_are_usable(found: Any) -> bool:
    known = {function.name for function in FUNCTIONS}
    return isinstance(found, list) and all(isinstance(c, agent.BadCall) or c.name in known for c in found)


PARSERS: dict[str, Callable[[ChatReply], bool]] = {
    "simulator": lambda r: each(simulator.parse(r, [TOKENS, TOKENS]), 2, lambda v: are_levels(v, len(TOKENS))),
    "simulator, one": lambda r: each(simulator.parse(r, [TOKENS]), 1, lambda v: are_levels(v, len(TOKENS))),
    "simulator-last": lambda r: each(simulator_last.parse(r.text, 2), 2, is_level),
    "simulator-lines": lambda r: whole(simulator_lines.parse(r, TOKENS), lambda v: are_levels(v.values, len(TOKENS))),
    "simulator-token": lambda r: whole(simulator_token.parse(r), lambda v: is_level(float(v.value))),
    "explainer": lambda r: whole(explainer.parse(r.text), hypotheses_are_usable),
    "reviser": lambda r: whole(reviser.parse(r.text), hypotheses_are_usable),
    "writer": lambda r: whole(writer.parse(r.text), texts_are_usable),
    "detection": lambda r: each(detection.parse(r.text, 2), 2, lambda v: isinstance(v, bool)),
    "fuzzing": lambda r: each(fuzzing.parse(r.text, 2), 2, lambda v: isinstance(v, bool)),
    "lineup": lambda r: whole(lineup.parse(r.text, "ABC"), lambda v: v in list("ABC")),
    "maker": lambda r: whole(maker.parse(r.text), made_texts_are_usable),
    "agent": lambda r: whole(agent.parse(r, FUNCTIONS), calls_are_usable),
}


@pytest.mark.slow
def test_ten_thousand_bad_replies(capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(20_260_131)
    failures: Counter[str] = Counter()
    usable: Counter[str] = Counter()
    n_replies = 0
    for _ in range(N):
        text = mutated(rng.choice(VALID), rng)
        answer = read_reply(envelope(text.encode("utf-8", "replace").decode(), rng), REQUEST)
        if isinstance(answer, ChatFailure):
            failures[answer.kind] += 1
            assert answer.message
            continue
        n_replies += 1
        assert isinstance(answer, ChatReply)
        assert answer.text.strip() or answer.calls
        assert answer.usage.input_tokens >= 0
        assert answer.usage.output_tokens >= 0
        for name, parse in PARSERS.items():
            usable[name] += parse(answer)
    with capsys.disabled():
        shares = ", ".join(f"{name} {n_replies - usable[name]}" for name in PARSERS)
        print(f"\nof {N} bad replies {sum(failures.values())} failed {dict(failures)}; of the other {n_replies} were")
        print(f"Unscored by parser: {shares}")
    assert set(failures) >= {"malformed reply", "empty reply", "server error", "refusal"}
    assert n_replies > N // 2
    assert all(0 < usable[name] < n_replies / 2 for name in PARSERS), usable


def test_what_is_kept_of_a_bad_reply_is_the_same() -> None:
    """A reply that is kept must come back, or it would be paid for each time."""
    rng = random.Random(7)
    for _ in range(2_000):
        answer = read_reply(envelope(mutated(rng.choice(VALID), rng).encode("utf-8", "replace").decode(), rng), REQUEST)
        back = unpacked(packed(answer))
        assert back is not None, answer
        assert back.usage == answer.usage
        if isinstance(answer, ChatReply):
            assert isinstance(back, ChatReply)
            assert (back.text, back.finish, back.calls) == (answer.text, answer.finish, answer.calls)
            assert repr(back.choices) == repr(answer.choices)


@pytest.mark.parametrize("written", ["nan", "-inf", "Infinity"])
def test_a_log_probability_that_is_written_as_no_number_is_kept_too(written: str) -> None:
    token = {"token": "7", "top_logprobs": [{"token": "7", "logprob": written}]}
    choice = {"message": {"content": "7"}, "logprobs": {"content": [token]}}
    answer = read_reply(json.dumps({"choices": [choice]}).encode(), REQUEST)
    assert unpacked(packed(answer)) is not None


@pytest.mark.parametrize("log_probability", [float("nan"), float("inf"), -math.inf, 1e308])
@pytest.mark.parametrize("text", ["7", "1", "10"])
def test_strange_log_probabilities_give_no_strange_level(text: str, log_probability: float) -> None:
    alternatives = ((text, log_probability), ("3", -1.0), ("x", log_probability))
    reply = ChatReply(text, "stop", Usage(0, 0), (TokenChoice(text, alternatives),))
    found = simulator_token.parse(reply)
    assert isinstance(found, Unscored) or (0 <= found.value <= 10 and math.isfinite(found.value))
