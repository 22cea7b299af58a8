"""Simulations of explanations of one neuron, on a few excerpts where they cost something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.neurons.neuron import NeuronEvidence
from tools.records.excerpts import DevelopmentActivations
from tools.records.result import Unscored
from tools.roles import Simulator, WordSimulator
from tools.rules.lookup import FULL_LOOKUP, TokenMeans
from tools.rules.vocabulary import Vocabulary
from tools.scoring.claim_sampling import Claimant, claims_of_levels, claims_of_words, rows_with_claimed
from tools.scoring.metrics import StratifiedSample
from tools.scoring.subsampling import SimulatedSample, first_rows, part_of, simulated_part, too_few
from tools.study.experiment_log import Tokens

if TYPE_CHECKING:
    from tools.subject.protocol import SubjectModel

FIRST = 0.3
"""Share of the excerpts on which an LLM first simulates every explanation; promising ones are simulated on the rest."""

LEAST_FIRST, MOST_FIRST = 12, 0.7
"""The fewest excerpts to judge by; if they are more than this share of all, all are simulated at once."""

_ENOUGH = 4
"""An all-zero simulation counts against an explanation only if it covers so many excerpts with its author's words."""

LEXICAL = "lexical"
"""The reader that parses a sentence: it knows the language, and nothing of the subject model."""


def in_free_words(sentence: str) -> str:
    """A hint for an unreadable explanation that does not begin like one of the rule language."""
    return "" if sentence.lstrip().startswith("Fires") else " In words of your own it needs `simulator=openai:MODEL`."


@dataclass(frozen=True)
class _Drawn:
    """The excerpts of a sample on which sentences are simulated at a cost.

    Attributes:
        sample: the whole.
        claimants: by whose claims some of them were drawn.
        rows: which they are.
        importance: how many excerpts each one of the whole sample stands for.
        by_words: of each claimant that costs something, which of the whole sample it claims.
    """

    sample: StratifiedSample
    claimants: tuple[Claimant, ...]
    rows: NDArray[np.int64]
    importance: NDArray[np.float64]
    by_words: dict[str, NDArray[np.bool_]]

    @property
    def is_claimed(self) -> NDArray[np.bool_]:
        """Which of the whole sample one of them claims."""
        out = np.zeros(len(self.sample), dtype=bool)
        for own in self.by_words.values():
            out |= own
        return out


