"""A replay, as text: `same` or `differs` first, then why, then the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from traces.text.difference import event_lines, first_lines, result_lines, where
from traces.text.formatting import visible
from traces.text.lines import wrapped

if TYPE_CHECKING:
    from agent.run.replay import Replayed

_NAMES = ("recorded", "now")
_ROUNDING = 1e-3


def replay_text(replayed: Replayed, width: int = 100) -> str:
    """What a replay found; only a few lines if all is the same."""
    lines = _lines(replayed, width)
    return "\n".join(visible(line) for line in lines) + "\n"


def _lines(replayed: Replayed, width: int) -> Iterator[str]:
    yield from wrapped(_verdict(replayed), width, "", "  ")
    if replayed.changed:
        likely = "" if replayed.is_same else ", and most likely the cause"
        yield from wrapped(f"changed since the run was made{likely}: {'; '.join(replayed.changed)}", width)
    for note in replayed.notes:
        yield from wrapped(f"note: {note}", width)
    if replayed.is_same:
        return
    first = replayed.events.first
    if replayed.stopped:
        if first is not None:
            yield from first_lines(first, width, _NAMES)
        yield from wrapped(f"the replay ends there: {replayed.stopped}. What the result would be is not known.", width)
        return
    yield from event_lines(replayed.events, width, _NAMES)
    apart = replayed.events.apart
    if apart is not None and apart < _ROUNDING:
        yield from wrapped(
            f"only numbers differ, by at most {apart:.0e} of their size: rounding, from another number of threads or "
            "another processor",
            width,
        )
    if replayed.state == "finished" and not all(_same_result(replayed).values()):
        yield "outcome:"
        yield from result_lines(replayed.difference, width, _NAMES)
        yield from _rivals(replayed)


def _verdict(replayed: Replayed) -> str:
    events, first = replayed.events, replayed.events.first
    if replayed.is_same:
        if replayed.state == "finished":
            return f"same: {events.n_a} events, verdict, explanation and score as recorded"
        return f"same: {events.n_a} events, as far as the run is recorded ({replayed.state})"
    begin = f"differs: {where(first)}" if first is not None else "differs: at the end"
    if replayed.stopped or replayed.state != "finished":
        return begin
    return f"{begin}; {_of_the_result(replayed)}"


def _of_the_result(replayed: Replayed) -> str:
    """Which of verdict, explanation and score are as recorded."""
    same = _same_result(replayed)
    as_recorded = [name for name, is_same in same.items() if is_same]
    other = [name for name, is_same in same.items() if not is_same]
    told = [f"{_listed(as_recorded)} as recorded"] if as_recorded else []
    return ", ".join([*([f"another {_listed(other)}"] if other else []), *told])


def _same_result(replayed: Replayed) -> dict[str, bool]:
    a, b = replayed.difference.a.result, replayed.difference.b.result
    return {
        "verdict": a.verdict == b.verdict,
        "explanation": a.explanation == b.explanation,
        "score": a.score == b.score,
    }


def _rivals(replayed: Replayed) -> Iterator[str]:
    found = replayed.difference
    yield f"  rivals: {len(found.rivals)} in both, {len(found.only_a)} only recorded, {len(found.only_b)} only now"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
