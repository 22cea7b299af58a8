"""The explainer: from what one neuron does on explore text to rival hypotheses of different form."""

from __future__ import annotations

from dataclasses import replace

from tools.llm.chat import ChatRequest, Message
from tools.prompts.findings import Evidence, paragraphs
from tools.prompts.hypothesis_format import (
    GUIDELINES,
    HYPOTHESES_FORMAT,
    HYPOTHESES_SCHEMA,
    ONE_EACH,
    SHORT_FORMAT,
    SHORT_SCHEMA,
    Hypotheses,
    WrittenHypothesis,
    parse_hypotheses,
)
from tools.prompts.hypothesis_format import parse_short as read_short
from tools.prompts.quoting import DATA_RULE, MARKS
from tools.prompts.structured import bounded
from tools.records.result import Unscored

PROMPT, SHORT_PROMPT = "explainer/6", "explainer-short/3"

NEURON = (
    "A neuron of a language model reads text token by token; at each token it knows that token and what came before, "
    "and nothing of what follows. Levels run from 0 to 10 (the largest activation seen)."
)
_ABOUT = f"You find out what makes a neuron fire. {NEURON} {MARKS}"
_PAIRS = "Look at the pairs of the same word firing and silent: a hypothesis must tell them apart."
_RIVALS = (
    "Write rival hypotheses of DIFFERENT FORM, which predict different things: such as a word in one of its senses, "
    f"a meaning that different words share, grammar, what stood before, a place in the text. {_PAIRS} {GUIDELINES} "
    f"{ONE_EACH}"
)
_ONE = f"Write the one hypothesis that you would bet on. {_PAIRS} {GUIDELINES}"
_SHORT_SYSTEM = (
    f"{_ABOUT}\n\nWrite the one explanation that you would bet on. {GUIDELINES} {SHORT_FORMAT}\n\n{DATA_RULE}"
)

_TOP, _WORDS, _CLASSES = 8, 8, 4
"""Of what is known of a neuron, so much is shown in the short question."""


def request(evidence: Evidence, n: int) -> ChatRequest:
    """Ask for `n` hypotheses, which should differ in form; where `n` is 1, for the best one."""
    system = f"{_ABOUT}\n\n{_RIVALS if n > 1 else _ONE}\n\n{HYPOTHESES_FORMAT}\n\n{DATA_RULE}"
    return ChatRequest(
        role="explainer",
        prompt=PROMPT,
        messages=(
            Message("system", system),
            Message("user", "\n\n".join([*paragraphs(evidence), f"Hypotheses to write: {n}."])),
        ),
        max_tokens=200 + 400 * n,
        schema=bounded(HYPOTHESES_SCHEMA, hypotheses=n),
    )


def short_request(evidence: Evidence) -> ChatRequest:
    """Ask for one explanation, from little evidence: the cheap question about other neurons for the matched null."""
    least = replace(
        evidence,
        top=evidence.top[:_TOP],
        weaker=(),
        pairs=(),
        random=(),
        words=evidence.words[:_WORDS],
        classes=evidence.classes[:_CLASSES],
        notes=(),
    )
    return ChatRequest(
        role="explainer",
        prompt=SHORT_PROMPT,
        messages=(Message("system", _SHORT_SYSTEM), Message("user", "\n\n".join(paragraphs(least)))),
        max_tokens=200,
        schema=SHORT_SCHEMA,
    )


def parse(text: str) -> Hypotheses | Unscored:
    """The hypotheses written."""
    return parse_hypotheses(text)


def parse_short(text: str) -> WrittenHypothesis | Unscored:
    """The explanation written in reply to the short question."""
    return read_short(text)
