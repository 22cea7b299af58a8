"""Plans a batch: its model, its neurons, and the settings of each one's run. Nothing is written.

Neurons that were selected for a low score are run again with the model, corpus and index of the earlier run. The
earlier explanation is then scored again too, on a sealed fold that neither run has seen. Comparing a new score with
the low one that got the neuron selected would mistake regression to the mean for a gain.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.batch.select import Chosen, Criteria, Line, choose, read_lines
from agent.setup.config import RunConfig
from agent.setup.llms import settled
from agent.setup.resources import Resources
from agent.setup.subjects import Subject
from tools.embedded import EmbeddedReader
from tools.errors import BadInput, NotAvailable, StorageError
from tools.evidence.splits.excerpt_cuts import excerpt_width
from tools.evidence.texts.corpus import check_rereadable
from tools.readable import contract
from tools.records.result import Unscored
from tools.subject.fetch import cached_folder
from tools.subject.names import is_hub_name, short_name
from traces.database.batches import Entry
from traces.database.models import distinct, is_same, told_apart
from traces.database.results import ResultsDatabase
from traces.database.rows import ResultRow
from traces.database.selection import Selection
from traces.events.runs import RunFolder
from traces.text.console import Display

_TEXTS = ("corpus", "corpus_tokens", "index")


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        asked: how neurons are chosen.
        config: the settings of every run; its target is not used.
        takes_texts: use the corpus and index of `config` even where a neuron's earlier run had others.
        runs_dir: the folder of all runs.
    """

    asked: Criteria
    config: RunConfig
    takes_texts: bool
    runs_dir: Path


@dataclass(frozen=True)
class Plan:
    """A batch that is not begun.

    Attributes:
        model: the subject model's name.
        fingerprint: the subject model's.
        config: of every run, with the model settled.
        entries: the neurons, by layer and index, with what each one's settings say otherwise.
        left_out: what could not be used, and why.
        notes: what should be known before it begins.
    """

    model: str
    fingerprint: str
    config: RunConfig
    entries: list[Entry]
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_plan(request: Request, display: Display, resources: Resources, may_fetch: bool = True) -> Plan:
    """Choose the neurons and say how each is to be run.

    Raises:
        BadInput: an option, a line or a published file cannot be used, or nothing is selected.
        NotAvailable: the model is not here, and cannot or may not be fetched.
        StorageError: the results database cannot be used.
    """
    asked, config = request.asked, settled(request.config)
    lines, bad = read_lines(asked.neurons) if asked.neurons is not None else ([], [])
    rows: list[ResultRow] = []
    if asked.by_score and asked.published is None:
        rows = ResultsDatabase(request.runs_dir).select(Selection(below=asked.below, latest=True))
        rows = [row for row in rows if row.score is not None and (asked.layers is None or row.layer in asked.layers)]
    config = _with_model(config, asked, lines, rows, request.runs_dir)
    if not may_fetch and is_hub_name(config.model) and not _is_here(config.model):
        raise NotAvailable(f"{config.model} is not on this machine: `agent fetch {config.model}` gets it.")
    subject = resources.subject(config.model, config.planted, display, config.trust_remote_code)
    excerpt_width(subject)  # checked here: otherwise every neuron would fail with the same error
    if config.model == "auto":
        config = config.model_copy(update={"model": subject.name})
    rows = _of_this_model(rows, subject)
    chosen, left_out = choose(asked, subject, config.model, lines, bad, rows, config.seed)
    plan = Plan(subject.name, subject.fingerprint, config, [], left_out)
    judge = _Rivals(resources.reader(subject, config.concepts), config) if asked.published is not None else None
    unlike = Counter[str]()
    for one in chosen:
        about, settings = _about(one, judge, config), {}
        if one.earlier is not None and not request.takes_texts:
            try:
                settings = _texts_of(one.earlier, request.runs_dir, subject)
            except (BadInput, StorageError) as error:
                unlike[str(error)] += 1
        if "rival" in about:
            settings["rivals"] = [*config.rivals, about["rival"]]
        neuron = one.neuron
        plan.entries.append(Entry(str(neuron), neuron.layer, neuron.index, settings, about))
    for why, n in unlike.most_common():
        plan.notes.append(f"{n} of the neurons use this command's corpus, not the earlier run's: {why}")
    kept = Counter(entry.about["does_not_compete"] for entry in plan.entries if "does_not_compete" in entry.about)
    for why, n in kept.most_common(5):
        plan.notes.append(f"{n} published explanations are kept and do not compete: {why}")
    is_used = any("index" not in entry.settings for entry in plan.entries)
    if is_used and config.index == "auto" and not config.corpus_tokens and not config.planted:
        # settled once: an index that is built meanwhile would give later neurons other text
        index = resources.auto_index(subject, config.corpus)
        settled_index = str(index[0].folder.resolve()) if index else "none"
        plan = replace(plan, config=config.model_copy(update={"index": settled_index}))
    return plan


