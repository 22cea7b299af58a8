"""Documents to excerpts of one width: where each lies is computed when asked for, range by range."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.splits.documents import Documents
from tools.evidence.splits.token_file import Spans, ranges
from tools.records.excerpts import EXCERPT_TOKENS, Excerpts
from tools.subject.protocol import SubjectModel

MIN_TAIL_TOKENS = 16
MIN_EXCERPT_TOKENS = 16


def excerpt_width(subject: SubjectModel) -> int:
    """How long a model's excerpts are: as long as it can read, and at most 64 tokens.

    Raises:
        BadInput: it can read fewer than 16.
    """
    if subject.n_ctx < MIN_EXCERPT_TOKENS:
        raise BadInput(
            f"{subject.name} reads at most {subject.n_ctx} tokens of a text, and the excerpts that a neuron is asked "
            f"about have {MIN_EXCERPT_TOKENS} or more: give a model whose n_positions is {MIN_EXCERPT_TOKENS + 1} or "
            "more."
        )
    return min(EXCERPT_TOKENS, subject.n_ctx)


class ExcerptCuts:
    """Consecutive excerpts of `width` tokens; a tail of fewer than 16 is dropped unless it is the whole document.

    Attributes:
        documents: what is cut.
        width: the most tokens of an excerpt.
        n_each: int64 [n_documents], excerpts of each document.
    """

    def __init__(self, documents: Documents, width: int) -> None:
        self.documents = documents
        self.width = width
        n_full, tail = np.divmod(documents.lengths, width)
        self.n_each = n_full + ((tail >= MIN_TAIL_TOKENS) | (n_full == 0))
        self._firsts = np.concatenate([[0], np.cumsum(self.n_each)])

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def n_documents(self, chosen: NDArray[np.bool_]) -> int:
        """How many documents have one of the chosen excerpts, bool [n_excerpts]."""
        return int(np.logical_or.reduceat(chosen, self._firsts[:-1]).sum()) if len(self) else 0

    def spans(self, advance: Callable[[int], None]) -> Iterator[Spans]:
        """All excerpts as spans of the documents' tokens. `advance` is told the number of tokens gone through."""
        for first, stop in ranges(self.documents.starts):
            _, starts, lengths = self._some(first, stop)
            yield Spans(int(self._firsts[first]), starts, lengths)
            advance(int(self.documents.starts[stop] - self.documents.starts[first]))

    def kept(self, keep: NDArray[np.bool_], advance: Callable[[int], None]) -> Iterator[Excerpts]:
        """The excerpts to keep, in their order, some thousands at once."""
        position = np.arange(self.width)
        for first, stop in ranges(self.documents.starts):
            rows = self._firsts[first] + np.flatnonzero(keep[self._firsts[first] : self._firsts[stop]])
            document, starts, lengths = (column[rows - self._firsts[first]] for column in self._some(first, stop))
            block_start, block_stop = self.documents.starts[[first, stop]].tolist()
            block = np.append(self.documents.tokens.read(block_start, block_stop), np.int32(-1))
            inside = position < lengths[:, None]
            tokens = block[np.where(inside, (starts - block_start)[:, None] + position, len(block) - 1)]
            texts = self.documents.texts[document]
            yield Excerpts(tokens, lengths, document.astype(np.int32), rows.astype(np.int32), texts)
            advance(block_stop - block_start)

    def _some(self, first: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Document, start in the file and length of the excerpts of documents `first` to `stop`."""
        n_each = self.n_each[first:stop]
        document = np.repeat(np.arange(first, stop), n_each)
        within = np.arange(len(document)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
        starts = self.documents.starts[document] + within * self.width
        return document, starts, np.minimum(self.width, self.documents.starts[document + 1] - starts)
