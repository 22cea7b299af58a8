"""Where the events of two runs differ: the first such event, and how many of each kind."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from traces.events.kinds import Event, without_clock
from traces.events.store import first_difference

_OF_THE_RUN = ("run_id", "trace", "model_fingerprint")
"""Fields of a result that identify its run and model."""

_ENDS = ("interrupted", "failed")


@dataclass(frozen=True)
class EventDifference:
    """The first event that differs between two runs.

    Attributes:
        number: of the event, from 0, in both runs.
        type: of run A's event; of run B's if A has ended.
        tool: the tool of a tool call; empty for other events.
        field: dotted, such as `result.score.value`; empty if one run has ended or the types differ.
        a: the value in run A.
        b: the value in run B.
    """

    number: int
    type: str
    tool: str
    field: str
    a: Any
    b: Any


@dataclass(frozen=True)
class EventComparison:
    """The events of two runs side by side, without clocks and run names.

    Attributes:
        n_a: events of run A.
        n_b: events of run B.
        first: the first difference; None if the events are the same.
        changed: by kind, how many events differ, after aligning the runs.
        only_a: by kind, how many only run A has.
        only_b: likewise.
        apart: if only numbers differ, the largest difference relative to the larger number; None if something else
            differs too.
    """

    n_a: int
    n_b: int
    first: EventDifference | None
    changed: dict[str, int] = field(default_factory=dict)
    only_a: dict[str, int] = field(default_factory=dict)
    only_b: dict[str, int] = field(default_factory=dict)
    apart: float | None = None


def comparable(event: Event) -> dict[str, Any]:
    """The event as a plain dict, without clocks and without what merely identifies the run.

    Nothing is left of the first event: settings, versions, model and text are not part of what happened.
    """
    if event.type == "run_started":
        return {"type": event.type}
    plain = {key: value for key, value in without_clock(event).items() if key != "seq"}
    if event.type == "finished":
        plain["result"] = {key: value for key, value in plain["result"].items() if key not in _OF_THE_RUN}
    return plain


def kind_of(event: Event) -> str:
    """The type of an event; of a tool call with the tool's name, such as `tool_call confirm`."""
    return f"{event.type} {event.tool}" if event.type == "tool_call" else event.type


def first_event(a: Sequence[Event], b: Sequence[Event]) -> EventDifference | None:
    """The first event that differs between two runs; None if there is none."""
    for number, (one, other) in enumerate(zip(a, b, strict=False)):
        if kind_of(one) != kind_of(other):
            return EventDifference(number, one.type, getattr(one, "tool", ""), "", kind_of(one), kind_of(other))
        if found := first_difference(comparable(one), comparable(other)):
            return EventDifference(number, one.type, getattr(one, "tool", ""), *found)
    if len(a) == len(b):
        return None
    number = min(len(a), len(b))
    more = (a if len(a) > len(b) else b)[number]
    told = [kind_of(run[number]) if number < len(run) else "nothing more" for run in (a, b)]
    return EventDifference(number, more.type, getattr(more, "tool", ""), "", *told)


def compared(a: Sequence[Event], b: Sequence[Event]) -> EventComparison:
    """Two runs event by event. Interruptions at the end of an unfinished run are ignored."""
    a, b = _without_end(a), _without_end(b)
    kinds_a, kinds_b = [kind_of(event) for event in a], [kind_of(event) for event in b]
    changed: Counter[str] = Counter()
    in_both_a, in_both_b = set[int](), set[int]()
    apart = 0.0
    for at_a, at_b, n in SequenceMatcher(None, kinds_a, kinds_b, autojunk=False).get_matching_blocks():
        for i in range(n):
            in_both_a.add(at_a + i)
            in_both_b.add(at_b + i)
            one, other = comparable(a[at_a + i]), comparable(b[at_b + i])
            if one != other:
                changed[kinds_a[at_a + i]] += 1
                apart = max(apart, _apart(one, other))
    only_a = Counter(kind for i, kind in enumerate(kinds_a) if i not in in_both_a)
    only_b = Counter(kind for i, kind in enumerate(kinds_b) if i not in in_both_b)
    in_numbers = changed and not only_a and not only_b and math.isfinite(apart)
    return EventComparison(
        len(a),
        len(b),
        first_event(a, b),
        dict(changed),
        dict(only_a.most_common()),
        dict(only_b.most_common()),
        apart if in_numbers else None,
    )


def _apart(a: Any, b: Any) -> float:
    """The largest relative difference of two numbers at the same place; infinite if anything else differs."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return max((_apart(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return max(map(_apart, a, b), default=0.0)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
    return 0.0 if type(a) is type(b) and a == b else math.inf


def _without_end(events: Sequence[Event]) -> Sequence[Event]:
    n = len(events)
    while n and events[n - 1].type in _ENDS:
        n -= 1
    return events[:n]
