"""How plots are drawn: one style, colour-blind safe colours, and the same bytes for the same data.

Figures are made through matplotlib's object interface; its global settings are as before when `draw` returns.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.records.result import Compared, Interval
from traces.text.formatting import printable, shorten

INK, MUTED, RULE, SURFACE = "#1b1f24", "#5c6470", "#d9dde3", "#ffffff"

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette without yellow and black, which vanish on a light or a dark page."""

MARKERS = ("o", "D", "s", "^", "v", "P")

_ON_THE_PAGE = {INK: "--ink", MUTED: "--muted", RULE: "--rule", SURFACE: "--surface", COLOURS[0]: "--blue"}

_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": SURFACE,
    "text.color": INK,
    "text.parse_math": False,  # names in the data may hold dollar signs
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "neuron-agent",  # otherwise the ids inside are random
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Drawing:
    """A plot as two files, SVG and PNG, on white, `width` inches wide."""

    name: str
    width: float
    svg: bytes
    png: bytes

    def inline(self) -> str:
        """The SVG element for an HTML page whose style gives --ink, --muted, --rule, --surface and --blue.

        Ids begin with the plot's name, so that several plots stand on one page.
        """
        text = self.svg.decode()
        text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
        text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self.name}-", text)
        opening, rest = text.split(">", 1)
        opening = re.sub(r'\s(?:width|height|version|xmlns(?::xlink)?)="[^"]*"', "", opening)
        for colour, variable in _ON_THE_PAGE.items():
            rest = rest.replace(colour, f"var({variable})")
        return f'{opening} style="max-width: {8 * self.width:g}rem" aria-hidden="true">{rest}'.strip()


def draw(name: str, width: float, height: float, paint: Callable[[Figure], None]) -> Drawing:
    """A figure of that many inches, painted by `paint`."""
    with mpl.rc_context():
        mpl.rcdefaults()  # ignore a user's matplotlibrc
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=160, metadata={"Software": None})
    return Drawing(name, width, svg.getvalue(), png.getvalue())


def label(text: str, width: int = 32) -> str:
    """`text` for a plot: one short line, in characters that its font has."""
    return printable(shorten(text, width), "latin-1")


def colour(index: int) -> str:
    """Colour of the variant of that number."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Marker of the variant of that number, so that colour is never the only difference."""
    return MARKERS[index % len(MARKERS)]


def whisker(axes: Axes, found: Compared, at: float, index: int, name: str | None = None) -> None:
    """A mean with its interval at height `at`; nothing where there is none."""
    if not isinstance(found, Interval):
        return
    axes.plot([found.low, found.high], [at, at], color=colour(index), linewidth=4, alpha=0.4, zorder=2)
    axes.plot(
        found.value, at, marker=marker(index), markersize=9, color=colour(index), markeredgecolor=SURFACE,
        markeredgewidth=1.2, linestyle="none", zorder=5, label=name,
    )  # fmt: skip


def rows(axes: Axes, names: list[str]) -> None:
    """One row per name, the first on top."""
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def legend_above(figure: Figure, axes: Axes) -> None:
    """The legend above the plot; none with only one variant."""
    handles, names = axes.get_legend_handles_labels()
    unique = dict(zip(names, handles, strict=True))
    if len(unique) > 1:
        figure.legend(unique.values(), unique.keys(), loc="outside upper left", ncols=min(4, len(unique)))
