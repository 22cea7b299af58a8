"""Tools for predictions of change: what a sentence says of a text before and after one of its words is changed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from pydantic import BaseModel

from tools.catalogue.experiments import Planned, ProbeSet, Read, Values, balanced_chances, chances
from tools.concepts.words import words_of
from tools.errors import BadInput
from tools.experiments.text_edits import Texts
from tools.study.experiment_log import Tokens, texts_sha256
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

_REACH = 6
_SEED = 21
_N_POOL = 200
"""Probe texts whose words are put in the place of others."""

_TRIES = 8


class Calibrated(BaseModel):
    """A sentence, its calibration (probabilities of firing at levels 0 to 10), and of which of the texts it is asked;
    None for all."""

    sentence: str
    table: list[float]
    of: list[int] | None = None


class Unchanged(BaseModel):
    """Where an edited text was cut from, and the raw value at its end before the change."""

    carrier: str
    value: float


class Before(Arguments):
    """Rivals, and edits of explore text by where they come from."""

    rivals: list[Calibrated]
    texts: list[Unchanged]


class Predicted(Outcome):
    """Each rival's probability of firing before the change, in the order of the texts; None where the text as it was
    cannot be found."""

    predictions: list[list[float | None]]


class DesignedPairs(Outcome):
    """One change of each text of the fixed probe set, with each rival's probability of firing before and after it.

    None where a rival has no prediction, because an LLM gave no usable reply.
    """

    experiments: list[Planned]
    before: list[list[float | None]]
    after: list[list[float | None]]


def fixed_pairs(study: Study) -> list[Tokens]:
    """Each text of the fixed probe set with one word swapped for another of probe text: the last one in every other
    text, else one of the six before it. Depends on neuron and corpus alone.

    Where a text ends in the middle of a word, the piece counts as one. Where no such change makes a text, another word
    of it is tried, and at last it stays as it was, which is a change that should change nothing.
    """
    neuron, probe = study.evidence.neuron, study.evidence.probe
    rng = np.random.default_rng([neuron.layer, neuron.index, _SEED])
    strings = study.vocabulary.strings
    fixed = [text for _, text in study.fixed_probe]
    rows = rng.permutation(len(probe))[: _N_POOL if fixed else 0].tolist()
    pool = [word.text for row in rows for word in words_of([strings[t] for t in probe.tokens[row] if t >= 0])[1:-1]]
    texts = Texts(strings, study.subject.tokenizer, study.evidence.corpus.width)
    out = []
    for i, (tokens, text) in enumerate(zip(fixed, texts.read(fixed), strict=True)):
        last = len(text.words) - 1 if text is not None else -1
        wanted = []
        for k in range(_TRIES if pool and last >= 0 else 0):
            back = 0 if (i % 2 and k < _TRIES // 2) or last == 0 else int(rng.integers(1, min(_REACH, last) + 1))
            wanted.append((text, last - back, pool[int(rng.integers(len(pool)))]))
        found = texts.with_word([(text, at, word) for text, at, word in wanted if text is not None])
        out.append(next((t.tokens for t in found if t is not None and t.tokens != tokens), tokens))
    return out


def prediction_tools(study: Study) -> list[Tool[Any, Any]]:
    """`predict_before`, `design_probe_pairs` and `read_probe_pairs`, bound to one neuron."""

    def at_ends(sentence: str, table: list[float], texts: list[Tokens]) -> list[float | None]:
        return chances(table, study.simulations.at_ends(sentence, texts), Counter())

    def before(arguments: Before, rng: np.random.Generator) -> Predicted:
        found = [study.text_before(text.carrier, text.value) for text in arguments.texts]
        rows: list[list[float | None]] = []
        for rival in arguments.rivals:
            asked = set(range(len(found)) if rival.of is None else rival.of)
            wanted = [text if i in asked else None for i, text in enumerate(found)]
            known = list(dict.fromkeys(text for text in wanted if text is not None))  # many edits share a carrier
            given = dict(zip(known, at_ends(rival.sentence, rival.table, known), strict=True)) if known else {}
            rows.append([None if text is None else given[text] for text in wanted])
        return Predicted(predictions=rows)

    def design_pairs(arguments: ProbeSet, rng: np.random.Generator) -> DesignedPairs:
        texts, changed = [text for _, text in study.fixed_probe], fixed_pairs(study)
        before, after = [], []
        for sentence in arguments.sentences if texts else []:
            before.append(balanced_chances(study, sentence, texts, Counter()))
            after.append(balanced_chances(study, sentence, changed, Counter()))
        planned = [
            Planned(
                tokens=list(text), generator="fixed_probe", purpose="one word of a fixed probe text changed",
                carrier=f"probe-{int(study.evidence.probe.ids[row])}", original=None,
            )
            for (row, _), text in zip(study.fixed_probe, changed, strict=True)
        ]  # fmt: skip
        return DesignedPairs(experiments=planned, before=before, after=after)

    def read_pairs(arguments: Read, rng: np.random.Generator) -> Values:
        texts = fixed_pairs(study)
        if not texts or arguments.exploratory or [tuple(text) for text in arguments.texts] != texts:
            raise BadInput("these are not the changed texts of the fixed probe set: design_probe_pairs gives them.")
        if texts_sha256(texts) not in study.log.registered:
            raise BadInput("no predictions are registered for these texts: register them first.")
        return Values(values=study.read(texts))

    return [
        Tool(
            "predict_before", "What rivals say of texts before they were changed.", Before, Predicted, before,
            charged=False,
        ),
        Tool(
            "design_probe_pairs", "One change of each fixed probe text, with predictions for both.", ProbeSet,
            DesignedPairs, design_pairs, charged=False,
        ),
        Tool(
            "read_probe_pairs", "Read the neuron on the changed probe texts, once predictions are registered.", Read,
            Values, read_pairs, charged=False, size=lambda a: (len(a.texts), sum(map(len, a.texts))),
        ),
    ]  # fmt: skip
