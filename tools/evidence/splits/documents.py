"""Texts to documents: tokenised once into a file, and cut into sections."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tools.evidence.splits.token_file import TokenFile
from tools.evidence.splits.training_overlap import MAX_SHARE_SEEN, share_seen
from tools.evidence.texts.corpus import Corpus
from tools.evidence.texts.names import NameWriter
from tools.subject.protocol import Tokenizer

SECTION_TOKENS = 512
GAP_TOKENS = 64
MIN_DOCUMENT_TOKENS = 8

_BATCH_TEXTS = 32
_ENCODE_CHARACTERS = 2**19
_MAX_TOKEN_CHARACTERS = 16
_BETWEEN_WORDS = re.compile("[A-Za-z0-9] [A-Za-z0-9]")


@dataclass(frozen=True)
class Documents:
    """Sections of texts, laid end to end.

    Attributes:
        tokens: the documents' tokens without the gaps between sections, on disk.
        starts: int64 [n_documents + 1], where each document begins in `tokens`; the end last.
        texts: int32 [n_documents], the text each is a section of.
        text_tokens: int64 [n_texts], the length of each text with its gaps.
        n_seen_texts: texts left out because the subject model trained on them or on much the same.
    """

    tokens: TokenFile
    starts: NDArray[np.int64]
    texts: NDArray[np.int32]
    text_tokens: NDArray[np.int64]
    n_seen_texts: int

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document, int64 [n_documents]."""
        return np.diff(self.starts)


def read_documents(
    corpus: Corpus,
    tokenizer: Tokenizer,
    max_tokens: int,
    tokens: TokenFile,
    names: NameWriter,
    advance: Callable[[int], None],
) -> Documents:
    """Tokenise texts in the corpus's order until `max_tokens` are reached, and cut them into documents.

    The last text is cut short where the limit falls. The documents' tokens go to `tokens`, and a name for each to
    `names`; in memory are 12 bytes a document and 8 a text. `advance` is told the number of tokens of each text.
    """
    starts, texts, text_tokens = array("q", [0]), array("i"), array("q")
    n_left, n_seen_texts = max_tokens, 0
    for first in range(0, len(corpus.texts), _BATCH_TEXTS):
        if n_left <= 0:
            break
        batch = (corpus.texts[at] for at in range(first, min(first + _BATCH_TEXTS, len(corpus.texts))))
        for name, ids in _encoded(batch, tokenizer, n_left * _MAX_TOKEN_CHARACTERS):
            if corpus.seen is not None and share_seen(ids, corpus.seen) > MAX_SHARE_SEEN:
                n_seen_texts += 1
                continue
            ids = ids[: max(0, n_left)]
            if len(ids) < MIN_DOCUMENT_TOKENS:
                continue
            n_left -= len(ids)
            advance(len(ids))
            sections = _sections(ids)
            for number, section in enumerate(sections, start=1):
                tokens.append(section)
                names.append(name if len(sections) == 1 else f"{name} ({number} of {len(sections)})")
                starts.append(len(tokens))
                texts.append(len(text_tokens))
            text_tokens.append(len(ids))
    return Documents(
        tokens=tokens,
        starts=np.array(starts, dtype=np.int64),
        texts=np.array(texts, dtype=np.int32),
        text_tokens=np.array(text_tokens, dtype=np.int64),
        n_seen_texts=n_seen_texts,
    )


def _encoded(
    batch: Iterator[tuple[str, str]], tokenizer: Tokenizer, most: int
) -> Iterator[tuple[str, NDArray[np.int32]]]:
    """(name, token ids) of texts, cut after `most` characters; about half a million characters are encoded at once."""

    def encode(texts: list[str]) -> list[NDArray[np.int32]]:
        return [np.array(ids, dtype=np.int32) for ids in tokenizer.encode(texts)]

    names: list[str] = []
    texts: list[str] = []
    for name, text in batch:
        names.append(name)
        texts.append(text[:most])
        if sum(map(len, texts)) > _ENCODE_CHARACTERS:
            *short, last = texts
            yield from zip(names, encode(short), strict=False)
            yield name, np.concatenate([encode([piece])[0] for piece in _pieces(last)])
            names, texts = [], []
    yield from zip(names, encode(texts), strict=True)


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces of about half a million characters, cut before the space between two words.

    Byte-level tokenizers, GPT-2's and its kin, part a text there anyway, so that the pieces' tokens are the text's.
    """
    start = 0
    while between := _BETWEEN_WORDS.search(text, start + _ENCODE_CHARACTERS):
        yield text[start : between.start() + 1]
        start = between.start() + 1
    yield text[start:]


def _sections(tokens: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """Cut into the fewest equal sections of at most 512 tokens, dropping 64 tokens between them."""
    n = -(-(len(tokens) + GAP_TOKENS) // (SECTION_TOKENS + GAP_TOKENS))
    bounds = np.linspace(0, len(tokens) - (n - 1) * GAP_TOKENS, n + 1).round().astype(int)
    return [tokens[a + i * GAP_TOKENS : b + i * GAP_TOKENS] for i, (a, b) in enumerate(pairwise(bounds))]
