"""A hypothesis, from the answer of an explainer until it wins or is given up: one type for everybody who handles it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.records.predictions import Registered
from tools.records.scores import ScoreValue, Unscored

Status = Literal["proposed", "competing", "dropped", "merged"]

TestKind = Literal["predicted positive", "predicted negative", "minimal pair"]
TEST_KINDS: tuple[TestKind, ...] = ("predicted positive", "predicted negative", "minimal pair")

NOT_SCORED = Unscored(reason="not scored yet")
NOT_READ = Unscored(reason="the LLM did not simulate it, since it was not among the finalists")

_IN_A_RUN = Field(exclude=True)
"""What a run finds out of a hypothesis is no part of what a tool wrote, so it is not recorded with it."""


class WrittenText(BaseModel):
    """A text that somebody wrote to put a hypothesis to the test.

    Attributes:
        text: it ends at the token in question.
        level: what the hypothesis predicts there, 0 to 10.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    text: str = Field(min_length=1)
    level: float = Field(ge=0, le=10)


@dataclass
class TrackRecord:
    """What a hypothesis predicted before the neuron was read, and how that turned out.

    Attributes:
        chosen: predictions of the run's own experiments.
        chosen_numbers: for each of them, the number of the experiment among all revealed ones.
        probe: predictions of the fixed probe set.
        probe_numbers: for each of them, the number of the text in the fixed probe set.
        outcomes: per kind of test and carrier, whether each prediction came true.
    """

    chosen: list[Registered] = field(default_factory=list)
    chosen_numbers: list[int] = field(default_factory=list)
    probe: list[Registered] = field(default_factory=list)
    probe_numbers: list[int] = field(default_factory=list)
    outcomes: dict[TestKind, dict[str, list[bool]]] = field(default_factory=lambda: {kind: {} for kind in TEST_KINDS})


@dataclass
class Hypothesis:
    """An explanation that somebody wrote, and what became of it.

    An explainer fills the first seven fields, and a trace records these. The others come when it enters a run.

    Attributes:
        form: what kind of hypothesis it is.
        sentence: the explanation, which is what is scored.
        by: the explainer that wrote it; empty for what is always there and for what a person wrote.
        texts: what its author wrote to put it to the test.
        parents: the sentences that it was made from; none where it was written anew.
        label: its author's name for it in 1 to 6 words; empty where there is none.
        words: words and short pieces of text by which excerpts that it claims can be found, where its author named
            some.
        name: such as `H3`, or the form of a baseline that is always there.
        origin: how it came in: `reference`, `user` (given beforehand), `person` (added while the run was paused),
            `revised`, `split`, `twin`, or the explainer's name.
        status: where it is in its life.
        fate: why it competes no more, in words that its author may see: they quote no text.
        stand_in: the name of its lexical twin, where that says what it predicts of experiments.
        score: on development text.
        merit: what rivals are ranked by, see `tools.catalogue.scores.DevelopmentScore`; None without a score.
        table: probability of firing at levels 0 to 10.
        record: its registered predictions.
    """

    form: str
    sentence: str
    by: str = ""
    texts: tuple[WrittenText, ...] = ()
    parents: tuple[str, ...] = ()
    label: str = ""
    words: tuple[str, ...] = ()
    name: Annotated[str, _IN_A_RUN] = ""
    origin: Annotated[str, _IN_A_RUN] = ""
    status: Annotated[Status, _IN_A_RUN] = "proposed"
    fate: Annotated[str, _IN_A_RUN] = ""
    stand_in: Annotated[str, _IN_A_RUN] = ""
    score: Annotated[ScoreValue | Unscored, _IN_A_RUN] = NOT_SCORED
    merit: Annotated[float | None, _IN_A_RUN] = None
    table: Annotated[list[float], _IN_A_RUN] = field(default_factory=list)
    record: Annotated[TrackRecord, _IN_A_RUN] = field(default_factory=TrackRecord)

    def __post_init__(self) -> None:
        # A checkpoint gives lists back.
        self.texts, self.parents, self.words = tuple(self.texts), tuple(self.parents), tuple(self.words)
