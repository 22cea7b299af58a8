"""Which revealed experiments an LLM is shown: few, those first that tell rivals apart, in sentences as people write, as
many silent ones as such that fired."""

from __future__ import annotations

from collections.abc import Sequence

from tools.experiments.real_sentences import REAL
from tools.free_text.token_strings import TokenStrings
from tools.prompts.quoting import Scale
from tools.prompts.revealed import RevealedText
from tools.roles import Revealed

N_SHOWN, _LEAST_EXPERIMENTS = 12, 6
"""At most; and so many, where there are, though edited texts are among them that tell nothing."""

_LEAST_WORDS = 4
"""A text of fewer tells nothing to who reads a sentence."""

_TOKENS_SHOWN, _LEAST_SHOWN = 32, 8
_ENDS = (".", "!", "?")
_AS_WRITTEN = frozenset((REAL, "retrieval", "look_alike", "sampled", "written", "fixed_probe"))
"""Generators of texts that nobody edited."""

_MOST_EDITED = 4
"""Of texts that were edited, of which a change may have made nonsense."""

_TELLS = 0.2
"""An experiment is informative if explanations differed, or erred, by at least this much."""

_IF_TOLD = 0.5
"""Probability of firing where an explanation has a level above 0 and had registered nothing."""

_FRESH = 0.3
"""Bonus for recency: the newest experiment gets this much, the oldest nothing, since it was shown before."""

_ALIKE = 0.6
"""Of two texts of one outcome with so many tokens in common, or the last word, the second tells little more."""


def most_informative(
    revealed: Sequence[Revealed], best: Sequence[str], scale: Scale, texts: TokenStrings
) -> list[RevealedText]:
    """At most 12 experiments, half of them silent if possible: those on which explanations in `best` disagreed or erred
    most, and those that fired most strongly, newest first.

    Only predictions that are told as a level count.
    """

    def tells(i: int) -> float:
        one = revealed[i]
        said = _chances(one, best)
        strong = scale.level(one.value) / 10 if one.fired else 0.0
        fresh = _FRESH * i / len(revealed) if said or one.fired else 0.0
        erred = max(said) - min(said) + max(abs(one.fired - p) for p in said) if said else 0.0
        return erred + strong + fresh

    strings = {i: texts.of(one.tokens) for i, one in enumerate(revealed)}
    whole = [i for i in strings if len("".join(strings[i]).split()) >= _LEAST_WORDS] or list(strings)
    as_written = [i for i in whole if revealed[i].generator in _AS_WRITTEN]
    edited = [i for i in whole if revealed[i].generator not in _AS_WRITTEN]
    chosen: list[int] = []

    def take(ranked: Sequence[int], most: int, of_one_outcome: int = N_SHOWN) -> None:
        for i in ranked:
            same = sum(revealed[k].fired == revealed[i].fired for k in chosen)
            if len(chosen) < most and same < of_one_outcome and not any(is_like(i, k) for k in chosen):
                chosen.append(i)

    def is_like(i: int, k: int) -> bool:
        if revealed[i].fired != revealed[k].fired:
            return False
        first, second = set(revealed[i].tokens), set(revealed[k].tokens)
        ends = [strings[one][-1].strip().casefold() for one in (i, k)]
        return ends[0] == ends[1] or len(first & second) > _ALIKE * len(first | second)

    def by_what_they_tell(some: Sequence[int]) -> list[int]:
        return sorted((i for i in some if tells(i) >= _TELLS), key=tells, reverse=True)

    # Half of them at most fired: where firing is rare an explanation is wrong about nearly all of it, and an author who
    # sees nothing else takes every word there for a cause.
    take(by_what_they_tell(as_written), N_SHOWN - _MOST_EDITED, N_SHOWN // 2)
    take(by_what_they_tell(edited), len(chosen) + _MOST_EDITED, N_SHOWN // 2)
    # The rest are what was found out last, borne out or not: what is known must be held on to.
    take(as_written[::-1], N_SHOWN, N_SHOWN // 2)
    take(as_written[::-1], N_SHOWN)
    take(whole[::-1], min(N_SHOWN, _LEAST_EXPERIMENTS))
    return [
        RevealedText(
            tokens=_end_of(texts.of(revealed[i].tokens)),
            predicted=tuple(dict(revealed[i].levels).get(one) for one in best),
            level=scale.level(revealed[i].value),
            outcome=scale.outcome(revealed[i].value),
            is_edited=i in edited,
        )
        for i in sorted(chosen, key=lambda i: (i in edited, -tells(i), i))
    ]


def _chances(one: Revealed, best: Sequence[str]) -> list[float]:
    """How likely explanations that told a level made firing: as they had registered, or else by that level."""
    chances, levels = dict(one.predicted), dict(one.levels)
    told = {sentence: level for sentence in best if (level := levels.get(sentence)) is not None}
    known = {sentence: chances.get(sentence) for sentence in told}
    return [_IF_TOLD * (told[it] >= 1) if p is None else p for it, p in known.items()]


def _end_of(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The last tokens of a text, from the beginning of a sentence where one begins among them."""
    shown = tokens[-_TOKENS_SHOWN:]
    if len(shown) == len(tokens):
        return shown
    ends = (k for k, token in enumerate(shown[:-_LEAST_SHOWN]) if "\n" in token or token.rstrip().endswith(_ENDS))
    return shown[next(ends, -1) + 1 :]
