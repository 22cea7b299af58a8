"""The node `confirm`: scores the winner on a sealed fold beside the baselines, and gives the verdict."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from agent.graph import policy
from agent.graph.nodes.meanings import meanings_of
from agent.graph.nodes.predictions import score_predictions
from agent.graph.nodes.twins import read_finalists
from agent.graph.state import BASE_RATE, PERSON, Context, Investigation, LoopState
from agent.graph.verdict import Findings, tests_by_kind
from agent.graph.verdict import verdict as verdict_on
from tools.catalogue.confirmation import Confirm, Confirmation
from tools.catalogue.detection import Ask, DetectionScores
from tools.catalogue.examples import ShowExamples, ShownExamples
from tools.catalogue.null import Null, NullChoice
from tools.llm.meter import null_share
from tools.readable.label import label_of
from tools.records.hypothesis import Hypothesis
from tools.records.predictions import PredictionScores, RegisteredPredictions
from tools.records.result import (
    AnytimePoint,
    Baselines,
    Budget,
    Corpus,
    EarlierExplanation,
    LLMAccuracies,
    Measured,
    PartialResult,
    Predictor,
    Result,
    Rival,
    ScoreValue,
    Unscored,
    Verdict,
)
from tools.rules.language import n_words
from traces.events.kinds import Confirmed, Decided, SealedOpened, Stage


def confirm(state: LoopState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Open one sealed fold and score the winner once, beside the baselines and a null matched in tries."""
    run = Investigation.at(state, runtime.context)
    run.trace.emit(Stage(stage="confirm", round=run.round))
    run.may_spend(null_share(run.config.max_tokens))
    read_finalists(run)
    winner = run.note_leader()
    if winner.name != BASE_RATE:
        reason = policy.why_it_leads(run.contenders(), winner.name)
        run.trace.emit(Decided(action="win", reason=reason, hypothesis=winner.name, round=run.round))
    predicted = score_predictions(run, run.round + 1)
    own = predicted.get(winner.name, {})
    why_not = (
        "fires in too few probe texts for a fixed probe set" if winner.table else "has no explanation to predict by"
    )
    not_predicted = Unscored(reason=f"the neuron {why_not}")
    found = meanings_of(run, winner)
    null: NullChoice = run.toolbox.call("null", Null(n=run.null_tries(winner)))
    run.may_spend(1.0)
    opening = run.folds.next_fold(
        run.study.subject.fingerprint,
        str(run.study.evidence.neuron),
        run.study.scan.corpus.fingerprint,
        run.study.evidence.sealed.n_folds,
        run.run_id,
        run.config.sealed_fold,
    )
    before = run.folds.explanation_before(
        run.study.subject.fingerprint,
        str(run.study.evidence.neuron),
        run.study.scan.corpus.fingerprint,
        opening.number,
    )
    run.openings.count(opening.fold, opening.number)
    run.trace.emit(SealedOpened(fold=opening.fold, opening=opening.number, reused=opening.reused))
    led = list(dict.fromkeys(run.hypotheses[lead.hypothesis].sentence for lead in run.leaders))
    final: Confirmation = run.toolbox.call(
        "confirm",
        Confirm(
            sentence=winner.sentence,
            null=null.sentence,
            predictor=run.predictor.sentence if run.predictor else None,
            previous=before[1] if before else None,
            leaders=led,
            fold=opening.fold,
        ),
    )
    run.trace.emit(Confirmed(scores=final.model_dump(mode="json", exclude={"shown"})))
    asked: DetectionScores | None = None
    # What the lexical reader understands it detects and fuzzes itself, in the panel: an LLM's answers change nothing.
    if run.study.detector is not None and run.config.judged and not run.study.simulations.is_exact(winner.sentence):
        asked = run.toolbox.call("ask_llm", Ask(sentence=winner.sentence, fold=opening.fold, n=run.config.judged))
    tests = tests_by_kind(winner)
    listed = run.study.lookup_sentence
    verdict, why = verdict_on(
        Findings(
            final.score,
            final.gains,
            final.baselines.token_lookup_full,
            tests,
            has_explanation=winner.name != BASE_RATE,
            words=n_words(winner.sentence),
            lookup_words=n_words(listed) if listed else None,
            meanings=found,
        )
    )
    shown: ShownExamples = run.toolbox.call("examples", ShowExamples())
    previous, gap = None, None
    if before and final.previous:  # another run's explanation, on a fold that neither had seen
        previous = EarlierExplanation(run_id=before[0], explanation=before[1], score=final.previous)
    if isinstance(final.score, ScoreValue) and isinstance(winner.score, ScoreValue):
        gap = round(winner.score.value - final.score.value, 6)
    details = PartialResult(
        examples=shown.examples,
        predictor=_predictor(run, final),
        openai_top_random=final.openai_top_random,
        random_only=final.random_only,
        gains=final.gains,
        scores=final.scores,
        sealed_fold=opening.fold,
        sealed_opening=opening.number,
        sealed_reused=opening.reused,
        null_tries=null.n_scored,
        null_from={str(source): n for source, n in null.sources.items()},
        null_by_twins=null.by_twins,
        probe_skill=own["probe"].skill if "probe" in own else not_predicted,
        registered=RegisteredPredictions(
            chosen=[(p.probability, p.fired) for p in winner.record.chosen],
            probe=[(p.probability, p.fired) for p in winner.record.probe],
        ),
        predictions=own,
        anytime=_anytime(run, dict(zip(led, final.leaders, strict=True))),
        tests=dict(tests.items()),
        asked=LLMAccuracies(detection=asked.detection, fuzzing=asked.fuzzing) if asked else None,
        meanings=found if len(found) > 1 else None,
        previous=previous,
        optimism_gap=gap,
    )
    explanation = None if winner.name == BASE_RATE else winner
    result = _result(run, verdict, why, explanation, final.score, final.baselines, details, predicted)
    return run.update(result=result)


