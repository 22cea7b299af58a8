"""Texts to documents, and documents to clusters that must not be torn apart by a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tools.evidence.corpus import Corpus
from tools.evidence.runs import RUN_TOKENS, run_hashes
from tools.mini.seen import MAX_SHARE_SEEN, share_seen
from tools.subject.protocol import Tokenizer

SECTION_TOKENS = 512
GAP_TOKENS = 64
MIN_DOCUMENT_TOKENS = 8
BOILERPLATE_DOCUMENTS = 20
LONG_TEXT_TOKENS = 2048
LONG_TEXT_SHARE = 0.02
MAX_CLUSTER_SHARE = 0.02
SAME_CONTAINMENT = 0.5

_ENCODE_TEXTS = 32
_MAX_TOKEN_CHARACTERS = 16


@dataclass(frozen=True)
class Documents:
    """Sections of texts, laid end to end.

    Attributes:
        tokens: int32 [n_tokens], the documents' tokens without the gaps between sections.
        starts: int64 [n_documents + 1], where each document begins in `tokens`; the end last.
        texts: int32 [n_documents], the text each is a section of.
        text_tokens: int64 [n_texts], the length of each text with its gaps.
        names: one for each document.
        n_seen_texts: texts left out because the subject model trained on them or on much the same.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    texts: NDArray[np.int32]
    text_tokens: NDArray[np.int64]
    names: list[str]
    n_seen_texts: int

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document, int64 [n_documents]."""
        return np.diff(self.starts)

    @property
    def document_of(self) -> NDArray[np.int32]:
        """The document of each token, int32 [n_tokens]."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)


def read_documents(corpus: Corpus, tokenizer: Tokenizer, max_tokens: int, advance: Callable[[int], None]) -> Documents:
    """Tokenise texts in the corpus's order until `max_tokens` are reached, and cut them into documents.

    The last text is cut short where the limit falls. `advance` is told the number of tokens of each text.
    """
    pieces: list[NDArray[np.int32]] = []
    texts: list[int] = []
    text_tokens: list[int] = []
    names: list[str] = []
    n_left, n_seen_texts = max_tokens, 0
    for first in range(0, len(corpus.texts), _ENCODE_TEXTS):
        if n_left <= 0:
            break
        batch = corpus.texts[first : first + _ENCODE_TEXTS]
        encoded = tokenizer.encode([text[: n_left * _MAX_TOKEN_CHARACTERS] for _, text in batch])
        for (name, _), ids in zip(batch, encoded, strict=True):
            tokens = np.array(ids, dtype=np.int32)
            if corpus.seen is not None and share_seen(tokens, corpus.seen) > MAX_SHARE_SEEN:
                n_seen_texts += 1
                continue
            tokens = tokens[: max(0, n_left)]
            if len(tokens) < MIN_DOCUMENT_TOKENS:
                continue
            n_left -= len(tokens)
            advance(len(tokens))
            sections = _sections(tokens)
            pieces.extend(sections)
            texts.extend([len(text_tokens)] * len(sections))
            text_tokens.append(len(tokens))
            n = len(sections)
            names.extend([name] if n == 1 else [f"{name} ({i} of {n})" for i in range(1, n + 1)])
    return Documents(
        tokens=np.concatenate([np.empty(0, dtype=np.int32), *pieces]),
        starts=np.cumsum([0, *map(len, pieces)], dtype=np.int64),
        texts=np.array(texts, dtype=np.int32),
        text_tokens=np.array(text_tokens, dtype=np.int64),
        names=names,
        n_seen_texts=n_seen_texts,
    )


