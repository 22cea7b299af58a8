"""Tools about what hypotheses say: which of them say the same, and whether one of them says several things at once."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from tools.readable.reader import LexicalReader
from tools.records.coverage import Count, Counterexample, FoundMeaning
from tools.scoring.calibration import fit, probabilities
from tools.scoring.meanings import MIN_SHARE, Meaning, meanings
from tools.study.simulations import padded
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

AGREE = 0.99
"""Two sentences whose levels on development text correlate at least so well are one hypothesis."""

_SHOWN = 5
_SHOWN_TOKENS = 24


class Agreement(Arguments):
    """Sentences that may say the same."""

    sentences: list[str]


class Alike(BaseModel):
    """Two of the sentences, by number, and the correlation of their levels on development text."""

    first: int
    second: int
    correlation: float


class Agreements(Outcome):
    """The pairs that agree."""

    pairs: list[Alike]


class TriedExperiment(BaseModel):
    """A registered prediction: which of the revealed experiments, the probability of firing that the whole sentence
    gave it, the text that it was cut from, and the raw value there before the change, for an edit."""

    revealed: int
    probability: float
    carrier: str
    before: float | None = None


class Meanings(Arguments):
    """A sentence, its calibration (probabilities of firing at levels 0 to 10), and what it predicted of experiments."""

    sentence: str
    table: list[float]
    tried: list[TriedExperiment]


class FoundMeanings(Outcome):
    """The meanings with at least a fifth of the firing each; the rest of the firing is unexplained or in small ones."""

    meanings: list[FoundMeaning]


def meaning_tools(study: Study) -> list[Tool[Agreement, Agreements] | Tool[Meanings, FoundMeanings]]:
    """`agreement` and `meanings`, bound to one neuron."""
    evidence = study.evidence
    standardised: dict[str, NDArray[np.float32] | None] = {}

    def levels_of(sentence: str) -> NDArray[np.float32] | None:
        """Levels on development text with mean 0 and length 1; None when they are constant."""
        if sentence not in standardised:
            excerpts = study.development.activations.excerpts
            levels = study.simulations.certain_levels(sentence, excerpts.tokens)[excerpts.mask]
            levels = levels - levels.mean()
            length = float(np.linalg.norm(levels))
            standardised[sentence] = levels / length if length else None
        return standardised[sentence]

    def agreement(arguments: Agreement, rng: np.random.Generator) -> Agreements:
        found = []
        for (i, one), (j, other) in combinations(enumerate(map(levels_of, arguments.sentences)), 2):
            if one is not None and other is not None and float(one @ other) >= AGREE:
                found.append(Alike(first=i, second=j, correlation=round(float(one @ other), 6)))
        return Agreements(pairs=found)

    def find(arguments: Meanings, rng: np.random.Generator) -> FoundMeanings:
        understood = study.readable(arguments.sentence)
        if understood is None:
            return FoundMeanings(meanings=[])
        rule, reader = understood
        found = meanings(rule, arguments.table, evidence.development, evidence.theta, reader)
        found = [meaning for meaning in found if meaning.share >= MIN_SHARE]
        return FoundMeanings(meanings=_tested(study, reader, found, arguments.tried))

    return [
        Tool("agreement", "Which sentences say the same.", Agreement, Agreements, agreement, charged=False),
        Tool(
            "meanings", "The unrelated meanings of a sentence, each with its share of the firing and its own tests.",
            Meanings, FoundMeanings, find, charged=False,
        ),
    ]  # fmt: skip


def _tested(
    study: Study, reader: LexicalReader, found: list[Meaning], tried: list[TriedExperiment]
) -> list[FoundMeaning]:
    """How each meaning fared in experiments: those that it alone, or it most of all, said something about."""
    theta = study.evidence.theta
    texts = [study.log.revealed[t.revealed].tokens for t in tried]
    fired = [study.log.revealed[t.revealed].value > theta for t in tried]
    before = [None if t.before is None else study.text_before(t.carrier, t.before) for t in tried]
    said = _said(study, reader, found, texts)
    said_before = _said(study, reader, found, [text or () for text in before])
    last = _last_words(reader, texts)
    out = []
    for k, meaning in enumerate(found):
        positive: dict[str, list[bool]] = {}
        pairs: dict[str, list[bool]] = {}
        counterexamples: list[Counterexample] = []
        for i, t in enumerate(tried):
            fires = t.probability >= 0.5
            what: Literal["silent", "fired without it"] | None = None
            if fires and said[i] == k:
                positive.setdefault(t.carrier, []).append(fired[i])
                what = None if fired[i] else "silent"
            elif not fires and fired[i] and last[i] in meaning.words:
                what = "fired without it"
            if what and len(counterexamples) < _SHOWN:
                shown = study.subject.tokenizer.decode(list(texts[i][-_SHOWN_TOKENS:]))
                value = study.log.revealed[t.revealed].value
                counterexamples.append(Counterexample(text=shown, value=value, what=what))
            if not fires and said_before[i] == k and t.before is not None and t.before > theta:
                pairs.setdefault(t.carrier, []).append(not fired[i])
        out.append(
            FoundMeaning(
                sentence=reader.language.render(meaning.rule), share=meaning.share, words=list(meaning.words),
                predicted_positive=Count.of(positive), minimal_pair=Count.of(pairs), counterexamples=counterexamples,
            )
        )  # fmt: skip
    return out


def _last_words(reader: LexicalReader, texts: list[tuple[int, ...]]) -> list[str]:
    """The word at the end of each text, in small letters."""
    if not texts:
        return []
    tokens, lengths = padded(texts)
    cut = reader.text_cache.texts(tokens)
    return [cut.keys[key].lower() for key in cut.key[cut.word_of[np.cumsum(lengths) - 1]]]


def _said(study: Study, reader: LexicalReader, found: list[Meaning], texts: list[tuple[int, ...]]) -> list[int]:
    """Which meaning says most that the neuron fires at the end of each text; -1 where none says so."""
    if not found or not texts:
        return [-1] * len(texts)
    tokens, lengths = padded(texts)
    ends = np.arange(len(texts)), np.maximum(lengths - 1, 0)
    sample = study.development.activations
    mask = sample.excerpts.mask
    fired = sample.values[mask] > study.evidence.theta
    chances = []
    for meaning in found:
        table = fit(reader.levels(meaning.rule, sample.excerpts.tokens)[mask], fired)
        levels = reader.levels(meaning.rule, tokens)[ends]
        chances.append(np.where(lengths > 0, probabilities(table, levels), 0))
    most = np.stack(chances)
    return [int(k) if p >= 0.5 else -1 for k, p in zip(most.argmax(0), most.max(0), strict=True)]
