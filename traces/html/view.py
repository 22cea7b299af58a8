"""The page of a trace as one record for its templates; each part is computed in its own module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tools.records.coverage import Claim, Count
from tools.records.effects import OutputWeights
from tools.records.gated import full_explanation, side_lines
from tools.records.predictions import Bin
from tools.records.result import Measured, PartialResult
from traces.analysis.refutations import fates, winner_of
from traces.analysis.story import Story
from traces.html import drawing, scores
from traces.html.answers import Answer, answers_of, leader_of
from traces.html.coverage import claims_of, tests_of, unused_generators
from traces.html.experiments import ShownRound, rounds_of
from traces.html.heat import Excerpts, shown_excerpts
from traces.html.rivals import Beliefs, RivalSection, beliefs_of, rivals_of
from traces.html.scores import OtherScore
from traces.text.causal import causal_details, causal_lines
from traces.text.costs import Role, ToolUse, llm_errors, roles_of, tools_of
from traces.text.finding import Finding, finding_of, null_line, own_reader
from traces.text.show import where


@dataclass(frozen=True)
class View:
    """The page of one story; the parts of it are described where they are made.

    Attributes:
        where: the option that commands need to find the run again; may be empty.
        prefix: starts every id, so that several stories fit on one page.
        result: the content of result.json, as far as it can be read.
        verdict: the verdict, or the state of a run without one.
        finding: the head of the page; None until the run has finished.
        explanation: None if there is none.
        sides: notes on a gated neuron: that it is always on, and what its other side does; a line each.
        leader: the rival with the highest belief, for a run without a result.
        winner: the hypothesis that became the explanation.
        score: on sealed text, or the reason why there is none.
        excerpts: true beside simulated activations; None if the trace has none.
        causal: the causal evidence in sentences.
        output: what the output weights say; empty if not asked.
        facts: model, corpus, program and times of the run.
        config: all settings.
    """

    story: Story
    run_id: str
    where: str
    prefix: str
    title: str
    result: PartialResult
    verdict: str
    finding: Finding | None
    explanation: str | None
    sides: list[str]
    leader: str | None
    winner: str | None
    answers: list[Answer]
    score: Measured
    scores: list[scores.ScoreRow]
    score_plot: Markup | None
    other_scores: list[OtherScore]
    rivals: list[RivalSection]
    beliefs: Beliefs
    excerpts: Excerpts | None
    tests: dict[str, Count]
    claims: list[Claim]
    unused_generators: list[str]
    rounds: list[ShownRound]
    calibration: list[tuple[str, list[Bin]]]
    calibration_plot: Markup | None
    skills: list[tuple[str, Measured, Measured, int]]
    causal: list[str]
    output: OutputWeights | None
    tools: list[ToolUse]
    roles: list[Role]
    llm_errors: list[tuple[str, int]]
    facts: list[tuple[str, str]]
    config: list[tuple[str, str]]


def view_of(story: Story, run_id: str, manifest: dict[str, Any] | None, prefix: str = "") -> View:
    """The page of a story, finished or not; `manifest` is the content of `run.json`, None if it cannot be read."""
    begun, result = story.started, story.result
    ended, excerpts = fates(story), shown_excerpts(story)
    rows, calibration, causal = scores.score_rows(result), scores.calibration(result), result.causal
    rows = rows if story.has_result else []
    return View(
        story=story,
        run_id=run_id,
        where=where(story.path),
        prefix=prefix,
        title=f"{begun.model}/{begun.neuron}" if begun else story.path.parent.name,
        result=result,
        verdict=result.verdict or story.state,
        finding=finding_of(result) if story.has_result else None,
        explanation=full_explanation(result.explanation, result.always_on is not None) if result.explanation else None,
        sides=side_lines(result.neuron, result.always_on, result.other_side),
        leader=leader_of(story),
        winner=winner_of(story),
        answers=answers_of(story, ended, excerpts),
        score=scores.sealed_score(result),
        scores=rows,
        score_plot=scores.score_plot(rows),
        other_scores=scores.other_scores(result),
        rivals=rivals_of(story, ended),
        beliefs=beliefs_of(story, ended),
        excerpts=excerpts,
        tests=tests_of(result),
        claims=claims_of(result),
        unused_generators=unused_generators(story),
        rounds=rounds_of(story),
        calibration=calibration,
        calibration_plot=drawing.calibration(calibration) if calibration else None,
        skills=scores.skills(result),
        causal=[*causal_lines(causal), *causal_details(causal)] if causal else [],
        output=story.output or (causal.output if causal else None),
        tools=tools_of(story),
        roles=roles_of(story),
        llm_errors=llm_errors(story),
        facts=list(_facts(story, run_id, manifest or {})),
        config=[(name, str(value)) for name, value in begun.config.items()] if begun else [],
    )


def _facts(story: Story, run_id: str, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    begun = story.started
    if begun is None:
        return
    yield "run", run_id
    yield "model", f"{begun.model} (weights {begun.model_fingerprint[:16]})"
    yield "corpus", f"{begun.corpus.name} ({begun.corpus.fingerprint[:16]})"
    yield "variant", begun.settings.variant or "–"
    explainer = story.result.explainer or begun.settings.explainer or "–"
    simulator = story.result.simulator or begun.settings.simulator or "–"
    yield "explainer, simulator", f"{explainer} / {simulator}"
    if told := own_reader(story.result):
        yield "reader", told
    if told := null_line(story.result):
        yield "null", told.partition(": ")[2]
    yield "seed", str(begun.seed)
    if index := manifest.get("index"):
        yield "activation index", f"{index.get('folder')} ({str(index.get('fingerprint'))[:16]})"
    yield "started", f"{begun.at}, last event {story.ended_at}"
    yield "program", f"commit {begun.commit or 'unknown'}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in begun.versions.items())
