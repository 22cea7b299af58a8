"""Token ids as the token strings that an LLM is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenStrings:
    """The subject model's tokens as strings, one per token id."""

    strings: Sequence[str]

    def of(self, tokens: Sequence[int] | NDArray[np.int32]) -> tuple[str, ...]:
        """The strings of token ids; what is past the end (-1) is left out."""
        return tuple(self.strings[int(token)] for token in tokens if token >= 0)
