"""What the LLM calls of a run cost."""

from __future__ import annotations

from pydantic import Field

from tools.records.scores import Record, if_known


class Cost(Record):
    """What LLM calls cost.

    Attributes:
        tokens: in and out.
        usd: US dollars; null where a price is not known.
    """

    tokens: int = 0
    usd: float | None = 0.0


class RoleCost(Record):
    """What the calls in one role cost.

    Attributes:
        calls: how many.
        failed: those that gave nothing.
        input_tokens: tokens of the questions.
        output_tokens: tokens of the replies.
        estimated: whether some of the tokens are an estimate, since the endpoint did not count them.
        usd: US dollars; null where a price is not known.
    """

    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    estimated: bool
    usd: float | None


class SilentExplainer(Record):
    """An explainer that was asked and never wrote anything.

    Attributes:
        explainer: its name.
        times: how often it was asked.
        reason: why it wrote nothing the last time.
    """

    explainer: str
    times: int
    reason: str


class ThisTime(Record):
    """What of the cost is this time's alone. These are clocks: a repeated run may have others.

    Attributes:
        calls_from_store: replies that were kept from before and cost nothing this time.
        paid_usd: US dollars for the others; null where a price is not known.
        noticed: what was found out about the endpoints, as sentences.
    """

    calls_from_store: int
    paid_usd: float | None
    noticed: list[str] = Field(default_factory=list)


class LLMReport(Record):
    """What was asked of LLMs.

    Attributes:
        limit_reached: whether the limits on tokens or US dollars were reached.
        silent: explainers that never wrote anything; absent where there is none.
        by_role: what was spent, by what it was asked for (explainer, simulator, ...).
        this_time: what of it is this time's alone.
    """

    limit_reached: bool
    silent: list[SilentExplainer] | None = if_known()
    by_role: dict[str, RoleCost]
    this_time: ThisTime
