"""The settings of a run. Together with its seed they decide everything but the results of tool calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from tools.errors import BadInput
from tools.experiments.registry import GENERATORS, QUOTAS_WITH_WRITER
from tools.llm.settings import LLMSettings, parse_spec
from tools.records.neuron import NeuronId, parse_target
from tools.toolbox import UNIT_TEXTS

BASELINE_EXPLAINERS = ("token-lookup-30", "token-lookup-full")
"""Token tables; they are measured but never win."""

REFERENCE_EXPLAINERS = ("best-class", *BASELINE_EXPLAINERS)
"""What an explanation is compared with, run as an agent of its own."""

EMBEDDED_EXPLAINERS = ("rules", *REFERENCE_EXPLAINERS)
"""Explainers that need no LLM."""

ROUND_COST = 4
"""Units of a full round: design, read, revise, score."""

TEST_COST = 2
"""Units to test the winner once more, or by a text of a person's: what is predicted, and the reading."""

MOST_ASKED = 2
"""Rivals that an LLM simulates in a round of experiments."""

MOST_FINALISTS = 4
"""Explanations that an LLM simulates when the loop is over, where it simulates finalists alone."""

MOST_RIVALS = 4
"""Explanations that an LLM simulates side by side at most."""

Simulation = Literal["excerpt", "all-at-once", "token-by-token"]
"""How an LLM can simulate."""


OTHERS = "others"
"""In quotas, stands for all generators that are not named."""


class _Quotas(BaseModel):
    """Texts of each generator in a round of experiments; together at most one unit of budget.

    `others` may be given for all generators that are not named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _check(self) -> Self:
        total = sum(self.by_generator().values())
        if not 0 < total <= UNIT_TEXTS:
            raise ValueError(f"quotas must add up to 1-{UNIT_TEXTS} texts, not {total}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or OTHERS not in given:
            return given
        return dict.fromkeys(GENERATORS, given[OTHERS]) | {name: n for name, n in given.items() if name != OTHERS}

    def by_generator(self) -> dict[str, int]:
        """The same as a mapping."""
        quotas: dict[str, int] = self.model_dump()
        return quotas


def recorded_settings(config: object) -> dict[str, Any]:
    """The settings of a recorded run, in today's names: a generator that did not exist then made no text.

    Raises:
        TypeError: they are no settings at all.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"settings are a mapping, not {type(config).__name__}")
    quotas = config.get("quotas")
    if not isinstance(quotas, Mapping):
        return {"index": "none", **config}
    return {"index": "none", **config, "quotas": {OTHERS: 0, **quotas}}


def _llm_of(spec: str) -> str | None:
    try:
        return parse_spec(spec)
    except BadInput as error:
        raise ValueError(str(error)) from error


if TYPE_CHECKING:
    Quotas = _Quotas
else:
    Quotas = create_model(
        "Quotas",
        __base__=_Quotas,
        __module__=__name__,
        __doc__=_Quotas.__doc__,
        **{name: (int, Field(default=generator.quota, ge=0)) for name, generator in GENERATORS.items()},
    )


