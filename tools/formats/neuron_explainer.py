"""OpenAI's neuron-explainer records, as its published data and its package's `fast_dataclasses` have them.

Source: `openai/automated-interpretability` (2023), and transformer-debugger for the later spelling of one field. Every
object carries `dataclass_name`, which is written always and may be missing in what is read. Fields that are not theirs
are never written, since their loader refuses them, and are passed over when read. A number that is not there (`null`,
`NaN`) is None; NaN and infinities never are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_serializer,
    model_validator,
)


def _is_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} is half of a pair, which no UTF-8 can say") from error
    return text


Text = Annotated[StrictStr, AfterValidator(_is_text)]
Values = tuple[StrictFloat | None, ...]
Number = Annotated[StrictInt, Field(ge=0)]
ActivationScale = Literal["neuron_activations", "simulated_normalized_activations"]


class Record(BaseModel):
    """Base of all of them."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _is_of_this_class(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("dataclass_name", cls.__name__) != cls.__name__:
            raise ValueError(f"it is called {str(data['dataclass_name'])[:60]!r}, and {cls.__name__} belongs here")
        return data

    @model_serializer(mode="wrap")
    def _named(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"dataclass_name": type(self).__name__, **fields(self)}


class ActivationRecord(Record):
    """A text and the raw activation at each of its tokens."""

    tokens: tuple[Text, ...]
    activations: Values

    @model_validator(mode="after")
    def _check(self) -> Self:
        _as_long_as(self.tokens, activations=self.activations)
        return self


class NeuronId(Record):
    """A neuron, both numbers zero-based."""

    layer_index: Number
    neuron_index: Number


class NeuronRecord(Record):
    """What a neuron did over a corpus: `collated-activations/{layer}/{neuron}.json`."""

    neuron_id: NeuronId
    random_sample: tuple[ActivationRecord, ...] = ()
    random_sample_by_quantile: tuple[tuple[ActivationRecord, ...], ...] | None = None
    quantile_boundaries: Values | None = None
    mean: StrictFloat | None = None
    variance: StrictFloat | None = None
    skewness: StrictFloat | None = None
    kurtosis: StrictFloat | None = None
    most_positive_activation_records: tuple[ActivationRecord, ...] = ()


class SequenceSimulation(Record):
    """What an explanation predicts at each token of a text.

    The two distributions say for each token which values are possible and how likely; both are empty where that is not
    known.
    """

    tokens: tuple[Text, ...]
    expected_activations: Values
    activation_scale: ActivationScale
    distribution_values: tuple[Values, ...]
    distribution_probabilities: tuple[Values, ...]
    uncalibrated_simulation: SequenceSimulation | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _as_long_as(self.tokens, expected_activations=self.expected_activations)
        values, probabilities = self.distribution_values, self.distribution_probabilities
        if values or probabilities:
            _as_long_as(self.tokens, distribution_values=values, distribution_probabilities=probabilities)
        for place, (one, other) in enumerate(zip(values, probabilities, strict=True)):
            if len(one) != len(other):
                raise ValueError(f"token {place} has {len(one)} values and {len(other)} probabilities")
        return self


class _Scores(Record):
    """Scores by OpenAI's formulas; None where one does not exist, or was not computed."""

    ev_correlation_score: StrictFloat | None = None
    rsquared_score: StrictFloat | None = None
    absolute_dev_explained_score: StrictFloat | None = None


class ScoredSequenceSimulation(_Scores):
    """A simulation beside the true raw activations, and scores on this text alone.

    Read under `sequence_simulation` too, which is what transformer-debugger writes.
    """

    simulation: SequenceSimulation
    true_activations: Values

    @model_validator(mode="before")
    @classmethod
    def _later_spelling(cls, data: Any) -> Any:
        if isinstance(data, dict) and "sequence_simulation" in data:
            if "simulation" in data:
                raise ValueError("there is a simulation and a sequence_simulation, and only one belongs here")
            return {"simulation" if key == "sequence_simulation" else key: value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        _as_long_as(self.simulation.tokens, true_activations=self.true_activations)
        return self


class ScoredSimulation(_Scores):
    """Simulations on several texts, and scores over all their tokens together."""

    scored_sequence_simulations: tuple[ScoredSequenceSimulation, ...]


class ScoredExplanation(Record):
    """An explanation and how well it predicts."""

    explanation: Text
    scored_simulation: ScoredSimulation


class NeuronSimulationResults(Record):
    """The scored explanations of a neuron: the one line of `explanations/{layer}/{neuron}.jsonl`."""

    neuron_id: NeuronId
    scored_explanations: tuple[ScoredExplanation, ...]


def _as_long_as(tokens: tuple[str, ...], **others: tuple[Any, ...]) -> None:
    for name, values in others.items():
        if len(values) != len(tokens):
            raise ValueError(f"there are {len(tokens)} tokens and {len(values)} {name}")
