"""What tokens cost. The prices are data: `prices.toml`, and a file of one's own that goes before it.

A price that nobody wrote down is unknown, and never zero.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.errors import BadInput
from tools.llm.chat import Usage

PRICES_VARIABLE = "NEURON_AGENT_PRICES"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    input: float = Field(ge=0)
    output: float = Field(ge=0)


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens in and out, and where that is written."""

    input: float
    output: float
    source: str

    def of(self, usage: Usage) -> float:
        """US dollars for a call."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1e6


def price_within(url: str, model: str, max_usd: float | None) -> Price | None:
    """The price of a model at an endpoint, which must be known where a limit on money is to be kept.

    Raises:
        BadInput: a file of prices cannot be read, or there is a limit and no price.
    """
    price = price_of(url, model)
    if max_usd is not None and price is None:
        raise BadInput(
            f"`max_usd` cannot be kept: the price of {model} at {url} is unknown. Write it into a file and "
            f"name that in {PRICES_VARIABLE} (see the README), or use `max_tokens`.",
            settings=("max_usd", "max_tokens"),
        )
    return price


def price_of(url: str, model: str) -> Price | None:
    """The price of a model at an endpoint; None where it is not known.

    The user's file, `$NEURON_AGENT_PRICES`, goes before the shipped one. Of patterns that fit, the longest counts.

    Raises:
        BadInput: a file of prices cannot be read.
    """
    own = os.environ.get(PRICES_VARIABLE)
    if own:
        try:
            data = Path(own).read_bytes()
        except OSError as error:
            raise BadInput(f"cannot read the prices in {own} ({PRICES_VARIABLE}): {error.strerror}.") from error
        found = _find(own, data, url, model)
        if found is not None:
            return found
    return _find("prices.toml", (files(__package__) / "prices.toml").read_bytes(), url, model)


def _find(source: str, data: bytes, url: str, model: str) -> Price | None:
    try:
        tables: dict[str, Any] = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"the prices in {source} are not TOML: {error}.") from error
    url = url.partition("?")[0]
    best: tuple[int, int, Price] | None = None
    for where, models in tables.items():
        if not isinstance(models, dict):
            if where != "as_of":
                raise BadInput(f"the prices in {source} have an unknown key {where}: write a table for a URL.")
            continue
        for pattern, given in models.items():
            try:
                entry = _Entry.model_validate(given)
            except ValidationError as error:
                said = error.errors()[0]["msg"]
                raise BadInput(
                    f"the prices in {source}: {pattern} of {where} cannot be {given!r} ({said}): write "
                    "{ input = 0.15, output = 0.60 }, US dollars for a million tokens."
                ) from error
            if fnmatchcase(url, where.rstrip("/")) and fnmatchcase(model, pattern):
                price = Price(entry.input, entry.output, f"{source}, {tables.get('as_of', 'undated')}")
                if best is None or (len(where), len(pattern)) > best[:2]:
                    best = len(where), len(pattern), price
    return best[2] if best else None
