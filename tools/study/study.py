"""One neuron under study: its evidence, its explainers and readers, and the log of experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.neurons.neuron import Ledger, NeuronEvidence
from tools.evidence.neurons.probe_set import fixed_probe_positions
from tools.evidence.splits.fresh import fresh, runs_of
from tools.llm.chat import ChatModel, Function, Message
from tools.llm.meter import Meters
from tools.readable import contract
from tools.readable.reader import LexicalReader
from tools.readable.rule import Rule
from tools.records.result import Cost
from tools.roles import Detector, Explainer, TwinWriter, Writer
from tools.rules.language import render
from tools.rules.lookup import FULL_LOOKUP
from tools.rules.vocabulary import Vocabulary
from tools.scoring.metrics import StratifiedSample
from tools.scoring.null import OtherExplanation
from tools.scoring.sampling import scoring_sample, stratum_size
from tools.study.experiment_log import ExperimentLog, Tokens
from tools.study.simulations import Simulations, padded

if TYPE_CHECKING:
    from tools.evidence.neurons.scan import LayerScan
    from tools.subject.protocol import SubjectModel

_DEVELOPMENT_SEED = 17


@dataclass(frozen=True)
class IndexUsed:
    """The activation index that told where a neuron fires most: its folder and its SHA-256 (hex)."""

    folder: str
    fingerprint: str


@dataclass
class Study:
    """One neuron under study.

    Attributes:
        subject: the model.
        scan: its layer on the corpus.
        evidence: the neuron's splits.
        vocabulary: the model's tokens as rules see them.
        explainers: write hypotheses; the first is the one that a run is told to use, others supply rivals.
        simulations: what explanations predict, by whoever can read them.
        seed: of the run.
        ledger: counts the openings of the sealed split.
        predictors: write rules of any form, which never compete: the best of them says what local text can predict.
        lexical: takes readable sentences apart; None where nobody can.
        twin_writer: makes exact rules of what sentences in free words speak of; None where they get no twins.
        writer: writes texts to be read; None where there is no LLM.
        detector: asks an LLM for detection and fuzzing; None where there is no LLM.
        thinker: picks tools, where an LLM decides what to do; None elsewhere.
        meters: of the LLM calls of the run; None where there is no LLM.
        index: the activation index that evidence is from, where there is one.
        log: the experiments so far, for the tools; in a run each node lays its copy of the state's log here.
        conversation: with the thinker, likewise.
        offered: functions that the thinker may call.
        other_results: what other runs found of other neurons of the layer by the explainer of a name, as (neuron,
            sentence); None where nobody knows of other runs.
    """

    subject: SubjectModel
    scan: LayerScan
    evidence: NeuronEvidence
    vocabulary: Vocabulary
    explainers: tuple[Explainer, ...]
    simulations: Simulations
    seed: int
    ledger: Ledger
    predictors: tuple[Explainer, ...] = ()
    lexical: LexicalReader | None = None
    twin_writer: TwinWriter | None = None
    writer: Writer | None = None
    detector: Detector | None = None
    thinker: ChatModel | None = None
    meters: Meters | None = None
    index: IndexUsed | None = None
    log: ExperimentLog = field(default_factory=ExperimentLog)
    conversation: list[Message] = field(default_factory=list)
    offered: tuple[Function, ...] = ()
    other_results: Callable[[str], list[tuple[int, str]]] | None = None

    @cached_property
    def fixed_probe(self) -> list[tuple[int, Tokens]]:
        """The fixed probe set: (row of the probe split, text up to the token in question)."""
        rows, ends = fixed_probe_positions(self.scan, self.evidence.neuron.index, self.evidence.theta)
        tokens = self.evidence.probe.tokens
        return [(int(r), tuple(int(t) for t in tokens[r, : end + 1])) for r, end in zip(rows, ends, strict=True)]

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
        """The development excerpts that every score of a run is measured on; the same in all runs of a neuron."""
        neuron = self.evidence.neuron
        rng = np.random.default_rng([neuron.layer, neuron.index, _DEVELOPMENT_SEED])
        return scoring_sample(self.evidence.development, self.stratum_of(len(self.evidence.development)), rng)

    @cached_property
    def lookup_sentence(self) -> str | None:
        """The 30-token lookup as a sentence; None when no token stands out."""
        rule = self.simulations.token_means.listed(self.vocabulary.strings)
        return render(rule) if rule.clauses else None

    @property
    def explainer(self) -> Explainer:
        """The one that a run is told to use."""
        return self.explainers[0]

    def why_not(self, sentence: str) -> str | None:
        """Why a sentence may not compete; None where it may.

        Whoever writes it, it must be what a person can use (`tools.readable.contract`), and no baseline's name.
        """
        return "it is the name of a baseline" if sentence == FULL_LOOKUP else contract.why_not(sentence)

    def readable(self, sentence: str) -> tuple[Rule, LexicalReader] | None:
        """What a readable sentence means, and who looks its words up; None for a sentence of any other kind."""
        if self.lexical is None:
            return None
        try:
            return self.lexical.language.parse(sentence), self.lexical
        except BadInput:
            return None

    def explanations_elsewhere(self, explainer: str) -> list[OtherExplanation]:
        """What other runs found of other neurons of the layer, in sentences that only an LLM can read, each once."""
        found = self.other_results(explainer) if self.other_results is not None else []
        own = self.evidence.neuron.index
        every = {n: sentence for n, sentence in found if n != own and not self.simulations.is_exact(sentence)}
        return [OtherExplanation(n, sentence, "results") for n, sentence in sorted(every.items())]

    def twins_of(self, sentences: Sequence[tuple[str, tuple[str, ...]]], rng: np.random.Generator) -> list[str | None]:
        """The lexical twin of each sentence in free words, given with the words that its author named; see
        `tools.roles.TwinWriter`. None where it has none, or nobody makes them."""
        if self.twin_writer is None or not sentences:
            return [None] * len(sentences)
        explore = self.evidence.explore
        return self.twin_writer.twins(sentences, explore, self.stratum_of(len(explore)), rng)

    @cached_property
    def corpus_runs(self) -> NDArray[np.uint64]:
        """Hashes of all runs of 12 tokens in the corpus, sealed text included, sorted."""
        return runs_of(self.evidence.corpus)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Token ids of texts.

        Raises:
            BadInput: one of them is empty.
        """
        encoded = [tuple(ids) for ids in self.subject.tokenizer.encode(list(texts))]
        if not all(encoded):
            raise BadInput("one of the texts is empty: give at least one token in each.")
        return encoded

    def size_of(self, texts: Sequence[str]) -> tuple[int, int]:
        """How many texts there are, and how many tokens in all."""
        return len(texts), sum(map(len, self.subject.tokenizer.encode(list(texts))))

    def encode_new(self, texts: Sequence[str]) -> list[Tokens]:
        """Token ids of texts that somebody made up, their ends where they are longer than an excerpt.

        Raises:
            BadInput: one of them is empty, or repeats the corpus, of which a part must stay unseen.
        """
        encoded = [text[-self.evidence.corpus.width :] for text in self.encode(texts)]
        if any(fresh(text, self.corpus_runs) < len(text) for text in encoded):
            raise BadInput("one of the texts repeats 12 tokens of the corpus, of which a part stays sealed: change it.")
        return encoded

    def read(self, texts: list[Tokens]) -> list[list[float]]:
        """The neuron's raw value at each token of each text."""
        tokens, lengths = padded(texts)
        neuron = self.evidence.neuron
        inputs = self.subject.mlp_input(tokens, lengths, neuron.layer)
        values = self.subject.neuron_values(inputs, neuron.layer, neuron.index)
        return [[round(float(v), 5) for v in row[:n]] for row, n in zip(values, lengths, strict=True)]

    def text_before(self, carrier: str, value: float) -> Tokens | None:
        """The explore text that an edit was made from; None when no text of that carrier ends in that value."""
        kind, _, number = carrier.partition("-")
        if kind != "explore" or not number.isdigit():
            return None
        explore = self.evidence.explore
        for row in np.flatnonzero(explore.excerpts.ids == int(number)):
            length = int(explore.excerpts.lengths[row])
            for at in np.flatnonzero(np.abs(explore.values[row, :length] - value) < 1e-5)[:1]:
                return tuple(int(t) for t in explore.excerpts.tokens[row, : at + 1])
        return None

    def cost(self) -> Cost:
        """Tokens and US dollars of all LLM calls so far; the dollars are None where a price is not known."""
        return Cost() if self.meters is None else self.meters.account.cost()
