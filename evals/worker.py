"""The work of one process of an evaluation: one cell at a time, with shared models, corpora and scans."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.run.runner import resume_run, start_run
from agent.setup.config import BASELINE_EXPLAINERS, RunConfig
from agent.setup.evidence import open_study
from agent.setup.llms import settled
from agent.setup.resources import Resources
from agent.setup.subjects import Subject
from agent.setup.variants.load import Variant
from evals.folder import folder_name
from evals.function_check import check_scanned
from evals.ground_truth import named, recovery, scorer_check
from evals.records import CellError, CellResult, NeuronRecord, TriggerAndLineup
from evals.stability import save_simulation
from evals.suite_neurons import LIBRARY, Shape, SuiteNeuron
from evals.trigger_and_lineup import trigger_and_lineup
from tools.catalogue.scores import PROTOCOL, score_value
from tools.errors import Interrupted
from tools.evidence.neurons.neuron import neuron_evidence
from tools.evidence.splits.split_corpus import N_FOLDS
from tools.records.neuron import NeuronId
from tools.records.predictions import RegisteredPredictions
from tools.records.result import Baselines, Budget, Gains, Interval, Measured, Result, ScoreValue, Unscored
from tools.rules.lookup import FULL_LOOKUP
from tools.scoring.sampling import sealed_sample
from tools.study.study import Study
from tools.subject.planted import PlantedFunction, PlantedModel, planted_function
from traces.events.kinds import Failed, ToolCall
from traces.events.runs import RunFolder
from traces.events.store import load_trace
from traces.text.console import Display, QuietDisplay

CEILING = f"trees on the last 8 tokens, never below the full lookup; {PROTOCOL}"


@dataclass(frozen=True)
class Setting:
    """Shared by all cells; picklable.

    Attributes:
        suite_name: the suite.
        out: the evaluation's folder.
        model, corpus, corpus_tokens, trust_remote_code: see `RunConfig`.
        planted: functions of the suite, in the order of their neurons.
        budget: units for each run; None for each variant's own.
        ceiling: whether the ceiling of local context is measured for real neurons.
    """

    suite_name: str
    out: Path
    model: str
    planted: tuple[str, ...]
    corpus: str | None
    corpus_tokens: int | None
    budget: int | None
    ceiling: bool
    trust_remote_code: bool = False


_RESOURCES = Resources()


class _Openings:
    """Lets an evaluation read sealed text for measurements that no agent sees."""

    def record_opening(self, fold: int) -> int:
        return 0


def fingerprints(setting: Setting) -> tuple[str, str, str]:
    """The model's name, and the fingerprints of model (planted functions included) and corpus."""
    subject = _subject(setting, bool(setting.planted))
    corpus = _RESOURCES.corpus(subject, setting.corpus, setting.corpus_tokens, QuietDisplay())
    return subject.name, subject.fingerprint, corpus.fingerprint


def shape(setting: Setting) -> Shape:
    """Layers and neurons per layer of the real model, and whether they have two sides."""
    subject = _subject(setting, planted=False)
    return subject.n_layers, subject.d_mlp, subject.is_gated


def scan(setting: Setting, layer: int, planted: bool, display: Display) -> None:
    """Make sure that a layer of the planted or of the real model has been read over the corpus.

    Raises:
        BadInput: a planted function fails on one of the texts, or its values have changed.
        StorageError: the cache cannot be written.
    """
    subject = _subject(setting, planted)
    corpus = _RESOURCES.corpus(subject, setting.corpus, setting.corpus_tokens, display)
    found = _RESOURCES.scan(subject, corpus, layer, display)
    if isinstance(subject, PlantedModel):
        for index, function in enumerate(subject.functions):
            if _is_own(function.entry):
                check_scanned(
                    function, neuron_evidence(found, NeuronId(layer, index)).explore, subject.tokenizer.token_strings()
                )


def is_firing(setting: Setting, neuron: NeuronId) -> bool:
    """Whether a real neuron fires in enough documents of every split."""
    config = RunConfig.checked(
        target=str(neuron), model=setting.model, trust_remote_code=setting.trust_remote_code, corpus=setting.corpus,
        corpus_tokens=setting.corpus_tokens,
    )  # fmt: skip
    return open_study(config, QuietDisplay(), resources=_RESOURCES).evidence.status == "firing"