def _with_model(
    config: RunConfig, asked: Criteria, lines: list[Line], rows: list[ResultRow], runs_dir: Path
) -> RunConfig:
    """The config with the model that the selection itself names, if none was typed."""
    if config.model != "auto":
        return config
    named = sorted({short_name(line.model) for line in lines if line.model is not None})
    called = told_apart(row.of_model for row in rows)
    # which of several planted ones is meant, what is planted says
    models = distinct((row.model, None) if config.planted else row.of_model for row in rows)
    if not named and models:
        if len(models) > 1:
            one = [row for row in rows if models[0] in (row.model, called[row.of_model])]
            raise BadInput(
                f"the results are of the models {' and '.join(models)}, and a batch has one: "
                f"choose with --model {_any_config_of(one, runs_dir).get('model', models[0])}."
            )
        earlier = _any_config_of(rows, runs_dir)
        planted = config.planted or tuple(earlier.get("planted", ()))
        return config.model_copy(update={"model": earlier.get("model", rows[0].model), "planted": planted})
    if len(named) > 1:
        raise BadInput(f"{asked.neurons} names the models {' and '.join(named)}, and a batch has one: split the file.")
    if not named and asked.by_score and asked.published is None:
        below = "" if asked.below is None else f" below {asked.below}"
        raise BadInput(f"there is no result{below} in {runs_dir}: nothing is selected.")
    if not named and asked.published is not None:
        raise BadInput(f"which model are the explanations in {asked.published} about? Give --model.")
    return config.model_copy(update={"model": named[0]}) if named else config


def _of_this_model(rows: list[ResultRow], subject: Subject) -> list[ResultRow]:
    found = [row for row in rows if is_same(row.of_model, (subject.name, subject.fingerprint))]
    if not found and any(row.model == subject.name for row in rows):
        raise BadInput(
            f"the results are of another model of the name {subject.name} than the one that is here, which has other "
            "weights: give its folder with --model, or choose neurons in another way."
        )
    return found


def _is_here(model: str) -> bool:
    return model in ("auto", "mini") or Path(os.path.expanduser(model)).is_dir() or cached_folder(model) is not None


def _config_of(row: ResultRow, runs_dir: Path) -> dict[str, Any]:
    manifest = RunFolder(runs_dir / row.run_id).manifest()
    config = manifest.get("config")
    if not isinstance(config, dict):
        raise StorageError(f"{runs_dir / row.run_id / 'run.json'} is damaged: it has no config.")
    return config


def _any_config_of(rows: list[ResultRow], runs_dir: Path) -> dict[str, Any]:
    """The config of the latest run that still exists; empty if all were deleted."""
    for row in reversed(rows):
        with suppress(StorageError):
            return _config_of(row, runs_dir)
    return {}


def _texts_of(row: ResultRow, runs_dir: Path, subject: Subject) -> dict[str, Any]:
    """The corpus and the index that the earlier run used."""
    model = RunFolder(runs_dir / row.run_id).recorded().model
    if model is None or model.fingerprint != subject.fingerprint:
        raise BadInput(f"the weights of {subject.name} are not those of the earlier run.")
    config = {"index": "none"} | _config_of(row, runs_dir)  # a run without this setting is older than indexes
    check_rereadable(config.get("corpus"))
    return {name: config.get(name) for name in _TEXTS}


def _about(one: Chosen, judge: _Rivals | None, config: RunConfig) -> dict[str, Any]:
    """Why a neuron was chosen, for the record."""
    about: dict[str, Any] = {}
    if one.earlier is not None:
        about["earlier"] = {
            name: getattr(one.earlier, name) for name in ("run_id", "score", "low", "high", "explanation", "corpus")
        }
    if one.published is not None and judge is not None:
        sentence = one.published.explanation.strip()
        about["published"] = {"explanation": sentence, "score": one.published.score, "path": str(one.published.path)}
        refused = judge.why_not(sentence)
        about |= {"rival": sentence} if refused is None else {"does_not_compete": refused}
    return about


class _Rivals:
    """Which published explanations may compete; the neuron's study checks again when its run begins."""

    def __init__(self, reader: EmbeddedReader, config: RunConfig) -> None:
        self._reader, self._reads_words = reader, config.simulator_llm is not None

    def why_not(self, sentence: str) -> str | None:
        """Why an explanation may not compete: it cannot be simulated, or is too long; None if it may."""
        levels = self._reader.simulate(sentence, np.zeros((1, 1), dtype=np.int32))
        if isinstance(levels, Unscored) and not self._reads_words:
            return "an explanation in free text needs --simulator openai:MODEL."
        refused = contract.why_not(sentence)
        return None if refused is None else f"{refused}."
