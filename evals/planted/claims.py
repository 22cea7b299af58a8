"""Planted neurons: functions of text with a known meaning, with true and false explanations.

A function takes token strings as the subject's tokenizer gives them (leading spaces and line breaks included, BOS left
out) and gives one float per token: about 1.0 where it fires, `QUIET` elsewhere. The value at a token depends on that
token and earlier ones only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Function = Callable[[list[str]], list[float]]
Marks = Callable[[list[str]], list[bool]]
"""Whether something holds at each token, judged from that token and earlier ones only."""

Difficulty = Literal["easy", "medium", "hard"]
"""How hard the meaning is to find: given by the token or an obvious position; by near context or a word class that one
has to know; by several conditions or distant context."""

QUIET = -0.03
"""The value of a silent neuron: slightly below zero, as after GELU."""


@dataclass(frozen=True)
class Claim:
    """An explanation of a neuron and the function that it describes."""

    sentence: str
    function: Function


@dataclass(frozen=True)
class Planted:
    """A neuron whose meaning is known.

    Attributes:
        name: unique in the library.
        family: the form of its meaning, such as "phrase"; of neurons with nothing to find, the shape of the noise.
        function: what is read, noise included.
        truth: its meaning without noise; None if there is nothing to find.
        false: plausible errors of an explainer, each with its own function; empty if there is nothing to find.
        difficulty: see `Difficulty`.
        noise: standard deviation of the noise, beside a typical firing value of 1.
        readable: whether the readable language can express it; False if it counts distant tokens.
    """

    name: str
    family: str
    function: Function
    truth: Claim | None
    false: tuple[Claim, ...]
    difficulty: Difficulty
    noise: float = 0.0
    readable: bool = True


def planted(name: str, family: str, difficulty: Difficulty, truth: Claim, *false: Claim) -> Planted:
    """A neuron that does exactly what its true explanation says, without noise."""
    return Planted(name, family, truth.function, truth, false, difficulty)


def firing(marks: Marks) -> Function:
    """1 where the marks hold, `QUIET` elsewhere."""

    def function(tokens: list[str]) -> list[float]:
        return [1.0 if mark else QUIET for mark in marks(tokens)]

    return function


def claim(sentence: str, marks: Marks) -> Claim:
    """The claim that a neuron fires where the marks hold."""
    return Claim(sentence, firing(marks))
