"""Which revealed experiments an LLM is shown: those that tell most, counterexamples of the leader first."""

from __future__ import annotations

from collections.abc import Sequence

from tools.free_text.texts import TokenTexts
from tools.prompts.evidence import Scale
from tools.prompts.revealed import RevealedText
from tools.roles import Revealed

N_SHOWN = 16
_TOKENS_SHOWN = 24


def most_informative(
    revealed: Sequence[Revealed], best: Sequence[str], scale: Scale, texts: TokenTexts
) -> list[RevealedText]:
    """At most 16 experiments: those on which explanations in `best` were most wrong, the first of them above all."""

    def surprise(experiment: Revealed) -> tuple[float, float]:
        said = dict(experiment.predicted)
        errors = [0.0 if (p := said.get(one)) is None else abs(experiment.fired - p) for one in best]
        return (errors[0] if errors else 0.0), sum(errors)

    order = sorted(range(len(revealed)), key=lambda i: surprise(revealed[i]), reverse=True)
    half = N_SHOWN // 2
    # The other half are what was found out last, borne out or not: what is known must be held on to.
    chosen = [*order[:half], *[i for i in range(len(revealed) - 1, -1, -1) if i not in order[:half]][:half]]
    return [
        RevealedText(
            tokens=texts.of(revealed[i].tokens)[-_TOKENS_SHOWN:],
            predicted=tuple(dict(revealed[i].levels).get(one) for one in best),
            level=scale.level(revealed[i].value),
            outcome=scale.outcome(revealed[i].value),
        )
        for i in sorted(chosen)
    ]
