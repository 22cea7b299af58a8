"""A text that is to be read, as a trace has it before it is."""

from __future__ import annotations

from typing import Literal

from tools.records.scores import if_known
from traces.events.canonical import Record


class TextChange(Record):
    """How a text was made from another: at token `at`, the tokens `removed` were replaced by those `added`."""

    at: int
    removed: list[str]
    added: list[str]


class Expectations(Record):
    """What is known of an experiment before it is read; what is not known is left out of the trace.

    Attributes:
        before_the_change: of an edit, the raw activation at the end of the original text.
        about: the rule item that it tests.
        scored_by: `order` if the evidence is whether the value fell, stayed or rose (`tools.scoring.log_score`).
        change: of an edit, how it was made; older traces do not say.
    """

    before_the_change: float | None = if_known()
    about: str | None = if_known()
    scored_by: Literal["order"] | None = if_known()
    change: TextChange | None = if_known()


class PlannedExperiment(Record):
    """One text to read. `purpose` says what it is for, `carrier` which excerpt it was cut from (one unit of evidence).

    `position` is the token whose activation counts; None means the largest over all tokens.
    """

    id: str
    generator: str
    purpose: str
    carrier: str
    text: str
    tokens: list[str]
    position: int | None = None
    expectations: Expectations = Expectations()
