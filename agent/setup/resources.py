"""What several neurons share and is opened once: models, texts, indexes, scans of layers, vocabularies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agent.setup.config import RunConfig
from agent.setup.subjects import Subject, open_model
from tools.cache import default_cache_dir
from tools.concepts.concepts import Concepts
from tools.embedded import EmbeddedReader
from tools.errors import BadInput
from tools.evidence.neurons.scan import LayerScan, scan_layer
from tools.evidence.splits.excerpt_cuts import excerpt_width
from tools.evidence.splits.split_corpus import SplitCorpus, split_corpus
from tools.evidence.texts.corpus import Corpus, dataset_of, load_texts
from tools.index.find import Source, check_source, find_index
from tools.index.store import ActivationIndex
from tools.readable.explainer import ReadableExplainer
from tools.rules.vocabulary import Vocabulary
from tools.subject.planted import PlantedModel
from tools.subject.protocol import SubjectModel
from tools.subject.views import ModelView
from traces.text.console import Display

_SMALL_MODEL = 10_000_000
_TOKENS_SMALL, _TOKENS_LARGE = 600_000, 150_000


@dataclass
class Resources:
    """What several neurons share and is opened once: models, split corpora, scans of layers, vocabularies, concepts.

    While one is in use, models and corpora must not change on disk.
    """

    subjects: dict[tuple[str, tuple[str, ...], bool], Subject] = field(default_factory=dict)
    texts: dict[tuple[str | None, str, int], Corpus] = field(default_factory=dict)
    corpora: dict[tuple[str, str | None, int], SplitCorpus] = field(default_factory=dict)
    indexes: dict[tuple[str, str | None, str], tuple[ActivationIndex, SplitCorpus] | None] = field(default_factory=dict)
    scans: dict[tuple[str, str, int], LayerScan] = field(default_factory=dict)
    vocabularies: dict[str, Vocabulary] = field(default_factory=dict)
    classes: dict[Path | None, Concepts] = field(default_factory=dict)
    readers: dict[tuple[str, Path | None], EmbeddedReader] = field(default_factory=dict)
    explainers: dict[tuple[str, Path | None], ReadableExplainer] = field(default_factory=dict)

    def subject(
        self, model: str, planted: tuple[str, ...], display: Display, trust_remote_code: bool = False
    ) -> Subject:
        """The subject model of that name, with functions planted on top of it if there are any.

        `trust_remote_code` lets Python code that the model's folder brings run.

        Raises:
            BadInput: the model or a function cannot be used.
            NotAvailable: the model is not here and cannot be fetched.
        """
        key = model, planted, trust_remote_code
        if key not in self.subjects:
            self.subjects[key] = open_model(model, planted, display, trust_remote_code)
        return self.subjects[key]

    def _texts(self, spec: str | None, model: str, most: int = 0) -> Corpus:
        key = spec, model, most if dataset_of(spec) else 0  # any other kind is read in full
        if key not in self.texts:
            self.texts[key] = load_texts(spec, model, most)
        return self.texts[key]

    def corpus(self, subject: SubjectModel, spec: str | None, tokens: int | None, display: Display) -> SplitCorpus:
        """A corpus in its four splits.

        Raises:
            BadInput, NotAvailable, StorageError: see `tools.evidence.texts.corpus.load_texts`.
        """
        base = subject.base if isinstance(subject, PlantedModel) else subject
        most = tokens or default_corpus_tokens(base)
        key = base.fingerprint, spec, most
        if key not in self.corpora:
            width, texts = excerpt_width(base), self._texts(spec, base.name, most)
            self.corpora[key] = split_corpus(texts, base.tokenizer, most, default_cache_dir(), display, width)
        return self.corpora[key]

    def index(self, subject: SubjectModel, spec: str | None, index: str) -> tuple[ActivationIndex, SplitCorpus] | None:
        """The activation index for a model and a corpus, and the sample of its texts that all neurons share.

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
                    source, notes = self.source(spec, subject.name)
                    check_source(found, source, spec)
            self.indexes[key] = (found, found.sampled_corpus(notes)) if found else None
        return self.indexes[key]

    def auto_index(self, subject: SubjectModel, spec: str | None) -> tuple[ActivationIndex, SplitCorpus] | None:
        """The index in the cache that a run uses by default: none if the run would read more text without it."""
        found = self.index(subject, spec, "auto")
        return None if found is None or _is_small(found[0], subject) else found

    def source(self, spec: str | None, model: str) -> tuple[Source, tuple[str, ...]]:
        """The fingerprint that tells which corpus an index belongs to, and notes on reading the corpus.

        Raises:
            BadInput, NotAvailable, StorageError: see `tools.evidence.texts.corpus.load_texts`.
        """
        if dataset := dataset_of(spec):  # finding out its texts may need the network
            return Source("", dataset), ()
        texts = self._texts(spec, model)
        return Source(texts.fingerprint), texts.notes

    def evidence(
        self, config: RunConfig, subject: SubjectModel, display: Display
    ) -> tuple[ActivationIndex | None, SplitCorpus]:
        """The index that a run takes its evidence from, if there is one, and the texts that all neurons share.

        Raises:
            BadInput: an index cannot be combined with another setting, or does not fit; the model reads too few tokens
                at once.
            NotAvailable, StorageError: see `corpus` and `index`.
        """
        excerpt_width(subject)  # report a too short context before a corpus is read
        # An index holds the largest values of neurons, so it has nothing on their negative side.
        is_negative = isinstance(subject, ModelView) and subject.is_negative
        if config.index not in ("auto", "none") and (config.corpus_tokens or config.planted or is_negative):
            given = "--corpus-tokens" if config.corpus_tokens else "--planted"
            given = "the minus sign" if is_negative else given
            raise BadInput(
                f"an index has a fixed text, and only the positive side of real neurons: leave out --index or {given}."
            )
        if config.index != "none" and not config.corpus_tokens and not config.planted and not is_negative:
            if config.index == "auto":
                found = self.auto_index(subject, config.corpus)
            else:
                found = self.index(subject, config.corpus, config.index)
            if found is not None:
                return found
        return None, self.corpus(subject, config.corpus, config.corpus_tokens, display)

    def scan(self, subject: SubjectModel, corpus: SplitCorpus, layer: int, display: Display) -> LayerScan:
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
        return self.scans[key].viewed_as(subject)

    def vocabulary(self, subject: SubjectModel) -> Vocabulary:
        """The vocabulary of a subject model as rules see it."""
        if subject.fingerprint not in self.vocabularies:
            made = Vocabulary(subject.tokenizer.token_strings(), subject.embeddings())
            self.vocabularies[subject.fingerprint] = made
        return self.vocabularies[subject.fingerprint]

    def concepts(self, extra: Path | None) -> Concepts:
        """The word classes that explanations can name; `extra` is a file with the user's own.

        Raises:
            BadInput: the file cannot be used.
        """
        if extra not in self.classes:
            self.classes[extra] = Concepts.load(extra)
        return self.classes[extra]

    def reader(self, subject: SubjectModel, extra: Path | None) -> EmbeddedReader:
        """The lexical reader for a subject model; `extra` is a file with the user's own word classes.

        Raises:
            BadInput: the file cannot be used.
        """
        key = subject.fingerprint, extra
        if key not in self.readers:
            self.readers[key] = EmbeddedReader(self.vocabulary(subject), self.concepts(extra))
        return self.readers[key]

    def explainer(self, subject: SubjectModel, extra: Path | None) -> ReadableExplainer:
        """The explainer that learns readable rules; it caches what holds where in the texts that it saw.

        Raises:
            BadInput: the file of classes cannot be used.
        """
        key = subject.fingerprint, extra
        if key not in self.explainers:
            self.explainers[key] = ReadableExplainer(self.reader(subject, extra).lexical)
        return self.explainers[key]


def _is_small(index: ActivationIndex, subject: SubjectModel) -> bool:
    """Whether a run would read more text without this index."""
    about = index.manifest["corpus"]
    base = subject.base if isinstance(subject, PlantedModel) else subject
    return not about["is_whole"] and about["n_tokens"] < default_corpus_tokens(base)


def default_corpus_tokens(subject: SubjectModel) -> int:
    """How much of a corpus to read by default: about half a minute's worth for a small model on two cores."""
    weights = subject.n_layers * subject.d_model * (4 * subject.d_model + 2 * subject.d_mlp)
    return _TOKENS_SMALL if weights < _SMALL_MODEL else _TOKENS_LARGE
