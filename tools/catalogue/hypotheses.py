"""Tools that write hypotheses, and the one that says what is known at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tools.errors import NothingWritten
from tools.evidence.neurons.gated import other_side
from tools.readable import contract
from tools.records.gated import AlwaysOn, OtherSide
from tools.records.hypothesis import Hypothesis, WrittenText
from tools.records.result import Unscored
from tools.roles import AsksAnLLM, Explainer, TriedRival
from tools.scoring.null import keep_explanation
from tools.study.known_predictions import with_known_predictions
from tools.study.study import Study
from tools.subject.views import ModelView
from tools.toolbox import Arguments, Outcome, Tool

_PREDICTED = 3.0
"""The level of "weakly": a faint one, often of a wide class, accounts for no strong firing."""

_CHANGED = 3
"""The best sentences that an explainer without an LLM is asked to change."""


class Gather(Arguments):
    """Takes nothing."""


class NeuronOverview(Outcome):
    """What is known at the start; `firing_rate` is the share of explore tokens above theta.

    Of a gated neuron also what its other side does, and whether it is always on, so that silences are explained.
    """

    theta: float
    status: str
    n_explore: int
    n_probe: int
    n_development: int
    sealed_sizes: list[int]
    firing_rate: float
    other_side: OtherSide | None = None
    always_on: AlwaysOn | None = None


class Lookup(Arguments):
    """Takes nothing."""


class Propose(Arguments):
    """How many rivals to write."""

    n: int = Field(default=4, ge=1, le=4)


class Revise(Arguments):
    """`best`: the best sentences so far, best first; `n_revealed`: how many experiments are known; `too_wide`: others
    that name a class whose unseen members were silent, for an explainer that learns rules; `told`: the best by their
    scores, `tried`: other rivals and what became of them, and `stand_ins`: of some of the best in free words the exact
    rules that say nearly the same, for one that asks an LLM."""

    best: list[str]
    n_revealed: int
    too_wide: list[str] = Field(default_factory=list)
    told: list[TriedRival] = Field(default_factory=list)
    tried: list[TriedRival] = Field(default_factory=list)
    stand_ins: dict[str, str] = Field(default_factory=dict)


class Proposals(Outcome):
    """Hypotheses, in the order in which they were written; why an explainer wrote none; and which may not compete.

    `unreadable` are rules that no person could use: they may still be the predictor.
    """

    proposals: list[Hypothesis]
    unreadable: list[str] = Field(default_factory=list)
    unwritten: dict[str, str] = Field(default_factory=dict)
    refused: list[str] = Field(default_factory=list)


class WriteTexts(Arguments):
    """`best`: the leading sentence and its rivals; `n_revealed`: how many experiments are known; `n`: texts wanted."""

    best: list[str] = Field(min_length=1)
    n_revealed: int
    n: int = Field(default=16, ge=1, le=64)


class Written(Outcome):
    """Texts with the predicted level at their ends; or why there are none."""

    texts: list[WrittenText]
    reason: str | None = None


def hypothesis_tools(study: Study) -> list[Tool[Any, Any]]:
    """`gather`, `lookup`, `propose`, `revise` and `write_texts`, bound to one neuron."""
    evidence = study.evidence

    def gather(_: Gather, rng: np.random.Generator) -> NeuronOverview:
        drawn = evidence.explore.drawn
        values = evidence.explore.values[drawn][evidence.explore.excerpts.mask[drawn]]
        return NeuronOverview(
            theta=round(evidence.theta, 6),
            status=evidence.status,
            n_explore=len(evidence.explore),
            n_probe=len(evidence.probe),
            n_development=len(evidence.development),
            sealed_sizes=evidence.sealed.sizes,
            firing_rate=round(float((values > evidence.theta).mean()), 8),
            other_side=sum_up_other_side(),
            always_on=evidence.always_on,
        )

    def sum_up_other_side() -> OtherSide | None:
        view = study.subject
        strings = study.vocabulary.strings
        return other_side(study.scan, view, evidence.neuron, strings) if isinstance(view, ModelView) else None

    def lookup(_: Lookup, rng: np.random.Generator) -> Proposals:
        sentence, form = study.lookup_sentence, "token-lookup-30"
        return Proposals(proposals=[Hypothesis(form=form, sentence=sentence, by=form)] if sentence else [])

    def collected(ask: Callable[[Explainer], list[Hypothesis]]) -> Proposals:
        proposals: list[Hypothesis] = []
        unwritten: dict[str, str] = {}
        unreadable: list[str] = []
        refused: list[str] = []
        for explainer in study.explainers:
            try:
                found = ask(explainer)
            except NothingWritten as reason:  # a failure of one explainer is no failure of the others
                unwritten[explainer.name] = str(reason)
                continue
            if isinstance(explainer, AsksAnLLM):
                unusable = f"{explainer.name} wrote a hypothesis that cannot be used"
                refused += [f"{unusable}: {why}" for why in explainer.drain_left_out()]
            for p in found:
                why_not = study.why_not(p.sentence)
                if why_not is None and isinstance(explainer, AsksAnLLM) and not study.simulations.is_exact(p.sentence):
                    why_not = contract.why_not_free(p.sentence)
                if why_not is not None and not isinstance(explainer, AsksAnLLM):
                    unreadable.append(p.sentence)
                    continue
                if why_not is not None:
                    refused.append(f"{explainer.name} wrote {p.sentence[:80]!r}, which may not compete: {why_not}")
                    continue
                proposals.append(replace(p, by=explainer.name))
        return Proposals(proposals=proposals, unreadable=unreadable, unwritten=unwritten, refused=refused)

    def propose(arguments: Propose, rng: np.random.Generator) -> Proposals:
        size = study.stratum_of(len(evidence.explore))

        def ask(explainer: Explainer) -> list[Hypothesis]:
            found = explainer.propose(evidence.explore, size, rng, arguments.n)
            if isinstance(explainer, AsksAnLLM) and found:  # for the nulls of other neurons
                neuron = evidence.neuron.index
                keep_explanation(study.scan, neuron, explainer, size, found[0], neuron)
            return found

        return collected(ask)

    def revise(arguments: Revise, rng: np.random.Generator) -> Proposals:
        size = study.stratum_of(len(evidence.explore))
        revealed = study.log.revealed[: arguments.n_revealed]
        exact = [sentence for sentence in arguments.best if study.simulations.is_exact(sentence)][:_CHANGED]
        exact += [sentence for sentence in arguments.too_wide if sentence not in exact]

        def ask(explainer: Explainer) -> list[Hypothesis]:
            if isinstance(explainer, AsksAnLLM):
                known = with_known_predictions(study.simulations, revealed, arguments.best, arguments.told)
                predicted = predicted_by(arguments.best, arguments.stand_ins)
                return explainer.revise_among(evidence.explore, rng, known, arguments.told, arguments.tried, predicted)
            return explainer.revise(evidence.explore, size, rng, revealed, exact)

        return collected(ask)

    def predicted_by(best: Sequence[str], stand_ins: Mapping[str, str]) -> dict[str, NDArray[np.bool_]]:
        """Where on explore text explanations say that the neuron is more than faintly active, where that is certain or
        a rule stands in."""
        tokens = evidence.explore.excerpts.tokens
        found = {}
        for sentence in best:
            read = sentence if study.simulations.is_exact(sentence) else stand_ins.get(sentence)
            levels = None if read is None else study.simulations.levels(read, tokens)
            if levels is not None and not isinstance(levels, Unscored):
                found[sentence] = levels >= _PREDICTED
        return found

    def write(arguments: WriteTexts, rng: np.random.Generator) -> Written:
        if study.writer is None:
            return Written(texts=[], reason="there is no LLM to write texts")
        revealed = study.log.revealed[: arguments.n_revealed]
        known = with_known_predictions(study.simulations, revealed, arguments.best)
        found = study.writer.write(arguments.best, known, arguments.n, rng)
        return Written(texts=[], reason=found.reason) if isinstance(found, Unscored) else Written(texts=found)

    return [
        Tool("gather", "What is known of the neuron at the start.", Gather, NeuronOverview, gather, charged=False),
        Tool("lookup", "The 30-token lookup, a reference.", Lookup, Proposals, lookup, charged=False),
        Tool("propose", "Write rival hypotheses from explore text.", Propose, Proposals, propose),
        Tool("revise", "Write new hypotheses from explore text and revealed experiments.", Revise, Proposals, revise),
        Tool("write_texts", "Write texts that could refute the leading hypothesis.", WriteTexts, Written, write),
    ]
