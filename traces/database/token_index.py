"""The tokens of a result: those on which its neuron fired, and those that its explanation names.

Both come from the files of a run, so the table can be rebuilt at any time. It is kept small: distinct tokens, the
strongest first, and at most `MOST` of each kind for a result.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools.errors import StorageError
from tools.records.scores import as_far_as_readable
from traces.events.experiment import PlannedExperiment
from traces.events.kinds import Event, event_from_line
from traces.events.recorded import ConfirmResult, ReadResult

MOST = 80
_LONGEST = 40
_QUOTED = re.compile(r"`((?:[^`\\\n]|\\.)+)`")
_ESCAPED = re.compile(r"\\(?:u\{([0-9a-f]{1,6})\}|(.))")
_WANTED = (b'"gathered"', b'"experiments_designed"', b'"readings_revealed"', b'"read_', b'"confirm"')
"""Marks of the lines worth parsing; the space after a colon is optional in JSON."""


@dataclass(frozen=True)
class Tokens:
    """Tokens as `written`; those that fired strongest first, those named in the order of the explanation."""

    fired: tuple[str, ...]
    named: tuple[str, ...]


def written(token: str) -> str:
    """A token on one line: a space as `␣`, line breaks and tabs as in Python; cut where it is very long."""
    shown = token.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return "".join(c if c.isprintable() else f"\\x{ord(c):x}" for c in shown.replace(" ", "␣"))[:_LONGEST]


def tokens_of(trace: Path, explanation: str | None) -> Tokens | None:
    """The tokens of one result; None if the trace cannot be read at all. Damaged lines are left out."""
    try:
        with trace.open("rb") as lines:
            strongest = _fired(_events(lines))
    except OSError:
        return None
    best = sorted(strongest, key=lambda token: -strongest[token])
    return Tokens(tuple(best[:MOST]), named_in(explanation or ""))


def named_in(sentence: str) -> tuple[str, ...]:
    """The tokens between backquotes, as the rule language and most LLMs write them."""

    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return chr(min(int(found[1], 16), 0x10FFFF))
        return {"n": "\n", "t": "\t", "r": "\r"}.get(found[2], found[2])

    plain = (_ESCAPED.sub(meant, text.replace("␣", " ")) for text in _QUOTED.findall(sentence))
    return tuple(dict.fromkeys(map(written, plain)))[:MOST]


def _events(lines: Iterable[bytes]) -> Iterator[Event]:
    for line in lines:
        if any(wanted in line for wanted in _WANTED):
            with suppress(StorageError):
                yield event_from_line(line, "")


def _fired(events: Iterable[Event]) -> dict[str, float]:
    """The largest raw value on each token on which the neuron fired."""
    strongest: dict[str, float] = {}
    theta = math.inf
    planned: dict[str, PlannedExperiment] = {}
    rows: list[list[float]] = []

    def note(tokens: Sequence[str], values: Sequence[float]) -> None:
        for token, value in zip(tokens, values, strict=False):
            if value > theta:
                strongest[written(token)] = max(value, strongest.get(written(token), value))

    for event in events:
        match event.type:
            case "gathered":
                theta = event.theta
            case "experiments_designed":
                planned |= {one.id: one for one in event.experiments}
            case "tool_call" if event.tool == "confirm":
                for excerpt in as_far_as_readable(ConfirmResult, event.result).shown.excerpts:
                    note(excerpt.tokens, excerpt.values)
            case "tool_call" if event.tool.startswith("read_"):
                rows = as_far_as_readable(ReadResult, event.result).values
            case "readings_revealed":
                by_token = rows if len(rows) == len(event.values) else [[]] * len(event.values)
                for name, value, row in zip(event.experiment_ids, event.values, by_token, strict=True):
                    if (experiment := planned.get(name)) is None:
                        continue
                    tokens, at = experiment.tokens, experiment.position
                    if len(row) == len(tokens):
                        note(tokens, row)
                    elif at is not None and 0 <= at < len(tokens):
                        note([tokens[at]], [value])
    return strongest


def put_tokens(connection: sqlite3.Connection, key: tuple[str, str, str], tokens: Tokens | None) -> None:
    """Store the tokens of a result (run id, model, neuron), replacing earlier ones."""
    fired, named = (_line(tokens.fired), _line(tokens.named)) if tokens else (None, None)
    connection.execute("INSERT OR REPLACE INTO result_tokens VALUES (?, ?, ?, ?, ?)", (*key, fired, named))


def _line(tokens: Sequence[str]) -> str:
    return "\n" + "".join(f"{token}\n" for token in tokens)


def pattern_of(asked: str) -> tuple[str, str]:
    """Two LIKE patterns (escape `\\`) for a typed token: as it is, and after a space.

    ASCII case is ignored, and a `*` at the end matches anything. Surrounding quotes and spaces are dropped.
    """
    text = asked.strip().strip("`").replace(" ", "␣")
    end = "" if text.endswith("*") and len(text) > 1 else "\n"
    text = text.removesuffix("*") if not end else text
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%\n{plain}{end}%", f"%\n␣{plain}{end}%"
