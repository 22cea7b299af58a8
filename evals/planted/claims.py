"""What a planted neuron is: a function of text with a known meaning, and sentences about it, true and false.

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
"""For each token whether something holds there, seen from there: it looks at that token and earlier ones only."""

Difficulty = Literal["easy", "medium", "hard"]
"""How hard the meaning is to find out: the token or an obvious place tells; near context, or a class of words that one
must know, tells; several conditions or something far back tell."""

QUIET = -0.03
"""The value of a silent neuron: below zero, as GELU leaves it."""


@dataclass(frozen=True)
class Claim:
    """A sentence about a neuron and the function that it means."""

    sentence: str
    function: Function


@dataclass(frozen=True)
class Planted:
    """A neuron whose meaning is known.

    Attributes:
        name: unique in the library.
        family: the form of its meaning, such as "phrase"; of neurons with nothing to find, the shape of the noise.
        function: what is read, noise included.
        truth: what it means, without noise; None when there is nothing to find.
        false: plausible errors of an explainer, each with its own function; empty when there is nothing to find.
        difficulty: see `Difficulty`.
        noise: standard deviation of the noise, beside a typical firing value of 1.
        readable: whether a sentence of the readable language can say it; False where it counts tokens far back.
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
    """A neuron that does what its true sentence says, without noise."""
    return Planted(name, family, truth.function, truth, false, difficulty)


def firing(marks: Marks) -> Function:
    """1 where the marks hold, `QUIET` elsewhere."""

    def function(tokens: list[str]) -> list[float]:
        return [1.0 if mark else QUIET for mark in marks(tokens)]

    return function


def claim(sentence: str, marks: Marks) -> Claim:
    """The sentence that a neuron fires where the marks hold."""
    return Claim(sentence, firing(marks))
