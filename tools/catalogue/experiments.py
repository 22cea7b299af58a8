"""Tools that design experiments, and the only one that reads the neuron."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from tools.bench import Bench, padded, texts_sha256
from tools.errors import BadInput
from tools.experiments.candidates import Candidate, Generator, minimal_pairs, retrieval, vocabulary_sweep
from tools.experiments.choose import choose, disagreement
from tools.scoring.calibration import fit_balanced, probabilities
from tools.toolbox import UNIT_TEXTS, Arguments, Outcome, Tool


class Rival(BaseModel):
    """A sentence, how far it is believed, and its calibration: probabilities of firing at levels 0 to 10."""

    sentence: str
    belief: float
    table: list[float]


class Design(Arguments):
    """The rivals that experiments should tell apart, and which of them leads: the one that must be tried hardest.

    `quotas` are texts of each generator; `choice` is how they are chosen among the candidates.
    """

    rivals: list[Rival]
    leader: int = 0
    quotas: dict[Generator, int]
    choice: Literal["disagreement", "random"] = "disagreement"


class Planned(BaseModel):
    """An experiment: does the neuron fire at the last of `tokens`? See `tools.experiments.candidates.Candidate`."""

    tokens: list[int]
    generator: Generator | Literal["fixed_probe"]
    purpose: str
    carrier: str
    original: float | None


class ProbeSet(Arguments):
    """The rivals that predict the fixed probe set; their tables are not used, since half of its texts fire."""

    sentences: list[str]


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


def experiment_tools(bench: Bench) -> list[Tool[Any, Any]]:
    """`design_experiments`, `design_probe_set` and the two that read, bound to one neuron."""
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
        kept_apart = {f"probe-{int(evidence.probe.ids[row])}" for row, _ in bench.fixed_probe}
        for generator, quota in arguments.quotas.items():
            # An excerpt is a witness once in a run, not once a round.
            pool = [c for c in pools[generator] if c.carrier not in bench.carriers | kept_apart]
            if not pool or not quota:
                continue
            expected = predict(rivals, pool)
            if arguments.choice == "random":
                rows = choose(pool, rng.random(len(pool)), quota, known)
                known |= {pool[row].tokens for row in rows}
                chosen += [pool[row] for row in rows]
                predictions += [expected[:, row] for row in rows]
                continue
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

    def design_probe_set(arguments: ProbeSet, rng: np.random.Generator) -> Designed:
        texts = [text for _, text in bench.fixed_probe]
        tokens, lengths = padded(texts)
        sample = bench.development.readings
        mask = sample.excerpts.mask
        fired = sample.values[mask] > evidence.theta
        predictions = []
        for sentence in arguments.sentences if texts else []:
            table = fit_balanced(bench.certain_levels(sentence, sample.excerpts.tokens)[mask], fired)
            levels = bench.certain_levels(sentence, tokens)[np.arange(len(texts)), lengths - 1]
            predictions.append([round(float(p), 5) for p in probabilities(table, levels)])
        planned = [
            Planned(
                tokens=list(text), generator="fixed_probe", purpose="not chosen by the agent; half of these fire",
                carrier=f"probe-{int(evidence.probe.ids[row])}", original=None,
            )
            for row, text in bench.fixed_probe
        ]  # fmt: skip
        return Designed(experiments=planned, predictions=predictions)

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

    def read_probe_set(arguments: Read, rng: np.random.Generator) -> Values:
        if arguments.exploratory or [tuple(text) for text in arguments.texts] != [
            text for _, text in bench.fixed_probe
        ]:
            raise BadInput("these are not the texts of the fixed probe set: design_probe_set gives them.")
        return read(arguments, rng)

    return [
        Tool("design_experiments", "Choose texts that tell rivals apart, unread so far.", Design, Designed, design),
        Tool("read_activations", "Read the neuron on any token texts.", Read, Values, read, size=size_of_reading),
        Tool(
            "design_probe_set",
            "The fixed probe set with predictions; half of its texts fire.",
            ProbeSet,
            Designed,
            design_probe_set,
            charged=False,
        ),
        Tool(
            "read_probe_set",
            "Read the neuron on the fixed probe set, once predictions for it are registered.",
            Read,
            Values,
            read_probe_set,
            charged=False,
            size=size_of_reading,
        ),
    ]