class RunConfig(BaseModel):
    """Settings of one run.

    Attributes:
        target: as typed, such as `L5N131` or `gpt2-xl/L5N131`.
        model: used when the target names none.
        trust_remote_code: whether Python code that the model's folder brings may run, with the user's rights.
        corpus: a file, a folder, a dataset; None for the model's default.
        corpus_tokens: read at most this many tokens of the corpus; None for a default by the size of the model.
        index: the activation index to take evidence from: a folder, `none`, or `auto` for the one in the cache that
            fits model and corpus, if it exists and `corpus_tokens` is not given.
        budget: units of the toolbox.
        max_seconds: time for tool calls; None for no limit.
        seed: of every random choice.
        rivals: a person's own explanations, which compete.
        patience: rounds without gain before the loop stops.
        variant: its name; variants differ in the settings below.
        planted: functions of text (`module:function`) that are served as neurons L0N0, L0N1, ... on top of `model`.
        concepts: a file with the user's word classes, which explanations may name in addition to the built-in ones.
        policy: who decides what to do next: the tournament, or an LLM that calls tools as it likes.
        explainer: who writes hypotheses: learnt `rules`, a table of tokens, or `openai:MODEL`.
        simulator: simulates explanations in free text: `openai:MODEL`, or `rules` for none. The lexical reader always
            simulates what it can parse. `auto` is the explainer if that is an LLM.
        rules_compete: whether learnt rules are rivals of what an LLM writes.
        twins: whether explanations in free text get lexical twins: the nearest readable rules, which compete, cost
            nothing, and stand in for the LLM's simulation where they agree with it. Only if rules compete.
        reads: which explanations in free text an LLM reads on development text: all `rivals` that may win, or, of
            those with lexical twins, only the `finalists`, when the loop is over; until then their twins stand for
            them.
        simulation: how an LLM simulates: whole excerpts in a structured reply, all at once with log probabilities, or
            token by token.
        simulated_excerpts: excerpts on which an explanation in free text is simulated for a score.
        excerpts_per_call: excerpts of an explanation that an LLM simulates in one call.
        rivals_per_call: explanations that an LLM simulates side by side in one call, so that text is paid for once; on
            sealed text each is simulated alone.
        judged: sealed excerpts of each class that an LLM judges, in detection and in fuzzing; 0 for none.
        max_tokens: tokens of all LLM calls, in and out; None for no limit.
        max_usd: US dollars for all LLM calls; None for no limit.
        llm: the connection to the endpoint.
        n_rivals: hypotheses written at first; with 1, the explainer's best guess.
        lookup_competes: whether the 30-token lookup takes part in experiments and beliefs, for reference.
        neighbourhoods: whether the predictor's rules may use neighbourhoods in the subject model's embedding.
        max_rounds: rounds of experiments; 0 for none, None for no limit but the budget.
        revision: whether hypotheses are written anew after experiments.
        choice: how experiments are chosen among candidates.
        quotas: texts of each generator in a round.
        causal: whether to measure, after the final score, how ablating the neuron changes the model's output.
        half: use only this half of the explore and development documents; None for all.
        sealed_fold: the fold to confirm on; None for the one opened least often.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target: str
    model: str = "auto"
    trust_remote_code: bool = False
    corpus: str | None = None
    corpus_tokens: int | None = Field(default=None, ge=1)
    index: str = Field(default="auto", min_length=1)
    budget: int = Field(default=20, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0, lt=2**63)
    rivals: tuple[str, ...] = ()
    patience: int = Field(default=2, ge=1)
    variant: str = "tournament"
    planted: tuple[str, ...] = ()
    concepts: Path | None = None
    policy: Literal["tournament", "react"] = "tournament"
    explainer: str = "rules"
    simulator: str = "auto"
    rules_compete: bool = True
    twins: bool = True
    reads: Literal["rivals", "finalists"] = "rivals"
    simulation: Simulation = "excerpt"
    simulated_excerpts: int = Field(default=30, ge=3, le=1200)
    excerpts_per_call: int = Field(default=15, ge=1, le=20)
    rivals_per_call: int = Field(default=MOST_RIVALS, ge=1, le=MOST_RIVALS)
    judged: int = Field(default=10, ge=0, le=100)
    max_tokens: int | None = Field(default=None, ge=1)
    max_usd: float | None = Field(default=None, gt=0)
    llm: LLMSettings = LLMSettings()
    n_rivals: int = Field(default=4, ge=1, le=4)
    lookup_competes: bool = True
    neighbourhoods: bool = True
    max_rounds: int | None = Field(default=None, ge=0)
    revision: bool = True
    choice: Literal["disagreement", "random"] = "disagreement"
    quotas: Quotas = Quotas()
    causal: bool = True
    half: Literal[0, 1] | None = None
    sealed_fold: int | None = Field(default=None, ge=0)

    @field_validator("concepts", mode="before")
    @classmethod
    def _is_a_place(cls, given: Any) -> Any:
        # absolute: a run may be resumed from another folder
        return Path(given).expanduser().resolve() if isinstance(given, str | Path) else given

    @field_validator("explainer")
    @classmethod
    def _is_an_explainer(cls, spec: str) -> str:
        if spec not in EMBEDDED_EXPLAINERS and _llm_of(spec) is None:
            raise ValueError(f"write {', '.join(EMBEDDED_EXPLAINERS)} or openai:MODEL")
        return spec

    @field_validator("simulator")
    @classmethod
    def _is_a_simulator(cls, spec: str) -> str:
        if spec not in ("auto", "rules") and _llm_of(spec) is None:
            raise ValueError("write rules, openai:MODEL or auto")
        return spec

    @model_validator(mode="after")
    def _has_twins(self) -> Self:
        if self.reads == "finalists" and not (self.twins and self.rules_compete and self.policy == "tournament"):
            raise ValueError('reads = "finalists" needs lexical twins: twins, rules_compete, and the tournament')
        return self

    @property
    def parsed_target(self) -> tuple[str | None, NeuronId]:
        """The model that the target names, or None, and the neuron.

        Raises:
            BadInput: the target is neither.
        """
        return parse_target(self.target)

    @property
    def explainer_llm(self) -> str | None:
        """The name of the LLM that writes hypotheses; None where none does."""
        return _llm_of(self.explainer)

    @property
    def simulator_llm(self) -> str | None:
        """The name of the LLM that simulates explanations in free text; None where none does."""
        return self.explainer_llm if self.simulator == "auto" else _llm_of(self.simulator)

    def quotas_of_a_round(self) -> dict[str, int]:
        """Texts of each generator in a round, with room for those that an LLM writes."""
        quotas = self.quotas.by_generator()
        return dict(QUOTAS_WITH_WRITER) if self.explainer_llm and self.quotas == Quotas() else quotas

    @classmethod
    def checked(cls, **settings: Any) -> RunConfig:
        """Build a config from what a user gave.

        Raises:
            BadInput: a setting is out of range; the message names it, the value and what is allowed.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = "--" + ".".join(str(part) for part in first["loc"]).replace("_", "-")
            said = first["msg"].removeprefix("Value error, ").rstrip(".")
            said = said[:1].lower() + said[1:]
            raise BadInput(f"{name} cannot be {first['input']!r}: {said}.") from error
