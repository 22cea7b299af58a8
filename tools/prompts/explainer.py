"""The explainer: from excerpts of one neuron to rival hypotheses of different form."""

from __future__ import annotations

from collections.abc import Sequence

from tools.llm.chat import ChatRequest, Message
from tools.prompts.evidence import DATA_RULE, Shown, block, largest, numbered, with_levels
from tools.prompts.written import HYPOTHESES_FORMAT, HYPOTHESES_SCHEMA, Hypotheses, parse_hypotheses
from tools.records.result import Unscored

PROMPT = "explainer/2"

NEURON = (
    "A neuron of a language model reads text token by token, and at each token only knows what came before. Levels run "
    "from 0 (silent) to 10 (the largest activation seen)."
)
_SYSTEM = (
    f"You find out what makes a neuron fire. {NEURON} Excerpts are shown as text with the tokens on which it fires "
    "<<so>>, then token by token with levels; one that is silent throughout only as text.\n\n"
    "Write rival hypotheses of DIFFERENT FORM, which predict different things: such as the token itself, its "
    "meaning, what stood before, position or structure. Each must hold for the strong and the weak activations and for "
    f"the silence. {HYPOTHESES_FORMAT}\n\n{DATA_RULE}"
)


def request(
    top: Sequence[Shown],
    quantile: Sequence[Shown],
    random: Sequence[Shown],
    near_misses: Sequence[Shown],
    n: int,
) -> ChatRequest:
    """Ask for `n` hypotheses.

    Args:
        top: the top-activating excerpts.
        quantile: drawn over the whole range of activations.
        random: drawn at random.
        near_misses: excerpts with a token on which the neuron fires elsewhere, silent here.
        n: how many rivals; they should differ in form.
    """
    groups = (
        ("The strongest activations:", top),
        ("Weaker activations:", quantile),
        ("Random excerpts:", random),
        ("Near misses, silent though a token is the same as where it fires:", near_misses),
    )
    max_act = largest(excerpt for _, excerpts in groups for excerpt in excerpts)
    parts = [f"{heading}\n{shown_block(excerpts, max_act)}" for heading, excerpts in groups if excerpts]
    return ChatRequest(
        role="explainer",
        prompt=PROMPT,
        messages=(
            Message("system", _SYSTEM),
            Message("user", "\n\n".join([*parts, f"Hypotheses to write: {n}."])),
        ),
        max_tokens=200 + 400 * n,
        schema=HYPOTHESES_SCHEMA,
    )


def parse(text: str) -> Hypotheses | Unscored:
    """The hypotheses written."""
    return parse_hypotheses(text)


def shown_block(excerpts: Sequence[Shown], max_act: float) -> str:
    """Excerpts with levels relative to `max_act`, a raw value, as one block."""
    return block(numbered(with_levels(excerpt, max_act) for excerpt in excerpts))