def survey(setting: Setting, neuron: SuiteNeuron, n_folds: int) -> NeuronRecord:
    """The measurements of a neuron that do not depend on a variant: status, ceilings on the first folds, scorer
    check.
    """
    study = open_study(_config(setting, neuron, Variant("survey"), 0, None), QuietDisplay(), _Openings(), _RESOURCES)
    check = None
    # this may be another process than the one that scanned it
    if neuron.planted is not None and _is_own(neuron.planted):
        check_scanned(planted_function(neuron.planted), study.evidence.explore, study.vocabulary.strings)
    if neuron.truth is not None:
        true, false = neuron.claim_functions()
        names = [f"{neuron.name}, false sentence {i}" for i in range(1, len(false) + 1)]
        check = scorer_check(
            study,
            (neuron.truth, named(true, f"{neuron.name}, true sentence")),
            [(claim.sentence, named(f, name)) for claim, f, name in zip(neuron.false, false, names, strict=True)],
        )
    return neuron.record(
        status=study.evidence.status, scorer=check,
        ceiling=_ceiling(study, min(n_folds, N_FOLDS)) if setting.ceiling and neuron.kind == "real" else [],
    )  # fmt: skip


def _is_own(entry: str) -> bool:
    return not entry.startswith(f"{LIBRARY}:")


def _ceiling(study: Study, n_folds: int) -> list[Measured]:
    from evals.ceiling import ceiling  # scikit-learn takes a second to import; planted neurons do not need it

    folds = [study.evidence.sealed.open(fold, study.ledger) for fold in range(n_folds)]
    samples = [sealed_sample(f, study.stratum, study.evidence.neuron, i) for i, f in enumerate(folds)]
    found = ceiling(study.evidence.explore, study.subject.embeddings(), samples, study.simulations.token_means)
    return [score_value(c, sample, "sealed", CEILING) for c, sample in zip(found, samples, strict=True)]


def run_cell(setting: Setting, neuron: SuiteNeuron, variant: Variant, seed: int, half: int | None) -> CellResult:
    """Run one variant on one neuron and measure the result. An error becomes a result with an error."""
    try:
        return _run_cell(setting, neuron, variant, seed, half)
    except Interrupted:
        raise
    except Exception as error:  # one neuron's failure is recorded; the others go on
        return failed_cell(setting.suite_name, neuron, variant, seed, half, type(error).__name__, str(error))


def failed_cell(
    suite: str, neuron: SuiteNeuron, variant: Variant, seed: int, half: int | None, kind: str, message: str
) -> CellResult:
    """The record of a failed cell."""
    nothing = Unscored(reason=f"the run failed: {kind}: {message}")
    return CellResult.model_validate(
        {
            "suite": suite, "variant": variant.name, "neuron": neuron.name, "kind": neuron.kind, "seed": seed,
            "half": half, "score": nothing, "development_score": nothing,
            "baselines": Baselines(token_lookup_30=nothing, token_lookup_full=nothing, null=nothing),
            "recovery": nothing if neuron.kind == "truth" else None, "probe_skill": nothing,
            "budget": Budget(limit=None, used=0), "error": CellError(kind=kind, message=message),
        }
    )  # fmt: skip


def _run_cell(setting: Setting, neuron: SuiteNeuron, variant: Variant, seed: int, half: int | None) -> CellResult:
    config = _config(setting, neuron, variant, seed, half)
    part = f"seed-{seed}" if half is None else f"seed-{seed}-half-{half}"
    # A folder of runs for each variant and seed: each run is the first to open its fold, whatever ran before.
    runs_dir = setting.out / "runs" / folder_name(variant.name) / part
    folder = RunFolder(runs_dir / folder_name(neuron.name))
    subject = _RESOURCES.subject(config.model, config.planted, QuietDisplay(), config.trust_remote_code)
    corpus = _RESOURCES.corpus(subject, config.corpus, config.corpus_tokens, QuietDisplay())
    result = _result(config, folder, subject.fingerprint, corpus.fingerprint)
    cell = _cell(setting, neuron, variant, half, _measured_by(config, result), folder)
    recovered: Measured | None = None
    alone: TriggerAndLineup | None = None
    true, _ = neuron.claim_functions()
    is_applied = neuron.kind != "nothing" and config.explainer not in BASELINE_EXPLAINERS
    has_truth = true is not None and cell.fold is not None
    if has_truth or (is_applied and cell.explanation is not None):
        study = open_study(config, QuietDisplay(), resources=_RESOURCES)
        # the evaluation's own questions are separate from the run's, with their own limits
        if study.meters is not None:
            study.meters.account.share = 1.0
    if is_applied and cell.explanation is not None:
        alone = trigger_and_lineup(study, cell.explanation, config.concepts, np.random.default_rng(seed))
    if true is not None and cell.fold is not None:
        recovered = recovery(study, cell.explanation, PlantedFunction(neuron.name, true), cell.fold)
    if cell.explanation is not None:
        levels = _simulated(config, subject, cell.explanation, corpus.development.tokens)
        if not isinstance(levels, Unscored):
            save_simulation(setting.out, cell.key, levels[corpus.development.mask])
    return cell.model_copy(update={"recovery": recovered, "applied": alone})


