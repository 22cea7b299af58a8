"""A subject whose neurons are known, and a study of one of them, for the tests of tools and of what calls them."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tools.catalogue import all_tools
from tools.concepts.concepts import Concepts
from tools.embedded import EmbeddedReader
from tools.evidence.neurons.neuron import neuron_evidence
from tools.evidence.neurons.scan import LayerScan, scan_layer
from tools.evidence.progress import NoProgress
from tools.evidence.splits.split_corpus import split_corpus
from tools.evidence.texts.corpus import _corpus
from tools.readable.explainer import ReadableExplainer
from tools.records.neuron import NeuronId
from tools.rules.explainer import RulesExplainer
from tools.rules.vocabulary import Vocabulary
from tools.study.simulations import Simulations
from tools.study.study import Study
from tools.toolbox import Toolbox

N_TOKENS, D_MODEL, D_MLP = 300, 12, 24
PLANTED = [3, 4, 5]
TRUTH = 'Fires on "w3", "w4" and "w5".'
WRONG = 'Fires on "w100" and "w101".'
NEVER = "Never fires."


class Words:
    d_vocab, fingerprint = N_TOKENS, "words"

    def encode(self, texts):
        return [[int(word[1:]) for word in text.split()] for text in texts]

    def decode(self, ids):
        return " ".join(f"w{i}" for i in ids)

    def token_strings(self):
        return [f" w{i}" for i in range(N_TOKENS)]


class Planted:
    """Neuron 0 fires on three tokens; the others on random directions of embedding space."""

    name, fingerprint, n_layers, d_mlp, d_model, n_ctx = "planted", "p" * 64, 1, D_MLP, D_MODEL, 64
    tokenizer = Words()
    is_gated = False

    def __init__(self):
        rng = np.random.default_rng(0)
        self.embedding = rng.normal(size=(N_TOKENS, D_MODEL)).astype(np.float32)
        self.embedding[:, 0] = 0
        self.embedding[PLANTED, 0] = 2
        self.weights = rng.normal(size=(D_MODEL, D_MLP)).astype(np.float32)
        self.weights[:, 0] = np.eye(D_MODEL)[0]
        self.n_read = 0

    def mlp_input(self, tokens, lengths, layer):
        self.n_read += len(tokens)
        keep = np.arange(tokens.shape[1]) < lengths[:, None]
        return np.where(keep[..., None], self.embedding[np.maximum(tokens, 0)], 0)

    def null_neurons(self):
        return range(self.d_mlp)

    def neuron_values(self, mlp_input, layer, index):
        return np.maximum(mlp_input @ self.weights[:, index] - (2 if index else 0), 0).astype(np.float32)

    def embeddings(self):
        return self.embedding

    def interventions(self):
        return self

    def generate(self, prompts, n_tokens, temperature, rng):
        drawn = rng.integers(N_TOKENS, size=(len(prompts), n_tokens))
        return [
            " ".join([*prompt.split(), *(f"w{i}" for i in row)]) for prompt, row in zip(prompts, drawn, strict=True)
        ]


class Ledger:
    def __init__(self):
        self.opened = []

    def record_opening(self, fold):
        self.opened.append(fold)
        return 0


def planted_scan(folder: Path) -> LayerScan:
    """All activations of the layer on 300 random texts, which hold the planted tokens; kept in `folder`."""
    rng = np.random.default_rng(1)
    texts = []
    for i in range(300):
        tokens = rng.integers(10, N_TOKENS, size=rng.integers(100, 250))
        for token in PLANTED:
            tokens[rng.integers(len(tokens), size=3)] = token
        texts.append((f"text {i}", " ".join(f"w{t}" for t in tokens)))
    subject = Planted()
    corpus = split_corpus(_corpus("made up", texts), subject.tokenizer, 10**9, folder, NoProgress())
    return scan_layer(subject, corpus, 0, folder, NoProgress())


@cache
def concepts() -> Concepts:
    return Concepts.load()


def planted_study(scan: LayerScan) -> Study:
    """A study of neuron 0, by rules alone."""
    vocabulary = Vocabulary(scan.subject.tokenizer.token_strings(), scan.subject.embeddings())
    reader = EmbeddedReader(vocabulary, concepts())
    evidence = neuron_evidence(scan, NeuronId(scan.layer, 0))
    return Study(
        subject=scan.subject, scan=scan, evidence=evidence, vocabulary=vocabulary,
        explainers=(ReadableExplainer(reader.lexical),), predictors=(RulesExplainer(vocabulary),),
        simulations=Simulations(scan.subject, evidence, vocabulary, reader), seed=4, ledger=Ledger(),
    )  # fmt: skip


def toolbox_of(study: Study) -> Toolbox:
    """All tools, without a budget; no call is recorded."""
    recorder = SimpleNamespace(recorded=lambda call_id: None, record=lambda call: None)
    return Toolbox(all_tools(study), recorder, 4, None, None)
