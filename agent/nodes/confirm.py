"""The end: the best explanation on a sealed fold beside the baselines, and what the run may claim."""

from __future__ import annotations

from typing import Any

import numpy as np
from langgraph.runtime import Runtime

from agent import policy
from agent.nodes.experiment import names_of, register
from agent.state import BASE_RATE, Hypothesis, Investigation, LoopState
from tools.catalogue.experiments import Designed, ProbeSet, Read, Values
from tools.catalogue.scores import Confirm, Confirmation, Null, NullChoice
from tools.records.result import Baselines, Budget, Corpus, Measured, Result, Rival, ScoreValue, Unscored, Verdict
from tools.rules.language import n_words
from tools.scoring.skill import probe_skill
from traces.events import Confirmed, ReadingsRevealed, SealedOpened, Stage


def confirm(state: LoopState, runtime: Runtime[Investigation]) -> None:
    """Open one sealed fold and score the winner once, beside the baselines and a null matched in tries."""
    run = runtime.context
    run.trace.emit(Stage(stage="confirm", round=state["round"]))
    winner = run.note_leader()
    skill, on_probe = probe(run, state["round"] + 1, winner)
    null: NullChoice = run.toolbox.call("null", Null(n=max(1, run.n_candidates())))
    opening = run.results.next_fold(
        run.bench.subject.fingerprint,
        str(run.bench.evidence.neuron),
        run.bench.scan.corpus.fingerprint,
        run.bench.evidence.sealed.n_folds,
        run.run_id,
        run.config.sealed_fold,
    )
    before = run.results.explanation_of_opening(
        run.bench.subject.fingerprint,
        str(run.bench.evidence.neuron),
        run.bench.scan.corpus.fingerprint,
        opening.number - 1,
    )
    run.openings.count(opening.fold, opening.number)
    run.trace.emit(SealedOpened(fold=opening.fold, opening=opening.number, reused=opening.reused))
    led = list(dict.fromkeys(h.sentence for _, h in run.leaders))
    final: Confirmation = run.toolbox.call(
        "confirm",
        Confirm(
            sentence=winner.sentence,
            null=null.sentence,
            previous=before[1] if before else None,
            leaders=led,
            fold=opening.fold,
        ),
    )
    run.trace.emit(Confirmed(scores=final.model_dump(mode="json")))
    tests = winner.tests()
    verdict, why = policy.verdict(
        final.score, final.gains, final.baselines["token_lookup_full"], tests, has_explanation=winner.name != BASE_RATE
    )
    details: dict[str, Any] = {
        **final.model_dump(mode="json", include={"openai_top_random", "random_only", "gains", "scores"}),
        "sealed_fold": opening.fold,
        "sealed_opening": opening.number,
        "sealed_reused": opening.reused,
        "null_tries": null.n_scored,
        "probe_skill": skill.model_dump(mode="json"),
        "registered": {"chosen": [list(pair) for pair in winner.predicted], "probe": [list(pair) for pair in on_probe]},
        "anytime": _anytime(run.leaders, dict(zip(led, final.leaders, strict=True))),
        "tests": {kind: {"passed": t.passed, "failed": t.failed} for kind, t in tests.items()},
    }
    if before and final.previous:  # another run's explanation, on a fold that neither had seen
        details["previous"] = {
            "run_id": before[0],
            "explanation": before[1],
            "score": final.previous.model_dump(mode="json"),
        }
    if isinstance(final.score, ScoreValue) and isinstance(winner.score, ScoreValue):
        details["optimism_gap"] = round(winner.score.value - final.score.value, 6)
    baselines = Baselines(**final.baselines)
    explanation = None if winner.name == BASE_RATE else winner
    run.result = _result(run, state, verdict, why, explanation, final.score, baselines, details)


def probe(
    run: Investigation, round_: int, winner: Hypothesis
) -> tuple[ScoreValue | Unscored, list[tuple[float, bool]]]:
    """The fixed probe set, predicted by all that compete and then read: the winner's skill, and its predictions."""
    rivals = [h for h in run.competing() if h.table]
    if winner not in rivals:
        return Unscored(reason="the explanation cannot be simulated, so it predicted nothing"), []
    designed: Designed = run.toolbox.call("design_probe_set", ProbeSet(sentences=[h.sentence for h in rivals]))
    fired: list[bool] = []
    predicted: list[float] = []
    if designed.experiments:
        register(run, round_, designed, rivals)
        read: Values = run.toolbox.call("read_probe_set", Read(texts=[e.tokens for e in designed.experiments]))
        values = [row[-1] for row in read.values]
        fired = [value > run.theta for value in values]
        names = names_of(round_, designed.experiments)
        run.trace.emit(ReadingsRevealed(round=round_, experiment_ids=names, values=values, fired=fired))
        predicted = designed.predictions[rivals.index(winner)]
    skill = probe_skill(predicted, fired, np.random.default_rng(run.config.seed))
    return skill, list(zip(predicted, fired, strict=True))


def _anytime(leaders: list[tuple[int, Hypothesis]], sealed: dict[str, ScoreValue | Unscored]) -> list[dict[str, Any]]:
    """What the run would have scored had it stopped at each budget: the last leader at that many units."""
    at = dict(leaders)
    return [
        {
            "used": used,
            "development": h.score.model_dump(mode="json"),
            "sealed": sealed[h.sentence].model_dump(mode="json"),
        }
        for used, h in sorted(at.items())
    ]


def conclude(state: LoopState, runtime: Runtime[Investigation]) -> None:
    """The verdict on a neuron that never fires: there is nothing to score."""
    nothing = Unscored(reason="the neuron is dead: it never goes above theta on this corpus")
    baselines = Baselines(token_lookup_30=nothing, token_lookup_full=nothing, null=nothing)
    run = runtime.context
    why = "the neuron never goes above theta on any split"
    run.result = _result(run, state, "dead", why, None, nothing, baselines, {})


def _result(
    run: Investigation, state: LoopState, verdict: Verdict, why: str, winner: Hypothesis | None, score: Measured,
    baselines: Baselines, details: dict[str, Any],
) -> Result:  # fmt: skip
    corpus = run.bench.scan.corpus
    result = Result(
        run_id=run.run_id,
        model=run.bench.subject.name,
        neuron=str(run.bench.evidence.neuron),
        verdict=verdict,
        explanation=winner.sentence if winner else None,
        stop_reason=state["stop"] or "error",
        score=score,
        development_score=winner.score if winner else Unscored(reason="there is no explanation to score"),
        baselines=baselines,
        budget=Budget(limit=run.config.budget, used=run.toolbox.used),
        seconds=0,
        rivals=[
            Rival.model_validate(
                {
                    "explanation": h.sentence,
                    "score": h.score,
                    "status": "winner" if h is winner else "survived" if h.status == "competing" else h.status,
                    "name": h.name,
                    "form": h.form,
                }
            )
            for h in run.hypotheses.values()
        ],
        explainer=run.bench.explainer.name,
        simulator=run.bench.simulator.name,
        variant=run.config.variant,
        seed=run.config.seed,
        corpus=Corpus(name=corpus.name, fingerprint=corpus.fingerprint),
        trace=run.trace_name,
    )
    more = {
        "reason": why,
        "words": n_words(winner.sentence) if winner else 0,
        "theta": run.theta,
        "status": run.bench.evidence.status,
        "n_tokens": corpus.n_tokens,
        "tool_calls": run.toolbox.n_calls,
        **details,
    }
    return Result.model_validate({**dict(result), **more})
