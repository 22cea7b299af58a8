"""Summaries and comparisons as tables on a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from evals.stability import Agreement
from evals.statistics import ALPHA
from evals.summaries import METRICS, RECOVERED, TIE, Comparison, CostPerCell, VariantSummary
from tools.records.result import Compared, Interval
from traces.text import one_line, shorten

NOT_BETTER_THAN_NULL = "does not beat its matched null"

_LABEL_WIDTH, _VARIANT_WIDTH = 22, 23
_N_REASONS = 3
_UNKNOWN = "unknown"
_RED = "bold red"


def screen(
    summaries: Sequence[VariantSummary],
    comparisons: Sequence[Comparison],
    notes: Sequence[str],
    *,
    width: int,
    tty: bool,
) -> str:
    """Everything that `agent eval compare` prints, in lines of at most `width` characters, coloured for a terminal."""
    console = Console(
        file=io.StringIO(), width=width, force_terminal=tty, color_system="standard" if tty else None,
        markup=False, emoji=False, highlight=False,
    )  # fmt: skip
    parts: list[RenderableType] = []
    for group in dict.fromkeys(summary.group for summary in summaries):
        own = [summary for summary in summaries if summary.group == group]
        at_once = max(1, (width - _LABEL_WIDTH - 2) // (_VARIANT_WIDTH + 2))
        parts += [_variants(own[start : start + at_once]) for start in range(0, len(own), at_once)]
        worse = [f"{one_line(s.variant)} {NOT_BETTER_THAN_NULL}." for s in own if s.beats_null is False]
        if worse:
            parts.append(Text("\n".join(worse), style=_RED))
        pairs = [pair for pair in comparisons if pair.group == group]
        if pairs:
            parts += [_differences(pairs), _costs(pairs), Text(_how_compared(pairs))]
    if notes:
        parts.append(Text("\n".join(f"note: {one_line(note)}" for note in notes)))
    for i, part in enumerate(parts):
        if i:
            console.print()
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().split("\n"))


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _variants(summaries: Sequence[VariantSummary]) -> Table:
    table = _table("Puzzles" if summaries[0].group == "puzzles" else "Variants")
    table.add_column("", width=_LABEL_WIDTH)
    for summary in summaries:
        table.add_column(Text(one_line(summary.variant)), min_width=_VARIANT_WIDTH, overflow="fold")
    columns = [_column(summary) for summary in summaries]
    for row, label in enumerate(label for label, _ in columns[0]):
        cells = [column[row][1] for column in columns]
        if any(cell is not None for cell in cells):
            table.add_row(label, *(cell if cell is not None else "-" for cell in cells))
    return table


def _column(s: VariantSummary) -> list[tuple[str, RenderableType | None]]:
    """A label and a cell for each row; None where the row does not apply to this variant."""
    nothing = f" + {s.n_nothing} with nothing to find" if s.n_nothing else ""
    gain = Text(_estimate(s.null_gain), style=_RED if s.beats_null is False else "")
    excerpts = "" if s.n_excerpts is None else "-".join(dict.fromkeys(map(str, s.n_excerpts)))
    recovered, confident = s.n_recovered, s.n_confident
    alike = s.stability
    return [
        ("cells", f"{s.n_cells}: {s.n_neurons} neurons{nothing}"),
        ("failed", f"{s.n_errors}{_reasons(s.errors)}"),
        ("scored", f"{s.n_scored} of {s.n_to_find}"),
        ("Unscored", f"{sum(s.unscored.values())}{_reasons(s.unscored)}"),
        ("measured on", f"{s.split}, {excerpts} excerpts, {s.protocol}" if s.n_scored else None),
        ("score", _estimate(s.score)),
        ("gain over matched null", gain),
        ("optimism gap", _estimate(s.optimism_gap)),
        ("share of the ceiling", _if_any(s.ceiling_share)),
        ("probe skill", _estimate(s.probe_skill)),
        ("recovery of the truth", _if_any(s.recovery)),
        (
            f"recovered ({RECOVERED:g} or more)",
            None if s.recovered is None else f"{_estimate(s.recovered, share=True)}\n"
            f"{recovered[0]} of {recovered[1]} cells, {recovered[2] - recovered[1]} Unscored",
        ),
        (
            "false confidence",
            None if s.false_confidence is None else f"{_estimate(s.false_confidence, share=True)}\n"
            f"{confident[0]} of {confident[1]} verdicts",
        ),
        ("alike over seeds", _agreement(alike.seeds if alike else None)),
        ("alike over halves", _agreement(alike.halves if alike else None)),
        ("verdicts", ", ".join(f"{n} {verdict}" for verdict, n in sorted(s.verdicts.items())) or "none"),
        *((f"{name} a cell", number) for name, number in _cost_texts(s.cost, "").items()),
    ]  # fmt: skip


def _if_any(value: Compared | None) -> str | None:
    return None if value is None else _estimate(value)


def _estimate(value: Compared, *, signed: bool = False, share: bool = False) -> str:
    if not isinstance(value, Interval):
        return f"no number ({one_line(value.reason)})"
    form = ".0%" if share else "+.3f" if signed else ".3f"
    return f"{value.value:{form}} [{value.low:{form}}, {value.high:{form}}]"


def _reasons(reasons: dict[str, int]) -> str:
    if not reasons:
        return ""
    most = sorted(reasons, key=lambda reason: -reasons[reason])
    if len(most) == 1:
        return f": {shorten(most[0], 70)}"
    shown = [f"{reasons[reason]} {shorten(reason, 70)}" for reason in most[:_N_REASONS]]
    rest = sum(reasons[reason] for reason in most[_N_REASONS:])
    return ": " + "; ".join([*shown, *([f"{rest} for other reasons"] if rest else [])])


def _agreement(found: Agreement | None) -> str | None:
    if found is None:
        return None
    return f"{_estimate(found.mean)}\n{found.n_pairs} pairs, Unscored {sum(found.unscored.values())}" + _reasons(
        found.unscored
    )


def _cost_texts(cost: CostPerCell, sign: str) -> dict[str, str]:
    def text(value: float | None, form: str) -> str:
        return _UNKNOWN if value is None else f"{value:{sign}z{form}}"

    return {
        "tool calls": text(cost.calls, ",.1f"),
        "budget units": text(cost.units, ",.1f"),
        "seconds": text(cost.seconds, ",.1f"),
        "LLM tokens": text(cost.tokens, ",.0f"),
        "US dollars": text(cost.usd, ".4f"),
    }


def _pair(pair: Comparison) -> str:
    return f"{one_line(pair.a)}\nminus {one_line(pair.b)}"


def _differences(pairs: Sequence[Comparison]) -> Table:
    table = _table(f"Paired differences: {METRICS[pairs[0].metric]}")
    table.add_column("", overflow="fold", min_width=16)
    for name in ("difference [95 %]", "p", "p (BH)", "W/L/T", "neurons", "left out"):
        table.add_column(name, justify="right", no_wrap=True)
    for pair in pairs:
        table.add_row(
            Text(_pair(pair)),
            _estimate(pair.difference, signed=True),
            _p(pair.p),
            Text(_p(pair.p_adjusted), style="bold" if pair.p_adjusted is not None and pair.p_adjusted < ALPHA else ""),
            f"{pair.wins}/{pair.losses}/{pair.ties}",
            str(pair.n_neurons),
            f"{pair.n_left_out}, {pair.n_runs_left_out} runs",
        )
    return table


def _p(value: float | None) -> str:
    return "none" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _costs(pairs: Sequence[Comparison]) -> Table:
    table = _table("Difference in cost, a cell")
    table.add_column("", overflow="fold", min_width=16)
    for name in _cost_texts(CostPerCell(), ""):
        table.add_column(name, justify="right")
    for pair in pairs:
        table.add_row(Text(_pair(pair)), *_cost_texts(pair.cost, "+").values())
    return table


def _how_compared(pairs: Sequence[Comparison]) -> str:
    said = [
        "Same neurons, same seeds; seeds of a neuron are averaged, neurons resampled. p: signs of the neurons' "
        "differences flipped, two-sided; p (BH): Benjamini-Hochberg over these comparisons. W/L/T: neurons on which "
        f"the first is higher, the second is, or neither by {TIE:g}. Left out: neurons with no seed at which both have "
        "a number, and all pairs of runs in which one of the two is Unscored."
    ]
    for pair in pairs:
        if pair.n_unmatched:
            said.append(f"{pair.a} and {pair.b}: {pair.n_unmatched} more neurons have no seed that both were run with.")
        if pair.n_other_fold:
            said.append(f"{pair.a} and {pair.b}: {pair.n_other_fold} pairs were scored on different sealed folds.")
    return "\n".join(said)
