"""What the tools work with: one neuron's evidence, the roles, and what has been registered and revealed so far."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import BadInput
from tools.evidence.fresh import fresh, runs_of
from tools.evidence.neuron import Ledger, NeuronEvidence
from tools.evidence.probe_set import fixed_probe_positions
from tools.llm.chat import ChatModel, Function, Message
from tools.llm.meter import Meters
from tools.readable import contract
from tools.readable.reader import LexicalReader
from tools.readable.rule import Rule
from tools.records.result import Cost, Unscored
from tools.roles import Asker, Explainer, Revealed, Simulator, TwinWriter, WordSimulator, Writer, WrittenText
from tools.rules.language import render
from tools.rules.vocabulary import Vocabulary
from tools.scoring.claimed import Claimant, claims_of_levels, claims_of_words, rows_with_claimed
from tools.scoring.lookup import FULL_LOOKUP, TokenMeans
from tools.scoring.metrics import StratifiedSample
from tools.scoring.null import Told
from tools.scoring.parts import Part, part_of, share_of_rows, simulated_part, too_few
from tools.scoring.sampling import scoring_sample, stratum_size

if TYPE_CHECKING:
    from tools.evidence.scan import LayerScan
    from tools.subject.protocol import SubjectModel

Tokens = tuple[int, ...]

FIRST = 0.3
"""Share of the excerpts that are read of every sentence that costs something, before it is known whether it can win."""

LEAST_FIRST, MOST_FIRST = 12, 0.7
"""Nobody is judged by fewer excerpts; where those are more than this share, all are read at once."""

LEXICAL = "lexical"
"""The reader that parses a sentence: it knows the language, and nothing of the subject model."""
_DEVELOPMENT_SEED = 17


def texts_sha256(texts: list[Tokens]) -> str:
    """SHA-256 (hex) over a list of token texts."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def in_free_words(sentence: str) -> str:
    """A hint, where a sentence that nobody can read does not even begin like one that the lexical reader knows."""
    return "" if sentence.lstrip().startswith("Fires") else " In words of your own it needs --simulator openai:MODEL."


@dataclass(frozen=True)
class IndexUsed:
    """The activation index that told where a neuron fires most: its folder and its SHA-256 (hex)."""

    folder: str
    fingerprint: str


