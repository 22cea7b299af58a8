"""Opens a neuron with its evidence: the only place that chooses the parts of a run from its settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agent.setup.config import REFERENCE_EXPLAINERS, RunConfig
from agent.setup.llms import LLMs, open_llms
from agent.setup.resources import Resources
from agent.setup.sealed_folds import CountedOpenings
from agent.setup.subjects import open_neuron
from tools.errors import BadInput
from tools.evidence.neurons.gated import always_on, other_side, silences
from tools.evidence.neurons.neuron import Ledger, NeuronEvidence, neuron_evidence
from tools.evidence.neurons.scan import LayerScan, excerpts_of
from tools.evidence.splits.split_corpus import PARTS, SplitCorpus
from tools.free_text.detection_fuzzing import FreeTextDetector
from tools.free_text.explainer import FreeTextExplainer
from tools.free_text.findings import Known, scale_of
from tools.free_text.simulator import FreeTextSimulator
from tools.free_text.token_strings import TokenStrings
from tools.free_text.writer import FreeTextWriter
from tools.index.neuron import sought_excerpts
from tools.index.store import ActivationIndex
from tools.readable.best_class import BestClass
from tools.records.excerpts import Excerpts
from tools.records.neuron import NeuronId
from tools.roles import Explainer
from tools.rules.explainer import RulesExplainer
from tools.rules.tables import AllTokens, ListedTokens
from tools.rules.vocabulary import Vocabulary
from tools.study.simulations import Simulations
from tools.study.study import IndexUsed, Study
from tools.subject.protocol import SubjectModel
from tools.subject.views import ModelView
from traces.text.console import Display

_N_PROMOTED = 8
"""Output tokens that an LLM is told about."""


def open_subject_for(
    target: str,
    model: str,
    display: Display,
    planted: tuple[str, ...] = (),
    resources: Resources | None = None,
    trust_remote_code: bool = False,
) -> tuple[SubjectModel, NeuronId]:
    """The subject model that a target means, and the neuron, checked to exist.

    Raises:
        BadInput: the target or the model cannot be used.
        NotAvailable: the model is not here and cannot be fetched.
    """
    resources = resources or Resources()
    return open_neuron(target, model, lambda name: resources.subject(name, planted, display, trust_remote_code))


def open_study(
    config: RunConfig,
    display: Display,
    ledger: Ledger | None = None,
    resources: Resources | None = None,
    llms: LLMs | None = None,
    silences_of_always_on: bool = True,
) -> Study:
    """All evidence on a neuron before the run begins; reads the layer over the corpus if that is not cached.

    Args:
        config: what to do.
        display: shows progress.
        ledger: counts the openings of the sealed split.
        resources: what was opened before.
        llms: answer in place of the endpoints that the config names.
        silences_of_always_on: whether a neuron that is nearly always on is asked about where it goes silent.

    Raises:
        BadInput: target, model or corpus cannot be used.
        NotAvailable: a model or corpus is not here and cannot be fetched.
        StorageError: the cache cannot be written.
    """
    resources = resources or Resources()
    llms = llms or open_llms(config, display)  # first: report missing LLMs before anything is read
    if config.concepts is not None:  # likewise
        resources.concepts(config.concepts)
    subject, neuron = open_subject_for(
        config.target, config.model, display, config.planted, resources, config.trust_remote_code
    )
    index, corpus = resources.evidence(config, subject, display)
    display.note(f"{subject.name}/{neuron} on {_described(config, index, corpus)}")
    scan = resources.scan(subject, corpus, neuron.layer, display)
    evidence = neuron_evidence(scan, neuron, sought_excerpts(index, neuron) if index else None)
    if silences_of_always_on and isinstance(subject, ModelView) and (found := always_on(evidence)) is not None:
        subject = silences(subject, neuron, found)
        scan = scan.viewed_as(subject)
        evidence = neuron_evidence(scan, neuron, always_on=found)
    if config.half is not None:
        evidence = _half_of(evidence, config.half)
    vocabulary = resources.vocabulary(subject)
    texts = TokenStrings(vocabulary.strings)
    word_simulator = writer = detector = known = None
    if llms.simulator is not None:
        scale = scale_of(evidence.explore, Known(evidence.explore, evidence.theta))
        word_simulator = FreeTextSimulator(
            llms.simulator, texts, config.simulation, config.excerpts_per_call, scale, config.rivals_per_call
        )
        llms.simulator.restored = word_simulator.restore
        detector = FreeTextDetector(llms.simulator, texts)
    if llms.explainer is not None:
        known = _known(scan, subject, evidence, texts)
        writer = FreeTextWriter(llms.explainer, texts, scale_of(evidence.explore, known))
    reader = resources.reader(subject, config.concepts)
    return Study(
        subject=subject,
        scan=scan,
        evidence=evidence,
        vocabulary=vocabulary,
        explainers=_explainers(config, subject, resources, llms, texts, known),
        predictors=_predictors(config, vocabulary),
        simulations=Simulations(subject, evidence, vocabulary, reader, word_simulator, config.simulated_excerpts),
        lexical=reader.lexical,
        seed=config.seed,
        ledger=ledger or CountedOpenings(),
        twin_writer=resources.explainer(subject, config.concepts) if word_simulator and has_twins(config) else None,
        writer=writer,
        thinker=llms.explainer if config.policy == "react" else None,
        detector=detector,
        meters=llms.meters,
        index=IndexUsed(str(index.folder.resolve()), index.fingerprint) if index else None,
    )


def has_twins(config: RunConfig) -> bool:
    """Whether explanations in free text get lexical twins in a run."""
    return config.twins and config.rules_compete and config.explainer_llm is not None and config.policy != "react"


def _described(config: RunConfig, index: ActivationIndex | None, corpus: SplitCorpus) -> str:
    if index is None:
        how = "--corpus-tokens" if config.corpus_tokens else "the default; --corpus-tokens changes it"
        return f"{corpus.n_tokens:,} tokens of {corpus.name} ({how})."
    n_shared = int(sum(excerpts_of(corpus, part).lengths.sum() for part in PARTS))
    return (
        f"{corpus.name}: where it fires most in {corpus.n_tokens:,} tokens, from the index in {index.folder}, and "
        f"{n_shared:,} tokens drawn at random (--index none reads no index)."
    )


def _explainers(
    config: RunConfig, subject: SubjectModel, resources: Resources, llms: LLMs, texts: TokenStrings, known: Known | None
) -> tuple[Explainer, ...]:
    rules = resources.explainer(subject, config.concepts)
    if llms.explainer is not None:
        concepts, endpoint = resources.concepts(config.concepts), config.llm.url or ""
        own = FreeTextExplainer(llms.explainer, texts, concepts, config.seed, known, endpoint)
        return (own, rules) if config.rules_compete else (own,)
    match config.explainer:
        case "token-lookup-30":
            return (ListedTokens(resources.vocabulary(subject)),)
        case "token-lookup-full":
            return (AllTokens(),)
        case BestClass.name:
            return (BestClass(resources.reader(subject, config.concepts).lexical),)
        case _:
            return (rules,)


def _known(scan: LayerScan, subject: SubjectModel, evidence: NeuronEvidence, texts: TokenStrings) -> Known:
    """What an LLM is told besides explore text: how often the neuron is on, its other side, what it promotes."""
    neuron = evidence.neuron
    notes = []
    if evidence.always_on is not None:
        notes.append(evidence.always_on.line("The neuron"))
    if isinstance(subject, ModelView):
        other = other_side(scan, subject, neuron, list(texts.strings))
        most = f", most on {_quoted(other.tokens)}" if other.tokens else ""
        notes.append(f"Its other side, below zero, fires on {other.firing_rate:.2%} of tokens{most}.")
    try:
        promoted, _ = subject.interventions().logit_effects(neuron.layer, neuron.index, _N_PROMOTED)
    except BadInput:  # there are no output weights to read
        promoted = []
    if promoted:
        listed = _quoted([token for token, _ in promoted])
        notes.append(
            f"By its output weights it makes these more likely to come next, which may mean nothing: {listed}."
        )
    return Known(evidence.explore, evidence.theta, tuple(notes))


def _quoted(tokens: list[str]) -> str:
    return ", ".join(f"'{token}'" for token in tokens)


def _predictors(config: RunConfig, vocabulary: Vocabulary) -> tuple[Explainer, ...]:
    """What learns rules of any form, for reference; a variant that is itself a reference needs none."""
    return () if config.explainer in REFERENCE_EXPLAINERS else (RulesExplainer(vocabulary, config.neighbourhoods),)


def _half_of(evidence: NeuronEvidence, half: int) -> NeuronEvidence:
    """Every other document of explore and development; threshold, probe and sealed text stay the same."""

    def rows(excerpts: Excerpts) -> NDArray[np.int64]:
        return np.flatnonzero(excerpts.documents % 2 == half)

    return replace(
        evidence,
        explore=evidence.explore.take(rows(evidence.explore.excerpts)),
        development=evidence.development.take(rows(evidence.development.excerpts)),
    )
