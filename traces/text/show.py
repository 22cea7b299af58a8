"""Runs as text: a table of all of them, and the story of one in about a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tools.errors import BadInput, StorageError
from tools.records.gated import full_explanation, side_lines
from tools.records.neuron import parse_target
from tools.records.result import Gains, Interval
from traces.analysis.story import Story, read_story
from traces.database.models import Model, told_apart
from traces.events.runs import NeuronFolder, RunFolder, run_ids
from traces.events.store import is_being_written
from traces.text.finding import null_line, own_reader
from traces.text.formatting import one_line, runs_dir_option, score_text, shorten, visible
from traces.text.lines import Line, drawn, section, wrapped
from traces.text.show_end import budget_of, end_lines, how
from traces.text.show_experiments import experiment_lines
from traces.text.tokens import token_line

_N_SHOWN_TROUBLE = 10
_N_SHOWN_RIVALS = 6
_LIST_HEAD = ("run", "model", "neuron", "verdict or state", "score", "budget")


def list_runs(runs_dir: str | Path, width: int = 100) -> str:
    """A table of all runs, oldest first: id, model, neuron, verdict or state, score with interval, budget, explanation.

    Raises:
        StorageError: the folder cannot be read.
    """
    runs = [RunFolder(Path(runs_dir) / run_id) for run_id in run_ids(runs_dir)]
    stories = [[(folder, read_story(folder.events)) for folder in run.traced()] for run in runs]
    begun = [story.started for found in stories for _, story in found if story.started]
    called = told_apart((one.model, one.model_fingerprint) for one in begun)
    listed = [row for run, found in zip(runs, stories, strict=True) for row in _rows(run, found, called)]
    if not listed:
        return f"There are no runs in {runs_dir} yet: `agent explain L5N131` makes one.\n"
    columns = [
        max(len(cell) for cell in column) for column in zip(_LIST_HEAD, *(row for row, _ in listed), strict=True)
    ]
    lines = [_aligned(_LIST_HEAD, columns)]
    for row, told in listed:
        lines.append(_aligned(row, columns))
        if told:
            lines.append("    " + shorten(told, max(20, width - 4)))
    return "\n".join(visible(line) for line in lines) + "\n"


def _rows(
    run: RunFolder, stories: Sequence[tuple[NeuronFolder, Story]], called: Mapping[Model, str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """For each neuron of a run, the cells of its row and the text below it: the explanation, or what went wrong."""
    for folder, story in stories:
        told = story.result.explanation or (story.trouble[-1] if story.trouble else "")
        yield _row(run.run_id, folder, story, called), str(told)
    if not stories:
        model, neuron, state, about = unread(run)
        yield (run.run_id, model, neuron, state, "-", "-"), about


def unread(run: RunFolder) -> tuple[str, str, str, str]:
    """(model, neuron, state, remark) of a run without a trace; model and neuron as typed."""
    state, about = "interrupted", "stopped while it was reading the model and the corpus"
    if is_being_written(run.path):
        state, about = "running", "reading the model and the corpus"
    try:
        config = run.manifest()["config"]
        model, neuron = parse_target(config["target"])
        return model or str(config["model"]), str(neuron), state, about
    except (StorageError, BadInput, KeyError, TypeError, AttributeError):
        return "-", "-", "damaged", "run.json cannot be read"


def _row(run_id: str, folder: NeuronFolder, story: Story, called: Mapping[Model, str]) -> tuple[str, ...]:
    model, _, neuron = folder.path.name.rpartition(".")
    if story.started:
        model = called[story.started.model, story.started.model_fingerprint]
        neuron = story.started.neuron
    score = score_text(story.result.score) if story.result.score else "-"
    if score.startswith("no score"):
        score = "no score"
    return run_id, model, neuron, story.result.verdict or story.state, score, budget_of(story)


def _aligned(cells: tuple[str, ...], columns: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, columns, strict=True)).rstrip()


def show_run(
    runs_dir: str | Path, run_id: str, neuron: str | None = None, width: int = 100, is_coloured: bool = False
) -> str:
    """The story of a run: explanation, scores, excerpts, rivals, the most telling experiments, decisions, cost.

    Works on running and interrupted runs too, and with a half-written line.

    Args:
        runs_dir: the folder of all runs.
        run_id: the id, its beginning or its end, or `last`.
        neuron: which one (`L5N131`), for a run of several; all of them unless given.
        width: characters per line.
        is_coloured: colour the background of tokens by raw value, for a terminal; else put guillemets around firing
            ones.

    Raises:
        BadInput: there is no such run, or no such neuron in it; the closest ids are named.
        StorageError: it cannot be read.
    """
    run = RunFolder.find(runs_dir, run_id)
    traced = run.traced()
    folders = [folder for folder in traced if neuron is None or folder.path.name.endswith(f".{neuron}")]
    if not folders and neuron is not None:
        known = ", ".join(folder.path.name for folder in traced) or "none yet"
        raise BadInput(f"run {run.run_id} has no neuron {neuron!r}; it has: {known}.")
    if not folders:
        model, neuron, state, about = unread(run)
        command = f"agent resume {run.run_id}{where(run.path / 'neurons' / 'none' / 'events.jsonl')}"
        how = f": `{command}` goes on with it" if state == "interrupted" else ""
        return visible(f"Run {run.run_id} of {model}/{neuron}, {state}, {about}{how}.") + "\n"
    stories = [_story_lines(run.run_id, read_story(folder.events), width, is_coloured) for folder in folders]
    # A foreign trace may hold anything: no control character gets through.
    return "\n\n".join("\n".join(drawn(line, is_coloured) for line in story) for story in stories) + "\n"


def where(trace: Path) -> str:
    """The option that commands need to find a trace's run if it is not in the folder `runs`."""
    is_in_run = trace.parent.parent.name == "neurons"
    return runs_dir_option(trace.parents[3] if is_in_run and len(trace.parents) > 3 else "runs")


