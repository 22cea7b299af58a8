"""From a target and a model's name to a neuron on the bench: where a run's parts are chosen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.config import RunConfig
from agent.llms import LLMs, open_llms
from agent.openings import CountedOpenings
from agent.subjects import Subject, open_model, open_neuron
from tools.bench import Bench, IndexUsed
from tools.errors import BadInput
from tools.evidence.cache import default_cache_dir
from tools.evidence.corpus import Corpus, dataset_of, load_texts
from tools.evidence.neuron import Ledger, NeuronEvidence, neuron_evidence
from tools.evidence.scan import LayerScan, excerpts_of, scan_layer
from tools.evidence.splits import PARTS, SplitCorpus, split_corpus
from tools.free_text.asker import FreeTextAsker
from tools.free_text.explainer import FreeTextExplainer
from tools.free_text.simulator import FreeTextSimulator
from tools.free_text.texts import TokenTexts
from tools.free_text.writer import FreeTextWriter
from tools.index.find import Source, check_source, find_index
from tools.index.neuron import sought_excerpts
from tools.index.store import ActivationIndex
from tools.records.excerpts import Excerpts
from tools.records.neuron import NeuronId
from tools.roles import Explainer
from tools.rules.explainer import RulesExplainer, RulesSimulator
from tools.rules.tables import AllTokens, ListedTokens
from tools.rules.vocabulary import Vocabulary
from tools.subject.planted import PlantedModel
from traces.console import Display

if TYPE_CHECKING:
    from tools.subject.bridge import BridgeModel
    from tools.subject.lean import LeanGPT2

_SMALL_MODEL = 10_000_000
_TOKENS_SMALL, _TOKENS_LARGE = 600_000, 150_000


@dataclass
class Shelf:
    """What several neurons share and is opened once: subject models, split corpora, scans of layers, vocabularies.

    Whoever keeps one trusts that models and corpora do not change on disk meanwhile.
    """

    subjects: dict[tuple[str, tuple[str, ...]], Subject] = field(default_factory=dict)
    texts: dict[tuple[str | None, str, int], Corpus] = field(default_factory=dict)
    corpora: dict[tuple[str, str | None, int], SplitCorpus] = field(default_factory=dict)
    indexes: dict[tuple[str, str | None, str], tuple[ActivationIndex, SplitCorpus] | None] = field(default_factory=dict)
    scans: dict[tuple[str, str, int], LayerScan] = field(default_factory=dict)
    vocabularies: dict[str, Vocabulary] = field(default_factory=dict)

    def subject(self, model: str, planted: tuple[str, ...], display: Display) -> Subject:
        """The subject model of that name, with functions planted on top of it if there are any.

        Raises:
            BadInput: the model or a function cannot be used.
            NotAvailable: the model is not here and cannot be fetched.
        """
        key = model, planted
        if key not in self.subjects:
            self.subjects[key] = open_model(model, planted, display)
        return self.subjects[key]

    def _texts(self, spec: str | None, model: str, most: int = 0) -> Corpus:
        key = spec, model, most if dataset_of(spec) else 0  # all else is read whole
        if key not in self.texts:
            self.texts[key] = load_texts(spec, model, most)
        return self.texts[key]

    def corpus(self, subject: Subject, spec: str | None, tokens: int | None, display: Display) -> SplitCorpus:
        """A corpus in its four splits.

        Raises:
            BadInput, NotAvailable, StorageError: see `tools.evidence.corpus.load_texts`.
        """
        base = subject.base if isinstance(subject, PlantedModel) else subject
        most = tokens or default_corpus_tokens(base)
        key = base.fingerprint, spec, most
        if key not in self.corpora:
            texts = self._texts(spec, base.name, most)
            self.corpora[key] = split_corpus(texts, base.tokenizer, most, default_cache_dir(), display)
        return self.corpora[key]

    def index(self, subject: Subject, spec: str | None, index: str) -> tuple[ActivationIndex, SplitCorpus] | None:
        """The activation index that serves a model and a corpus, and the sample of its texts that every neuron shares.

        Args:
            subject: the model.
            spec: the corpus, as typed; None for the model's default, or the index's own.
            index: a folder, or `auto` for one in the cache, if there is one.

        Raises:
            BadInput: the folder holds no index, or one of another model or corpus.
            StorageError: the index is damaged.
        """
        key = subject.fingerprint, spec, index
        if key not in self.indexes:
            notes: tuple[str, ...] = ()
            if index == "auto":
                source, notes = self.source(spec, subject.name)
                found = find_index(default_cache_dir(), subject, source)
            else:
                found = ActivationIndex(Path(index))
                found.check_subject(subject)
                if spec:
                    check_source(found, self.source(spec, subject.name)[0], spec)
            self.indexes[key] = (found, found.sampled_corpus(notes)) if found else None
        return self.indexes[key]

    def source(self, spec: str | None, model: str) -> tuple[Source, tuple[str, ...]]:
        """What tells whether an index is of a corpus, and notes on reading it.

        Raises:
            BadInput, NotAvailable, StorageError: see `tools.evidence.corpus.load_texts`.
        """
        if dataset := dataset_of(spec):  # reading one to know its texts may take a network
            return Source("", dataset), ()
        texts = self._texts(spec, model)
        return Source(texts.fingerprint), texts.notes

    def scan(self, subject: Subject, corpus: SplitCorpus, layer: int, display: Display) -> LayerScan:
        """A layer read over a corpus.

        Raises:
            BadInput: a planted function fails on one of the texts.
            StorageError: the cache cannot be written.
        """
        key = subject.fingerprint, corpus.fingerprint, layer
        if key not in self.scans:
            self.scans[key] = scan_layer(subject, corpus, layer, default_cache_dir(), display)
            for note in self.scans[key].notes:
                display.note(note)
        return self.scans[key]

    def vocabulary(self, subject: Subject) -> Vocabulary:
        """The tokens of a subject model as rules see them."""
        if subject.fingerprint not in self.vocabularies:
            made = Vocabulary(subject.tokenizer.token_strings(), subject.embeddings())
            self.vocabularies[subject.fingerprint] = made
        return self.vocabularies[subject.fingerprint]


def open_subject_for(
    target: str, model: str, display: Display, planted: tuple[str, ...] = (), shelf: Shelf | None = None
) -> tuple[Subject, NeuronId]:
    """The subject model that a target means, and the neuron, checked to exist.

    Raises:
        BadInput: the target or the model cannot be used.
        NotAvailable: the model is not here and cannot be fetched.
    """
    books = shelf or Shelf()
    return open_neuron(target, model, lambda name: books.subject(name, planted, display))


def default_corpus_tokens(subject: LeanGPT2 | BridgeModel) -> int:
    """How much of a corpus to read when nothing is said: about half a minute's worth for a small model on two cores."""
    weights = subject.n_layers * subject.d_model * (4 * subject.d_model + 2 * subject.d_mlp)
    return _TOKENS_SMALL if weights < _SMALL_MODEL else _TOKENS_LARGE


