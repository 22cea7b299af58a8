"""Answers to numbered questions: each goes to its own question, and one bad answer spoils no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.records.result import Unscored


def by_number(items: Sequence[object], n: int, what: str) -> list[dict[str, Any] | Unscored]:
    """For each of the questions 1..n the JSON object whose `number` it is.

    Unscored where there is none or more than one. All are Unscored when a number outside 1..n came back: an LLM that
    counts from 0 answers other questions than it seems to.

    Args:
        items: what came back, in any order.
        n: how many were asked.
        what: one of them, for a reason: `excerpt`, `text`.
    """
    answers: dict[int, list[dict[str, Any]]] = {}
    for item in items:
        if isinstance(item, dict) and (number := _number_of(item.get("number"))) is not None:
            answers.setdefault(number, []).append(item)
    strange = sorted(number for number in answers if not 1 <= number <= n)
    if strange:
        asked = "1 was" if n == 1 else f"1 to {n} were"
        reason = f"{what} {strange[0]} came back, and only {asked} asked for"
        return [Unscored(reason=reason) for _ in range(n)]
    return [_only(answers.get(number, []), f"{what} {number}") for number in range(1, n + 1)]


def _only(found: list[dict[str, Any]], name: str) -> dict[str, Any] | Unscored:
    if len(found) == 1:
        return found[0]
    return Unscored(reason=f"{name} came back {len(found)} times" if found else f"{name} did not come back")


def _number_of(raw: object) -> int | None:
    if isinstance(raw, str) and len(raw) <= 4 and raw.isascii() and raw.isdigit():
        return int(raw)
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None