def _story_lines(run_id: str, story: Story, width: int, is_coloured: bool) -> Iterator[str | Line]:
    yield from _head(run_id, story, width)
    if story.state != "damaged":
        yield from _explanation(story, width)
        yield from excerpt_lines(story, width, is_coloured)
        yield from _rivals(story, width)
        yield from experiment_lines(story, width)
        yield from end_lines(story, width)
    if story.trouble:
        yield from section("Trouble")
        for sentence in story.trouble[-_N_SHOWN_TROUBLE:]:
            yield from wrapped(sentence, width, "  - ")
        if len(story.trouble) > _N_SHOWN_TROUBLE:
            yield f"  and {len(story.trouble) - _N_SHOWN_TROUBLE} earlier ones; all are in the trace: {story.path}"
    if story.state in ("interrupted", "failed"):
        yield ""
        yield f"Resume it: agent resume {run_id}{where(story.path)}"


def _head(run_id: str, story: Story, width: int) -> Iterator[str | Line]:
    started = story.started
    target = f"{started.model}/{started.neuron}" if started else story.path.parent.name
    verdict = story.result.verdict
    yield Line.of((f"{target}  {story.state}{f': {verdict}' if verdict else ''}", "bold"))
    yield f"  run {run_id}"
    if not started:
        return
    names = [f"{key} {started.config[key]}" for key in ("variant", "explainer", "simulator") if key in started.config]
    yield from wrapped(", ".join([*names, f"seed {started.seed}", f"corpus {started.corpus.name}"]), width)
    took = _seconds_between(started.at, story.ended_at)
    commit = f", commit {started.commit[:10]}" if started.commit else ""
    yield f"  started {started.at}, {took}{commit}"
    if story.theta is not None:
        yield f"  {story.status}; fires above {story.theta:.3f}"


def _seconds_between(start: str, end: str) -> str:
    try:
        return f"{(datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds():.1f} s"
    except ValueError:
        return "time unknown"