def _predictor(run: Investigation, final: Confirmation) -> Predictor | None:
    if run.predictor is None or run.predictor.sentence is None or final.predictor is None:
        return None
    return Predictor(
        sentence=run.predictor.sentence, score=final.predictor, development_score=run.predictor.development
    )


def _anytime(run: Investigation, sealed: dict[str, ScoreValue | Unscored]) -> list[AnytimePoint]:
    """What the run would have scored had it stopped at each budget: the last leader at that many units."""
    at = {lead.used: run.hypotheses[lead.hypothesis] for lead in run.leaders}
    return [AnytimePoint(used=used, development=h.score, sealed=sealed[h.sentence]) for used, h in sorted(at.items())]


def conclude(state: LoopState, runtime: Runtime[Context]) -> dict[str, Any]:
    """The verdict on a neuron that never fires: there is nothing to score."""
    nothing = Unscored(reason="the neuron is dead: it never goes above theta on this corpus")
    baselines = Baselines(token_lookup_30=nothing, token_lookup_full=nothing, null=nothing)
    run = Investigation.at(state, runtime.context)
    why = "the neuron never goes above theta on any split"
    return run.update(result=_result(run, "dead", why, None, nothing, baselines, PartialResult(), {}))


def _result(
    run: Investigation, verdict: Verdict, why: str, winner: Hypothesis | None, score: Measured,
    baselines: Baselines, details: PartialResult, predicted: dict[str, dict[str, PredictionScores]],
) -> Result:  # fmt: skip
    assert run.stop is not None, "the search has not ended"
    corpus = run.study.scan.corpus
    language = run.study.lexical.language if run.study.lexical is not None else None
    result = Result(
        run_id=run.run_id,
        model=run.study.subject.name,
        model_fingerprint=run.study.subject.fingerprint,
        neuron=str(run.study.evidence.neuron),
        verdict=verdict,
        label=(winner.label or label_of(winner.sentence, language)) if winner else None,
        explanation=winner.sentence if winner else None,
        reader=run.study.simulations.reader_of(winner.sentence) if winner else None,
        stop_reason=run.stop,
        score=score,
        development_score=winner.score if winner else Unscored(reason="there is no explanation to score"),
        baselines=baselines,
        budget=Budget(limit=run.limit, used=run.toolbox.used),
        seconds=0,
        rivals=[
            Rival(
                explanation=h.sentence,
                score=h.score,
                status="winner" if h is winner else "survived" if h.status == "competing" else h.status,
                name=h.name,
                form=h.form,
                predictions=predicted.get(h.name, {}),
                origin=h.origin if h.origin == PERSON else None,
            )
            for h in run.hypotheses.values()
        ],
        explainer=run.study.explainer.name,
        simulator=run.study.simulations.simulator_of(winner.sentence if winner else None),
        variant=run.config.variant,
        seed=run.config.seed,
        corpus=Corpus(name=corpus.name, fingerprint=corpus.fingerprint),
        trace=run.trace_name,
    )
    reader = result.reader or ""
    more = PartialResult(
        reads_its_own=winner is not None and reader.partition(" (")[0] == winner.by,
        reason=why,
        words=n_words(winner.sentence) if winner else 0,
        theta=run.theta,
        status=run.study.evidence.status,
        n_tokens=corpus.n_tokens,
        tool_calls=run.toolbox.n_calls,
        always_on=run.always_on,
        other_side=run.other_side,
        written_by=(winner.by or PERSON) if winner and (winner.by or winner.origin == PERSON) else None,
    )
    return result.with_more(more).with_more(details)
