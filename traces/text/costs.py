"""The costs of a run, by tool and by the role of an LLM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tools.records.result import Cost
from traces.analysis.story import Story
from traces.events.kinds import ToolCall
from traces.text.formatting import cost_text

_N_ERRORS = 20


@dataclass(frozen=True)
class ToolUse:
    """The cost of one tool's calls."""

    name: str
    n_calls: int
    n_failed: int
    texts: int
    tokens: int
    units: int
    seconds: float


@dataclass(frozen=True)
class Role:
    """The cost of LLM calls in one role; `usd` is None if any price is unknown."""

    name: str
    models: list[str]
    n_calls: int
    n_failed: int
    tokens: int
    usd: float | None


def tools_of(story: Story) -> list[ToolUse]:
    """The cost of each tool, the highest first."""
    by_name: dict[str, list[ToolCall]] = {}
    for call in story.calls:
        by_name.setdefault(call.tool, []).append(call)
    out = [
        ToolUse(
            name, len(own), sum(call.error is not None for call in own), sum(c.texts for c in own),
            sum(c.subject_tokens for c in own), sum(c.units for c in own if c.charged), sum(c.seconds for c in own),
        )
        for name, own in by_name.items()
    ]  # fmt: skip
    return sorted(out, key=lambda use: (-use.units, -use.seconds, use.name))


def roles_of(story: Story) -> list[Role]:
    """The cost of LLM calls, by role."""
    asked = [call for event in story.calls for call in event.llm]
    out = []
    for name in dict.fromkeys(call.role for call in asked):
        own = [call for call in asked if call.role == name]
        known = [call.usd for call in own if call.usd is not None]
        out.append(
            Role(
                name, sorted({call.model for call in own}), len(own), sum(call.reply is None for call in own),
                sum(call.input_tokens + call.output_tokens for call in own),
                sum(known) if len(known) == len(own) else None,
            )
        )  # fmt: skip
    return out


def llm_errors(story: Story) -> list[tuple[str, int]]:
    """Why LLM calls failed, and how often, the most frequent reason first."""
    return Counter(call.error for event in story.calls for call in event.llm if call.error).most_common(_N_ERRORS)


def cost_sentence(story: Story) -> str:
    """Budget, time, tokens and money in one sentence."""
    limit = story.result.budget.limit if story.result.budget else None
    if limit is None and story.started:
        limit = story.started.settings.budget
    units = f"{story.budget_used} units{f' of {limit}' if limit else ''}"
    seconds = story.result.seconds
    time = "" if seconds is None else f", {seconds:.0f} s"
    roles = roles_of(story)
    return f"{units}{time}; {cost_text(total(roles)) if roles else 'no LLM was asked'}."


def total(roles: Sequence[Role]) -> Cost:
    """Tokens and US dollars of all roles together."""
    prices = [role.usd for role in roles if role.usd is not None]
    return Cost(tokens=sum(role.tokens for role in roles), usd=sum(prices) if len(prices) == len(roles) else None)
