"""The one door through which anything is done to a neuron.

A tool is a function with typed arguments and a typed result. Every call goes through `Toolbox.call`, which charges the
budget, records the event, serves a recorded result instead of calling again, and turns errors into typed outcomes.

One unit of budget is one call of at most 64 texts or 4,096 subject tokens; a larger call costs proportionally more,
rounded up. Calls that the protocol itself requires, such as the confirmation, are recorded and not charged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from tools.errors import AgentError, BadInput, BudgetSpent
from tools.llm.meter import Meter
from tools.records.llm import LLMCall

UNIT_TEXTS, UNIT_TOKENS = 64, 4096


class Arguments(BaseModel):
    """Base of every tool's arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Outcome(BaseModel):
    """Base of every tool's result; JSON values only, so that a replay gets exactly the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def no_size(_: Arguments) -> tuple[int, int]:
    """Of a call that puts nothing through a model that is counted by size."""
    return 0, 0


A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Outcome)


@dataclass(frozen=True)
class Tool(Generic[A, R]):
    """Something that can be done to a neuron.

    Attributes:
        name: as the trace and an LLM call it.
        about: one sentence for whoever chooses among tools.
        arguments: the type of its arguments.
        result: the type of its result.
        run: does it; the generator is the call's own, a function of the seed and the call's number.
        charged: whether it counts against the budget.
        size: (texts, subject tokens) that a call with these arguments puts through a model.
    """

    name: str
    about: str
    arguments: type[A]
    result: type[R]
    run: Callable[[A, np.random.Generator], R]
    charged: bool = True
    size: Callable[[A], tuple[int, int]] = no_size

    @property
    def cost(self) -> str:
        """What a call costs, for whoever chooses among tools."""
        if not self.charged:
            return "free"
        by_size = "" if self.size is no_size else f" for every {UNIT_TEXTS} texts or {UNIT_TOKENS:,} tokens begun"
        return f"1 unit{by_size}"


@dataclass(frozen=True)
class CallRecord:
    """One call as it stands in the trace, with the LLM calls that it made. `seconds` is a clock value."""

    call_id: str
    tool: str
    arguments: dict[str, Any]
    result: Any
    error: tuple[str, str] | None
    texts: int
    subject_tokens: int
    units: int
    charged: bool
    budget_used: int
    seconds: float
    llm: tuple[LLMCall, ...] = ()


class Recorder(Protocol):
    """Where calls are recorded, and served from when a run is resumed."""

    def recorded(self, call_id: str) -> CallRecord | None:
        """The call of that id if it was made before."""

    def record(self, call: CallRecord) -> None:
        """Put a call on record; on a replay, check that it is the same."""


class ToolFailed(AgentError):
    """A tool call ended in an error that is on record."""


def units_of(texts: int, subject_tokens: int) -> int:
    """What a call costs, in units of budget."""
    return max(1, -(-texts // UNIT_TEXTS), -(-subject_tokens // UNIT_TOKENS))


class Toolbox:
    """The registry of tools, the budget and the record of one run on one neuron.

    Args:
        tools: what can be called.
        recorder: keeps the calls.
        seed: each call draws from a generator of its own, seeded by this and the call's number.
        limit: units of budget; None for no limit.
        max_seconds: time for all calls together, as recorded, so that a resumed run stops where the first one did.
        meter: of the LLM calls that tools make; None where no tool makes any.
    """

    def __init__(
        self,
        tools: Sequence[Tool[Any, Any]],
        recorder: Recorder,
        seed: int,
        limit: int | None,
        max_seconds: float | None,
        meter: Meter | None = None,
    ) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.recorder = recorder
        self.seed = seed
        self.limit = limit
        self.max_seconds = max_seconds
        self.meter = meter
        self.used = 0
        self.seconds = 0.0
        self.n_calls = 0

    @property
    def left(self) -> float:
        """Units of budget left; infinite without a limit, and 0 once time, tokens or money are used up."""
        if self.max_seconds is not None and self.seconds >= self.max_seconds:
            return 0
        if self.meter is not None and self.meter.is_spent:
            return 0
        return float("inf") if self.limit is None else self.limit - self.used

    def call(self, name: str, arguments: Arguments) -> Any:
        """Call a tool and return its typed result.

        Raises:
            BudgetSpent: the call would go past the budget or the deadline; nothing was done.
            ToolFailed: the tool refused or failed; the error is on record.
        """
        tool = self.tools.get(name)
        if tool is None:
            raise BadInput(f"there is no tool {name!r}; there are {', '.join(sorted(self.tools))}.")
        texts, tokens = tool.size(arguments)
        units = units_of(texts, tokens) if tool.charged else 0
        if tool.charged and units > self.left:
            raise BudgetSpent(f"{name} needs {units} units and {self.left:g} are left")
        call_id = f"{self.n_calls:04d}-{name}"
        plain = arguments.model_dump(mode="json")
        served = self.recorder.recorded(call_id)
        started = time.perf_counter()
        result, error, seconds = None, None, 0.0
        asked: tuple[LLMCall, ...] = ()
        if served is not None:  # with other arguments it is no longer this run: the recorder refuses it below
            result, error, seconds, asked = served.result, served.error, served.seconds, served.llm
            if self.meter is not None:
                self.meter.restore(asked)
        else:
            try:
                answer = tool.run(arguments, np.random.default_rng([self.seed, self.n_calls]))
                result = json.loads(json.dumps(answer.model_dump(mode="json"), allow_nan=False))
            except BadInput as refused:
                error = (type(refused).__name__, str(refused))
            seconds = round(time.perf_counter() - started, 4)
            asked = tuple(self.meter.drain()) if self.meter is not None else ()
        self.n_calls += 1
        self.used += units
        self.seconds += seconds
        self.recorder.record(
            CallRecord(
                call_id, name, plain, result, error, texts, tokens, units, tool.charged, self.used, seconds, asked
            )
        )
        if error is not None:
            raise ToolFailed(f"{name}: {error[1]}")
        return tool.result.model_validate(result)
