"""What of an explanation was put to the test, and how that came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tools.records.scores import Record, if_known


class Count(Record):
    """Carriers (texts that experiments are cut from) whose experiments mostly bore the predictions out, and the others.

    Attributes:
        passed: carriers that bore them out.
        failed: carriers that did not.
    """

    passed: int
    failed: int

    @classmethod
    def of(cls, carriers: Mapping[str, Sequence[bool]]) -> Count:
        """From what came true of each carrier's texts: it passes when most of them did."""
        passed = sum(2 * sum(came_true) > len(came_true) for came_true in carriers.values())
        return cls(passed=passed, failed=len(carriers) - passed)

    @property
    def n(self) -> int:
        """All of them."""
        return self.passed + self.failed

    def __str__(self) -> str:
        return f"{self.passed} of {self.n}"


class Claim(Record):
    """A part of the explanation: an item as it stands in the sentence, or one of the words that an item lists.

    Attributes:
        clause: the item.
        token: the word; null where the whole item is meant.
        right: texts at whose end it holds, and the explanation's prediction came true.
        wrong: texts at whose end it holds, and the explanation's prediction did not come true.
    """

    clause: str
    token: str | None = None
    right: int
    wrong: int

    @property
    def n(self) -> int:
        """Texts that were a test of it."""
        return self.right + self.wrong


class Counterexample(Record):
    """A text that speaks against a meaning.

    Attributes:
        text: its end.
        value: raw activation there.
        what: silent where the meaning says fire, or fired in its domain without it.
    """

    text: str
    value: float
    what: Literal["silent", "fired without it"]


class FoundMeaning(Record):
    """One of several unrelated meanings of an explanation.

    Attributes:
        sentence: what it says, as an explanation of its own.
        share: of the firing on development text, 0 to 1.
        words: what it mostly fires on; absent in results of version 1.
        predicted_positive: tests by texts on which it says that the neuron fires.
        minimal_pair: tests by changes that should turn the neuron off or on.
        counterexamples: texts that speak against it.
    """

    sentence: str
    share: float
    words: list[str] | None = if_known()
    predicted_positive: Count
    minimal_pair: Count
    counterexamples: list[Counterexample]