def _sections(tokens: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """Cut into the fewest equal sections of at most 512 tokens, dropping 64 tokens between them."""
    n = -(-(len(tokens) + GAP_TOKENS) // (SECTION_TOKENS + GAP_TOKENS))
    bounds = np.linspace(0, len(tokens) - (n - 1) * GAP_TOKENS, n + 1).round().astype(int)
    return [tokens[a + i * GAP_TOKENS : b + i * GAP_TOKENS] for i, (a, b) in enumerate(pairwise(bounds))]


def cluster_documents(documents: Documents) -> NDArray[np.int32]:
    """Number of the cluster of each document, int32 [n_documents].

    Sections of one text stay together unless it is long: more than 2,048 tokens, or than 2 % of the corpus. Documents
    that share runs of 12 tokens are joined, strongest first; a run common to more than 20 documents joins none. Where
    one of the two holds more than half of the other's runs they are always joined; otherwise never into more than 2 %
    of the corpus.
    """
    clusters = _Clusters(documents.lengths, max_size=MAX_CLUSTER_SHARE * documents.lengths.sum())
    whole = documents.text_tokens <= min(LONG_TEXT_TOKENS, LONG_TEXT_SHARE * documents.text_tokens.sum())
    same_text = np.flatnonzero((documents.texts[1:] == documents.texts[:-1]) & whole[documents.texts[1:]])
    for first in same_text:
        clusters.join(int(first), int(first) + 1, always=True)
    for a, b, always in _edges(documents):
        clusters.join(a, b, always)
    return clusters.labels()


class _Clusters:
    """Disjoint sets of documents with a limit on the tokens of each."""

    def __init__(self, sizes: NDArray[np.int64], max_size: float) -> None:
        self._parent = list(range(len(sizes)))
        self._size = sizes.tolist()
        self._max_size = max_size

    def _root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, a: int, b: int, always: bool) -> None:
        """Join the sets of `a` and `b`, unless that is too large and not `always`."""
        a, b = sorted((self._root(a), self._root(b)))
        size = self._size[a] + self._size[b]
        if a != b and (always or size <= self._max_size):
            self._parent[b] = a
            self._size[a] = size

    def labels(self) -> NDArray[np.int32]:
        """Number of each document's set, counted from 0 in the order of their first documents."""
        roots = [self._root(item) for item in range(len(self._parent))]
        return np.unique(roots, return_inverse=True)[1].astype(np.int32)


def _edges(documents: Documents) -> list[tuple[int, int, bool]]:
    """Pairs of documents that share runs, with whether they are near-duplicates; these come first, then by strength."""
    hashes = run_hashes(documents.tokens)
    document = documents.document_of
    whole = document[: len(hashes)] == document[RUN_TOKENS - 1 :][: len(hashes)]
    hashes, document = hashes[whole], document[: len(whole)][whole]

    order = np.argsort(hashes, kind="stable")
    hashes, document = hashes[order], document[order]
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (document[1:] != document[:-1])
    hashes, document = hashes[first], document[first]
    n_runs = np.bincount(document, minlength=len(documents))

    run = np.cumsum(np.concatenate([[False], hashes[1:] != hashes[:-1]])[: len(hashes)])
    n_holders = np.bincount(run)[run] if len(run) else run
    shared = (n_holders > 1) & (n_holders <= BOILERPLATE_DOCUMENTS)
    run, document = run[shared], document[shared].astype(np.int64)

    n = len(documents)
    pairs = [np.empty(0, dtype=np.int64)]
    for step in range(1, BOILERPLATE_DOCUMENTS):
        same = run[step:] == run[:-step]
        pairs.append(document[:-step][same] * n + document[step:][same])
    pair, strength = np.unique(np.concatenate(pairs), return_counts=True)
    a, b = pair // max(n, 1), pair % max(n, 1)
    always = strength > SAME_CONTAINMENT * np.minimum(n_runs[a], n_runs[b])
    # a long text that often repeats its own phrases is parted all the same, or it could not be split at all
    kept = always | (documents.texts[a] != documents.texts[b])
    a, b, strength, always = a[kept], b[kept], strength[kept], always[kept]
    order = np.lexsort((b, a, -strength, ~always))
    return list(zip(a[order].tolist(), b[order].tolist(), always[order].tolist(), strict=True))
