"""The results of readers, text makers and lineups, as tables on a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from evals.readers.correlations import CONSTANT, Mean
from evals.readers.discriminate import Choices
from evals.readers.lineup import CHANCE
from evals.readers.score import Correlated, Scores
from evals.readers.trigger import Tried, Triggers
from tools.making.passages import LENGTH
from tools.records.result import Compared, Interval, Unscored
from traces.text.formatting import one_line, shorten

_N_REASONS = 3


def scores_screen(found: Scores, *, width: int) -> str:
    """The output of `agent eval readers score`."""
    each = _table("Each sentence", ["neuron", "kind", "reader", "own", "claimed", "sentence"], n_left=2)
    for one in found.readings:
        claimed = "-" if one.claimed is None else f"{one.claimed:.2f}"
        _row(each, [one.neuron, one.kind, _r(one.r), _r(one.own), claimed, _sentence(one.sentence, width)])
    kinds = _table(
        "Means over neurons [95 %]", ["kind", "neurons", "read", "constant", "reader", "own", "claimed", "gap"], 1
    )
    for kind in found.kinds:
        counts = [str(kind.n_neurons), str(kind.n_read), str(kind.n_constant)]
        means = [_mean(kind.reader), _mean(kind.own), _mean(kind.claimed), _mean(kind.gap, signed=True)]
        _row(kinds, [kind.kind, *counts, *means])
    parts: list[RenderableType] = [each, kinds]
    if found.pairs:
        pairs = _table("Reader's correlation, one kind minus another", ["", "neurons", "difference [95 %]"], 1)
        for pair in found.pairs:
            _row(pairs, [f"{pair.a} minus {pair.b}", str(pair.difference.n), _mean(pair.difference, signed=True)])
        parts.append(pairs)
    notes = [
        "reader: correlation of the reader's levels with the neuron's values, over all tokens of six sealed texts; "
        "own: of the explanation's own simulation on the same tokens; claimed: its run's sealed score; gap: reader "
        "minus claimed. A constant answer counts as 0, a missing one does not count. "
        "Fewer than five neurons have no interval."
    ]
    notes += [f"{kind.kind}: Unscored {_reasons(kind.unscored)}." for kind in found.kinds if kind.unscored]
    return _printed([*parts, _notes(notes, found.left_out)], width)


def triggers_screen(found: Triggers, *, width: int) -> str:
    """The output of `agent eval readers trigger`."""
    head = ["neuron", "kind", "fire", "random", "silent", "sentence"]
    each = _table(f"Texts made from each explanation by {one_line(found.maker)}", head, n_left=2)
    for one in found.sentences:
        silent = _of(one.near_misses, len(one.near_misses.texts) - one.near_misses.n_fire)
        fire = _of(one.positives, one.positives.n_fire)
        chance = _of(one.random, one.random.n_fire)
        _row(each, [one.neuron, one.kind, fire, chance, silent, _sentence(one.sentence, width)])
    kinds = _table("Trigger rate [95 %]", ["kind", "neurons", "", "mean over neurons", "all texts"], 1)
    for kind in found.kinds:
        rows = [
            ("positives that fire", kind.fire, kind.fire_pooled, kind.n_positives),
            ("random passages that fire", kind.random, kind.random_pooled, kind.n_random),
            ("near misses that stay silent", kind.silent, kind.silent_pooled, kind.n_near_misses),
        ]
        for number, (what, mean, pooled, n) in enumerate(rows):
            first = [kind.kind, str(kind.n_neurons)] if not number else ["", ""]
            _row(kinds, [*first, what, _mean(mean), f"{_share(pooled)} of {n}"])
        meant = {
            "positives that fire on a meant word": kind.on_words,
            "near misses silent on all of those": kind.silent_on_words,
        }
        for what, found_share in meant.items():
            if not isinstance(found_share, Unscored):
                _row(kinds, ["", "", what, "", _share(found_share)])
    notes = [
        "A text fires when any of its tokens goes above the neuron's threshold. Random passages are as many, each of "
        f"{LENGTH} unrelated English sentences, and show how often a text fires by chance. Intervals "
        "over neurons resample neurons; those of all texts are Wilson's, as if texts of one neuron had nothing in "
        "common."
    ]
    notes += [f"{kind.kind}: Unscored {_reasons(kind.unscored)}." for kind in found.kinds if kind.unscored]
    return _printed([each, kinds, _notes(notes, found.left_out)], width)


def choices_screen(found: Choices, *, width: int) -> str:
    """The output of `agent eval readers discriminate` and `discriminate-score`."""
    each = _table("Each sentence", ["neuron", "kind", "chosen", "sentence"], n_left=3)
    for one in found.choices:
        outcome = f"Unscored: {one.outcome.reason}" if isinstance(one.outcome, Unscored) else one.outcome
        _row(each, [one.neuron, one.kind, shorten(outcome, 40), _sentence(one.sentence, width)])
    head = ["kind", "answered", "right", "wrong", "tied", "constant", "share [95 %]", "chance"]
    kinds = _table("The right neuron among ten", head, 1)
    for kind in found.kinds:
        counts = [kind.n, kind.n_right, kind.n_wrong, kind.n_tied, kind.n_constant]
        _row(kinds, [kind.kind, *map(str, counts), _share(kind.right), f"{CHANCE:.1f}"])
    notes = ["Ties, and explanations with a constant simulation on their neuron's texts, are misses."]
    notes += [f"{kind.kind}: Unscored {_reasons(kind.unscored)}." for kind in found.kinds if kind.unscored]
    return _printed([each, kinds, _notes(notes, found.left_out)], width)


def _table(title: str, columns: Sequence[str], n_left: int) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        is_text = number < n_left or name in ("sentence", "")
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table


def _row(table: Table, cells: Sequence[str]) -> None:
    table.add_row(*(Text(one_line(cell)) for cell in cells))


def _r(value: Correlated) -> str:
    if isinstance(value, Unscored):
        return "constant" if value.reason == CONSTANT else "-"
    return f"{value:.2f}"


def _mean(mean: Mean, *, signed: bool = False) -> str:
    form = "+.2f" if signed else ".2f"
    if isinstance(mean.interval, Interval):
        return _interval(mean.interval, form)
    return "-" if mean.value is None else f"{mean.value:{form}} of {mean.n}"


def _share(value: Compared) -> str:
    return _interval(value, ".2f") if isinstance(value, Interval) else "-"


def _interval(value: Interval, form: str) -> str:
    return f"{value.value:{form}} [{value.low:{form}}, {value.high:{form}}]"


def _of(tried: Tried, n: int) -> str:
    return f"{n} of {len(tried.texts)}" if tried.texts else "-"


def _sentence(text: str, width: int) -> str:
    return shorten(text, max(30, width - 60))


def _reasons(reasons: dict[str, int]) -> str:
    most = sorted(reasons, key=lambda reason: -reasons[reason])
    shown = [f"{reasons[reason]} ({shorten(reason, 70)})" for reason in most[:_N_REASONS]]
    rest = sum(reasons[reason] for reason in most[_N_REASONS:])
    return ", ".join([*shown, *([f"{rest} for other reasons"] if rest else [])])


def _notes(notes: list[str], left_out: dict[str, int]) -> Text:
    if left_out:
        notes = [*notes, f"Left out: {_reasons(left_out)}."]
    return Text("\n".join(map(one_line, notes)))


def _printed(parts: Sequence[RenderableType], width: int) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=False, color_system=None, markup=False, emoji=False, highlight=False
    )
    for i, part in enumerate(parts):
        if i:
            console.print()
        console.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n"))
