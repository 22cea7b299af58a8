"""The tool that finds the matched null: the best of as many explanations of other neurons as a run has tried.

Where an LLM writes explanations, those are taken first that it has given of other neurons before: in other runs, and
for the nulls of other runs. It is asked for new ones only where there are too few, and for no more than four: how many
the null was chosen from stands in the result.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from pydantic import Field

from tools.catalogue.scores import development_score
from tools.errors import BadInput
from tools.evidence.neurons.same_layer import similar_firing_rate
from tools.roles import AsksAnLLM, Explainer
from tools.scoring.null import OtherExplanation, Source, explanations_of, kept_explanations
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

MAX_NULL = 16
MOST_NEURONS_ASKED = 4
"""Other neurons of which an LLM is asked, at most."""
_SEED = 31


class Null(Arguments):
    """How many explanations of other neurons the matched null chooses among, by the explainer that writes them."""

    n: dict[str, int] = Field(min_length=1)


class NullChoice(Outcome):
    """The null's best sentence on this neuron's development text; None when none of them could be scored.

    `sources` counts where those that were scored come from, see `tools.scoring.null.Source`. `by_twins` are those in
    free words whose lexical twins take their place, which cost nothing. A twin is the best rule of what the sentence
    speaks of on this very neuron, so that it is rather a harder null to beat than the sentence.
    """

    neurons: list[int]
    sentence: str | None
    n_scored: int
    sources: dict[Source, int] = Field(default_factory=dict)
    by_twins: int = 0


@dataclass
class _Search:
    """What was tried so far; `waiting` are neurons that were not yet."""

    study: Study
    waiting: list[int]
    rng: np.random.Generator
    used: list[int] = field(default_factory=list)
    sources: Counter[Source] = field(default_factory=Counter)
    best: str | None = None
    value: float = -np.inf
    by_twins: int = 0

    @property
    def size(self) -> int:
        return self.study.stratum_of(len(self.study.evidence.explore))

    @property
    def about(self) -> int:
        return self.study.evidence.neuron.index

    def by_rules(self, explainer: Explainer, wanted: int) -> None:
        """An explanation that says the same of every token of this text is no try: the next neuron takes its place."""
        n = 0
        while n < wanted and self.waiting:
            n += self._tried(explanations_of(self.study.scan, self._next(wanted - n), explainer, self.size, self.about))

    def by_an_llm(self, explainer: Explainer, wanted: int) -> None:
        """Use its cached explanations of other neurons first, then ask for a few new ones."""
        study = self.study
        if study.twin_writer is None:  # what it has said before costs something to read, too
            wanted = min(wanted, MOST_NEURONS_ASKED)
        known = kept_explanations(study.scan, self.waiting, explainer, self.size, self.about)
        there = {told.neuron for told in known} | set(self.used)
        known += [told for told in study.explanations_elsewhere(explainer.name) if told.neuron not in there]
        n = asked = 0
        most = min(2 * wanted, MOST_NEURONS_ASKED)
        while n < wanted and (known or (self.waiting and asked < most)):
            if known:
                now, known = known[: wanted - n], known[wanted - n :]
                self.used += [told.neuron for told in now]
                self.waiting = [neuron for neuron in self.waiting if neuron not in set(self.used)]
            else:
                neurons = self._next(min(wanted - n, most - asked))
                asked += len(neurons)
                now = explanations_of(study.scan, neurons, explainer, self.size, self.about)
            n += self._tried(now)

    def _next(self, n: int) -> list[int]:
        now, self.waiting = self.waiting[:n], self.waiting[n:]
        self.used += now
        return now

    def _tried(self, told: list[OtherExplanation]) -> int:
        """How many of them could be scored, by their twins where they have such."""
        study = self.study
        usable = [one for one in told if study.why_not(one.sentence) is None]
        costly = (
            [] if study.twin_writer is None else [one for one in usable if not study.simulations.is_exact(one.sentence)]
        )
        twins = study.twins_of([(one.sentence, one.words) for one in costly], self.rng)
        study.simulations.prepare([one.sentence for one in usable if one not in costly], study.development)
        n = 0
        for one in usable:
            twin = twins[costly.index(one)] if one in costly else one.sentence
            found = development_score(study, twin) if twin is not None else None
            if found is None or found.merit is None:
                continue
            n += 1
            self.sources[one.source] += 1
            self.by_twins += one in costly
            if found.merit > self.value:
                self.best, self.value = found.sentence, found.merit
        return n


def null_tools(study: Study) -> list[Tool[Null, NullChoice]]:
    """`null`, bound to one neuron."""
    neuron = study.evidence.neuron

    def null(arguments: Null, rng: np.random.Generator) -> NullChoice:
        unknown = sorted(set(arguments.n) - {explainer.name for explainer in study.explainers})
        if unknown:
            raise BadInput(f"there is no explainer {unknown[0]} in this run.")
        # The same neurons in every run: what must be beaten is no matter of chance, and what one run has learnt of
        # them, all others of the layer need not learn again.
        own = np.random.default_rng([neuron.layer, _SEED])
        search = _Search(study, similar_firing_rate(study.scan, neuron.index, own), rng)
        for explainer in study.explainers:
            left = MAX_NULL - sum(search.sources.values())
            wanted = min(arguments.n.get(explainer.name, 0), left) if explainer.has_null else 0
            if wanted > 0:
                (search.by_an_llm if isinstance(explainer, AsksAnLLM) else search.by_rules)(explainer, wanted)
        return NullChoice(
            neurons=search.used,
            sentence=search.best,
            n_scored=sum(search.sources.values()),
            sources=dict(search.sources),
            by_twins=search.by_twins,
        )

    about = "The best of other neurons' explanations on this one."
    return [Tool("null", about, Null, NullChoice, null, charged=False)]
