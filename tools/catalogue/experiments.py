"""Tools that design experiments, and the only one that reads the neuron."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, field_validator

from tools.errors import BadInput
from tools.experiments.candidates import Candidate
from tools.experiments.committee import Member as Member
from tools.experiments.registry import GENERATORS
from tools.experiments.round import Choice, Rounds
from tools.experiments.sampled import SAMPLED_TEXTS, SAMPLED_TOKENS
from tools.records.result import Unscored
from tools.scoring.calibration import fit_balanced, probabilities
from tools.scoring.log_score import MINIMAL_PAIR
from tools.study.experiment_log import Tokens, texts_sha256
from tools.study.study import Study
from tools.toolbox import UNIT_TEXTS, Arguments, Outcome, Tool

_LEAST_TOKENS = 3

N_ASKED = 24
"""Texts of a round that rivals predict who cost something to ask."""

N_PROBED = 40
"""Texts of the fixed probe set, and changes of them, that such a one predicts."""


class Design(Arguments):
    """The rivals that experiments should tell apart, and which of them leads: the one that must be tried hardest.

    `quotas` are texts of each generator, together at most 64; `choice` is how they are chosen among the candidates.
    """

    rivals: list[Member] = Field(min_length=1)
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
    """An experiment: does the neuron fire at the last of `tokens`? See `tools.experiments.candidates.Candidate`, whose
    `value_before` is `original` here, as in traces."""

    tokens: list[int]
    generator: str
    purpose: str
    carrier: str
    original: float | None
    about: str = ""


class ProbeSet(Arguments):
    """The rivals that predict the fixed probe set; their tables are not used, since half of its texts fire."""

    sentences: list[str]


class Designed(Outcome):
    """Chosen experiments with each rival's probability of firing, in the order of the rivals.

    None where a rival has no prediction: the LLM was not asked (see `affordable`) or gave no usable reply. `abstained`
    counts the reasons. `levels` are the levels 0 to 10 that they were made from, where an LLM is told of them; else
    there are none.
    """

    experiments: list[Planned]
    predictions: list[list[float | None]]
    levels: list[list[float | None]] = Field(default_factory=list)
    abstained: dict[str, int] = Field(default_factory=dict)


class Read(Arguments):
    """Token texts to read. Evidence needs predictions on record for exactly these texts; else it is exploratory."""

    texts: list[list[int]]
    exploratory: bool = False


class Values(Outcome):
    """The neuron's raw value at each token of each text."""

    values: list[list[float]]


def chances(table: list[float], levels: Sequence[float | Unscored], abstained: Counter[str]) -> list[float | None]:
    """Probabilities of firing at predicted levels; None where there is no level, its reason counted in `abstained`."""
    out: list[float | None] = []
    for level in levels:
        if isinstance(level, Unscored):
            abstained[level.reason] += 1
            out.append(None)
        else:
            out.append(round(float(probabilities(table, np.float32(level))), 5))
    return out


def balanced_chances(study: Study, sentence: str, texts: list[Tokens], abstained: Counter[str]) -> list[float | None]:
    """Probabilities of firing at the ends of texts of which half fire; None where there is none, with the reason.

    One that costs something to ask is asked of the first of them alone: they are in an order that tells nothing.
    """
    part = study.simulations.on(sentence, study.development)
    if isinstance(part, Unscored):
        return chances([], [part] * len(texts), abstained)
    mask = part.sample.activations.excerpts.mask
    fired = part.sample.activations.values[mask] > study.evidence.theta
    table = fit_balanced(part.levels[mask], fired, part.sample.token_importance)
    few = texts if study.simulations.is_exact(sentence) else texts[:N_PROBED]
    return [*chances(table, study.simulations.at_ends(sentence, few), abstained), *[None] * (len(texts) - len(few))]


def affordable(chosen: Sequence[Candidate]) -> list[int]:
    """The numbers of the chosen texts, at most 24, that rivals simulated by an LLM predict.

    Taken in turns from each generator. Second texts of a carrier come last, because a carrier is one observation. Words
    without context are left out: a reader cannot judge them.
    """
    by_generator: dict[str, list[int]] = {}
    heard: Counter[str] = Counter()
    for i, candidate in enumerate(chosen):
        if len(candidate.tokens) >= _LEAST_TOKENS:
            by_generator.setdefault(candidate.generator, []).append(i)
    turns = [(turn, i) for own in by_generator.values() for turn, i in enumerate(own)]
    ranked = []
    for turn, i in sorted(turns):
        ranked.append((heard[chosen[i].carrier], turn, i))
        heard[chosen[i].carrier] += 1
    return sorted(i for *_, i in sorted(ranked)[:N_ASKED])


