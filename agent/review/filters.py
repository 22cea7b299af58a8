"""Filters and order of the list of results. They are kept in the query of its address and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_args
from urllib.parse import urlencode

from agent.review.addresses import is_number
from tools.records.result import Verdict
from traces.database.reviews import OPINIONS
from traces.database.rows import COLUMNS
from traces.database.selection import Selection

VERDICTS: tuple[str, ...] = get_args(Verdict)
SORTS = ("run", "model", "neuron", "verdict", "score", "variant")
"""Columns of the list that can be sorted by."""

PER_PAGE = 30
_LONGEST = 300
_MOST_PAGES = 1_000_000


@dataclass(frozen=True)
class Filters:
    """The filters, as checked text from the address; empty for any. `errors` says what was left out."""

    q: str = ""
    token: str = ""
    token_is: str = ""
    model: str = ""
    layer: str = ""
    neuron: str = ""
    verdict: str = ""
    variant: str = ""
    batch: str = ""
    review: str = ""
    scored: str = ""
    above: str = ""
    below: str = ""
    runs: str = ""
    sort: str = "-run"
    page: int = 1
    errors: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """From an address; what cannot be used is left out and reported."""
        errors: list[str] = []

        def text(name: str) -> str:
            return query.get(name, "").replace("\x00", "").encode("utf-8", "replace").decode().strip()[:_LONGEST]

        def one_of(name: str, allowed: tuple[str, ...], usual: str = "") -> str:
            value = text(name)
            if value in allowed or not value:
                return value or usual
            errors.append(f"{name} cannot be “{value[:40]}”")
            return usual

        def number(name: str, whole: bool) -> str:
            value = text(name).replace(",", ".").replace("−", "-")
            try:
                found = float(value or 0)
                is_good = math.isfinite(found) and abs(found) < 1e9
                is_good = is_good and (not whole or (found >= 0 and found == int(found)))
            except ValueError:
                is_good = False
            if not is_good:
                errors.append(f"{name} cannot be “{value[:40]}”: write a number")
            return value if is_good else ""

        page = number("page", whole=True)
        neuron = text("neuron").upper().replace(" ", "")
        layer = number("layer", whole=True)
        typed, is_whole = neuron, is_number(neuron)
        if neuron.startswith("L") and "N" in neuron:  # as people write it: L5N131
            of_layer, _, neuron = neuron[1:].partition("N")
            is_whole = is_number(of_layer) and is_number(neuron)
            layer = of_layer if is_whole else layer
        if typed and not is_whole:
            errors.append(f"neuron cannot be “{typed[:40]}”: write a number, or L5N131")
            neuron = ""
        return cls(
            q=text("q"),
            token=query.get("token", "").replace("\x00", "").encode("utf-8", "replace").decode()[:_LONGEST],
            token_is=one_of("token_is", ("fired", "named")),
            model=text("model"),
            layer=layer,
            neuron=neuron,
            verdict=one_of("verdict", VERDICTS),
            variant=text("variant"),
            batch=text("batch"),
            review=one_of("review", ("none", "any", *OPINIONS)),
            scored=one_of("scored", ("yes", "no")),
            above=number("above", whole=False),
            below=number("below", whole=False),
            runs=one_of("runs", ("all",)),
            sort=one_of("sort", tuple(s for name in (*SORTS, *COLUMNS) for s in (name, f"-{name}")), "-run"),
            page=min(max(1, int(float(page or 1))), _MOST_PAGES),
            errors=tuple(errors),
        )

    def query(self, **changes: Any) -> str:
        """The query of an address for these filters with changes, including the `?`; defaults are left out.

        A change of anything but the page goes back to the first page.
        """
        new = replace(self, **({"page": 1} | changes))
        plain = {f.name: getattr(new, f.name) for f in fields(new) if f.name != "errors"}
        kept = {name: value for name, value in plain.items() if value != getattr(_USUAL, name)}
        return f"?{urlencode(kept)}" if kept else "?"

    def sorted_by(self, column: str) -> str:
        """The query that sorts by a column: in the other direction where it is sorted by already."""
        if self.sort.lstrip("-") == column:
            return self.query(sort=column if self.sort.startswith("-") else f"-{column}")
        return self.query(sort=f"-{column}" if column in ("score", "run") else column)

    @property
    def n_filters(self) -> int:
        """How many filters are set."""
        usual = ("sort", "page", "runs", "errors", "token_is")
        return sum(1 for f in fields(self) if f.name not in usual and getattr(self, f.name) != "")

    def selection(self) -> Selection:
        """The same as a database query."""
        return Selection(
            below=float(self.below) if self.below else None,
            above=float(self.above) if self.above else None,
            layer=int(float(self.layer)) if self.layer else None,
            idx=int(self.neuron) if self.neuron else None,
            model=self.model or None,
            verdict=self.verdict or None,
            variant=self.variant or None,
            batch=self.batch or None,
            latest=self.runs != "all",
            text=self.q or None,
            token=self.token or None,
            token_is=self.token_is or None,
            review=self.review or None,
            scored={"yes": True, "no": False}.get(self.scored),
            sort=self.sort,
        )


_USUAL = Filters()
