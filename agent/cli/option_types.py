"""Types of options: each function checks a value, and names what was expected and what was given."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(least: int) -> Callable[[str], int]:
    """A whole number of at least `least`."""

    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, not {text!r}")
        return value

    return whole_number


def _number(what: str, is_allowed: Callable[[float], bool]) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not is_allowed(value):  # as no comparison with NaN is
            raise argparse.ArgumentTypeError(f"must be {what}, not {text!r}")
        return value

    return number


seconds = _number("a number of seconds above 0", lambda value: 0 < value < float("inf"))
amount = _number("a number of US dollars above 0", lambda value: 0 < value < float("inf"))
score = _number("a score between -1 and 1", lambda value: -1 <= value <= 1)
rate = _number("a rate between 0 and 1", lambda value: 0 < value < 1)


def layers(text: str) -> frozenset[int]:
    """Layers such as 3, 3-5 or 3,5-7."""
    out: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        is_range = first.isdecimal() and (last if dash else first).isdecimal()
        # layer numbers have at most five digits; a longer range would not fit in memory
        if not is_range or len(last or first) > 5 or int(last or first) < int(first):
            raise argparse.ArgumentTypeError(f"must be layers such as 3, 3-5 or 3,5-7, not {text[:60]!r}")
        out |= set(range(int(first), int(last or first) + 1))
    return frozenset(out)


def port(text: str) -> int:
    """A TCP port; 0 for any that is free."""
    if not text.isdecimal() or len(text) > 5 or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, not {text!r}")
    return int(text)
