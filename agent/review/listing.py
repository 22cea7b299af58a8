"""The list of results: one page of it, and counts and drawings of all that match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.review.addresses import Address
from agent.review.filters import PER_PAGE, VERDICTS, Filters
from tools.errors import StorageError
from traces.database.models import Model, told_apart
from traces.database.results import ResultsDatabase
from traces.database.reviews import Review, latest_of
from traces.database.rows import ResultRow
from traces.database.selection import Brief, rows_at
from traces.events.runs import RunFolder
from traces.text.finding import Finding, finding_of
from traces.text.formatting import one_line

_N_REASONS = 6


@dataclass(frozen=True)
class Line:
    """One result of the page: what its model is called there, the latest review of it, and what its own file says."""

    row: ResultRow
    model: str
    place: Address
    review: Review | None
    finding: Finding | None


@dataclass(frozen=True)
class Choices:
    """The choices that the filters offer, over all results."""

    models: tuple[str, ...] = ()
    layers: tuple[int, ...] = ()
    variants: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What the page of results shows.

    Attributes:
        n_all: results of all runs.
        found: all that match, in order.
        lines: those of this page.
        called: the displayed name of each model; models of the same name get different ones.
        n_unindexed: results whose tokens are not indexed yet; a search for a token misses them.
    """

    asked: Filters
    n_all: int = 0
    found: Sequence[Brief] = ()
    lines: Sequence[Line] = ()
    choices: Choices = field(default_factory=Choices)
    n_unindexed: int = 0
    n_reviewed: int = 0
    called: Mapping[Model, str] = field(default_factory=dict)

    @property
    def n_pages(self) -> int:
        """At least 1."""
        return max(1, -(-len(self.found) // PER_PAGE))

    @property
    def first(self) -> int:
        """The number of the page's first result, from 1."""
        return (self.asked.page - 1) * PER_PAGE + 1

    @property
    def verdicts(self) -> list[tuple[str, int]]:
        """How many of each verdict, in their usual order."""
        counts = Counter(one.verdict for one in self.found)
        return [(name, counts[name]) for name in (*VERDICTS, *sorted(counts.keys() - set(VERDICTS))) if counts[name]]

    @property
    def models(self) -> list[tuple[str, int]]:
        """How many of each model, the most frequent first."""
        return Counter(self.called[one.model, one.model_fingerprint] for one in self.found).most_common()

    @property
    def unscored(self) -> list[tuple[str, int]]:
        """Why results have no score, with the count of each reason."""
        counts = Counter(one_line(one.reason or "no reason is known") for one in self.found if one.score is None)
        told = counts.most_common(_N_REASONS)
        rest = sum(counts.values()) - sum(n for _, n in told)
        return [*told, *([("other reasons", rest)] if rest else [])]


def read_listing(database: ResultsDatabase, asked: Filters) -> Listing:
    """The page that was asked for.

    Raises:
        StorageError: the database cannot be used.
    """
    with database.reading() as connection:
        if connection is None:
            return Listing(asked)
        found = asked.selection().brief(connection)
        last = max(1, -(-len(found) // PER_PAGE))
        if asked.page > last:
            asked = replace(asked, page=last)
        start = (asked.page - 1) * PER_PAGE
        rows = rows_at(connection, [one.row for one in found[start : start + PER_PAGE]])
        reviews = latest_of(connection, [(row.run_id, row.model, row.neuron) for row in rows])
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM results), (SELECT count(*) FROM result_tokens), "
            "(SELECT count(DISTINCT run_id || '/' || neuron) FROM reviews)"
        ).fetchone()

        def every(question: str) -> tuple[str, ...]:
            return tuple(value for (value,) in connection.execute(question) if value is not None)

        called = told_apart(connection.execute("SELECT DISTINCT model, model_fingerprint FROM results"))
        choices = Choices(
            tuple(sorted(set(called.values()))),
            tuple(map(int, every("SELECT DISTINCT layer FROM results ORDER BY layer"))),
            every("SELECT DISTINCT variant FROM results ORDER BY variant"),
            every("SELECT batch_id FROM batches ORDER BY batch_id DESC"),
        )
    lines = [
        Line(
            row, called[row.of_model], Address.of(row.run_id, row.model, row.neuron),
            reviews.get((row.run_id, row.model, row.neuron)), _finding(database, row),
        )
        for row in rows
    ]  # fmt: skip
    return Listing(asked, counts[0], found, lines, choices, max(0, counts[0] - counts[1]), counts[2], called)


def _finding(database: ResultsDatabase, row: ResultRow) -> Finding | None:
    """The content of the result's own file, if it still exists."""
    try:
        result = RunFolder(database.path.parent / row.run_id).folder_of(row.model, row.neuron).read_result()
    except StorageError:
        return None
    return None if result is None else finding_of(result)


def neighbours(
    database: ResultsDatabase, asked: Filters, place: Address
) -> tuple[Address | None, Address | None, int, int]:
    """The results before and after one in the selected list, its number there, and the length of the list.

    The number is 0 if it is not in the list.
    """
    with database.reading() as connection:
        found = [] if connection is None else asked.selection().brief(connection)
    places = [Address.of(one.run_id, one.model, one.neuron) for one in found]
    if place not in places:
        return None, None, 0, len(places)
    at = places.index(place)
    before = places[at - 1] if at else None
    after = places[at + 1] if at + 1 < len(places) else None
    return before, after, at + 1, len(places)
