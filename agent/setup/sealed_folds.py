"""Which sealed folds a run may open: only those whose opening the results database has counted."""

from __future__ import annotations

from typing import Protocol

from tools.errors import BadInput
from traces.database.results import Opening


class SealedFolds(Protocol):
    """Chooses the sealed fold on which a run is confirmed: the results database does, or a recorded trace."""

    def next_fold(
        self, model: str, neuron: str, corpus: str, n_folds: int, run_id: str, wanted: int | None = None
    ) -> Opening:
        """Choose the fold for a run. See `traces.database.results.ResultsDatabase.next_fold`."""

    def explanation_before(self, model: str, neuron: str, corpus: str, number: int) -> tuple[str, str] | None:
        """(run id, explanation) of the last run with an explanation before opening `number`; None without one."""


class CountedOpenings:
    """Allows a sealed fold to be opened only after the opening has been counted; a new ledger allows none."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def count(self, fold: int, number: int) -> None:
        """Note that the database has counted the opening of `fold`, as number `number` for this neuron and corpus."""
        self._counts[fold] = number

    def record_opening(self, fold: int) -> int:
        """How many openings came before this one.

        Raises:
            BadInput: the opening of this fold was not counted.
        """
        if fold not in self._counts:
            raise BadInput(f"sealed fold {fold} may only be opened by a run that has counted the opening.")
        return self._counts[fold] - 1
