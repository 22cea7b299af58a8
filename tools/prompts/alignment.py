"""Levels that came back with their tokens, lined up with the tokens that were asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.prompts.evidence import unescape, unquoted
from tools.prompts.structured import brief
from tools.records.result import Unscored

HIGHEST = 10.0
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


def placed(expected: Sequence[str], given: Sequence[tuple[int, str, object]]) -> NDArray[np.float64] | Unscored:
    """Levels float64 [n] in 0..10 for the `n` expected tokens, 0 but for those given as (index from 1, token, level).

    The token at an index must be the one given with it, by the rule of `aligned`, and no index may come twice.
    """
    levels = np.zeros(len(expected))
    seen: set[int] = set()
    for index, token, raw in given:
        if not 1 <= index <= len(expected):
            return Unscored(reason=f"token {index} came back, and there are only 1 to {len(expected)}")
        if _folded(expected[index - 1]) not in _forms(token):
            return Unscored(
                reason=f"token {index} is {brief(expected[index - 1])}, and {brief(token)} came back for it"
            )
        if index in seen:
            return Unscored(reason=f"token {index} came back twice")
        if (level := level_of(raw)) is None:
            return no_level(raw, f"of token {index}")
        seen.add(index)
        levels[index - 1] = level
    return levels


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
