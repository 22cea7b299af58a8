"""Which revealed experiments an LLM is shown: few, those first that tell rivals apart, in sentences as people write."""

from __future__ import annotations

from collections.abc import Sequence

from tools.experiments.real_sentences import REAL
from tools.free_text.texts import TokenTexts
from tools.prompts.evidence import Scale
from tools.prompts.revealed import RevealedText
from tools.roles import Revealed

N_SHOWN = 12
_N_LAST = 4
"""Of those so many that were found out last, borne out or not: what is known must be held on to."""

_LEAST_WORDS = 4
"""A text of fewer tells nothing to who reads a sentence."""

_TOKENS_SHOWN, _LEAST_SHOWN = 32, 8
_ENDS = (".", "!", "?")
_AS_WRITTEN = frozenset((REAL, "retrieval", "look_alike", "sampled", "written", "fixed_probe"))
"""Generators of texts that nobody edited."""

_EDITED = 0.5
"""What an edited text tells counts so much: a change may have made nonsense of it."""

_ALIKE = 0.6
"""Of two texts that share so many of their tokens the second tells little more."""


def most_informative(
    revealed: Sequence[Revealed], best: Sequence[str], scale: Scale, texts: TokenTexts
) -> list[RevealedText]:
    """At most 12 experiments: those on which explanations in `best` said most different things, or were most wrong.

    Of what an explanation says only that counts which can be told, a level.
    """

    def tells(i: int) -> float:
        chances, levels = dict(revealed[i].predicted), dict(revealed[i].levels)
        told = [one for one in best if levels.get(one) is not None]
        said = [p for one in told if (p := chances.get(one)) is not None]
        if not said:
            return 0.0
        error = max(abs(revealed[i].fired - p) for p in said)
        return (max(said) - min(said) + error) * (1.0 if revealed[i].generator in _AS_WRITTEN else _EDITED)

    every = list(range(len(revealed)))
    whole = [i for i in every if _n_words(texts.of(revealed[i].tokens)) >= _LEAST_WORDS] or every
    last = [i for i in reversed(whole) if tells(i) > 0]
    order = sorted(whole, key=tells, reverse=True)
    chosen: list[int] = []
    for wanted, ranked in ((N_SHOWN - _N_LAST, order), (N_SHOWN, last), (N_SHOWN, order)):
        for i in ranked:
            if len(chosen) < wanted and i not in chosen and not any(_alike(revealed[i], revealed[k]) for k in chosen):
                chosen.append(i)
    return [
        RevealedText(
            tokens=_end_of(texts.of(revealed[i].tokens)),
            predicted=tuple(dict(revealed[i].levels).get(one) for one in best),
            level=scale.level(revealed[i].value),
            outcome=scale.outcome(revealed[i].value),
        )
        for i in sorted(chosen, key=lambda i: (-tells(i), i))
    ]


def _n_words(tokens: Sequence[str]) -> int:
    return len("".join(tokens).split())


def _alike(one: Revealed, other: Revealed) -> bool:
    first, second = set(one.tokens), set(other.tokens)
    return len(first & second) > _ALIKE * len(first | second)


def _end_of(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The last tokens of a text, from the beginning of a sentence where one begins among them."""
    shown = tokens[-_TOKENS_SHOWN:]
    if len(shown) == len(tokens):
        return shown
    ends = (k for k, token in enumerate(shown[:-_LEAST_SHOWN]) if "\n" in token or token.rstrip().endswith(_ENDS))
    return shown[next(ends, -1) + 1 :]
