"""The Python API, for a notebook and for the command line alike. Everything returns typed records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.graph.steering import Person
from agent.setup.activations import TextActivations
from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from agent.setup.settings import configured, llm_settings
from tools.catalogue.scores import PROTOCOL, correlated, score_value
from tools.concepts.concepts import Concepts
from tools.concepts.enrichment import Enriched, counted, enriched
from tools.embedded import EmbeddedReader
from tools.errors import BadInput
from tools.readable import contract
from tools.records.neuron import NeuronId
from tools.records.result import Cost, Interval, Result, ScoreValue, Unscored
from tools.study.study import Study
from traces.events.runs import RunFolder
from traces.events.store import Trace
from traces.events.store import load_trace as load_events
from traces.text.console import Display, QuietDisplay


@dataclass(frozen=True)
class TopExcerpts:
    """The excerpts of explore text on which a neuron's largest value is highest, best first.

    `theta` is the raw value above which the neuron fires; `status` is firing, sparse or dead.
    """

    model: str
    corpus: str
    neuron: NeuronId
    theta: float
    status: str
    excerpts: list[TextActivations]


@dataclass(frozen=True)
class SentenceScore:
    """A person's own sentence, scored on development text; `gain` is over the 30-token lookup on the same excerpts.

    `simulator` read the sentence; `cost` is what its LLM calls cost.
    """

    model: str
    corpus: str
    neuron: NeuronId
    sentence: str
    score: ScoreValue | Unscored
    token_lookup_30: ScoreValue | Unscored
    gain: Interval | None
    simulator: str
    cost: Cost


def explain(
    target: str,
    *,
    model: str = "auto",
    trust_remote_code: bool = False,
    corpus: str | None = None,
    corpus_tokens: int | None = None,
    index: str = "auto",
    budget: int | None = None,
    max_seconds: float | None = None,
    seed: int = 0,
    rivals: Sequence[str] = (),
    variant: str = "tournament",
    planted: Sequence[str] = (),
    concepts: str | Path | None = None,
    explainer: str | None = None,
    simulator: str | None = None,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    llm: Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    display: Display | None = None,
    person: Person | None = None,
) -> Result:
    """Explain one neuron; see `agent explain --help` for the arguments.

    Args:
        target: such as `L5N131` or `gpt2-xl/L5N131`.
        model: used when the target names none.
        trust_remote_code: let Python code that the model's folder brings run, with your rights.
        corpus: a file, a folder, `-` for standard input, a dataset (see `tools.evidence.texts.corpus.load_texts`); None
            for the model's default.
        corpus_tokens: read at most this many tokens of it; None for a default by the size of the model.
        index: the activation index to take evidence from: a folder, `none`, or `auto` for the one in the cache.
        budget: units of the toolbox, at least 1; None for the variant's, which is 20 unless it says otherwise.
        max_seconds: time for tool calls; None for the variant's, which is no limit unless it says otherwise.
        seed: same seed, same trace.
        rivals: your own explanations, which compete with the explainer's; free text needs a simulator.
        variant: a shipped variant or a file with one; its settings come after the arguments given here.
        planted: functions of text, `module:function`, served as neurons L0N0, L0N1, ... on top of the model.
        concepts: a file with your own classes (see `tools.concepts.class_definitions`); None for the variant's, if any.
        explainer: `rules` or `openai:MODEL`; None for the variant's.
        simulator: `openai:MODEL`, which simulates explanations in free text; None for the explainer if that is an LLM.
        max_tokens: of all LLM calls, in and out; None for the variant's, which is no limit unless it says otherwise.
        max_usd: US dollars for all LLM calls; None likewise.
        llm: settings of the run that are about LLMs, by their names in `agent.setup.config.RunConfig` (`simulation`,
            `simulated_excerpts`, `excerpts_per_call`) or in `tools.llm.settings.LLMSettings` (`url` and others).
        runs_dir: where the run's folder goes.
        display: shows progress; None shows nothing.
        person: may step in before experiments and before the confirmation, see `agent.graph.steering`; None for nobody.

    Raises:
        BadInput, NotAvailable, LLMNotAvailable, StorageError, Interrupted: see `tools.errors`.
    """
    config = configured(
        target, model=model, trust_remote_code=trust_remote_code, corpus=corpus, corpus_tokens=corpus_tokens,
        index=index, budget=budget,
        max_seconds=max_seconds, seed=seed, rivals=rivals, variant=variant, planted=planted, concepts=concepts,
        explainer=explainer,
        simulator=simulator, max_tokens=max_tokens, max_usd=max_usd, llm=llm,
    )  # fmt: skip
    from agent.run.runner import start_run  # LangGraph takes half a second that reading does not need

    return start_run(config, Path(runs_dir), display or QuietDisplay(), person=person)


def resume(
    run: str, *, runs_dir: str | Path = "runs", display: Display | None = None, person: Person | None = None
) -> Result:
    """Resume an interrupted run. It ends as it would have without the interruption, and repeats no recorded call.

    `person` may step in, as in `explain`; a run that was paused for a person needs one.
    """
    from agent.run.runner import resume_run

    return resume_run(run, Path(runs_dir), display or QuietDisplay(), person=person)


def top(
    target: str,
    n: int = 10,
    *,
    model: str = "auto",
    trust_remote_code: bool = False,
    corpus: str | None = None,
    corpus_tokens: int | None = None,
    index: str = "auto",
    display: Display | None = None,
) -> TopExcerpts:
    """The `n` top-activating excerpts of explore text."""
    if n < 1:
        raise BadInput(f"the number of excerpts must be at least 1, not {n}.")
    config = RunConfig.checked(
        target=target, model=model, trust_remote_code=trust_remote_code, corpus=corpus, corpus_tokens=corpus_tokens,
        index=index,
    )  # fmt: skip
    study = _open(config, display or QuietDisplay(), silences_of_always_on=False)
    explore = study.evidence.explore
    order = np.argsort(-explore.values.max(1), kind="stable")[:n]
    strings = study.vocabulary.strings

    def reading(row: int) -> TextActivations:
        length = int(explore.excerpts.lengths[row])
        tokens: NDArray[np.int32] = explore.excerpts.tokens[row, :length]
        return TextActivations(
            study.subject.name,
            study.evidence.neuron,
            [strings[t] for t in tokens],
            [float(v) for v in explore.values[row, :length]],
        )

    return TopExcerpts(
        study.subject.name, study.scan.corpus.name, study.evidence.neuron, study.evidence.theta, study.evidence.status,
        [reading(int(row)) for row in order],
    )  # fmt: skip


@dataclass(frozen=True)
class FiringClasses:
    """The word classes that best predict where a neuron fires, best first; `rate` is the share of words it fires on.

    They were picked on one half of explore text, and what is told of them is from the other; `theta` as in
    `TopExcerpts`.
    """

    model: str
    corpus: str
    neuron: NeuronId
    theta: float
    rate: float
    classes: list[Enriched]


def firing_classes(
    target: str,
    n: int = 12,
    *,
    model: str = "auto",
    trust_remote_code: bool = False,
    corpus: str | None = None,
    corpus_tokens: int | None = None,
    index: str = "auto",
    concepts: str | Path | None = None,
    display: Display | None = None,
) -> FiringClasses:
    """The `n` word classes that best predict where a neuron fires; `concepts` is a file with your own classes."""
    known = Concepts.load(None if concepts is None else Path(concepts))  # what is wrong should be said first
    config = RunConfig.checked(
        target=target, model=model, trust_remote_code=trust_remote_code, corpus=corpus, corpus_tokens=corpus_tokens,
        index=index,
    )  # fmt: skip
    study = _open(config, display or QuietDisplay(), silences_of_always_on=False)
    evidence = study.evidence
    found, rate = enriched(counted(evidence.explore, evidence.theta, study.vocabulary.strings), known, n)
    return FiringClasses(
        study.subject.name, study.scan.corpus.name, evidence.neuron, evidence.theta, round(rate, 6), found
    )


def score_sentence(
    target: str,
    sentence: str,
    *,
    model: str = "auto",
    trust_remote_code: bool = False,
    corpus: str | None = None,
    corpus_tokens: int | None = None,
    index: str = "auto",
    seed: int = 0,
    simulator: str | None = None,
    max_tokens: int | None = None,
    max_usd: float | None = None,
    llm: Mapping[str, Any] | None = None,
    display: Display | None = None,
) -> SentenceScore:
    """Score an explanation on development text, beside the 30-token lookup on the same excerpts.

    The lexical reader simulates an explanation that it can parse; any other one needs a `simulator`, see `explain`.

    Raises:
        BadInput: there is no simulator, and the lexical reader does not understand the sentence, or it names what is no
            token of this model.
        LLMNotAvailable: the simulator cannot be reached.
    """
    show = display or QuietDisplay()
    settings = RunConfig.checked(
        target=target, model=model, trust_remote_code=trust_remote_code, corpus=corpus, corpus_tokens=corpus_tokens,
        index=index, seed=seed,
        simulator=simulator or "auto", max_tokens=max_tokens, max_usd=max_usd, **llm_settings(llm or {}, {}),
    )  # fmt: skip
    study = _open(settings, show)
    if study.meters is not None:
        study.meters.account.share = 1.0
    study.simulations.check_sentence(sentence)
    exact = study.simulations.is_exact(sentence)
    if exact:
        reads = study.simulations.simulator
        sentence = reads.normal(sentence) if isinstance(reads, EmbeddedReader) else sentence
    else:
        reader = study.simulations.simulator_of(sentence)
        show.note(f"The lexical reader cannot parse this explanation, so {reader} simulates it.")
    if (refused := contract.why_not(sentence)) is not None:
        show.note(f"This can be scored, but it could not be the explanation of a run: {refused}.")
    sample = study.development
    listed = study.lookup_sentence
    score = correlated(study, sentence, sample, "development", PROTOCOL)
    none: ScoreValue | Unscored = Unscored(reason="no token stands out")
    both = study.simulations.both_on(sentence, listed, sample) if listed else none
    lookup, gain = (correlated(study, listed, sample, "development", PROTOCOL) if listed else none), None
    if isinstance(both, tuple):
        own, other = (part.sample.correlation(part.levels) for part in both)
        lookup = score_value(other, both[1].sample, "development", PROTOCOL)
        gain = None if isinstance(own, Unscored) or isinstance(other, Unscored) else own.minus(other)
    return SentenceScore(
        study.subject.name, study.scan.corpus.name, study.evidence.neuron, sentence, score, lookup, gain,
        study.simulations.simulator_of(sentence), study.cost(),
    )  # fmt: skip


def _open(config: RunConfig, display: Display, silences_of_always_on: bool = True) -> Study:
    """The study for a question that leaves no trace; notes on the corpus are shown on the screen."""
    study = open_study(config, display, silences_of_always_on=silences_of_always_on)
    for note in study.scan.corpus.notes:
        display.note(note)
    return study


def load_trace(run: str, *, runs_dir: str | Path = "runs") -> Trace:
    """The events of a run, finished or not; `run` is an id, the end of one, or `last`."""
    folder = RunFolder.find(runs_dir, run)
    neurons = folder.traced()
    if not neurons:
        raise BadInput(f"the run {folder.run_id} has no trace yet.")
    return load_events(neurons[0].events)
