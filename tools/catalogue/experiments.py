"""Tools that design experiments, and the only one that reads the neuron."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from tools.bench import Bench, padded, texts_sha256
from tools.errors import BadInput
from tools.experiments.candidates import Candidate, Generator, minimal_pairs, retrieval, vocabulary_sweep
from tools.experiments.choose import choose, disagreement
from tools.scoring.calibration import probabilities
from tools.toolbox import UNIT_TEXTS, Arguments, Outcome, Tool

QUOTAS: dict[Generator, int] = {"minimal_pair": 24, "vocabulary_sweep": 16, "retrieval": 24}
"""Texts of each kind in a round; together one unit of budget."""


class Rival(BaseModel):
    """A sentence, how far it is believed, and its calibration: probabilities of firing at levels 0 to 10."""

    sentence: str
    belief: float
    table: list[float]


class Design(Arguments):
    """The rivals that experiments should tell apart, and which of them leads: the one that must be tried hardest."""

    rivals: list[Rival]
    leader: int = 0


class Planned(BaseModel):
    """An experiment: does the neuron fire at the last of `tokens`? See `tools.experiments.candidates.Candidate`."""

    tokens: list[int]
    generator: Generator
    purpose: str
    carrier: str
    original: float | None


class Designed(Outcome):
    """Chosen experiments with each rival's probability of firing, in the order of the rivals."""

    experiments: list[Planned]
    predictions: list[list[float]]


class Read(Arguments):
    """Token texts to read. Evidence needs predictions on record for exactly these texts; else it is exploratory."""

    texts: list[list[int]]
    exploratory: bool = False


class Values(Outcome):
    """The neuron's raw value at each token of each text."""

    values: list[list[float]]


def experiment_tools(bench: Bench) -> list[Tool[Design, Designed] | Tool[Read, Values]]:
    """`design_experiments` and `read_activations`, bound to one neuron."""
    evidence, vocabulary = bench.evidence, bench.vocabulary

    def predict(rivals: list[Rival], candidates: list[Candidate]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        tokens, lengths = padded([candidate.tokens for candidate in candidates])
        out = np.empty((len(rivals), len(candidates)))
        for i, rival in enumerate(rivals):
            levels = bench.certain_levels(rival.sentence, tokens)
            out[i] = probabilities(rival.table, levels[np.arange(len(candidates)), lengths - 1])
        return out

    def design(arguments: Design, rng: np.random.Generator) -> Designed:
        rivals = arguments.rivals
        beliefs = np.array([rival.belief for rival in rivals])
        on_probe = np.stack([probabilities(r.table, bench.probe_levels(r.sentence)) for r in rivals])
        leader = arguments.leader
        if not 0 <= leader < len(rivals):
            raise BadInput(f"the leader must be one of the {len(rivals)} rivals, not number {leader}.")
        pools = {
            "minimal_pair": minimal_pairs(evidence.explore, evidence.theta, vocabulary, rng),
            "vocabulary_sweep": vocabulary_sweep(evidence.explore, evidence.theta, vocabulary, rng),
            "retrieval": retrieval(
                evidence.probe,
                disagreement(on_probe, beliefs).astype(np.float32),
                on_probe[leader].astype(np.float32),
            ),
        }
        chosen: list[Candidate] = []
        predictions: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        known = bench.known_texts()
        for generator, quota in QUOTAS.items():
            # An excerpt is a witness once in a run, not once a round.
            pool = [candidate for candidate in pools[generator] if candidate.carrier not in bench.carriers]
            if not pool:
                continue
            expected = predict(rivals, pool)
            # Most texts are for telling rivals apart, the rest for trying the leader where it is surest: an edit that
            # must silence, a token or a text that must fire.
            n_surest = quota // 3
            differ = choose(pool, disagreement(expected, beliefs), quota - n_surest, known)
            known |= {pool[row].tokens for row in differ}
            sure = 1 - expected[leader] if generator == "minimal_pair" else expected[leader]
            surest = choose(pool, sure, n_surest, known)
            known |= {pool[row].tokens for row in surest}
            for row in [*differ, *surest]:
                chosen.append(pool[row])
                predictions.append(expected[:, row])
        planned = [
            Planned(
                tokens=list(c.tokens), generator=c.generator, purpose=c.purpose, carrier=c.carrier, original=c.original
            )
            for c in chosen[:UNIT_TEXTS]
        ]
        by_rival = np.array(predictions[:UNIT_TEXTS]).T if predictions else np.empty((len(rivals), 0))
        return Designed(experiments=planned, predictions=[[round(float(p), 5) for p in row] for row in by_rival])

    def size_of_reading(arguments: Read) -> tuple[int, int]:
        return len(arguments.texts), sum(map(len, arguments.texts))

    def read(arguments: Read, rng: np.random.Generator) -> Values:
        texts = [tuple(text) for text in arguments.texts]
        if not texts or not all(texts):
            raise BadInput("there is nothing to read: give at least one text of at least one token.")
        if not arguments.exploratory and texts_sha256(texts) not in bench.registered:
            raise BadInput(
                "no predictions are registered for these texts: register them first, or read as exploratory."
            )
        tokens, lengths = padded(texts)
        inputs = bench.subject.mlp_input(tokens, lengths, evidence.neuron.layer)
        values = bench.subject.neuron_values(inputs, evidence.neuron.layer, evidence.neuron.index)
        return Values(values=[[round(float(v), 5) for v in row[:n]] for row, n in zip(values, lengths, strict=True)])

    return [
        Tool("design_experiments", "Choose texts that tell rivals apart, unread so far.", Design, Designed, design),
        Tool("read_activations", "Read the neuron on any token texts.", Read, Values, read, size=size_of_reading),
    ]
