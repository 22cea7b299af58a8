"""The end of a run as text: why it stopped, its final scores, causal evidence, and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools.records.scores import Score, ScoreValue
from traces.analysis.story import Story
from traces.text.causal import causal_details, causal_lines
from traces.text.costs import llm_errors, roles_of, total
from traces.text.formatting import cost_text, score_text, shorten, visible
from traces.text.lines import Line, section, wrapped
from traces.text.people import person_text
from traces.text.scores import missing_scores, score_table

_N_SHOWN_REASONS = 3
_N_SHOWN_TOKENS = 8
_N_SHOWN_TOOLS = 6


def how(score: Score | None, is_short: bool = False) -> str:
    """In brackets, the split and the method of a score; `is_short` leaves out the method."""
    if not isinstance(score, ScoreValue):
        return ""
    parts = [score.split, *([] if is_short else [score.protocol]), f"{score.n_excerpts} excerpts"]
    if score.n_unscored:
        parts.append(f"{score.n_unscored} unscored")
    return f"  ({', '.join(parts)})"


def budget_of(story: Story) -> str:
    """Units used, and the limit."""
    limit = story.result.budget.limit if story.result.budget else None
    if limit is None and story.started:
        limit = story.started.settings.budget
        if limit is not None:
            limit += sum(done.units or 0 for done in story.acted)
    return f"{story.budget_used} of {limit}" if limit is not None else str(story.budget_used)


def end_lines(story: Story, width: int) -> Iterator[str | Line]:
    """Everything after the last round."""
    if story.acted:
        yield from section("What a person did")
        for done in story.acted:
            yield from wrapped(f"before {done.before}, round {done.round}: {person_text(done)}", width, "  > ")
    if story.stop_reason or story.opened or story.confirmed:
        yield from section("End")
    if story.stop_reason:
        yield from wrapped(f"stopped: {story.stop_reason}", width)
    if story.opened:
        again = "; it had been used before" if story.opened.reused else ""
        yield f"  sealed fold {story.opened.fold}, opening {story.opened.opening} for this neuron and corpus{again}"
    if skill := story.result.probe_skill:
        yield from wrapped(f"probe skill: {_confirmed_text(skill)}", width)
    yield from _final_scores(story, width)
    yield from _causal(story, width)
    if story.calls:
        yield from section("Cost")
        tools = Counter(call.tool for call in story.calls)
        told = ", ".join(f"{name} {n}" for name, n in tools.most_common(_N_SHOWN_TOOLS))
        more = len(tools) - _N_SHOWN_TOOLS
        told += f" and {more} others" if more > 0 else ""
        yield from wrapped(f"budget {budget_of(story)}; {told}", width)
        texts, tokens = sum(c.texts for c in story.calls), sum(c.subject_tokens for c in story.calls)
        seconds = sum(c.seconds for c in story.calls)
        yield f"  {texts:,} texts, {tokens:,} subject tokens, {seconds:.1f} s in tools"
        yield from _llm_calls(story)


def _causal(story: Story, width: int) -> Iterator[str | Line]:
    """What the neuron does to the output; if that was not measured, what its output weights say."""
    if causal := story.result.causal:
        yield from section("Causal evidence")
        for sentence in (*causal_lines(causal), *causal_details(causal)):
            yield from wrapped(sentence, width)
    elif story.output and (story.output.promoted or story.output.suppressed):
        yield from section("Output weights")
        for side, effects in (("favour", story.output.promoted), ("disfavour", story.output.suppressed)):
            tokens = [
                f"`{visible(token).replace(' ', '␣')}` {value:+.2f}" for token, value in effects[:_N_SHOWN_TOKENS]
            ]
            if tokens:
                yield from wrapped(f"{side} {', '.join(tokens)}", width)


def _llm_calls(story: Story) -> Iterator[str]:
    """LLM calls by role, and why some failed."""
    roles = roles_of(story)
    if not roles:
        return
    yield f"  {cost_text(total(roles))}"
    for role in roles:
        failed = f", {role.n_failed} without a reply" if role.n_failed else ""
        yield f"  {role.name}: {role.n_calls:,} calls of {', '.join(role.models)}, {role.tokens:,} tokens{failed}"
    for reason, n in llm_errors(story)[:_N_SHOWN_REASONS]:
        yield f"    {n} x {shorten(reason, 100)}"


def _final_scores(story: Story, width: int) -> Iterator[str | Line]:
    final = story.confirmed
    for name, value in ({"predictor": final.predictor, **final.others} if final else {}).items():
        if value not in (None, []):
            yield from wrapped(f"{name}: {_confirmed_text(value)}", width)
    steps: dict[str, int] = {}
    for step in story.result.anytime or []:
        steps.setdefault(score_text(step.sealed), step.used)
    if steps:
        told = ", ".join(f"{score} from {used} on" for score, used in steps.items())
        yield from wrapped(f"sealed score of the leader, by units of budget used: {told}", width)
    if final is None:
        return
    if final.previous:
        yield from wrapped(f"an earlier run's explanation on this fold: {score_text(final.previous)}", width)
    if table := score_table(final, width):
        yield from section("Scores on sealed text")
        yield from table
        for line in missing_scores(final):
            yield from wrapped(line, width)


def _confirmed_text(value: Any) -> str:
    if isinstance(value, Score):
        return score_text(value) + how(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_confirmed_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(_confirmed_text(item) for item in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
