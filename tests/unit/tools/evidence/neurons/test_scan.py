import dataclasses
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tools.errors import BadInput, StorageError
from tools.evidence.neurons import scan as scan_module
from tools.evidence.neurons.neuron import neuron_evidence
from tools.evidence.neurons.sample import stratified_rows
from tools.evidence.neurons.scan import LayerScan, scan_layer
from tools.evidence.progress import NoProgress
from tools.evidence.splits.split_corpus import SplitCorpus, split_corpus
from tools.evidence.texts.corpus import _corpus
from tools.records.excerpts import DevelopmentActivations, ExploreActivations, SealedActivations
from tools.records.neuron import NeuronId

N_TOKENS, D_MODEL, D_MLP = 500, 8, 12
ALWAYS, RARE, NEVER, SCARCE = 0, 1, 2, 3


class WordTokenizer:
    d_vocab = N_TOKENS
    fingerprint = "words"

    def encode(self, texts):
        return [[int(word) for word in text.split()] for text in texts]

    def decode(self, ids):
        return " ".join(map(str, ids))

    def token_strings(self):
        return list(map(str, range(N_TOKENS)))


class CountingSubject:
    """A model whose MLP input mixes a token with the one before; neurons 0 to 3 fire often, seldom, never, once."""

    name, fingerprint, n_layers, d_mlp, d_model, n_ctx = "made up", "f" * 64, 2, D_MLP, D_MODEL, 64
    tokenizer = WordTokenizer()

    def __init__(self):
        rng = np.random.default_rng(0)
        self.embedding = rng.normal(size=(N_TOKENS, D_MODEL)).astype(np.float32)
        self.weights = rng.normal(size=(D_MODEL, D_MLP)).astype(np.float32)
        self.weights[:, :4] = np.eye(D_MODEL, 4)
        self.embedding[:, :4] = 0
        self.embedding[:100, ALWAYS] = 1
        self.embedding[0, RARE] = 1
        self.embedding[N_TOKENS - 1, SCARCE] = 1
        self.n_read = 0

    def mlp_input(self, tokens, lengths, layer):
        self.n_read += len(tokens)
        assert tokens.min() >= 0
        assert tokens.shape[1] == lengths.max()
        here = self.embedding[tokens]
        before = np.concatenate([np.zeros_like(here[:, :1]), here[:, :-1]], axis=1)
        before[..., :4] = 0
        mixed = (here + 0.5 * before) * (layer + 1)
        return np.where((np.arange(tokens.shape[1]) < lengths[:, None])[..., None], mixed, 0)

    def null_neurons(self):
        return range(self.d_mlp)

    def neuron_values(self, mlp_input, layer, index):
        return np.maximum(mlp_input @ self.weights[:, index], 0)

    def embeddings(self):
        return self.embedding


class Steps(NoProgress):
    def __init__(self):
        self.started, self.done, self.finished = [], 0, 0

    def start(self, total, what, *, in_bytes=False):
        self.started.append((total, what))

    def advance(self, n):
        self.done += n

    def finish(self):
        self.finished += 1


class Ledger:
    def __init__(self):
        self.opened = []

    def record_opening(self, fold):
        self.opened.append(fold)
        return len(self.opened) - 1


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> SplitCorpus:
    rng = np.random.default_rng(1)
    texts = []
    for i in range(420):
        tokens = rng.integers(1, N_TOKENS - 1, size=rng.integers(90, 250))
        if i % 9 == 0:
            tokens[20] = 0
        if i == 5:
            tokens[3] = N_TOKENS - 1
        texts.append((f"text {i}", " ".join(map(str, tokens))))
    return split_corpus(_corpus("made up", texts), WordTokenizer(), 10**9, tmp_path_factory.mktemp("c"), NoProgress())


@pytest.fixture(scope="module")
def scan(corpus, tmp_path_factory) -> LayerScan:
    return scan_layer(CountingSubject(), corpus, 1, tmp_path_factory.mktemp("scan"), NoProgress())


def test_the_values_are_those_of_a_fresh_reading(scan, corpus):
    subject = CountingSubject()
    for index in (0, 5, D_MLP - 1):
        evidence = neuron_evidence(scan, NeuronId(scan.layer, index))
        sealed = evidence.sealed.open(2, Ledger())
        for activations, excerpts in (
            (evidence.explore, corpus.explore),
            (evidence.development, corpus.development),
            (sealed, corpus.sealed.open(2)),
        ):
            assert activations.excerpts is excerpts
            assert activations.values.dtype == np.float32
            for row in range(0, len(excerpts), 7):
                n = int(excerpts.lengths[row])
                inputs = subject.mlp_input(excerpts.tokens[row : row + 1, :n], excerpts.lengths[row : row + 1], 1)
                fresh = subject.neuron_values(inputs[0], 1, index)
                np.testing.assert_allclose(activations.values[row, :n], fresh, atol=1e-5)
                assert (activations.values[row, n:] == 0).all()


