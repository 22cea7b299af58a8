"""What a run is told to do. Together with its seed it decides everything but the results of tool calls."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.errors import BadInput


class RunConfig(BaseModel):
    """Settings of one run.

    Attributes:
        target: as typed, such as `L5N131` or `gpt2-xl/L5N131`.
        model: used when the target names none.
        corpus: a file, a folder, a dataset; None for the model's default.
        corpus_tokens: read at most so many tokens of the corpus; None for a default by the size of the model.
        budget: units of the toolbox.
        max_seconds: time for tool calls; None for no limit.
        seed: of every random choice.
        rivals: a person's own sentences, which compete.
        patience: rounds without gain before the loop stops.
        variant: the name of this way of deciding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target: str
    model: str = "auto"
    corpus: str | None = None
    corpus_tokens: int | None = Field(default=None, ge=1)
    budget: int = Field(default=20, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0, lt=2**63)
    rivals: tuple[str, ...] = ()
    patience: int = Field(default=2, ge=1)
    variant: str = "tournament"

    @classmethod
    def checked(cls, **settings: Any) -> RunConfig:
        """Build a config from what a user gave.

        Raises:
            BadInput: a setting is out of range; the message names it, the value and what is allowed.
        """
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = "--" + ".".join(str(part) for part in first["loc"]).replace("_", "-")
            said = first["msg"][:1].lower() + first["msg"][1:]
            raise BadInput(f"{name} cannot be {first['input']!r}: {said}.") from error
