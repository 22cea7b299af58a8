"""Runs as text: a table of all of them, and the story of one in a page or two."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.errors import BadInput
from tools.records.result import Cost
from traces.causal import causal_details, causal_lines
from traces.runs import NeuronFolder, RunFolder, run_ids
from traces.scores import TABULATED, missing_scores, score_table
from traces.story import Round, Story, Trial, read_story
from traces.text import cost_text, one_line, score_text, shorten, visible

_N_TELLING = 3
_FEW_ROUNDS = 4
_N_SHOWN_TROUBLE = 10
_N_SHOWN_RIVALS = 8
_N_SHOWN_PREDICTIONS = 4
_N_SHOWN_REASONS = 3
_CONTEXT_CHARACTERS = 48
_LIST_HEAD = ("run", "model", "neuron", "verdict or state", "score", "budget")


def list_runs(runs_dir: str | Path, width: int = 100) -> str:
    """A table of all runs, oldest first: id, model, neuron, verdict or state, score with interval, budget, explanation.

    Raises:
        StorageError: the folder cannot be read.
    """
    stories = [
        (run_id, folder, read_story(folder.events))
        for run_id in run_ids(runs_dir)
        for folder in RunFolder(Path(runs_dir) / run_id).neurons()
    ]
    if not stories:
        return f"There are no runs in {runs_dir} yet: `agent explain L5N131` makes one.\n"
    rows = [_row(run_id, folder, story) for run_id, folder, story in stories]
    columns = [max(len(cell) for cell in column) for column in zip(_LIST_HEAD, *rows, strict=True)]
    lines = [_aligned(_LIST_HEAD, columns)]
    for row, (_, _, story) in zip(rows, stories, strict=True):
        lines.append(_aligned(row, columns))
        explanation = story.result.get("explanation") or (story.trouble[-1] if story.trouble else "")
        if explanation:
            lines.append("    " + shorten(str(explanation), max(20, width - 4)))
    return "\n".join(visible(line) for line in lines) + "\n"


def _row(run_id: str, folder: NeuronFolder, story: Story) -> tuple[str, ...]:
    model, _, neuron = folder.path.name.rpartition(".")
    if story.started:
        model, neuron = story.started.model, story.started.neuron
    score = score_text(story.result["score"]) if story.result.get("score") else "-"
    if score.startswith("no score"):
        score = "no score"
    return run_id, model, neuron, str(story.result.get("verdict") or story.state), score, _budget(story)


def _aligned(cells: tuple[str, ...], columns: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, columns, strict=True)).rstrip()


def _budget(story: Story) -> str:
    limit = story.result.get("budget", {}).get("limit") if story.result else None
    if limit is None and story.started:
        limit = story.started.config.get("budget")
    return f"{story.budget_used} of {limit}" if limit is not None else str(story.budget_used)


def show_run(runs_dir: str | Path, run_id: str, neuron: str | None = None, width: int = 100) -> str:
    """The story of a run: explanation, scores, rivals, the most telling experiments, decisions, trouble, cost.

    Works on runs that are still going, were interrupted, or left a half-written line.

    Args:
        runs_dir: the folder of all runs.
        run_id: the id, its beginning or its end, or `last`.
        neuron: which one (`L5N131`), for a run of several; all of them unless given.
        width: characters per line.

    Raises:
        BadInput: there is no such run, or no such neuron in it; the closest ids are named.
        StorageError: it cannot be read.
    """
    run = RunFolder.find(runs_dir, run_id)
    folders = [folder for folder in run.neurons() if neuron is None or folder.path.name.endswith(f".{neuron}")]
    if not folders and neuron is not None:
        known = ", ".join(folder.path.name for folder in run.neurons()) or "none yet"
        raise BadInput(f"run {run.run_id} has no neuron {neuron!r}; it has: {known}.")
    if not folders:
        return f"Run {run.run_id} stopped before it reached a neuron: `agent resume {run.run_id}` goes on with it.\n"
    stories = [_story_lines(run.run_id, read_story(folder.events), width) for folder in folders]
    # Names, errors and text may hold anything, and a trace may come from elsewhere: no control character gets through.
    return "\n\n".join("\n".join(visible(line) for line in story) for story in stories) + "\n"


def _story_lines(run_id: str, story: Story, width: int) -> Iterator[str]:
    yield from _head(run_id, story)
    if story.state != "damaged":
        yield from _explanation(story, width)
        yield from _rivals(story, width)
        for number in sorted(story.rounds):
            n_telling = _N_TELLING if len(story.rounds) <= _FEW_ROUNDS else 1
            yield from _round(story.rounds[number], story, n_telling, width)
        yield from _end(story, width)
    if story.trouble:
        yield from _section("Trouble")
        for sentence in story.trouble[-_N_SHOWN_TROUBLE:]:
            yield from _wrapped(sentence, width, "  - ")
        if len(story.trouble) > _N_SHOWN_TROUBLE:
            yield f"  and {len(story.trouble) - _N_SHOWN_TROUBLE} before these; the trace has them all: {story.path}"
    if story.state in ("interrupted", "failed"):
        yield ""
        yield f"Go on with it: agent resume {run_id}"


def _section(title: str) -> list[str]:
    return ["", title, "-" * len(title)]


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        one_line(text),
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_on_hyphens=False,
    )


def _head(run_id: str, story: Story) -> Iterator[str]:
    started = story.started
    target = f"{started.model}/{started.neuron}" if started else story.path.parent.name
    verdict = story.result.get("verdict")
    yield f"{target}  {story.state}{f': {verdict}' if verdict else ''}"
    yield f"  run {run_id}"
    if not started:
        return
    names = [f"{key} {started.config[key]}" for key in ("variant", "explainer", "simulator") if key in started.config]
    yield "  " + ", ".join([*names, f"seed {started.seed}", f"corpus {started.corpus.name}"])
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


def _explanation(story: Story, width: int) -> Iterator[str]:
    result = story.result
    if not result:
        return
    yield from _section("Explanation")
    yield from _wrapped(str(result.get("explanation") or "none"), width)
    score = result.get("score") or {}
    yield f"  {'score':<18} {score_text(score)}{_how(score)}"
    yield f"  {'development':<18} {score_text(result.get('development_score'))}"
    for name, baseline in (result.get("baselines") or {}).items():
        gain = (result.get("gains") or {}).get(name) or {}
        more = f"   the explanation's gain over it: {score_text(gain)}" if gain.get("value") is not None else ""
        yield f"  {name:<18} {score_text(baseline)}{more}"


def _how(score: dict[str, Any]) -> str:
    if score.get("value") is None:
        return ""
    parts = [str(score[key]) for key in ("split", "protocol") if key in score]
    if "n_excerpts" in score:
        parts.append(f"{score['n_excerpts']} excerpts")
    if score.get("n_unscored"):
        parts.append(f"{score['n_unscored']} unscored")
    if score.get("sealed_reused"):
        parts.append("sealed reused")
    return f"  ({', '.join(parts)})" if parts else ""


def _rivals(story: Story, width: int) -> Iterator[str]:
    if not story.hypotheses:
        return
    yield from _section("Rivals")
    ranked = sorted(story.hypotheses, key=lambda h: (-story.beliefs.get(h, 0.0), h))
    for name in ranked[:_N_SHOWN_RIVALS]:
        proposed = story.hypotheses[name]
        belief = f"belief {story.beliefs[name]:.2f}" if name in story.beliefs else "belief none"
        development = story.scores.get((name, "development"))
        score = f", development {score_text(development)}" if development else ""
        parent = f", revises {proposed.parent}" if proposed.parent else ""
        yield f"  {name} ({proposed.form}{parent}): {belief}{score}, {_fate(name, story)}"
        yield "      " + shorten(proposed.sentence, max(20, width - 6))
    if len(ranked) > _N_SHOWN_RIVALS:
        yield f"  and {len(ranked) - _N_SHOWN_RIVALS} more with less belief"


def _fate(name: str, story: Story) -> str:
    if name in story.dropped:
        return f"dropped: {one_line(story.dropped[name])}"
    sentence = story.hypotheses[name].sentence
    if story.result and story.result.get("explanation") == sentence:
        return "won"
    for rival in story.result.get("rivals", []):
        if rival.get("explanation") == sentence:
            return str(rival.get("status", "survived"))
    return "lost" if story.result else "in the running"


def _round(this: Round, story: Story, n_telling: int, width: int) -> Iterator[str]:
    if not this.experiments and not this.decisions:
        return
    tests = list(this.experiments.values())
    is_fixed = bool(tests) and all(trial.experiment.generator == "fixed_probe" for trial in tests)
    yield from _section("Fixed probe set" if is_fixed else f"Round {this.number}")
    if tests:
        generators = Counter(trial.experiment.generator for trial in tests)
        read = [trial for trial in tests if trial.fired is not None]
        listed = ", ".join(f"{name} {n}" for name, n in generators.most_common())
        yield f"  {len(tests)} experiments ({listed}); {len(read)} read, {sum(bool(t.fired) for t in read)} fired"
        telling = sorted((t for t in read if t.predicted), key=lambda t: -round(t.disagreement, 6))[:n_telling]
        for trial in telling:
            yield from _trial(trial, story, width)
    if this.beliefs:
        most = sorted(this.beliefs, key=lambda h: (-this.beliefs[h], h))[:_N_SHOWN_PREDICTIONS]
        yield "  belief after: " + ", ".join(f"{name} {this.beliefs[name]:.2f}" for name in most)
    for decided in this.decisions:
        about = f" {decided.hypothesis}" if decided.hypothesis else ""
        yield from _wrapped(f"{decided.action}{about}: {decided.reason}", width, "  > ")


def _trial(trial: Trial, story: Story, width: int) -> Iterator[str]:
    outcome = "fired" if trial.fired else "silent"
    yield f"  {trial.experiment.generator}: {_marked(trial.experiment)}"
    most = sorted(trial.predicted, key=lambda h: (-story.beliefs.get(h, 0.0), h))[:_N_SHOWN_PREDICTIONS]
    predicted = ", ".join(f"{h} {trial.predicted[h]:.2f}{' WRONG' if trial.was_wrong(h) else ''}" for h in most)
    yield from _wrapped(f"read {trial.value:.3f}, {outcome}; predicted {predicted}", width, "      ")


def _marked(experiment: Any) -> str:
    """The experiment's text on one line, the token that counts between guillemets, cut around it."""
    if experiment.position is None or not 0 <= experiment.position < len(experiment.tokens):
        return shorten(experiment.text, 2 * _CONTEXT_CHARACTERS)
    at = experiment.position
    before = visible("".join(experiment.tokens[:at]))
    after = visible("".join(experiment.tokens[at + 1 :]))
    if len(before) > _CONTEXT_CHARACTERS:
        before = "…" + before[-_CONTEXT_CHARACTERS:]
    if len(after) > _CONTEXT_CHARACTERS // 2:
        after = after[: _CONTEXT_CHARACTERS // 2] + "…"
    return f"{before}«{visible(experiment.tokens[at])}»{after}"


def _end(story: Story, width: int) -> Iterator[str]:
    if story.stop_reason or story.opened or story.confirmed:
        yield from _section("End")
    if story.stop_reason:
        yield from _wrapped(f"stopped: {story.stop_reason}", width)
    if story.opened:
        again = "; it had been used before" if story.opened.reused else ""
        yield f"  sealed fold {story.opened.fold}, opening {story.opened.opening} for this neuron and corpus{again}"
    if story.result.get("probe_skill"):
        yield from _wrapped(f"probe skill: {_confirmed_text(story.result['probe_skill'])}", width)
    yield from _final_scores(story, width)
    if causal := story.result.get("causal"):
        yield from _section("Causal evidence")
        for sentence in (*causal_lines(causal), *causal_details(causal)):
            yield from _wrapped(sentence, width)
    if story.calls:
        yield from _section("Cost")
        tools = Counter(call.tool for call in story.calls)
        yield f"  budget {_budget(story)}; " + ", ".join(f"{name} {n}" for name, n in tools.most_common())
        texts, tokens = sum(c.texts for c in story.calls), sum(c.subject_tokens for c in story.calls)
        seconds = sum(c.seconds for c in story.calls)
        yield f"  {texts:,} texts, {tokens:,} subject tokens, {seconds:.1f} s in tools"
        yield from _llm_calls(story)


def _llm_calls(story: Story) -> Iterator[str]:
    """What LLMs were asked, by role, and why some gave nothing."""
    asked = [call for event in story.calls for call in event.llm]
    if not asked:
        return
    tokens = sum(call.input_tokens + call.output_tokens for call in asked)
    known = [call.usd for call in asked if call.usd is not None]
    yield f"  {cost_text(Cost(tokens=tokens, usd=sum(known) if len(known) == len(asked) else None))}"
    for role in dict.fromkeys(call.role for call in asked):
        own = [call for call in asked if call.role == role]
        spent = sum(call.input_tokens + call.output_tokens for call in own)
        n_failed = sum(call.reply is None for call in own)
        failed = f", {n_failed} without a reply" if n_failed else ""
        models = ", ".join(sorted({call.model for call in own}))
        yield f"  {role}: {len(own):,} calls of {models}, {spent:,} tokens{failed}"
    reasons = Counter(one_line(call.error) for call in asked if call.error)
    for reason, n in reasons.most_common(_N_SHOWN_REASONS):
        yield f"    {n} x {shorten(reason, 100)}"


def _final_scores(story: Story, width: int) -> Iterator[str]:
    for name, value in story.confirmed.items():
        if name not in TABULATED and value not in (None, []):
            yield from _wrapped(f"{name}: {_confirmed_text(value)}", width)
    steps: dict[str, int] = {}
    for step in story.result.get("anytime") or []:
        steps.setdefault(score_text(step["sealed"]), step["used"])
    if steps:
        told = ", ".join(f"{score} from {used} on" for score, used in steps.items())
        yield from _wrapped(f"sealed score of who led, by units of budget used: {told}", width)
    if previous := story.confirmed.get("previous"):
        yield from _wrapped(f"an earlier run's explanation on this fold: {score_text(previous)}", width)
    if table := score_table(story.confirmed, width):
        yield from _section("Scores on sealed text")
        yield from table
        for line in missing_scores(story.confirmed):
            yield from _wrapped(line, width)


def _confirmed_text(value: Any) -> str:
    if isinstance(value, dict):
        return (
            score_text(value) + _how(value)
            if "value" in value
            else ", ".join(f"{key} {_confirmed_text(item)}" for key, item in value.items())
        )
    if isinstance(value, list):
        return "; ".join(_confirmed_text(item) for item in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
