"""Four splits by content, such that no run of 12 tokens stands in two of them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.cache import written_whole
from tools.evidence.corpus import Corpus
from tools.evidence.documents import (
    BOILERPLATE_DOCUMENTS,
    GAP_TOKENS,
    LONG_TEXT_TOKENS,
    MAX_CLUSTER_SHARE,
    MIN_DOCUMENT_TOKENS,
    SAME_CONTAINMENT,
    SECTION_TOKENS,
    Documents,
    cluster_documents,
    read_documents,
)
from tools.evidence.progress import Progress
from tools.evidence.runs import RUN_TOKENS, run_hashes
from tools.records.excerpts import EXCERPT_TOKENS, Excerpts
from tools.subject.protocol import Tokenizer

N_FOLDS = 3
SHARES = {"explore": 0.40, "probe": 0.15, "development": 0.15} | {f"sealed-{fold}": 0.10 for fold in range(N_FOLDS)}
PARTS = tuple(SHARES)
MIN_TAIL_TOKENS = 16
MIN_EXCERPTS = 8
MIN_EXPLORE_DOCUMENTS = 3
ENOUGH_TOKENS = 12_000

_SETTINGS = {
    "version": 1,
    "shares": SHARES,
    "excerpt": [EXCERPT_TOKENS, MIN_TAIL_TOKENS],
    "documents": [SECTION_TOKENS, GAP_TOKENS, MIN_DOCUMENT_TOKENS],
    "clusters": [RUN_TOKENS, BOILERPLATE_DOCUMENTS, MAX_CLUSTER_SHARE, SAME_CONTAINMENT, LONG_TEXT_TOKENS],
}


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
        document_names: by document number.
        counts: what was read, left out and dropped.
        notes: what was skipped or repaired while reading, one sentence each.
    """

    name: str
    fingerprint: str
    explore: Excerpts
    probe: Excerpts
    development: Excerpts
    sealed: SealedTexts
    document_names: list[str]
    counts: SplitCounts
    notes: tuple[str, ...] = ()

    @property
    def n_tokens(self) -> int:
        """Tokens read from the corpus."""
        return self.counts.n_tokens


def split_corpus(
    corpus: Corpus, tokenizer: Tokenizer, max_tokens: int, cache_dir: Path, progress: Progress
) -> SplitCorpus:
    """Tokenise at most `max_tokens` of a corpus and split it, or read that from the cache.

    The result depends on the texts alone, not on the order in which they came.

    Raises:
        BadInput: the corpus is too short, or repeats itself too much.
        StorageError: the cache folder cannot be written.
    """
    names = json.dumps([name for name, _ in corpus.texts])
    key = _digest(corpus.fingerprint, names, tokenizer.fingerprint, str(max_tokens), json.dumps(_SETTINGS))
    path = cache_dir / "corpora" / f"{key[:32]}.npz"
    cached = _load(path, corpus)
    if cached is not None:
        return cached
    progress.start(max_tokens, "reading the corpus")
    try:
        documents = read_documents(corpus, tokenizer, max_tokens, progress.advance)
    finally:
        progress.finish()
    clusters = cluster_documents(documents)
    excerpts, parts, n_dropped = _split(documents, clusters)
    sizes = np.bincount(clusters, weights=documents.lengths)
    counts = SplitCounts(
        n_tokens=int(documents.text_tokens.sum()),
        n_texts=len(documents.text_tokens),
        n_seen_texts=documents.n_seen_texts,
        n_clusters=len(sizes),
        largest_cluster=float(sizes.max(initial=0) / max(1, sizes.sum())),
        n_dropped=n_dropped,
    )
    fingerprint = _digest(
        tokenizer.fingerprint,
        json.dumps(_SETTINGS),
        *(a.tobytes() for a in (excerpts.tokens, excerpts.documents, parts)),
    )
    _check_enough(corpus.name, excerpts, parts, counts)
    _save(path, fingerprint, excerpts, parts, documents.names, counts)
    return _assembled(corpus, fingerprint, excerpts, parts, documents.names, counts)


def _split(documents: Documents, clusters: NDArray[np.int32]) -> tuple[Excerpts, NDArray[np.int8], dict[str, int]]:
    """Excerpts, the part of each (an index into PARTS), and how many were dropped from each part."""
    excerpts = _cut(documents)
    parts = _assign(documents, clusters)[excerpts.documents]
    keep = _without_shared_runs(excerpts, parts)
    n_dropped = {name: int((~keep & (parts == part)).sum()) for part, name in enumerate(PARTS)}
    return excerpts.take(np.flatnonzero(keep)), parts[keep], n_dropped


