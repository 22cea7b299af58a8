"""The tool that says which parts of an explanation were ever put to the test, and how they fared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from tools.bench import Bench, padded
from tools.errors import BadInput
from tools.rules.clauses import Clause, Listed, Rule, Words
from tools.rules.language import parse, render
from tools.rules.simulate import Batch
from tools.scoring.lookup import FULL_LOOKUP
from tools.toolbox import Arguments, Outcome, Tool

_HOLDS = 0.5
"""How far a graded clause must hold at a token for a text that ends there to be a test of it."""


class Try(BaseModel):
    """A registered prediction that was read: of a revealed experiment or of a fixed probe text, by number."""

    revealed: int | None = None
    probe: int | None = None
    came_true: bool


class WhichTested(Arguments):
    """An explanation and what became of its registered predictions."""

    sentence: str
    tried: list[Try]


class Claim(BaseModel):
    """A part of the explanation: a clause, or one of the tokens that a clause lists.

    `right` and `wrong` count the texts at whose end it holds, by whether the explanation's prediction came true there.
    """

    clause: str
    token: str | None = None
    right: int
    wrong: int


class Claims(Outcome):
    """All clauses, each followed by the tokens that it lists; none where the sentence is in free words."""

    claims: list[Claim]


def claim_tools(bench: Bench) -> list[Tool[Any, Any]]:
    """`which_tested`, bound to one neuron."""

    def which_tested(arguments: WhichTested, rng: np.random.Generator) -> Claims:
        if arguments.sentence == FULL_LOOKUP or not _is_machine(arguments.sentence):
            return Claims(claims=[])
        texts = [
            bench.revealed[t.revealed].tokens if t.revealed is not None else bench.fixed_probe[t.probe or 0][1]
            for t in arguments.tried
        ]
        tokens, lengths = padded(texts)
        batch = Batch(tokens, bench.vocabulary)
        ends = np.arange(len(texts)), np.maximum(lengths - 1, 0)
        came_true = np.array([t.came_true for t in arguments.tried], dtype=bool)
        last = tokens[ends]
        found: list[Claim] = []
        for clause in parse(arguments.sentence).clauses:
            holds = batch.clause(clause)[ends] >= _HOLDS
            said = render(Rule((clause,))).removeprefix("Fires ").removesuffix(".")
            found.append(_claim(said, None, holds, came_true))
            for name, is_it in _listed(bench, clause, batch, last, ends).items():
                found.append(_claim(said, name, holds & is_it, came_true))
        return Claims(claims=found)

    return [
        Tool(
            "which_tested", "Which parts of an explanation were put to the test, and how they fared.", WhichTested,
            Claims, which_tested, charged=False,
        )
    ]  # fmt: skip


def _is_machine(sentence: str) -> bool:
    try:
        parse(sentence)
    except BadInput:
        return False
    return True


def _claim(clause: str, token: str | None, holds: NDArray[np.bool_], came_true: NDArray[np.bool_]) -> Claim:
    return Claim(
        clause=clause, token=token, right=int((holds & came_true).sum()), wrong=int((holds & ~came_true).sum())
    )


def _listed(
    bench: Bench, clause: Clause, batch: Batch, last: NDArray[np.int32], ends: tuple[NDArray[Any], NDArray[Any]]
) -> dict[str, NDArray[np.bool_]]:
    """Where each token or word that the clause lists for the token itself stands at the end of a text."""
    match clause.token:
        case Listed(tokens) if len(tokens) > 1:
            return {token: last == bench.vocabulary.ids[token] for token in tokens}
        case Words(words) if len(words) > 1:
            return {word: batch.member(Words((word,)))[ends] >= _HOLDS for word in words}
    return {}
