"""The writer of counterexamples: texts on which the leading explanation may turn out wrong."""

from __future__ import annotations

from collections.abc import Sequence

from tools.llm.chat import ChatRequest, Message
from tools.prompts.explainer import NEURON
from tools.prompts.hypothesis_format import TEXTS_FORMAT, TEXTS_SCHEMA, WrittenText, parse_texts
from tools.prompts.quoting import DATA_RULE, RANKS, Scale, block, how_to_read, listed, quoted
from tools.prompts.revealed import RevealedText, revealed_block, unasked
from tools.prompts.reviser import EXPERIMENTS
from tools.prompts.structured import bounded
from tools.records.result import Unscored

PROMPT = "writer/6"

_SYSTEM = (
    f"You try to refute an explanation of what makes a neuron fire. {NEURON} {EXPERIMENTS}\n\n"
    "Write texts that each END at the token in question, plain text without marks, of 6 to 15 words, since on the "
    "first words of a text most neurons are silent. By the leading "
    "explanation the neuron should fire at the end of about half of them: choose cases where it is most likely to be "
    "wrong, or a rival says otherwise. The other half are look-alikes: by the leading explanation it should stay "
    "silent there, but it might fire in truth. Vary them: no two texts may end in the same words, or differ in small "
    "things only, and none may repeat an experiment shown. With each text give the level from 0 to 10 that the leading "
    f"explanation predicts. {TEXTS_FORMAT}\n\n{DATA_RULE}"
)


def request(
    leading: str, rivals: Sequence[str], n: int, scale: Scale, revealed: Sequence[RevealedText] = ()
) -> ChatRequest:
    """Ask for `n` texts.

    Args:
        leading: the explanation to refute.
        rivals: the other explanations.
        n: how many texts.
        scale: of the neuron's values.
        revealed: experiments so far, with predictions in the order of the leading explanation and its rivals.
    """
    every = [leading, *rivals]
    heading = "Explanations, the leading one first, then its rivals:" if rivals else "The leading explanation:"
    reading = how_to_read(every)
    ranks = RANKS if reading else ""
    parts = [f"{heading}\n{reading}{ranks}{block(listed(map(quoted, every)))}", scale.stated()]
    if revealed:
        parts.append(f"Experiments:\n{unasked(revealed, len(every))}{revealed_block(revealed)}")
    parts.append(f"Texts to write: {n}.")
    return ChatRequest(
        role="writer",
        prompt=PROMPT,
        messages=(Message("system", _SYSTEM), Message("user", "\n\n".join(parts))),
        max_tokens=100 + 140 * n,
        schema=bounded(TEXTS_SCHEMA, texts=n),
    )


def parse(text: str) -> list[WrittenText] | Unscored:
    """The texts, with levels as the leading explanation predicts them."""
    return parse_texts(text)
