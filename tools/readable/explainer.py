"""The embedded explainer: readable rules, learnt from explore text. No network, no key."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from tools.concepts import concepts as classes
from tools.concepts import vectors
from tools.errors import BadInput
from tools.evidence.neurons.neuron import threshold
from tools.readable.bag_of_kinds import bag_of
from tools.readable.contract import why_not
from tools.readable.features import Features
from tools.readable.learn import Learner, Learnt
from tools.readable.merit import Merit
from tools.readable.neighbouring_items import neighbours
from tools.readable.reader import LexicalReader
from tools.readable.rule import STRENGTHS, AnyWord, Everything, Item, Quoted, Rule
from tools.readable.sample import Sample
from tools.readable.screen import PRICE, Form
from tools.readable.word_texts import Keys
from tools.records.excerpts import ExploreActivations
from tools.records.hypothesis import Hypothesis
from tools.roles import Revealed
from tools.scoring.sampling import explore_weights

NAME = "rules"
_KEPT = 2
_REVISED = 4
_STEPS = 3
_HOLDS = 0.5
_MOST_EXCERPTS = 1_000
"""A rule is learnt from so many: more would take longer, and change little of a few words."""


class ReadableExplainer:
    """Implements `tools.roles.Explainer` by rules that a person can read.

    Args:
        reader: what it writes for; whoever reads its sentences knows what this reader knows.
    """

    name = NAME
    has_null = True

    def __init__(self, reader: LexicalReader) -> None:
        self._reader = reader
        self._features: OrderedDict[int, Features] = OrderedDict()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over numpy's version, the classes, and all source that decides what is learnt."""
        digest = hashlib.sha256(np.__version__.encode())
        digest.update(self._reader.knowledge.concepts.fingerprint.encode())
        folders = Path(__file__).parent, Path(classes.__file__).parent
        for path in [*(path for folder in folders for path in sorted(folder.glob("*.py"))), vectors.DATA]:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def propose(self, explore: ExploreActivations, size: int, rng: np.random.Generator, n: int = 4) -> list[Hypothesis]:
        """The best rule, shorter ones that led to it, and the best of classes alone and of words alone."""
        learner = self._learner(explore, size, rng)
        path = learner.path("mixed")
        found = [("mixed", path[-1])] if path else []
        if n > 1:
            found += [("short", one) for one in path[:2]]
            for form in get_args(Form)[1:]:
                found += [(form, one) for one in learner.path(form)[-1:]]
        return self._proposals([(form, one.rule, None) for form, one in found])

    def propose_one(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Hypothesis | None:
        """The rule that one would bet on; None where there is nothing to say."""
        return next(iter(self.propose(explore, size, rng, 1)), None)

    def twins(
        self,
        sentences: Sequence[tuple[str, tuple[str, ...]]],
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
    ) -> list[str | None]:
        """For each sentence in free words the best rule of the words and classes that it speaks of: its lexical twin.

        None where nothing that it speaks of goes with the neuron.

        Args:
            sentences: each with the words by which its author says that excerpts which it claims can be found.
            explore: what the neuron does on explore text.
            size: excerpts per stratum to learn from.
            rng: as in `propose`.
        """
        learner = self._learner(explore, size, rng)
        found: list[str | None] = []
        for sentence, words in sentences:
            path = learner.path_among(bag_of(sentence, words, self._reader.knowledge))
            told = self._proposals([("lexical twin", one.rule, sentence) for one in path[-1:]])
            found.append(told[0].sentence if told else None)
        return found

    def covers(self, sentence: str, words: Sequence[str]) -> float:
        """Share of the given words that the kinds of a rule include, whatever contexts the rule requires."""
        rule = self._understood(sentence)
        named = [word for word in words if word.strip()]
        if rule is None or not named:
            return 0.0
        keys = Keys(["", *named])
        kinds = [item.kind for _, item in rule.items if not isinstance(item.kind, AnyWord | Everything)]
        held = np.array([self._reader.knowledge.by_key(kind, keys)[1:] >= _HOLDS for kind in kinds]).reshape(
            -1, len(named)
        )
        return float(held.any(axis=0).mean())

    def revise(
        self,
        explore: ExploreActivations,
        size: int,
        rng: np.random.Generator,
        revealed: list[Revealed],
        best: list[str],
    ) -> list[Hypothesis]:
        """The best rules, changed where the experiments say so, and one learnt from other folds of the text.

        A class whose members did not fire gives way to a part of it or to its words; one whose look-alikes fired, to a
        wider one; an item or a condition that nothing speaks for goes.
        """
        learner = self._learner(explore, size, rng)
        merit = Merit(learner, self._reader, revealed)
        understood = [(sentence, rule) for sentence in best if (rule := self._understood(sentence)) is not None]
        found: list[tuple[str, Rule, str | None]] = [
            ("revised", self._climbed(rule, learner, merit), sentence) for sentence, rule in understood[:_REVISED]
        ]
        path: Sequence[Learnt] = learner.path("mixed")
        return self._proposals([*found, *(("mixed, other folds", one.rule, None) for one in path[-1:])])

    def _climbed(self, rule: Rule, learner: Learner, merit: Merit) -> Rule:
        """The rule after at most a few changes, each of which makes it better."""
        now = merit.of(rule)
        for _ in range(_STEPS):
            tried = [learner.with_strengths(items) for items in self._changed(rule, learner)]
            tried += _with_other_strengths(rule)
            options = [(merit.of(one), number, one) for number, one in enumerate(tried) if self._may_be_said(one)]
            if not options or max(options)[0] <= now + PRICE:
                break
            now, _, rule = max(options)
        return rule

    @staticmethod
    def _changed(rule: Rule, learner: Learner) -> Iterator[list[Item]]:
        items = [item for _, item in rule.items]
        for at, item in enumerate(items):
            if len(items) > 1:
                yield [*items[:at], *items[at + 1 :]]
            if item.context is not None:
                yield [*items[:at], replace(item, context=None), *items[at + 1 :]]
            if item.unless is not None:
                yield [*items[:at], replace(item, unless=None), *items[at + 1 :]]
            for _, rest in _apart(item):
                yield [*items[:at], rest, *items[at + 1 :]]
            for other in neighbours(item, learner):
                yield [*items[:at], other, *items[at + 1 :]]

    def _learner(self, explore: ExploreActivations, size: int, rng: np.random.Generator) -> Learner:
        excerpts = explore.excerpts
        texts = self._reader.text_cache.texts(excerpts.tokens)
        if id(texts) not in self._features:
            self._features[id(texts)] = Features(texts, self._reader.knowledge)
            while len(self._features) > _KEPT:
                self._features.popitem(last=False)
        features = self._features[id(texts)]
        values = explore.values[excerpts.mask]
        sample = Sample(
            texts,
            values,
            np.repeat(_weights(explore, size, rng), excerpts.lengths),
            np.repeat(excerpts.documents, excerpts.lengths),
            threshold(values),
            rng,
        )
        return Learner(sample, features, self._reader.language)

    def _understood(self, sentence: str) -> Rule | None:
        try:
            return self._reader.language.parse(sentence)
        except BadInput:
            return None

    def _may_be_said(self, rule: Rule) -> bool:
        return why_not(self._reader.language.render(rule)) is None

    def _proposals(self, rules: Sequence[tuple[str, Rule, str | None]]) -> list[Hypothesis]:
        found: dict[str, Hypothesis] = {}
        for form, rule, parent in rules:
            sentence = self._reader.language.render(rule)
            if rule.items and why_not(sentence) is None:
                known = found.setdefault(sentence, Hypothesis(form, sentence))
                parents = known.parents if parent is None else (*known.parents, parent)
                found[sentence] = replace(known, parents=parents)
        return list(found.values())


def _with_other_strengths(rule: Rule) -> Iterator[Rule]:
    """The rule with one of its items said to be stronger or weaker: experiments may tell, where text did not."""
    for at, (strength, item) in enumerate(rule.items):
        others = [*rule.items[:at], *rule.items[at + 1 :]]
        for other in STRENGTHS:
            if other != strength:
                yield Rule.of([*others, (other, item)])
                for word, rest in _apart(item):
                    yield Rule.of([*others, (strength, rest), (other, word)])


def _apart(item: Item) -> Iterator[tuple[Item, Item]]:
    """Each of the words that an item quotes by itself, and the item with all others."""
    if isinstance(item.kind, Quoted) and len(item.kind.words) > 1:
        for word in item.kind.words:
            rest = tuple(one for one in item.kind.words if one != word)
            yield replace(item, kind=Quoted((word,))), replace(item, kind=Quoted(rest))


def _weights(explore: ExploreActivations, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A weight for each excerpt, such that they stand for the strata; 0 for those that are left out of much text."""
    weights = explore_weights(explore, size)
    if len(weights) <= _MOST_EXCERPTS:
        return weights
    maxima = np.where(explore.excerpts.mask, explore.values, -np.inf).max(axis=1, initial=-np.inf)
    order = np.argsort(-maxima, kind="stable")
    top, rest = order[:size], order[size:]
    n_top = min(size, _MOST_EXCERPTS // 3)
    kept = np.zeros(len(weights))
    for some, n in ((top, n_top), (rest, _MOST_EXCERPTS - n_top)):
        drawn = rng.choice(some, n, replace=False)
        kept[drawn] = float(weights[some].sum()) / n
    return kept
