"""One request of each prompt, as the tests of prompts see it; and replies, as an endpoint would send them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, settings

from tools.llm.chat import ChatReply, ChatRequest, Function, FunctionCall, TokenChoice, Usage
from tools.prompts import (
    agent,
    detection,
    explainer,
    fuzzing,
    lineup,
    maker,
    mender,
    reviser,
    simulator,
    simulator_last,
    simulator_last_rivals,
    simulator_lines,
    simulator_rivals,
    simulator_token,
    writer,
)
from tools.prompts.findings import ClassRow, Evidence, WordRow
from tools.prompts.quoting import Scale, Shown, marked
from tools.prompts.revealed import RevealedText
from tools.roles import TriedRival

# Whichever test draws text first loads the tables of Unicode, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

INNOCUOUS = (" in", " May", " he", " may")
EXPLANATION = "month names in dates"
FUNCTIONS = (
    Function(
        "read",
        "Read the neuron on texts.",
        {
            "type": "object",
            "properties": {"texts": {"type": "array"}, "times": {"type": "integer"}},
            "required": ["texts"],
        },
    ),
    Function("finish", "End the investigation.", {"type": "object", "properties": {}, "required": []}),
)


def requests(tokens: Sequence[str] = INNOCUOUS, explanation: str = EXPLANATION) -> dict[str, ChatRequest]:
    """A request of each prompt that shows four tokens and an explanation."""
    texts = tuple(tokens)
    firing, silent = Shown(texts, (-0.1, 4.0, 0.0, 0.7)), Shown(texts, (0.0, 0.1, -0.2, 0.0))
    revealed = [
        RevealedText(texts, (9.0, None), 1.44, "weak"),
        RevealedText(texts[:2], (5.5, 0.0), 8.26, "fired", is_edited=True),
    ]
    scale = Scale(largest=4.0, theta=1.0, typical=2.4, share=0.009)
    evidence = Evidence(
        scale,
        share=0.0123,
        top=(firing,),
        weaker=(firing,),
        pairs=((Shown(texts[:2], (0.0, 4.0)), Shown(texts[2:], (0.0, 0.1))),),
        random=(silent,),
        words=(WordRow(texts[1], 3, 8.21, 2 / 3),),
        classes=(ClassRow("months", 0.5, 0.75, (texts[1],)), ClassRow(texts[0], 0.3, 0.1, ())),
        notes=(f"Its other side fires on '{texts[2]}'.",),
    )
    return {
        "agent": agent.request(agent.opening(FUNCTIONS, "".join(texts), 3, 40), FUNCTIONS),
        "detection": detection.request(explanation, [texts, texts[:2]]),
        "explainer": explainer.request(evidence, 3),
        "explainer_of_one": explainer.request(evidence, 1),
        "explainer_short": explainer.short_request(evidence),
        "fuzzing": fuzzing.request(explanation, [texts, texts[:2]], [(False, True, False, True), (True, False)]),
        "lineup": lineup.request(
            explanation, [("A", [marked(texts, (False, True, False, False))]), ("B", [marked(texts, (True,) * 4)])]
        ),
        "maker": maker.request(explanation, 6, near_misses=False),
        "near_misses": maker.request(explanation, 6, near_misses=True),
        "mender": mender.request([(explanation, "it is too long")]),
        "reviser": reviser.request(
            [TriedRival(sentence=explanation, score=0.434), TriedRival(sentence="a rival")],
            [TriedRival(sentence=explanation, score=0.1, fate="dropped: refuted")],
            revealed,
            replace(evidence, unexplained=(Shown((" on", " June"), (0.0, 3.0)),), checked=(1, 2)),
            2,
        ),
        "simulator": simulator.request(explanation, [texts, texts[:2]], scale),
        "simulator_last": simulator_last.request(explanation, [texts, texts[:2]], scale),
        "simulator_last_rivals": simulator_last_rivals.request([explanation, "a rival"], [texts, texts[:2]], scale),
        "simulator_rivals": simulator_rivals.request([explanation, "a rival"], [texts, texts[:2]], scale),
        "simulator_lines": simulator_lines.request(explanation, texts),
        "simulator_token": simulator_token.request(explanation, texts, 1),
        "writer": writer.request(explanation, ["a rival"], 6, scale, revealed),
    }


def rendered(request: ChatRequest) -> str:
    """All messages of a request as one text."""
    return "".join(f"=== {message.role}\n{message.content}\n" for message in request.messages)


def reply_of(
    text: str,
    finish: str = "stop",
    choices: Sequence[TokenChoice] | None = None,
    calls: Sequence[FunctionCall] = (),
) -> ChatReply:
    return ChatReply(text, finish, Usage(1, 1), None if choices is None else tuple(choices), tuple(calls))
