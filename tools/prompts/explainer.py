"""The explainer: from what one neuron does on explore text to rival hypotheses of different form."""

from __future__ import annotations

from tools.llm.chat import ChatRequest, Message
from tools.prompts.evidence import DATA_RULE, MARKS
from tools.prompts.findings import Evidence, told
from tools.prompts.written import GUIDELINES, HYPOTHESES_FORMAT, HYPOTHESES_SCHEMA, Hypotheses, parse_hypotheses
from tools.records.result import Unscored

PROMPT = "explainer/3"

NEURON = (
    "A neuron of a language model reads text token by token; at each token it knows that token and what came before, "
    "and nothing of what follows. Levels run from 0 to 10 (the largest activation seen)."
)
_SYSTEM = (
    f"You find out what makes a neuron fire. {NEURON} {MARKS}\n\n"
    "Write rival hypotheses of DIFFERENT FORM, which predict different things: such as a word in one of its senses, "
    "a meaning that different words share, grammar, what stood before, a place in the text. Look at the pairs of the "
    f"same word firing and silent: a hypothesis must tell them apart. {GUIDELINES}\n\n{HYPOTHESES_FORMAT}\n\n"
    f"{DATA_RULE}"
)


def request(evidence: Evidence, n: int) -> ChatRequest:
    """Ask for `n` hypotheses, which should differ in form."""
    return ChatRequest(
        role="explainer",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", "\n\n".join([*told(evidence), f"Hypotheses to write: {n}."])),
        ),
        max_tokens=200 + 400 * n,
        schema=HYPOTHESES_SCHEMA,
    )


def parse(text: str) -> Hypotheses | Unscored:
    """The hypotheses written."""
    return parse_hypotheses(text)