@dataclass
class Bench:
    """One neuron on the table.

    Attributes:
        subject: the model.
        scan: its layer on the corpus.
        evidence: the neuron's splits.
        vocabulary: the model's tokens as rules see them.
        explainers: write hypotheses; the first is the one that a run is told to use, others supply rivals.
        predictors: write rules of any form, which never compete: the best of them says what local text can predict.
        simulator: says for certain, and at no cost, what a sentence predicts that it can read.
        lexical: takes readable sentences apart; None where nobody can.
        word_simulator: says what any other sentence predicts; None where there is no LLM.
        twin_writer: makes exact rules of what such sentences speak of; None where they get no twins.
        writer: writes texts to be read; None where there is no LLM.
        asker: asks an LLM for detection and fuzzing; None where there is no LLM.
        thinker: picks tools, where an LLM decides what to do; None elsewhere.
        meters: of the LLM calls of the run; None where there is no LLM.
        n_simulated: excerpts on which that simulates a sentence for a score.
        index: the activation index that evidence is from, where there is one.
        seed: of the run.
        ledger: counts the openings of the sealed split.
        revealed: experiments read so far.
        carriers: excerpts that they were cut from; each has been a witness once.
        registered: hashes of the texts for which predictions stand in the trace.
        written: texts that somebody wrote, waiting to be read.
        claimants: sentences by whose claims some of the excerpts are drawn, where simulating costs something.
        part_read: sentences of which only the first of the development excerpts are read: each with the lexical twin
            that says nearly the same there, and so what the others would say; or None where it hardly can win.
        seen: texts that were looked at without a prediction, and so can be no evidence any more.
        conversation: with the thinker.
        offered: functions that the thinker may call.
        told_elsewhere: what other runs found of other neurons of the layer by the explainer of a name, as (neuron,
            sentence); None where nobody knows of other runs.
    """

    subject: SubjectModel
    scan: LayerScan
    evidence: NeuronEvidence
    vocabulary: Vocabulary
    explainers: tuple[Explainer, ...]
    simulator: Simulator
    seed: int
    ledger: Ledger
    predictors: tuple[Explainer, ...] = ()
    lexical: LexicalReader | None = None
    word_simulator: WordSimulator | None = None
    twin_writer: TwinWriter | None = None
    writer: Writer | None = None
    asker: Asker | None = None
    thinker: ChatModel | None = None
    meters: Meters | None = None
    n_simulated: int = 30
    index: IndexUsed | None = None
    revealed: list[Revealed] = field(default_factory=list)
    carriers: set[str] = field(default_factory=set)
    registered: set[str] = field(default_factory=set)
    written: list[WrittenText] = field(default_factory=list)
    claimants: tuple[Claimant, ...] = ()
    part_read: dict[str, str | None] = field(default_factory=dict)
    seen: set[Tokens] = field(default_factory=set)
    conversation: list[Message] = field(default_factory=list)
    offered: tuple[Function, ...] = ()
    told_elsewhere: Callable[[str], list[tuple[int, str]]] | None = None
    _exact: dict[str, bool] = field(default_factory=dict)
    _rows: tuple[StratifiedSample, tuple[Claimant, ...], tuple[NDArray[np.int64], NDArray[np.float64]]] | None = None
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
        """The development excerpts that every score of a run is measured on; the same in all runs of a neuron."""
        neuron = self.evidence.neuron
        rng = np.random.default_rng([neuron.layer, neuron.index, _DEVELOPMENT_SEED])
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

    @property
    def explainer(self) -> Explainer:
        """The one that a run is told to use."""
        return self.explainers[0]

    def simulator_of(self, sentence: str | None) -> str:
        """How a result calls what simulates a sentence; of none, what would."""
        exact = self.word_simulator is None or (sentence is not None and self.is_exact(sentence))
        return self.simulator.name if exact or self.word_simulator is None else self.word_simulator.name

    def reader_of(self, sentence: str) -> str:
        """Who says what a sentence predicts: `lexical` where that is certain, else the LLM that is asked."""
        if self.word_simulator is None or self.is_exact(sentence):
            return LEXICAL
        return self.word_simulator.name

    def check_sentence(self, sentence: str) -> None:
        """Refuse a sentence that nobody here can read.

        Raises:
            BadInput: it is empty or no text, or says where reading stopped, or which token there is not.
        """
        if self.word_simulator is None:
            found = self._exact_levels(sentence, self.evidence.probe.tokens[:1])
            if isinstance(found, Unscored):
                raise BadInput(found.reason + in_free_words(sentence))
        elif not sentence.strip():
            raise BadInput("the sentence is empty: say when the neuron fires.")
        elif any("\ud800" <= c <= "\udfff" for c in sentence):  # Python's way to hand over what it could not decode
            raise BadInput("the sentence is not UTF-8: convert it first.")

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

    def told_before(self, explainer: str) -> list[Told]:
        """What other runs found of other neurons of the layer, in sentences that only an LLM can read, each once."""
        found = self.told_elsewhere(explainer) if self.told_elsewhere is not None else []
        own = self.evidence.neuron.index
        every = {n: sentence for n, sentence in found if n != own and not self.is_exact(sentence)}
        return [Told(n, sentence, "results") for n, sentence in sorted(every.items())]

    def twins_of(self, sentences: Sequence[tuple[str, tuple[str, ...]]], rng: np.random.Generator) -> list[str | None]:
        """The lexical twin of each sentence in free words, given with the words that its author named; see
        `tools.roles.TwinWriter`. None where it has none, or nobody makes them."""
        if self.twin_writer is None or not sentences:
            return [None] * len(sentences)
        explore = self.evidence.explore
        return self.twin_writer.twins(sentences, explore, self.stratum_of(len(explore)), rng)

    def on(self, sentence: str, sample: StratifiedSample) -> Part | Unscored:
        """A sentence simulated on a sample: on all of it where that is free, else on about `n_simulated` of its
        excerpts."""
        if self.word_simulator is None or self.is_exact(sentence):
            levels = self._exact_levels(sentence, sample.readings.excerpts.tokens)
            return levels if isinstance(levels, Unscored) else Part(sample, levels, np.arange(len(sample)))
        if sentence in self.part_read and sample is self.development:
            return self.on_first(sentence, sample)
        rows, importance = self._rows_of(sample)
        found = self.word_simulator.simulate(sentence, sample.readings.excerpts.tokens[rows])
        return simulated_part(sample, rows, found, importance)

    def _rows_of(self, sample: StratifiedSample) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The excerpts of a sample on which sentences are simulated at a cost, and how many each one stands for."""
        if self._rows is None or self._rows[0] is not sample or self._rows[1] != self.claimants:
            costly = [not self.is_exact(claimant.sentence) for claimant in self.claimants]
            claims = np.array([self._claims(claimant, sample) for claimant in self.claimants])
            found = rows_with_claimed(
                sample, self.n_simulated, self.claimants, claims.reshape(len(costly), len(sample)), costly
            )
            self._rows = (sample, self.claimants, found)
        return self._rows[2]

    def _claims(self, claimant: Claimant, sample: StratifiedSample) -> NDArray[np.float64]:
        excerpts = sample.readings.excerpts
        if self.is_exact(claimant.sentence):
            return claims_of_levels(self.certain_levels(claimant.sentence, excerpts.tokens), excerpts.mask)
        rows = zip(excerpts.tokens, excerpts.lengths, strict=True)
        return claims_of_words(claimant, [self.subject.tokenizer.decode(row[:n].tolist()) for row, n in rows])

    def prepare(self, sentences: Sequence[str], sample: StratifiedSample, first: bool = False) -> None:
        """Ask about several sentences at once that `on`, or `on_first`, will be asked for one by one."""
        costly = [sentence for sentence in sentences if not self.is_exact(sentence)]
        if self.word_simulator is not None and costly:
            few = set(costly) if first else set(self.part_read) if sample is self.development else set()
            wanted = [
                (sentence, self._first_rows(sample) if sentence in few else self._rows_of(sample)[0])
                for sentence in costly
            ]
            self.word_simulator.simulate_each(
                [(sentence, sample.readings.excerpts.tokens[rows]) for sentence, rows in wanted]
            )

    def on_first(self, sentence: str, sample: StratifiedSample) -> Part | Unscored:
        """What `on` says, of the first of the excerpts alone: a share of each stratum, by which one sees early what a
        sentence that costs something is worth."""
        if self.word_simulator is None or self.is_exact(sentence):
            return self.on(sentence, sample)
        rows = self._first_rows(sample)
        found = self.word_simulator.simulate(sentence, sample.readings.excerpts.tokens[rows])
        return simulated_part(sample, rows, found, self._rows_of(sample)[1])

    def _first_rows(self, sample: StratifiedSample) -> NDArray[np.int64]:
        rows = self._rows_of(sample)[0]
        share = max(FIRST, LEAST_FIRST / max(len(rows), 1))
        return share_of_rows(sample, rows, share) if share <= MOST_FIRST else rows

    def on_part(self, sentence: str, part: Part, whole: StratifiedSample) -> Part | Unscored:
        """An exact sentence simulated on the excerpts of a part of a sample, to be compared with what was there."""
        levels = self._exact_levels(sentence, whole.readings.excerpts.tokens[part.rows])
        return levels if isinstance(levels, Unscored) else Part(part.sample, levels, part.rows)

    def shared_part(self, sentence: str, others: Sequence[str], sample: StratifiedSample) -> Part | Unscored:
        """A sentence simulated on those excerpts of a sample on which the others could be simulated too, so that what
        is said of each of them is said of the same excerpts. One that could be simulated on too few is passed over."""
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
            own = Part(part_of(sample, rows, self._rows_of(sample)[1]), levels, rows, failed)
        return own

    def on_rows(self, sentence: str, part: Part, whole: StratifiedSample) -> Part | Unscored:
        """A sentence simulated on just the excerpts of a part of a sample; Unscored where one of them is missing."""
        if self.is_exact(sentence):
            return self.on_part(sentence, part, whole)
        own = self.on(sentence, whole)
        if isinstance(own, Unscored):
            return own
        if not np.isin(part.rows, own.rows).all():
            return Unscored(reason="there are too few excerpts on which both could be simulated")
        return Part(part.sample, own.levels[np.searchsorted(own.rows, part.rows)], part.rows)

    def both_on(self, one: str, other: str, sample: StratifiedSample) -> tuple[Part, Part] | Unscored:
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
        common = part_of(sample, rows, self._rows_of(sample)[1])

        def cut(part: Part) -> Part:
            return Part(common, part.levels[np.searchsorted(part.rows, rows)], rows, part.n_unscored)

        return cut(first), cut(second)

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

    def saw(self, texts: Sequence[Tokens]) -> None:
        """Note texts whose values were looked at: neither they nor their beginnings can be evidence any more."""
        self.seen |= {text[:end] for text in texts for end in range(1, len(text) + 1)}

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

    def cost(self) -> Cost:
        """Tokens and US dollars of all LLM calls so far; the dollars are None where a price is not known."""
        return Cost() if self.meters is None else self.meters.account.cost()

    def known_texts(self) -> set[Tokens]:
        """Texts read before for this neuron."""
        return {experiment.tokens for experiment in self.revealed} | self.seen


def padded(texts: list[Tokens]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Texts as int32 [n, pos] with -1 past the end, and their lengths."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    out = np.full((len(texts), int(lengths.max(initial=1))), -1, dtype=np.int32)
    for row, text in enumerate(texts):
        out[row, : len(text)] = text
    return out, lengths
