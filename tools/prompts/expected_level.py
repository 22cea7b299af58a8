"""The level that an LLM expects, from the log probabilities of the alternatives where it wrote a number.

`sum(v * p(v))` over "0".."10", renormalised, as in `openai/automated-interpretability`; but where no number is among
the alternatives there is no level, which theirs takes for 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import accumulate

from tools.llm.chat import TokenChoice
from tools.prompts.alignment import HIGHEST, no_level
from tools.records.result import Unscored

_LEADING = re.compile(r"[0-9]+")
_WHOLE = re.compile(r"[0-9]|10")


def text_of(choices: Sequence[TokenChoice]) -> str:
    """The reply as its tokens spell it."""
    return "".join(choice.token for choice in choices)


def starts_of(choices: Sequence[TokenChoice]) -> list[int]:
    """Where in `text_of` each token begins."""
    return [0, *accumulate(len(choice.token) for choice in choices)][:-1]


def expected_level(choices: Sequence[TokenChoice], row: int, offset: int, written: str, where: str) -> float | Unscored:
    """The expected level, in 0..10, where a level was written.

    Alternatives that are the same number but for blanks around it are added up. A 10 in two tokens and a 1 differ in
    the alternatives at the next token, but only where the 1 was sampled: of a 1 that was not, what would have followed
    is not known, and it counts as 1.

    Args:
        choices: the tokens of the reply.
        row: of the token in which the level begins.
        offset: where in that token it begins.
        written: the level as it was sampled.
        where: for a reason: `of token 3`.
    """
    if not _WHOLE.fullmatch(written):
        return no_level(written, where)
    sampled = choices[row]
    before = sampled.token[:offset]
    masses = [
        (value, _probability(log_probability), text.endswith("1"))
        for text, log_probability in sampled.alternatives
        if (value := _value(text, before)) is not None
    ]
    is_open = sampled.token[offset:] == "1" and row + 1 < len(choices)
    tens = _share_of_tens(choices[row + 1]) if is_open else 0.0
    total = sum(mass for _, mass, _ in masses)
    if not total > 0:
        return Unscored(reason=f"the level {where} is missing: no number is among the alternatives")
    # A 1 that nothing follows in its own token is a 10 in a share of the cases.
    means = [(value + 9 * tens if value == 1 and ends_open else value, mass) for value, mass, ends_open in masses]
    return min(HIGHEST, sum(mean * mass for mean, mass in means) / total)


def _value(text: str, before: str) -> int | None:
    """The number 0..10 in an alternative, where `before` is what stands before the number in the sampled token."""
    if before.strip():
        if not text.startswith(before):
            return None
        text = text[len(before) :]
    text = text.strip()
    digits = _LEADING.match(text)
    if not digits or text[digits.end() :][:1] == "." or not _WHOLE.fullmatch(digits[0]):
        return None
    return int(digits[0])


def _share_of_tens(following: TokenChoice) -> float:
    """The probability that a 1 is the start of a 10 and not a whole level, from the next token's alternatives."""
    ends = goes_on = 0.0
    for text, log_probability in following.alternatives:
        digits = _LEADING.match(text)
        if digits is None:
            ends += _probability(log_probability)
        elif digits[0] == "0":
            goes_on += _probability(log_probability)
    return goes_on / (ends + goes_on) if ends + goes_on > 0 else 0.0


def _probability(log_probability: float) -> float:
    return 0.0 if math.isnan(log_probability) else math.exp(min(0.0, log_probability))
