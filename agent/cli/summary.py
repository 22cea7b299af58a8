"""A result on a third of a screen: the explanation, its score and examples; the rest on demand."""

from __future__ import annotations

from collections.abc import Iterator

from tools.records.costs import LLMReport
from tools.records.gated import side_lines
from tools.records.result import Compared, Gains, Interval, Result, Unscored
from traces.text.causal import causal_lines
from traces.text.finding import Piece, finding_of, null_line, own_reader, pieces_of
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
    if result.cost.tokens or (result.llm and result.llm.limit_reached):
        lines.append(f"  {cost_text(result.cost)}{_from_store(result.llm) if result.llm else ''}")
    full = "" if is_full else "--full, or "
    lines.append(f"  more: {full}agent trace show {result.run_id}{runs_dir_option(runs_dir)}")
    return "\n".join(lines)


def _finding(result: Result, width: int, is_coloured: bool) -> Iterator[str | Line]:
    """The same few lines for every result."""
    found = finding_of(result)
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
    lines = wrapped(f"verdict {result.verdict}: {result.reason}", width) if result.reason else []
    for line in side_lines(result.neuron, result.always_on, result.other_side):
        lines += wrapped(line, width)

    for number, meaning in enumerate((result.meanings or []) if result.verdict == "split" else [], 1):
        fired, silenced = meaning.predicted_positive.passed, meaning.minimal_pair.passed
        tests = f"{fired} predictions and {silenced} minimal pairs passed"
        line = f"meaning {number}, {meaning.share:.0%} of the firing, {tests}: {meaning.sentence}"
        lines += wrapped(line, width)

    scores: dict[str, Compared] = {"sealed score": result.score, **result.baselines.by_name()}
    if result.predictor is not None:
        lines += wrapped(f"predictor, for reference: {result.predictor.sentence}", width)
        scores["predictor"] = result.predictor.score
    lines.append("")
    values = {name: score_text(score) for name, score in scores.items()}
    column = max(len(text) for text in values.values())
    for name, text in values.items():
        gain = (result.gains or Gains()).by_name().get(name)
        more = f"   the explanation's gain over it: {score_text(gain)}" if isinstance(gain, Interval) else ""
        lines.append(f"  {name.replace('_', '-'):<17}  {text:<{column}}{more}".rstrip())
    if not isinstance(result.score, Unscored):
        score = result.score
        parts = [f"{score.split} split", f"{score.n_excerpts} excerpts", score.protocol]
        parts += [f"{score.n_unscored} unscored"] if score.n_unscored else []
        parts += [f"simulated by {result.simulator}"] if result.simulator.startswith("openai:") else []
        parts += ["sealed reused"] if result.sealed_reused else []
        lines += wrapped(", ".join(parts), width)

    if told := own_reader(result):
        lines += wrapped(told, width)

    panel = result.scores or {}
    besides = [f"{name.replace('_', ' ')} {score_text(panel[name].explanation)}" for name in _BESIDES if name in panel]
    if besides:
        lines += wrapped(", ".join(besides), width)
    if told := null_line(result):
        lines += wrapped(told, width)
    if asked := result.asked:
        told = f"detection {score_text(asked.detection)}, fuzzing {score_text(asked.fuzzing)}"
        lines += wrapped(f"asked of an LLM: {told}", width)
    if result.probe_skill:
        skill = score_text(result.probe_skill)
        lines += wrapped(f"skill of its predictions on texts it did not choose: {skill}", width)

    for line in causal_lines(result.causal) if result.causal else ():
        lines += wrapped(line, width)

    limit = "" if result.budget.limit is None else f" of {result.budget.limit}"
    lines += [
        "",
        f"  budget {result.budget.used}{limit} used, {result.seconds:.1f} s, stopped by {result.stop_reason}",
        f"  trace  {result.trace}",
    ]
    return lines


def _from_store(llm: LLMReport) -> str:
    """Whether the limits were reached, and how many of the replies cost nothing this time."""
    reached = "; --max-tokens or --max-usd was reached" if llm.limit_reached else ""
    kept = llm.this_time.calls_from_store
    calls = sum(role.calls for role in llm.by_role.values())
    told = f"; {kept} of {calls} replies were kept from before and cost nothing this time" if kept else ""
    return reached + told
