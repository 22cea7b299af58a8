"""From a target and a model's name to a neuron on the bench: where a run's parts are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.config import RunConfig
from agent.download import DownloadBar
from agent.openings import CountedOpenings
from tools.bench import Bench
from tools.errors import BadInput
from tools.evidence.cache import default_cache_dir
from tools.evidence.corpus import load_texts
from tools.evidence.hub import default_corpus_is_cached
from tools.evidence.neuron import Ledger, neuron_evidence
from tools.evidence.scan import scan_layer
from tools.evidence.splits import split_corpus
from tools.records.neuron import NeuronId, parse_target
from tools.rules.explainer import RulesExplainer, RulesSimulator
from tools.rules.vocabulary import Vocabulary
from tools.subject.load import check_neuron, open_subject
from tools.subject.names import short_name
from tools.subject.resolve import resolve
from traces.console import Display

if TYPE_CHECKING:
    from tools.subject.bridge import BridgeModel
    from tools.subject.lean import LeanGPT2

_SMALL_MODEL = 10_000_000
_TOKENS_SMALL, _TOKENS_LARGE = 600_000, 150_000


def open_subject_for(target: str, model: str, display: Display) -> tuple[LeanGPT2 | BridgeModel, NeuronId]:
    """The subject model that a target means, and the neuron, checked to exist.

    Raises:
        BadInput: the target or the model cannot be used.
        NotAvailable: the model is not here and cannot be fetched.
    """
    named, neuron = parse_target(target)
    if named and model not in ("auto", named) and short_name(named) != short_name(model):
        raise BadInput(f"the target names the model {named} and --model names {model}: give one of them.")
    with DownloadBar(display, f"fetching {named or model}") as bar:
        folder = resolve(named or model, default_corpus_is_cached, bar)
    if folder.fell_back:
        display.note(
            f"GPT-2 is not on this machine, so {neuron} below is a neuron of the bundled model `mini`, not of GPT-2. "
            "`agent fetch gpt2` gets GPT-2; `--model mini` silences this line."
        )
    subject = open_subject(folder)
    check_neuron(subject, neuron)
    return subject, neuron


def default_corpus_tokens(subject: LeanGPT2 | BridgeModel) -> int:
    """How much of a corpus to read when nothing is said: about half a minute's worth for a small model on two cores."""
    weights = subject.n_layers * subject.d_model * (4 * subject.d_model + 2 * subject.d_mlp)
    return _TOKENS_SMALL if weights < _SMALL_MODEL else _TOKENS_LARGE


def open_bench(config: RunConfig, display: Display, ledger: Ledger | None = None) -> Bench:
    """Everything that is known of a neuron before the run begins; reads the layer over the corpus when not cached.

    Raises:
        BadInput: target, model or corpus cannot be used.
        NotAvailable: a model or corpus is not here and cannot be fetched.
        StorageError: the cache cannot be written.
    """
    subject, neuron = open_subject_for(config.target, config.model, display)
    texts = load_texts(config.corpus, subject.name)
    most = config.corpus_tokens or default_corpus_tokens(subject)
    cache = default_cache_dir()
    corpus = split_corpus(texts, subject.tokenizer, most, cache, display)
    display.note(
        f"{subject.name}/{neuron} on {corpus.n_tokens:,} tokens of {corpus.name} "
        f"({'--corpus-tokens' if config.corpus_tokens else 'the default; --corpus-tokens changes it'})."
    )
    scan = scan_layer(subject, corpus, neuron.layer, cache, display)
    for note in scan.notes:
        display.note(note)
    vocabulary = Vocabulary(subject.tokenizer.token_strings(), subject.embeddings())
    return Bench(
        subject=subject,
        scan=scan,
        evidence=neuron_evidence(scan, neuron.index),
        vocabulary=vocabulary,
        explainer=RulesExplainer(vocabulary),
        simulator=RulesSimulator(vocabulary),
        seed=config.seed,
        ledger=ledger or CountedOpenings(),
    )
