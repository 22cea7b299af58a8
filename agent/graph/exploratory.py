"""Records what was looked at while exploring a neuron, so that it never counts as evidence."""

from __future__ import annotations

from tools.catalogue.subject import Ablate, Found
from tools.catalogue.thinking import ReadText, SeenTexts
from tools.study.study import Study
from tools.toolbox import Arguments, Outcome, Toolbox
from traces.events.kinds import ReadingsRevealed
from traces.events.store import TraceWriter


def note_seen(
    study: Study, toolbox: Toolbox, trace: TraceWriter, asked: Arguments, answer: Outcome, round_: int = 0
) -> None:
    """Note what a call showed to whoever made it; what was read goes into the trace as exploratory."""
    if isinstance(asked, ReadText) and isinstance(answer, SeenTexts):
        study.log.see(study.encode_new(asked.texts))
        peaks = [max(row) for row in answer.values]
        names = [f"seen{toolbox.n_calls}t{i}" for i in range(len(peaks))]
        fired = [peak > study.evidence.theta for peak in peaks]
        trace.emit(ReadingsRevealed(round=round_, experiment_ids=names, values=peaks, fired=fired, exploratory=True))
    elif isinstance(asked, Ablate):
        study.log.see(study.encode_new(asked.texts))
    elif isinstance(answer, Found):
        study.log.carriers |= {text.carrier for text in answer.texts}
