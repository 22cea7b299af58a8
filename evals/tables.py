"""Summaries and comparisons as tables on a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from evals.differences import TIE, Comparison
from evals.metrics import METRICS, RECOVERED, CostPerCell, Group
from evals.scorer import ScorerTally
from evals.stability import Agreement, Verdicts
from evals.statistics import ALPHA
from evals.summaries import VariantSummary
from tools.records.result import Compared, Interval
from traces.text.formatting import one_line, shorten

TITLES: dict[Group, str] = {"planted": "Planted neurons", "real": "Real neurons", "puzzles": "Puzzles"}
SECONDS = (
    "Seconds are those of tool calls within the budget; scans, the matched null and the confirmation, which "
    "later runs share or find done, are left out."
)

_LABEL_WIDTH, _VARIANT_WIDTH = 22, 23
_N_REASONS = 3
_UNKNOWN = "unknown"
_RED = "bold red"


def screen(
    summaries: Sequence[VariantSummary],
    comparisons: Sequence[Comparison],
    scorer: Sequence[ScorerTally],
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
        worse = [alarm for alarm in map(null_alarm, own) if alarm]
        if worse:
            parts.append(Text("\n".join(map(one_line, worse)), style=_RED))
        if group == "planted" and scorer:
            parts.append(Text(_scorer(scorer)))
        pairs = [pair for pair in comparisons if pair.group == group]
        if pairs:
            parts += [_differences(pairs), _costs(pairs)]
    if comparisons:
        parts.append(Text(_how_compared(comparisons)))
    if notes:
        parts.append(Text("\n".join(f"note: {one_line(note)}" for note in notes)))
    for i, part in enumerate(parts):
        if i:
            console.print()
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().split("\n"))


def null_alarm(s: VariantSummary) -> str:
    """A sentence about a variant that does not beat its matched null, or may not; else empty.

    Puzzles have no null, and neurons with nothing to find have no score.
    """
    if s.group == "puzzles" or not s.n_to_find or s.beats_null:
        return ""
    if s.beats_null is None:
        return f"{s.variant}: null unknown on {s.group} neurons ({s.null_unknown})."
    return f"{s.variant} does not beat its matched null on {s.group} neurons."


def _scorer(tally: Sequence[ScorerTally]) -> str:
    said = []
    for one in tally:
        where = "without noise" if one.noise == 0 else f"with noise {one.noise:g}"
        missing = f" ({one.n_unscored} Unscored)" if one.n_unscored else ""
        said.append(f"{one.n_first} of {one.n_first + one.n_not_first} {where}{missing}")
    return f"Scorer: the true explanation outscores every false one on {', '.join(said)}."


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _variants(summaries: Sequence[VariantSummary]) -> Table:
    table = _table(TITLES[summaries[0].group])
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
    functions = f" ({s.n_clusters} functions)" if s.n_clusters < s.n_neurons else ""
    of = [f"{s.n_neurons} {'puzzles' if s.group == 'puzzles' else 'neurons'}{functions}"] if s.n_neurons else []
    of += [f"{s.n_nothing} with nothing to find"] if s.n_nothing else []
    excerpts = "" if s.n_excerpts is None else "-".join(dict.fromkeys(map(str, s.n_excerpts)))
    recovered = s.n_recovered
    alike = s.stability

    def mean(value: Compared, n_with: int, *, of: int = s.n_to_find) -> str | None:
        counts = "" if n_with == s.n_scored == of else f"\n{n_with} of {of} cells"
        return _estimate(value) + counts if s.n_to_find else None

    gain = mean(s.null_gain, s.n_with["gain"])
    return [
        ("cells", f"{s.n_cells}: {' + '.join(of)}"),
        ("failed", f"{s.n_errors}{_reasons(s.errors)}"),
        ("scored", f"{s.n_scored} of {s.n_to_find}" if s.n_to_find else None),
        ("Unscored", f"{sum(s.unscored.values())}{_reasons(s.unscored)}" if s.n_to_find else None),
        ("measured on", f"{s.split}, {excerpts} excerpts, {s.protocol}" if s.n_scored else None),
        ("read by", ", ".join(map(one_line, s.readers)) if s.readers else None),
        ("true explanation first", _ranking(s)),
        ("score", _estimate(s.score) if s.n_to_find else None),
        ("  no explanation as 0", _if_any(s.score_or_zero)),
        ("  of the predictor", None if s.predictor is None else mean(s.predictor, s.n_with["predictor"])),
        ("  explanation minus it", _if_any(s.reader_gap, signed=True)),
        ("  of the list of 30", _of_reference(s, "lookup", s.lookup)),
        ("  explanation minus it", _of_reference(s, "gain-lookup", s.lookup_gain, signed=True)),
        ("  of all tokens", _of_reference(s, "lookup-full", s.lookup_full)),
        ("words, quoted", _words(s)),
        ("texts made from it fire", _of_reference(s, "trigger", s.trigger)),
        ("  random passages", _of_reference(s, "random-texts", s.random_texts)),
        ("near misses silent", _of_reference(s, "near-misses", s.near_misses)),
        ("picked out of ten", _of_reference(s, "discrimination", s.discrimination)),
        ("gain over matched null", None if gain is None else Text(gain, style="" if s.beats_null else _RED)),
        ("optimism gap", mean(s.optimism_gap, s.n_with["optimism-gap"])),
        (
            "share of the ceiling",
            None if s.ceiling_share is None else mean(s.ceiling_share, s.n_with_ceiling),
        ),
        ("probe skill", mean(s.probe_skill, s.n_with["probe-skill"])),
        (
            "recovery of the truth",
            None if s.recovery is None else mean(s.recovery, s.n_with["recovery"], of=recovered[2]),
        ),
        ("  no explanation as 0", _if_any(s.recovery_or_zero)),
        (
            f"recovered ({RECOVERED:g} or more)",
            None if s.recovered is None else f"{_estimate(s.recovered, share=True)}\n"
            f"{recovered[0]} of {recovered[1]} cells",
        ),
        ("  of what can be said", "{} of {} cells".format(*s.n_recovered_readable)
         if s.n_recovered_readable[1] < recovered[1] else None),
        ("false confidence", _confidence(s, s.false_confidence, s.n_confident, s.n_confident_dead)),
        ("confident of a truth", _confidence(s, s.true_confidence) if recovered[2] else None),
        ("verdict kept over seeds", _verdicts(alike.verdicts if alike else None)),
        ("alike over seeds", _agreement(alike.seeds if alike else None)),
        ("alike over halves", _agreement(alike.halves if alike else None)),
        ("verdicts", ", ".join(f"{n} {verdict}" for verdict, n in sorted(s.verdicts.items())) or "none"),
        ("LLM requests in all", f"{s.n_requests:,}" if s.ranked is not None else None),
        *((f"{name} a cell", number) for name, number in _cost_texts(s.cost, "").items()),
    ]  # fmt: skip


def _ranking(s: VariantSummary) -> str | None:
    """On how many puzzles the true explanation outscores every false one; puzzles without a ranking do not count."""
    if s.ranked is None:
        return None
    first, other, missing = s.ranked
    told = f"{first} of {first + other} ranked" if first + other else "none was ranked"
    return told + (f"\n{missing} Unscored" if missing else "")


def _confidence(
    s: VariantSummary,
    share: Compared | None,
    counted: tuple[int, int] | None = None,
    dead: tuple[int, int] = (0, 0),
) -> str | None:
    if counted is not None and not counted[1] + dead[1]:
        return None
    if not s.runs_experiments:
        return "cannot be confident: runs no experiments"
    said = "no verdict" if share is None else _estimate(share, share=True)
    if counted is None:
        return said
    return f"{said}\n{counted[0]} of {counted[1]} verdicts" + (f", dead {dead[0]} of {dead[1]}" if dead[1] else "")


def _words(s: VariantSummary) -> str | None:
    """The length of explanations, how much they quote, and how many a person can use."""
    readable, of = s.n_readable
    if not of:
        return None
    means = [f"{value.value:.1f}" if isinstance(value, Interval) else "-" for value in (s.words, s.quoted)]
    return f"{means[0]}, {means[1]}\n{readable} of {of} readable"


def _of_reference(s: VariantSummary, metric: str, value: Compared, *, signed: bool = False) -> str | None:
    """The score of a reference on the same excerpts; None if no run has it, as on puzzles."""
    n = s.n_with[metric]
    if not n:
        return None
    return _estimate(value, signed=signed) + ("" if n == s.n_to_find else f"\n{n} of {s.n_to_find} cells")


def _if_any(value: Compared | None, *, signed: bool = False) -> str | None:
    return None if value is None else _estimate(value, signed=signed)


def _estimate(value: Compared, *, signed: bool = False, share: bool = False) -> str:
    if not isinstance(value, Interval):
        return f"Unscored: {one_line(value.reason)}"
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


def _verdicts(found: Verdicts | None) -> str | None:
    if found is None:
        return None
    changes = ", ".join(f"{n} {pair}" for pair, n in sorted(found.changes.items()))
    told = f"; pairs that differ: {changes}" if changes else ""
    return f"{_estimate(found.kept, share=True)}\n{found.n_kept} of {found.n_neurons} neurons{told}"


def _agreement(found: Agreement | None) -> str | None:
    if found is None:
        return None
    same = f", {'all' if found.n_same == found.n_pairs else found.n_same} the same" if found.n_same else ""
    missing = f"; Unscored {sum(found.unscored.values())}{_reasons(found.unscored)}" if found.unscored else ""
    return f"{_estimate(found.mean)}\n{found.n_pairs} pairs{same}{missing}"


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
    table = _table(f"{TITLES[pairs[0].group]}: paired differences, {METRICS[pairs[0].metric]}")
    table.add_column("", overflow="fold", min_width=16)
    table.add_column("difference [95 %]", justify="right", overflow="fold", min_width=24)
    for name in ("p", "p (BH)", "W/L/T", "neurons", "left out"):
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
        "Same neurons, same seeds; seeds of a neuron and noise levels of one function are averaged, then resampled. p: "
        "their signs flipped, two-sided; p (BH): Benjamini-Hochberg over the comparisons of a table. W/L/T: the first "
        f"is higher, the second is, or neither by {TIE:g}. Left out: neurons with no seed at which both have a number, "
        "and pairs of runs in which one is Unscored. A deterministic variant agrees over seeds by "
        f"construction. {SECONDS}"
    ]
    for pair in pairs:
        if pair.n_unmatched:
            said.append(f"{pair.a} and {pair.b}: {pair.n_unmatched} more neurons have no seed that both were run with.")
        if pair.n_other_fold:
            said.append(f"{pair.a} and {pair.b}: {pair.n_other_fold} pairs were scored on different sealed folds.")
    return "\n".join(said)
