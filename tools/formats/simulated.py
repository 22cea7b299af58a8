"""An explanation as it was simulated on excerpts, in OpenAI's records."""

from __future__ import annotations

from collections.abc import Sequence

from tools.formats.neuron_explainer import (
    ScoredExplanation,
    ScoredSequenceSimulation,
    ScoredSimulation,
    SequenceSimulation,
)
from tools.scoring.pearson import pearson
from tools.scoring.subsampling import SimulatedSample


def scored_explanation(
    explanation: str,
    part: SimulatedSample,
    strings: Sequence[str],
    score: float | None,
    *,
    certain: bool,
) -> ScoredExplanation:
    """Every excerpt with its tokens, true raw activations and simulated levels.

    R squared and the explained absolute deviation compare values, and levels from 0 to 10 are not on the neuron's
    scale: those two scores stay empty.

    Args:
        explanation: the sentence.
        part: where it was simulated.
        strings: the subject model's tokens by id.
        score: the correlation over all excerpts together; None where it does not exist.
        certain: whether each level is the only one possible, so that its distribution is known.
    """
    activations = part.sample.activations
    sequences = []
    for row, n in enumerate(activations.excerpts.lengths):
        levels = tuple(map(float, part.levels[row, :n]))
        simulation = SequenceSimulation(
            tokens=tuple(strings[token] for token in activations.excerpts.tokens[row, :n]),
            expected_activations=levels,
            activation_scale="simulated_normalized_activations",
            distribution_values=tuple((level,) for level in levels) if certain else (),
            distribution_probabilities=((1.0,),) * len(levels) if certain else (),
        )
        sequences.append(
            ScoredSequenceSimulation(
                simulation=simulation,
                true_activations=tuple(map(float, activations.values[row, :n])),
                ev_correlation_score=pearson(activations.values[row, :n], part.levels[row, :n]),
            )
        )
    scored = ScoredSimulation(scored_sequence_simulations=tuple(sequences), ev_correlation_score=score)
    return ScoredExplanation(explanation=explanation, scored_simulation=scored)