def _explanation(story: Story, width: int) -> Iterator[str | Line]:
    result = story.result
    if not story.has_result:
        return
    yield from section("Explanation")
    if result.label:
        yield Line.of((f"  {one_line(result.label)}", "bold"))
    explanation = result.explanation
    yield from wrapped(full_explanation(explanation, result.always_on is not None) if explanation else "none", width)
    for line in side_lines(result.neuron, result.always_on, result.other_side):
        yield from wrapped(line, width)
    whole = f"  {'score':<18} {score_text(result.score)}{how(result.score)}"
    short = f"  {'score':<18} {score_text(result.score)}{how(result.score, is_short=True)}"
    yield whole if len(whole) <= width else short
    yield f"  {'development':<18} {score_text(result.development_score)}"
    for name, baseline in (result.baselines.by_name() if result.baselines else {}).items():
        gain = (result.gains or Gains()).by_name().get(name)
        more = f"   the explanation's gain over it: {score_text(gain)}" if isinstance(gain, Interval) else ""
        yield f"  {name:<18} {score_text(baseline)}{more}"
    for told in (own_reader(result), null_line(result)):
        yield from wrapped(told, width) if told else ()
    if result.predictor:
        yield f"  {'predictor':<18} {score_text(result.predictor.score)}"
        yield from wrapped(result.predictor.sentence, width, "      ")


def _rivals(story: Story, width: int) -> Iterator[str | Line]:
    if not story.hypotheses:
        return
    yield from section("Rivals")
    ranked = sorted(story.hypotheses, key=lambda h: (-story.beliefs.get(h, 0.0), h))
    for name in ranked[:_N_SHOWN_RIVALS]:
        proposed = story.hypotheses[name]
        belief = f"belief {story.beliefs[name]:.2f}" if name in story.beliefs else "belief none"
        development = story.scores.get((name, "development"))
        score = f", development {score_text(development)}" if development else ""
        parent = f", revises {proposed.parent}" if proposed.parent else ""
        told = f"{name} ({proposed.form}{parent}): {belief}{score}, {_fate(name, story)}"
        yield from wrapped(told, width, further="      ")
        yield "      " + shorten(proposed.sentence, max(20, width - 6))
    if len(ranked) > _N_SHOWN_RIVALS:
        yield f"  and {len(ranked) - _N_SHOWN_RIVALS} more with lower belief"


def _fate(name: str, story: Story) -> str:
    if name in story.dropped:
        return f"dropped: {one_line(story.dropped[name])}"
    sentence = story.hypotheses[name].sentence
    if story.has_result and story.result.explanation == sentence:
        return "won"
    for rival in story.result.rivals or []:
        if rival.explanation == sentence:
            return rival.status
    return "lost" if story.has_result else "in the running"


def excerpt_lines(story: Story, width: int, is_coloured: bool) -> Iterator[str | Line]:
    """The first excerpt of each stratum, around its largest true value; empty if the trace has none."""
    if not story.shown.excerpts:
        return
    yield from section("True and simulated, on sealed text")
    first = {one.stratum: one for one in reversed(story.shown.excerpts) if one.tokens}
    rows = [(one, raw) for one in reversed(first.values()) if (raw := story.shown.raw(one.levels)) is not None]
    if not rows:
        yield from wrapped(
            "The explanation predicts the same level everywhere, so there are no simulated raw values.", width
        )
        return
    largest = max(max(*excerpt.values, *simulated, 0.0) for excerpt, simulated in rows)
    theta = story.theta if story.theta is not None else largest
    marks = "underlined" if is_coloured else "between «»"
    yield f"  one scale, 0 to {largest:.3f}; above {theta:.3f} it fires ({marks}); the number is the largest value"
    for excerpt, simulated in rows:
        values = excerpt.values
        at = max(range(len(values)), key=values.__getitem__)
        for name, row in (("true", values), ("simulated", simulated)):
            line = token_line(excerpt.tokens, row, at, largest, theta, is_coloured)
            stratum = excerpt.stratum if name == "true" else ""
            yield Line.of(f"  {stratum:<9} {name:<10} {max(row) + 0.0:6.3f}  ", *line.parts)
