"""Trigger rate: how many texts made from an explanation alone make the neuron fire, and how many near misses do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from evals.readers.correlations import Mean, mean_over
from evals.readers.text_sources import MadeTexts
from evals.records import Record
from evals.statistics import counted_share
from tools.concepts.sentences import english_sentences
from tools.errors import BadInput
from tools.making.passages import random_passages
from tools.records.result import Compared, Unscored
from tools.roles import MadeText
from tools.study.simulations import padded
from tools.study.study import Study


class TriedText(Record):
    """A text and the neuron's reaction.

    Attributes:
        text: as it was made.
        fires: whether any token goes above theta.
        on_words: whether one of the maker's meant words does; None if there are none, or they cannot be found.
        peak: the largest value.
    """

    text: str
    fires: bool
    on_words: bool | None
    peak: float


class Tried(Record):
    """Texts of one sort. `unscored` counts missing and unreadable ones, by reason."""

    texts: list[TriedText]
    unscored: dict[str, int]

    @property
    def n_fire(self) -> int:
        """How many fire."""
        return sum(text.fires for text in self.texts)


class Triggered(Record):
    """An explanation of a neuron, and the texts made from it.

    `random` are as many passages of random sentences as there are positives, to show what happens by chance.
    """

    neuron: str
    kind: str
    sentence: str
    maker: str
    positives: Tried
    near_misses: Tried
    random: Tried


class KindTriggers(Record):
    """One kind of explanation, with means of the neurons' shares, and shares over all texts together.

    Attributes:
        n_positives, n_near_misses, n_random: texts that were read.
        fire: mean over neurons of the share of positives that fire.
        silent: mean over neurons of the share of near misses that stay silent.
        random: mean over neurons of the share of passages of random sentences that fire.
        fire_pooled, silent_pooled, random_pooled: over all texts together, with Wilson intervals that ignore neurons.
        on_words: the share of positives with meant words that fire on one of them.
        silent_on_words: the share of such near misses that fire on none of them, whatever happens elsewhere.
        unscored: texts that could not be read or made, by reason.
    """

    kind: str
    n_neurons: int
    n_positives: int
    n_near_misses: int
    n_random: int
    fire: Mean
    silent: Mean
    random: Mean
    fire_pooled: Compared
    silent_pooled: Compared
    random_pooled: Compared
    on_words: Compared
    silent_on_words: Compared
    unscored: dict[str, int]


class Triggers(Record):
    """All results. `left_out` counts unreadable runs, by reason."""

    maker: str
    sentences: list[Triggered]
    kinds: list[KindTriggers]
    left_out: dict[str, int]


def triggered(
    study: Study, neuron: str, kind: str, sentence: str, maker: str, made: MadeTexts, rng: np.random.Generator
) -> Triggered:  # fmt: skip
    """Read the texts made from an explanation, and as many passages of random sentences."""
    n_random = 0 if isinstance(made.positives, Unscored) else len(made.positives)
    return Triggered(
        neuron=neuron, kind=kind, sentence=sentence, maker=maker, positives=tried(study, made.positives),
        near_misses=tried(study, made.near_misses),
        random=tried(study, random_passages(english_sentences(), n_random, rng)),
    )  # fmt: skip


def tried(study: Study, texts: Sequence[MadeText] | Unscored) -> Tried:
    """Read texts; one that does not fit the model is counted and left out."""
    if isinstance(texts, Unscored):
        return Tried(texts=[], unscored={texts.reason: 1})
    found, unscored = [], Counter[str]()
    for text in texts:
        one = _tried(study, text)
        if isinstance(one, Unscored):
            unscored[one.reason] += 1
        else:
            found.append(one)
    return Tried(texts=found, unscored=dict(unscored))


def _tried(study: Study, made: MadeText) -> TriedText | Unscored:
    subject, neuron = study.subject, study.evidence.neuron
    try:
        ids = subject.tokenizer.encode([made.text])[0]
    except BadInput:
        return Unscored(reason="the tokenizer cannot take it")
    if not ids:
        return Unscored(reason="it has no token")
    if len(ids) > subject.n_ctx:
        return Unscored(reason="it is longer than the model reads")
    tokens, lengths = padded([tuple(ids)])
    values = subject.neuron_values(subject.mlp_input(tokens, lengths, neuron.layer), neuron.layer, neuron.index)[0]
    above = values > study.evidence.theta
    meant = _tokens_of(study, made, ids)
    return TriedText(
        text=made.text, fires=bool(above.any()), on_words=None if meant is None else bool(above[meant].any()),
        peak=round(float(values.max()), 5),
    )  # fmt: skip


def _tokens_of(study: Study, made: MadeText, ids: list[int]) -> list[int] | None:
    """The tokens of all occurrences of the meant words; None if there are none, or they cannot be found."""
    decode = study.subject.tokenizer.decode
    if not made.words or decode(ids) != made.text:
        return None
    ends = [len(decode(ids[: k + 1])) for k in range(len(ids))]
    starts = [0, *ends[:-1]]
    spans = []
    for word in made.words:
        at = made.text.find(word)
        while at >= 0:
            spans.append((at, at + len(word)))
            at = made.text.find(word, at + 1)
    return [
        k
        for k, (start, end) in enumerate(zip(starts, ends, strict=True))
        if any(start < stop and begin < end for begin, stop in spans)
    ] or None


def summed(sentences: Sequence[Triggered], maker: str, left_out: dict[str, int], rng: np.random.Generator) -> Triggers:
    """Shares by kind, in the order in which kinds come first."""
    kinds = [
        _summary(kind, [one for one in sentences if one.kind == kind], rng)
        for kind in dict.fromkeys(one.kind for one in sentences)
    ]
    return Triggers(maker=maker, sentences=list(sentences), kinds=kinds, left_out=left_out)


def _summary(kind: str, own: Sequence[Triggered], rng: np.random.Generator) -> KindTriggers:
    sorts = [
        [tried for tried in part if tried.texts]
        for part in ([one.positives for one in own], [one.near_misses for one in own], [one.random for one in own])
    ]
    positives, near, chance = sorts
    n_positives, n_near, n_random = (sum(len(tried.texts) for tried in part) for part in sorts)
    fired, near_fired, random_fired = (sum(tried.n_fire for tried in part) for part in sorts)
    meant, near_meant = (
        [text.on_words for tried in part for text in tried.texts if text.on_words is not None]
        for part in (positives, near)
    )
    unscored: Counter[str] = Counter()
    for one in own:
        for tried in (one.positives, one.near_misses, one.random):
            unscored.update(tried.unscored)
    return KindTriggers(
        kind=kind, n_neurons=len(own), n_positives=n_positives, n_near_misses=n_near, n_random=n_random,
        fire=mean_over((tried.n_fire / len(tried.texts) for tried in positives), rng),
        silent=mean_over((1 - tried.n_fire / len(tried.texts) for tried in near), rng),
        random=mean_over((tried.n_fire / len(tried.texts) for tried in chance), rng),
        fire_pooled=counted_share(fired, n_positives), silent_pooled=counted_share(n_near - near_fired, n_near),
        random_pooled=counted_share(random_fired, n_random), on_words=counted_share(sum(meant), len(meant)),
        silent_on_words=counted_share(len(near_meant) - sum(near_meant), len(near_meant)), unscored=dict(unscored),
    )  # fmt: skip
