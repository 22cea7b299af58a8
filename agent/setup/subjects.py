"""Opens a subject model and its neuron by what was typed. Imports little, so that `agent read` answers quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from tools.errors import BadInput
from tools.evidence.texts.hub import default_corpus_is_cached
from tools.records.neuron import NeuronId, parse_target
from tools.subject.load import check_neuron, open_subject
from tools.subject.names import short_name
from tools.subject.planted import PlantedModel
from tools.subject.protocol import SubjectModel
from tools.subject.resolve import resolve
from tools.subject.views import side_of
from traces.text.console import Display

if TYPE_CHECKING:
    from tools.subject.bridge import BridgeModel
    from tools.subject.lean import LeanModel

Subject: TypeAlias = "LeanModel | BridgeModel | PlantedModel"


def open_model(model: str, planted: tuple[str, ...], display: Display, trust_remote_code: bool = False) -> Subject:
    """The subject model of that name, with functions planted on top of it if there are any.

    `trust_remote_code` lets Python code that the model's folder brings run.

    Raises:
        BadInput: the model or a function cannot be used.
        NotAvailable: the model is not here and cannot be fetched.
    """
    with DownloadBar(display, model) as bar:
        folder = resolve(model, default_corpus_is_cached, bar, trust_remote_code)
    if folder.fell_back:
        display.note(
            "GPT-2 is not on this machine, so the neuron below is one of the bundled model `mini`, not of GPT-2. "
            "`agent fetch gpt2` gets GPT-2; `--model mini` silences this line."
        )
    base = open_subject(folder)
    for note in base.tokenizer.notes:
        display.note(note)
    return PlantedModel(base, planted) if planted else base


def open_neuron(target: str, model: str, open_named: Callable[[str], Subject]) -> tuple[SubjectModel, NeuronId]:
    """The subject model that a target means, opened by its name, and the neuron, checked to exist.

    Raises:
        BadInput: the target or the model cannot be used.
        NotAvailable: the model is not here and cannot be fetched.
    """
    named, neuron = parse_target(target)
    if named and model not in ("auto", named) and short_name(named) != short_name(model):
        raise BadInput(f"the target names the model {named} and --model names {model}: give one of them.")
    subject = open_named(named or model)
    check_neuron(subject, neuron)
    return side_of(subject, neuron), neuron


class DownloadBar:
    """What `tools.subject.fetch.fetch_model` reports its progress on `model` to; use it as a context manager."""

    def __init__(self, display: Display, model: str) -> None:
        self._display = display
        self._model = model
        self._what: str | None = None
        self._done = 0

    def __call__(self, done: int, total: int, what: str = "fetching") -> None:
        """`done` bytes of `total` are ready; another `what` than before ends one bar and begins the next."""
        if what != self._what:
            self._finish()
            self._display.start(total, f"{what} {self._model}", in_bytes=True)
            self._what, self._done = what, 0
        self._display.advance(done - self._done)
        self._done = done

    def _finish(self) -> None:
        if self._what is not None:
            self._display.finish()

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
