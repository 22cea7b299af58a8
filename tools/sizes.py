"""How much disk or memory something takes and how many there are, as a person reads it."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(n_bytes: float) -> str:
    """Such as `512 bytes`, `12 kB`, `3.4 MB` or `548 MB`: two digits or more, in the unit that fits; 1 kB is 1,000."""
    value, at = float(n_bytes), 0
    while round(value) >= 1000 and at < len(_UNITS) - 1:
        value, at = value / 1000, at + 1
    return f"{value:.1f} {_UNITS[at]}" if at and value < 9.95 else f"{value:,.0f} {_UNITS[at]}"


def counted(n: int, what: str) -> str:
    """`1 neuron`, `2,000 neurons`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