def _measured_by(config: RunConfig, result: Result) -> Result:
    """A result; for a variant that is a baseline, which never wins, its score is that of the predictor."""
    found = result.predictor
    if config.explainer not in BASELINE_EXPLAINERS or result.explanation is not None or found is None:
        return result
    gap = {}
    if isinstance(found.score, ScoreValue) and isinstance(found.development_score, ScoreValue):
        gap["optimism_gap"] = round(found.development_score.value - found.score.value, 6)
    more = {"explanation": found.sentence, "score": found.score, "development_score": found.development_score, **gap}
    return result.model_copy(update={**more, "words": len(found.sentence.split())})


def _result(config: RunConfig, folder: RunFolder, model: str, corpus: str) -> Result:
    """Run, resume a killed run, or start again if a run failed or had other settings."""
    if (folder.path / "run.json").is_file() and _can_go_on(folder, config, model, corpus):
        return resume_run(folder.run_id, folder.path.parent, QuietDisplay(), _RESOURCES)
    if folder.path.exists():
        shutil.rmtree(folder.path)
    return start_run(config, folder.path.parent, QuietDisplay(), _RESOURCES, folder.run_id)


def _can_go_on(folder: RunFolder, config: RunConfig, model: str, corpus: str) -> bool:
    manifest = folder.manifest()
    settings = settled(config).model_dump(mode="json")
    if config.model == "auto":  # a run records the model's fingerprint
        settings["model"] = manifest.get("config", {}).get("model")
    same = [manifest.get(part, {}).get("fingerprint") for part in ("model", "corpus")] == [model, corpus]
    return (
        same
        and manifest.get("config") == settings
        and not any(_has_failed(neuron.events) for neuron in folder.neurons())
    )


def _has_failed(events: Path) -> bool:
    found = load_trace(events).events if events.is_file() else []
    return bool(found) and isinstance(found[-1], Failed)


def _simulated(
    config: RunConfig, subject: Subject, sentence: str, tokens: NDArray[np.int32]
) -> NDArray[np.float32] | Unscored:
    """The simulation on all of some text; for free text that costs too much, so there is no stability."""
    if sentence == FULL_LOOKUP:
        return open_study(config, QuietDisplay(), resources=_RESOURCES).simulations.levels(sentence, tokens)
    return _RESOURCES.reader(subject, config.concepts).simulate(sentence, tokens)


def _cell(
    setting: Setting, neuron: SuiteNeuron, variant: Variant, half: int | None, result: Result, folder: RunFolder
) -> CellResult:
    scored = isinstance(result.score, ScoreValue) and isinstance(result.development_score, Interval)
    events = folder.neurons()[0].events
    paid = [call.seconds for call in load_trace(events).events if isinstance(call, ToolCall) and call.charged]
    return CellResult.model_validate(
        {
            "suite": setting.suite_name, "variant": variant.name, "neuron": neuron.name, "kind": neuron.kind,
            "seed": result.seed, "half": half, "run_id": result.run_id,
            "trace": str(events.relative_to(setting.out)), "model": result.model,
            "verdict": result.verdict, "reason": result.reason or "", "explanation": result.explanation,
            "words": result.words or 0, "stop_reason": result.stop_reason, "score": result.score,
            "development_score": result.development_score,
            "predictor": result.predictor.score if result.predictor else None, "baselines": result.baselines,
            "gains": result.gains or Gains(), "probe_skill": result.probe_skill,
            "optimism_gap": result.optimism_gap if scored else None,
            "registered": result.registered or RegisteredPredictions(), "fold": result.sealed_fold,
            "sealed_reused": result.seed >= N_FOLDS,
            "anytime": result.anytime or [], "budget": result.budget, "calls": result.tool_calls or 0,
            "seconds": round(sum(paid), 2), "cost": result.cost,
        }
    )  # fmt: skip


def _config(setting: Setting, neuron: SuiteNeuron, variant: Variant, seed: int, half: int | None) -> RunConfig:
    fixed = {} if setting.budget is None else {"budget": setting.budget}
    return variant.config(
        index="none",  # a comparison of variants needs a fixed text
        target=neuron.target, model=setting.model, trust_remote_code=setting.trust_remote_code,
        planted=setting.planted if neuron.planted else (), corpus=setting.corpus,
        corpus_tokens=setting.corpus_tokens, seed=seed, half=half, sealed_fold=seed % N_FOLDS, **fixed,
    )  # fmt: skip


def _subject(setting: Setting, planted: bool) -> Subject:
    given = setting.planted if planted else ()
    return _RESOURCES.subject(setting.model, given, QuietDisplay(), setting.trust_remote_code)
