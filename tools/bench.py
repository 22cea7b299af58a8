"""What the tools work with: one neuron's evidence, the roles, and what has been registered and revealed so far."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.neuron import Ledger, NeuronEvidence
from tools.evidence.probe_set import fixed_probe_positions
from tools.records.result import Unscored
from tools.roles import Explainer, Revealed, Simulator
from tools.rules.language import render
from tools.rules.vocabulary import Vocabulary
from tools.scoring.lookup import FULL_LOOKUP, TokenMeans
from tools.scoring.metrics import StratifiedSample
from tools.scoring.sampling import scoring_sample, stratum_size

if TYPE_CHECKING:
    from tools.evidence.scan import LayerScan
    from tools.subject.protocol import SubjectModel

Tokens = tuple[int, ...]


def texts_sha256(texts: list[Tokens]) -> str:
    """SHA-256 (hex) over a list of token texts."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


@dataclass
class Bench:
    """One neuron on the table.

    Attributes:
        subject: the model.
        scan: its layer on the corpus.
        evidence: the neuron's splits.
        vocabulary: the model's tokens as rules see them.
        explainer: writes hypotheses.
        simulator: says what a sentence predicts.
        seed: of the run.
        ledger: counts the openings of the sealed split.
        revealed: experiments read so far.
        carriers: excerpts that they were cut from; each has been a witness once.
        registered: hashes of the texts for which predictions stand in the trace.
    """

    subject: SubjectModel
    scan: LayerScan
    evidence: NeuronEvidence
    vocabulary: Vocabulary
    explainer: Explainer
    simulator: Simulator
    seed: int
    ledger: Ledger
    revealed: list[Revealed] = field(default_factory=list)
    carriers: set[str] = field(default_factory=set)
    registered: set[str] = field(default_factory=set)
    _probe_levels: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @cached_property
    def fixed_probe(self) -> list[tuple[int, Tokens]]:
        """The fixed probe set: (row of the probe split, text up to the token in question)."""
        rows, ends = fixed_probe_positions(self.scan, self.evidence.neuron.index, self.evidence.theta)
        tokens = self.evidence.probe.tokens
        return [(int(r), tuple(int(t) for t in tokens[r, : end + 1])) for r, end in zip(rows, ends, strict=True)]

    def register(self, texts: list[Tokens]) -> None:
        """Note that predictions for these texts are on record; only then may they be read as evidence."""
        self.registered.add(texts_sha256(texts))

    @cached_property
    def stratum(self) -> int:
        """Excerpts per stratum in a sealed fold."""
        sizes = self.evidence.sealed.sizes
        return stratum_size(min(sizes), min(sizes))

    def stratum_of(self, n_excerpts: int) -> int:
        """Excerpts per stratum in a split of that many."""
        return stratum_size(n_excerpts, min(self.evidence.sealed.sizes))

    @cached_property
    def development(self) -> StratifiedSample:
        """The development excerpts that every score of the run is measured on."""
        rng = np.random.default_rng([self.seed, 0, 1])
        return scoring_sample(self.evidence.development, self.stratum_of(len(self.evidence.development)), rng)

    @cached_property
    def token_means(self) -> TokenMeans:
        """What the token lookups know, from all explore text."""
        return TokenMeans.of(self.evidence.explore, len(self.vocabulary))

    @cached_property
    def lookup_sentence(self) -> str | None:
        """The 30-token lookup as a sentence; None when no token stands out."""
        rule = self.token_means.listed(self.vocabulary.strings)
        return render(rule) if rule.clauses else None

    def check_sentence(self, sentence: str) -> None:
        """Refuse a sentence that the simulator cannot read.

        Raises:
            BadInput: says where reading stopped, or which token there is not.
        """
        self.certain_levels(sentence, self.evidence.probe.tokens[:1])

    def levels(self, sentence: str, tokens: NDArray[np.int32]) -> NDArray[np.float32] | Unscored:
        """What a sentence predicts, [n, pos]."""
        if sentence == FULL_LOOKUP:
            return self.token_means.levels(tokens)
        return self.simulator.simulate(sentence, tokens)

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
        """What a sentence predicts on the probe pool, [n, 64].

        Raises:
            BadInput: the sentence cannot be simulated.
        """
        if sentence not in self._probe_levels:
            self._probe_levels[sentence] = self.certain_levels(sentence, self.evidence.probe.tokens)
        return self._probe_levels[sentence]

    def known_texts(self) -> set[Tokens]:
        """Texts read before for this neuron."""
        return {experiment.tokens for experiment in self.revealed}


def padded(texts: list[Tokens]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Texts as int32 [n, pos] with -1 past the end, and their lengths."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    out = np.full((len(texts), int(lengths.max(initial=1))), -1, dtype=np.int32)
    for row, text in enumerate(texts):
        out[row, : len(text)] = text
    return out, lengths