def test_one_scan_serves_every_neuron_and_is_not_repeated(corpus, tmp_path):
    subject, steps = CountingSubject(), Steps()
    n = len(corpus.explore) + len(corpus.probe) + len(corpus.development) + sum(corpus.sealed.sizes)
    scan = scan_layer(subject, corpus, 0, tmp_path, steps)
    assert steps.started == [(n, "reading layer 0")]
    assert (steps.done, steps.finished, subject.n_read) == (n, 1, n)
    for index in range(D_MLP):
        neuron_evidence(scan, NeuronId(scan.layer, index))
    again = scan_layer(subject, corpus, 0, tmp_path, steps)
    assert (len(steps.started), subject.n_read, again.notes) == (1, n, ())
    assert scan_layer(subject, corpus, 1, tmp_path, steps).folder != scan.folder
    assert subject.n_read == 2 * n


def damage_cut(folder):
    file = folder / "explore.npy"
    file.write_bytes(file.read_bytes()[:-4])


def damage_missing(folder):
    (folder / "sealed-1.npy").unlink()


def damage_header(folder):
    file = folder / "probe.npy"
    file.write_bytes(b"garbage!" + file.read_bytes()[8:])


def damage_manifest(folder):
    (folder / "manifest.json").write_text('{"version": 1')


def damage_other_model(folder):
    file = folder / "manifest.json"
    file.write_text(file.read_text().replace("f" * 64, "e" * 64))


@pytest.mark.parametrize("damage", [damage_cut, damage_missing, damage_header, damage_manifest, damage_other_model])
def test_a_damaged_cache_is_found_out_and_written_anew(corpus, tmp_path, damage):
    subject = CountingSubject()
    whole = neuron_evidence(scan_layer(subject, corpus, 0, tmp_path, NoProgress()), NeuronId(0, 5)).explore.values
    folder = next((tmp_path / "scans").iterdir())
    damage(folder)
    scan = scan_layer(subject, corpus, 0, tmp_path, NoProgress())
    assert "was damaged and has been written anew" in scan.notes[0]
    assert (neuron_evidence(scan, NeuronId(scan.layer, 5)).explore.values == whole).all()
    assert scan_layer(subject, corpus, 0, tmp_path, NoProgress()).notes == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_scan_leaves_nothing(corpus, tmp_path, error):
    subject, steps = CountingSubject(), Steps()

    def interrupt(tokens, lengths, layer):
        if steps.done > 300:
            raise error
        return CountingSubject.mlp_input(subject, tokens, lengths, layer)

    subject.mlp_input = interrupt
    with pytest.raises(error):
        scan_layer(subject, corpus, 0, tmp_path, steps)
    assert list((tmp_path / "scans").iterdir()) == []
    assert steps.finished == 1


def test_what_a_killed_process_left_is_cleared_away(corpus, tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    scan = scan_layer(CountingSubject(), corpus, 0, tmp_path / "first", NoProgress())
    import platform

    left = tmp_path / "scans" / f"{scan.folder.name}.partial-{platform.node()}-{gone.stdout.strip()}"
    left.mkdir(parents=True)
    (left / "explore.npy").write_bytes(b"half")
    assert scan_layer(CountingSubject(), corpus, 0, tmp_path, NoProgress()).notes == ()
    assert not left.exists()


def test_a_full_disk_is_a_storage_error_before_anything_is_read(corpus, tmp_path, monkeypatch):
    subject = CountingSubject()
    usage = scan_module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(scan_module.shutil, "disk_usage", lambda folder: usage._replace(free=10))
    with pytest.raises(StorageError, match=rf"needs \d\.\d MB in {tmp_path}\S* and 10 bytes are free"):
        scan_layer(subject, corpus, 0, tmp_path, NoProgress())
    assert subject.n_read == 0
    assert list((tmp_path / "scans").iterdir()) == []


def test_a_disk_that_fills_up_while_writing_is_a_storage_error(corpus, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(StorageError, match=str(tmp_path)):
            scan_layer(CountingSubject(), corpus, 0, tmp_path, NoProgress())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "scans").iterdir()) == []


def test_a_cache_folder_that_is_a_file_is_a_storage_error(corpus, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match=str(blocked)):
        scan_layer(CountingSubject(), corpus, 0, blocked, NoProgress())


def test_theta_and_status(scan, corpus):
    often, rare, never, scarce = (
        neuron_evidence(scan, NeuronId(scan.layer, index)) for index in (ALWAYS, RARE, NEVER, SCARCE)
    )
    assert often.theta == pytest.approx(0.3 * 2.0)
    assert often.status == "firing"
    assert (never.status, never.theta) == ("dead", 0.1)
    assert rare.status == "sparse"
    assert scarce.status == "sparse"
    values = often.explore.values[corpus.explore.mask]
    assert often.theta == pytest.approx(0.3 * np.percentile(values, 99.99))


