"""Which folds of the sealed split a run may open: those whose opening the results database has counted."""

from __future__ import annotations

from typing import Protocol

from tools.errors import BadInput
from traces.database.results import Opening


class SealedFolds(Protocol):
    """What decides which fold of the sealed split a run is confirmed on: the results database, or a trace."""

    def next_fold(
        self, model: str, neuron: str, corpus: str, n_folds: int, run_id: str, wanted: int | None = None
    ) -> Opening:
        """The fold for a run. See `traces.database.results.ResultsDatabase.next_fold`."""

    def explanation_before(self, model: str, neuron: str, corpus: str, number: int) -> tuple[str, str] | None:
        """(run id, explanation) of the last run before the `number`-th opening that left one; None when none did."""


class CountedOpenings:
    """Lets only those folds of the sealed split be opened whose opening has been counted; a fresh one lets none."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def count(self, fold: int, number: int) -> None:
        """Note that opening `fold` stands in the results database, as the `number`-th for this neuron and corpus."""
        self._counts[fold] = number

    def record_opening(self, fold: int) -> int:
        """How often folds were opened before this one.

        Raises:
            BadInput: the opening of this fold was not counted.
        """
        if fold not in self._counts:
            raise BadInput(f"sealed fold {fold} may only be opened by a run that has counted the opening.")
        return self._counts[fold] - 1