def _cut(documents: Documents) -> Excerpts:
    """Consecutive excerpts of 64 tokens; a tail of fewer than 16 is dropped unless it is the whole document."""
    lengths = documents.lengths
    n_each = -(-lengths // EXCERPT_TOKENS)
    document = np.repeat(np.arange(len(documents), dtype=np.int32), n_each)
    offset = (np.arange(len(document)) - np.repeat(np.cumsum(n_each) - n_each, n_each)) * EXCERPT_TOKENS
    length = np.minimum(EXCERPT_TOKENS, lengths[document] - offset)
    keep = (length >= MIN_TAIL_TOKENS) | (offset == 0)
    document, offset, length = document[keep], offset[keep], length[keep]
    position = np.arange(EXCERPT_TOKENS)
    at = (documents.starts[document] + offset)[:, None] + position
    inside = position < length[:, None]
    padded = np.append(documents.tokens, np.int32(-1))
    tokens = padded[np.where(inside, at, len(documents.tokens))]
    return Excerpts(tokens, length, document, np.arange(len(length), dtype=np.int32), documents.texts[document])


def _assign(documents: Documents, clusters: NDArray[np.int32]) -> NDArray[np.int8]:
    """The part of each document: clusters in the order of their content's hash, each to the part that lacks most."""
    members: list[list[int]] = [[] for _ in range(int(clusters.max(initial=-1)) + 1)]
    for document, cluster in enumerate(clusters.tolist()):
        members[cluster].append(document)

    def content(cluster: list[int]) -> str:
        spans = (documents.tokens[documents.starts[d] : documents.starts[d + 1]] for d in cluster)
        return _digest(*(span.tobytes() for span in spans))

    lengths = documents.lengths
    lacking = np.array(list(SHARES.values())) * lengths.sum()
    parts = np.zeros(len(documents), dtype=np.int8)
    for cluster in sorted(members, key=content):
        part = int(lacking.argmax())
        lacking[part] -= lengths[cluster].sum()
        parts[cluster] = part
    return parts


def _without_shared_runs(excerpts: Excerpts, parts: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which excerpts to keep, so that no run of 12 tokens stands in two parts; the earlier part keeps it."""
    n, width = excerpts.tokens.shape
    row, start = np.nonzero(np.arange(width) <= excerpts.lengths[:, None] - RUN_TOKENS)
    hashes = run_hashes(excerpts.tokens.ravel())[row * width + start]
    order = np.argsort(hashes)
    hashes, row = hashes[order], row[order]
    first = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])[: len(hashes)])
    if not len(first):
        return np.ones(n, dtype=bool)
    part = parts[row]
    in_two = np.minimum.reduceat(part, first) != np.maximum.reduceat(part, first)
    run = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(hashes))))
    disputed = in_two[run]
    run, row, part = run[disputed], row[disputed], part[disputed]

    keep = np.ones(n, dtype=bool)
    taken = np.zeros(len(first), dtype=bool)
    for this in range(len(PARTS)):
        runs, rows = run[part == this], row[part == this]
        keep[rows[taken[runs]]] = False
        taken[runs[keep[rows]]] = True
    return keep


def _check_enough(name: str, excerpts: Excerpts, parts: NDArray[np.int8], counts: SplitCounts) -> None:
    sizes = np.bincount(parts, minlength=len(PARTS))
    n_explore = len(np.unique(excerpts.documents[parts == 0]))
    if sizes.min() >= MIN_EXCERPTS and n_explore >= MIN_EXPLORE_DOCUMENTS:
        return
    seen = f" ({counts.n_seen_texts:,} texts that the model trained on left out)" if counts.n_seen_texts else ""
    if counts.n_tokens < ENOUGH_TOKENS:
        raise BadInput(
            f"the corpus {name} is too short to split: it has {counts.n_tokens:,} usable tokens{seen} and about "
            f"{ENOUGH_TOKENS:,} are needed; give more text or raise --corpus-tokens."
        )
    raise BadInput(
        f"the corpus {name} repeats itself too much to split: of its {counts.n_tokens:,} tokens{seen} only "
        f"{excerpts.lengths.sum():,} are left where no two splits share a run of {RUN_TOKENS} tokens; give other text."
    )


def _save(
    path: Path, fingerprint: str, excerpts: Excerpts, parts: NDArray[np.int8], names: list[str], counts: SplitCounts
) -> None:
    about = json.dumps({"fingerprint": fingerprint, "names": names, "counts": vars(counts)})
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **vars(excerpts), parts=parts, about=np.frombuffer(about.encode(), dtype=np.uint8))


def _load(path: Path, corpus: Corpus) -> SplitCorpus | None:
    """What `_save` wrote; None when it is not there or not whole."""
    try:
        # opened here, because numpy leaves a damaged file open
        with path.open("rb") as file, np.load(file) as saved:
            about = json.loads(saved["about"].tobytes())
            excerpts = Excerpts(*(saved[field.name] for field in fields(Excerpts)))
            parts = saved["parts"]
        counts = SplitCounts(**about["counts"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    return _assembled(corpus, about["fingerprint"], excerpts, parts, about["names"], counts)


def _assembled(
    corpus: Corpus, fingerprint: str, excerpts: Excerpts, parts: NDArray[np.int8], names: list[str], counts: SplitCounts
) -> SplitCorpus:
    explore, probe, development, *folds = (excerpts.take(np.flatnonzero(parts == part)) for part in range(len(PARTS)))
    return SplitCorpus(
        corpus.name, fingerprint, explore, probe, development, SealedTexts(folds), names, counts, corpus.notes
    )


def _digest(*items: str | bytes) -> str:
    digest = hashlib.sha256()
    for item in items:
        content = item.encode() if isinstance(item, str) else item
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()