def _asked(study: Study, chosen: Sequence[Candidate]) -> list[Tokens]:
    """The chosen texts, and those that edits were made from and are scored by order with: both are asked about at once,
    since which of the two fires more is best said by who sees both."""
    before = [
        study.text_before(one.carrier, one.value_before)
        for one in chosen
        if one.generator == MINIMAL_PAIR and one.value_before is not None
    ]
    return [*(one.tokens for one in chosen), *(text for text in before if text is not None)]


def experiment_tools(study: Study) -> list[Tool[Any, Any]]:
    """`design_experiments`, `design_probe_set` and the two that read, bound to one neuron."""
    evidence, rounds = study.evidence, Rounds(study)

    def size_of_design(arguments: Design) -> tuple[int, int]:
        # What is sampled from the model is paid for like any other text that goes through it.
        return (SAMPLED_TEXTS, SAMPLED_TOKENS) if arguments.quotas.get("sampled") else (0, 0)

    def design(arguments: Design, rng: np.random.Generator) -> Designed:
        rivals, leader = arguments.rivals, arguments.leader
        if not 0 <= leader < len(rivals):
            raise BadInput(f"the leader must be one of the {len(rivals)} rivals, not number {leader}.")
        # Thousands of candidates are weighed by what is free to ask; who costs something predicts the chosen ones.
        free = [i for i, rival in enumerate(rivals) if study.simulations.is_exact(rival.sentence)]
        if not free:
            raise BadInput(
                "no rival is one that the lexical reader understands, so there is nothing to choose experiments by."
            )
        by_belief = max(range(len(free)), key=lambda k: rivals[free[k]].belief)
        stand_in = free.index(leader) if leader in free else by_belief
        chosen, said = rounds.plan([rivals[i] for i in free], stand_in, arguments.quotas, arguments.choice, rng)
        predictions: list[list[float | None]] = [[] for _ in rivals]
        abstained: Counter[str] = Counter()
        for i, row in zip(free, said, strict=True):
            predictions[i] = [round(float(p), 5) for p in row]
        is_told = study.writer is not None
        told: list[list[float | None]] = []
        few = affordable(chosen)
        study.simulations.prepare_ends(
            [
                (rival.sentence, _asked(study, [chosen[row] for row in few]))
                for i, rival in enumerate(rivals)
                if i not in free
            ]
        )
        for i, rival in enumerate(rivals):
            if i in free and not is_told:
                continue
            rows = list(range(len(chosen))) if i in free else few
            levels = study.simulations.at_ends(rival.sentence, [chosen[row].tokens for row in rows])
            known = {
                row: None if isinstance(level, Unscored) else round(float(level), 2)
                for row, level in zip(rows, levels, strict=True)
            }
            told.append([known.get(row) for row in range(len(chosen))])
            if i not in free:
                said_of = dict(zip(rows, chances(rival.table, levels, abstained), strict=True))
                predictions[i] = [said_of.get(row) for row in range(len(chosen))]
        planned = [
            Planned(
                tokens=list(c.tokens),
                generator=c.generator,
                purpose=c.purpose,
                carrier=c.carrier,
                original=c.value_before,
                about=c.about,
            )
            for c in chosen
        ]
        return Designed(
            experiments=planned, predictions=predictions, abstained=dict(abstained), levels=told if is_told else []
        )

    def design_probe_set(arguments: ProbeSet, rng: np.random.Generator) -> Designed:
        texts = [text for _, text in study.fixed_probe]
        abstained: Counter[str] = Counter()
        predictions = [balanced_chances(study, s, texts, abstained) for s in (arguments.sentences if texts else [])]
        planned = [
            Planned(
                tokens=list(text), generator="fixed_probe", purpose="not chosen by the agent; half of these fire",
                carrier=f"probe-{int(evidence.probe.ids[row])}", original=None,
            )
            for row, text in study.fixed_probe
        ]  # fmt: skip
        return Designed(experiments=planned, predictions=predictions, abstained=dict(abstained))

    def size_of_reading(arguments: Read) -> tuple[int, int]:
        return len(arguments.texts), sum(map(len, arguments.texts))

    def read(arguments: Read, rng: np.random.Generator) -> Values:
        texts = [tuple(text) for text in arguments.texts]
        if not texts or not all(texts):
            raise BadInput("there is nothing to read: give at least one text of at least one token.")
        if not arguments.exploratory and texts_sha256(texts) not in study.log.registered:
            raise BadInput(
                "no predictions are registered for these texts: register them first, or read as exploratory."
            )
        return Values(values=study.read(texts))

    def read_probe_set(arguments: Read, rng: np.random.Generator) -> Values:
        if arguments.exploratory or [tuple(text) for text in arguments.texts] != [
            text for _, text in study.fixed_probe
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
