"""Every planted neuron that ships, by name: those with a meaning, their noisy versions, and those with none.

NEURONS["gated-for-in"].function([" for", " x", " in", " y"])
"""

from __future__ import annotations

from dataclasses import replace

from evals.planted import gated, lexical, semantics, structure
from evals.planted.claims import Planted
from evals.planted.noise import noisy, nothing

NOISE_LEVELS = (0.1, 0.25, 0.5)

UNREADABLE = frozenset(
    ("position-late", "position-third-on-line", "long-parenthesis", "long-return", "long-after-docstring")
)
"""Meanings that nobody can see without counting tokens: an exact distance, or the 59th token."""

TRUTHS: tuple[Planted, ...] = tuple(
    replace(neuron, readable=neuron.name not in UNREADABLE)
    for neuron in (*lexical.NEURONS, *gated.NEURONS, *structure.NEURONS, *semantics.NEURONS)
)
"""The neurons with a truth to find, without noise."""

NEURONS: dict[str, Planted] = {
    neuron.name: neuron
    for neuron in (*TRUTHS, *(noisy(neuron, level) for neuron in TRUTHS for level in NOISE_LEVELS), *nothing())
}
