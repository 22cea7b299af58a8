"""A result on a third of a screen: the verdict, the sentence, the sealed score and what it must beat."""

from __future__ import annotations

import shlex
import textwrap
from typing import Any

from tools.records.result import Result, Unscored
from tools.records.sides import as_told, side_lines
from traces.causal import causal_lines
from traces.text import cost_text, one_line, score_text

_INDENT = "  "
_BESIDES = ("explained_variance", "detection", "fuzzing")


def summary(result: Result, runs_dir: str, width: int) -> str:
    """Lines of at most `width` characters where words allow it, without a line break at the end."""
    extra: dict[str, Any] = result.model_extra or {}
    lines = [f"{result.model}/{result.neuron}: {result.verdict}"]
    if extra.get("reason"):
        lines += _wrapped(f"({extra['reason']})", width)
    told = as_told(result.explanation, extra) if result.explanation else "No explanation."
    lines += ["", *_wrapped(told, width), ""]
    for line in side_lines(extra | {"neuron": result.neuron}):
        lines += [*_wrapped(line, width), ""]

    for number, meaning in enumerate(extra.get("meanings", []) if result.verdict == "split" else [], 1):
        fired, silenced = meaning["predicted_positive"]["passed"], meaning["minimal_pair"]["passed"]
        tests = f"{fired} predictions and {silenced} minimal pairs passed"
        line = f"meaning {number}, {meaning['share']:.0%} of the firing, {tests}: {meaning['sentence']}"
        lines += _wrapped(line, width)
    if result.verdict == "split":
        lines.append("")

    scores = {"sealed score": result.score} | dict(result.baselines)
    values = {name: score_text(score.model_dump()) for name, score in scores.items()}
    column = max(len(text) for text in values.values())
    for name, text in values.items():
        gain = (extra.get("gains") or {}).get(name) or {}
        more = f"   the explanation's gain over it: {score_text(gain)}" if gain.get("value") is not None else ""
        lines.append(f"  {name.replace('_', '-'):<17}  {text:<{column}}{more}".rstrip())
    if not isinstance(result.score, Unscored):
        score = result.score
        parts = [f"{score.split} split", f"{score.n_excerpts} excerpts", score.protocol]
        parts += [f"{score.n_unscored} unscored"] if score.n_unscored else []
        parts += [f"simulated by {result.simulator}"] if result.simulator != "rules" else []
        parts += ["sealed reused"] if extra.get("sealed_reused") else []
        lines += _wrapped(", ".join(parts), width)

    others = {name: (row or {}).get("explanation") for name, row in (extra.get("scores") or {}).items()}
    besides = [f"{name.replace('_', ' ')} {score_text(others[name])}" for name in _BESIDES if others.get(name)]
    if besides:
        lines += _wrapped(", ".join(besides), width)
    if extra.get("asked"):
        asked = ", ".join(f"{name} {score_text(score)}" for name, score in extra["asked"].items())
        lines += _wrapped(f"asked of an LLM: {asked}", width)
    if extra.get("probe_skill"):
        skill = score_text(extra["probe_skill"])
        lines += _wrapped(f"skill of its predictions on texts it did not choose: {skill}", width)

    for line in causal_lines(extra["causal"]) if extra.get("causal") else ():
        lines += _wrapped(line, width)

    limit = "" if result.budget.limit is None else f" of {result.budget.limit}"
    where = "" if runs_dir == "runs" else f" --runs-dir {shlex.quote(runs_dir)}"
    lines += [
        "",
        f"  budget {result.budget.used}{limit} used, {result.seconds:.1f} s, stopped by {result.stop_reason}",
        f"  trace  {result.trace}",
        f"  story  agent trace show {result.run_id}{where}",
    ]
    if result.cost.tokens or (extra.get("llm") or {}).get("limit_reached"):
        lines[-2:-2] = [f"  {cost_text(result.cost)}{_from_store(extra.get('llm') or {})}"]
    return "\n".join(lines)


def _from_store(llm: dict[str, Any]) -> str:
    """Whether the limits were reached, and how many of the replies cost nothing this time."""
    reached = "; --max-tokens or --max-usd was reached" if llm.get("limit_reached") else ""
    kept = (llm.get("this_time") or {}).get("calls_from_store")
    calls = sum(role["calls"] for role in (llm.get("by_role") or {}).values())
    told = f"; {kept} of {calls} replies were kept from before and cost nothing this time" if kept else ""
    return reached + told


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        one_line(text),
        max(width, 40),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
