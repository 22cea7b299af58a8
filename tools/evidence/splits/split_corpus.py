"""Four splits by content, such that no run of 12 tokens stands in two of them."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.cache import remove, written_whole
from tools.errors import BadInput, StorageError
from tools.evidence.progress import Progress
from tools.evidence.splits.clusters import (
    BOILERPLATE_DOCUMENTS,
    LONG_TEXT_TOKENS,
    MAX_CLUSTER_SHARE,
    SAME_CONTAINMENT,
    cluster_documents,
)
from tools.evidence.splits.documents import GAP_TOKENS, MIN_DOCUMENT_TOKENS, SECTION_TOKENS, read_documents
from tools.evidence.splits.excerpt_cuts import MIN_TAIL_TOKENS, ExcerptCuts
from tools.evidence.splits.files import PartWriter, load, seal
from tools.evidence.splits.ngrams import NGRAM_TOKENS
from tools.evidence.splits.part_assignment import assign_parts, without_shared_runs
from tools.evidence.splits.token_file import TokenFile
from tools.evidence.texts.corpus import Corpus
from tools.evidence.texts.names import NameWriter
from tools.records.excerpts import EXCERPT_TOKENS, Excerpts
from tools.subject.protocol import Tokenizer

EVERYTHING = 1 << 40
"""More tokens than any corpus has: for reading all of one."""

N_FOLDS = 3
SHARES = {"explore": 0.40, "probe": 0.15, "development": 0.15} | {f"sealed-{fold}": 0.10 for fold in range(N_FOLDS)}
PARTS = tuple(SHARES)
MIN_EXCERPTS = 8
MIN_EXPLORE_DOCUMENTS = 3
ENOUGH_TOKENS = 12_000


def _settings(width: int) -> str:
    """What decides how texts are split, beside themselves."""
    return json.dumps(
        {
            "version": 1,
            "shares": SHARES,
            "excerpt": [width, MIN_TAIL_TOKENS],
            "documents": [SECTION_TOKENS, GAP_TOKENS, MIN_DOCUMENT_TOKENS],
            "clusters": [NGRAM_TOKENS, BOILERPLATE_DOCUMENTS, MAX_CLUSTER_SHARE, SAME_CONTAINMENT, LONG_TEXT_TOKENS],
        }
    )


@dataclass(frozen=True)
class SplitCounts:
    """What became of the corpus, for the record.

    Attributes:
        n_tokens: tokens read.
        n_texts: texts read.
        n_seen_texts: texts left out because the subject model has trained on much the same.
        n_clusters: clusters of near-duplicates, those of one document included.
        largest_cluster: share of the documents' tokens in the largest cluster.
        n_dropped: by split ("sealed-0" and so on for the folds), excerpts dropped because an earlier split has a run
            of 12 tokens in common with them.
    """

    n_tokens: int
    n_texts: int
    n_seen_texts: int
    n_clusters: int
    largest_cluster: float
    n_dropped: dict[str, int]


class SealedTexts:
    """The sealed split's texts, by fold. `open` is for the final scorer alone."""

    def __init__(self, folds: list[Excerpts]) -> None:
        self._folds = folds

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return len(self._folds)

    @property
    def sizes(self) -> list[int]:
        """Excerpts in each fold."""
        return [len(fold) for fold in self._folds]

    def open(self, fold: int) -> Excerpts:
        """The texts of one fold, numbered from 0."""
        return self._folds[fold]


@dataclass(frozen=True)
class SplitCorpus:
    """A tokenised corpus in its four splits.

    Attributes:
        name: what a result calls this corpus.
        fingerprint: SHA-256 (hex) over tokenizer, token ids and the way they are split.
        explore: shown to the explainer.
        probe: the pool for retrieval experiments.
        development: drives the loop through scores.
        sealed: the final score, fold by fold.
        document_names: by document number, read from disk when asked for.
        counts: what was read, left out and dropped.
        notes: what was skipped or repaired while reading, one sentence each.
    """

    name: str
    fingerprint: str
    explore: Excerpts
    probe: Excerpts
    development: Excerpts
    sealed: SealedTexts
    document_names: Sequence[str]
    counts: SplitCounts
    notes: tuple[str, ...] = ()

    @property
    def n_tokens(self) -> int:
        """Tokens read from the corpus."""
        return self.counts.n_tokens

    @property
    def width(self) -> int:
        """The most tokens of an excerpt."""
        return self.explore.width


def split_corpus(
    corpus: Corpus,
    tokenizer: Tokenizer,
    max_tokens: int,
    cache_dir: Path,
    progress: Progress,
    width: int = EXCERPT_TOKENS,
) -> SplitCorpus:
    """Tokenise at most `max_tokens` of a corpus and split it into excerpts of `width`, or read that from the cache.

    The result depends on the texts alone, not on the order in which they came. It is made in about 60 MB however long
    the corpus is, beside some 300 bytes a document and 50 a pair of documents that have a run of 12 tokens in common,
    and is memory-mapped: what is not used takes no memory. On disk it takes 4 bytes a token, and 17 while it is made.

    Raises:
        BadInput: the corpus is too short, or repeats itself too much.
        StorageError: the cache folder is full or cannot be written, or a text cannot be read again.
    """
    about = corpus.fingerprint, corpus.texts.names_digest, tokenizer.fingerprint, str(max_tokens), _settings(width)
    key = _digest(*about)
    folder = cache_dir / "corpora" / key[:32]
    was_there = folder.exists()
    saved = load(folder, PARTS)
    if saved is None:
        with written_whole(folder) as partial:
            if was_there:  # damaged; what another process may have finished since then stays
                remove(folder)
            partial.mkdir()
            _make(partial, corpus, tokenizer, max_tokens, progress, width)
        saved = load(folder, PARTS)
    if saved is None:
        raise StorageError(f"what was just written to {folder} does not read back: check that disk.")
    explore, probe, development, *folds = saved.parts
    counts = SplitCounts(**saved.about["counts"])
    return SplitCorpus(
        corpus.name,
        saved.about["fingerprint"],
        explore,
        probe,
        development,
        SealedTexts(folds),
        saved.names,
        counts,
        corpus.notes,
    )


