"""The reviser: from explanations and the experiments that tested them to better hypotheses."""

from __future__ import annotations

from collections.abc import Sequence

from tools.llm.chat import ChatRequest, Message
from tools.prompts.evidence import DATA_RULE, Shown, largest
from tools.prompts.explainer import NEURON, shown_block
from tools.prompts.revealed import RevealedText, explanations_block, revealed_block
from tools.prompts.written import HYPOTHESES_FORMAT, HYPOTHESES_SCHEMA, Hypotheses, parse_hypotheses
from tools.records.result import Unscored

PROMPT = "reviser/2"

EXPERIMENTS = (
    "An experiment is a text; the neuron was read at its last token, marked <<so>>. Beforehand each explanation, in "
    "the order shown, gave a probability that it fires there."
)
_SYSTEM = (
    f"You revise explanations of what makes a neuron fire. {NEURON} {EXPERIMENTS}\n\n"
    "A counterexample counts more than any number of confirmations: say what the neuron did where an explanation was "
    "wrong. To narrow an explanation, to widen it, and to give it up for another are equally welcome; none is kept "
    "because it was first. Hypotheses must differ from one another in what they predict. "
    f"{HYPOTHESES_FORMAT}\n\n{DATA_RULE}"
)


def request(best: Sequence[str], revealed: Sequence[RevealedText], explore: Sequence[Shown], n: int) -> ChatRequest:
    """Ask for `n` revised hypotheses.

    Args:
        best: the best explanations so far, best first.
        revealed: experiments whose outcome is known, with predictions in the order of `best`.
        explore: excerpts of the explore split.
        n: how many.
    """
    parts = [
        f"Explanations so far:\n{explanations_block(best)}",
        f"Experiments:\n{revealed_block(revealed)}",
        f"Excerpts:\n{shown_block(explore, largest(explore))}",
        f"Hypotheses to write: {n}.",
    ]
    return ChatRequest(
        role="reviser",
        prompt=PROMPT,
        messages=(Message("system", _SYSTEM), Message("user", "\n\n".join(parts))),
        max_tokens=200 + 400 * n,
        schema=HYPOTHESES_SCHEMA,
    )


def parse(text: str) -> Hypotheses | Unscored:
    """The hypotheses written."""
    return parse_hypotheses(text)
