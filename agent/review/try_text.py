"""Try a text: the neuron's activations on it, read now, beside what the run's explanation predicts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.setup.resources import Resources
from agent.setup.subjects import Subject
from tools.errors import BadInput, NotAvailable
from tools.evidence.neurons.gated import silences
from tools.records.neuron import NeuronId, parse_target
from tools.records.result import Unscored
from tools.records.scores import as_far_as_readable
from tools.scoring.calibration import probabilities
from tools.scoring.pearson import pearson
from tools.study.simulations import in_free_words
from tools.subject.fetch import cached_folder
from tools.subject.load import check_neuron
from tools.subject.names import is_hub_name
from tools.subject.protocol import SubjectModel
from tools.subject.views import ModelView, side_of
from traces.analysis.story import Story
from traces.events.recorded import ScoreResult, SentenceTable
from traces.text.console import QuietDisplay

LONGEST_TEXT = 4_000
_PATIENCE_S = 60.0
_OWN_FUNCTIONS = "evals.planted."


@dataclass(frozen=True)
class LiveToken:
    """One token of the text; None for what is unknown.

    Attributes:
        value: the neuron's raw value.
        predicted: the level as a raw value, by the line of the run.
        probability: of firing, by the calibration of the run.
    """

    text: str
    value: float
    fired: bool | None
    level: float | None
    predicted: float | None
    probability: float | None


@dataclass(frozen=True)
class Tried:
    """What came out. `notes` say what is missing and why."""

    text: str
    model: str
    neuron: str
    theta: float | None
    tokens: list[LiveToken]
    notes: list[str]

    @property
    def has_levels(self) -> bool:
        """Whether the explanation predicted anything."""
        return any(token.level is not None for token in self.tokens)

    @property
    def highest(self) -> float:
        """The top of the scale that values and predictions share; the threshold if nothing fires.

        Otherwise the largest of several tiny values would have the colour of a strong one.
        """
        values = [v for token in self.tokens for v in (token.value, token.predicted) if v is not None]
        return max([*values, self.theta or 0.0], default=0.0)

    @property
    def correlation(self) -> float | None:
        """Correlation of value and level over the tokens; None if undefined."""
        if not self.has_levels:
            return None
        x = np.array([token.level for token in self.tokens], dtype=np.float64)
        y = np.array([token.value for token in self.tokens], dtype=np.float64)
        return pearson(x, y)


class LiveReader:
    """Reads neurons one at a time, and keeps models open. Safe for several threads."""

    def __init__(self) -> None:
        self._resources = Resources()
        self._lock = threading.Lock()

    def read(self, story: Story, manifest: dict[str, Any], text: str) -> Tried:
        """Read a text with the model of a run; its fingerprint must be the recorded one.

        Args:
            story: the run's; it may be unfinished, and then there may be no prediction.
            manifest: the content of its `run.json`.
            text: at most `LONGEST_TEXT` characters.

        Raises:
            BadInput: the text is empty or too long, or the model is another than the run's.
            NotAvailable: the model is not on this machine, or is in use for too long.
        """
        if not text:
            raise BadInput("the text is empty: type at least one character.")
        if len(text) > LONGEST_TEXT:
            raise BadInput(f"the text has {len(text):,} characters: at most {LONGEST_TEXT:,} are read here.")
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise BadInput("the text holds half of a character: copy it again.")
        with self._alone():
            subject, neuron = self._open(manifest)
            asked = side_of(subject, neuron)
            always_on = story.result.always_on
            if always_on and isinstance(asked, ModelView):
                asked = silences(asked, neuron, always_on)
            return self._read(asked, neuron, story, text)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise NotAvailable(f"another text has been read for {_PATIENCE_S:.0f} s: try again in a while.")
        try:
            yield
        finally:
            self._lock.release()

    def _open(self, manifest: dict[str, Any]) -> tuple[Subject, NeuronId]:
        try:
            config, about = manifest["config"], manifest["model"]
            target, planted = str(config["target"]), tuple(map(str, config.get("planted") or ()))
            named, fingerprint = str(about["name"]), str(about["fingerprint"])
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput("this run does not say which model it was on, so its neuron cannot be read.") from error
        of_target, neuron = parse_target(target)
        model = of_target or str(config.get("model") or named)
        if model == "auto":
            model = named
        for entry in planted:
            if not entry.startswith(_OWN_FUNCTIONS):
                # A run can come from anywhere, and reading its neuron would run whatever code it names.
                raise BadInput(
                    f"this neuron is the function {entry}, which is not part of this program; a page does not run it: "
                    "`agent explain --planted` does."
                )
        if config.get("trust_remote_code"):  # likewise
            raise BadInput(
                f"this run used Python code from the folder of {named}, which a page does not run: `agent read "
                "--trust-remote-code` does."
            )
        if is_hub_name(model) and model != "mini" and not _is_here(model):
            raise NotAvailable(f"the model {model} is not on this machine: `agent fetch {model}` gets it.")
        subject = self._resources.subject(model, planted, QuietDisplay())
        if subject.fingerprint != fingerprint:
            raise BadInput(
                f"the run used another {model} than the one on this machine (the fingerprints differ), so "
                "activations read now would not be about this run."
            )
        check_neuron(subject, neuron)
        return subject, neuron

    def _read(self, subject: SubjectModel, neuron: NeuronId, story: Story, text: str) -> Tried:
        ids = subject.tokenizer.encode([text])[0]
        if not ids:
            raise BadInput("the text is empty: type at least one character.")
        tokens = np.array([ids], dtype=np.int32)
        inputs = subject.mlp_input(tokens, np.array([len(ids)]), neuron.layer)
        values = [float(v) for v in subject.neuron_values(inputs, neuron.layer, neuron.index)[0]]
        strings = subject.tokenizer.token_strings()
        notes: list[str] = []
        levels = self._levels(subject, story, tokens, notes)
        raw = _as_raw(story, levels, notes)
        table = _table(story)
        chances: list[float | None] = [None] * len(ids)
        if levels is not None and table is not None:
            chances = [float(p) for p in probabilities(table, np.array(levels, dtype=np.float32))]
        read = [
            LiveToken(
                strings[token], value, None if story.theta is None else value > story.theta,
                None if levels is None else levels[at], None if raw is None else raw[at], chances[at],
            )
            for at, (token, value) in enumerate(zip(ids, values, strict=True))
        ]  # fmt: skip
        return Tried(text, subject.name, str(neuron), story.theta, read, notes)

    def _levels(
        self, subject: SubjectModel, story: Story, tokens: np.ndarray[Any, Any], notes: list[str]
    ) -> list[float] | None:
        sentence = story.result.explanation
        if not sentence:
            notes.append(
                "This run has no explanation, so nothing is predicted."
                if story.state == "finished"
                else "This run has no result yet, so there is no explanation and no prediction."
            )
            return None
        simulated = self._resources.reader(subject, None).simulate(sentence, tokens)
        if isinstance(simulated, Unscored):
            notes.append(
                "The explanation is free text, which only an LLM can simulate; a page asks none, "
                "since that costs money."
                if in_free_words(sentence) or (story.result.simulator or "").startswith("openai:")
                else f"The explanation cannot be simulated: {simulated.reason}"
            )
            return None
        return [float(level) for level in simulated[0]]


def _as_raw(story: Story, levels: list[float] | None, notes: list[str]) -> list[float] | None:
    if levels is None:
        return None
    if (raw := story.shown.raw(levels)) is not None:
        return raw
    notes.append(
        "This run does not record which raw value a level stands for, so levels (0 to 10) have their own scale."
    )
    return None


def _table(story: Story) -> list[float] | None:
    """The explanation's probabilities of firing at levels 0 to 10, from the last call that has them."""
    sentence = story.result.explanation
    asked = [as_far_as_readable(SentenceTable, call.arguments) for call in story.calls]
    scored = [as_far_as_readable(ScoreResult, call.result) for call in story.calls if call.tool == "score"]
    told = [*reversed(asked), *(one for result in reversed(scored) for one in result.scores)]
    return next((one.table for one in told if one.table is not None and one.sentence == sentence), None)


def _is_here(model: str) -> bool:
    return Path(os.path.expanduser(model)).is_dir() or cached_folder(model) is not None
