"""A result on a third of a screen: what was found, how sure that is, and how it looks in text; the rest on demand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.records.result import Result, Unscored
from tools.records.sides import side_lines
from traces.text.causal import causal_lines
from traces.text.finding import Piece, finding_of, null_told, own_reader, pieces_of
from traces.text.formatting import cost_text, runs_dir_option, score_text, visible
from traces.text.lines import Line, drawn, wrapped

_INDENT = "  "
_MARKS = ("<<", ">>")
_BESIDES = ("explained_variance", "detection", "fuzzing")


def summary(result: Result, runs_dir: str, width: int, is_full: bool = False, is_coloured: bool = False) -> str:
    """Lines of at most `width` characters where words allow it, without a line break at the end.

    Args:
        result: of one neuron.
        runs_dir: where its run lies.
        width: characters per line.
        is_full: everything that the result says, and not the finding alone.
        is_coloured: what fires is bold and underlined; else it stands between `<<` and `>>`.
    """
    lines = [drawn(line, is_coloured) for line in _finding(result, width, is_coloured)]
    if is_full:
        lines += ["", *_details(result, width)]
    lines.append("")
    if result.cost.tokens or _llm_of(result).get("limit_reached"):
        lines.append(f"  {cost_text(result.cost)}{_from_store(_llm_of(result))}")
    lines.append(
        f"  more: agent trace show {result.run_id}{runs_dir_option(runs_dir)}{'' if is_full else ', or --full'}"
    )
    return "\n".join(lines)


def _finding(result: Result, width: int, is_coloured: bool) -> Iterator[str | Line]:
    """The same few lines for every result."""
    found = finding_of(result.to_json())
    if found.failed:
        yield from (Line.of((line, "bold")) for line in wrapped(found.failed, width))
        yield ""
    yield Line.of((f"{result.model}/{result.neuron}{f': {found.label}' if found.label else ''}", "bold"))
    yield from wrapped(found.sentence, width)
    yield ""
    yield from wrapped(found.verdict, width)
    yield from wrapped(found.score, width)
    room = max(width, 40) - 2 * len(_INDENT) - 2 * len(_MARKS) - len("……")
    for number, example in enumerate(found.examples):
        if not number:
            yield ""
        peak = len(visible(example.tokens[max(range(len(example.values)), key=example.values.__getitem__)]))
        before = max(0, 2 * (room - peak) // 3)
        pieces = pieces_of(example, before, max(0, room - peak - before))
        yield Line.of(_INDENT * 2, *(_marked(piece, is_coloured) for piece in pieces))
    if found.output or found.better:
        yield ""
    for told in (found.output, found.better):
        yield from wrapped(told, width) if told else ()


def _marked(piece: Piece, is_coloured: bool) -> tuple[str, str]:
    if not piece.fires:
        return piece.text, ""
    return (piece.text, "bold underline") if is_coloured else (f"{_MARKS[0]}{piece.text}{_MARKS[1]}", "")


def _details(result: Result, width: int) -> list[str]:
    """What else the result says: why that verdict, every score, what it must beat, causal evidence, and the run."""
    extra: dict[str, Any] = result.model_extra or {}
    lines = wrapped(f"verdict {result.verdict}: {extra['reason']}", width) if extra.get("reason") else []
    for line in side_lines(extra | {"neuron": result.neuron}):
        lines += wrapped(line, width)

    for number, meaning in enumerate(extra.get("meanings", []) if result.verdict == "split" else [], 1):
        fired, silenced = meaning["predicted_positive"]["passed"], meaning["minimal_pair"]["passed"]
        tests = f"{fired} predictions and {silenced} minimal pairs passed"
        line = f"meaning {number}, {meaning['share']:.0%} of the firing, {tests}: {meaning['sentence']}"
        lines += wrapped(line, width)

    scores = {"sealed score": result.score} | dict(result.baselines)
    if result.predictor is not None:
        lines += wrapped(f"predictor, for reference: {result.predictor.sentence}", width)
        scores["predictor"] = result.predictor.score
    lines.append("")
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
        parts += [f"simulated by {result.simulator}"] if result.simulator.startswith("openai:") else []
        parts += ["sealed reused"] if extra.get("sealed_reused") else []
        lines += wrapped(", ".join(parts), width)

    if told := own_reader(result.to_json()):
        lines += wrapped(told, width)

    others = {name: (row or {}).get("explanation") for name, row in (extra.get("scores") or {}).items()}
    besides = [f"{name.replace('_', ' ')} {score_text(others[name])}" for name in _BESIDES if others.get(name)]
    if besides:
        lines += wrapped(", ".join(besides), width)
    if told := null_told(extra):
        lines += wrapped(told, width)
    if extra.get("asked"):
        asked = ", ".join(f"{name} {score_text(score)}" for name, score in extra["asked"].items())
        lines += wrapped(f"asked of an LLM: {asked}", width)
    if extra.get("probe_skill"):
        skill = score_text(extra["probe_skill"])
        lines += wrapped(f"skill of its predictions on texts it did not choose: {skill}", width)

    for line in causal_lines(extra["causal"]) if extra.get("causal") else ():
        lines += wrapped(line, width)

    limit = "" if result.budget.limit is None else f" of {result.budget.limit}"
    lines += [
        "",
        f"  budget {result.budget.used}{limit} used, {result.seconds:.1f} s, stopped by {result.stop_reason}",
        f"  trace  {result.trace}",
    ]
    return lines


def _llm_of(result: Result) -> dict[str, Any]:
    return (result.model_extra or {}).get("llm") or {}


def _from_store(llm: dict[str, Any]) -> str:
    """Whether the limits were reached, and how many of the replies cost nothing this time."""
    reached = "; --max-tokens or --max-usd was reached" if llm.get("limit_reached") else ""
    kept = (llm.get("this_time") or {}).get("calls_from_store")
    calls = sum(role["calls"] for role in (llm.get("by_role") or {}).values())
    told = f"; {kept} of {calls} replies were kept from before and cost nothing this time" if kept else ""
    return reached + told