def test_the_sealed_split_counts_each_opening_before_it_opens(scan, corpus):
    sealed = neuron_evidence(scan, NeuronId(scan.layer, 5)).sealed
    assert (sealed.n_folds, sealed.sizes) == (3, corpus.sealed.sizes)
    ledger = Ledger()
    assert isinstance(sealed.open(1, ledger), SealedActivations)
    assert ledger.opened == [1]

    class Refusing:
        def record_opening(self, fold):
            raise StorageError("the ledger cannot be written.")

    with pytest.raises(StorageError):
        sealed.open(0, Refusing())
    with pytest.raises(BadInput, match="no sealed fold 3"):
        sealed.open(3, ledger)
    assert ledger.opened == [1]


def public_values(thing, seen):
    """Every public attribute reachable from `thing`, by path."""
    if id(thing) in seen or isinstance(thing, str | int | float | np.ndarray | Path | None):
        return
    seen.add(id(thing))
    yield thing
    for name in dir(thing):
        if name.startswith("_") or callable(getattr(type(thing), name, None)):
            continue
        yield from public_values(getattr(thing, name), seen)


def test_no_public_attribute_leads_to_probe_or_sealed_values(scan, corpus):
    evidence = neuron_evidence(scan, NeuronId(scan.layer, 5))
    assert [field.name for field in dataclasses.fields(evidence)] == [
        "neuron", "theta", "status", "explore", "probe", "development", "sealed", "corpus", "always_on"
    ]  # fmt: skip
    assert evidence.probe is corpus.probe
    hidden = {id(corpus.probe), *(id(corpus.sealed.open(fold)) for fold in range(3))}
    found = [thing for root in (evidence, scan) for thing in public_values(root, set())]
    activations = [thing for thing in found if hasattr(thing, "values") and hasattr(thing, "excerpts")]
    assert {type(thing) for thing in activations} == {ExploreActivations, DevelopmentActivations}
    assert not hidden & {id(thing.excerpts) for thing in activations}


@pytest.mark.parametrize("index", [-1, D_MLP])
def test_a_neuron_out_of_range_is_refused_with_the_range(scan, index):
    with pytest.raises(BadInput, match=f"numbered 0 to {D_MLP - 1}"):
        neuron_evidence(scan, NeuronId(scan.layer, index))


def test_mypy_refuses_to_hand_an_explainer_anything_but_explore(tmp_path):
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        textwrap.dedent("""
        from tools.evidence.neurons.neuron import Ledger, NeuronEvidence
        from tools.records.excerpts import ExploreActivations

        def explain(shown: ExploreActivations) -> None: ...

        def run(evidence: NeuronEvidence, ledger: Ledger) -> None:
            explain(evidence.explore)
            explain(evidence.probe)
            explain(evidence.development)
            explain(evidence.sealed)
            explain(evidence.sealed.open(0, ledger))
            evidence.probe.values
        """)
    )
    root = Path(__file__).parents[5]
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary", str(snippet)]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120).stdout
    lines = [int(line.split(":")[1]) for line in said.splitlines() if "snippet.py" in line and ": error:" in line]
    assert lines == [9, 10, 11, 12, 13], said


def test_strata_do_not_overlap_and_are_drawn_as_promised():
    rng = np.random.default_rng(0)
    values = np.zeros((100, 4), dtype=np.float32)
    values[:60, 1] = np.arange(60)
    values[70, 3] = 1000  # past the end of the excerpt
    mask = np.ones((100, 4), dtype=bool)
    mask[:, 3] = False
    rows, labels = stratified_rows(values, mask, 5, 10, 20, rng)
    by_stratum = {name: rows[[label == name for label in labels]] for name in ("top", "quantile", "random")}
    assert by_stratum["top"].tolist() == [59, 58, 57, 56, 55]
    bins = np.array_split(np.arange(54, 0, -1), 5)
    assert [len(np.intersect1d(by_stratum["quantile"], one)) for one in bins] == [2] * 5
    assert len(by_stratum["random"]) == 20
    assert len(np.unique(rows)) == 35
    again, _ = stratified_rows(values, mask, 5, 10, 20, np.random.default_rng(0))
    assert (rows == again).all()


@pytest.mark.parametrize("n", [0, 1, 3, 8])
def test_strata_are_smaller_when_there_is_less(n):
    values = np.ones((n, 4), dtype=np.float32)
    rows, labels = stratified_rows(values, np.ones((n, 4), dtype=bool), 2, 5, 5, np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(n))
    assert labels == (["top"] * 2 + ["quantile"] * 5 + ["random"] * 5)[:n]
    assert rows[:2].tolist() == list(range(min(n, 2)))  # ties go to the earlier row
