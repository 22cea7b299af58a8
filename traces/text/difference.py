"""Two runs side by side, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tools.records.scores import Interval, Score
from traces.analysis.difference import Differences, Piece, SharedReading
from traces.analysis.event_difference import EventComparison, EventDifference
from traces.events.kinds import HypothesisProposed
from traces.text.formatting import one_line, score_text, shorten, visible
from traces.text.lines import wrapped

_N_SHOWN_READINGS = 5
_N_SHOWN_RIVALS = 6
_NAME_CHARACTERS = 34
_LEAST_CHARACTERS = 20
_TEXT_CHARACTERS = 56


def difference_text(found: Differences, name_a: str, name_b: str, width: int = 100) -> str:
    """The whole comparison in about a page.

    Args:
        found: the comparison.
        name_a: a name for run A, such as its id.
        name_b: a name for run B.
        width: characters per line.
    """
    lines = [*_head(found, name_a, name_b), *_body(found, width)]
    return "\n".join(visible(line) for line in lines) + "\n"


def _head(found: Differences, name_a: str, name_b: str) -> Iterator[str]:
    for name, run, story in (("A", name_a, found.a), ("B", name_b, found.b)):
        started = story.started
        yield f"{name}  {one_line(run)}" + (f"  {started.model}/{started.neuron}" if started else "")


def _body(found: Differences, width: int) -> Iterator[str]:
    for sentence in found.apart:
        yield from wrapped(f"! {sentence}", width, "")
    yield from _section("Settings and versions")
    pairs = [*found.settings, *found.versions]
    if not (pairs or found.unsaid_a or found.unsaid_b):
        yield "  the same"
    most = _column(width)
    yield from _table([(pair.name, shorten(_text(pair.a), most), shorten(_text(pair.b), most)) for pair in pairs])
    for name, unsaid in (("A", found.unsaid_a), ("B", found.unsaid_b)):
        if unsaid:
            yield from wrapped(f"run {name} is from another version and does not record: {', '.join(unsaid)}", width)
    yield from _section("Result")
    yield from result_lines(found, width, ("A", "B"))
    yield from _rivals(found, width)
    yield from _readings(found.readings)
    yield from _section("Cost")
    cost = [pair for pair in found.cost if (pair.a, pair.b) not in ((0, 0), (0.0, 0.0), (None, None))]
    yield from _table([(pair.name, _number(pair.a), _number(pair.b)) for pair in cost])
    yield from _section("Events")
    yield from event_lines(found.events, width, ("A", "B")) if found.events else ["  a trace cannot be read"]


def result_lines(found: Differences, width: int, names: tuple[str, str]) -> Iterator[str]:
    """Verdict, scores side by side, and the differences in the explanation; `names` head the two columns."""
    most = _column(width)
    rows = [
        (pair.name, shorten(_text(pair.a), most), shorten(_text(pair.b), most))
        for pair in found.outcome
        if (pair.a, pair.b) != (None, None)
    ]
    rows += [(pair.name, _score(pair.a, most), _score(pair.b, most)) for pair in found.scores]
    yield from _table([("", *names), *rows])
    yield from explanation_lines(found.explanation, width, names)


def _score(score: Score | None, most: int) -> str:
    return "none" if score is None else shorten(score_text(score), most)


def _column(width: int) -> int:
    """The width of a value, with two values beside a name."""
    return max(_LEAST_CHARACTERS, (width - _NAME_CHARACTERS) // 2)


def explanation_lines(pieces: Sequence[Piece], width: int, names: tuple[str, str]) -> Iterator[str]:
    """The explanation if it is the same, else a text that marks what only one run says."""
    if not pieces:
        yield "  explanation: none in either"
    elif all(piece.of == "both" for piece in pieces):
        yield from wrapped(f"explanation, the same: {' '.join(piece.text for piece in pieces)}", width)
    else:
        signs = {"both": "{}", "a": "[-{}-]", "b": "{{+{}+}}"}
        told = " ".join(signs[piece.of].format(piece.text) for piece in pieces)
        yield f"  explanation, [-only {names[0]}-] and {{+only {names[1]}+}}:"
        yield from wrapped(told, width, "    ")


def _rivals(found: Differences, width: int) -> Iterator[str]:
    yield from _section("Rivals")
    if found.rivals:
        yield f"  {len(found.rivals)} in both:"
        rows: list[tuple[str, ...]] = [("", "belief A", "belief B", "development A", "development B")]
        rows += [
            (
                pair.a.hypothesis
                if pair.a.hypothesis == pair.b.hypothesis
                else f"{pair.a.hypothesis}/{pair.b.hypothesis}",
                *("none" if belief is None else f"{belief:.2f}" for belief in (pair.belief.a, pair.belief.b)),
                *(_development(score) for score in (pair.score.a, pair.score.b)),
            )
            for pair in found.rivals
        ]
        yield from _table(rows, "    ")
    for name, only in (("A", found.only_a), ("B", found.only_b)):
        if only:
            yield f"  {len(only)} only in {name}:"
            yield from _sentences(only, width)


def _development(score: Score | None) -> str:
    return f"{score.value:.3f}" if isinstance(score, Interval) else "no score"


def _sentences(rivals: Sequence[HypothesisProposed], width: int) -> Iterator[str]:
    for rival in rivals[:_N_SHOWN_RIVALS]:
        yield "    " + shorten(f"{rival.hypothesis} ({rival.form}): {rival.sentence}", max(20, width - 4))
    if len(rivals) > _N_SHOWN_RIVALS:
        yield f"    and {len(rivals) - _N_SHOWN_RIVALS} more"


def _readings(readings: Sequence[SharedReading]) -> Iterator[str]:
    yield from _section("Experiments that both read")
    different = sorted(
        (reading for reading in readings if reading.differs), key=lambda reading: (not reading.outcome_differs,)
    )
    fired = sum(reading.outcome_differs for reading in different)
    if not readings:
        yield "  none"
        return
    if not different:
        yield f"  {len(readings)} texts, each read with the same value"
        return
    yield f"  {len(readings)} texts; {len(different)} read with another value, {fired} of them with another outcome"
    for reading in different[:_N_SHOWN_READINGS]:
        told = [f"{trial.value:.4g} {'fired' if trial.fired else 'silent'}" for trial in (reading.a, reading.b)]
        yield f"    …{one_line(reading.a.experiment.text)[-_TEXT_CHARACTERS:]}"
        yield f"      A {told[0]}, B {told[1]}"


def event_lines(events: EventComparison, width: int, names: tuple[str, str]) -> Iterator[str]:
    """Where two traces diverge, and how much of them differs."""
    if events.first is None:
        yield f"  all {events.n_a} events are the same, apart from clocks and run names"
        return
    yield from first_lines(events.first, width, names)
    counts = (
        ("in both but different", events.changed),
        (f"only in {names[0]}", events.only_a),
        (f"only in {names[1]}", events.only_b),
    )
    for what, by_kind in counts:
        if by_kind:
            told = ", ".join(f"{kind} {n}" for kind, n in by_kind.items())
            yield from wrapped(f"{sum(by_kind.values())} {what}: {told}", width)


def first_lines(first: EventDifference, width: int, names: tuple[str, str]) -> Iterator[str]:
    """The first event that differs, and its values."""
    yield f"  the first that differs: {where(first)}"
    for name, value in zip(names, (first.a, first.b), strict=True):
        yield "    " + shorten(f"{name:<10} {_text(value)}", max(40, width - 4))


def where(first: EventDifference) -> str:
    """An event by its number, kind and field."""
    kind = f"{first.type} {first.tool}".strip()
    return one_line(f"event {first.number} ({kind})" + (f", {first.field}" if first.field else ""))


def _section(title: str) -> list[str]:
    return ["", title, "-" * len(title)]


def _table(rows: Iterable[tuple[str, ...]], indent: str = "  ") -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    columns = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield indent + "  ".join(cell.ljust(width) for cell, width in zip(row, columns, strict=True)).rstrip()


def _number(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) else _text(value)


def _text(value: Any) -> str:
    return "none" if value is None else one_line(value if isinstance(value, str) else repr(value))