def _make(folder: Path, corpus: Corpus, tokenizer: Tokenizer, max_tokens: int, progress: Progress, width: int) -> None:
    """Write a split into an empty folder."""
    work = folder / "work"
    work.mkdir()
    with TokenFile(work / "tokens") as tokens:
        progress.start(None if max_tokens >= EVERYTHING else max_tokens, "reading the corpus")
        try:
            with NameWriter(folder) as names:
                documents = read_documents(corpus, tokenizer, max_tokens, tokens, names, progress.advance)
            n_read = int(documents.text_tokens.sum())
            if n_read < max_tokens < EVERYTHING:  # the corpus ended before, and all of it was read
                progress.advance(max_tokens - n_read)
        finally:
            progress.finish()
        progress.start(3 * len(tokens), "splitting the corpus")
        try:
            clusters = cluster_documents(documents, work / "documents", progress.advance)
            cuts = ExcerptCuts(documents, width)
            part_of = np.repeat(assign_parts(documents, clusters, list(SHARES.values())), cuts.n_each)
            keep = without_shared_runs(cuts, part_of, work / "excerpts", progress.advance)
            sizes = np.bincount(clusters, weights=documents.lengths)
            counts = SplitCounts(
                n_tokens=int(documents.text_tokens.sum()),
                n_texts=len(documents.text_tokens),
                n_seen_texts=documents.n_seen_texts,
                n_clusters=len(sizes),
                largest_cluster=float(sizes.max(initial=0) / max(1, sizes.sum())),
                n_dropped={name: int((~keep & (part_of == part)).sum()) for part, name in enumerate(PARTS)},
            )
            _check_enough(corpus.name, cuts, part_of, keep, counts)
            fingerprint = _write(folder, cuts, part_of, keep, tokenizer, progress)
        finally:
            progress.finish()
    remove(work)
    seal(folder, PARTS, {"fingerprint": fingerprint, "counts": vars(counts)})


def _write(
    folder: Path,
    cuts: ExcerptCuts,
    part_of: NDArray[np.int8],
    keep: NDArray[np.bool_],
    tokenizer: Tokenizer,
    progress: Progress,
) -> str:
    """Write the excerpts that are kept, each to its part; returns the split's fingerprint."""
    parts = part_of[keep]
    sizes = np.bincount(parts, minlength=len(PARTS)).tolist()
    digest = hashlib.sha256()
    for item in (tokenizer.fingerprint, _settings(cuts.width)):
        _add(digest, item.encode())
    documents = array("i")
    digest.update((4 * cuts.width * len(parts)).to_bytes(8, "little"))
    with ExitStack() as files:
        writers = [
            files.enter_context(PartWriter(folder, *part, cuts.width)) for part in zip(PARTS, sizes, strict=True)
        ]
        for excerpts in cuts.kept(keep, progress.advance):
            digest.update(excerpts.tokens.tobytes())
            for part, writer in enumerate(writers):
                writer.append(excerpts.take(np.flatnonzero(part_of[excerpts.ids] == part)))
            documents.frombytes(excerpts.documents.tobytes())
    _add(digest, documents.tobytes())
    _add(digest, parts.tobytes())
    return digest.hexdigest()


def _check_enough(
    name: str, cuts: ExcerptCuts, part_of: NDArray[np.int8], keep: NDArray[np.bool_], counts: SplitCounts
) -> None:
    sizes = np.bincount(part_of[keep], minlength=len(PARTS))
    if sizes.min() >= MIN_EXCERPTS and cuts.n_documents(keep & (part_of == 0)) >= MIN_EXPLORE_DOCUMENTS:
        return
    seen = f" ({counts.n_seen_texts:,} texts that the model trained on left out)" if counts.n_seen_texts else ""
    if counts.n_tokens < ENOUGH_TOKENS:
        raise BadInput(
            f"the corpus {name} is too short to split: it has {counts.n_tokens:,} usable tokens{seen} and about "
            f"{ENOUGH_TOKENS:,} are needed; give more text or raise `corpus_tokens`.",
            settings=("corpus_tokens",),
        )
    n_left = sum(int(excerpts.lengths.sum()) for excerpts in cuts.kept(keep, lambda n: None))
    raise BadInput(
        f"the corpus {name} repeats itself too much to split: of its {counts.n_tokens:,} tokens{seen} only "
        f"{n_left:,} are left where no two splits share a run of {NGRAM_TOKENS} tokens; give other text."
    )


def _digest(*items: str) -> str:
    digest = hashlib.sha256()
    for item in items:
        _add(digest, item.encode())
    return digest.hexdigest()


def _add(digest: hashlib._Hash, item: bytes) -> None:
    digest.update(len(item).to_bytes(8, "little") + item)
