"""What a predicted level says of firing, learnt over many neurons: writes tools/scoring/levels.json.

python benchmarks/learn_levels.py --model smollm2 --corpus FILE --layers 4,8,12,16,20,24 --neurons 10
python benchmarks/learn_levels.py --model smollm2 --corpus FILE --out tools/scoring/levels.json

Of each neuron's layer, neurons are drawn by hash; explanations are those of the rules and the list of 30 tokens, which
says every level. What they predict on development text is set beside what the neuron did. The rises from level to level
are the average over all explanations, each weighed alike, of what the model of `tools.scoring.calibration` makes of
them; this and the prior make each other, so it is repeated until they agree. The spreads are those that predict best:
each explanation's table is made from 30 excerpts and judged by the log score on the others.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from numpy.typing import NDArray

from tools.scoring.calibration import LevelPrior, counted, posterior

Floats = NDArray[np.float64]

N_EXCERPTS = 30
N_TURNS = 12
FIRST = LevelPrior((0.5,) * 10, 0.0, 1.0, 0.5, 0.5)
SPREADS = ((0.3, 0.6, 1.2), (0.25, 0.5, 1.0), (0.25, 0.5, 1.0))


@dataclass(frozen=True)
class Seen:
    """One explanation: tokens by level and those that fired, on few excerpts and on the others."""

    few: tuple[Floats, Floats]
    others: tuple[Floats, Floats]

    @property
    def all(self) -> tuple[Floats, Floats]:
        """On all excerpts."""
        return self.few[0] + self.others[0], self.few[1] + self.others[1]


def seen_of(study: Any, sentence: str, rng: np.random.Generator) -> Seen | None:
    """An explanation on development text; None where it predicts nothing there, or the neuron does not fire."""
    sample = study.development
    levels = study.simulations.certain_levels(sentence, sample.activations.excerpts.tokens)
    mask = sample.activations.excerpts.mask
    fired = (sample.activations.values > study.evidence.theta) & mask
    order = rng.permutation(len(sample))
    parts = [
        counted(levels[rows][mask[rows]], fired[rows][mask[rows]]) for rows in (order[:N_EXCERPTS], order[N_EXCERPTS:])
    ]
    found = Seen(*parts)
    return found if found.all[0][1:].any() and found.all[1].any() else None


def learnt(seen: list[Seen]) -> LevelPrior:
    """The prior of which these explanations are the likeliest cases."""
    known = FIRST
    for _ in range(N_TURNS):
        known = _centred(seen, known)
    best = min(itertools.product(*SPREADS), key=lambda spreads: _loss(seen, _spread(known, spreads)))
    known = _spread(known, best)
    for _ in range(N_TURNS):
        known = _centred(seen, known)
    return replace(known, rises=tuple(round(rise, 4) for rise in known.rises), silent=round(known.silent, 4))


def _centred(seen: list[Seen], known: LevelPrior) -> LevelPrior:
    moved = np.mean([posterior(*one.all, known)[1] for one in seen], axis=0)
    rises = np.array(known.rises) * np.exp(moved[1] + moved[2:])
    return replace(known, rises=tuple(float(rise) for rise in rises), silent=float(known.silent + moved[0]))


def _spread(known: LevelPrior, spreads: tuple[float, ...]) -> LevelPrior:
    offset, slope, step = spreads
    return replace(known, offset_spread=offset, slope_spread=slope, step_spread=step)


def _loss(seen: list[Seen], known: LevelPrior) -> float:
    """Mean over explanations of the log loss on what a table did not see, were half of its tokens firing: what counts
    is whether levels tell firing from silence, and not how rare firing is."""
    losses = []
    for one in seen:
        n, n_fired = one.others
        silent = n - n_fired
        if not n_fired.sum() or not silent.sum():
            continue
        odds = posterior(*one.few, known)[0] - np.log(n_fired.sum() / silent.sum())
        missed = (n_fired * np.logaddexp(0, -odds)).sum() / n_fired.sum()
        false = (silent * np.logaddexp(0, odds)).sum() / silent.sum()
        losses.append((missed + false) / 2)
    return float(np.mean(losses))


def sentences_of(study: Any) -> list[str]:
    """What the rules would bet on, and the list of 30 tokens."""
    written = []
    for explainer in study.explainers:
        proposal = explainer.propose_one(
            study.evidence.explore, study.stratum_of(len(study.evidence.explore)), np.random.default_rng(0)
        )
        written += [proposal.sentence] if proposal is not None else []
    return written + ([study.lookup_sentence] if study.lookup_sentence else [])


def main() -> None:
    """Read, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--corpus", default=None)
    parser.add_argument("--layers", default="5")
    parser.add_argument("--neurons", type=int, default=10, help="of each layer")
    parser.add_argument("--out", type=Path, default=None, help="default: print only")
    options = parser.parse_args()

    from agent.setup.config import RunConfig
    from agent.setup.evidence import open_study
    from agent.setup.resources import Resources
    from traces.text.console import QuietDisplay

    resources, seen = Resources(), []
    for layer in map(int, options.layers.split(",")):
        shape = resources.subject(options.model, (), QuietDisplay(), False)
        names = sorted(range(shape.d_mlp), key=lambda i: hashlib.sha256(f"L{layer}N{i}".encode()).digest())
        for index in names[: options.neurons]:
            config = RunConfig(target=f"L{layer}N{index}", model=options.model, corpus=options.corpus)
            study = open_study(config, QuietDisplay(), resources=resources)
            if study.evidence.status != "firing":
                continue
            for sentence in sentences_of(study):
                one = seen_of(study, sentence, np.random.default_rng([layer, index]))
                seen += [one] if one is not None else []
            print(f"L{layer}N{index}: {len(seen)} explanations", flush=True)
    half = learnt(seen[::2])
    for name, known in (("learnt on the other half", half), ("equal rises, not learnt", FIRST)):
        print(f"{name}: {_loss(seen[1::2], known):.4f} nats on unseen excerpts")
    found = learnt(seen)
    print(found.to_json())
    if options.out is not None:
        options.out.write_text(found.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