@dataclass
class Simulations:
    """What explanations of one neuron predict; each is asked for once.

    Attributes:
        subject: the model, whose tokenizer turns excerpts into words.
        evidence: the neuron's splits.
        vocabulary: the model's tokens as rules see them.
        simulator: says for certain, and at no cost, what a sentence predicts that it can read.
        word_simulator: says what any other sentence predicts; None where there is no LLM.
        n_simulated: excerpts on which that simulates a sentence for a score.
        claimants: sentences by whose claims some of the excerpts are drawn, where simulating costs something; in a run
            each node lays the state's here, and so it does with the next.
        part_read: explanations in free text that are simulated on the first development excerpts only: each with its
            lexical twin if that says nearly the same there, or with None if the explanation can hardly win.
    """

    subject: SubjectModel
    evidence: NeuronEvidence
    vocabulary: Vocabulary
    simulator: Simulator
    word_simulator: WordSimulator | None = None
    n_simulated: int = 30
    claimants: tuple[Claimant, ...] = ()
    part_read: dict[str, str | None] = field(default_factory=dict)
    _exact: dict[str, bool] = field(default_factory=dict)
    _rows: _Drawn | None = None
    _probe_levels: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @cached_property
    def token_means(self) -> TokenMeans:
        """What the token lookups know, from all explore text."""
        return TokenMeans.of(self.evidence.explore, len(self.vocabulary))

    def simulator_of(self, sentence: str | None) -> str:
        """How a result calls what simulates a sentence; of none, what would."""
        return (self._asked(sentence) or self.simulator).name

    def reader_of(self, sentence: str) -> str:
        """Who says what a sentence predicts: `lexical` where that is certain, else the LLM that is asked."""
        asked = self._asked(sentence)
        return asked.name if asked else LEXICAL

    def _asked(self, sentence: str | None) -> WordSimulator | None:
        """The LLM that simulates a sentence, where it is not exact."""
        if self.word_simulator is None or (sentence is not None and self.is_exact(sentence)):
            return None
        return self.word_simulator

    def check_sentence(self, sentence: str) -> None:
        """Refuse a sentence that nobody here can read.

        Raises:
            BadInput: it is empty or not UTF-8, or cannot be parsed; the message says where parsing stopped, or which
                token does not exist.
        """
        if self.word_simulator is None:
            found = self._exact_levels(sentence, self.evidence.probe.tokens[:1])
            if isinstance(found, Unscored):
                raise BadInput(found.reason + in_free_words(sentence), settings=("simulator",))
        elif not sentence.strip():
            raise BadInput("the sentence is empty: say when the neuron fires.")
        elif any("\ud800" <= c <= "\udfff" for c in sentence):  # Python's way to hand over what it could not decode
            raise BadInput("the sentence is not UTF-8: convert it first.")

    def is_exact(self, sentence: str) -> bool:
        """Whether the embedded reader can read a sentence, so that what it predicts is certain and costs nothing."""
        if sentence not in self._exact:
            one = self._exact_levels(sentence, self.evidence.probe.tokens[:1])
            self._exact[sentence] = not isinstance(one, Unscored)
        return self._exact[sentence]

    def _exact_levels(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        if sentence == FULL_LOOKUP:
            return self.token_means.levels(tokens)
        return self.simulator.simulate(sentence, tokens)

    def levels(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """What a sentence predicts, [n, pos]; for a sentence that is not exact this asks about every text."""
        if self.word_simulator is None or self.is_exact(sentence):
            return self._exact_levels(sentence, tokens)
        found = self.word_simulator.simulate(sentence, tokens)
        if found.unscored:
            row, why = next(iter(found.unscored.items()))
            n = len(found.unscored)
            return Unscored(reason=f"{n} of {len(tokens)} texts could not be simulated; number {row + 1}: {why}")
        return found.levels

    def on(self, sentence: str, sample: StratifiedSample) -> SimulatedSample | Unscored:
        """A sentence simulated on a sample: on all of it where that is free, else on about `n_simulated` of its
        excerpts."""
        if self.word_simulator is None or self.is_exact(sentence):
            levels = self._exact_levels(sentence, sample.activations.excerpts.tokens)
            return levels if isinstance(levels, Unscored) else SimulatedSample(sample, levels, np.arange(len(sample)))
        if self._is_read_in_part(sentence, sample):
            return self.on_first(sentence, sample)
        rows, importance = self._rows_of(sample)
        found = self.word_simulator.simulate(sentence, sample.activations.excerpts.tokens[rows])
        return simulated_part(sample, rows, found, importance)

    def _is_read_in_part(self, sentence: str, sample: StratifiedSample) -> bool:
        return sentence in self.part_read and isinstance(sample.activations, DevelopmentActivations)

    def _rows_of(self, sample: StratifiedSample) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The excerpts of a sample for simulations that cost something, and the number of excerpts that each stands
        for."""
        return self._drawn(sample).rows, self._drawn(sample).importance

    def _drawn(self, sample: StratifiedSample) -> _Drawn:
        if self._rows is None or self._rows.sample is not sample or self._rows.claimants != self.claimants:
            costly = [not self.is_exact(claimant.sentence) for claimant in self.claimants]
            claims = np.array([self._claims(claimant, sample) for claimant in self.claimants])
            claims = claims.reshape(len(costly), len(sample))
            rows, importance = rows_with_claimed(sample, self.n_simulated, self.claimants, claims, costly)
            by_words = {
                one.sentence: own > 0 for one, own, dear in zip(self.claimants, claims, costly, strict=True) if dear
            }
            self._rows = _Drawn(sample, self.claimants, rows, importance, by_words)
        return self._rows

    def _claims(self, claimant: Claimant, sample: StratifiedSample) -> NDArray[np.float64]:
        excerpts = sample.activations.excerpts
        if self.is_exact(claimant.sentence):
            return claims_of_levels(self.certain_levels(claimant.sentence, excerpts.tokens), excerpts.mask)
        rows = zip(excerpts.tokens, excerpts.lengths, strict=True)
        return claims_of_words(claimant, [self.subject.tokenizer.decode(row[:n].tolist()) for row, n in rows])

    def prepare(self, sentences: Sequence[str], sample: StratifiedSample, first: bool = False) -> None:
        """Ask about several sentences at once that `on`, or `on_first`, will be asked for one by one."""
        costly = [sentence for sentence in sentences if not self.is_exact(sentence)]
        if self.word_simulator is not None and costly:
            few = [sentence for sentence in costly if first or self._is_read_in_part(sentence, sample)]
            wanted = [
                (sentence, self._first_rows(sample) if sentence in few else self._rows_of(sample)[0])
                for sentence in costly
            ]
            self.word_simulator.simulate_each(
                [(sentence, sample.activations.excerpts.tokens[rows]) for sentence, rows in wanted]
            )

    def on_first(self, sentence: str, sample: StratifiedSample) -> SimulatedSample | Unscored:
        """What `on` says, of the first of the excerpts alone: a share of each stratum, by which one sees early what a
        sentence that costs something is worth."""
        if self.word_simulator is None or self.is_exact(sentence):
            return self.on(sentence, sample)
        rows, importance = self._first(sample)
        found = self.word_simulator.simulate(sentence, sample.activations.excerpts.tokens[rows])
        return simulated_part(sample, rows, found, importance)

    def _first(self, sample: StratifiedSample) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The first excerpts, and how many each one stands for. They include twice the share of claimed excerpts, which
        alone tell about something rare."""
        drawn = self._drawn(sample)
        share = max(FIRST, LEAST_FIRST / max(len(drawn.rows), 1))
        if share > MOST_FIRST:
            return drawn.rows, drawn.importance
        return first_rows(sample, drawn.rows, share, drawn.importance, drawn.is_claimed)

    def _first_rows(self, sample: StratifiedSample) -> NDArray[np.int64]:
        return self._first(sample)[0]

    def is_silent_where_it_claims(self, sentence: str, sample: StratifiedSample) -> bool:
        """Whether a sentence that costs something predicts nothing on the first excerpts, though its author's words
        stand in four of them at least: the others will hardly tell more."""
        part = self.on_first(sentence, sample)
        claimed = self._drawn(sample).by_words.get(sentence)
        if isinstance(part, Unscored) or claimed is None:
            return False
        return not part.levels[part.sample.activations.excerpts.mask].any() and claimed[part.rows].sum() >= _ENOUGH

    def on_part(self, sentence: str, part: SimulatedSample, whole: StratifiedSample) -> SimulatedSample | Unscored:
        """An exact sentence simulated on the excerpts of a part of a sample, to be compared with what was there."""
        levels = self._exact_levels(sentence, whole.activations.excerpts.tokens[part.rows])
        return levels if isinstance(levels, Unscored) else SimulatedSample(part.sample, levels, part.rows)

    def shared_part(self, sentence: str, others: Sequence[str], sample: StratifiedSample) -> SimulatedSample | Unscored:
        """Simulate a sentence on the excerpts on which the others could be simulated too, so that all are compared on
        the same excerpts. One that could be simulated on too few is passed over."""
        own = self.on(sentence, sample)
        for other in others:
            if isinstance(own, Unscored) or self.is_exact(other):
                continue
            theirs = self.on(other, sample)
            if isinstance(theirs, Unscored):
                continue
            rows = np.intersect1d(own.rows, theirs.rows)
            if len(rows) == len(own.rows) or too_few(sample, own.rows, rows):
                continue
            failed = own.n_unscored + len(own.rows) - len(rows)
            levels = own.levels[np.searchsorted(own.rows, rows)]
            own = SimulatedSample(part_of(sample, rows, self._rows_of(sample)[1]), levels, rows, failed)
        return own

    def on_rows(self, sentence: str, part: SimulatedSample, whole: StratifiedSample) -> SimulatedSample | Unscored:
        """A sentence simulated on just the excerpts of a part of a sample; Unscored where one of them is missing."""
        if self.word_simulator is None or self.is_exact(sentence):
            return self.on_part(sentence, part, whole)
        if self._is_read_in_part(sentence, whole) and not np.isin(part.rows, self._first_rows(whole)).all():
            return Unscored(reason="there are too few excerpts on which both could be simulated")
        found = self.word_simulator.simulate(sentence, whole.activations.excerpts.tokens[part.rows])
        if found.unscored:
            return Unscored(reason="there are too few excerpts on which both could be simulated")
        return SimulatedSample(part.sample, found.levels, part.rows)

    def both_on(
        self, one: str, other: str, sample: StratifiedSample
    ) -> tuple[SimulatedSample, SimulatedSample] | Unscored:
        """Two sentences simulated on the same excerpts of a sample: all that both could be simulated on."""
        first, second = self.on(one, sample), self.on(other, sample)
        if isinstance(first, Unscored):
            return first
        if isinstance(second, Unscored):
            return second
        rows = np.intersect1d(first.rows, second.rows)
        fewer = min((first.rows, second.rows), key=len)
        if too_few(sample, fewer, rows):
            return Unscored(reason="there are too few excerpts on which both could be simulated")
        in_part = any(self._is_read_in_part(sentence, sample) for sentence in (one, other))
        common = part_of(sample, rows, self._first(sample)[1] if in_part else self._rows_of(sample)[1])

        def cut(part: SimulatedSample) -> SimulatedSample:
            return SimulatedSample(common, part.levels[np.searchsorted(part.rows, rows)], rows, part.n_unscored)

        return cut(first), cut(second)

    def at_ends(self, sentence: str, texts: list[Tokens]) -> list[float | Unscored]:
        """The level that a sentence predicts at the last token of each text."""
        if not texts:
            return []
        if self.word_simulator is not None and not self.is_exact(sentence):
            return self.word_simulator.at_ends(sentence, texts)
        tokens, lengths = padded(texts)
        levels = self.certain_levels(sentence, tokens)[np.arange(len(texts)), lengths - 1]
        return [float(level) for level in levels]

    def prepare_ends(self, wanted: Sequence[tuple[str, Sequence[Tokens]]]) -> None:
        """Ask about the ends of texts at once that `at_ends` will be asked for, sentence by sentence."""
        costly = [(sentence, texts) for sentence, texts in wanted if not self.is_exact(sentence)]
        if self.word_simulator is not None and costly:
            self.word_simulator.at_ends_each(costly)

    def certain_levels(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
        """What a sentence predicts, [n, pos], where nothing can be done without it.

        Raises:
            BadInput: the sentence cannot be simulated; the message is the simulator's reason.
        """
        found = self.levels(sentence, tokens)
        if isinstance(found, Unscored):
            raise BadInput(found.reason)
        return found

    def probe_levels(self, sentence: str) -> NDArray[np.float32]:
        """What a sentence predicts on the whole probe pool, [n, width].

        Raises:
            BadInput: the embedded reader cannot read it.
        """
        if sentence not in self._probe_levels:
            levels = self._exact_levels(sentence, self.evidence.probe.tokens)
            if isinstance(levels, Unscored):
                raise BadInput(levels.reason)
            self._probe_levels[sentence] = levels
        return self._probe_levels[sentence]


def padded(texts: list[Tokens]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Texts as int32 [n, pos] with -1 past the end, and their lengths."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    out = np.full((len(texts), int(lengths.max(initial=1))), -1, dtype=np.int32)
    for row, text in enumerate(texts):
        out[row, : len(text)] = text
    return out, lengths
