"""A person in the loop: what they are shown, what they may do, and what a trace records of it.

The graph has two places at which a run can be held up: before a round of experiments, and before a sealed fold is
opened. There LangGraph's `interrupt` hands a `Pause` to whoever runs the graph, and takes an `Action` as the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools.errors import BadInput, Interrupted
from tools.records.result import StopReason
from traces.events.kinds import Event, PersonActed

Place = Literal["experiments", "confirm"]
PLACES: tuple[Place, ...] = ("experiments", "confirm")

ActionName = Literal["drop", "add", "test", "budget", "experiments", "finish", "go"]

MOST_UNITS = 100_000
"""Of budget that one action may add."""

_TAKES: dict[str, str] = {"drop": "hypothesis", "add": "text", "test": "text", "budget": "units"}


class Action(BaseModel):
    """What a person does at a pause.

    Attributes:
        action: `drop` a hypothesis, `add` a sentence, `test` a text, add units of `budget`, ask for another round of
            `experiments`, `finish` the search, `go` on.
        hypothesis: which one to drop, such as `H2`.
        text: the sentence, or the text: it ends at the token in question.
        units: of budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: ActionName
    hypothesis: str | None = None
    text: str | None = Field(default=None, max_length=4000)
    units: int | None = Field(default=None, ge=1, le=MOST_UNITS)

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> Action:
        takes = _TAKES.get(self.action)
        for name in ("hypothesis", "text", "units"):
            given = getattr(self, name)
            if name == takes and (given is None or not str(given).strip()):
                raise ValueError(f"{self.action} needs {name}")
            if name != takes and given is not None:
                raise ValueError(f"{self.action} takes no {name}")
        return self

    @classmethod
    def parsed(cls, given: Any) -> Action:
        """What somebody answered to an interrupt.

        Raises:
            BadInput: it is no action.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            said = first["msg"].removeprefix("Value error, ")
            raise BadInput(f"{where}: {said}" if where else said) from error


class RivalShown(BaseModel):
    """A hypothesis as a person is shown it: `passed` and `failed` count its tests, `origin` says where it is from."""

    name: str
    explanation: str
    origin: str
    belief: float
    score: dict[str, Any]
    passed: int
    failed: int


class Pause(BaseModel):
    """What a person is asked.

    Attributes:
        before: what comes next: a round of experiments, or the confirmation on a sealed fold.
        round: rounds begun.
        stop_reason: why the search has ended; None while it goes on.
        used: units of budget.
        limit: units that may be used.
        rivals: those that compete, in order of entry.
        answer: what came of the last action; empty at first.
        actions: what may be done here.
    """

    before: Place
    round: int
    stop_reason: StopReason | None
    used: int
    limit: int
    rivals: list[RivalShown]
    answer: str
    actions: list[ActionName]


class Person(Protocol):
    """Somebody who may be asked."""

    @property
    def pause_before(self) -> frozenset[Place]:
        """Where they always want to be asked."""

    @property
    def wants_in(self) -> bool:
        """Whether they have asked, as by Ctrl-C, for a pause at the next place; until `went_on`."""

    def ask(self, pause: Pause) -> dict[str, Any]:
        """What they do: the fields of an `Action`. They leave by a KeyboardInterrupt: the run can be resumed."""

    def went_on(self) -> None:
        """They have let the run go on."""

    def listening(self) -> AbstractContextManager[None]:
        """While this is open, they may ask for a pause."""


class Waiting(Interrupted):
    """The run is saved, and goes on when somebody has answered."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(f"waiting for a person before {pause.before}.")
        self.pause = pause


class Absent:
    """A `Person` who is not here while the run goes: they have answered once at most, and are waited for after that.

    Args:
        pause_before: where they want to be asked.
        answer: to the first question; None where they have none yet.
    """

    wants_in = False

    def __init__(self, pause_before: Iterable[Place], answer: Any = None) -> None:
        self.pause_before = frozenset(pause_before)
        self._answers = [] if answer is None else [answer]

    def ask(self, pause: Pause) -> Any:
        """Their answer.

        Raises:
            Waiting: they have given none.
        """
        if not self._answers:
            raise Waiting(pause)
        return self._answers.pop()

    def went_on(self) -> None:
        """Does nothing: they ask for pauses beforehand."""

    def listening(self) -> AbstractContextManager[None]:
        """Does nothing, likewise."""
        return nullcontext()


@dataclass(frozen=True)
class Pauses:
    """Where a run is held up.

    Attributes:
        before: places at which somebody is always asked.
        person: whoever may ask for a pause besides; None where nobody is there.
        recorded: what was done at each pause of the recorded run.
    """

    before: frozenset[Place] = frozenset()
    person: Person | None = None
    recorded: Mapping[int, list[PersonActed]] = field(default_factory=dict)

    @classmethod
    def of(cls, before: Iterable[Place], person: Person | None, events: Iterable[Event]) -> Pauses:
        """Pauses of a run whose trace so far is `events`."""
        recorded: dict[int, list[PersonActed]] = {}
        for event in events:
            if isinstance(event, PersonActed):
                recorded.setdefault(event.pause, []).append(event)
        own = person.pause_before if person is not None else frozenset()
        return cls(frozenset(before) | own, person, recorded)

    @property
    def n_recorded(self) -> int:
        """Actions on record."""
        return sum(map(len, self.recorded.values()))

    @property
    def added(self) -> int:
        """Units of budget that they add."""
        return sum(done.units or 0 for pause in self.recorded.values() for done in pause)

    def on_record(self, pause: int, number: int) -> Action | None:
        """What was done as the `number`-th thing (from 0) at a pause, where that is on record."""
        done = self.recorded.get(pause, [])
        if number >= len(done):
            return None
        return Action(**done[number].model_dump(include={"action", "hypothesis", "text", "units"}))

    def is_wanted(self, place: Place) -> bool:
        """Whether somebody is to be asked here."""
        return place in self.before or (self.person is not None and self.person.wants_in)

    def went_on(self) -> None:
        """Whoever was asked has let the run go on."""
        if self.person is not None:
            self.person.went_on()
