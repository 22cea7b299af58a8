"""Tools that design experiments, and the only one that reads the neuron."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, Field, field_validator

from tools.bench import Bench, padded, texts_sha256
from tools.errors import BadInput
from tools.experiments.registry import GENERATORS
from tools.experiments.rivals import Rival as Rival
from tools.experiments.round import Choice, Rounds
from tools.experiments.sampled import SAMPLED_TEXTS, SAMPLED_TOKENS
from tools.scoring.calibration import fit_balanced, probabilities
from tools.toolbox import UNIT_TEXTS, Arguments, Outcome, Tool


class Design(Arguments):
    """The rivals that experiments should tell apart, and which of them leads: the one that must be tried hardest.

    `quotas` are texts of each generator, together at most 64; `choice` is how they are chosen among the candidates.
    """

    rivals: list[Rival] = Field(min_length=1)
    leader: int = 0
    quotas: dict[str, int]
    choice: Choice = "disagreement"

    @field_validator("quotas")
    @classmethod
    def _check(cls, quotas: dict[str, int]) -> dict[str, int]:
        unknown = sorted(set(quotas) - set(GENERATORS))
        if unknown:
            raise ValueError(f"there is no generator {unknown[0]}: there are {', '.join(GENERATORS)}")
        if min(quotas.values(), default=0) < 0 or sum(quotas.values()) > UNIT_TEXTS:
            raise ValueError(f"quotas are numbers of texts, together at most {UNIT_TEXTS}")
        return quotas


class Planned(BaseModel):
    """An experiment: does the neuron fire at the last of `tokens`? See `tools.experiments.candidates.Candidate`."""

    tokens: list[int]
    generator: str
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
    evidence, rounds = bench.evidence, Rounds(bench)

    def size_of_design(arguments: Design) -> tuple[int, int]:
        # What is sampled from the model is paid for like any other text that goes through it.
        return (SAMPLED_TEXTS, SAMPLED_TOKENS) if arguments.quotas.get("sampled") else (0, 0)

    def design(arguments: Design, rng: np.random.Generator) -> Designed:
        rivals, leader = arguments.rivals, arguments.leader
        if not 0 <= leader < len(rivals):
            raise BadInput(f"the leader must be one of the {len(rivals)} rivals, not number {leader}.")
        chosen, said = rounds.plan(rivals, leader, arguments.quotas, arguments.choice, rng)
        planned = [
            Planned(
                tokens=list(c.tokens), generator=c.generator, purpose=c.purpose, carrier=c.carrier, original=c.original
            )
            for c in chosen
        ]
        return Designed(experiments=planned, predictions=[[round(float(p), 5) for p in row] for row in said])

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
        Tool(
            "design_experiments",
            "Choose texts that tell rivals apart, unread so far.",
            Design,
            Designed,
            design,
            size=size_of_design,
        ),
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
