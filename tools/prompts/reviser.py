"""The reviser: from explanations and the experiments that tested them to better hypotheses."""

from __future__ import annotations

from collections.abc import Sequence

from tools.llm.chat import ChatRequest, Message
from tools.prompts.explainer import NEURON
from tools.prompts.findings import Evidence, pair_paragraphs, top_paragraphs, unexplained_paragraphs
from tools.prompts.hypothesis_format import (
    GUIDELINES,
    HYPOTHESES_FORMAT,
    HYPOTHESES_SCHEMA,
    ONE_EACH,
    Hypotheses,
    parse_hypotheses,
)
from tools.prompts.quoting import DATA_RULE, MARKS, RANKS, block, escaped, how_to_read, listed, quoted
from tools.prompts.revealed import RevealedText, revealed_block, unasked
from tools.prompts.structured import bounded
from tools.records.result import Unscored
from tools.roles import NOT_SIMULATED, TriedRival

PROMPT = "reviser/8"

EXPERIMENTS = (
    "An experiment is a text, shown without marks, that ends at the token in question. In some, which say so, a word "
    "was replaced or left out, so that the text may make no sense. Explanations, told by their numbers, predicted a "
    "level there; not all were asked. The neuron was read there: it fired, was weak or was silent, with its level."
)
JOINED = (
    "One exception: if two meanings have each held by themselves, write one that joins them too: 'one, and also the "
    "other'."
)
_SYSTEM = (
    f"You revise explanations of what makes a neuron fire. {NEURON} {MARKS} {EXPERIMENTS}\n\n"
    "A counterexample counts more than any number of confirmations: what you write must account for what the neuron "
    "did where an explanation was wrong. To narrow an explanation, to widen it, to split or to merge it, and to give "
    "it up for another are equally welcome; none is kept because it was first. Do not repeat what was tried, "
    "unless experiments speak for it. "
    "Hypotheses must differ from one another "
    f"in what they predict. {GUIDELINES} {ONE_EACH} {JOINED}\n\n{HYPOTHESES_FORMAT}\n\n{DATA_RULE}"
)


_BEST = "Explanations so far, each with its correlation with the neuron on text that you do not see, highest first."
_UNSCORED = ' "No score": that text has hardly anything that it claims, so that only experiments can tell.'
_TOP, TOP_BESIDE, _PAIRS = 6, 2, 3
"""Contexts of the strongest firings, fewer beside those that are unexplained, and pairs that are shown again: the
experiments say more."""


def request(
    best: Sequence[TriedRival],
    others: Sequence[TriedRival],
    revealed: Sequence[RevealedText],
    evidence: Evidence,
    n: int,
) -> ChatRequest:
    """Ask for `n` revised hypotheses.

    Args:
        best: the best explanations so far, by their scores; those without one last.
        others: what else was tried, with what became of it.
        revealed: experiments whose outcome is known, with predictions in the order of `best`.
        evidence: what the neuron does on explore text.
        n: how many.
    """
    sentences = [one.sentence for one in best]
    reading = how_to_read(sentences)
    is_unscored = any(one.score is None and one.fate != NOT_SIMULATED for one in best)
    heading = _BEST + (_UNSCORED if is_unscored else "")
    parts = [f"{heading}\n{reading}{RANKS if reading else ''}{block(listed(map(_told, best)))}"]
    if others:
        known = how_to_read((one.sentence for one in others), known=reading)
        parts.append(f"Also tried:\n{known}{block(map(_told, others))}")
    parts.append(evidence.scale.stated())
    if revealed:
        parts.append(f"Experiments:\n{unasked(revealed, len(best))}{revealed_block(revealed)}")
    parts += [
        *top_paragraphs(evidence, TOP_BESIDE if evidence.unexplained else _TOP),
        *unexplained_paragraphs(evidence),
        *pair_paragraphs(evidence, _PAIRS),
        f"Hypotheses to write: {n}.",
    ]
    return ChatRequest(
        role="reviser",
        prompt=PROMPT,
        messages=(Message("system", _SYSTEM), Message("user", "\n\n".join(parts))),
        max_tokens=200 + 400 * n,
        schema=bounded(HYPOTHESES_SCHEMA, hypotheses=n),
    )


def _told(one: TriedRival) -> str:
    if one.fate == NOT_SIMULATED:
        return f"{quoted(one.sentence)}: {NOT_SIMULATED}"
    score = "no score" if one.score is None else f"{one.score:.2f}"
    return f"{quoted(one.sentence)}: {score}{f'; {escaped(one.fate)}' if one.fate else ''}"


def parse(text: str) -> Hypotheses | Unscored:
    """The hypotheses written."""
    return parse_hypotheses(text)
