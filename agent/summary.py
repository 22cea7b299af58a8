"""A result on a third of a screen: the verdict, the sentence, the sealed score and what it must beat."""

from __future__ import annotations

import shlex
import textwrap

from tools.records.result import Measured, Result, Unscored
from traces.text import one_line, score_text

_VERDICTS = {
    "supported": "beats its baselines on unseen text and passed tests of each kind",
    "split": "supported, with several meanings",
    "unresolved": "no explanation holds well enough",
    "noise": "it fires, and nothing local predicts it",
    "dead": "it never fires on this text",
}


def summary(result: Result, runs_dir: str, width: int) -> str:
    """Lines of at most `width` characters where words allow it, without a line break at the end."""
    lines = [f"{result.model}/{result.neuron}: {result.verdict} ({_VERDICTS[result.verdict]})", ""]
    sentence = one_line(result.explanation or "No explanation.")
    lines += textwrap.wrap(
        sentence, max(width, 40) - 2, initial_indent="  ", subsequent_indent="  ",
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
    lines.append("")
    baselines = result.baselines
    for name, score in (
        ("sealed score", result.score),
        ("token-lookup-30", baselines.token_lookup_30),
        ("token-lookup-full", baselines.token_lookup_full),
        ("null", baselines.null),
    ):
        lines.append(f"  {name:<18} {score_text(score.model_dump())}")
    lines.append(f"  {'measured as':<18} {_how(result.score)}")
    lines.append("")
    limit = "" if result.budget.limit is None else f" of {result.budget.limit}"
    lines.append(f"  budget {result.budget.used}{limit} used, {result.seconds:.1f} s; stopped: {result.stop_reason}")
    lines.append(f"  trace   {result.trace}")
    where = "" if runs_dir == "runs" else f" --runs-dir {shlex.quote(runs_dir)}"
    lines.append(f"  story   agent trace show {result.run_id}{where}")
    return "\n".join(lines)


def _how(score: Measured) -> str:
    if isinstance(score, Unscored):
        return "not measured"
    parts = [score.protocol, f"{score.split} split", f"{score.n_excerpts} excerpts"]
    if score.n_unscored:
        parts.append(f"{score.n_unscored} unscored")
    if (score.model_extra or {}).get("sealed_reused"):
        parts.append("sealed reused")
    return ", ".join(parts)
