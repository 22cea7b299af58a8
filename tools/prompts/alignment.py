"""Levels that came back with their tokens, lined up with the tokens that were asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tools.prompts.quoting import unescape, unquoted
from tools.prompts.structured import brief
from tools.records.result import Unscored

HIGHEST = 10.0
MOST_IN_A_ROW = 12
_NUMBER = re.compile(r"[0-9]{1,2}(\.[0-9]{1,9})?")


def level_of(raw: object) -> float | None:
    """A level as a number in 0..10, which may have been written as a string; None for anything else."""
    if isinstance(raw, str):
        return level_of(float(raw)) if _NUMBER.fullmatch(raw := raw.strip()) else None
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    return float(raw) if 0 <= raw <= HIGHEST else None


def no_level(raw: object, where: str) -> Unscored:
    """For a level that `level_of` does not take."""
    return Unscored(reason=f"the level {where} is {brief(str(raw))}, not a number from 0 to 10")


def aligned(expected: Sequence[str], given: Sequence[tuple[str, object]]) -> NDArray[np.float64] | Unscored:
    """Levels float64 [n] in 0..10 for the `n` expected tokens, from the (token, level) pairs of a reply.

    As many pairs as tokens are taken by position when four in five tokens are the same. More pairs are taken when the
    expected tokens are found among them in order, and every way to find them gives the same levels; the others are
    dropped. Tokens are the same that differ only in escapes, quotes, case, and white space around them.
    """
    rows = line_up(expected, [token for token, _ in given], [level for _, level in given])
    if isinstance(rows, Unscored):
        return rows
    levels = np.zeros(len(expected))
    for i, row in enumerate(rows):
        raw = given[row][1]
        if isinstance(raw, Unscored):
            return raw
        if (level := level_of(raw)) is None:
            return no_level(raw, f"of token {i + 1}")
        levels[i] = level
    return levels


def rows_of(tokens: Sequence[str]) -> list[tuple[str, ...]]:
    """Cut tokens into rows of at most 12. No row has two tokens that `aligned` takes for the same, so row and token
    together name one place, without counting."""
    rows: list[list[str]] = []
    seen: set[str] = set()
    for token in tokens:
        folded = _folded(token)
        if not rows or len(rows[-1]) == MOST_IN_A_ROW or folded in seen:
            rows.append([])
            seen = set()
        rows[-1].append(token)
        seen.add(folded)
    return [tuple(row) for row in rows]


def placed(expected: Sequence[str], given: Sequence[tuple[int, str, object]]) -> NDArray[np.float64] | Unscored:
    """Levels float64 [n] in 0..10 for the `n` expected tokens, 0 but for those given as (row from 1, token, level).

    The token must stand in its row of `rows_of`, by the rule of `aligned`, and no place may come twice.
    """
    rows = rows_of(expected)
    starts = [0, *accumulate(map(len, rows))]
    levels = np.zeros(len(expected))
    seen: set[int] = set()
    for row, token, raw in given:
        if not 1 <= row <= len(rows):
            return Unscored(reason=f"row {row} came back, and there are only 1 to {len(rows)}")
        at = _places(rows[row - 1], token)
        if len(at) != 1:
            found = "no such token" if not at else f"{len(at)} such tokens"
            return Unscored(reason=f"row {row} has {found}: {brief(token)} came back for it")
        if (place := starts[row - 1] + at[0]) in seen:
            return Unscored(reason=f"{brief(token)} of row {row} came back twice")
        if (level := level_of(raw)) is None:
            return no_level(raw, f"of {brief(token)} in row {row}")
        seen.add(place)
        levels[place] = level
    return levels


def _places(row: Sequence[str], token: str) -> list[int]:
    """Where in a row a token stands that came back, which LLMs may copy with the bar that is shown before it."""
    bare = token.strip().removeprefix("|")
    for forms in ({_folded(token)}, _forms(token), _forms(bare)):
        if at := [i for i, one in enumerate(row) if _folded(one) in forms]:
            return at
    return []


def line_up(expected: Sequence[str], given: Sequence[str], levels: Sequence[object]) -> list[int] | Unscored:
    """For each expected token the index of its pair among those given, by the rule of `aligned`."""
    wanted = [_folded(token) for token in expected]
    forms = [_forms(token) for token in given]
    if len(given) == len(expected):
        n_same = sum(token in form for token, form in zip(wanted, forms, strict=True))
        if 5 * n_same >= 4 * len(wanted):
            return list(range(len(wanted)))
        return Unscored(reason=f"only {n_same} of the {len(wanted)} tokens that came back are those asked for")
    first = _leftmost(wanted, forms)
    last = [len(forms) - 1 - i for i in reversed(_leftmost(wanted[::-1], forms[::-1]))]
    misfit = f"{len(expected)} tokens were asked for, {len(given)} came back, and they cannot be lined up"
    if len(first) < len(wanted):
        return Unscored(reason=misfit)
    # Between the leftmost and the rightmost place of a token, each place where it stands is part of some embedding.
    for token, start, end in zip(wanted, first, last, strict=True):
        if any(token in forms[i] and levels[i] != levels[start] for i in range(start + 1, end + 1)):
            return Unscored(reason=misfit + " in one way only")
    return first


def _leftmost(wanted: list[str], forms: list[frozenset[str]]) -> list[int]:
    """Where each token stands in the leftmost embedding; shorter than `wanted` where there is none."""
    rows: list[int] = []
    for i, form in enumerate(forms):
        if len(rows) < len(wanted) and wanted[len(rows)] in form:
            rows.append(i)
    return rows


def _folded(token: str) -> str:
    return token.strip().casefold()


def _forms(token: str) -> frozenset[str]:
    """What a token of a reply may mean: LLMs copy it as it stood, without its quotes, or without its escapes."""
    bare = token.strip()
    return frozenset(map(_folded, (token, unescape(token), unquoted(token), unquoted(bare))))
