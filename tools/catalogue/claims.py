"""The tool that says which parts of an explanation were ever put to the test, and how they fared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from tools.readable.rule import Rule
from tools.records.coverage import Claim
from tools.study.simulations import padded
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Tool

_HOLDS = 0.5
"""How far an item must hold at a token for a text that ends there to be a test of it."""


class Try(BaseModel):
    """A registered prediction that was read: of a revealed experiment or of a fixed probe text, by number."""

    revealed: int | None = None
    probe: int | None = None
    came_true: bool


class WhichTested(Arguments):
    """An explanation and what became of its registered predictions."""

    sentence: str
    tried: list[Try]


class Claims(Outcome):
    """All items, each followed by the words that it lists; none where nobody can take the sentence apart."""

    claims: list[Claim]


def claim_tools(study: Study) -> list[Tool[Any, Any]]:
    """`which_tested`, bound to one neuron."""

    def which_tested(arguments: WhichTested, rng: np.random.Generator) -> Claims:
        understood = study.readable(arguments.sentence)
        if understood is None:
            return Claims(claims=[])
        rule, reader = understood
        tried = [
            study.log.revealed[t.revealed].tokens if t.revealed is not None else study.fixed_probe[t.probe or 0][1]
            for t in arguments.tried
        ]
        tokens, lengths = padded(tried)
        texts = reader.text_cache.texts(tokens)
        ends = np.cumsum(lengths) - 1
        came_true = np.array([t.came_true for t in arguments.tried], dtype=bool)
        found: list[Claim] = []
        for strength, item in rule.items:
            alone = reader.language.render(Rule(((strength, item),)))
            said = alone.removeprefix("Fires ").removesuffix(".")
            for word, part in [(None, item), *item.by_word().items()]:
                holds = reader.knowledge.column(part, texts)[ends] >= _HOLDS
                found.append(_claim(said, word, holds, came_true))
        return Claims(claims=found)

    return [
        Tool(
            "which_tested", "Which parts of an explanation were put to the test, and how they fared.", WhichTested,
            Claims, which_tested, charged=False,
        )
    ]  # fmt: skip


def _claim(clause: str, token: str | None, holds: NDArray[np.bool_], came_true: NDArray[np.bool_]) -> Claim:
    return Claim(
        clause=clause, token=token, right=int((holds & came_true).sum()), wrong=int((holds & ~came_true).sum())
    )
