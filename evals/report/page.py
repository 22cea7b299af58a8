"""What the page is made of, and the page itself: one HTML file that loads nothing.

Everything from the data is escaped; only our own style, script and drawings are not.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, FunctionLoader, StrictUndefined

from evals.report.drawing import Drawing
from tools.records.result import Interval, Unscored
from traces.text.formatting import one_line, visible

CellKind = Literal["text", "number", "bad", "number bad", "number strong", "number muted", "muted", "sentence"]


@dataclass(frozen=True)
class Entry:
    """The content of a table cell; `href` is relative to the page."""

    text: str
    kind: CellKind = "text"
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first entry of a row is its heading, and `searchable` ones get a box to filter rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    searchable: bool = False

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return [
            any(row[i].kind.startswith("number") and row[i].text != "–" for row in self.rows)
            for i in range(len(self.head))
        ]


@dataclass(frozen=True)
class Plot:
    """A drawing, its caption, and a text alternative."""

    drawing: Drawing
    caption: str
    alt: str


@dataclass(frozen=True)
class Section:
    """A part of the page; `notes` come before its plots and tables, and say why when there are none."""

    anchor: str
    title: str
    notes: Sequence[str] = ()
    parts: Sequence[Plot | Table] = ()


@dataclass(frozen=True)
class Page:
    """The whole page; `alarms` are in red at the top, `notes` below them."""

    title: str
    facts: Sequence[tuple[str, str]]
    alarms: Sequence[str]
    notes: Sequence[str] = ()
    sections: Sequence[Section] = ()

    @property
    def drawings(self) -> list[Drawing]:
        """The plots, in their order on the page."""
        return [part.drawing for section in self.sections for part in section.parts if isinstance(part, Plot)]

    def to_html(self) -> str:
        """The page."""
        environment = Environment(
            loader=FunctionLoader(_resource), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, keep_trailing_newline=True,
        )  # fmt: skip
        environment.filters.update(visible=visible, one_line=lambda text: one_line(text).replace(" %", "\u00a0%"))
        script = _resource("script.html").removeprefix("<script>").removesuffix("</script>\n")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return environment.get_template("page.html").render(page=self, script=script, script_sha256=digest)


def _resource(name: str) -> str:
    return files("evals.report").joinpath(name).read_text(encoding="utf-8")


def number(value: float | None, digits: int = 3) -> Entry:
    """A number, or a dash for None."""
    return Entry("–", "number muted") if value is None else Entry(f"{value:.{digits}f}".replace("-", "−"), "number")


def count(value: int) -> Entry:
    """A whole number."""
    return Entry(f"{value:,}", "number")


def measured(found: Interval | Unscored | None, *, share: bool = False, signed: bool = False) -> Entry:
    """`0.512 [0.470, 0.551]`; the reason if there is no number; a dash if not applicable."""
    if found is None:
        return Entry("–", "number muted")
    if isinstance(found, Unscored):
        return Entry(f"unscored: {found.reason}", "muted")
    form = ".0%" if share else "+.3f" if signed else ".3f"
    text = f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"
    return Entry(text.replace("-", "−"), "number")