def open_bench(config: RunConfig, display: Display, ledger: Ledger | None = None, shelf: Shelf | None = None) -> Bench:
    """Everything that is known of a neuron before the run begins; reads the layer over the corpus when not cached.

    Raises:
        BadInput: target, model or corpus cannot be used.
        NotAvailable: a model or corpus is not here and cannot be fetched.
        StorageError: the cache cannot be written.
    """
    shelf = shelf or Shelf()
    llms = open_llms(config, display)  # first: what is missing should be said before anything is read
    subject, neuron = open_subject_for(config.target, config.model, display, config.planted, shelf)
    index, corpus = _texts(config, subject, neuron, display, shelf)
    scan = shelf.scan(subject, corpus, neuron.layer, display)
    evidence = neuron_evidence(scan, neuron.index, sought_excerpts(index, neuron) if index else None)
    if config.half is not None:
        evidence = _half_of(evidence, config.half)
    vocabulary = shelf.vocabulary(subject)
    texts = TokenTexts(vocabulary.strings)
    word_simulator = writer = asker = None
    if llms.simulator is not None:
        word_simulator = FreeTextSimulator(llms.simulator, texts, config.simulation, config.excerpts_per_call)
        asker = FreeTextAsker(llms.simulator, texts)
    if llms.explainer is not None:
        writer = FreeTextWriter(llms.explainer, texts, evidence.explore)
    return Bench(
        subject=subject,
        scan=scan,
        evidence=evidence,
        vocabulary=vocabulary,
        explainers=_explainers(config, vocabulary, llms, texts),
        simulator=RulesSimulator(vocabulary),
        seed=config.seed,
        ledger=ledger or CountedOpenings(),
        word_simulator=word_simulator,
        writer=writer,
        thinker=llms.explainer if config.policy == "react" else None,
        asker=asker,
        meters=llms.meters,
        n_simulated=config.simulated_excerpts,
        index=IndexUsed(str(index.folder.resolve()), index.fingerprint) if index else None,
    )


def _texts(
    config: RunConfig, subject: Subject, neuron: NeuronId, display: Display, shelf: Shelf
) -> tuple[ActivationIndex | None, SplitCorpus]:
    """The index that evidence is taken from, if there is one, and the texts that every neuron of the model shares."""
    if config.index not in ("auto", "none") and (config.corpus_tokens or config.planted):
        given = "--corpus-tokens" if config.corpus_tokens else "--planted"
        raise BadInput(f"an index is read whole, and of a real model: leave out --index or {given}.")
    found = None
    if config.index != "none" and not config.corpus_tokens and not config.planted:
        found = shelf.index(subject, config.corpus, config.index)
    if found is not None:
        index, corpus = found
        n_read = index.manifest["corpus"]["n_tokens"]
        n_shared = int(sum(excerpts_of(corpus, part).lengths.sum() for part in PARTS))
        display.note(
            f"{subject.name}/{neuron} on {corpus.name}: where it fires most in {n_read:,} tokens, from the index in "
            f"{index.folder}, and {n_shared:,} tokens drawn at random (--index none reads no index)."
        )
        return index, corpus
    corpus = shelf.corpus(subject, config.corpus, config.corpus_tokens, display)
    display.note(
        f"{subject.name}/{neuron} on {corpus.n_tokens:,} tokens of {corpus.name} "
        f"({'--corpus-tokens' if config.corpus_tokens else 'the default; --corpus-tokens changes it'})."
    )
    return None, corpus


def _explainers(config: RunConfig, vocabulary: Vocabulary, llms: LLMs, texts: TokenTexts) -> tuple[Explainer, ...]:
    rules = RulesExplainer(vocabulary, config.neighbourhoods)
    if llms.explainer is not None:
        own = FreeTextExplainer(llms.explainer, texts, config.seed)
        return (own, rules) if config.rules_compete else (own,)
    match config.explainer:
        case "token-lookup-30":
            return (ListedTokens(vocabulary),)
        case "token-lookup-full":
            return (AllTokens(),)
        case _:
            return (rules,)


def _half_of(evidence: NeuronEvidence, half: int) -> NeuronEvidence:
    """Every other document of explore and development; threshold, probe and sealed text stay the same."""

    def rows(excerpts: Excerpts) -> NDArray[np.int64]:
        return np.flatnonzero(excerpts.documents % 2 == half)

    return replace(
        evidence,
        explore=evidence.explore.take(rows(evidence.explore.excerpts)),
        development=evidence.development.take(rows(evidence.development.excerpts)),
    )
