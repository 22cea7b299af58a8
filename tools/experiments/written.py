"""Texts that an explainer or a writer of counterexamples made up to put a hypothesis to the test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from tools.experiments.candidates import Candidate, Setting
from tools.experiments.text_edits import Text

_LEAST_WORDS = 2
_SAME_LEVEL = 3
"""Texts whose predicted levels are nearer than that are meant to show the same."""

_ALIKE = 0.6
"""Texts that end in the same word and share so much of all their words differ in small things only."""


def written(setting: Setting, rng: np.random.Generator) -> list[Candidate]:
    """Each written text, whole: it ends at the token in question. Each is a carrier of its own.

    Of one that is too long the end is kept. Left out is what repeats 12 tokens of the corpus, since it may be a text
    that stays sealed; what is a word alone, or none; and what asks the same as an earlier one.
    """
    out = []
    kept: list[_Asked] = []
    found = setting.texts.ends_of([text.text for text in setting.written])
    for text, read in zip(setting.written, found, strict=True):
        if read is None or len(read.words) < _LEAST_WORDS or setting.fresh(read.tokens) < len(read.tokens):
            continue
        asked = _Asked.of(read, text.level)
        if any(asked.repeats(other) for other in kept):
            continue
        kept.append(asked)
        name = f"written-{hashlib.sha256(text.text.encode()).hexdigest()[:12]}"
        purpose = f"written to predict level {text.level:g}"
        out.append(Candidate(read.tokens, "written", purpose, name, (read.ending,)))
    return out


@dataclass(frozen=True)
class _Asked:
    """What a text asks, so far as it takes to know another that asks the same."""

    words: tuple[str, ...]
    level: float

    @classmethod
    def of(cls, text: Text, level: float) -> _Asked:
        return cls(tuple(word.key.casefold() for word in text.words), level)

    def repeats(self, other: _Asked) -> bool:
        """Whether both are one, or end in the same word in much the same way and are meant to show the same there.

        Texts that are alike and meant to show different things are a minimal pair, and tell most.
        """
        if self.words == other.words:
            return True
        if self.words[-1] != other.words[-1] or abs(self.level - other.level) >= _SAME_LEVEL:
            return False
        mine, theirs = set(self.words), set(other.words)
        return self.words[-2] == other.words[-2] or len(mine & theirs) >= _ALIKE * len(mine | theirs)
