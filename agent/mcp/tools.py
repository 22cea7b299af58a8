"""The tools that `agent mcp` offers, named like the commands, each with what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tools.catalogue.explore import TopExcerpts
from tools.catalogue.scores import Score
from tools.catalogue.subject import Ablate, Generate, Search, Simulate
from tools.catalogue.thinking import ReadText
from tools.toolbox import UNIT_TEXTS, UNIT_TOKENS, Arguments, Outcome

EXPLAIN = "explain"
_MOST_SENTENCES = 8
_ONE = "1 unit"
_BY_SIZE = f"{_ONE} for every {UNIT_TEXTS} texts or {UNIT_TOKENS:,} tokens begun"


class ScoreSome(Score):
    """Sentences to score on development text, and one of them to which the others are compared."""

    sentences: list[str] = Field(min_length=1, max_length=_MOST_SENTENCES)


class Explain(Arguments):
    """Units of budget that the run may use, and the seed of its random choices."""

    budget: int = Field(default=20, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, lt=2**63)


class Explained(Outcome):
    """The run and its result (the content of result.json)."""

    run_id: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A tool as a client sees it.

    Attributes:
        tool: its name in the toolbox.
        arguments: the type of its arguments, beside the neuron that they are about.
        about: what it does, for the client's LLM.
        cost: in units of the session's budget.
    """

    tool: str
    arguments: type[Arguments]
    about: str
    cost: str

    @property
    def description(self) -> str:
        """What it does and what it costs."""
        return f"{self.about} Cost: {self.cost}."

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, the neuron included."""
        found = self.arguments.model_json_schema()
        neuron = {"type": "string", "description": "The neuron, such as L5N131 (layer 5, number 131) or gpt2/L5N131."}
        return {
            "type": "object",
            "properties": {"neuron": neuron, **found.get("properties", {})},
            "required": ["neuron", *found.get("required", [])],
            "additionalProperties": False,
            **({"$defs": found["$defs"]} if "$defs" in found else {}),
        }


SERVED = {
    "read": Served(
        "read_text", ReadText,
        "Read the neuron's raw activation at every token of up to 32 texts of your own.", _BY_SIZE,
    ),
    "top": Served(
        "top_excerpts", TopExcerpts,
        "Show the excerpts of the corpus on which the neuron's activation is highest, with the activation at each "
        "token. `skip` leaves out those that were shown before.", _ONE,
    ),
    "search": Served(
        "search_corpus", Search,
        "Find texts of the corpus on which a sentence predicts that the neuron fires. Shows no activations.", _ONE,
    ),
    "generate": Served(
        "generate_text", Generate,
        "Sample continuations of a prompt from the subject model.", _BY_SIZE,
    ),
    "simulate": Served(
        "simulate", Simulate,
        "Predict the activation at each token of your texts from a sentence alone, from 0 to 10.", _ONE,
    ),
    "score": Served(
        "score", ScoreSome,
        "Score sentences about the neuron: the correlation of simulated and real activations on development text, "
        "with an interval. With `reference` also the gain over that sentence.", _ONE,
    ),
    "ablate": Served(
        "ablate", Ablate,
        "Hold the neuron at a constant value on your texts, and show how much the model's next-token distribution "
        "changes at each token (Jensen-Shannon divergence, nats).", _BY_SIZE,
    ),
    EXPLAIN: Served(
        EXPLAIN, Explain,
        "Explain the neuron: a whole run with rival hypotheses, experiments and a score on text that the search never "
        "saw. Takes about a minute.", "as many units as its `budget`",
    ),
}  # fmt: skip
"""By the name under which a client calls it."""
